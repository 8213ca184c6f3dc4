"""Gradient descent on a bowl, where everything about the learning rate can be worked out by hand.

The loss is the sum of curvature * weight ** 2 / 2 over the weights: one for a parabola, two for a
valley. Its least value is 0, where all weights are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

Outcome: TypeAlias = Literal["slow", "converges", "oscillates", "diverges"]

_LEFT_WHEN_SLOW = 0.1  # of the distance, after all steps
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Descent:
    """Steps of gradient descent with momentum, by the rule of `keras.optimizers.SGD`.

    velocity = momentum * velocity - learning_rate * gradient; weights = weights + velocity

    Attributes:
        curvatures: The second derivative of the loss along each weight, above 0; the largest one
            last.
        start: The weights before the first step, as many.
        learning_rate: How far a step goes for a gradient of 1.
        momentum: The share of the last velocity that is kept, from 0 up to but not 1.
        steps: How many steps.

    Example:
        >>> descent = Descent((1.0,), (1.0,), learning_rate=0.5, steps=3)
        >>> descent.path.ravel().tolist()
        [1.0, 0.5, 0.25, 0.125]
        >>> descent.limit, descent.outcome
        (2.0, 'slow')
    """

    curvatures: tuple[float, ...]
    start: tuple[float, ...]
    learning_rate: float
    momentum: float = 0.0
    steps: int = 20

    @cached_property
    def path(self) -> np.ndarray:
        """The weights before each step and after the last, shape (steps + 1, weights)."""
        curvatures = np.array(self.curvatures)
        path = np.empty((self.steps + 1, len(curvatures)))
        path[0], velocity = self.start, np.zeros(len(curvatures))
        with np.errstate(over="ignore", invalid="ignore"):  # far out it is infinite, then nan
            for step in range(self.steps):
                velocity = self.momentum * velocity - self.learning_rate * curvatures * path[step]
                path[step + 1] = path[step] + velocity
        return path

    @cached_property
    def losses(self) -> np.ndarray:
        """The loss before each step and after the last."""
        with np.errstate(over="ignore"):
            losses: np.ndarray = (np.array(self.curvatures) * self.path**2).sum(axis=1) / 2
        return losses

    @property
    def limit(self) -> float:
        """The learning rate beyond which it diverges: 2 (1 + momentum) / the largest curvature."""
        return 2 * (1 + self.momentum) / max(self.curvatures)

    @property
    def swings_from(self) -> float:
        """The learning rate beyond which it swings: (1 - √momentum)² / the largest curvature.

        Up to it the weight comes nearer from one side. From it on the roots are complex, and later
        negative.
        """
        return float((1 - self.momentum**0.5) ** 2 / max(self.curvatures))

    def roots(self, curvature: float) -> np.ndarray:
        """What a step multiplies the distance along a weight by; two numbers with momentum.

        They solve z² - (1 + momentum - learning_rate curvature) z + momentum = 0: a distance that
        is multiplied by z each step obeys the rule.
        """
        straight = 1 + self.momentum - self.learning_rate * curvature
        return np.roots([1.0, -straight, self.momentum]) if self.momentum else np.array([straight])

    def growth(self, curvature: float) -> float:
        """How much longer the distance along a weight becomes with a step, in the long run."""
        return float(np.abs(self.roots(curvature)).max())

    def swings(self, curvature: float) -> bool:
        """Whether the weight jumps over its best value again and again."""
        roots = self.roots(curvature)
        return bool((np.iscomplex(roots) | (roots.real < -_ROUNDING)).any())

    @property
    def outcome(self) -> Outcome:
        """The verdict: what these steps do."""
        if max(map(self.growth, self.curvatures)) > 1 + _ROUNDING:
            return "diverges"
        if any(map(self.swings, self.curvatures)):
            return "oscillates"
        left = max(map(self.growth, self.curvatures)) ** self.steps
        return "slow" if left > _LEFT_WHEN_SLOW else "converges"

    @property
    def reason(self) -> str:
        """Why, in numbers."""
        if len(self.curvatures) == 1:
            words = f"Each step multiplies the distance from the minimum by {self._factor(0)}."
        else:
            words = (
                f"Each step multiplies the distance across the valley by {self._factor(-1)}, "
                f"along it by {self._factor(0)}."
            )
        largest, momentum = max(self.curvatures), self.momentum
        limit = f"2 (1 + {momentum:g})/λ" if momentum else "2/λ"
        return f"{words} The limit is {limit} = {self.limit:.3g}, where λ = {largest:g}."

    def _factor(self, which: int) -> str:
        curvature = self.curvatures[which]
        growth = self.growth(curvature)
        if self.momentum:
            return f"{growth:.3g} in the long run{' as it swings' * self.swings(curvature)}"
        factor = 1 - self.learning_rate * curvature
        minus = "−" * (factor < 0)
        return f"1 − {self.learning_rate:.3g} × {curvature:.3g} = {minus}{growth:.3g}"
