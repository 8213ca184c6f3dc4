"""The learning rate of a run: the callback that sets it, and the one that writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab.schedules import Schedule, is_keras_schedule, needs_rate, preview
from lrlab.training.session import CallbackNeeds


class RateRecorder(keras.callbacks.LambdaCallback):
    """Write down the rate of every step; the first of the callbacks, before one sets the next.

    It looks at every batch only where another callback does so anyway.

    Attributes:
        rates: The rate of every step.
        rates_at_end: The rate of each epoch's last step.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], steps_per_epoch: int) -> None:
        self.rates: list[float] = []
        self.rates_at_end: list[float] = []

        def record(steps: int) -> None:
            self.rates += [float(self.model.optimizer.learning_rate)] * steps

        def end_epoch(epoch: int, logs: Any) -> None:
            record(0 if by_batch else steps_per_epoch)
            self.rates_at_end.append(self.rates[-1])

        by_batch = CallbackNeeds(callbacks).train_batches
        end_batch = (lambda batch, logs: record(1)) if by_batch else None
        super().__init__(on_train_batch_end=end_batch, on_epoch_end=end_epoch)


def callbacks_with_schedule(
    schedule: Schedule, callbacks: Sequence[keras.callbacks.Callback]
) -> list[keras.callbacks.Callback]:
    """Return the callbacks, led by one for the schedule if it is a function of the epoch.

    Raises:
        ValueError: If one is no callback, or sets the rate that a schedule object sets.
    """
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                "`callbacks` must be a list of keras.callbacks.Callback. "
                f"Received: {type(callback).__name__}."
            )
        sets_rate = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
        if is_keras_schedule(schedule) and isinstance(callback, sets_rate):
            raise ValueError(
                "A LearningRateSchedule object and a callback that sets the rate exclude each "
                f"other, in Keras too. Received: {type(schedule).__name__} and "
                f"{type(callback).__name__}. Give a number or a function of the epoch instead."
            )
    if callbacks and callable(schedule) and not is_keras_schedule(schedule):
        takes = 2 if needs_rate(schedule) else 1
        by_epoch = schedule  # Keras takes a float alone, and a person may return an int
        as_float = lambda *now: float(by_epoch(*now[:takes]))  # noqa: E731
        return [keras.callbacks.LearningRateScheduler(as_float), *callbacks]
    return list(callbacks)


def rates_of_updates(
    schedule: keras.optimizers.schedules.LearningRateSchedule,
    rates: np.ndarray,
    updates_a_step: int,
) -> np.ndarray:
    """Return the rate of every update that a training may make, and the one after the last.

    Args:
        schedule: A schedule object.
        rates: What it gives for an update a step.
        updates_a_step: How many updates a step makes at most.
    """
    if updates_a_step > 1:
        rates = preview(schedule, updates_a_step, len(rates))
    return np.append(rates, float(schedule(tf.constant(len(rates), tf.int64))))
