"""The range test: train with a rate that rises a batch at a time, and see where the loss falls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.checks import as_learning_rate, as_number, as_whole_number
from lrlab.keras_code.program import Snippet
from lrlab.training.internals import schedule_of

__all__ = ["LearningRateRangeTest", "smooth", "suggest"]

# The loss has exploded when the mean of so many batches is so many times the first batch's.
_BATCHES, _TIMES = 5, 4
# What the smoothed loss has to fall by, as a share of its first value, to count as learning.
_LEAST_FALL = 0.05


class LearningRateRangeTest(keras.callbacks.Callback):
    """Raise the learning rate from one batch to the next, and note the loss of every batch.

    The rate of step k of n, counted from 0, is `lowest * (highest / lowest) ** (k / (n - 1))`. The
    test ends the fit at `highest`, or earlier when the loss has exploded: when it is not finite, or
    its mean over 5 batches is 4 times that of the first batch. Then weights, the optimizer's state
    and the learning rate are as they were before, so the training proper can follow at once.

    A loss is that of its batch alone, where the `logs` that Keras gives to callbacks hold the mean
    over all batches since the epoch began. For that, the metrics are reset before each batch, and
    the history and the progress bar of such a fit show the last batch of an epoch.

    It needs every batch, so `lrlab.fit` makes a call a batch with it, as `model.fit` always does.

    A `model.fit` that ends within an epoch, whatever callback ended it, leaves its data iterator to
    Python's garbage collector. TensorFlow takes up to a minute to destroy one that is older than a
    minute, and nothing else runs meanwhile: call `gc.collect()` right after such a fit. `lrlab.fit`
    has no such iterator.

    Args:
        lowest: The first learning rate.
        highest: The last learning rate.
        steps: In how many steps to rise; None takes all that the fit has, epochs times batches.
        smoothing: How much to smooth the losses for the suggestion, see `smoothed`.

    Attributes:
        learning_rates: The rate of every step taken, shape (steps taken,).
        losses: The loss of every step's batch, before its update, of the same shape.

    Raises:
        ValueError: If an argument is out of its range; as a fit begins, if the optimizer's rate is
            a schedule, or the fit does not say how many batches it has and `steps` is None.

    Example:
        >>> import numpy as np
        >>> layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> model = keras.Sequential([keras.Input((1,)), layer])
        >>> model.compile(keras.optimizers.SGD(0.5), loss="mse")
        >>> x = np.ones((64, 1))
        >>> range_test = LearningRateRangeTest(1e-3, 100.0)
        >>> _ = model.fit(x, 9 * x, batch_size=1, callbacks=[range_test], verbose=0)
        >>> 0.01 < range_test.suggestion < 1.0  # where gradient descent stops converging
        True
        >>> float(model.optimizer.learning_rate)
        0.5

    Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks" (2015),
    https://arxiv.org/abs/1506.01186, section 3.3; the exponential rise and the smoothing are those
    of fastai, https://docs.fast.ai/callback.schedule.html, and the tenth of the rate at the minimum
    is one of its suggestions, called *minimum*; its default has become another, *valley*.
    """

    def __init__(
        self,
        lowest: float = 1e-4,
        highest: float = 10.0,
        *,
        steps: int | None = None,
        smoothing: float = 0.8,
    ) -> None:
        super().__init__()
        self.lowest = as_learning_rate(lowest, "lowest")
        self.highest = as_learning_rate(highest, "highest")
        if not self.lowest < self.highest:
            raise ValueError(
                "`highest` must be above `lowest`, for the rate rises. Received: "
                f"lowest={lowest!r}, highest={highest!r}. 1e-4 and 10 show most of what there is."
            )
        self.steps = None if steps is None else as_whole_number(steps, "steps", 2)
        self.smoothing = _as_smoothing(smoothing, "smoothing")
        self._learning_rates: list[float] = []
        self._losses: list[float] = []
        self._count = 0  # steps that this fit is to take
        self._before: list[tuple[Any, np.ndarray]] = []

    @property
    def learning_rates(self) -> np.ndarray:
        """The rate of every step taken."""
        return np.array(self._learning_rates[: len(self._losses)])

    @property
    def losses(self) -> np.ndarray:
        """The loss of every step's batch."""
        return np.array(self._losses)

    def smoothed(self, amount: float | None = None) -> np.ndarray:
        """Return the losses smoothed, see `smooth`; by default as much as for the suggestion."""
        return smooth(self._losses, self.smoothing if amount is None else amount)

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate at which the smoothed loss is lowest; None if it never fell."""
        return suggest(self.learning_rates, self.losses, self.smoothing)[0]

    @property
    def reason(self) -> str:
        """Why that is the suggestion, in words."""
        return suggest(self.learning_rates, self.losses, self.smoothing)[1]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep everything that training will change."""
        optimizer = self.model.optimizer
        schedule = schedule_of(optimizer)
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                "A range test sets the learning rate itself, which a schedule in the optimizer "
                f"does not allow. Received: learning_rate={type(schedule).__name__}. Compile with "
                "a number for the test."
            )
        self._learning_rates, self._losses, self._count = [], [], 0
        if not optimizer.built:  # in a first fit, its moments would only come with the first batch
            optimizer.build(self.model.trainable_variables)
        variables = [*self.model.variables, *optimizer.variables]
        self._before = [(variable, variable.numpy()) for variable in variables]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the steps that there are to take, as the first epoch begins."""
        if self._count:
            return
        batches = self.params.get("steps")
        if self.steps is None and batches is None:
            raise ValueError(
                "A range test must know how many steps to rise in, and these data do not say how "
                "many batches they have. Received: steps=None. Give a number: "
                "LearningRateRangeTest(steps=100)."
            )
        self._count = self.steps or (self.params["epochs"] - epoch) * batches

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of this step, and forget the batches before it."""
        share = len(self._losses) / max(self._count - 1, 1)
        rate = self.lowest * (self.highest / self.lowest) ** share
        self.model.optimizer.learning_rate = rate
        self._learning_rates.append(rate)
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the loss of this batch; end the fit at the highest rate, or when it explodes."""
        self._losses.append(float((logs or {})["loss"]))
        if len(self._losses) == self._count or _exploded(self._losses):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put back what `restore` does."""
        self.restore()

    def restore(self) -> None:
        """Put weights, the optimizer's state and the rate back to where they were before the test.

        A fit does so as it ends; one that was interrupted does not.
        """
        for variable, value in self._before:
            variable.assign(value)
        self._before = []

    def as_plain_keras(self) -> Snippet:
        """Return the test as a callback without lrlab, for the code of a run."""
        return Snippet(
            definition=_PLAIN.format(
                lowest=self.lowest,
                ratio=self.highest / self.lowest,
                steps=self.steps or 'self.params["epochs"] * self.params["steps"]',
                batches=_BATCHES,
                rise=_TIMES - 1,
            ),
            name="range_test",
            ending=_PLAIN_ENDING.format(smoothing=self.smoothing),
        )


