"""What people type: shuffled, with a progress bar, with callbacks; and in a Python of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from lrlab.backend import keras

import lrlab
from benchmarks.cases import digits_mlp
from benchmarks.timing import REPOSITORY, Figures, interleaved, measured_alone
from lrlab.server import ASKED_FOR, XLA_FLAGS

FASTEST = "shuffle=False, verbose=0"
_MANY = 1000  # epochs: an EarlyStopping that never stops
# Of one run, alone in a Python: with what the server of `make lab` asks for, and without.
_ALONE = """
import json, statistics
from benchmarks.cases import cases
from benchmarks.timing import seconds
medians = {}
for name, case in cases().items():
    if "MLP 64-32-10" in name or "2-4-2-1" in name:
        experiment = case.experiment()
        experiment.run(case.rate)
        medians[name] = statistics.median(
            seconds(lambda: experiment.run(case.rate)) for _ in range(15)
        )
print(json.dumps(medians))
"""


def _plateau() -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.ReduceLROnPlateau(patience=_MANY),
        keras.callbacks.EarlyStopping(patience=_MANY),
    ]


def _scheduler() -> list[keras.callbacks.Callback]:
    return [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * 0.95**epoch)]


# What is typed instead of the fastest arguments.
TYPED: dict[str, Callable[[], dict[str, Any]]] = {
    FASTEST: dict,
    "shuffle=True": lambda: {"shuffle": True},
    "LearningRateScheduler": lambda: {"callbacks": _scheduler()},
    "ReduceLROnPlateau, EarlyStopping": lambda: {"callbacks": _plateau()},
    "verbose=1": lambda: {"verbose": 1},
    "the defaults: shuffle=True, verbose=1": lambda: {"shuffle": True, "verbose": 1},
}


def measure(repeats: int) -> Figures:
    """Return the seconds of each kind of fit, and of runs alone by what the process is told."""
    case = digits_mlp()
    kept = {name: case.compiled() for name in TYPED}
    starts = {name: model.get_weights() for name, model in kept.items()}

    def put_back(name: str) -> None:
        kept[name].set_weights(starts[name])
        kept[name].optimizer.iterations.assign(0)
        kept[name].optimizer.learning_rate = case.rate

    def fit(name: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            lrlab.fit(kept[name], **case.arguments | TYPED[name]())

    sides = {name: partial(fit, name) for name in TYPED}
    first = {}
    for name, side in sides.items():
        first[name] = interleaved({name: side}, 1, at_least=0.0)[name][0]
        side()  # the second one is timed, for how much goes into a call
    before = {name: partial(put_back, name) for name in TYPED}
    times = interleaved(sides, repeats, before=before)
    alone = {side: [_alone(side == "asked for") for _ in range(repeats)] for side in _SIDES}
    return {"first": first, "times": times, "alone": alone}


_SIDES = ("asked for", "not asked for")


def _alone(asked: bool) -> dict[str, float]:
    environment = {k: v for k, v in os.environ.items() if k not in (ASKED_FOR, "XLA_FLAGS")}
    environment |= {ASKED_FOR: XLA_FLAGS} if asked else {}
    command = [sys.executable, "-c", _ALONE]
    done = subprocess.run(
        command, check=True, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )
    medians: dict[str, float] = json.loads(done.stdout)
    return medians


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
