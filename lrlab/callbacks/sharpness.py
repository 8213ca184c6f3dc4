"""The sharpness of a model: the largest eigenvalue of the Hessian of its training loss.

The Hessian itself, parameters by parameters, is never formed: SciPy's `eigsh` needs only its
product with a vector, which costs about as much as two gradients.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

from lrlab.backend import keras, tf

import numpy as np
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from lrlab.checks import as_number, as_whole_number
from lrlab.training.internals import compile_arguments

__all__ = ["SharpnessTrace", "sharpness"]

_Product = Callable[[Any, Any, Any], Any]
_PRODUCTS: WeakKeyDictionary[keras.Model, tuple[Any, _Product]] = WeakKeyDictionary()
# Vectors that `eigsh` keeps. Most Hessians have one eigenvalue far above the others and need a
# dozen products; SciPy's usual 20 vectors would cost twice as many.
_BASIS = 8
_RESTARTS = 4


def sharpness(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    tolerance: float = 1e-3,
    max_iterations: int = 100,
) -> float:
    """Return the largest eigenvalue of the Hessian of the loss of a compiled model on these data.

    The *algebraically* largest one, which bounds the stable learning rates of full-batch gradient
    descent: along its eigenvector a rate above 2 / sharpness overshoots further at every step. A
    negative eigenvalue of greater size does not count; where all are negative, so is the result.

    Found by the implicitly restarted Lanczos method (`scipy.sparse.linalg.eigsh`), from one fixed
    start vector, so the same weights give the same number. All samples are taken as one batch, and
    layers behave as in `model.evaluate`: no dropout, and no statistic of a BatchNormalization
    moves.

    Args:
        model: A compiled model; its loss counts, with its regularisers.
        x: Inputs, shape (samples, ...).
        y: Targets, shape (samples, ...).
        tolerance: The relative error at which to stop, as bounded by the eigenvector's residual.
        max_iterations: Where two dozen products with the Hessian do not suffice, so many more give
            the best value. If it is not within the tolerance, it comes with a RuntimeWarning.

    Returns:
        The sharpness, in loss per squared unit of the weights; NaN if the loss is lost.

    Raises:
        ValueError: If the model has no loss or no weights to train, or an argument cannot work.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> model.compile("sgd", loss="mse")
        >>> x = np.array([[1.0], [2.0], [3.0]])
        >>> sharpness(model, x, 5 * x)  # twice the mean of the squares 1, 4 and 9
        9.33333...

    Source: Lehoucq, Sorensen and Yang (1998), ARPACK users' guide: solution of large-scale
        eigenvalue problems with implicitly restarted Arnoldi methods. Pearlmutter (1994), Fast
        exact multiplication by the Hessian.
    """
    size = _check(model, x, y)
    tolerance = as_number(tolerance)
    if not 0 < tolerance < 1:
        raise ValueError(
            "`tolerance` must be a relative error between 0 and 1. "
            f"Received: tolerance={tolerance!r}. Try tolerance=1e-3."
        )
    most = min(as_whole_number(max_iterations, "max_iterations", 1), size)
    product = _product_of(model)
    x, y = keras.tree.map_structure(tf.convert_to_tensor, (x, y))

    def times(vector: np.ndarray) -> np.ndarray:
        found = np.asarray(product(x, y, tf.constant(vector, tf.float32)), dtype=float)
        if not np.isfinite(found).all():
            raise FloatingPointError
        return found

    try:
        value, error = _largest_eigenvalue(times, size, tolerance, most)
    except FloatingPointError:  # the loss is lost
        return np.nan
    if error > tolerance * abs(value) and most < size:
        warnings.warn(
            f"The sharpness {value:.4g} is known to {error:.1g} only, after {most} products with "
            "the Hessian. Raise max_iterations, or the tolerance.",
            RuntimeWarning,
            stacklevel=2,
        )
    return value


class SharpnessTrace(keras.callbacks.Callback):
    """Measure the sharpness as a model trains, and add it to the history of `fit`.

    The history then has a value an epoch under `sharpness`: the last one measured.

    Args:
        x: The inputs to measure it on; those that the model trains on.
        y: Their targets.
        every: Measure after the first epoch and then once in so many epochs.

    Raises:
        ValueError: If `every` is not a whole number of at least 1.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> model.compile("sgd", loss="mse")
        >>> x = np.array([[1.0], [2.0], [3.0]])
        >>> trace = SharpnessTrace(x, 5 * x)
        >>> history = model.fit(x, 5 * x, batch_size=3, epochs=2, callbacks=[trace], verbose=0)
        >>> [round(value, 3) for value in history.history["sharpness"]]
        [9.333, 9.333]
    """

    def __init__(self, x: Any, y: Any, *, every: int = 1) -> None:
        super().__init__()
        self.every = as_whole_number(every, "every", 1)
        self._data = x, y
        self._last = np.nan

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, if it is due."""
        if epoch % self.every == 0:
            self._last = sharpness(self.model, *self._data)
        if logs is not None:
            logs["sharpness"] = self._last


