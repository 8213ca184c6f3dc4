"""The questions of `01_what_is_a_learning_rate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrlab.course.hints import Slips, as_letters, call, hint_on_slip
from lrlab.exercises.judging import Hint, exercise, prediction, quick
from lrlab.quadratic import Descent

_ONE_STEP = (1.0, 0.5, 0.2), (-2.0, -3.0, 0.1), (0.0, 4.0, 0.05)  # weight, gradient, rate


prediction(
    "01-nearly-twice",
    "Now the learning rate is 1.8, nearly twice as high. What does the weight do?",
    {
        "It swings on forever": "That is at 2 exactly. At 1.8 each jump is shorter.",
        "It swings and comes to rest": "Each step goes past 0, and ends a little nearer to it.",
        "It swings further and further": "That begins above 2. At 1.8 each jump is shorter.",
    },
    right="It swings and comes to rest",
)


@exercise("01-step")
def _step(answer: Any) -> str:
    rates = []
    for weight, gradient, rate in _ONE_STEP:
        new, right = _number(answer, weight, gradient, rate), weight - rate * gradient
        if not np.isclose(new, right):
            words = (
                f"From weight {weight:g} with gradient {gradient:g} and learning rate {rate:g} it "
                f"goes to {new:.4g} and should go to {right:.4g}"
            )
            otherwise = "Take learning rate × gradient from the weight."
            raise hint_on_slip(words, [new], [(weight, gradient, rate)], _SLIPS, otherwise)
        rates.append(f"{weight:g} to {right:g}")
    return f"It goes from {', '.join(rates)}."


_SLIPS: Slips = (
    (
        lambda weight, gradient, rate: weight + rate * gradient,
        "it climbs. The gradient points uphill, so a step is taken away from the weight.",
    ),
    (
        lambda weight, gradient, rate: weight - gradient,
        "the learning rate is missing.",
    ),
    (
        lambda weight, gradient, rate: weight - rate,
        "the gradient is missing: a step is longer where the slope is steeper.",
    ),
    (
        lambda weight, gradient, rate: rate * gradient,
        "that is the step. Return the new weight.",
    ),
    (
        lambda weight, gradient, rate: weight * (1 - rate * gradient),
        "it multiplies the weight. Multiply the gradient by the rate, and subtract.",
    ),
)


@exercise("01-limit")
def _limit(answer: Any) -> str:
    limits = []
    for x in (np.array([3.0]), np.array([1.0, 2.0, 5.0]), np.array([-0.2, 0.1])):
        limit = _number(answer, x)
        given = f"For x = {x.tolist()} your limit is {limit:.4g}"
        if limit <= 0:
            raise Hint(f"{given}. A limit is above 0.")
        curvature = 2 * float(np.mean(x**2))
        # Just below the limit the weight comes nearer, just above it goes away.
        below, above = (
            Descent((curvature,), (1.0,), share * limit, steps=100) for share in (0.99, 1.01)
        )
        if below.outcome == "diverges":
            raise Hint(
                f"{given}, and just below it the training still diverges. The loss is the mean of "
                f"(w × x)², and its second derivative is {curvature:.4g}: {_slip(limit, x)}"
            )
        if above.outcome != "diverges":
            raise Hint(
                f"{given}, and just above it the training does not diverge yet. The loss is the "
                f"mean of (w × x)², and its second derivative is {curvature:.4g}: {_slip(limit, x)}"
            )
        limits.append(f"{limit:.3g}")
    return f"Just below your limits, {', '.join(limits)}, it converges; just above, it diverges."


def _slip(limit: float, x: np.ndarray) -> str:
    """What may have gone wrong."""
    mean = float(np.mean(x**2))
    if np.isclose(limit, 2 / mean):
        return "a square has a derivative with a factor of 2."
    if np.isclose(limit, 1 / (2 * mean)):
        return "at 1/λ the bottom is reached in one step. The limit is twice that."
    if np.isclose(limit, 1 / np.sum(x**2)):
        return "take the mean over the samples and not their sum."
    if np.isclose(limit, 1 / np.mean(x) ** 2):
        return "square first, and then take the mean."
    return "divide 2 by it."


def _number(answer: Any, *arguments: Any) -> float:
    if not callable(answer):
        raise Hint("Give the function itself, with no parentheses after its name.")
    value = call(answer, *arguments)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Hint(f"It must return a number. It returned {value!r}.") from None


@exercise("01-order")
def _order(answer: Any) -> str:
    """Of descents from 1 with λ = 1, at the rates 0.2, 0.8, 1.5 and 2.1."""
    order = as_letters(answer, "BDAC")
    if order == "BDAC":
        return "Their factors are 0.8, 0.2, −0.5 and −1.1, so the rates are 0.2, 0.8, 1.5 and 2.1."
    if order[-1] != "C":
        raise Hint("One of them flies away. Which rates do that?")
    if order[-2] != "A":
        raise Hint("A jumps past the bottom, and comes nearer. Between which rates does it do so?")
    raise Hint("B and D come from one side. Which one goes further in its first step?")


quick(
    "01-quick-inputs",
    "All inputs of the model with one weight become ten times as large. The limit of the "
    "learning rate becomes …",
    {
        "a hundredth": (
            "The curvature is a mean of squares, so it becomes a hundred times as large."
        ),
        "a tenth": "The curvature has the *square* of the inputs in it.",
        "ten times as high": (
            "Larger inputs make the bowl steeper, and a steeper bowl needs a lower rate."
        ),
    },
    right="a hundredth",
)
quick(
    "01-quick-momentum",
    "A bowl with λ = 1, a rate of 3 and a momentum of 0.9. What does the weight do?",
    {
        "it diverges": "Without momentum it would. With it the limit is 2 (1 + 0.9) = 3.8.",
        "it comes nearer and swings": (
            "3 lies between (1 − √0.9)², which is tiny, and the limit of 3.8."
        ),
        "it comes nearer from one side": "That ends at (1 − √0.9)² = 0.003.",
    },
    right="it comes nearer and swings",
)
quick(
    "01-quick-flat",
    "From notebook 02: with ten classes the loss stays near 2.3, that of a guess. The "
    "learning rate is …",
    {
        "too low": "It may be. But too high a rate can look the same.",
        "too high": "It may be. But too low a rate can look the same.",
        "one or the other": "Both look alike here. Try a higher and a lower one.",
    },
    right="one or the other",
)
