"""The questions of `09_adam_and_friends`."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from lrlab.course.hints import Slips, as_function, as_run, call, hint_on_slip
from lrlab.exercises.judging import Hint, exercise, prediction, quick

_FIRST, _WANTED = 0.03, 0.12  # a learning rate, a validation loss
_BEST = 0.01  # Adam's best constant rate
_MEANS = (0.5, 0.25, 0.01), (0.2, 1.0, 0.01), (-3.0, 36.0, 0.001)  # mean, mean square, rate


prediction(
    "09-lead",
    "Now give each its own best rate. Adam's lead over SGD in validation loss is then …",
    {
        "larger": "SGD gains far more, because its default suits this network far less.",
        "about as large": "That lead was mostly one of the two default rates.",
        "much smaller": "Most of the lead came from a default rate too low for SGD here.",
    },
    right="much smaller",
)


@exercise("09-schedule")
def _schedule(answer: Any) -> str:
    run = as_run(answer)
    if "optimizers.Adam(" not in run.code:
        raise Hint('This run has another optimizer. Give one of variants["Adam"].run(...).')
    first, last = float(run.learning_rates[0]), run.history["learning_rate"][-1]
    if not math.isclose(first, _FIRST, rel_tol=1e-4):
        raise Hint(f"It begins at {first:.4g}. Begin at {_FIRST}.")
    words = (
        f"From {first:.4g} to {last:.2g} the validation loss ends at {run.final['val_loss']:.3f}"
    )
    if run.final["val_loss"] <= _WANTED:
        return f"{words}."
    words = f"{words}, and {_WANTED} or less is wanted."
    if np.ptp(run.learning_rates) == 0:
        raise Hint(f"{words} The rate stays where it is: give a schedule.")
    if last > _BEST:
        raise Hint(f"{words} It ends at too high a rate: lower the factor or the interval.")
    raise Hint(f"{words} It falls too far or too soon: raise the factor or the interval.")


@exercise("09-half-life")
def _half_life(answer: Any) -> str:
    from lrlab.backend import keras

    if not isinstance(answer, keras.optimizers.Optimizer):
        raise Hint("Give an optimizer: keras.optimizers.AdamW(learning_rate=..., ...).")
    rate = float(answer.learning_rate)
    if not math.isclose(rate, 0.01, rel_tol=1e-4):
        raise Hint(f"Its learning rate is {rate:.4g}. Keep it at 0.01.")
    share = _share_taken(answer)
    left = (1 - share) ** 1000 if share < 1 else 0.0
    words = f"each step takes {share:.3g} of the weight, and 1000 steps leave {left:.3g} of it"
    if share <= 0:
        raise Hint("Without a gradient it leaves the weight alone. Set `weight_decay`.")
    if math.isclose(share, 0.01 * (1 - 0.5**0.001), rel_tol=0.1):
        raise Hint(f"In yours {words}. A step takes rate × weight decay: divide by the rate.")
    if not 0.45 < left < 0.55:
        raise Hint(f"In yours {words}. Try a {'weaker' if left < 0.5 else 'stronger'} decay.")
    return f"{words[0].upper()}{words[1:]}."


def _share_taken(optimizer: Any) -> float:
    """The share of a weight that a step without a gradient takes away."""
    from lrlab.backend import keras

    weight = keras.Variable(1.0)
    copy = type(optimizer).from_config(optimizer.get_config())
    copy.apply([keras.ops.zeros(())], [weight])
    return 1 - float(weight)


@exercise("09-line")
def _line(answer: Any) -> str:
    step = as_function(answer, "adam_step")
    steps = [call(step, *case) for case in _MEANS]
    for (mean, square, rate), length in zip(_MEANS, steps, strict=True):
        if not isinstance(length, Real):
            raise Hint(f"It must return a number. It returned {length!r}.")
        right = rate * mean / math.sqrt(square)
        if not math.isclose(length, right, rel_tol=1e-4):
            words = (
                f"With mean {mean:g}, mean square {square:g} and rate {rate:g} your step is "
                f"{length:.4g} and should be {right:.4g}"
            )
            raise hint_on_slip(words, steps, _MEANS, _SLIPS, "Rate × mean / √(mean square).")
    return "Where the gradients agree, mean and root are equal, and the step is the rate."


_SLIPS: Slips = (
    (lambda mean, square, rate: rate * mean, "that is a step of SGD. Divide it."),
    (lambda mean, square, rate: rate * mean / square, "take the root of the mean square."),
    (lambda mean, square, rate: rate / math.sqrt(square), "the mean of the gradient is missing."),
    (lambda mean, square, rate: mean / math.sqrt(square), "the rate is missing."),
    (
        lambda mean, square, rate: -rate * mean / math.sqrt(square),
        "Adam takes it away already: no minus.",
    ),
)


quick(
    "09-quick-scale",
    "You multiply the loss by 100. Which optimizer now needs another learning rate?",
    {
        "SGD": "Its steps are 100 times as long, so its rate must be a hundredth.",
        "Adam": "Mean and root of the mean square grow alike, so its steps stay as they are.",
        "both": "SGD's steps follow the gradient. Adam divides by its size.",
    },
    right="SGD",
)
quick(
    "09-quick-cosine",
    "AdamW with a weight decay of 0.1, and a cosine schedule that ends at 0. What does the "
    "decay take from a weight in the last steps?",
    {
        "a tenth": "It would be 0.1 if a step took the decay alone. It takes rate × decay.",
        "as much as at the beginning": "The decay is multiplied by the rate, which has come down.",
        "almost nothing": "A step takes rate × decay, and the rate is almost 0.",
    },
    right="almost nothing",
)
quick(
    "09-quick-switch",
    "From notebook 08: you switch momentum 0.9 on, and the steps shall not become longer in "
    "the long run. The learning rate is …",
    {
        "kept": "Steps would become ten times as long.",
        "divided by ten": "The effective rate is rate / (1 − 0.9), ten times the rate.",
        "multiplied by ten": "Momentum makes steps longer already.",
    },
    right="divided by ten",
)
