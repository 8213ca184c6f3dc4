"""The questions of `02_setting_the_learning_rate`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import lrlab
from lrlab.course.hints import as_function, as_run, call
from lrlab.exercises.judging import Hint, exercise, prediction

prediction(
    "02-two-ends",
    "Train at 0.0001, then again at 3.0. Which training ends at the lower loss?",
    {
        "0.0001, clearly": "Its steps are so short that it hardly left the start.",
        "They end about the same": "One hardly left its start, the other lost its way at once.",
        "3.0, clearly": "Its first steps were so long that they wrecked the network.",
    },
    right="They end about the same",
)


@exercise("02-verdicts")
def _verdicts(answer: Any) -> str:
    if isinstance(answer, lrlab.Run) or not isinstance(answer, Iterable):
        raise Hint("Give a list of three runs.")
    verdicts = [as_run(run).verdict for run in answer]
    missing = [verdict for verdict in ("too low", "good", "stuck") if verdict not in verdicts]
    if missing:
        where = "a higher" if missing[-1] == "stuck" else "another"
        where = "a lower" if missing == ["too low"] else where
        raise Hint(f"Your runs are {', '.join(verdicts)}. For {missing[-1]!r} try {where} rate.")
    return "Your runs have all three verdicts."


@exercise("02-change")
def _change(answer: Any) -> str:
    from lrlab.backend import keras

    halve = as_function(answer, "halve")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(learning_rate=0.8)
    model.compile(optimizer, loss="mse")
    model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    for expected in (0.4, 0.2):
        before = float(optimizer.learning_rate)
        call(halve, model)
        if model.optimizer is not optimizer:
            raise Hint("The model has a new optimizer, which starts from nothing. Keep the old.")
        rate = float(optimizer.learning_rate)
        if rate == before and "lr" in vars(optimizer):
            raise Hint("`optimizer.lr` is no setting in Keras 3. Use `optimizer.learning_rate`.")
        if rate == before:
            raise Hint("The rate did not change. Assign to `model.optimizer.learning_rate`.")
        if not math.isclose(rate, expected, rel_tol=1e-5):
            raise Hint(f"From {before:.4g} the rate went to {rate:.4g} instead of {expected}.")
    return "0.8 became 0.4, then 0.2, and the optimizer is the same as before."
