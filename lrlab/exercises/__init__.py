"""Exercises judged by what an answer does, with a hint that depends on the mistake.

The exercises of a notebook stand in the module named after its number, which is loaded when one of
them is checked.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from lrlab import course
from lrlab.exercises.answers import note_exercise, save_answers
from lrlab.exercises.judging import JUDGES, Feedback, Hint
from lrlab.exercises.predictions import Score, predict

__all__ = ["Feedback", "Score", "check", "known", "predict", "save_answers"]


def known() -> list[str]:
    """Return the names of all exercises, in the order of the notebooks."""
    for module in iter_modules(course.__path__, f"{course.__name__}."):
        import_module(module.name)
    return sorted(JUDGES)


def check(exercise: str, answer: Any, *, solution: bool = False) -> Feedback:
    """Judge an answer to an exercise of the notebooks.

    Args:
        exercise: The name of the exercise, as the notebook gives it.
        answer: The answer; `...` for none yet.
        solution: Whether this is the notebook's own answer, which `save_answers` leaves out.

    Raises:
        ValueError: If there is no such exercise.

    Example:
        >>> check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch / 4))
        Exercise 03-schedule: not right yet. In epoch 1 your rate is 0.6727 and should be 0.8: \
`/` makes it fall a little every epoch. `//`, division without remainder, counts whole drops.
    """
    if exercise not in known():
        names = ", ".join(map(repr, known()))
        raise ValueError(f"`exercise` must be one of {names}. Received: exercise={exercise!r}.")
    feedback = _judged(exercise, answer)
    if not solution:
        note_exercise(exercise, feedback.passed, feedback.message)
    return feedback


def _judged(exercise: str, answer: Any) -> Feedback:
    if answer is ...:
        return Feedback(exercise, None, "Put your answer in place of the three dots.")
    try:
        return Feedback(exercise, True, JUDGES[exercise](answer))
    except Hint as hint:
        return Feedback(exercise, False, str(hint))
