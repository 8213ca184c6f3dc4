"""Schedules of the step that Keras lacks: what an optimizer reads at each update.

Each says its own plain Keras: its numbers, and the very lines by which it is computed here. So
these lines use nothing but `self`, `step` and `keras.ops`.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass
from typing import Any

from lrlab.backend import keras

from lrlab.checks import as_learning_rate, as_whole_number


def as_plain_keras(schedule: Any) -> tuple[str, str]:
    """Return a class that gives the same rates without lrlab, and the expression that makes one.

    Each class below has it as its own method, and not from a base: a subclass with another
    `__call__` is then not taken for one that says its plain Keras.
    """
    name = type(schedule).__name__
    numbers = [f"    {field} = {value!r}" for field, value in asdict(schedule).items()]
    call = inspect.getsource(type(schedule).__call__).replace("step: Any) -> Any", "step)")
    head = f"class {name}(keras.optimizers.schedules.LearningRateSchedule):"
    return "\n".join([head, *numbers, "", call.rstrip()]), f"{name}()"


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """What these have in common: they are values, which Keras can store in a saved model."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return asdict(self)


@keras.saving.register_keras_serializable("lrlab")
@dataclass(eq=False, repr=False)
class OneCycleSchedule(_Schedule):
    """Half a cosine from a first value to one at the top, and half a cosine to a last one.

    On both ways the value in a step is

        start + (end - start) * (1 - cos(pi * share of the way)) / 2

    `OneCycle.to_keras` makes one of rates, and `OneCycle.momentum` one of momentum.

    Args:
        first: The value in step 0.
        top: The value in the step at the top; it may be lower than the others.
        last: The value from `last_step` on.
        top_step: The step at the top; need not be whole.
        last_step: The step from which on the value stays.

    Example:
        >>> schedule = OneCycleSchedule(0.0, 1.0, 0.5, top_step=10, last_step=30)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 20, 30, 40)]
        [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """

    first: float
    top: float
    last: float
    top_step: float
    last_step: float

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, or of each of several."""
        step = keras.ops.cast(step, "float32")
        down_for = self.last_step - self.top_step
        to_go = 1 - keras.ops.minimum(step / self.top_step, 1)  # on the way up
        gone = keras.ops.clip((step - self.top_step) / down_for, 0, 1)
        up = (1 - keras.ops.cos(3.14159265 * to_go)) / 2
        down = (1 - keras.ops.cos(3.14159265 * gone)) / 2
        return self.top + (self.first - self.top) * up + (self.last - self.top) * down

    as_plain_keras = as_plain_keras


@keras.saving.register_keras_serializable("lrlab")
@dataclass(eq=False, repr=False)
class Cyclical(_Schedule):
    """Up and down along straight lines, again and again: triangles.

    The rate of a step, counted from 0, is

        high - (high - low) * abs(step / half_cycle_steps % 2 - 1)

    with `initial_learning_rate` for low and `max_learning_rate` for high.

    Args:
        initial_learning_rate: The lowest rate, in step 0 and after each cycle.
        max_learning_rate: The highest rate, in the middle of each cycle.
        half_cycle_steps: Steps from the lowest rate to the highest, at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> schedule = Cyclical(0.1, 0.5, half_cycle_steps=4)
        >>> [round(float(schedule(step)), 4) for step in (0, 2, 4, 6, 8, 12)]
        [0.1, 0.3, 0.5, 0.3, 0.1, 0.5]

    Source: L. N. Smith, "Cyclical Learning Rates", https://arxiv.org/abs/1506.01186; the policy
    "triangular", and `CyclicLR` in PyTorch.
    """

    initial_learning_rate: float
    max_learning_rate: float
    half_cycle_steps: int

    def __post_init__(self) -> None:
        for name in ("initial_learning_rate", "max_learning_rate"):
            setattr(self, name, as_learning_rate(getattr(self, name), name))
        self.half_cycle_steps = as_whole_number(self.half_cycle_steps, "half_cycle_steps", 1)

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, or of each of several."""
        step = keras.ops.cast(step, "float32")
        low, high = self.initial_learning_rate, self.max_learning_rate
        return high - (high - low) * keras.ops.abs(step / self.half_cycle_steps % 2 - 1)

    as_plain_keras = as_plain_keras


@keras.saving.register_keras_serializable("lrlab")
@dataclass(eq=False, repr=False)
class WarmupStableDecay(_Schedule):
    """Warm up, stay, go down: a straight line up, the highest rate, a straight line down to 0.

    The rate of a step, counted from 0, is

        max_learning_rate * min(step / warmup_steps, 1, steps that are left / decay_steps)

    and 0 once no steps are left. How long it stays can be decided late: while the rate is high, a
    training may go on, and only the way down has to be planned.

    Args:
        max_learning_rate: The rate between the two lines.
        warmup_steps: Steps of the way up, at least 1.
        stable_steps: Steps at the highest rate, at least 0.
        decay_steps: Steps of the way down, at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> schedule = WarmupStableDecay(0.5, warmup_steps=2, stable_steps=4, decay_steps=4)
        >>> [round(float(schedule(step)), 4) for step in (0, 1, 2, 6, 8, 10, 11)]
        [0.0, 0.25, 0.5, 0.5, 0.25, 0.0, 0.0]

    Source: S. Hu et al., "MiniCPM", https://arxiv.org/abs/2404.06395, whose way down is steeper at
    first; with straight lines it is `get_wsd_schedule(decay_type="linear")` of Hugging Face.
    """

    max_learning_rate: float
    warmup_steps: int
    stable_steps: int
    decay_steps: int

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.max_learning_rate, "max_learning_rate")
        self.max_learning_rate = rate
        self.warmup_steps = as_whole_number(self.warmup_steps, "warmup_steps", 1)
        self.stable_steps = as_whole_number(self.stable_steps, "stable_steps", 0)
        self.decay_steps = as_whole_number(self.decay_steps, "decay_steps", 1)

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, or of each of several."""
        step = keras.ops.cast(step, "float32")
        left = self.warmup_steps + self.stable_steps + self.decay_steps - step
        lines = keras.ops.minimum(step / self.warmup_steps, left / self.decay_steps)
        return self.max_learning_rate * keras.ops.clip(lines, 0, 1)

    as_plain_keras = as_plain_keras


@keras.saving.register_keras_serializable("lrlab")
@dataclass(eq=False, repr=False)
class InverseSquareRoot(_Schedule):
    """A straight line up, then down as one over the square root of the step, with no end.

    The rate of a step, counted from 0, is

        max_learning_rate * min(step / warmup_steps, sqrt(warmup_steps / step))

    Args:
        max_learning_rate: The rate after the warm-up.
        warmup_steps: Steps of the way up, at least 1. Four times as many steps halve the rate.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> schedule = InverseSquareRoot(0.5, warmup_steps=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 40, 1000)]
        [0.0, 0.25, 0.5, 0.25, 0.05]

    Source: A. Vaswani et al., "Attention Is All You Need", https://arxiv.org/abs/1706.03762,
    section 5.3; `get_inverse_sqrt_schedule` of Hugging Face.
    """

    max_learning_rate: float
    warmup_steps: int

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.max_learning_rate, "max_learning_rate")
        self.max_learning_rate = rate
        self.warmup_steps = as_whole_number(self.warmup_steps, "warmup_steps", 1)

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, or of each of several."""
        step = keras.ops.cast(step, "float32")
        down = keras.ops.sqrt(self.warmup_steps / keras.ops.maximum(step, 1))
        share = keras.ops.minimum(step / self.warmup_steps, down)
        return self.max_learning_rate * share

    as_plain_keras = as_plain_keras
