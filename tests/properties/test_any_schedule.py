"""The preview of any schedule is what Keras trains with and writes down, and what a run does."""

from functools import cache

from lrlab.backend import keras

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrlab import Experiment, OneCycle, StepDecay, preview
from lrlab.schedules import (
    Cyclical,
    InverseSquareRoot,
    RatesByEpoch,
    WarmupStableDecay,
    is_keras_schedule,
)

ks = keras.optimizers.schedules
rates = st.floats(1e-5, 100)
shares = st.floats(0, 1)
factors = st.floats(0.01, 1)
spans = st.integers(1, 12)


@st.composite
def piecewise(draw):
    boundaries = sorted(draw(st.sets(st.integers(0, 20), min_size=1, max_size=4)))
    values = st.lists(rates, min_size=len(boundaries) + 1, max_size=len(boundaries) + 1)
    return ks.PiecewiseConstantDecay(boundaries, draw(values))


@st.composite
def polynomial(draw):
    first, last = draw(rates), draw(rates)
    power, cycle = draw(st.floats(0.25, 4)), draw(st.booleans())
    return ks.PolynomialDecay(max(first, last), draw(spans), min(first, last), power, cycle)


@st.composite
def by_epoch_and_rate(draw):
    """A function that a person writes, of the rate before."""
    factor, pause = draw(st.floats(0.5, 1.1)), draw(st.integers(0, 3))
    return lambda epoch, rate: rate if epoch < pause else rate * factor


BY_EPOCH = (
    rates,
    st.builds(StepDecay, rates, factors, spans),
    st.builds(OneCycle, rates, spans, st.floats(0.01, 0.99), st.floats(1, 1e3), st.floats(1, 1e6)),
    st.builds(RatesByEpoch, st.lists(rates, min_size=1, max_size=6).map(tuple)),
    st.builds(lambda first, factor: lambda epoch: first * factor**epoch, rates, factors),
    by_epoch_and_rate(),
)
BY_STEP = (
    st.builds(ks.ExponentialDecay, rates, spans, factors, st.booleans()),
    st.builds(ks.InverseTimeDecay, rates, spans, factors, st.booleans()),
    st.builds(ks.CosineDecay, rates, spans, shares),
    st.builds(
        lambda warm, rate, steps, alpha, target: ks.CosineDecay(
            rate, steps, alpha, warmup_target=target, warmup_steps=warm
        ),
        st.integers(0, 8),
        *(rates, spans, shares, rates),
    ),
    st.builds(ks.CosineDecayRestarts, rates, spans, st.floats(1, 3), factors, shares),
    piecewise(),
    polynomial(),
    st.builds(StepDecay.to_keras, st.builds(StepDecay, rates, factors, spans), spans),
    st.builds(OneCycle.to_keras, st.builds(OneCycle, rates, spans), spans),
    st.builds(WarmupStableDecay, rates, spans, st.integers(0, 9), spans),
    st.builds(InverseSquareRoot, rates, spans),
    st.builds(Cyclical, rates, rates, spans),
)


@cache
def weight():
    """A model of one weight, on which each step adds the rate: its gradient is -1."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", dtype="float64")
    return keras.Sequential([keras.Input((1,), dtype="float64"), layer])


class Recorder(keras.callbacks.Callback):
    """Writes down before each step what Keras says of the rate, and what the weight is."""

    def __init__(self):
        super().__init__()
        self.rates, self.weights = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))
        self.weights.append(float(self.model.get_weights()[0].item()))

    def on_train_end(self, logs=None):
        self.weights.append(float(self.model.get_weights()[0].item()))


def recorded(schedule, epochs, steps):
    """The rate of each step: as Keras says it, and as the weight has moved."""
    model, recorder, callbacks = weight(), Recorder(), []
    model.set_weights([np.zeros((1, 1))])
    first = keras.optimizers.SGD(schedule if is_keras_schedule(schedule) else 0.01)
    if not is_keras_schedule(schedule):
        by_epoch = schedule if callable(schedule) else lambda epoch: schedule
        callbacks = [keras.callbacks.LearningRateScheduler(by_epoch)]
    # Compiled where rounding decides: a logarithm has another last bit then.
    eagerly = not lengthens(schedule)
    model.compile(first, loss=lambda y, answers: -answers, run_eagerly=eagerly)
    x = np.ones((steps, 1))
    history = model.fit(
        x, x, batch_size=1, epochs=epochs, callbacks=[*callbacks, recorder], verbose=0
    )
    if callbacks:
        assert recorder.rates[steps - 1 :: steps] == history.history["learning_rate"]
    moved = np.diff(recorder.weights)
    return recorder.rates if eagerly else moved, moved


def lengthens(schedule):
    """Whether its cycles become longer."""
    return isinstance(schedule, ks.CosineDecayRestarts) and schedule.get_config()["t_mul"] != 1


@cache
def experiment():
    x = np.linspace(-1, 1, 12)[:, None]

    def build():
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    return Experiment(build, (x, x, x[:4], x[:4]), epochs=1, batch_size=4, loss="mse")


@given(st.one_of(*BY_EPOCH, *BY_STEP), st.integers(1, 4), st.integers(1, 3))
@example(ks.CosineDecayRestarts(1.0, 3, 2.2924751654788373, 0.01), 3, 3)
@example(ks.CosineDecayRestarts(76.59067656240026, 5, 2.5554934990859857, 0.01), 3, 3)
def test_its_preview_is_what_keras_trains_with_and_records(schedule, epochs, steps):
    planned = preview(schedule, epochs, steps)
    assert planned.shape == (epochs * steps,)
    said, moved = recorded(schedule, epochs, steps)
    close = {"rtol": 1e-5, "atol": 1e-6 * planned.max()}
    np.testing.assert_allclose(planned, said, **close)
    np.testing.assert_allclose(planned, moved, **close)


@given(st.one_of(*BY_EPOCH, *BY_STEP), st.integers(1, 6))
def test_its_preview_is_what_a_run_of_an_experiment_records(schedule, epochs):
    run = experiment().variant(epochs=epochs).run(schedule)
    planned = preview(schedule, epochs, experiment().steps_per_epoch)
    assert run.learning_rates == pytest.approx(planned, rel=1e-6)
    assert run.history["learning_rate"] == pytest.approx(planned[2::3], rel=1e-6)
