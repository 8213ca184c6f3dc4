"""The questions of `08_batch_size_and_momentum`."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from lrlab.course.hints import (
    Slips,
    as_function,
    as_letters,
    as_run,
    call,
    describe_accuracy,
    hint_on_slip,
)
from lrlab.exercises.judging import Hint, exercise, prediction, quick

_CASES = ((64, 0.0), (512, 0.0), (8, 0.0), (64, 0.9), (128, 0.5), (8, 0.99))


prediction(
    "08-large-steps",
    "Train 15 epochs at a rate of 0.1 with 64 samples a step, then again with 512. With 512, "
    "the training loss ends …",
    {
        "lower": "A step of 512 samples knows more, but it goes no further, and there are few.",
        "about the same": "It sees the same samples as often, but takes one step for 512 of them.",
        "much higher": "Each step goes about as far as before, and there are far fewer of them.",
    },
    right="much higher",
)


@exercise("08-rate-for")
def _rate_for(answer: Any) -> str:
    rate_for = as_function(answer, "rate_for")
    rates = [_rate(rate_for, *case) for case in _CASES]
    right = [0.1 * size / 64 * (1 - momentum) for size, momentum in _CASES]
    for case, rate, wanted in zip(_CASES, rates, right, strict=True):
        if not math.isclose(rate, wanted, rel_tol=1e-6):
            words = (
                f"For batch size {case[0]} and momentum {case[1]:g} your rate is {rate:.4g} and "
                f"should be {wanted:.4g}"
            )
            part = "batch size" if case[0] != 64 else "momentum"
            otherwise = f"Look at what you do with the {part}."
            raise hint_on_slip(words, rates, _CASES, _SLIPS, otherwise)
    return "0.1 × batch size / 64 × (1 − momentum)."


def _rate(rate_for: Any, size: int, momentum: float) -> float:
    case = f"batch size {size} and momentum {momentum:g}"
    rate = call(rate_for, size, momentum, start=f"For {case} it")
    if not isinstance(rate, Real):
        raise Hint(f"It must return a number. For {case} it returned {rate!r}.")
    return float(rate)


_SLIPS: Slips = (
    (
        lambda size, momentum: 0.1 * 64 / size * (1 - momentum),
        "a larger batch makes fewer steps, and each has to go further, so the rate rises with it.",
    ),
    (
        lambda size, momentum: 0.1 * size / 64 / (1 - momentum),
        "momentum makes steps longer by itself, so the rate has to fall: multiply by 1 − momentum.",
    ),
    (
        lambda size, momentum: 0.1 * size / 64,
        "momentum is left out. It makes steps 1 / (1 − momentum) times as long.",
    ),
    (
        lambda size, momentum: 0.1 * (1 - momentum),
        "the batch size is left out. Twice the batch size asks for twice the rate.",
    ),
    (
        lambda size, momentum: 0.1 * math.sqrt(size / 64) * (1 - momentum),
        "the linear rule takes no root of the batch size.",
    ),
    (
        lambda size, momentum: 0.1 * (size // 64) * (1 - momentum),
        "`//` drops the remainder. Divide with `/`.",
    ),
)


@exercise("08-large-batch")
def _large_batch(answer: Any) -> str:
    run = as_run(answer)
    epochs = len(run.history["loss"])
    steps = len(run.learning_rates) // epochs
    if steps != 3:
        raise Hint(f"Your run has {steps} steps an epoch. 512 samples a step make it 3.")
    if epochs > 15:
        raise Hint(f"Your run has {epochs} epochs. 15 are allowed.")
    if run.final["val_accuracy"] < 0.95 and "momentum=" not in run.code:
        raise Hint("This is SGD without momentum. Give it some: SGD(momentum=...).")
    return describe_accuracy(run, f"With 512 samples a step and a rate of {run.schedule}")


@exercise("08-order")
def _order(answer: Any) -> str:
    """Of trainings whose steps an epoch times effective rate are 0.3, 2.3, 4.6 and 18."""
    order = as_letters(answer, "BADC")
    if order == "BADC":
        return "Steps an epoch × effective rate: B 3 × 0.1, A 23 × 0.1, D 23 × 0.2, C 180 × 0.1."
    if order[0] != "B":
        raise Hint("B makes 3 steps an epoch, and A 23 of the same length. Which ends higher?")
    if order[-1] != "C":
        raise Hint("C makes 180 steps an epoch, each as long as those of A. Who goes further?")
    raise Hint("A and D make as many steps. Work out the effective rate of D: 0.02 / (1 − 0.9).")


quick(
    "08-quick-rule",
    "A training goes well at a rate of 0.05 with 32 samples a step. Now you take 128. Which "
    "rate do you try first?",
    {
        "0.0125": "A larger batch makes fewer steps, so each may go further.",
        "0.05": "A step would go as far as before, but there would be a quarter as many.",
        "0.2": "Four times the batch size asks for four times the rate.",
    },
    right="0.2",
)
quick(
    "08-quick-effective",
    "`SGD(0.01, momentum=0.9)` trains well. Which rate makes steps as long without momentum?",
    {
        "0.1": "Momentum 0.9 makes steps 1 / (1 − 0.9), ten times, as long.",
        "0.01": "Momentum makes steps longer, and it is gone.",
        "0.001": "Without momentum the steps are shorter, so the rate must rise.",
    },
    right="0.1",
)
quick(
    "08-quick-limit",
    "From notebook 01: a bowl has the curvature λ = 4. Up to which learning rate does plain "
    "gradient descent come to rest?",
    {
        "0.25": "That is 1/λ: there it arrives in one step.",
        "0.5": "It is 2/λ.",
        "2": "That is for λ = 1. A steeper bowl has a lower limit.",
    },
    right="0.5",
)
