"""What all exercises share: how one is registered, judged and answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from lrlab.experiment.experiment import Run

# Takes the answer, returns what to say of a right one and raises a Hint for a wrong one.
Judge: TypeAlias = Callable[[Any], str]
JUDGES: dict[str, Judge] = {}
_ACCURACY = 0.95


class Hint(Exception):  # noqa: N818 - it is no error
    """What to tell somebody whose answer is not right yet."""


@dataclass(frozen=True)
class Feedback:
    """What to make of an answer. It is true if the answer is right.

    Attributes:
        exercise: The name of the exercise.
        passed: Whether the answer is right; None if there is none yet.
        message: What the answer did, or a hint.
    """

    exercise: str
    passed: bool | None
    message: str

    def __bool__(self) -> bool:
        return bool(self.passed)

    def __repr__(self) -> str:
        verdict = {True: "right", False: "not right yet", None: "not answered yet"}[self.passed]
        return f"Exercise {self.exercise}: {verdict}. {self.message}".rstrip()

    def _repr_markdown_(self) -> str:
        return repr(self)


def exercise(name: str) -> Callable[[Judge], Judge]:
    """Register the judge of an exercise; its name begins with the number of the notebook."""

    def register(judge: Judge) -> Judge:
        JUDGES[name] = judge
        return judge

    return register


def as_run(answer: Any) -> Run:
    """Return the answer, if it is a run."""
    if not isinstance(answer, Run):
        raise Hint("Give a run: experiment.run(...), with a learning rate or a schedule.")
    return answer


def accurate(run: Run, start: str, wanted: float = _ACCURACY) -> str:
    """Say how accurate the run is, if that is enough; `start` begins the sentence."""
    result = f"{start} the validation accuracy is {run.final['val_accuracy']:.3f}"
    if run.verdict in ("stuck", "diverged"):
        raise Hint(f"{start} the training is {run.verdict}: the rate is too high.")
    if run.final["val_accuracy"] < wanted:
        way = "lower" if run.verdict == "noisy" else "higher"
        raise Hint(f"{result}, and {wanted} is wanted. Try a {way} rate.")
    return f"{result}."


def rates_of(schedule: Any, epochs: int) -> list[float]:
    """Return the rates of the epochs, if the answer is a function that gives them."""
    if not callable(schedule):
        raise Hint("Give the function itself: check(..., schedule), with no parentheses after it.")
    return [_rate_of(schedule, epoch) for epoch in range(epochs)]


def _rate_of(schedule: Callable[[int], Any], epoch: int) -> float:
    try:
        rate = schedule(epoch)
    except Exception as error:  # a learner's function may raise anything
        raise Hint(f"In epoch {epoch} it raises {type(error).__name__}: {error}") from error
    if not isinstance(rate, float):
        raise Hint(f"It must return a float. In epoch {epoch} it returned {rate!r}.")
    return rate
