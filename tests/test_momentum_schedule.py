"""SGD whose momentum follows a schedule: the numbers by hand, in `model.fit` and in `lrlab.fit`."""

import doctest

from lrlab.backend import keras

import numpy as np
import pytest

import lrlab
from lrlab import OneCycle, optimizers
from lrlab.optimizers import SGDWithMomentumSchedule

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(44, 3)).astype("float32")
Y = (X @ [[1.0], [2.0], [3.0]]).astype("float32")
CYCLE = OneCycle(0.05, epochs=3)
BATCH, STEPS = 8, 6


def linear_model(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer, "mse")
    return model


def cycling():
    return SGDWithMomentumSchedule(CYCLE.to_keras(STEPS), CYCLE.momentum(STEPS))


def by_hand():
    """The weights after three epochs: velocity = momentum * velocity - rate * gradient."""
    weights = linear_model("sgd").get_weights()[0].astype("float64")
    rates, momenta = CYCLE.to_keras(STEPS), CYCLE.momentum(STEPS)
    velocity = np.zeros_like(weights)
    for step in range(3 * STEPS):
        rows = slice(step % STEPS * BATCH, step % STEPS * BATCH + BATCH)
        gradient = 2 * X[rows].T @ (X[rows] @ weights - Y[rows]) / len(X[rows])
        velocity = float(momenta(step)) * velocity - float(rates(step)) * gradient
        weights = weights + velocity
    return weights


def fit_of_lrlab(model, *args, **settings):
    return lrlab.fit(model, *args, **settings)


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(optimizers).failed == 0


@pytest.mark.parametrize("fit", [keras.Model.fit, fit_of_lrlab])
def test_the_momentum_of_each_step_is_that_of_the_schedule(fit):
    model = linear_model(cycling())
    fit(model, X, Y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], by_hand(), rtol=1e-5)


def test_a_momentum_that_stays_is_that_of_keras():
    still = OneCycle(0.05, epochs=3).momentum(STEPS, highest=0.9, lowest=0.9)
    weights = []
    for optimizer in (keras.optimizers.SGD(0.05, 0.9), SGDWithMomentumSchedule(0.05, still)):
        model = linear_model(optimizer)
        model.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(*weights, rtol=1e-6)


def test_a_saved_model_goes_on_where_it_was(tmp_path):
    settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    model = linear_model(cycling())
    model.fit(X, Y, epochs=1, **settings)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(X, Y, epochs=2, **settings)
    np.testing.assert_allclose(loaded.get_weights()[0], by_hand(), rtol=1e-5)


def test_its_code_gives_the_numbers_of_a_run():
    data = lrlab.data.as_dataset((X[:40], Y[:40], X[40:], Y[40:]))
    experiment = lrlab.Experiment(
        lambda: lrlab.models.linear(data), data, epochs=3, optimizer=cycling()
    )
    for schedule in (CYCLE.to_keras(2), 0.05):
        run = experiment.run(schedule)
        assert "lrlab" not in run.code
        given = {"build_model": lambda: lrlab.models.linear(data)}
        given |= {"x_train": X[:40], "y_train": Y[:40], "x_val": X[40:], "y_val": Y[40:]}
        exec(run.code, given)  # noqa: S102 - a program of our own
        assert given["history"].history["loss"] == pytest.approx(run.history["loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, r"momentum_schedule=None\. Try lrlab\.OneCycle"),
        ({"momentum_schedule": 0.9}, r"momentum_schedule=0\.9\. Try"),
        ({"momentum_schedule": CYCLE.momentum(6), "nesterov": True}, r"nesterov=True\. Leave"),
    ],
)
def test_what_cannot_work_is_refused(settings, says):
    with pytest.raises(ValueError, match=f"Received: {says}"):
        SGDWithMomentumSchedule(0.1, **settings)
