"""How fast the same training could be: one JAX program that knows nothing of Keras's bookkeeping.

Batches and epochs are `lax.scan`s inside one `jax.jit`; loss, accuracy and validation of every
epoch are computed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lrlab.backend  # noqa: F401 - keeps TensorFlow's start-up lines off the page

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.cases import Case

_ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def limit(case: Case) -> Callable[[], dict[str, list[float]]]:
    """Return a function that trains from the model's first weights and returns Keras's history."""
    model = case.compiled()
    weights = [[jnp.asarray(w.numpy()) for w in layer.weights] for layer in model.layers]
    forward = _forward(model.layers)
    per_sample = _binary if case.loss == "binary_crossentropy" else _categorical
    x, y, x_val, y_val = map(jnp.asarray, case.data)
    full = len(x) // case.batch_size
    cut = full * case.batch_size
    whole = tuple(a[:cut].reshape(full, case.batch_size, *a.shape[1:]) for a in (x, y))
    rest = (x[cut:], y[cut:]) if cut < len(x) else None

    def loss(weights: Any, batch: Any) -> Any:
        losses, right = per_sample(forward(weights, batch[0]), batch[1])
        return losses.mean(), jnp.stack([losses.sum(), right.sum()])

    @jax.jit
    def train(weights: Any, rate: Any) -> Any:
        def step(weights: Any, batch: Any) -> Any:
            gradients, sums = jax.grad(loss, has_aux=True)(weights, batch)
            return jax.tree.map(lambda w, g: w - rate * g, weights, gradients), sums

        def epoch(weights: Any, _: Any) -> Any:
            weights, sums = lax.scan(step, weights, whole)
            total = sums.sum(axis=0)
            if rest is not None:
                weights, sums = step(weights, rest)
                total += sums
            validation = loss(weights, (x_val, y_val))[1]
            return weights, jnp.concatenate([total / len(x), validation / len(x_val)])

        return lax.scan(epoch, weights, None, length=case.epochs)

    def run() -> dict[str, list[float]]:
        _, rows = train(weights, case.rate)
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        return dict(zip(names, np.asarray(rows).T.tolist(), strict=True))

    return run


def _forward(layers: list[Any]) -> Callable[[Any, Any], Any]:
    """Return the function from weights and inputs to what the last activation is applied to."""

    def forward(weights: Any, x: Any) -> Any:
        for layer, own in zip(layers, weights, strict=True):
            kind = type(layer).__name__
            if kind == "Dense":
                x = x @ own[0] + own[1]
            elif kind == "Conv2D":
                order = ("NHWC", "HWIO", "NHWC")
                x = lax.conv_general_dilated(x, own[0], (1, 1), "SAME", dimension_numbers=order)
                x = x + own[1]
            elif kind == "MaxPooling2D":
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            elif kind in ("Flatten", "Reshape"):
                x = x.reshape(len(x), *layer.output.shape[1:])
            else:
                raise ValueError(f"No mathematics is written down here for a layer {kind}.")
            if own and layer is not layers[-1]:
                x = _ACTIVATIONS[layer.activation.__name__](x)
        return x

    return forward


def _categorical(logits: Any, y: Any) -> Any:
    chances = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(chances, y[:, None], 1)[:, 0], logits.argmax(1) == y


def _binary(logits: Any, y: Any) -> Any:
    logit = logits[:, 0]
    return jnp.logaddexp(0, logit) - logit * y, (logit > 0) == y
