"""Optimizers by the names that Keras has for them, with what can be set of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class _Kind:
    """An optimizer of Keras's, and its defaults."""

    name: str
    learning_rate: float = 0.001
    momentum: float | None = None  # None: it has none
    weight_decay: float = 0.0
    nesterov: bool = False


# The defaults are Keras's, but for Nesterov's momentum, which does nothing at 0.
OPTIMIZERS = {
    "SGD": _Kind("SGD", 0.01, momentum=0.0),
    "SGD Nesterov": _Kind("SGD", 0.01, momentum=0.9, nesterov=True),
    "RMSprop": _Kind("RMSprop", momentum=0.0),
    "Adagrad": _Kind("Adagrad"),
    "Adam": _Kind("Adam"),
    "AdamW": _Kind("AdamW", weight_decay=0.004),
    "Nadam": _Kind("Nadam"),
    "Lion": _Kind("Lion"),
}


@dataclass(frozen=True)
class Settings:
    """An optimizer, its rate and what else is set.

    Attributes:
        optimizer: One of `OPTIMIZERS`.
        learning_rate: A number above 0.
        momentum: As for `keras.optimizers.SGD` and `RMSprop`; of no other.
        weight_decay: As for any Keras optimizer: each step multiplies the weights by 1 - rate
            times this. 0 for none.
        batch_size: Samples a step.

    Example:
        >>> Settings("SGD", 0.1, momentum=0.9, batch_size=64).make(learning_rate=False)
        ('SGD', {'momentum': 0.9})
        >>> print(Settings("SGD", 0.1, momentum=0.9, batch_size=64))
        SGD 0.1 m0.9 b64
    """

    optimizer: str
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 32

    @classmethod
    def usual(cls, optimizer: str, batch_size: int = 32) -> Settings:
        """Return those that Keras has for an optimizer."""
        kind = OPTIMIZERS[optimizer]
        return cls(
            optimizer, kind.learning_rate, kind.momentum or 0.0, kind.weight_decay, batch_size
        )

    def make(self, *, learning_rate: bool = True) -> tuple[str, dict[str, Any]]:
        """Return the name of the Keras class and its arguments."""
        kind = OPTIMIZERS[self.optimizer]
        arguments: dict[str, Any] = {"learning_rate": self.learning_rate} if learning_rate else {}
        if kind.momentum is not None and self.momentum:
            arguments["momentum"] = self.momentum
        if kind.nesterov:
            arguments["nesterov"] = True
        if self.weight_decay or kind.weight_decay:
            arguments["weight_decay"] = self.weight_decay
        return kind.name, arguments

    def as_optimizer(self) -> keras.optimizers.Optimizer:
        """Return it as an object of Keras's."""
        from lrlab.backend import keras

        name, arguments = self.make()
        made: keras.optimizers.Optimizer = getattr(keras.optimizers, name)(**arguments)
        return made

    def __str__(self) -> str:
        """Return a few words, those for the usual left out."""
        usual = Settings.usual(self.optimizer)
        others = [
            f"{name[0]}{getattr(self, name):g}"
            for name in ("momentum", "weight_decay", "batch_size")
            if getattr(self, name) != getattr(usual, name)
        ]
        return " ".join([self.optimizer, f"{self.learning_rate:.3g}", *others])
