"""What was to be reached, and whether it was."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.timing import FIT, KEPT, LIMIT, PLAIN, RUN, Figures, ratios
from benchmarks.typed import FASTEST

HEADLINE, CNN, SMALL = "digits, MLP 64-32-10", "digits, CNN", "moons, 2-4-2-1"
PAINTED = "key press to picture painted, {} ms"
RETRAININGS = "complete retrainings a second while dragging"
# What has many trainings for its subject, or a large one, may take twice as long as the others.
LONG_NOTEBOOKS = ("11_the_map", "14_fine_tuning")
DRAGGED = ("StepDecayExplorer", "ScheduleExplorer", "OptimizerExplorer", "QuadraticExplorer")


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes:
        what: In words.
        target: The number to reach.
        kind: Whether the number is the least or the most allowed.
        unit: Written after both numbers.
        measure: Takes the figures of all topics and returns the number; a KeyError or IndexError
            where it was not measured.
        also: A condition beside the number.
    """

    what: str
    target: float
    kind: Literal["at least", "at most"]
    unit: str
    measure: Callable[[Figures], float]
    also: Callable[[Figures], bool] = lambda results: True

    def measured(self, results: Figures) -> float | None:
        """Return the number, or None where it was not measured."""
        try:
            return self.measure(results)
        except (KeyError, IndexError):
            return None

    def reached(self, results: Figures) -> bool | None:
        """Tell whether the goal is reached; None where it was not measured."""
        value = self.measured(results)
        if value is None:
            return None
        enough = value >= self.target if self.kind == "at least" else value <= self.target
        return enough and self.also(results)


def _faster(case: str, side: str, other: str) -> Callable[[Figures], float]:
    """How many times as long the other side takes: the median over repeats."""

    def measure(results: Figures) -> float:
        times = results["retrain"][case]["times"]
        return statistics.median(ratios(times[other], times[side]))

    return measure


def _relative_to_limit(side: str) -> Callable[[Figures], float]:
    def measure(results: Figures) -> float:
        times = results["retrain"][HEADLINE]["times"]
        return statistics.median(ratios(times[side], times[LIMIT]))

    return measure


def _typed(name: str) -> Callable[[Figures], float]:
    def measure(results: Figures) -> float:
        times = results["typed"]["times"]
        return statistics.median(ratios(times[name], times[FASTEST]))

    return measure


def _cnn(results: Figures) -> float:
    return min(_faster(CNN, side, KEPT)(results) for side in (FIT, RUN))


def _never_slower(results: Figures) -> float:
    return min(_faster(c, s, KEPT)(results) for c in results["retrain"] for s in (FIT, RUN))


def _milliseconds_an_epoch(results: Figures) -> float:
    case = results["retrain"][SMALL]
    slower = max(statistics.median(case["times"][side]) for side in (FIT, RUN))
    return float(1000 * slower / case["size"]["epochs"])


def _grid(results: Figures) -> float:
    times = results["grid"]["times"]
    return statistics.median(ratios(times[PLAIN], times[RUN]))


def _sweep(results: Figures) -> float:
    return float(statistics.median(results["sweep"]["times"]))


def _second_worker(results: Figures) -> float:
    times = results["sweep"]["workers"]["times"]
    return statistics.median(ratios(times["1"], times["2"]))


def _a_minute_of_work(results: Figures) -> bool:
    # What was meant to take a minute may come out a little shorter.
    return bool(results["sweep"]["workers"]["seconds of work"] >= 50)


def _browser(name: str) -> Callable[[Figures], float]:
    def measure(results: Figures) -> float:
        sessions = results["frame"]["browser"]
        if not sessions:
            raise IndexError("no browser")
        return float(statistics.median(session[name] for session in sessions))

    return measure


def added(results: Figures, name: str) -> list[float]:
    """Return the seconds that a picture adds to an epoch, a value a repeat."""
    topic: Mapping[str, Any] = results["live_plot"]
    alone, epochs = topic["times"]["no picture"], topic["epochs"]
    pairs = zip(topic["times"][name], alone, strict=True)
    return [(with_picture - without) / epochs for with_picture, without in pairs]


def _live_plot(results: Figures) -> float:
    ours, theirs = added(results, "lrlab.LivePlot"), added(results, "livelossplot")
    return statistics.median(ratios(ours, theirs))


