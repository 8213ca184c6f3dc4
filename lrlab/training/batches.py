"""The data of a training, on the device and cut into batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab.training.internals import as_arrays


@dataclass(frozen=True)
class Batches:
    """Arrays on the device, cut into batches.

    `arrays` is what was cut, each leaf of shape (samples, ...), and shares its memory with the
    rest. `whole` holds the full batches, each leaf of shape (batches, batch_size, ...); `rest` the
    last, smaller one, each leaf of shape (samples, ...), or None where there is none.
    """

    arrays: Any
    whole: Any
    rest: Any
    count: int
    batch_size: int
    samples: int

    @classmethod
    def cut(cls, arrays: Any, batch_size: int, order: Any = None) -> Batches:
        """Cut a structure of tensors of shape (samples, ...), taken in the given order."""
        samples = next(a for a in keras.tree.flatten(arrays) if a is not None).shape[0]
        full = samples // batch_size
        cut = full * batch_size
        if order is None:  # NumPy cuts without copying, before TensorFlow has begun to
            views = map_arrays(np.asarray, arrays)
        else:
            views = arrays = map_arrays(lambda array: tf.gather(array, order), arrays)

        def stack(array: Any) -> Any:
            return tf.reshape(array[:cut], [full, batch_size, *array.shape[1:]])

        rest = None
        if samples % batch_size:
            rest = map_arrays(lambda array: tf.convert_to_tensor(array[cut:]), views)
        count = math.ceil(samples / batch_size)
        return cls(arrays, map_arrays(stack, views), rest, count, batch_size, samples)

    @property
    def shapes(self) -> Any:
        """Shape and dtype of each array of the whole and of the rest."""
        return map_arrays(lambda array: (tuple(array.shape), array.dtype.name), self.parts)

    @property
    def parts(self) -> tuple[Any, Any]:
        """What a compiled loop takes."""
        return self.whole, self.rest

    @property
    def spec(self) -> Any:
        """The shapes and dtypes of a batch, as a step gets to see them."""
        size = None if self.hides_size else self.batch_size
        return map_arrays(lambda a: tf.TensorSpec((size, *a.shape[1:]), a.dtype), self[0])

    @property
    def hides_size(self) -> bool:
        """Whether Keras hides the batch size from a step, for the last batch is smaller."""
        return self.rest is not None

    def __getitem__(self, index: int) -> Any:
        if index < self.samples // self.batch_size:
            return map_arrays(lambda array: array[index], self.whole)
        return self.rest


def with_hidden_size(batch: Any) -> Any:
    """Return a batch of unknown size; Keras's losses of several outputs look at it."""

    def hide(array: Any) -> Any:
        return tf.compat.v1.placeholder_with_default(array, (None, *array.shape[1:]))

    return map_arrays(hide, batch)


def map_arrays(function: Callable[[Any], Any], structure: Any) -> Any:
    """Apply a function to every array of a structure, and leave None where there is none."""
    return keras.tree.map_structure(function, structure, none_is_leaf=False)


def as_tensors(x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Any:
    """Return (x, y, sample_weight) as Keras's `train_step` takes them, or None if not all dense."""
    arrays = keras.tree.lists_to_tuples(as_arrays(x, y, sample_weight, class_weight))
    leaves = [leaf for leaf in keras.tree.flatten(arrays) if leaf is not None]
    if not all(isinstance(leaf, tf.Tensor) or hasattr(leaf, "__array__") for leaf in leaves):
        return None
    return map_arrays(tf.convert_to_tensor, arrays)
