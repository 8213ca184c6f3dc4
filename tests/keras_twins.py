"""Train one model with `keras.Model.fit` and its twin with `lrlab.fit`, and hold them together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

from lrlab.backend import keras

import numpy as np

import lrlab

SAMPLES, FEATURES, CLASSES = 75, 6, 3
_random = np.random.default_rng(0)
_centres = _random.normal(size=(CLASSES, FEATURES))
LABELS = _random.integers(0, CLASSES, SAMPLES)
X = (_centres[LABELS] + 0.7 * _random.normal(size=(SAMPLES, FEATURES))).astype("float32")
# Batches of 16 leave a last one of 11; validation batches of 16 leave one of 14.
Y, X_VAL, Y_VAL = LABELS, X[::-1][:30].copy(), LABELS[::-1][:30].copy()
VALIDATION = (X_VAL, Y_VAL)


def mlp(optimizer: Any = "sgd", *, metrics: Any = ("accuracy",), **compiling: Any) -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            layers.Dense(8, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    arguments = {"loss": "sparse_categorical_crossentropy", "metrics": list(metrics)} | compiling
    model.compile(optimizer, **arguments)
    return model


@dataclass
class Twins:
    plain: keras.Model
    ours: keras.Model
    plain_history: keras.callbacks.History
    our_history: keras.callbacks.History


def seeded(build: Callable[[], keras.Model]) -> keras.Model:
    keras.utils.set_random_seed(7)
    return build()


def counting_fits() -> Any:
    """Count the calls of `keras.Model.fit`, which go through."""
    return mock.patch.object(keras.Model, "fit", autospec=True, side_effect=keras.Model.fit)


def train_both(
    build: Callable[[], keras.Model] = mlp,
    x: Any = X,
    y: Any = Y,
    *,
    callbacks: Callable[[str], Sequence[Any]] = lambda name: [],
    falls_back: bool = False,
    between: Callable[[keras.Model], None] | None = None,
    times: int = 1,
    **arguments: Any,
) -> Twins:
    """Train both twins, `times` times, and assert that they end alike.

    `callbacks` makes the callbacks of the twin of that name, "plain" or "ours".
    """
    given = {"batch_size": 16, "epochs": 3, "verbose": 0, "shuffle": False} | arguments
    given = {name: value for name, value in given.items() if value is not ...}
    plain, ours = seeded(build), seeded(build)
    for time in range(times):
        if between and time:
            between(plain)
            between(ours)
        keras.utils.set_random_seed(11)
        plain_history = plain.fit(x, y, callbacks=callbacks("plain"), **given)
        keras.utils.set_random_seed(11)
        with counting_fits() as fits:
            our_history = lrlab.fit(ours, x, y, callbacks=callbacks("ours"), **given)
        assert bool(fits.call_count) == falls_back, "the wrong path was taken"
    twins = Twins(plain, ours, plain_history, our_history)
    assert_alike(twins)
    return twins


def assert_alike(twins: Twins) -> None:
    plain, ours = twins.plain_history, twins.our_history
    assert ours is twins.ours.history
    assert ours.epoch == plain.epoch
    assert list(ours.history) == list(plain.history)
    assert ours.params == plain.params
    for name, values in plain.history.items():
        assert len(ours.history[name]) == len(values)
        assert_close(ours.history[name], values, name)
        assert {type(value) for value in ours.history[name]} == {type(value) for value in values}
    assert_same_variables(twins.ours, twins.plain)


def assert_same_variables(ours: keras.Model, plain: keras.Model) -> None:
    for collection in ("variables", "metrics_variables"):
        pairs = zip(getattr(ours, collection), getattr(plain, collection), strict=True)
        for our, theirs in pairs:
            assert_close(our.numpy(), theirs.numpy(), theirs.path)
    pairs = zip(ours.optimizer.variables, plain.optimizer.variables, strict=True)
    for our, theirs in pairs:
        assert_close(our.numpy(), theirs.numpy(), theirs.path)


def assert_close(ours: Any, plain: Any, what: str = "") -> None:
    if np.asarray(plain).dtype.kind in "OUS":
        np.testing.assert_array_equal(ours, plain, what)
    else:
        np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-5, err_msg=what)
