"""Optimizers on landscapes of two weights, by the rules of Keras's, without a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Landscape:
    """A loss of two weights.

    Attributes:
        loss: Of x and y, as floats or arrays.
        gradient: Of x and y: how the loss changes along each.
        formula: The same loss in Python, with `ops` of Keras.
    """

    loss: Callable[[Any, Any], Any]
    gradient: Callable[[float, float], tuple[float, float]]
    formula: str


def _away(x: Any, y: Any) -> Any:
    return np.exp(-(x**2 + y**2) / 2)


LANDSCAPES = {
    "bowl": Landscape(lambda x, y: (x**2 + y**2) / 2, lambda x, y: (x, y), "(x**2 + y**2) / 2"),
    "valley": Landscape(
        lambda x, y: (0.1 * x**2 + y**2) / 2, lambda x, y: (0.1 * x, y), "(0.1 * x**2 + y**2) / 2"
    ),
    "saddle": Landscape(
        lambda x, y: (x**2 - y**2) / 2 + y**4 / 4 + 0.25,
        lambda x, y: (x, y**3 - y),
        "(x**2 - y**2) / 2 + y**4 / 4 + 0.25",
    ),
    "plateau": Landscape(
        lambda x, y: 1 - _away(x, y),
        lambda x, y: (x * _away(x, y), y * _away(x, y)),
        "1 - ops.exp(-(x**2 + y**2) / 2)",
    ),
    "two minima": Landscape(
        lambda x, y: (x**2 - 1) ** 2 / 2 + 0.3 * x + y**2 / 2 + 0.31,
        lambda x, y: (2 * x * (x**2 - 1) + 0.3, y),
        "(x**2 - 1) ** 2 / 2 + 0.3 * x + y**2 / 2 + 0.31",
    ),
}
# What each is in Keras, given the rate and the momentum.
OPTIMIZERS = {
    "SGD": "SGD(learning_rate={rate!r})",
    "momentum": "SGD(learning_rate={rate!r}, momentum={momentum!r})",
    "RMSprop": "RMSprop(learning_rate={rate!r})",
    "Adam": "Adam(learning_rate={rate!r})",
}
# What an optimizer keeps: its last step. The scaled one is the rate times a gradient,
# of Adam a mean of gradients, divided by the root of the mean of their squares.
KEPT = {"momentum": "velocity", "RMSprop": "scaled step", "Adam": "scaled step"}
_RHO, _BETA_1, _BETA_2, _EPSILON = 0.9, 0.9, 0.999, 1e-7  # Keras's defaults


@dataclass(frozen=True)
class Journey:
    """Steps of an optimizer on a landscape, by the rule of Keras's.

    Attributes:
        landscape: One of `LANDSCAPES`.
        optimizer: One of `OPTIMIZERS`.
        start: The two weights before the first step.
        learning_rate: A number above 0.
        momentum: Of "momentum" alone: the share of the last step that is made again.
        steps: How many steps.

    Example:
        >>> journey = Journey("bowl", "SGD", (1.0, 0.0), learning_rate=0.5, steps=2)
        >>> journey.path.tolist()
        [[1.0, 0.0], [0.5, 0.0], [0.25, 0.0]]
    """

    landscape: str
    optimizer: str
    start: tuple[float, float]
    learning_rate: float
    momentum: float = 0.9
    steps: int = 20

    @cached_property
    def path(self) -> np.ndarray:
        """The weights before each step and after the last, shape (steps + 1, 2)."""
        path = np.empty((self.steps + 1, 2))
        path[0], first, second = self.start, np.zeros(2), np.zeros(2)
        with np.errstate(over="ignore", invalid="ignore"):  # far out it is infinite, then nan
            for step in range(self.steps):
                change, first, second = self._step(path[step], first, second, step + 1)
                path[step + 1] = path[step] + change
        return path

    def _step(
        self, weights: np.ndarray, first: np.ndarray, second: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The step, and what the optimizer keeps: a mean of gradients, one of their squares."""
        gradient, rate = self.gradient(weights), self.learning_rate
        if self.optimizer == "momentum":
            first = self.momentum * first - rate * gradient
            return first, first, second
        if self.optimizer == "RMSprop":
            second = _RHO * second + (1 - _RHO) * gradient**2
            return -rate * gradient / np.sqrt(second + _EPSILON), first, second
        if self.optimizer == "Adam":
            first = first + (gradient - first) * (1 - _BETA_1)
            second = second + (gradient**2 - second) * (1 - _BETA_2)
            scaled = rate * np.sqrt(1 - _BETA_2**count) / (1 - _BETA_1**count)
            return -scaled * first / (np.sqrt(second) + _EPSILON), first, second
        return -rate * gradient, first, second

    @property
    def gradient_step(self) -> np.ndarray:
        """The step that the gradient alone would make from the last weights, shape (2,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return -self.learning_rate * self.gradient(self.path[-1])

    @property
    def kept_step(self) -> np.ndarray:
        """What the optimizer keeps, as a step: see `KEPT`; zero before the first, shape (2,)."""
        before = self.path[-2:][0] if self.optimizer in KEPT else self.path[-1]
        with np.errstate(invalid="ignore"):
            kept: np.ndarray = self.path[-1] - before
        return kept

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """How the loss changes along each weight."""
        return np.array(LANDSCAPES[self.landscape].gradient(*weights), float)

    @cached_property
    def losses(self) -> np.ndarray:
        """The loss before each step and after the last."""
        with np.errstate(over="ignore", invalid="ignore"):
            losses: np.ndarray = LANDSCAPES[self.landscape].loss(*self.path.T)
        return losses
