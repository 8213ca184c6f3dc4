"""The questions of `14_fine_tuning`."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

from lrlab.course.hints import as_function, as_run, call
from lrlab.exercises.judging import Hint, exercise, prediction, quick

_NEW, _OLD = 0.72, 0.85  # accuracies
_EPOCHS, _EVERY = 20, 5
_PATHS = {  # of weights, and whether they belong to block 2
    "sequential/body/block2/kernel": True,
    "sequential/body/block2/bias": True,
    "sequential/body/block1/kernel": False,
    "sequential/body/block20/kernel": False,
    "sequential/head/kernel": False,
}


prediction(
    "14-forgets",
    "Body and new head train together at 0.05, a rate at which the loss falls well. Then the "
    "old head is put back on the body. How many of the old digits does it still read?",
    {
        "all that it read before": "It no longer saw them, and each step moves the body.",
        "most of them, but fewer": "The body moved, in a few steps that were not too long.",
        "about one in five, as by guessing": "It takes a far higher rate than a good one.",
    },
    right="most of them, but fewer",
)
quick(
    "14-quick-frozen",
    "Ten epochs are trained with a frozen body. You set its `trainable = True`. What comes next?",
    {
        "`fit`": "The body stays frozen: `trainable` counts only from the next `compile` on.",
        "`compile`, then `fit`": "Now the body trains, too. Give it a low rate.",
        "a new head": "The head has learned its task. It stays.",
    },
    right="`compile`, then `fit`",
)
quick(
    "14-quick-two-rates",
    "A model has two rates, 0.03 and 1. What does `LearningRateScheduler(lambda epoch: 0.1)` do?",
    {
        "It raises an error": "It works, and in silence: that is the trap.",
        "It sets the head's rate alone": "It asks its function once for each optimizer.",
        "It sets both to 0.1": "Take the rate as a second argument to keep them apart.",
    },
    right="It sets both to 0.1",
)
quick(
    "14-quick-flat",
    "From notebook 02: a loss stays at ln(number of classes). The rate may be …",
    {
        "too low or too high": "Both look alike. The first epochs tell them apart.",
        "too low only": "At too high a rate the network is lost, and guesses, too.",
        "too high only": "At too low a rate it has hardly left its start.",
    },
    right="too low or too high",
)


@exercise("14-keep")
def _keep(answer: Any) -> str:
    run = as_run(answer, "Give a run of the explorer: explorer.wait().")
    if "old_accuracy" not in run.history:
        raise Hint("This run does not know the old digits. Give explorer.wait().")
    new, old = run.final["val_accuracy"], run.final["old_accuracy"]
    words = f"It reads {new:.2f} of the new digits and still {old:.2f} of the old ones"
    if old < _OLD:
        raise Hint(f"{words}; {_OLD} of these are wanted. Lower the rate of the body.")
    if new < _NEW:
        raise Hint(f"{words}; {_NEW} of the new ones are wanted. Raise one rate a little.")
    return f"{words}."


@exercise("14-schedule")
def _schedule(answer: Any) -> str:
    function = as_function(answer, "schedule")
    try:
        inspect.signature(function).bind(0, 0.1)
    except TypeError:
        raise Hint(
            "It does not take two arguments. Of the epoch alone it gives one number, which then "
            "is the rate of both parts. Take (epoch, rate)."
        ) from None
    for first in (0.01, 0.3):
        rate = first
        for epoch in range(_EPOCHS):
            rate, wanted = _next_rate(function, epoch, rate), first * 0.5 ** (epoch // _EVERY)
            if not math.isclose(rate, wanted, rel_tol=1e-5):
                raise Hint(_what_is_wrong(first, epoch, rate, wanted))
    return "From 0.01 and 0.3 to 0.00125 and 0.0375: the head's rate is 30 times the body's still."


def _next_rate(function: Any, epoch: int, rate: float) -> float:
    found = call(function, epoch, rate, start=f"In epoch {epoch} it")
    if not isinstance(found, float):
        raise Hint(f"It must return a float. In epoch {epoch} it returned {found!r}.")
    return found


def _what_is_wrong(first: float, epoch: int, rate: float, wanted: float) -> str:
    words = (
        f"From {first}, the rate in epoch {epoch} is {rate:.4g} and should be {wanted:.4g}. "
        "Epochs count from 0"
    )
    if epoch == 0:
        return f"{words}, and nothing is halved in the first."
    if epoch % _EVERY:
        return f"{words}. Multiply in epochs 5, 10 and 15 alone: what is returned is kept."
    return f"{words}. In epochs 5, 10 and 15 return half of the rate that you are given."


@exercise("14-line")
def _line(answer: Any) -> str:
    if not isinstance(answer, str):
        raise Hint('Give the pattern as a string: ".*head/.*" is the one of the head.')
    try:
        pattern = re.compile(answer)
    except re.error as error:
        raise Hint(f"It is no pattern: {error}.") from error
    for path, wanted in _PATHS.items():
        if bool(pattern.fullmatch(path)) != wanted:
            does = "matches" if wanted is False else "does not match"
            whole = "" if pattern.search(path) is None or not wanted else " The whole path counts."
            raise Hint(f"It {does} `{path}`.{whole}")
    return "It matches the two weights of block 2, and nothing else."
