"""Nine rates times seven decay factors, one after another: one experiment, or a loop in Keras."""

from __future__ import annotations

import sys
import time
from typing import Any

from lrlab.backend import keras

import numpy as np

import lrlab
from benchmarks.cases import digits_mlp
from benchmarks.timing import PLAIN, RUN, Figures, measured_alone, seconds

RATES = np.geomspace(0.001, 1, 9).tolist()
FACTORS = np.linspace(0.1, 1, 7).tolist()
# Trained by the plain loop in a repeat, and its time multiplied; each repeat takes others.
PLAIN_RUNS = 3


def measure(repeats: int) -> Figures:
    """Return the seconds of a whole grid; those of the plain loop from a part of it."""
    case = digits_mlp()
    decays = [lrlab.StepDecay(rate, factor, 5) for rate in RATES for factor in FACTORS]
    runs: list[lrlab.Run] = []
    # The first training in a process also starts TensorFlow; no side should pay for the other.
    digits_mlp((8,), epochs=1).compiled().fit(**digits_mlp(epochs=1).arguments)

    def plain(decay: lrlab.StepDecay) -> Any:
        scheduler = keras.callbacks.LearningRateScheduler(decay)
        return case.compiled().fit(**case.arguments, callbacks=[scheduler]).history

    def first() -> lrlab.Experiment:
        experiment = case.experiment()
        runs[:] = [experiment.run(decay) for decay in decays]
        return experiment

    made: list[lrlab.Experiment] = []
    figures: Figures = {
        "runs": len(decays),
        "plain runs a repeat": PLAIN_RUNS,
        "first": {RUN: seconds(lambda: made.append(first()))},
        "times": {RUN: [], PLAIN: []},
    }
    (experiment,) = made
    spread = np.random.default_rng(0).permutation(len(decays))
    for repeat in range(repeats):
        part = spread.take(range(repeat * PLAIN_RUNS, (repeat + 1) * PLAIN_RUNS), mode="wrap")
        took = 0.0
        for index in part.tolist():
            began = time.perf_counter()
            history = plain(decays[index])
            took += time.perf_counter() - began
            _check(runs[index], history)
        figures["times"][PLAIN].append(took * len(decays) / PLAIN_RUNS)
        figures["times"][RUN].append(seconds(lambda: [experiment.run(d) for d in decays]))
    return figures


def _check(run: lrlab.Run, history: Any) -> None:
    """Hold a run to plain Keras, where its rate is one at which rounding does not decide."""
    if run.verdict in ("good", "too low"):
        difference = abs(run.history["val_loss"][-1] - history["val_loss"][-1])
        if not difference <= 1e-5:
            raise AssertionError(f"{run} differs from plain Keras by {difference:.2g}.")


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
