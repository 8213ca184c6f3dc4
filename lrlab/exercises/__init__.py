"""Exercises judged by what an answer does, with a hint that depends on the mistake.

The judges stand in `lrlab.course`, in the module of their notebook. They are loaded when the first
question is asked or the first exercise checked.

A name means one question for good. Anybody may open a notebook of one version beside lrlab of
another, and a kernel cannot read the notebook that it runs. So where other answers are right than
before, the exercise gets a name that was never used, and a notebook of another version reads what
is the matter instead of being judged by the wrong judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import lrlab
from lrlab.exercises.answers import note_exercise, save_answers
from lrlab.exercises.drill import VerdictDrill
from lrlab.exercises.judging import JUDGES, QUESTIONS, Feedback, Hint, Question
from lrlab.exercises.predictions import Prediction, QuickQuestion, Score
from lrlab.exercises.progress import Progress, say_progress

__all__ = [
    "Feedback",
    "Prediction",
    "Progress",
    "QuickQuestion",
    "Score",
    "VerdictDrill",
    "ask",
    "challenge",
    "check",
    "curves",
    "known",
    "predict",
    "progress",
    "save_answers",
]


def known() -> list[str]:
    """Return the names of all exercises, in the order of the notebooks."""
    _load_judges()
    return sorted(JUDGES)


def check(exercise: str, answer: Any, *, solution: bool = False) -> Feedback:
    """Judge an answer to an exercise of the notebooks.

    Args:
        exercise: The name of the exercise, as the notebook gives it.
        answer: The answer; `...` for none yet.
        solution: Whether this is the notebook's own answer, which `save_answers` leaves out. That
            it passes is all that is said of it.

    Raises:
        ValueError: If there is no such exercise in this version of lrlab.

    Example:
        >>> check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch / 4))
        Exercise 03-schedule: not right yet. In epoch 1 your rate is 0.6727 and should be 0.8: \
`/` makes it fall a little every epoch. `//`, division without remainder, counts whole drops.
    """
    _load_judges()
    if exercise not in list(JUDGES):  # anything may be given by mistake, such as the answer
        raise ValueError(
            f"`exercise` must be one of {', '.join(map(repr, known()))}. "
            f"Received: exercise={exercise!r}. {_another_version()}"
        )
    feedback = _feedback(exercise, answer)
    if solution:
        return replace(feedback, solution=True)
    if feedback.passed is not None:
        note_exercise(exercise, feedback.passed, feedback.message)
    return replace(feedback, done=say_progress(exercise))


def predict(
    question: str, choices: Mapping[str, str] | None = None, right: str | None = None
) -> Prediction:
    """Ask for a prediction: a question with choices, to be answered before anything is run.

    Args:
        question: The name of a question of the notebooks; or the words of one of your own, in which
            `code` stands between backticks.
        choices: Of a question of your own, each choice with the reason why it is right or wrong.
        right: Of a question of your own, the right choice.

    Raises:
        ValueError: If there is no such question in this version of lrlab, or if one of your own has
            fewer than two choices, or a right one that is not among them.

    Example:
        >>> predict("00-decay")
        Prediction: not answered yet
        >>> reasons = {"yes": "A step is rate times gradient.", "no": "They double."}
        >>> predict("Twice the rate: longer steps?", reasons, right="yes").score()
        Not answered yet: choose above, then run this cell again.
    """
    return Prediction(*_asked(question, choices, right))


def ask(
    question: str, choices: Mapping[str, str] | None = None, right: str | None = None
) -> QuickQuestion:
    """Ask a quick question: one with choices, and a button that says what is right.

    Args:
        question: As for `predict`, and so are `choices`, `right` and what is raised.
        choices: See there.
        right: See there.

    Example:
        >>> ask("00-quick-drops")
        QuickQuestion: not answered yet
    """
    return QuickQuestion(*_asked(question, choices, right))


def progress() -> Progress:
    """Return how many questions of each notebook are done.

    Example:
        >>> progress()  # doctest: +SKIP
        14 of 66 questions done. 00: 3 of 4, 02: 5 of 7, 03: 6 of 6.
    """
    _load_judges()
    return Progress(import_module("lrlab.course").PATH)


def challenge() -> lrlab.Experiment:
    """Return the experiment of the challenge in `12_your_own_model`.

    Digits whose training labels are wrong in part, 6 epochs, batches of 4.
    """
    experiment: lrlab.Experiment = import_module("lrlab.course.notebook_12").challenge()
    return experiment


def curves(exercise: str) -> Any:
    """Return the picture that an exercise is about, a `Picture`, in which curves have letters.

    Example:
        >>> curves("02-order")  # doctest: +SKIP
        Four training losses over 15 epochs. A: falls smoothly, from 2.1 to 0.39. B: ...
    """
    return import_module(f"lrlab.course.notebook_{exercise[:2]}").curves()


def _load_judges() -> None:
    """Load the judges, by name: the course builds on this package and not the other way round.

    All of them, to count how many questions there are; none loads Keras.
    """
    for module in iter_modules(import_module("lrlab.course").__path__):
        if module.name.startswith("notebook_"):
            import_module(f"lrlab.course.{module.name}")


def _another_version() -> str:
    return (
        "If a notebook of the course asks for it, then that notebook was written for another "
        f"version of lrlab than {lrlab.__version__}, which is installed here. Use a notebook and "
        "lrlab of one version: the notebook's stands in its metadata, under `lrlab`."
    )


def _asked(
    question: str, choices: Mapping[str, str] | None, right: str | None
) -> tuple[Question, str, Callable[[], str]]:
    if choices is not None:
        return Question(question, choices, str(right)), "", str
    _load_judges()
    if question not in list(QUESTIONS):
        raise ValueError(
            f"`question` must be one of {', '.join(map(repr, sorted(QUESTIONS)))}, or come with "
            f"choices. Received: question={question!r}. {_another_version()}"
        )
    return QUESTIONS[question], question, lambda: say_progress(question)


def _feedback(exercise: str, answer: Any) -> Feedback:
    if answer is ...:
        return Feedback(exercise, None, "Put your answer in place of the three dots.")
    try:
        return Feedback(exercise, True, JUDGES[exercise](answer))
    except Hint as hint:
        return Feedback(exercise, False, str(hint))
