"""The questions of `14_fine_tuning`."""

from __future__ import annotations

import inspect
import math
from typing import Any

from lrlab.course.hints import as_function, as_run, call
from lrlab.exercises.judging import Hint, exercise, prediction

_NEW, _OLD = 0.72, 0.85  # accuracies
_EPOCHS, _EVERY = 20, 5
_RIGHT = ("b", "c", "a")


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


@exercise("14-quick")
def _quick(answer: Any) -> str:
    given = [str(letter).strip().lower() for letter in answer] if _is_list(answer) else []
    if len(given) != len(_RIGHT):
        raise Hint('Give three letters: ["a", "a", "a"], one for each question.')
    wrong = [i for i, pair in enumerate(zip(given, _RIGHT, strict=True), 1) if len({*pair}) > 1]
    if wrong:
        many = len(wrong) > 1
        raise Hint(
            f"Question{'s' * many} {' and '.join(map(str, wrong))} "
            f"{'are' if many else 'is'} not right. Look at the cells above."
        )
    return "All three."


def _is_list(answer: Any) -> bool:
    return isinstance(answer, list | tuple | str)
