"""The table of rates that a compiled training reads."""

from collections.abc import Callable
from typing import Any

from lrlab.backend import keras

import numpy as np
import pytest
from experiments import DATA, STEPS, X, dense, experiment_of

from lrlab.training.rates import Rates


@pytest.fixture
def rates() -> Rates:
    model = dense()
    model.compile("sgd", "sparse_categorical_crossentropy")
    return Rates(model, STEPS)


def test_after_the_last_rate_it_stays(rates: Rates) -> None:
    rates.follow(np.array([0.3, 0.2, 0.1]))
    table = rates.variables[0].numpy()
    np.testing.assert_allclose(table, [0.3, 0.2, *[0.1] * (len(table) - 2)])


@pytest.mark.parametrize(("given", "steps"), [(STEPS, STEPS), (STEPS + 1, 2 * STEPS)])
def test_the_table_is_of_one_length_until_it_must_be_longer(
    rates: Rates, given: int, steps: int
) -> None:
    rates.follow(np.full(given, 0.1))
    assert len(rates.variables[0].numpy()) == steps + 1
    rates.follow(np.full(given + 1, 0.1), by_update=True)  # one more than there are steps
    assert len(rates.variables[0].numpy()) == steps + 1


@pytest.mark.parametrize(("given", "steps"), [(STEPS + 1, STEPS), (STEPS + 2, 2 * STEPS)])
def test_by_update_it_is_longer_where_there_are_more_updates(
    rates: Rates, given: int, steps: int
) -> None:
    rates.follow(np.linspace(0.1, 0.2, given), by_update=True)
    expected = [*np.linspace(0.1, 0.2, given), *[0.2] * (steps + 1 - given)]
    np.testing.assert_allclose(rates.variables[0].numpy(), expected, rtol=1e-6)


def test_who_looks_before_the_first_step_sees_its_rate_if_asked_for(rates: Rates) -> None:
    optimizer = rates._model.optimizer
    before = float(optimizer.learning_rate)
    rates.follow(np.array([0.3, 0.2]))
    assert float(optimizer.learning_rate) == before
    rates.follow(np.array([0.3, 0.2]), at_once=True)
    assert float(optimizer.learning_rate) == np.float32(0.3)


def test_what_is_left_to_others_is_not_set(rates: Rates) -> None:
    rates.follow(np.array([0.3]), at_once=True)
    rates.leave()
    rates._model.optimizer.learning_rate = 0.7
    rates.move_on()
    assert float(rates._model.optimizer.learning_rate) == np.float32(0.7)
    rates.follow(np.array([0.3]), at_once=True)
    assert float(rates._model.optimizer.learning_rate) == np.float32(0.3)


class _OwnStep(keras.Model):
    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


@pytest.mark.parametrize(
    ("model_class", "optimizer", "counts"),
    [
        (keras.Sequential, lambda: "sgd", False),
        (_OwnStep, lambda: "sgd", True),
        (
            keras.Sequential,
            lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
            True,
        ),
    ],
    ids=["Keras's own", "a step of one's own", "loss scaling"],
)
def test_updates_are_counted_only_where_a_step_need_not_make_one(
    model_class: Any, optimizer: Callable[[], Any], counts: bool
) -> None:
    inputs = keras.Input((4,))
    model = (
        model_class([inputs, keras.layers.Dense(3)])
        if model_class is keras.Sequential
        else model_class(inputs, keras.layers.Dense(3)(inputs))
    )
    model.compile(optimizer(), "mse")
    assert len(Rates(model, STEPS).variables) == 2 + counts


def test_a_callback_sees_the_rate_that_comes_after_an_epoch() -> None:
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(callback.model.optimizer.learning_rate))
    )
    experiment = experiment_of(dense, DATA, epochs=3)
    run = experiment.run(
        keras.optimizers.schedules.PiecewiseConstantDecay([STEPS - 1], [0.2, 0.1]),
        callbacks=[callback],
    )
    assert len(X) // 16 + 1 == STEPS
    np.testing.assert_allclose(seen, 0.1)
    np.testing.assert_allclose(run.learning_rates[[0, STEPS - 1, STEPS]], [0.2, 0.2, 0.1])


def test_a_session_begins_with_the_rate_of_the_optimizer_whatever_the_last_run_had() -> None:
    experiment = experiment_of(dense, DATA, epochs=2)
    expected = experiment.run(0.3).history["loss"]
    experiment.run(0.01)
    with experiment.session() as (session, _):
        experiment.model.optimizer.learning_rate = 0.3
        losses = [logs["loss"] for logs in session.epochs(2)]
    assert losses == pytest.approx(expected)