def _exploded(losses: Sequence[float]) -> bool:
    limit = losses[0] + (_TIMES - 1) * abs(losses[0])  # a loss may be negative
    return not np.mean(losses[-_BATCHES:]) <= limit


def smooth(losses: Sequence[float] | np.ndarray, amount: float) -> np.ndarray:
    """Return the exponential moving average of losses.

    Each average is `amount` times the one before it plus `1 - amount` times the loss, divided by
    the sum of the weights so far, so that it starts at the first loss.

    Args:
        losses: A loss a step, shape (steps,).
        amount: From 0, which leaves the losses as they are, to just below 1.

    Raises:
        ValueError: If the amount is out of its range.

    Example:
        >>> smooth([4.0, 1.0, 1.0], 0.5).tolist()
        [4.0, 2.0, 1.4285714285714286]
    """
    amount = _as_smoothing(amount, "amount")
    average, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        average = amount * average + (1 - amount) * loss
        weight = amount * weight + (1 - amount)
        smoothed.append(average / weight)
    return np.array(smoothed)


def suggest(
    learning_rates: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    smoothing: float,
) -> tuple[float | None, str]:
    """Suggest a learning rate from the batch losses of a range test, and say why.

    The rule: a tenth of the rate at which the smoothed loss is lowest. There the loss is about to
    rise; a tenth keeps clear of that, for a training that lasts.

    Returns:
        The rate, or None where the loss never fell by a twentieth; and the reason.

    Example:
        >>> suggest([0.01, 0.1, 1.0, 10.0], [2.0, 1.5, 0.5, 9.0], smoothing=0.0)[0]
        0.1
    """
    smoothed = smooth(losses, smoothing)
    seen = np.isfinite(smoothed)
    if not seen.any():
        return None, "No suggestion: no batch has a finite loss. Start lower."
    best = int(np.argmin(np.where(seen, smoothed, np.inf)))
    rate, least = float(learning_rates[best]), smoothed[best]
    if smoothed[0] - least <= _LEAST_FALL * abs(smoothed[0]):
        return None, "No suggestion: the loss never fell. Test other rates, or smooth less."
    reason = f"The smoothed loss is lowest, {least:.3g}, at a rate of {rate:.3g}; "
    if best == len(smoothed) - 1:
        return rate / 10, f"{reason}it still fell there, so test higher rates too."
    return rate / 10, f"{reason}a tenth of that keeps clear of where it rises."


def _as_smoothing(value: Any, name: str) -> float:
    number = as_number(value)
    if not 0 <= number < 1:
        raise ValueError(
            f"`{name}` must be at least 0, which smooths nothing, and below 1. "
            f"Received: {name}={value!r}. 0.8 is usual."
        )
    return number


_PLAIN = '''\
class RangeTest(keras.callbacks.Callback):
    """Raise the learning rate batch by batch and note the loss of each batch."""

    def on_train_begin(self, logs=None):
        self.learning_rates, self.losses = [], []
        self.steps = {steps}
        variables = self.model.variables + self.model.optimizer.variables
        self.before = [(variable, variable.numpy()) for variable in variables]

    def on_train_batch_begin(self, batch, logs=None):
        share = len(self.losses) / (self.steps - 1)
        rate = {lowest!r} * {ratio!r}**share
        self.model.optimizer.learning_rate = rate
        self.learning_rates.append(rate)
        # Or logs["loss"] would be the mean over the epoch so far.
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))
        limit = self.losses[0] + {rise} * abs(self.losses[0])
        recent = self.losses[-{batches}:]
        exploded = not sum(recent) / len(recent) <= limit
        if exploded or len(self.losses) == self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        for variable, value in self.before:
            variable.assign(value)


range_test = RangeTest()
'''

_PLAIN_ENDING = """\
average, weight, smoothed = 0.0, 0.0, []
for loss in range_test.losses:
    average = {smoothing!r} * average + (1 - {smoothing!r}) * loss
    weight = {smoothing!r} * weight + (1 - {smoothing!r})
    smoothed.append(average / weight)
best = min(range(len(smoothed)), key=lambda step: smoothed[step])
rate = range_test.learning_rates[best]
print(f"The smoothed loss is lowest, {{smoothed[best]:.4f}}, at a rate of {{rate:.4g}}.")
print(f"A tenth of that rate: {{rate / 10:.4g}}")
"""
