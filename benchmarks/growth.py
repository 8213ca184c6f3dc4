"""How the time of `Experiment.run` grows: epochs, samples, parameters, runs."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping

from benchmarks.cases import Case, digits_mlp
from benchmarks.timing import Figures, fitted, interleaved, measured_alone, seconds


def measure(repeats: int) -> Figures:
    """Return, by what grows, the sizes, seconds and fits."""
    epochs = {count: digits_mlp(epochs=count) for count in (5, 15, 45, 135)}
    samples = {len(c.data[0]): c for c in (digits_mlp(samples=n) for n in (0.25, 1, 4, 16))}
    units = (16, 64, 256, 1024)
    parameters = {_parameters(c): c for c in (digits_mlp((n,), rate=0.02) for n in units)}
    return {
        "epochs": _grow(_once(epochs), repeats),
        "samples": _grow(_once(samples), repeats),
        "parameters": _grow(_once(parameters), repeats),
        "runs": _grow(_often((1, 4, 16, 64)), repeats),
    }


def _parameters(case: Case) -> int:
    return int(case.build().count_params())


def _once(cases: Mapping[int, Case]) -> dict[int, Callable[[], object]]:
    def retraining(case: Case) -> Callable[[], object]:
        experiment = case.experiment()
        return lambda: experiment.run(case.rate)

    return {size: retraining(case) for size, case in cases.items()}


def _often(counts: tuple[int, ...]) -> dict[int, Callable[[], object]]:
    case = digits_mlp()
    experiment = case.experiment()

    def retrainings(count: int) -> Callable[[], object]:
        return lambda: [experiment.run(case.rate) for _ in range(count)]

    return {count: retrainings(count) for count in counts}


def _grow(actions: Mapping[int, Callable[[], object]], repeats: int) -> Figures:
    """Time each size once, compilation included, and then warm, and fit."""
    first = [seconds(action) for action in actions.values()]
    for action in actions.values():  # the call length settles in the second run
        action()
    times = interleaved({str(size): action for size, action in actions.items()}, repeats)
    medians = [statistics.median(taken) for taken in times.values()]
    return {
        "sizes": list(actions),
        "first": first,
        "times": list(times.values()),
    } | fitted(list(actions), medians)


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
