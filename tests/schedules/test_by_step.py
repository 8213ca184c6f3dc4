"""The schedules that Keras lacks: their formulas, by hand, and what they are in plain Keras."""

import math
import pickle

from lrlab.backend import keras

import numpy as np
import pytest

from lrlab import preview
from lrlab.schedules import Cyclical, InverseSquareRoot, OneCycleSchedule, WarmupStableDecay

ks = keras.optimizers.schedules
STEPS = 60


def triangles(step):
    """Smith's own words: cycles are counted from 1."""
    cycle = math.floor(1 + step / 14)
    return 0.1 + 0.4 * max(0.0, 1 - abs(step / 7 - 2 * cycle + 1))


def up_stay_down(step):
    if step < 10:
        return 0.5 * step / 10
    return 0.5 if step < 30 else 0.5 * max(0, 50 - step) / 20


def roots(step):
    return 0.5 * step / 10 if step < 10 else 0.5 / math.sqrt(step / 10)


def two_cosines(step):
    if step < 12.5:
        return 0.1 + 0.9 * (1 - math.cos(math.pi * step / 12.5)) / 2
    return 0.3 + 0.7 * (1 + math.cos(math.pi * min(1, (step - 12.5) / 37.5))) / 2


BY_HAND = {
    "cyclical": (Cyclical(0.1, 0.5, 7), triangles),
    "warm-up, stable, decay": (WarmupStableDecay(0.5, 10, 20, 20), up_stay_down),
    "inverse square root": (InverseSquareRoot(0.5, 10), roots),
    "one-cycle": (OneCycleSchedule(0.1, 1.0, 0.3, 12.5, 50), two_cosines),
}
every_schedule = pytest.mark.parametrize("name", BY_HAND)


@every_schedule
def test_is_its_formula(name):
    schedule, formula = BY_HAND[name]
    assert isinstance(schedule, ks.LearningRateSchedule)
    expected = [formula(step) for step in range(STEPS)]
    assert len({round(rate, 6) for rate in expected}) > 6
    rates = [float(schedule(step)) for step in range(STEPS)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(preview(schedule, 1, STEPS), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Cyclical(0.1, 0.5, 1), [0.1, 0.5, 0.1, 0.5]),
        (WarmupStableDecay(0.5, 1, 0, 1), [0.0, 0.5, 0.0, 0.0]),
        (InverseSquareRoot(0.5, 1), [0.0, 0.5, 0.5 / 2**0.5, 0.5 / 3**0.5]),
    ],
)
def test_the_least_of_each_number_of_steps(schedule, expected):
    np.testing.assert_allclose(preview(schedule, 1, 4), expected, rtol=1e-6)


@every_schedule
def test_keras_trains_with_it(name):
    """With SGD and a gradient of -1 the weight grows by the rate."""
    schedule, formula = BY_HAND[name]
    weight = keras.Variable(np.zeros((), "float64"), dtype="float64")
    optimizer = keras.optimizers.SGD(schedule)
    for _ in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(-1.0, dtype="float64")], [weight])
    assert float(weight) == pytest.approx(sum(map(formula, range(STEPS))), rel=1e-5)


@every_schedule
def test_in_plain_keras_it_gives_the_same_to_the_last_bit(name):
    schedule, _ = BY_HAND[name]
    definition, expression = schedule.as_plain_keras()
    assert "lrlab" not in definition
    known = {"keras": keras}
    exec(definition, known)  # noqa: S102 - lines of our own
    plain = eval(expression, known)  # noqa: S307
    assert type(plain) is not type(schedule)
    for step in range(STEPS):
        assert float(plain(step)) == float(schedule(step))


@every_schedule
def test_can_be_saved_and_pickled(name):
    schedule, _ = BY_HAND[name]
    written = ks.serialize(schedule)
    assert written["registered_name"] == f"lrlab>{type(schedule).__name__}"
    for revived in (ks.deserialize(written), pickle.loads(pickle.dumps(schedule))):
        assert type(revived) is type(schedule)
        assert revived.get_config() == schedule.get_config()
        assert float(revived(23)) == float(schedule(23))


def test_a_saved_model_has_it_again(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(Cyclical(0.1, 0.5, 7)), "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.1)
    loaded.fit(np.zeros((8, 1)), np.zeros(8), batch_size=2, verbose=0)
    assert float(loaded.optimizer.learning_rate) == pytest.approx(triangles(4))


@pytest.mark.parametrize(
    ("kind", "arguments", "wrong"),
    [
        (Cyclical, (0, 0.5, 7), "initial_learning_rate=0"),
        (Cyclical, (0.1, math.inf, 7), "max_learning_rate=inf"),
        (Cyclical, (0.1, 0.5, 0), "half_cycle_steps=0"),
        (WarmupStableDecay, ("1", 1, 1, 1), "max_learning_rate='1'"),
        (WarmupStableDecay, (0.5, 0, 1, 1), "warmup_steps=0"),
        (WarmupStableDecay, (0.5, 1, -1, 1), "stable_steps=-1"),
        (WarmupStableDecay, (0.5, 1, 1, 2.5), "decay_steps=2.5"),
        (InverseSquareRoot, (None, 10), "max_learning_rate=None"),
        (InverseSquareRoot, (0.5, 0), "warmup_steps=0"),
    ],
)
def test_what_cannot_work_is_refused(kind, arguments, wrong):
    with pytest.raises(ValueError, match=r"must be.*Received: ") as error:
        kind(*arguments)
    assert wrong in str(error.value)
