"""Exercises judged by what an answer does, with a hint that depends on the mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from lrlab._tensorflow import keras

import numpy as np

from lrlab.experiment import Run
from lrlab.schedules import StepDecay

__all__ = ["Feedback", "check"]

# Takes the answer, returns what to say of a right one and raises a _Hint for a wrong one.
Judge: TypeAlias = Callable[[Any], str]
_JUDGES: dict[str, Judge] = {}
_ACCURACY = 0.95


class _Hint(Exception):  # noqa: N818 - it is no error
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


def check(exercise: str, answer: Any) -> Feedback:
    """Judge an answer to an exercise of the notebooks.

    Args:
        exercise: The name of the exercise, as the notebook gives it.
        answer: The answer; `...` for none yet.

    Raises:
        ValueError: If there is no such exercise.

    Example:
        >>> check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch / 4))
        Exercise 03-schedule: not right yet. In epoch 1 your rate is 0.6727 and should be 0.8: \
`/` makes it fall a little every epoch. `//`, division without remainder, counts whole drops.
    """
    if exercise not in _JUDGES:
        known = ", ".join(map(repr, sorted(_JUDGES)))
        raise ValueError(f"`exercise` must be one of {known}. Received: exercise={exercise!r}.")
    if answer is ...:
        return Feedback(exercise, None, "Put your answer in place of the three dots.")
    try:
        return Feedback(exercise, True, _JUDGES[exercise](answer))
    except _Hint as hint:
        return Feedback(exercise, False, str(hint))


def _exercise(name: str) -> Callable[[Judge], Judge]:
    def register(judge: Judge) -> Judge:
        _JUDGES[name] = judge
        return judge

    return register


def _run(answer: Any) -> Run:
    if not isinstance(answer, Run):
        raise _Hint("Give a run: experiment.run(...), with a learning rate or a schedule.")
    return answer


@_exercise("00-rate")
def _rate(answer: Any) -> str:
    run = _run(answer)
    if callable(run.schedule):
        raise _Hint("Run it with one number, such as the slider shows, and no schedule.")
    return _accurate(run, f"With {run.schedule}")


def _accurate(run: Run, start: str) -> str:
    result = f"{start} the validation accuracy is {run.final['val_accuracy']:.3f}"
    if run.verdict in ("stuck", "diverged"):
        raise _Hint(f"{start} the training is {run.verdict}: the rate is too high.")
    if run.final["val_accuracy"] < _ACCURACY:
        way = "lower" if run.verdict == "noisy" else "higher"
        raise _Hint(f"{result}, and {_ACCURACY} is wanted. Try a {way} rate.")
    return f"{result}."


@_exercise("02-verdicts")
def _verdicts(answer: Any) -> str:
    if isinstance(answer, Run) or not isinstance(answer, Iterable):
        raise _Hint("Give a list of three runs.")
    verdicts = [_run(run).verdict for run in answer]
    missing = [verdict for verdict in ("too low", "good", "stuck") if verdict not in verdicts]
    if missing:
        where = "a higher" if missing[-1] == "stuck" else "another"
        where = "a lower" if missing == ["too low"] else where
        raise _Hint(f"Your runs are {', '.join(verdicts)}. For {missing[-1]!r} try {where} rate.")
    return "Your runs have all three verdicts."


@_exercise("02-change")
def _change(answer: Any) -> str:
    if not callable(answer):
        raise _Hint("Give the function itself: check(..., halve), with no parentheses after it.")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(learning_rate=0.8)
    model.compile(optimizer, loss="mse")
    model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    for expected in (0.4, 0.2):
        before = float(optimizer.learning_rate)
        try:
            answer(model)
        except Exception as error:  # a learner's function may raise anything
            raise _Hint(f"It raises {type(error).__name__}: {error}") from error
        if model.optimizer is not optimizer:
            raise _Hint("The model has a new optimizer, which starts from nothing. Keep the old.")
        rate = float(optimizer.learning_rate)
        if rate == before and "lr" in vars(optimizer):
            raise _Hint("`optimizer.lr` is no setting in Keras 3. Use `optimizer.learning_rate`.")
        if rate == before:
            raise _Hint("The rate did not change. Assign to `model.optimizer.learning_rate`.")
        if not math.isclose(rate, expected, rel_tol=1e-5):
            raise _Hint(f"From {before:.4g} the rate went to {rate:.4g} instead of {expected}.")
    return "0.8 became 0.4, then 0.2, and the optimizer is the same as before."


@_exercise("03-schedule")
def _schedule(answer: Any) -> str:
    if not callable(answer):
        raise _Hint("Give the function itself: check(..., schedule), with no parentheses after it.")
    rates = [_rate_of(answer, epoch) for epoch in range(12)]
    right = [0.8 * 0.5 ** (epoch // 4) for epoch in range(12)]
    wrong = np.flatnonzero(~np.isclose(rates, right, atol=0))
    if wrong.size:
        epoch = int(wrong[0])
        words = f"In epoch {epoch} your rate is {rates[epoch]:.4g} and should be {right[epoch]:.4g}"
        for mistake, hint in _SLIPS:
            if np.allclose(rates, [mistake(epoch) for epoch in range(12)], atol=0):
                raise _Hint(f"{words}: {hint}")
        raise _Hint(f"{words}. Epochs count from 0, so the first drop comes in epoch 4.")
    return "0.8 in epochs 0 to 3, 0.4 in 4 to 7, 0.2 in 8 to 11."


def _rate_of(schedule: Callable[[int], Any], epoch: int) -> float:
    try:
        rate = schedule(epoch)
    except Exception as error:  # a learner's function may raise anything
        raise _Hint(f"In epoch {epoch} it raises {type(error).__name__}: {error}") from error
    if not isinstance(rate, float):
        raise _Hint(f"It must return a float. In epoch {epoch} it returned {rate!r}.")
    return rate


_SLIPS: tuple[tuple[Callable[[int], float], str], ...] = (
    (
        lambda epoch: 0.8 * 0.5 ** (epoch / 4),
        "`/` makes it fall a little every epoch. `//`, division without remainder, counts whole "
        "drops.",
    ),
    (
        lambda epoch: 0.8 * 0.5 * (epoch // 4),
        "the number of drops is an exponent. Write `**`, a power, between factor and drops.",
    ),
    (
        lambda epoch: 0.8 * 0.5 ** (epoch % 4),
        "`%` is the remainder, which starts again every 4 epochs. `//` counts the drops.",
    ),
    (
        lambda epoch: 0.8 * 0.5**epoch,
        "it halves every epoch. Divide the epoch by the interval, with `//`.",
    ),
)


@_exercise("03-one-number")
def _one_number(answer: Any) -> str:
    run, default = _run(answer), StepDecay()
    decay = run.schedule
    if not isinstance(decay, StepDecay):
        raise _Hint("Run it with a lrlab.StepDecay: experiment.run(lrlab.StepDecay(...)).")
    changed = [name for name in vars(default) if getattr(decay, name) != getattr(default, name)]
    if len(changed) != 1:
        raise _Hint(f"Change one number. You changed {' and '.join(changed) or 'none'}.")
    if changed != ["initial_learning_rate"]:
        raise _Hint(f"With another {changed[0]} the rate still never exceeds 0.01: too low here.")
    return _accurate(run, f"From {decay.initial_learning_rate}")
