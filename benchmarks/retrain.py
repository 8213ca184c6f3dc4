"""Retrain from the same weights: lrlab, plain Keras, and the limit.

The model kept compiled gets its first weights back before the clock starts, and so does the one of
`lrlab.fit`; `Experiment.run` puts them back itself, inside the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import lrlab
from benchmarks.cases import Case, cases, digits_mlp
from benchmarks.limit import limit
from benchmarks.timing import (
    FIT,
    KEPT,
    LIMIT,
    PLAIN,
    RUN,
    Figures,
    interleaved,
    measured_alone,
    seconds,
)

_EQUAL, _ALIKE = 1e-5, 1e-3  # lrlab to plain Keras; the limit to both


def measure(repeats: int) -> Figures:
    """Return seconds a retraining, by model and side."""
    # The first training in a process also starts TensorFlow; no side should pay for the others.
    digits_mlp((8,), epochs=1).compiled().fit(**digits_mlp(epochs=1).arguments)
    return {name: _compare(name, case, repeats) for name, case in cases().items()}


def _compare(name: str, case: Case, repeats: int) -> Figures:
    histories: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    starts: dict[str, Any] = {}

    def first_fit(side: str, fit: Callable[..., Any]) -> None:
        kept[side] = case.compiled()
        starts[side] = kept[side].get_weights()
        histories[side] = fit(kept[side], **case.arguments).history

    def first_run() -> None:
        kept[RUN] = case.experiment()
        histories[RUN] = kept[RUN].run(case.rate).history

    def first_limit() -> None:
        kept[LIMIT] = limit(case)
        histories[LIMIT] = kept[LIMIT]()

    def plain() -> None:
        model = case.compiled()
        histories[PLAIN] = model.fit(**case.arguments).history

    def keras_fit(model: Any, **arguments: Any) -> Any:
        return model.fit(**arguments)

    first = {
        PLAIN: seconds(plain),
        KEPT: seconds(lambda: first_fit(KEPT, keras_fit)),
        FIT: seconds(lambda: first_fit(FIT, lrlab.fit)),
        RUN: seconds(first_run),
        LIMIT: seconds(first_limit),
    }
    differences = _checked(name, histories, len(case.data[2]))
    times = interleaved(
        {
            PLAIN: plain,
            KEPT: lambda: kept[KEPT].fit(**case.arguments),
            FIT: lambda: lrlab.fit(kept[FIT], **case.arguments),
            RUN: lambda: kept[RUN].run(case.rate),
            LIMIT: kept[LIMIT],
        },
        repeats,
        before={side: _put_back(kept[side], starts[side]) for side in (KEPT, FIT)},
    )
    return {"size": case.size, "first": first, "times": times, "differences": differences}


def _put_back(model: Any, weights: Any) -> Callable[[], None]:
    def put_back() -> None:
        model.set_weights(weights)
        model.optimizer.iterations.assign(0)

    return put_back


def _checked(name: str, histories: Mapping[str, Any], samples: int) -> dict[str, float]:
    """Return the greatest difference from plain Keras of any number of any epoch.

    The limit is held to its last losses only, for it sums in another order, which can also turn the
    answer for one of the validation samples.
    """
    plain, limits = histories[PLAIN], histories[LIMIT]
    differences = {
        side: max(
            float(np.abs(np.subtract(plain[key], histories[side][key])).max()) for key in plain
        )
        for side in (KEPT, FIT, RUN)
    }
    last = {key: abs(plain[key][-1] - limits[key][-1]) for key in plain}
    differences[LIMIT] = max(last["loss"], last["val_loss"])
    for side, difference in differences.items():
        allowed = _ALIKE if side == LIMIT else _EQUAL
        if not difference <= allowed:
            raise AssertionError(f"{name}: {side} differs from plain Keras by {difference:.2g}.")
    if not last["val_accuracy"] * samples < 1.5:
        raise AssertionError(f"{name}: {LIMIT} answers otherwise than plain Keras.")
    return differences


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
