"""The questions of `13_pitfalls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lrlab.course.hints import as_function, call, first_wrong
from lrlab.exercises.judging import Hint, exercise, prediction, quick

_RIGHT = [0.1 * 0.5 ** (epoch // 5) for epoch in range(15)]


prediction(
    "13-assigned",
    "A model is compiled and trained with Keras 3. What does `model.optimizer.lr = 0.5` do?",
    {
        "it raises an AttributeError": "Only reading a name that is not there does.",
        "it sets the learning rate to 0.5": "So it did in Keras 2.",
        "nothing, and says nothing": "It gives the optimizer a new attribute that nobody reads.",
    },
    right="nothing, and says nothing",
)


@exercise("13-script")
def _script(answer: Any) -> str:
    history = _history(as_function(answer, "train"))
    if "learning_rate" not in history:
        raise Hint("The history has no rates, so no callback sets one.")
    rates = list(history["learning_rate"])
    if len(rates) != len(_RIGHT):
        raise Hint(f"It trains {len(rates)} epochs instead of 15.")
    epoch = first_wrong(rates, _RIGHT)
    if epoch is not None:
        words = f"In epoch {epoch} the rate is {rates[epoch]:.4g} and should be {_RIGHT[epoch]:.4g}"
        if epoch == 0:
            raise Hint(f"{words}: what the schedule returns counts, from the first epoch on.")
        if epoch == 6:
            raise Hint(f"{words}: it builds on the present rate, which was halved before.")
        raise Hint(f"{words}. Epochs count from 0, so the first drop comes in epoch 5.")
    if "lr" in getattr(getattr(answer, "__code__", None), "co_names", ()):
        raise Hint("The rates are right, but `optimizer.lr` does nothing: take it out.")
    return "0.1 in epochs 0 to 4, 0.05 in 5 to 9, 0.025 in 10 to 14."


def _history(train: Any) -> Mapping[str, Any]:
    from lrlab.backend import keras

    random = np.random.default_rng(0)
    x = random.normal(size=(32, 10)).astype("float32")
    try:
        history = call(train, x, x[:, :1])
    except Hint as hint:
        raise Hint(f"{hint} Look for this message in the table of traps.") from hint
    if isinstance(history, keras.callbacks.History):
        history = history.history
    if not isinstance(history, Mapping):
        raise Hint(f"It must return the history of `fit`. It returned {history!r}.")
    return history


@exercise("13-which")
def _which(answer: Any) -> str:
    if not isinstance(answer, list | tuple) or len(answer) != len(_LIKENESSES):
        raise Hint("Give a list of four numbers, such as [1, 2, 3, 4].")
    for letter, trap, (right, hint) in zip("ABCD", answer, _LIKENESSES, strict=True):
        if trap != right:
            raise Hint(f"{letter} is another trap than {trap}. {hint}")
    return "All four make no sound: only the rates and the losses show them."


_LIKENESSES = (
    (20, "What does the schedule object count? Look under *Schedule objects*."),
    (14, "Where does the second `fit` begin, and where does it end? Look under *A second `fit`*."),
    (25, "Which schedule does the compiled training step keep? Look under *Schedule objects*."),
    (29, "How many epochs does this cooldown add? Look under *ReduceLROnPlateau*."),
)


quick(
    "13-quick-epochs",
    "`fit(epochs=2)` has run. What does `fit(epochs=2, initial_epoch=2)` do then?",
    {
        "it trains two more epochs": "`epochs` is where it ends, not how many there are: write 4.",
        "it trains nothing": "It begins where it ends. Write `epochs=4`.",
        "it raises an error": "It says nothing, which is the trap.",
    },
    right="it trains nothing",
)
quick(
    "13-quick-kept",
    "The optimizer has a number, and a callback of your own assigns the rate. Where does the "
    "history have it?",
    {
        "nowhere": 'Only a callback that writes `logs["learning_rate"]` brings it there.',
        "under `learning_rate`": (
            "The built-in callbacks write it there. Yours has to do so itself."
        ),
        "under `lr`": "That was its name in Keras 2, and yours writes nothing.",
    },
    right="nowhere",
)
quick(
    "13-quick-sharpness",
    "From notebook 10: full-batch gradient descent trains at a rate of 0.1. Where does the "
    "sharpness hover in the end?",
    {
        "about 20": "It rises to 2 / learning rate and stays near it.",
        "about 10": "That is 1 / learning rate: there is room left.",
        "about 0.2": "Divide 2 by the rate; do not multiply.",
    },
    right="about 20",
)
