"""Learning rates over time: a schedule knows epochs and steps, and no optimizer, plot or widget.

One that has a method `as_plain_keras` says how it is written in Keras without lrlab: it returns the
lines that define it, none or several, and the expression that stands for it after these.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from lrlab.checks import as_learning_rate, as_number, as_whole_number

if TYPE_CHECKING:
    import keras

# What `Experiment.run` and `preview` take for a schedule.
Schedule: TypeAlias = (
    "float | Callable[[int], float] | Callable[[int, float], float]"
    " | keras.optimizers.schedules.LearningRateSchedule"
)


@dataclass(frozen=True)
class StepDecay:
    """Multiply the learning rate by a factor every few epochs.

    The rate of an epoch, counted from 0, is

        initial_learning_rate * decay_factor ** (epoch // epochs_per_drop)

    An instance is a function of the epoch, so Keras takes it as it is:
    `keras.callbacks.LearningRateScheduler(StepDecay())`.

    Args:
        initial_learning_rate: The rate of the first epochs, above 0.
        decay_factor: What the rate is multiplied by at a drop, above 0 and at most 1.
        epochs_per_drop: Epochs from one drop to the next, a whole number of at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> decay = StepDecay(1.0, decay_factor=0.5, epochs_per_drop=5)
        >>> decay(0), decay(4), decay(5), decay(14)
        (1.0, 1.0, 0.5, 0.25)

    Source: step decay as in K. He et al., "Deep Residual Learning for Image Recognition",
    https://arxiv.org/abs/1512.03385, section 4.2, which divides the rate by 10.
    """

    initial_learning_rate: float = 0.01
    decay_factor: float = 0.1
    epochs_per_drop: int = 5

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.initial_learning_rate, "initial_learning_rate")
        factor = as_number(self.decay_factor)
        if not 0 < factor <= 1:
            raise ValueError(
                "`decay_factor` must be above 0 and at most 1, for the rate is multiplied by it at "
                f"each drop. Received: decay_factor={self.decay_factor!r}. 0.5 halves the rate."
            )
        epochs = as_whole_number(self.epochs_per_drop, "epochs_per_drop", 1)
        object.__setattr__(self, "initial_learning_rate", rate)
        object.__setattr__(self, "decay_factor", factor)
        object.__setattr__(self, "epochs_per_drop", epochs)

    def __call__(self, epoch: int | None = None) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if epoch is None:
            raise _no_epoch("StepDecay", "decay")
        return self.initial_learning_rate * self.decay_factor ** (epoch // self.epochs_per_drop)

    def to_keras(self, steps_per_epoch: int) -> keras.optimizers.schedules.ExponentialDecay:
        """Return the same schedule for an optimizer, which counts steps instead of epochs.

        Args:
            steps_per_epoch: Batches an epoch: the samples divided by the batch size, rounded up.

        Example:
            >>> decay = StepDecay(1.0, 0.5, epochs_per_drop=5).to_keras(steps_per_epoch=45)
            >>> float(decay(224)), float(decay(225))
            (1.0, 0.5)
        """
        from lrlab.backend import keras

        steps = as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
        return keras.optimizers.schedules.ExponentialDecay(
            self.initial_learning_rate,
            decay_steps=self.epochs_per_drop * steps,
            decay_rate=self.decay_factor,
            staircase=True,
        )

    def as_plain_keras(self) -> tuple[str, str]:
        """Return a function of the epoch, and its name."""
        first, factor, interval = astuple(self)
        rate = f"{first!r} * {factor!r} ** (epoch // {interval!r})"
        return f"def schedule(epoch):\n    return {rate}", "schedule"


@dataclass(frozen=True)
class OneCycle:
    """Raise the learning rate to a high one, then lower it to almost nothing: one cycle, no more.

    Both ways go along half a cosine: up from `max_learning_rate / div` in the first
    `warmup_fraction` of the training, down to `max_learning_rate / div_final` in the rest.

    An instance is a function of the epoch, so Keras takes it as it is:
    `keras.callbacks.LearningRateScheduler(OneCycle())`. `to_keras` changes the rate every step.

    Args:
        max_learning_rate: The rate at the top, above 0.
        epochs: How long the training is. Afterwards the rate stays at its lowest.
        warmup_fraction: The share of the training in which the rate rises, above 0 and below 1.
        div: The top divided by the first rate, at least 1.
        div_final: The top divided by the last rate, at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> cycle = OneCycle(1.0, epochs=16, warmup_fraction=0.25, div=25, div_final=100)
        >>> [round(cycle(epoch), 5) for epoch in (0, 2, 4, 10, 16)]
        [0.04, 0.52, 1.0, 0.505, 0.01]

    Source: L. N. Smith and N. Topin, "Super-Convergence", https://arxiv.org/abs/1708.07120, which
    goes along straight lines. The cosines, the names `div` and `div_final` and the defaults are
    those of fastai, https://docs.fast.ai/callback.schedule.html#learner.fit_one_cycle.
    """

    max_learning_rate: float = 1.0
    epochs: int = 15
    warmup_fraction: float = 0.25
    div: float = 25.0
    div_final: float = 1e5

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.max_learning_rate, "max_learning_rate")
        epochs = as_whole_number(self.epochs, "epochs", 1)
        fraction = as_number(self.warmup_fraction)
        if not 0 < fraction < 1:
            raise ValueError(
                "`warmup_fraction` must be above 0 and below 1, for it is a share of the training. "
                f"Received: warmup_fraction={self.warmup_fraction!r}. 0.25 rises for a quarter."
            )
        for name in ("div", "div_final"):
            divisor = as_number(getattr(self, name))
            if not 1 <= divisor < math.inf:
                raise ValueError(
                    f"`{name}` must be a finite number of at least 1, for the highest rate divided "
                    f"by it is not higher. Received: {name}={getattr(self, name)!r}. 25 is usual "
                    "for div, 1e5 for div_final."
                )
            object.__setattr__(self, name, divisor)
        object.__setattr__(self, "max_learning_rate", rate)
        object.__setattr__(self, "epochs", epochs)
        object.__setattr__(self, "warmup_fraction", fraction)

    def __call__(self, epoch: float | None = None) -> float:
        """Return the learning rate at the beginning of an epoch, counted from 0."""
        if epoch is None:
            raise _no_epoch("OneCycle", "cycle")
        top, peak = self.max_learning_rate, self.warmup_fraction * self.epochs
        if epoch < peak:
            return _half_cosine(top / self.div, top, epoch / peak)
        done = min((epoch - peak) / (self.epochs - peak), 1.0)
        return _half_cosine(top, top / self.div_final, done)

    def to_keras(self, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return the same schedule for an optimizer, with another rate at every step.

        Args:
            steps_per_epoch: Batches an epoch: the samples divided by the batch size, rounded up.

        Example:
            >>> schedule = OneCycle(1.0, epochs=16, div=10).to_keras(steps_per_epoch=45)
            >>> round(float(schedule(0)), 4), round(float(schedule(4 * 45)), 4)
            (0.1, 1.0)
        """
        last = self.epochs * as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
        peak = self.warmup_fraction * last
        kind = sys.modules[__name__].OneCycleSchedule  # which is made when it is first asked for
        return kind(self.max_learning_rate, peak, last, self.div, self.div_final)


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def __getattr__(name: str) -> Any:
    """Make `OneCycleSchedule`, a class of Keras's, when it is first asked for."""
    if name != "OneCycleSchedule":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lrlab.backend import keras

    cosine = keras.optimizers.schedules.CosineDecay

    @dataclass(eq=False, repr=False)
    class OneCycleSchedule(keras.optimizers.schedules.LearningRateSchedule):
        """`OneCycle` by the step: half a cosine up and half a cosine down.

        Args:
            max_learning_rate: The rate at the top.
            peak_step: The step at the top; need not be whole.
            last_step: The step from which on the rate stays at its lowest.
            div: The top divided by the first rate.
            div_final: The top divided by the last rate.
        """

        __qualname__ = name

        max_learning_rate: float
        peak_step: float
        last_step: float
        div: float
        div_final: float

        def __post_init__(self) -> None:
            top, down_in = self.max_learning_rate, self.last_step - self.peak_step
            # Towards a multiple above 1, a cosine "decay" rises.
            self.up = cosine(top / self.div, self.peak_step, alpha=self.div)
            self.down = cosine(top, down_in, alpha=1 / self.div_final)

        def __call__(self, step: Any) -> Any:
            """Return the learning rate of a step, or of each of several."""
            step = keras.ops.cast(step, "float32")
            beyond = step - self.peak_step
            return keras.ops.where(beyond < 0, self.up(step), self.down(beyond))

        def get_config(self) -> dict[str, float]:
            """Return the arguments, as Keras stores them in a saved model."""
            return asdict(self)

        def as_plain_keras(self) -> tuple[str, str]:
            """Return a class that does the same, and the expression that makes one."""
            definition = _PLAIN_ONE_CYCLE.format(
                cycle=self,
                last=self.max_learning_rate * self.down.alpha,
                up=_cosine_line("up", self.up),
                down=_cosine_line("down", self.down),
            )
            return definition, "OneCycle()"

    # Two threads that are first both get the same one.
    made = globals().setdefault(name, OneCycleSchedule)
    return keras.saving.register_keras_serializable("lrlab")(made)


_PLAIN_ONE_CYCLE = """\
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    # Up along half a cosine from {cycle.up.initial_learning_rate:.6g} to \
{cycle.max_learning_rate:.6g}, then down to {last:.6g}.
    peak = {cycle.peak_step!r}  # step
{up}
{down}

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        beyond = step - self.peak
        return keras.ops.where(beyond < 0, self.up(step), self.down(beyond))
"""


def _cosine_line(name: str, decay: keras.optimizers.schedules.CosineDecay) -> str:
    """A line of the class above, or three where it would be too long."""
    call = f"    {name} = keras.optimizers.schedules.CosineDecay("
    arguments = f"{decay.initial_learning_rate!r}, {decay.decay_steps!r}, alpha={decay.alpha!r}"
    line = f"{call}{arguments})"
    return line if len(line) <= 88 else f"{call}\n        {arguments}\n    )"


def _no_epoch(kind: str, name: str) -> ValueError:
    """An optimizer takes any callable for one without arguments, and calls it so."""
    return ValueError(
        f"{kind} is a function of the epoch, and an optimizer does not tell it the epoch. "
        f"Pass `learning_rate={name}.to_keras(steps_per_epoch)` to the optimizer, or "
        f"`callbacks=[keras.callbacks.LearningRateScheduler({name})]` to `fit`."
    )


@dataclass(frozen=True)
class RatesByEpoch:
    """A learning rate for each epoch; the last one stays for all that follow.

    It is a function of the epoch, as `keras.callbacks.LearningRateScheduler` takes it.

    Args:
        rates: At least one.

    Raises:
        ValueError: If there is none, or one is not a finite number above 0.

    Example:
        >>> rates = RatesByEpoch((0.5, 0.1))
        >>> [rates(epoch) for epoch in range(4)]
        [0.5, 0.1, 0.1, 0.1]
    """

    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.rates):
            raise ValueError("`rates` must hold at least one rate. Received: rates=().")
        rates = tuple(as_learning_rate(rate, "rates") for rate in self.rates)
        object.__setattr__(self, "rates", rates)

    def __call__(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return self.rates[min(epoch, len(self.rates) - 1)]


def preview(
    schedule: Schedule, epochs: int, steps_per_epoch: int, learning_rate: float = 0.01
) -> np.ndarray:
    """Return the learning rate of every step of a training, without training.

    Args:
        schedule: A learning rate; a function of the epoch (counted from 0), or of epoch and rate
            before it; or a Keras `LearningRateSchedule`, which is a function of the step.
        epochs: How many epochs.
        steps_per_epoch: Batches an epoch.
        learning_rate: The optimizer's, from which a function of epoch and rate starts.

    Returns:
        A float64 array of shape (epochs * steps_per_epoch,).

    Raises:
        ValueError: If the schedule is none of these, or gives a rate that is negative or not
            finite, or if `epochs` or `steps_per_epoch` is not a whole number of at least 1.

    Example:
        >>> preview(StepDecay(1.0, 0.1, 1), epochs=3, steps_per_epoch=2).tolist()
        [1.0, 1.0, 0.1, 0.1, 0.010000000000000002, 0.010000000000000002]
    """
    epochs = as_whole_number(epochs, "epochs", 1)
    steps_per_epoch = as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
    if is_keras_schedule(schedule):
        rates = _rates_of_steps(schedule, epochs * steps_per_epoch)
    elif callable(schedule):
        rates = np.repeat(_rates_of_epochs(schedule, epochs, learning_rate), steps_per_epoch)
    else:
        rates = np.full(epochs * steps_per_epoch, as_learning_rate(schedule))
    wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
    if wrong.size:
        step = int(wrong[0])
        raise ValueError(
            "A schedule must give a finite learning rate that is not negative. "
            f"Received: {rates[step]} in epoch {step // steps_per_epoch}, counted from 0."
        )
    return rates


def needs_rate(schedule: object) -> bool:
    """Tell whether it is a function that cannot do without the rate before, beside the epoch."""
    if not callable(schedule) or is_keras_schedule(schedule):
        return False
    try:
        signature = inspect.signature(schedule)
    except ValueError:  # a function of C, which keeps its arguments to itself
        return False
    for count in (1, 2):
        with suppress(TypeError):
            signature.bind(*range(count))
            return count == 2
    raise ValueError(
        "A schedule must be a function of the epoch, counted from 0, or of epoch and rate. "
        f"Received: {schedule!r}, which takes {signature}. Try lambda epoch: 0.1 * 0.9**epoch."
    )


def _rates_of_epochs(schedule: Callable[..., float], epochs: int, rate: float) -> list[float]:
    if not needs_rate(schedule):
        return [_rate_of_epoch(schedule, epoch) for epoch in range(epochs)]
    rates = [as_learning_rate(rate)]
    for epoch in range(epochs):  # in between, an optimizer keeps the rate as a float32
        rates.append(_rate_of_epoch(schedule, epoch, float(np.float32(rates[-1]))))
    return rates[1:]


def _rate_of_epoch(schedule: Callable[..., float], epoch: int, *before: float) -> float:
    rate = schedule(epoch, *before)
    if math.isnan(as_number(rate)):
        raise ValueError(
            "A schedule must be a function of the epoch that returns the learning rate as a "
            f"number. Received: {rate!r} in epoch {epoch}, counted from 0."
        )
    return float(rate)


def _rates_of_steps(schedule: Callable[[Any], Any], steps: int) -> np.ndarray:
    """Evaluate a Keras schedule on the int64 steps of an optimizer."""
    if type(schedule).__module__.startswith(("keras.", "lrlab.")):
        return _rates_at_once(schedule, np.arange(steps))
    return _rates_one_by_one(schedule, steps)


def _rates_at_once(schedule: Any, steps: np.ndarray) -> np.ndarray:
    """Built-in schedules take all steps in one call; that is 100 times as fast as tracing them."""
    from lrlab.backend import tf

    if getattr(schedule, "warmup_target", None) is None:
        return schedule(tf.constant(steps)).numpy().astype(float)  # type: ignore[no-any-return]
    # Only a cosine with warm-up asks of a single step in which of its two parts it is.
    first, warm = schedule.initial_learning_rate, schedule.warmup_steps
    decay = type(schedule)(schedule.warmup_target, schedule.decay_steps, schedule.alpha)
    rising = first + (schedule.warmup_target - first) * steps / max(warm, 1)
    return np.where(steps < warm, rising, _rates_at_once(decay, np.maximum(steps - warm, 0)))


def _rates_one_by_one(schedule: Callable[[Any], Any], steps: int) -> np.ndarray:
    """Somebody's own schedule, evaluated as training does: traced, a step at a time."""
    from lrlab.backend import tf

    @tf.function(autograph=False)
    def evaluate() -> Any:
        def rate(step: Any) -> Any:
            value = schedule(step)
            if not tf.is_tensor(value) and math.isnan(as_number(value)):
                raise ValueError(
                    "A LearningRateSchedule must return the learning rate as a number. "
                    f"Received: {value!r} from {type(schedule).__name__}."
                )
            return tf.cast(value, tf.float32)

        return tf.map_fn(rate, tf.range(steps, dtype=tf.int64), fn_output_signature=tf.float32)

    try:
        return np.asarray(evaluate(), float)
    except (TypeError, NotImplementedError, AttributeError) as error:
        schedule(tf.constant(0, tf.int64))  # raises as well, unless the graph is what it fails in
        raise ValueError(
            "A LearningRateSchedule must not use Python's `if`, float() or the like on the step, "
            f"which is a tensor as Keras trains. Received: {type(schedule).__name__} "
            f"({type(error).__name__}). Write keras.ops.where(step < 5, 0.1, 0.01)."
        ) from error


def is_keras_schedule(
    schedule: object,
) -> TypeGuard[keras.optimizers.schedules.LearningRateSchedule]:
    """Tell whether this is a Keras schedule object, without loading Keras to find out."""
    loaded = sys.modules.get("keras")
    return loaded is not None and isinstance(
        schedule, loaded.optimizers.schedules.LearningRateSchedule
    )
