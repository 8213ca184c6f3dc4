"""What is trained: four models, each with its data, and the plain Keras that trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lrlab.backend import keras

import numpy as np
from sklearn.datasets import make_moons

import lrlab
from benchmarks.timing import Figures


@dataclass(frozen=True)
class Case:
    """A model, uncompiled, with data and settings.

    Attributes:
        build: Returns the model.
        data: x_train, y_train, x_val, y_val.
        loss: For `compile`.
        rate: A learning rate at which training is stable, so that sides can be held together.
    """

    build: Callable[[], Any]
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    loss: str = "sparse_categorical_crossentropy"
    rate: float = 0.05
    epochs: int = 15
    batch_size: int = 32

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """For `model.fit` and `lrlab.fit` alike."""
        x, y, *validation = self.data
        return {
            "x": x,
            "y": y,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "validation_data": tuple(validation),
            "shuffle": False,
            "verbose": 0,
        }

    def compiled(self, rate: float | None = None) -> Any:
        """Return a new model, always with the same weights."""
        keras.utils.set_random_seed(0)
        model = self.build()
        optimizer = keras.optimizers.SGD(self.rate if rate is None else rate)
        model.compile(optimizer=optimizer, loss=self.loss, metrics=["accuracy"])
        return model

    def experiment(self) -> lrlab.Experiment:
        """Return the same as an `Experiment`."""
        return lrlab.Experiment(
            self.build,
            self.data,
            loss=self.loss,
            metrics=["accuracy"],
            epochs=self.epochs,
            batch_size=self.batch_size,
        )

    @property
    def size(self) -> Figures:
        """How large it is, for the report."""
        return {
            "parameters": self.build().count_params(),
            "samples": len(self.data[0]),
            "validation samples": len(self.data[2]),
            "batch size": self.batch_size,
            "epochs": self.epochs,
        }


def digits_mlp(
    hidden: tuple[int, ...] = (32,), rate: float = 0.1, epochs: int = 15, samples: float = 1.0
) -> Case:
    """An MLP on digits; `samples` is how often the training data are there, or which share."""
    digits = lrlab.data.digits()
    count = round(samples * len(digits.x_train))
    rows = np.arange(count) % len(digits.x_train)
    data = digits.x_train[rows], digits.y_train[rows], digits.x_val, digits.y_val
    return Case(lambda: lrlab.models.mlp(digits, hidden), data, rate=rate, epochs=epochs)


def _digits_cnn() -> Case:
    digits = lrlab.data.digits()
    data = digits.x_train, digits.y_train, digits.x_val, digits.y_val
    return Case(lambda: lrlab.models.cnn(digits), data, epochs=10)


def _small_net() -> Case:
    """The net of many a first lesson; 250 points to train on and 50 more to validate."""
    x, y = make_moons(300, noise=0.2, random_state=0)
    x = x.astype("float32")

    def build() -> Any:
        layers = [
            keras.Input((2,)),
            keras.layers.Dense(4, activation="tanh"),
            keras.layers.Dense(2, activation="tanh"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
        return keras.Sequential(layers)

    data = x[:250], y[:250], x[250:], y[250:]
    return Case(build, data, "binary_crossentropy", rate=0.1, epochs=50, batch_size=10)


def cases() -> dict[str, Case]:
    """Return the models by the names that the report uses; the first is the headline."""
    return {
        "digits, MLP 64-32-10": digits_mlp(),
        "digits, CNN": _digits_cnn(),
        "digits, MLP 64-960-960-10": digits_mlp((960, 960), rate=0.05, epochs=5),
        "moons, 2-4-2-1": _small_net(),
    }
