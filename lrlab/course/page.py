"""The page without a kernel that `lrlab page` makes: step decay on digits, a grid of trainings."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import lrlab

__all__ = ["make_page"]

# Six a decade, as resistors come.
_STEPS = (1, 1.5, 2.2, 3.3, 4.7, 6.8)
RATES = [float(f"{step}e{decade}") for decade in (-3, -2, -1, 0) for step in _STEPS] + [10.0]
FACTORS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
INTERVALS = (1, 2, 3, 5, 8)  # epochs


def make_page(path: str | Path) -> str:
    """Train at every position of the sliders and write the page; return what was done, in words."""
    target = Path(path).resolve()
    export_html = lrlab.export_html  # says what is missing before anything is trained
    began = time.monotonic()
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    grid = itertools.product(RATES, FACTORS, INTERVALS)
    sweep = lrlab.sweep(experiment, [lrlab.StepDecay(*position) for position in grid])
    trained = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    export_html(sweep, target, title="Step decay on handwritten digits")
    written = time.monotonic()
    return (
        f"{target}: {target.stat().st_size / 1e6:.2f} MB, {len(sweep.runs)} trainings in "
        f"{trained - began:.0f} s, written in {written - trained:.0f} s"
    )
