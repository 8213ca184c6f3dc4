"""Schedules as a person thinks of them, in epochs, and the Keras schedules in steps they become."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.checks import as_learning_rate
from lrlab.schedules import OneCycle, Schedule, StepDecay, preview

if TYPE_CHECKING:
    import keras

# The arguments of each kind. `decay_epochs` becomes Keras's `decay_steps`, and so on.
KINDS = {
    "constant": ("initial_learning_rate",),
    "step": ("initial_learning_rate", "decay_factor", "epochs_per_drop"),
    "exponential": ("initial_learning_rate", "decay_epochs", "decay_rate", "staircase"),
    "polynomial": ("initial_learning_rate", "decay_epochs", "end_learning_rate", "power"),
    "inverse time": ("initial_learning_rate", "decay_epochs", "decay_rate", "staircase"),
    "piecewise": (
        *("initial_learning_rate", "middle_learning_rate", "end_learning_rate"),
        "boundaries",
    ),
    "cosine": ("initial_learning_rate", "decay_epochs", "alpha"),
    "cosine with restarts": (
        *("initial_learning_rate", "first_decay_epochs", "t_mul", "m_mul"),
        "alpha",
    ),
    "warm-up": (
        *("initial_learning_rate", "warmup_epochs", "warmup_target", "decay_epochs"),
        "alpha",
    ),
    "one-cycle": ("max_learning_rate", "warmup_fraction", "div"),
    "ReduceLROnPlateau": (
        *("initial_learning_rate", "factor", "patience", "cooldown"),
        *("min_delta", "min_lr"),
    ),
}
_KERAS_CLASS = {
    "exponential": "ExponentialDecay",
    "polynomial": "PolynomialDecay",
    "inverse time": "InverseTimeDecay",
    "piecewise": "PiecewiseConstantDecay",
    "cosine": "CosineDecay",
    "cosine with restarts": "CosineDecayRestarts",
    "warm-up": "CosineDecay",
}
_SHORT = {
    "inverse time": "inverse",
    "cosine with restarts": "restarts",
    "ReduceLROnPlateau": "plateau",
}


@dataclass(frozen=True)
class Plan:
    """A kind of schedule with its arguments; times are in epochs.

    Attributes:
        kind: One of `KINDS`.
        arguments: Names and values, those of `KINDS[kind]` in that order.

    Example:
        >>> plan = Plan("cosine", (("initial_learning_rate", 0.1), ("decay_epochs", 5)))
        >>> plan.in_steps(epochs=15, steps_per_epoch=45)
        'decay_steps = 5 epochs × 45 batches = 225'
    """

    kind: str
    arguments: tuple[tuple[str, Any], ...]

    def schedule(self, epochs: int, steps_per_epoch: int) -> Schedule:
        """Return what an experiment takes: a real Keras schedule object where Keras has one."""
        values = dict(self.arguments)
        if self.kind in ("constant", "ReduceLROnPlateau"):
            return as_learning_rate(values["initial_learning_rate"], "initial_learning_rate")
        if self.kind == "step":
            return StepDecay(**values)
        if self.kind == "one-cycle":
            return OneCycle(epochs=epochs, **values).to_keras(steps_per_epoch)
        from lrlab.backend import keras

        cls = getattr(keras.optimizers.schedules, _KERAS_CLASS[self.kind])
        if self.kind == "piecewise":
            *rates, (_, boundaries) = self.arguments
            # Keras changes the value after a boundary: the boundary is an epoch's last step.
            return cls(
                [epoch * steps_per_epoch - 1 for epoch in boundaries], [rate for _, rate in rates]
            )
        steps = {
            name.replace("epochs", "steps"): value * steps_per_epoch
            for name, value in self.arguments
            if name.endswith("epochs")
        }
        others = {name: value for name, value in self.arguments if not name.endswith("epochs")}
        return cls(**steps, **others)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks that a run by this plan needs."""
        if self.kind != "ReduceLROnPlateau":
            return []
        from lrlab.backend import keras

        return [keras.callbacks.ReduceLROnPlateau(**dict(self.arguments[1:]))]

    def in_steps(self, epochs: int, steps_per_epoch: int) -> str:
        """Say how epochs become the steps that Keras counts."""
        values = dict(self.arguments)
        batches = f"{steps_per_epoch} batches"
        if self.kind == "constant":
            return f"{_epochs(epochs)} × {batches} = {epochs * steps_per_epoch} steps, all alike"
        if self.kind == "step":
            every = values["epochs_per_drop"]
            return f"a drop every {_epochs(every)} × {batches} = {every * steps_per_epoch} steps"
        if self.kind == "piecewise":
            ends = [
                f"{e} × {batches} − 1 = {e * steps_per_epoch - 1}" for e in values["boundaries"]
            ]
            return f"boundaries = {' and '.join(ends)}, the last steps at the old rate"
        if self.kind == "one-cycle":
            share = values["warmup_fraction"]
            up = f"{share * epochs * steps_per_epoch:.4g}"
            return f"up for {share:.2g} × {_epochs(epochs)} × {batches} = {up} steps, then down"
        if self.kind == "ReduceLROnPlateau":
            return f"the callback looks at val_loss once an epoch, that is every {batches}"
        return ", ".join(
            f"{name.replace('epochs', 'steps')} = {_epochs(value)} × {batches} = "
            f"{value * steps_per_epoch}"
            for name, value in self.arguments
            if name.endswith("epochs")
        )

    def __str__(self) -> str:
        """Return the kind and its first numbers."""
        numbers = [f"{value:.3g}" for _, value in self.arguments[:3]]
        return f"{_SHORT.get(self.kind, self.kind)} {' '.join(numbers)}"

    def beside(self, other: Plan) -> str:
        """Return the same and the arguments that are not those of another plan of this kind."""
        different = [
            f"{name} {value}"
            for (name, value), theirs in zip(self.arguments, other.arguments, strict=True)
            if (name, value) != theirs
        ]
        return ", ".join([str(self), *different])


def _epochs(count: int) -> str:
    return f"{count} epoch{'' if count == 1 else 's'}"


@lru_cache(maxsize=64)
def intended_rates(plan: Plan, epochs: int, steps_per_epoch: int) -> np.ndarray:
    """Return the rate of each step as planned; what a callback will make of it nobody knows."""
    return preview(plan.schedule(epochs, steps_per_epoch), epochs, steps_per_epoch)
