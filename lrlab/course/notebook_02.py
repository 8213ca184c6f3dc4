"""The questions of `02_setting_the_learning_rate`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

import lrlab
from lrlab.course.hints import as_function, as_letters, as_run, call
from lrlab.exercises.judging import Hint, exercise, prediction, quick
from lrlab.figures import Picture, losses_over_epochs

_CURVES = {"A": 0.03, "B": 3.0, "C": 0.003, "D": 0.3}  # rates

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
quick(
    "02-quick-assign",
    "A model is half trained. You write `model.optimizer.learning_rate = 0.05`. What else changes?",
    {
        "nothing": "The weights stay, and so does all that the optimizer has noted.",
        "the weights start again": "Only a new model has new weights.",
        "nothing at all before the next `compile`": "The next step already uses 0.05.",
    },
    right="nothing",
)
quick(
    "02-quick-flat",
    "A loss on ten digits goes up and down at first, and then stays at 2.30. The rate is …",
    {
        "too low": "Then the loss would have crept down smoothly.",
        "too high": "It jumped until the network was lost, and 2.30 = ln 10 is guessing.",
        "good, and the data cannot be learned": "First try a tenth of the rate.",
    },
    right="too high",
)
quick(
    "02-quick-rescue",
    "From notebook 00: a constant rate of 0.01 is too low. What do drops every five epochs do?",
    {
        "They help": "Smaller steps do not help a training that is too slow.",
        "Nothing much": "The rate falls when most is still to be learned.",
        "They make it worse": "Decay can only lower a rate that is too low already.",
    },
    right="They make it worse",
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


@cache
def curves() -> Picture:
    """The training losses of four rates, named by letters."""
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    runs = {name: experiment.run(rate) for name, rate in _CURVES.items()}
    picture = losses_over_epochs({name: run.history for name, run in runs.items()}, "loss")
    words = (f"{name}: {_what_it_does(run)}." for name, run in runs.items())
    return Picture(picture.png, f"Four training losses over 15 epochs. {' '.join(words)}")


def _what_it_does(run: lrlab.Run) -> str:
    """In words that are the same on every machine, where the numbers are chaotic."""
    if run.verdict == "stuck":
        return "is flat from the second epoch on, and high"
    first, last = run.history["loss"][0], run.history["loss"][-1]
    return f"falls smoothly, from {first:.2g} to {last:.2g}"


@exercise("02-order")
def _order(answer: Any) -> str:
    right = "".join(sorted(_CURVES, key=lambda name: _CURVES[name]))
    letters = as_letters(answer, right)
    if letters == right:
        return f"The rates are {', '.join(f'{_CURVES[name]:g}' for name in right)}."
    if letters[0] == "B":
        raise Hint("Curve B is flat from the second epoch on. At a low rate it would creep down.")
    if letters[-1] != "B":
        raise Hint("At the highest rate nothing is learned. Which curve shows that?")
    raise Hint("Of curves that fall smoothly, the one with the higher rate falls faster.")
