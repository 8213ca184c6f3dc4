"""Time alternatives in turn, so that each repeat compares them under the same conditions."""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
REPEATS, QUICK_REPEATS = 5, 2

# The sides of a comparison.
PLAIN = "build, compile, fit"
KEPT = "model.fit, kept compiled"
FIT = "lrlab.fit"
RUN = "Experiment.run"
LIMIT = "limit (one JAX program)"

# What a topic hands to the report: it survives JSON.
Figures: TypeAlias = dict[str, Any]


def seconds(action: Callable[[], object]) -> float:
    """Time one call, with no garbage of others left to collect."""
    gc.collect()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def interleaved(
    actions: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    before: Mapping[str, Callable[[], object]] | None = None,
    at_least: float = 0.2,
) -> dict[str, list[float]]:
    """Take the actions in turn, `repeats` times, and return the seconds of each.

    A repeat of something short is the mean of up to ten calls, as many as fill `at_least` seconds.
    What `before` holds under an action's name is done before each call of it, off the clock.
    """
    prepare = before or {}
    times: dict[str, list[float]] = {name: [] for name in actions}

    def once(name: str) -> float:
        prepare.get(name, lambda: None)()
        return seconds(actions[name])

    for _ in range(repeats):
        for name, taken in times.items():
            first = once(name)
            more = min(9, max(0, math.ceil(at_least / first) - 1))
            taken.append((first + sum(once(name) for _ in range(more))) / (1 + more))
    return times


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """The ratio of each repeat, both sides taken from the same one."""
    return [a / b for a, b in zip(of, to, strict=True)]


def fitted(sizes: list[int], times: list[float]) -> dict[str, float]:
    """Fit time = constant + slope * size, each point counted alike in relative terms.

    The exponent is the slope of the straight line through the logarithms: 1 where time is
    proportional to size, less where a constant part counts.
    """
    slope, constant = np.polyfit(sizes, times, 1, w=1 / np.asarray(times))
    exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    return {"constant": float(constant), "slope": float(slope), "exponent": float(exponent)}


def measured_alone(measure: Callable[[int], Figures]) -> int:
    """Run a topic from the command line, with so many repeats, and print or store its figures."""
    parser = argparse.ArgumentParser(description=sys.modules[measure.__module__].__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    text = json.dumps(measure(options.repeats), indent=2)
    if options.json:
        options.json.write_text(text)
    else:
        print(text)
    return 0
