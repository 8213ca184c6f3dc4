"""Grids of real trainings, and what the page says that is made of them."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import lrlab

RATES, FACTORS, INTERVALS = (0.001, 0.05, 0.3, 1.0), (0.1, 0.5, 1.0), (1, 2)
GRID = [lrlab.StepDecay(*place) for place in itertools.product(RATES, FACTORS, INTERVALS)]
REGRESSION = [
    lrlab.StepDecay(*place) for place in itertools.product((0.01, 10.0), (0.5, 1.0), (1,))
]


@cache
def experiment(of: str = "digits") -> lrlab.Experiment:
    dataset = getattr(lrlab.data, of)()
    return lrlab.Experiment(lambda: lrlab.models.mlp(dataset), dataset, epochs=3)


def sweep_over(schedules: Sequence[Any], of: str = "digits") -> lrlab.Sweep:
    return lrlab.sweep(experiment(of), schedules, progress=False)


def page_of(path: Path) -> Any:
    """The data that the page holds."""
    pattern = r'<script type="application/json" id="page">(.*?)</script>'
    return json.loads(re.search(pattern, path.read_text("utf-8"), re.DOTALL)[1])


def positions(page: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The numbers of the sliders, as Python writes them, and the row, for each position."""
    places = itertools.product(*(slider["numbers"] for slider in page["sliders"]))
    yield from zip(places, page["rows"], strict=True)


def numbers_of(run: lrlab.Run) -> list[str]:
    """The last numbers as a readout writes them."""
    return [f"{value:.4g}" for name, value in run.final.items() if name != "learning_rate"]
