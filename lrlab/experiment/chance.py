"""What guessing costs: the loss of the best answer that is the same for every sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lrlab.backend import keras, tf

import numpy as np
from scipy.optimize import minimize

from lrlab.experiment.compiling import last_activation, makes_own_loss

_NUMBERS = 2**20  # of more targets, only every second, third, ... is looked at
_FAR = 20.0  # what becomes a probability is looked for no further from 0
_TINY = 1e-7


def regularization(model: keras.Model) -> float:
    """Return what the regularizers of the weights, as these are, add to the training loss."""
    return float(sum(keras.ops.sum(weight.regularizer(weight)) for weight in _regularized(model)))


def _regularized(model: keras.Model) -> list[Any]:
    return [weight for weight in model.trainable_weights if weight.regularizer is not None]


def best_constant_loss(model: keras.Model, x: Any, y: Any) -> float:
    """Return the least loss of a model that gives every sample the same answer.

    It is looked for by the model's own loss, so the weights of classes and of outputs count. What
    regularizers add is left out.

    Args:
        model: A compiled model.
        x: A few inputs, for a look at what the model gives.
        y: All targets, as for `model.fit`.

    Returns:
        That loss. NaN where none is known: the model makes its loss itself or adds to it, its
        targets do not have the form of its outputs, or the loss is no mean over samples or has no
        least value.
    """
    if makes_own_loss(model) or type(model).compute_loss is not keras.Model.compute_loss:
        return math.nan
    outputs, targets = model(x, training=False), keras.tree.flatten(y)
    heads = [np.asarray(head) for head in keras.tree.flatten(outputs)]
    if len(heads) != len(targets) or len(model.losses) != len(_regularized(model)):
        return math.nan
    every = 1 + sum(len(targets[0]) * head[0].size for head in heads) // _NUMBERS
    targets = [np.asarray(target)[::every] for target in targets]
    wanted = [_as_answers(*pair) for pair in zip(targets, heads, strict=True)]
    if not all(answers.size for answers in wanted):
        return math.nan
    activations = [_activation(model, *pair) for pair in zip(heads, wanted, strict=True)]
    loss = _ConstantLoss(model, outputs, keras.tree.pack_sequence_as(y, targets), activations)
    candidates = [np.concatenate(parts) for parts in zip(*map(_candidates, wanted), strict=True)]
    best = min(candidates, key=lambda constant: np.nan_to_num(loss(constant), nan=math.inf))
    least, twice = loss(best), loss(best, repeat=2)
    if not math.isclose(least, twice, rel_tol=1e-3, abs_tol=_TINY):
        return math.nan
    ends = [(min(-_FAR, answers.min()), max(_FAR, answers.max())) for answers in wanted]
    bounds = [end for end, answers in zip(ends, wanted, strict=True) for _ in answers[0].flat]
    found = minimize(loss.with_slope, best, jac=True, method="L-BFGS-B", bounds=bounds)
    if any(value in end for value, end in zip(found.x, bounds, strict=True)):
        return math.nan
    return min(least, float(found.fun))  # which may be NaN


def _as_answers(target: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return what a model that is always right would answer; empty where that is not known."""
    shape = head.shape[1:]
    size, classes = target[0].size, shape[-1] if shape else 0
    if size == math.prod(shape):
        return target.reshape(-1, *shape).astype(float)
    if size == math.prod(shape[:-1]) and target.min() >= 0 and target.max() < classes:
        one_hot: np.ndarray = np.eye(classes)[target.astype(int)]
        return one_hot.reshape(-1, *shape)
    return np.empty(0)


def _activation(model: keras.Model, head: np.ndarray, answers: np.ndarray) -> Any:
    """Return what makes probabilities of numbers, where an output gives probabilities."""
    linear = keras.activations.linear
    inside = all(array.min() >= 0 and array.max() <= 1 for array in (head, answers))
    if last_activation(model) is linear or not inside:
        return linear
    one_of_several = head.shape[-1] > 1 and np.allclose(head.sum(axis=-1), 1, atol=1e-2)
    return keras.activations.softmax if one_of_several else keras.activations.sigmoid


def _candidates(answers: np.ndarray) -> list[np.ndarray]:
    """Constants that are best for the usual losses, of values and of logits."""
    mean, median = answers.mean(axis=0).ravel(), np.median(answers, axis=0).ravel()
    share = np.clip(mean, _TINY, 1 - _TINY)
    return [mean, median, np.log(share), np.log(share) - np.log1p(-share)]


class _ConstantLoss:
    """The loss of a model that answers the same for every sample.

    What it is called with is that answer, before its activation, all outputs in a row.
    """

    def __init__(
        self, model: keras.Model, outputs: Any, targets: Any, activations: Sequence[Any]
    ) -> None:
        self._model, self._outputs, self._targets = model, outputs, targets
        self._shapes = [tuple(output.shape[1:]) for output in keras.tree.flatten(outputs)]
        self._activations = activations
        self._added = regularization(model)

    def __call__(self, constant: np.ndarray, repeat: int = 1) -> float:
        """`repeat` says how often every sample is there."""
        return float(self._loss(tf.constant(constant, tf.float32), repeat))

    def with_slope(self, constant: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its slope along each number of the answer."""
        watched = tf.constant(constant, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(watched)
            loss = self._loss(watched, 1)
        slope = tape.gradient(loss, watched, unconnected_gradients="zero")
        return float(loss), np.asarray(slope, float)

    def _loss(self, constant: Any, repeat: int) -> Any:
        parts = tf.split(constant, [math.prod(shape) for shape in self._shapes])
        targets = keras.tree.map_structure(
            lambda target: np.concatenate([target] * repeat), self._targets
        )
        samples = len(keras.tree.flatten(targets)[0])
        answers = [
            # Not tf.repeat, for whose slope oneDNN has something to say on stderr.
            tf.broadcast_to(activation(tf.reshape(part, (1, *shape))), (samples, *shape))
            for activation, part, shape in zip(self._activations, parts, self._shapes, strict=True)
        ]
        packed = keras.tree.pack_sequence_as(self._outputs, answers)
        return self._model.compute_loss(y=targets, y_pred=packed) - self._added
