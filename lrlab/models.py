"""The small Keras models that the notebooks train.

Every model comes uncompiled; `lrlab.Experiment` or `model.compile` adds optimizer and loss.
"""

import math
from collections.abc import Sequence
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.data import Dataset

__all__ = ["cnn", "linear", "mlp"]


def linear(dataset: Dataset) -> keras.Sequential:
    """A model with no hidden layer: logistic regression, or linear regression.

    Args:
        dataset: Gives the input shape and the head: `classes` units with softmax for
            classification, one linear unit a target for regression.

    Example:
        >>> from lrlab.data import diabetes
        >>> linear(diabetes()).output_shape
        (None, 1)
    """
    return keras.Sequential([*_flat_input(dataset), _head(dataset)])


def mlp(
    dataset: Dataset, hidden: Sequence[int] = (32,), activation: str = "relu"
) -> keras.Sequential:
    """A multilayer perceptron; on digits 64-32-10.

    Args:
        dataset: Gives the input shape and the head, as for `linear`.
        hidden: The number of units of each hidden layer.
        activation: Their activation, by any name that Keras knows.

    Raises:
        ValueError: If `hidden` is not a sequence of whole numbers of at least 1.

    Example:
        >>> from lrlab.data import digits
        >>> mlp(digits()).count_params() == 64 * 32 + 32 + 32 * 10 + 10
        True
    """
    sizes: Sequence[object] = () if isinstance(hidden, int | str) else hidden
    if sizes is not hidden or not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise ValueError(
            "hidden must be a sequence of whole numbers of units, one a hidden layer. "
            f"Received: hidden={hidden!r}. For one layer of 32: hidden=(32,)."
        )
    layers = [keras.layers.Dense(units, activation=activation) for units in hidden]
    return keras.Sequential([*_flat_input(dataset), *layers, _head(dataset)])


def cnn(dataset: Dataset) -> keras.Sequential:
    """A convolutional network with two small convolutions; 9,930 parameters on digits.

    Args:
        dataset: Samples are images of shape `(height, width)` or `(height, width, channels)`, or
            flattened square ones such as the 64 pixels of a digit; at least 4 pixels a side.

    Raises:
        ValueError: If the samples are no such images.

    Example:
        >>> from lrlab.data import digits
        >>> cnn(digits()).count_params()
        9930
    """
    shape = _image_shape(dataset)
    reshape = [keras.layers.Reshape(shape)] if shape != dataset.input_shape else []
    return keras.Sequential(
        [
            keras.Input(shape=dataset.input_shape),
            *reshape,
            keras.layers.Conv2D(16, (3, 3), padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, (3, 3), padding="same", activation="relu"),
            keras.layers.Flatten(),
            _head(dataset),
        ]
    )


def _flat_input(dataset: Dataset) -> list[Any]:
    _check_single(dataset)
    inputs = keras.Input(shape=dataset.input_shape)
    return [inputs] if len(dataset.input_shape) == 1 else [inputs, keras.layers.Flatten()]


def _head(dataset: Dataset) -> keras.layers.Layer:
    activation = "softmax" if dataset.task == "classification" else None
    return keras.layers.Dense(dataset.outputs, activation=activation)


def _check_single(dataset: Dataset) -> None:
    if not isinstance(dataset.x_train, np.ndarray) or dataset.task == "several targets":
        raise ValueError(
            "The small models have one input and one output. Received: "
            f"{dataset!r}. Write a keras.Model with several."
        )


def _image_shape(dataset: Dataset) -> tuple[int, ...]:
    _check_single(dataset)
    shape = dataset.input_shape
    side = math.isqrt(shape[0])
    pixels = (side, side) if shape == (side**2,) else shape
    image = (*pixels, 1) if len(pixels) == 2 else pixels
    if len(image) != 3 or min(image[:2]) < 4:
        raise ValueError(
            "cnn needs images of at least 4x4 pixels: samples of shape (height, width), (height, "
            "width, channels), or a square image in one row. Received: "
            f"{dataset.name!r} with samples of shape {shape}. Use mlp for it."
        )
    return image
