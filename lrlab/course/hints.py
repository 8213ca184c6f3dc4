"""What several judges ask of an answer, with the hint for one that does not have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

import lrlab
from lrlab.exercises.judging import Hint

# What somebody may have written instead, and the hint for it.
Slips: TypeAlias = Sequence[tuple[Callable[..., float], str]]

_ACCURACY = 0.95
# Beyond it the trainings of digits are chaotic: they may end with any verdict.
_EDGE = 1.0


def as_run(
    answer: Any,
    otherwise: str = "Give a run: experiment.run(...), with a learning rate or a schedule.",
) -> lrlab.Run:
    """Return the answer, if it is a run."""
    if not isinstance(answer, lrlab.Run):
        raise Hint(otherwise)
    return answer


def as_function(answer: object, name: str) -> Callable[..., Any]:
    """Return the answer, if it is a function; `name` is what the notebook calls it."""
    if not callable(answer):
        raise Hint(f"Give the function itself: check(..., {name}), with no parentheses after it.")
    return answer


def call(function: Callable[..., Any], *arguments: Any, start: str = "It") -> Any:
    """Return what a learner's function returns; `start` begins the hint where it raises."""
    try:
        return function(*arguments)
    except Exception as error:  # it may raise anything
        raise Hint(f"{start} raises {type(error).__name__}: {error}") from error


def describe_accuracy(run: lrlab.Run, start: str) -> str:
    """Say how accurate the run is, if that is enough; `start` begins the sentence."""
    accuracy = run.final["val_accuracy"]
    result = f"{start} the validation accuracy is {accuracy:.3f}"
    if run.verdict in ("stuck", "diverged"):
        raise Hint(f"{start} the training is {run.verdict}: the rate is too high.")
    if accuracy < _ACCURACY:
        too_high = run.verdict == "noisy" or run.learning_rates.max() > _EDGE
        way = "lower" if too_high else "higher"
        raise Hint(f"{result}, and {_ACCURACY} is wanted. Try a {way} rate.")
    return f"{result}."


def compare_rates(
    schedule: Any, right: Callable[[int], float], epochs: int, slips: Slips, otherwise: str
) -> None:
    """Hold the rates of the epochs against the right ones, and against those of slips."""
    rates, wanted = rates_of(schedule, epochs), [right(epoch) for epoch in range(epochs)]
    epoch = first_wrong(rates, wanted)
    if epoch is not None:
        words = (
            f"In epoch {epoch} your rate is {rates[epoch]:.4g} and should be {wanted[epoch]:.4g}"
        )
        raise hint_on_slip(words, rates, [(epoch,) for epoch in range(epochs)], slips, otherwise)


def rates_of(schedule: Any, epochs: int) -> list[float]:
    """Return the rates of the epochs, if the answer is a function that gives them."""
    function, rates = as_function(schedule, "schedule"), []
    for epoch in range(epochs):
        rate = call(function, epoch, start=f"In epoch {epoch} it")
        if not isinstance(rate, float):
            raise Hint(f"It must return a float. In epoch {epoch} it returned {rate!r}.")
        rates.append(rate)
    return rates


def first_wrong(values: Any, right: Any, rtol: float = 1e-5, atol: float = 0.0) -> int | None:
    """Return the index of the first value that is not the right one."""
    wrong = np.flatnonzero(~np.isclose(values, right, rtol, atol))
    return int(wrong[0]) if wrong.size else None


def hint_on_slip(
    words: str, values: Sequence[float], cases: Sequence[Any], slips: Slips, otherwise: str
) -> Hint:
    """Return the hint for the slip that gives these values in these cases, if one does."""
    for mistake, hint in slips:
        if np.allclose(values, [mistake(*case) for case in cases], atol=0):
            return Hint(f"{words}: {hint}")
    return Hint(f"{words}. {otherwise}")


def find_slip(answer: Any, slip: int, lines: Mapping[int, str]) -> None:
    """Raise a hint unless the answer is the line with the slip; `lines` says what others do."""
    if isinstance(answer, int) and answer in lines:
        raise Hint(f"Line {answer} is right: {lines[answer]}")
    if answer != slip:
        raise Hint(f"Give the number of a line, from 1 to {max(slip, *lines)}.")


def as_letters(answer: Any, right: str) -> str:
    """Return the answer as letters, if it has those of `right`, and is not `right` backwards."""
    letters = answer if isinstance(answer, str | list | tuple) else ""
    order = "".join(str(letter).strip().upper() for letter in letters)
    if sorted(order) != sorted(right):
        raise Hint(f'Give the four letters once each, such as "{"".join(sorted(right))}".')
    if order == right[::-1]:
        raise Hint("That is the order from the wrong end. Turn it round.")
    return order
