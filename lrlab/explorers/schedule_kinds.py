"""Kinds of schedules: what each takes, makes, and is as a formula; and a plan, one with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.checks import as_learning_rate
from lrlab.explorers.handles import Handle
from lrlab.figures.ink import counted, rounded
from lrlab.schedules import OneCycle, Schedule, StepDecay, preview

if TYPE_CHECKING:
    import keras


def keras_class(name: str) -> Callable[..., Schedule]:
    """Return what makes a schedule of Keras's, or one by the step that Keras lacks.

    Of `decay_epochs` it makes `decay_steps`.
    """

    def make(values: Mapping[str, Any], epochs: int, steps_per_epoch: int) -> Schedule:
        from lrlab.backend import keras

        from lrlab import schedules

        kind = getattr(keras.optimizers.schedules, name, None) or getattr(schedules, name)
        made: Schedule = kind(**in_steps(values, steps_per_epoch))
        return made

    return make


def in_steps(values: Mapping[str, Any], steps_per_epoch: int) -> dict[str, Any]:
    """Return the values with each time in steps, under the name that Keras has for it."""
    return {
        name.replace("epochs", "steps"): value * steps_per_epoch
        if name.endswith("epochs")
        else value
        for name, value in values.items()
    }


def _constant(values: Mapping[str, Any], epochs: int, steps_per_epoch: int) -> float:
    return as_learning_rate(values["initial_learning_rate"], "initial_learning_rate")


def _piecewise(values: Mapping[str, Any], epochs: int, steps_per_epoch: int) -> Schedule:
    from lrlab.backend import keras

    # Keras changes the value after a boundary: the boundary is an epoch's last step.
    *rates, boundaries = values.values()
    steps = [epoch * steps_per_epoch - 1 for epoch in boundaries]
    made: Schedule = keras.optimizers.schedules.PiecewiseConstantDecay(steps, rates)
    return made


def _keras_steps(values: Mapping[str, Any], epochs: int, steps_per_epoch: int) -> str:
    return ", ".join(
        f"{name.replace('epochs', 'steps')} = {counted(value, 'epoch')} × {steps_per_epoch} "
        f"batches = {value * steps_per_epoch}"
        for name, value in values.items()
        if name.endswith("epochs")
    )


def _piecewise_steps(values: Mapping[str, Any], epochs: int, steps_per_epoch: int) -> str:
    ends = [
        f"{epoch} × {steps_per_epoch} batches − 1 = {epoch * steps_per_epoch - 1}"
        for epoch in values["boundaries"]
    ]
    return f"boundaries = {' and '.join(ends)}, the last steps at the old rate"


def _one_cycle(values: Mapping[str, Any], epochs: int) -> OneCycle:
    return OneCycle(epochs=epochs, **{k: v for k, v in values.items() if k != "cycle_momentum"})


def _one_cycle_steps(values: Mapping[str, Any], epochs: int, steps_per_epoch: int) -> str:
    share = values["warmup_fraction"]
    times = f"{share:.2g} × {counted(epochs, 'epoch')} × {steps_per_epoch} batches"
    words = f"up for {times} = {share * epochs * steps_per_epoch:.4g} steps, then down"
    if values["cycle_momentum"]:
        words += (
            "; the optimizer is SGD, its momentum by the same formula from 0.95 to 0.85 and back"
        )
    return words


def _filling(values: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """The values with `stable_epochs`: what warm-up and decay leave of the training."""
    left = max(0, epochs - values["warmup_epochs"] - values["decay_epochs"])
    return {**values, "stable_epochs": left}


@dataclass(frozen=True)
class Kind:
    """A kind of schedule, as a row of `KINDS`.

    Attributes:
        arguments: The names of its sliders; times are in epochs.
        schedule: Makes what an experiment takes of their values, the epochs of a training and the
            steps of an epoch.
        formula: The rate of a step (or epoch), counted from 0, in the names that Keras has.
        where: What else stands in the formula, in words.
        in_steps: Says of the same how epochs become the steps that Keras counts.
        words: What a pin says of it, with the values in their places; times are in epochs.
        handles: What can be dragged over its rates in the picture.
    """

    arguments: tuple[str, ...]
    schedule: Callable[..., Schedule]
    formula: str
    where: str = ""
    in_steps: Callable[..., str] = _keras_steps
    words: str = field(kw_only=True)
    handles: tuple[Handle, ...] = ()


def _starting_rate(change: Callable[[Mapping[str, Any]], int]) -> Handle:
    """The handle in the middle of the first rate, which lasts until that epoch."""

    def place(values: Mapping[str, Any]) -> tuple[float, float]:
        return min(change(values), values["epochs"]) / 2, values["initial_learning_rate"]

    return Handle(
        "starting rate", "y", place, lambda v, epoch, rate: {"initial_learning_rate": rate}
    )


def _first_drop() -> Handle:
    def place(values: Mapping[str, Any]) -> tuple[int, float]:
        rate: float = values["initial_learning_rate"] * values["decay_factor"]
        return values["epochs_per_drop"], rate

    def pulled(values: Mapping[str, Any], epoch: float, rate: float) -> dict[str, float]:
        factor = rounded(rate / values["initial_learning_rate"], 3)
        return {"epochs_per_drop": epoch, "decay_factor": factor}

    return Handle("first drop", "xy", place, pulled)


def _boundary(which: str, following: str) -> Handle:
    """The handle of a boundary; it stands at the rate that follows, and passes not the other."""

    def place(values: Mapping[str, Any]) -> tuple[int, float]:
        return values["boundaries"][which == "second"], values[following]

    def pulled(values: Mapping[str, Any], epoch: float, rate: float) -> dict[str, Any]:
        first, second = values["boundaries"]
        ends = (min(epoch, second - 1), second), (first, max(epoch, first + 1))
        return {"boundaries": ends[which == "second"], following: rate}

    return Handle(f"{which} boundary", "xy", place, pulled)


_FALLING = "initial_learning_rate * (alpha + (1 - alpha) * {} / 2)"
_STAIRS = "with staircase, // in place of /"
KINDS = {
    "constant": Kind(
        ("initial_learning_rate",),
        _constant,
        "initial_learning_rate",
        in_steps=lambda values, epochs, steps: (
            f"{counted(epochs, 'epoch')} × {steps} batches = {epochs * steps} steps, all alike"
        ),
        words="constant {initial_learning_rate:.3g}",
    ),
    "step": Kind(
        ("initial_learning_rate", "decay_factor", "epochs_per_drop"),
        lambda values, epochs, steps: StepDecay(**values),
        "initial_learning_rate * decay_factor ** (epoch // epochs_per_drop)",
        in_steps=lambda values, epochs, steps: (
            f"a drop every {counted(values['epochs_per_drop'], 'epoch')} × {steps} batches = "
            f"{values['epochs_per_drop'] * steps} steps"
        ),
        words="{initial_learning_rate:.3g}, × {decay_factor:.3g} every {epochs_per_drop}",
        handles=(_starting_rate(lambda values: values["epochs_per_drop"]), _first_drop()),
    ),
    "exponential": Kind(
        ("initial_learning_rate", "decay_epochs", "decay_rate", "staircase"),
        keras_class("ExponentialDecay"),
        "initial_learning_rate * decay_rate ** (step / decay_steps)",
        _STAIRS,
        words="exponential {initial_learning_rate:.3g}, × {decay_rate:.3g} in {decay_epochs}",
    ),
    "polynomial": Kind(
        ("initial_learning_rate", "decay_epochs", "end_learning_rate", "power"),
        keras_class("PolynomialDecay"),
        "end_learning_rate + (initial_learning_rate - end_learning_rate) * (1 - done) ** power",
        "done = min(step / decay_steps, 1)",
        words="polynomial {initial_learning_rate:.3g} to {end_learning_rate:.3g} in {decay_epochs}",
    ),
    "inverse time": Kind(
        ("initial_learning_rate", "decay_epochs", "decay_rate", "staircase"),
        keras_class("InverseTimeDecay"),
        "initial_learning_rate / (1 + decay_rate * (step / decay_steps))",
        _STAIRS,
        words="inverse {initial_learning_rate:.3g}, ÷ (1 + {decay_rate:.3g}) in {decay_epochs}",
    ),
    "piecewise": Kind(
        ("initial_learning_rate", "middle_learning_rate", "end_learning_rate", "boundaries"),
        _piecewise,
        "values[sum(step > boundary for boundary in boundaries)]",
        "values = the three rates",
        _piecewise_steps,
        words="{initial_learning_rate:.3g}, {middle_learning_rate:.3g}, {end_learning_rate:.3g} "
        "at {boundaries[0]}, {boundaries[1]}",
        handles=(
            _starting_rate(lambda values: values["boundaries"][0]),
            _boundary("first", "middle_learning_rate"),
            _boundary("second", "end_learning_rate"),
        ),
    ),
    "cosine": Kind(
        ("initial_learning_rate", "decay_epochs", "alpha"),
        keras_class("CosineDecay"),
        _FALLING.format("(1 + cos(pi * done))"),
        "done = min(step / decay_steps, 1)",
        words="cosine {initial_learning_rate:.3g} in {decay_epochs}",
    ),
    "cosine with restarts": Kind(
        ("initial_learning_rate", "first_decay_epochs", "t_mul", "m_mul", "alpha"),
        keras_class("CosineDecayRestarts"),
        _FALLING.format("m_mul ** cycle * (1 + cos(pi * done))"),
        "cycle = how many are over, done = the share of the present one; "
        "a cycle is t_mul times as long as the one before",
        words="restarts {initial_learning_rate:.3g}, first after {first_decay_epochs}",
    ),
    "warm-up": Kind(
        ("initial_learning_rate", "warmup_epochs", "warmup_target", "decay_epochs", "alpha"),
        keras_class("CosineDecay"),
        "initial_learning_rate + (warmup_target - initial_learning_rate) * step / warmup_steps",
        "after the warm-up a cosine, as without one, from warmup_target",
        words="warm-up {initial_learning_rate:.3g} to {warmup_target:.3g} in {warmup_epochs}",
    ),
    "warm-up, stable, decay": Kind(
        ("max_learning_rate", "warmup_epochs", "decay_epochs"),
        lambda values, epochs, steps: keras_class("WarmupStableDecay")(
            _filling(values, epochs), epochs, steps
        ),
        "max_learning_rate * min(step / warmup_steps, 1, left / decay_steps)",
        "left = the steps that are left",
        lambda values, epochs, steps: _keras_steps(_filling(values, epochs), epochs, steps),
        words="stable {max_learning_rate:.3g}, up {warmup_epochs}, down {decay_epochs}",
    ),
    "inverse square root": Kind(
        ("max_learning_rate", "warmup_epochs"),
        keras_class("InverseSquareRoot"),
        "max_learning_rate * min(step / warmup_steps, sqrt(warmup_steps / step))",
        words="inverse root {max_learning_rate:.3g}, up {warmup_epochs}",
    ),
    "cyclical": Kind(
        ("initial_learning_rate", "max_learning_rate", "half_cycle_epochs"),
        keras_class("Cyclical"),
        "high - (high - low) * abs(step / half_cycle_steps % 2 - 1)",
        "low = initial_learning_rate, high = max_learning_rate",
        words="cyclical {initial_learning_rate:.3g} to {max_learning_rate:.3g} "
        "in {half_cycle_epochs}",
    ),
    "one-cycle": Kind(
        ("max_learning_rate", "warmup_fraction", "div", "cycle_momentum"),
        lambda values, epochs, steps: _one_cycle(values, epochs).to_keras(steps),
        "start + (end - start) * (1 - cos(pi * done)) / 2",
        "up: from max_learning_rate / div to max_learning_rate, then down: to "
        "max_learning_rate / 100000; done = the share of the way up or down",
        _one_cycle_steps,
        words="one-cycle {max_learning_rate:.3g}, up {warmup_fraction:.0%}",
    ),
    "ReduceLROnPlateau": Kind(
        ("initial_learning_rate", "factor", "patience", "cooldown", "min_delta", "min_lr"),
        _constant,
        "max(learning_rate * factor, min_lr)",
        "after patience epochs without a better validation loss",
        lambda values, epochs, steps: (
            f"the callback looks at val_loss once an epoch, that is every {steps} batches"
        ),
        words="plateau {initial_learning_rate:.3g}, × {factor:.3g} after {patience}",
    ),
}


@dataclass(frozen=True)
class Plan:
    """A kind of schedule with its arguments; times are in epochs.

    Attributes:
        kind: One of `KINDS`.
        arguments: Names and values, those of `KINDS[kind].arguments` in that order.

    Example:
        >>> plan = Plan("cosine", (("initial_learning_rate", 0.1), ("decay_epochs", 5)))
        >>> plan.in_steps(epochs=15, steps_per_epoch=45)
        'decay_steps = 5 epochs × 45 batches = 225'
        >>> print(plan)
        cosine 0.1 in 5
    """

    kind: str
    arguments: tuple[tuple[str, Any], ...]

    def schedule(self, epochs: int, steps_per_epoch: int) -> Schedule:
        """Return what an experiment takes: a real Keras schedule object where Keras has one."""
        return KINDS[self.kind].schedule(dict(self.arguments), epochs, steps_per_epoch)

    def in_steps(self, epochs: int, steps_per_epoch: int) -> str:
        """Say how epochs become the steps that Keras counts."""
        return KINDS[self.kind].in_steps(dict(self.arguments), epochs, steps_per_epoch)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks that a run by this plan needs."""
        if self.kind != "ReduceLROnPlateau":
            return []
        from lrlab.backend import keras

        return [keras.callbacks.ReduceLROnPlateau(**dict(self.arguments[1:]))]

    @property
    def cycles_momentum(self) -> bool:
        """Whether it needs an optimizer whose momentum follows a schedule."""
        return bool(dict(self.arguments).get("cycle_momentum"))

    def optimizer(self, epochs: int, steps_per_epoch: int) -> keras.optimizers.Optimizer:
        """Return SGD with the momentum that goes with one-cycle."""
        from lrlab.optimizers import SGDWithMomentumSchedule

        momentum = _one_cycle(dict(self.arguments), epochs).momentum(steps_per_epoch)
        return SGDWithMomentumSchedule(momentum_schedule=momentum)

    def __str__(self) -> str:
        """Return in few words what the rate does."""
        words = KINDS[self.kind].words.format(**dict(self.arguments))
        return words + ", momentum" * self.cycles_momentum

    def beside(self, other: Plan) -> str:
        """Return the same and the arguments that are not those of another plan of this kind."""
        different = [
            f"{name.replace('_', ' ')} {value}"
            for (name, value), theirs in zip(self.arguments, other.arguments, strict=True)
            if (name, value) != theirs
        ]
        return ", ".join([str(self), *different])


@lru_cache(maxsize=64)
def intended_rates(plan: Plan, epochs: int, steps_per_epoch: int) -> np.ndarray:
    """Return the rate of each step as planned; what a callback will make of it nobody knows."""
    return preview(plan.schedule(epochs, steps_per_epoch), epochs, steps_per_epoch)
