"""A frame of an explorer: train, draw, encode in the kernel; key press to picture in Chromium."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import lrlab
from benchmarks.cases import digits_mlp
from benchmarks.timing import QUICK_REPEATS, Figures, measured_alone, seconds

_FRAMES = 20  # in a repeat


def measure(repeats: int) -> Figures:
    """Return seconds of the parts of a frame, its bytes, and what the browser measured."""
    return _in_kernel(repeats) | {"browser": _in_browser(repeats)}


def _in_kernel(repeats: int) -> Figures:
    """Return the mean seconds over the frames of each repeat, every frame at another rate."""
    from lrlab.figures import Curves, CurvesFigure

    case = digits_mlp()
    experiment = case.experiment()
    rates = itertools.cycle(np.geomspace(0.01, 0.3, 17).tolist())
    parts: dict[str, list[float]] = {"train": [], "draw": [], "encode": []}
    figures: list[CurvesFigure] = []
    runs: list[lrlab.Run] = []
    sizes: list[int] = []

    def train() -> None:
        runs[:] = [experiment.run(next(rates))]

    def draw() -> None:
        (run,) = runs
        if not figures:
            figures.append(CurvesFigure(case.epochs, start_loss=run.start_loss))
        figures[0].draw(Curves(run.history, run.learning_rates))

    def encode() -> None:
        sizes.append(len(figures[0].png()))

    steps = {"train": train, "draw": draw, "encode": encode}
    first = {name: seconds(step) for name, step in steps.items()}
    for _ in range(repeats):
        taken = [[seconds(step) for step in steps.values()] for _ in range(_FRAMES)]
        for name, mean in zip(steps, np.mean(taken, axis=0).tolist(), strict=True):
            parts[name].append(mean)
    return {"first": first, "times": parts, "bytes": sizes}


def _in_browser(repeats: int) -> list[dict[str, float]]:
    """Return the figures of so many fresh sessions; none where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("No chromium found: the browser is not measured.", file=sys.stderr)
        return []
    command = [sys.executable, str(Path(__file__).with_name("browser.py")), "--chromium", chromium]
    short = repeats <= QUICK_REPEATS
    command += ["--presses", "10" if short else "30", "--seconds", "2" if short else "4"]
    return [
        json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        for _ in range(repeats)
    ]


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
