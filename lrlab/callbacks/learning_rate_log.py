"""A callback that notes the learning rate of every step, whatever sets it."""

from __future__ import annotations

from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.training.internals import optimizers_of, schedule_of, update_count

__all__ = ["LearningRateLog"]


class LearningRateLog(keras.callbacks.Callback):
    """Keep the learning rate of every step, and put it into the logs under `learning_rate`.

    Keras writes the rate into the history only where one of its own callbacks sets it, and for a
    schedule in the optimizer not at all. With this callback it is there for a number, a schedule
    and a callback of one's own:

    - in the history, the rate of the last step of each epoch, and with a `CSVLogger` in its file;
    - with `keras.callbacks.TensorBoard(update_freq="batch")` the rate of each step, as
      `batch_learning_rate`, and in the progress bar;
    - in `learning_rates` as an array.

    In the list of callbacks it stands after those that set the rate, and before those that write
    the logs. A `MultiOptimizer` has several rates: `learning_rate_` and the optimizer's name each,
    as Keras calls them.

    Attributes:
        learning_rates: The rate of every step of the last fit, shape (steps,), or
            (steps, optimizers) with a `MultiOptimizer`.

    Example:
        >>> import keras, numpy as np, lrlab
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> halved = keras.optimizers.schedules.ExponentialDecay(0.8, 1, 0.5)
        >>> model.compile(keras.optimizers.SGD(halved), "mse")
        >>> log = lrlab.LearningRateLog()
        >>> history = model.fit(
        ...     np.ones((4, 2)), np.ones(4), batch_size=2, epochs=2, callbacks=[log], verbose=0
        ... ).history
        >>> log.learning_rates.round(3).tolist()
        [0.8, 0.4, 0.2, 0.1]
        >>> [round(rate, 3) for rate in history["learning_rate"]]
        [0.4, 0.1]
    """

    def __init__(self) -> None:
        super().__init__()
        self._rates: list[list[float]] = []
        self._first_batch = 0
        self._before: list[tuple[float, int]] = []

    @property
    def learning_rates(self) -> np.ndarray:
        """The rate of every step of the last fit."""
        rates = np.array(self._rates)
        return rates[:, 0] if rates.ndim == 2 and rates.shape[1] == 1 else rates

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        self._rates = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the rate of the next step: after it, a schedule has moved on."""
        self._first_batch = batch
        self._before = [(float(o.learning_rate), int(update_count(o))) for o in self._optimizers]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the rates of the steps just taken: several, with `steps_per_execution`."""
        end = min(batch + 1, self.params.get("steps") or batch + 1)  # an execution may be cut short
        steps = end - self._first_batch
        columns = [
            _rates(optimizer, *before, steps)
            for optimizer, before in zip(self._optimizers, self._before, strict=True)
        ]
        self._rates.extend(map(list, zip(*columns, strict=True)))
        self._put_into(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the rate of the epoch's last step into its logs."""
        self._put_into(logs)

    @property
    def _optimizers(self) -> list[Any]:
        return optimizers_of(self.model.optimizer)

    def _put_into(self, logs: dict[str, Any] | None) -> None:
        if logs is None or not self._rates:
            return
        optimizers, rates = self._optimizers, self._rates[-1]
        names = [f"learning_rate_{o.name}" for o in optimizers]
        logs.update(zip(["learning_rate"] if len(rates) == 1 else names, rates, strict=True))


def _rates(optimizer: Any, rate: float, count: int, steps: int) -> list[float]:
    """The rates of some steps that began with this rate and count of updates."""
    schedule = schedule_of(optimizer)
    if steps == 1 or not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return [rate] * steps
    # No callback acts within an execution, but not each step need make an update.
    last = max(int(update_count(optimizer)) - 1, count)
    return [float(schedule(min(count + step, last))) for step in range(steps)]