def _first_curve(results: Figures) -> float:
    kernels = results["start"]["kernels"]
    return statistics.median(ratios(kernels["first curve"], kernels["import keras"]))


def _notebooks(*, long: bool) -> Callable[[Figures], float]:
    """How many times `import keras` the slowest notebook takes, of the long ones or the others."""

    def measure(results: Figures) -> float:
        return max(
            statistics.median(ratios(taken["notebook"], taken["import keras"]))
            for name, taken in results["notebooks"].items()
            if (name in LONG_NOTEBOOKS) is long
        )

    return measure


def _memory(results: Figures) -> float:
    return float(results["start"]["megabytes"]["1000"] - results["start"]["megabytes"]["0"])


_BOTH = (FIT, RUN)
_TYPED_AT_MOST = {
    "shuffle=True": 1.2,
    "LearningRateScheduler": 1.5,
    "ReduceLROnPlateau, EarlyStopping": 1.5,
    "verbose=1": 1.5,
}
GOALS = [
    *(
        Goal(
            f"retrain, {side}: times faster than plain build, compile, `fit`",
            *(100, "at least", "x"),
            _faster(HEADLINE, side, PLAIN),
        )
        for side in _BOTH
    ),
    *(
        Goal(
            f"retrain, {side}: its time against the JAX limit's",
            *(1.5, "at most", "x"),
            _relative_to_limit(side),
        )
        for side in _BOTH
    ),
    *(
        Goal(f"`lrlab.fit` with {name}, to {FASTEST}", most, "at most", "x", _typed(name))
        for name, most in _TYPED_AT_MOST.items()
    ),
    Goal(
        "2-4-2-1 net, 250 points, batch 10: an epoch (the slower of the two)",
        *(0.3, "at most", " ms"),
        _milliseconds_an_epoch,
    ),
    Goal(
        "any benchmarked model against `model.fit` kept compiled (the worst of all)",
        *(1, "at least", "x"),
        _never_slower,
    ),
    Goal(
        "key press to painted curve in Chromium, median",
        *(40, "at most", " ms"),
        _browser(PAINTED.format("median")),
    ),
    Goal(
        "key press to painted curve in Chromium, 90th percentile",
        *(60, "at most", " ms"),
        _browser(PAINTED.format("90th percentile")),
    ),
    Goal(
        "complete retrainings a second while dragging",
        *(25, "at least", ""),
        _browser(RETRAININGS),
    ),
    Goal(
        "the same in the step-decay, schedule, optimizer and quadratic explorers (the least)",
        *(20, "at least", ""),
        lambda results: min(_browser(f"{RETRAININGS}, {name}")(results) for name in DRAGGED),
    ),
    Goal(
        "the same while a schedule is drawn",
        *(20, "at least", ""),
        _browser(f"{RETRAININGS}, DrawnScheduleExplorer"),
    ),
    Goal(
        "`LivePlot`'s cost an epoch against livelossplot's",
        *(0.05, "at most", "x"),
        _live_plot,
    ),
    Goal(
        "CNN on digits against `model.fit` kept compiled (the slower of the two)",
        *(2, "at least", "x"),
        _cnn,
    ),
    Goal("the 9 x 7 grid against a plain Keras loop", 80, "at least", "x", _grid),
    Goal("a sweep of 25 x 11 step decays in one warm process", 8, "at most", " s", _sweep),
    Goal(
        "two warm workers over one, on a minute of CNN work, one compute thread each",
        *(1.6, "at least", "x"),
        _second_worker,
        _a_minute_of_work,
    ),
    Goal(
        "fresh kernel to first curve against `import keras`, controls there before TensorFlow",
        *(1.4, "at most", "x"),
        _first_curve,
        lambda results: not results["start"]["TensorFlow loaded before the controls"],
    ),
    Goal(
        "all cells of a notebook against `import keras` (the slowest)",
        *(6.8, "at most", "x"),
        _notebooks(long=False),
    ),
    Goal(
        f"the same for {' and '.join(f'`{name}`' for name in LONG_NOTEBOOKS)} (the slower)",
        *(13.6, "at most", "x"),
        _notebooks(long=True),
    ),
    Goal("memory after 1,000 retrainings, more than before", 30, "at most", " MB", _memory),
]
