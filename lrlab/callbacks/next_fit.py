"""What a further `fit` will do to the learning rate, said before it is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lrlab.backend import keras

from lrlab.callbacks.range_test import LearningRateRangeTest
from lrlab.checks import as_whole_number
from lrlab.training.internals import optimizers_of, resumed_epoch, schedule_of, update_count

__all__ = ["NextFit", "next_fit"]

_OURS = __name__.partition(".")[0]


@dataclass(frozen=True)
class NextFit:
    """What the next `fit` of a model will do to the learning rate.

    Attributes:
        epoch: The first epoch that it trains, counted from 0.
        learning_rate: The rate of its first update; by the optimizer's name with a
            `MultiOptimizer`; None where it cannot be known before.
        notes: What will happen, a sentence or two for each part that has to do with the rate.
    """

    epoch: int
    learning_rate: float | dict[str, float] | None
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.notes)


def next_fit(
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    initial_epoch: int = 0,
) -> NextFit:
    """Say what `model.fit(..., callbacks=callbacks, initial_epoch=initial_epoch)` will do.

    Nothing is trained and nothing changes. The function of a `LearningRateScheduler` is called
    once. Callbacks of one's own are named: what they do to the rate cannot be known.

    Args:
        model: A compiled model: new, trained, or loaded from a file.
        callbacks: Those that the fit will be given.
        initial_epoch: As for `fit`.

    Raises:
        ValueError: If the model is not compiled, or `initial_epoch` is no whole number from 0 on;
            or what `fit` would raise because of the function of a `LearningRateScheduler`.

    Example:
        >>> import keras, lrlab
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.5), "mse")
        >>> halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> lrlab.next_fit(model, [halve], initial_epoch=3)
        The fit starts with epoch 3, where the very first epoch is 0.
        The optimizer starts with a learning rate of 0.5.
        It has made no update yet.
        LearningRateScheduler asks its function for epoch 3: the rate goes from 0.5 to 0.25.
        >>> lrlab.next_fit(model, [halve], initial_epoch=3).learning_rate
        0.25
    """
    initial_epoch = as_whole_number(initial_epoch, "initial_epoch", 0)
    if getattr(model, "optimizer", None) is None:
        raise ValueError(
            "`model` must be compiled: its optimizer has the learning rate. "
            f"Received: {model.name!r}, which is not. Call model.compile(...) before."
        )
    optimizers = optimizers_of(model.optimizer)
    several = len(optimizers) > 1
    told = _Told(
        epoch=initial_epoch,
        rates=[float(one.learning_rate) for one in optimizers],
        scheduled=any(schedule_of(one) is not None for one in optimizers),
        trained=len(getattr(getattr(model, "history", None), "epoch", ())),
    )
    resumed = resumed_epoch(model)
    if resumed is not None:
        told.epoch = resumed
        told.notes.append(
            f"An earlier fit of this model was taken up again at epoch {resumed}, and Keras does "
            "not forget that: it ignores `initial_epoch`. A model loaded from a file starts again."
        )
    for one, rate in zip(optimizers, told.rates, strict=True):
        who = f"The optimizer {one.name!r}" if several else "The optimizer"
        told.notes += _of_optimizer(one, rate, who)
    for callback in callbacks:
        told.add(callback)
    first: Any = told.rates[0] if told.rates else None
    if several and told.rates:
        first = dict(zip([one.name for one in optimizers], told.rates, strict=True))
    begin = f"The fit starts with epoch {told.epoch}, where the very first epoch is 0."
    return NextFit(told.epoch, first, (begin, *told.notes))


def _of_optimizer(optimizer: Any, rate: float, who: str) -> list[str]:
    """What an optimizer brings from before: its rate, its count and what it remembers."""
    schedule, count = schedule_of(optimizer), int(update_count(optimizer))
    start = f"{who} starts with a learning rate of {rate:.6g}."
    if schedule is not None:
        start = (
            f"{who} follows {_name(schedule)}, which goes on at update {count} with a learning "
            f"rate of {rate:.6g}; `initial_epoch` does not move it."
        )
    if not count:
        return [start, "It has made no update yet."]
    remembers = len(optimizer.variables) > 1 + (schedule is None)  # besides its count and rate
    kept = ", and keeps its averages of earlier gradients" if remembers else ""
    return [start, f"It has made {count} updates{kept}. A new optimizer would start at 0."]


@dataclass
class _Told:
    """What is known of a fit before its first update, as one callback after the other acts."""

    epoch: int
    rates: list[float]  # of each optimizer; none once they cannot be known
    scheduled: bool
    trained: int  # epochs of the fit before
    notes: list[str] = field(default_factory=list)

    def add(self, callback: keras.callbacks.Callback) -> None:
        """Say what a callback does before the first update, and forgets."""
        name = _name(callback)
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            self._back_up(callback)
        elif isinstance(callback, keras.callbacks.LearningRateScheduler):
            self._schedule(callback)
        elif isinstance(callback, keras.callbacks.ReduceLROnPlateau):
            self.notes.append(
                f"{name} forgets its best value and starts to wait from 0; cuts that it has made "
                "stay in the rate."
            )
            if self.scheduled:
                self.notes.append("Its first cut will end the fit with an error: " + _NO_NUMBER)
        elif isinstance(callback, keras.callbacks.EarlyStopping):
            self.notes.append(f"{name} forgets its best value and starts to wait from 0.")
        elif isinstance(callback, LearningRateRangeTest):
            self.rates = [callback.lowest]
            self.notes.append(
                f"{name} raises the rate from {callback.lowest:g} to {callback.highest:g}, and "
                "puts rate and weights back at the end."
            )
        elif not type(callback).__module__.startswith(("keras.", f"{_OURS}.")) or isinstance(
            callback, keras.callbacks.LambdaCallback
        ):
            self.notes.append(f"{name} is not known here: it may change the rate.")

    def _schedule(self, callback: Any) -> None:
        name = _name(callback)
        if self.scheduled:
            self.rates = []
            self.notes.append(f"{name} will end the fit with an error: " + _NO_NUMBER)
            return
        before, self.rates = self.rates, []
        if not before:
            self.notes.append(f"{name} asks its function for epoch {self.epoch}.")
            return
        self.rates = [_ask(callback, self.epoch, rate) for rate in before]
        told = ", ".join(f"{a:.6g} to {b:.6g}" for a, b in zip(before, self.rates, strict=True))
        self.notes.append(
            f"{name} asks its function for epoch {self.epoch}: the rate goes from {told}."
        )
        if self.trained and not self.epoch:
            self.notes.append(
                f"It starts from the beginning. To go on, pass initial_epoch={self.trained}."
            )

    def _back_up(self, callback: keras.callbacks.BackupAndRestore) -> None:
        place = Path(str(callback.backup_dir), "training_metadata.json")
        if not place.exists():
            self.notes.append("BackupAndRestore finds no backup: everything stays as it is.")
            return
        self.epoch = int(json.loads(place.read_text(encoding="utf-8"))["epoch"])
        self.rates = []
        self.notes.append(
            f"BackupAndRestore finds a backup and starts at epoch {self.epoch}, whatever "
            "`initial_epoch` says. Weights, learning rate, count of updates and averages of "
            "earlier gradients come from the backup."
        )


_NO_NUMBER = "the optimizer follows a schedule, and only a number can be changed."


def _ask(callback: Any, epoch: int, rate: float) -> float:
    """Have a `LearningRateScheduler` set the rate of an optimizer that has nothing else."""
    asked = copy(callback)
    asked.verbose = 0
    asked.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=rate)))
    asked.on_epoch_begin(epoch)
    return float(asked.model.optimizer.learning_rate)


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)
