"""The learning rate of every step of a training, set within its compiled loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab.training.internals import update_count
from lrlab.training.xla import is_kerass_own

# What the table of rates is read by.
_NOTHING, _STEPS, _UPDATES = range(3)


class Rates:
    """The rates that a training is to have, whatever they are: all with one program.

    Keras reads a schedule in an optimizer at each update, at the optimizer's own count of these. A
    step need not make exactly one: loss scaling skips some, and a `train_step` of one's own may
    make one every second batch, or two a batch. So the rates of a schedule stand in a table that is
    read by that count, before each step and after each update of the steps that could make two.
    What is a matter of the epoch, as in Keras with `LearningRateScheduler`, is read by the number
    of the step.

    Args:
        model: A compiled model, whose optimizer has a number for a rate.
        steps: How many steps a training has; a longer one has it compiled again.

    Attributes:
        steps_taken: How many steps the training has taken; a variable, part of its `State`.
        updates: How many updates the optimizer has made; a variable of its own.
        updates_a_step: How many of them a step makes at most, once it has been traced.
    """

    def __init__(self, model: keras.Model, steps: int) -> None:
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self._model, self._rate, self._steps = model, inner.learning_rate, steps
        self.updates = update_count(inner)
        self.updates_a_step = 1
        self.steps_taken = keras.Variable(0, dtype="int64", trainable=False)
        self._table = tf.Variable([0.0], shape=(None,), trainable=False)
        self._read_by = tf.Variable(_NOTHING, trainable=False)
        self._counts = None
        if not (
            type(model).train_step is keras.Model.train_step
            and inner is model.optimizer
            and is_kerass_own(inner)
        ):  # otherwise each step makes an update, and there is nothing to write down
            self._counts = tf.Variable(np.zeros(steps, np.int64), shape=(None,), trainable=False)
            apply = inner.apply

            def apply_and_move_on(*args: Any, **kwargs: Any) -> None:
                apply(*args, **kwargs)
                self.updates_a_step += 1
                self.move_on()

            inner.apply = apply_and_move_on

    @property
    def variables(self) -> list[tf.Variable]:
        """What a program reads besides its `State`."""
        return [self._table, self._read_by] + ([] if self._counts is None else [self._counts])

    def follow(self, rates: np.ndarray, *, by_update: bool = False, at_once: bool = False) -> None:
        """Give each step its rate or, `by_update`, each update; after the last, the last one.

        `at_once` for callbacks that may look before the first step.
        """
        # Of one length, or it would be compiled again; twice as long where it must be longer.
        steps = (len(rates) - 1) // max(self.updates_a_step, 1) if by_update else len(rates)
        while self._steps < steps:
            self._steps *= 2
            if self._counts is not None:
                self._counts.assign(np.zeros(self._steps, np.int64))
        table = np.full(self._steps * max(self.updates_a_step, 1) + 1, rates[-1], np.float32)
        table[: len(rates)] = rates
        self._table.assign(table)
        self._read_by.assign(_UPDATES if by_update else _STEPS)
        if at_once:
            self.move_on()

    def leave(self) -> None:
        """Leave the rate to whoever sets it."""
        self._read_by.assign(_NOTHING)

    def counts(self, steps: int) -> np.ndarray:
        """Return how many updates had been made before each of the first steps, if it was taken."""
        if self._model.stop_training:  # by a callback, perhaps within an epoch
            steps = min(steps, int(self.steps_taken))
        return np.arange(steps) if self._counts is None else self._counts.numpy()[:steps]

    def around(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a train step that is taken at its rate, and counted."""

        def at_its_rate(batch: Any) -> Any:
            self.move_on()
            if self._counts is not None:
                self.updates_a_step = 0  # counted as the step is traced
                last = tf.size(self._counts, tf.int64) - 1
                here = tf.minimum(self.steps_taken.value, last)
                self._counts.scatter_update(tf.IndexedSlices(self.updates.value, here))
            logs = step(batch)
            self.steps_taken.assign_add(1)
            return logs

        return at_its_rate

    def move_on(self) -> None:
        """Give the optimizer the rate of the next update; for whoever looks, after the last too."""
        count = tf.where(self._read_by == _UPDATES, self.updates.value, self.steps_taken.value)
        last = tf.size(self._table, tf.int64) - 1
        # `gather`: XLA takes half a minute over a slice that begins at a variable.
        rate = tf.gather(self._table, tf.minimum(count, last))
        self._rate.assign(tf.where(self._read_by == _NOTHING, self._rate.value, rate))