def _largest_eigenvalue(
    times: Callable[[np.ndarray], np.ndarray], size: int, tolerance: float, most: int
) -> tuple[float, float]:
    """The largest eigenvalue of a symmetric matrix known by its products, and its error."""
    if size <= min(most, _BASIS):  # too small for `eigsh`
        return float(np.linalg.eigvalsh([times(column) for column in np.eye(size)])[-1]), 0.0
    start = np.random.default_rng(0).normal(size=size)
    hessian = LinearOperator((size, size), times, dtype=float)
    largest = partial(eigsh, hessian, k=1, which="LA", v0=start)
    try:
        (value,), _ = largest(ncv=max(2, min(most, _BASIS)), tol=tolerance, maxiter=_RESTARTS)
        return float(value), 0.0
    except ArpackNoConvergence:  # then the best that so many products can give
        (value,), vectors = largest(ncv=max(2, most), tol=np.inf, maxiter=1)
        residual = times(vectors[:, 0]) - value * vectors[:, 0]
        return float(value), float(np.linalg.norm(residual))
    except ArpackError:  # it has no start for a matrix of zeros
        if times(np.ones(size)).any():
            raise
        return 0.0, 0.0


def _product_of(model: keras.Model) -> _Product:
    """The compiled product of a model's Hessian with a vector; made once, and again if recompiled.

    Weights are read from the model at every call, so training between calls needs no new one.
    """
    compiled = compile_arguments(model)  # another one after each `compile`, as the loss may be
    kept = _PRODUCTS.get(model)
    if kept is None or kept[0] is not compiled:
        _PRODUCTS[model] = kept = (compiled, _make_product(model))
    return kept[1]


def _make_product(model: keras.Model) -> _Product:
    weights = [weight.value for weight in model.trainable_weights]
    shapes = [weight.shape for weight in model.trainable_weights]
    sizes = [int(np.prod(shape)) for shape in shapes]

    @tf.function(autograph=False, reduce_retracing=True)
    def product(x: Any, y: Any, vector: Any) -> Any:
        pieces = tf.split(vector, sizes)
        direction = [tf.reshape(piece, shape) for piece, shape in zip(pieces, shapes, strict=True)]
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=False))
            gradient = inner.gradient(loss, weights, unconnected_gradients="zero")
            slope = tf.add_n(
                [tf.reduce_sum(g * d) for g, d in zip(gradient, direction, strict=True)]
            )
        columns = outer.gradient(slope, weights, unconnected_gradients="zero")
        return tf.concat([tf.reshape(column, [-1]) for column in columns], axis=0)

    return cast("_Product", product)


def _check(model: Any, x: Any, y: Any) -> int:
    """Return the number of trainable parameters."""
    if not getattr(model, "compiled", False) or compile_arguments(model).get("loss") is None:
        raise ValueError(
            "The model must be compiled with a loss. Received: a model without one. Call "
            "model.compile(optimizer, loss=...) first."
        )
    inputs, targets = ([len(array) for array in keras.tree.flatten(data)] for data in (x, y))
    if len({*inputs, *targets}) != 1 or 0 in inputs:
        raise ValueError(
            "`x` and `y` must have one row a sample, at least one. "
            f"Received: {', '.join(map(str, inputs))} rows in x and "
            f"{', '.join(map(str, targets))} in y."
        )
    size = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    if not size:
        raise ValueError(
            "The model must have weights to train. Received: none. Build it first, for instance "
            "with keras.Input as its first layer, and look at `trainable`."
        )
    return size
