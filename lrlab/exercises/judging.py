"""What a question is, and how an answer is judged: by a function that raises a hint if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lrlab.exercises.card import Sign, as_card

# Takes the answer, returns what to say of a right one and raises a Hint for a wrong one.
Judge: TypeAlias = Callable[[Any], str]
JUDGES: dict[str, Judge] = {}  # by the name of the exercise; filled as the course is loaded


class Hint(Exception):  # noqa: N818 - it is no error
    """What to tell somebody whose answer is not right yet."""


@dataclass(frozen=True)
class Feedback:
    """What to make of an answer. It is true if the answer is right.

    Attributes:
        exercise: The name of the exercise.
        passed: Whether the answer is right; None if there is none yet.
        message: What the answer did, or a hint.
        solution: Whether the answer is the notebook's own. Of one that passes only this is said,
            because a page may show what is said while the solution is folded away.
        done: How many questions of the notebook are done, in words.
    """

    exercise: str
    passed: bool | None
    message: str
    solution: bool = False
    done: str = ""

    def __bool__(self) -> bool:
        return bool(self.passed)

    @property
    def _verdict(self) -> str:
        return {True: "right", False: "not right yet", None: "not answered yet"}[self.passed]

    def __repr__(self) -> str:
        if self.solution and self.passed:
            return f"Exercise {self.exercise}: the solution passes."
        return f"Exercise {self.exercise}: {self._verdict}. {self.message}".rstrip()

    def _repr_html_(self) -> str | None:
        if self.solution:
            return None  # a card is for who answers
        sign: Sign = "open" if self.passed is None else "right" if self.passed else "wrong"
        heading = f"{self._verdict.capitalize()} (exercise {self.exercise})"
        return as_card(sign, heading, self.message, self.done)


def exercise(name: str) -> Callable[[Judge], Judge]:
    """Register the judge of an exercise; its name begins with the number of the notebook."""

    def register(judge: Judge) -> Judge:
        JUDGES[name] = judge
        return judge

    return register


@dataclass(frozen=True)
class Question:
    """A question with choices.

    Attributes:
        words: What is asked, a sentence or two; `code` stands between backticks.
        reasons: For every choice, in the order in which they are shown, why it is right or wrong.
        right: The right choice.
        quick: Whether it is a quick question, answered on the spot, and no prediction.

    Raises:
        ValueError: If there are fewer than two choices, or if the right one is none of them.
    """

    words: str
    reasons: Mapping[str, str]
    right: str
    quick: bool = False

    def __post_init__(self) -> None:
        choices: object = self.reasons  # anything may be given by mistake, such as a list
        if not isinstance(choices, Mapping) or len(choices) < 2:
            raise ValueError(
                "`choices` must be a dictionary of two or more choices, each with the reason why "
                f"it is right or wrong. Received: choices={choices!r}."
            )
        if self.right not in self.reasons:
            raise ValueError(
                f"`right` must be one of {', '.join(map(repr, self.reasons))}. "
                f"Received: right={self.right!r}."
            )


QUESTIONS: dict[str, Question] = {}  # by name; filled as the course is loaded


def prediction(name: str, words: str, reasons: Mapping[str, str], *, right: str) -> None:
    """Register what a notebook asks before anything is run; its name begins with its number."""
    QUESTIONS[name] = Question(words, reasons, right)


def quick(name: str, words: str, reasons: Mapping[str, str], *, right: str) -> None:
    """Register a quick question of a notebook's end; its name begins with the notebook's number."""
    QUESTIONS[name] = Question(words, reasons, right, quick=True)
