"""How an exercise is judged: by a function that says what is right, or raises a hint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from lrlab.exercises.markdown import as_markdown

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
        return as_markdown(repr(self))


def exercise(name: str) -> Callable[[Judge], Judge]:
    """Register the judge of an exercise; its name begins with the number of the notebook."""

    def register(judge: Judge) -> Judge:
        JUDGES[name] = judge
        return judge

    return register
