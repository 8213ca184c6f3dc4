"""One training: what was asked, what came of it, and what to make of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lrlab.experiment.verdicts import Verdict, judge
from lrlab.schedules import Schedule


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One training: what was asked, what came of it, and what to make of it.

    Attributes:
        schedule: The learning rate or schedule, as given.
        history: A value an epoch under each of Keras's keys, `loss`, `accuracy`, `val_loss`, ...,
            and under `learning_rate` the rate of the epoch's last update.
        learning_rates: The rate of every step, shape (epochs * steps_per_epoch,). A step without an
            update, as loss scaling skips some, has the rate that its update would have had.
        start_loss: The training loss of the untrained model.
        moved: How far the trainable weights went, as a share of the length of the first ones (or
            as it is, where these are all 0).
        chance: The training loss of the best answer that is the same for every sample; NaN where
            that is not known.
        write_code: Writes `code` when it is asked for.
    """

    schedule: Schedule
    history: Mapping[str, Sequence[float]]
    learning_rates: np.ndarray
    start_loss: float
    moved: float
    write_code: Callable[[], str]
    seed: int = 0
    chance: float = math.nan

    @property
    def verdict(self) -> Verdict:
        """What to make of the run: "too low", "good", "noisy", "stuck" or "diverged"."""
        return self._judgement[0]

    @property
    def reason(self) -> str:
        """Why that is the verdict, in words."""
        return self._judgement[1]

    @cached_property
    def _judgement(self) -> tuple[Verdict, str]:
        losses, rates = self.history["loss"], self.learning_rates
        return judge(losses, self.start_loss, rates, self.moved, self.chance)

    @cached_property
    def code(self) -> str:
        """The plain Keras program that gives the same numbers."""
        return self.write_code()

    @property
    def final(self) -> dict[str, float]:
        """The last value under each key of the history."""
        return {name: values[-1] for name, values in self.history.items()}

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.final.items() if name != "learning_rate"}
        numbers = ", ".join(f"{name}={_four_digits(value)}" for name, value in shown.items())
        return f"Run({numbers}, verdict={self.verdict!r})"


def _four_digits(value: Any) -> str:
    """Of each of the numbers that a metric may have; `F1Score` has one a class."""
    if np.ndim(value):
        return f"[{', '.join(map(_four_digits, value))}]"
    return f"{float(value):.4g}"
