"""A schedule gives the rates that it says, and those are the rates that Keras trains with."""

import doctest
import math
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, astuple

from lrlab.backend import keras

import numpy as np
import pytest

from lrlab import OneCycle, StepDecay, preview, schedules
from lrlab.schedules import RatesByEpoch, by_epoch, by_step, rates

NOT_A_RATE = [
    0,
    -0.1,
    math.nan,
    math.inf,
    "0.1",
    True,
    np.True_,
    None,
    [0.1],
    [[1], [1, 2]],
    10**400,
]
ks = keras.optimizers.schedules


class Sawtooth(ks.LearningRateSchedule):
    """One of somebody's own: 0.1, 0.2, 0.3, 0.1, ..."""

    def __call__(self, step):
        return 0.1 * (keras.ops.cast(step % 3, "float32") + 1)

    def get_config(self):
        return {}


class Calls(ks.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate(step)


class Returns(ks.LearningRateSchedule):
    def __init__(self, value):
        self.value = value

    def __call__(self, step):
        return self.value

    def get_config(self):
        return {"value": self.value}


BUILT_IN = {
    "exponential": lambda: ks.ExponentialDecay(0.5, 3, 0.5),
    "staircase": lambda: ks.ExponentialDecay(0.5, 3, 0.5, staircase=True),
    "piecewise": lambda: ks.PiecewiseConstantDecay([2, 5], [0.5, 0.25, 0.125]),
    "polynomial": lambda: ks.PolynomialDecay(0.5, 7, 0.01, power=2.0),
    "cycling polynomial": lambda: ks.PolynomialDecay(0.5, 4, 0.01, cycle=True),
    "inverse time": lambda: ks.InverseTimeDecay(0.5, 2, 0.5),
    "cosine": lambda: ks.CosineDecay(0.5, 8, alpha=0.1),
    "cosine with warm-up": lambda: ks.CosineDecay(0.0, 6, warmup_target=0.5, warmup_steps=3),
    "cosine with restarts": lambda: ks.CosineDecayRestarts(0.5, 3, m_mul=0.9),
}


def rates_of_training(schedule, epochs, steps_per_epoch):
    """What Keras trains with: with SGD and a gradient of -1, the weight grows by the rate."""
    weight = keras.Variable(np.zeros((), "float64"), dtype="float64")
    optimizer = keras.optimizers.SGD(schedule)
    rates = []
    for _ in range(epochs * steps_per_epoch):
        before = float(weight)
        optimizer.apply([keras.ops.convert_to_tensor(-1.0, dtype="float64")], [weight])
        rates.append(float(weight) - before)
    return rates


def rates_of_epochs(schedule, epochs):
    """What Keras trains with where its callback gets a function of the epoch."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    scheduler = keras.callbacks.LearningRateScheduler(schedule)
    x, y = np.zeros((4, 1)), np.zeros(4)
    history = model.fit(x, y, epochs=epochs, callbacks=[scheduler], verbose=0)
    return history.history["learning_rate"]


@pytest.mark.parametrize("module", [by_epoch, by_step, rates])
def test_the_examples_in_the_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


class TestStepDecay:
    def test_is_a_hundredth_and_a_tenth_of_it_every_five_epochs_by_default(self):
        decay = StepDecay()
        assert [decay(epoch) for epoch in (0, 4)] == [0.01, 0.01]
        assert [decay(epoch) for epoch in (5, 9)] == [0.01 * 0.1, 0.01 * 0.1]
        assert decay(10) == 0.01 * 0.1**2

    @pytest.mark.parametrize(
        ("first", "factor", "interval"), [(1.0, 0.5, 5), (0.3, 0.9, 1), (0.07, 1, 3), (3, 0.33, 7)]
    )
    def test_is_the_formula_to_the_last_bit(self, first, factor, interval):
        decay = StepDecay(first, factor, interval)
        for epoch in range(40):
            assert decay(epoch) == first * factor ** (epoch // interval)

    @pytest.mark.parametrize("factor", [0, 1.0001, -1, math.nan, math.inf, "0.5", None, True])
    def test_a_factor_must_be_above_0_and_at_most_1(self, factor):
        with pytest.raises(ValueError, match="above 0 and at most 1") as error:
            StepDecay(decay_factor=factor)
        assert f"Received: decay_factor={factor!r}" in str(error.value)
        assert "0.5 halves the rate" in str(error.value)

    @pytest.mark.parametrize("interval", [0, -5, 2.5, "5", math.nan, math.inf, None, True])
    def test_an_interval_must_be_a_whole_number_of_epochs(self, interval):
        with pytest.raises(ValueError, match="whole number of at least 1") as error:
            StepDecay(epochs_per_drop=interval)
        assert f"Received: epochs_per_drop={interval!r}" in str(error.value)

    @pytest.mark.parametrize("interval", [5, 5.0, np.int64(5), np.float32(5)])
    def test_a_whole_number_of_any_type_becomes_an_int(self, interval):
        decay = StepDecay(epochs_per_drop=interval)
        assert type(decay.epochs_per_drop) is int
        assert decay == StepDecay(epochs_per_drop=5)

    @pytest.mark.parametrize("rate", NOT_A_RATE)
    def test_a_rate_must_be_a_finite_number_above_0(self, rate):
        with pytest.raises(ValueError, match="finite number above 0") as error:
            StepDecay(rate)
        assert f"Received: initial_learning_rate={rate!r}" in str(error.value)
        assert "0.01 is a usual start for SGD" in str(error.value)

    @pytest.mark.parametrize("rate", [1, np.float32(0.5), np.int64(2), np.array(0.5)])
    def test_a_rate_of_any_type_becomes_a_python_float(self, rate):
        decay = StepDecay(rate, np.float32(0.5))
        assert type(decay.initial_learning_rate) is type(decay.decay_factor) is float
        assert decay.initial_learning_rate == rate
        assert type(decay(0)) is float

    def test_is_a_value(self):
        decay = StepDecay(1, 0.5, 2)
        assert decay == StepDecay(1.0, 0.5, 2.0) != StepDecay(1, 0.5, 3)
        assert len({decay, StepDecay(1.0, 0.5, 2)}) == 1
        assert pickle.loads(pickle.dumps(decay)) == decay
        with pytest.raises(FrozenInstanceError):
            decay.decay_factor = 0.1

    def test_keras_takes_it_for_a_function_of_the_epoch(self):
        rates = rates_of_epochs(StepDecay(0.1, 0.5, 2), 5)
        assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])

    def test_an_optimizer_that_gets_it_says_what_to_do_instead(self):
        """Keras takes any callable for one without arguments, and calls it in the first step."""
        optimizer = keras.optimizers.SGD(learning_rate=StepDecay())
        with pytest.raises(ValueError, match=r"decay\.to_keras\(steps_per_epoch\)") as error:
            optimizer.apply([keras.ops.ones(())], [keras.Variable(1.0)])
        assert "keras.callbacks.LearningRateScheduler(decay)" in str(error.value)

    @pytest.mark.parametrize("steps_per_epoch", [1, 3, 45])
    def test_for_an_optimizer_it_is_the_same_at_every_step(self, steps_per_epoch):
        decay = StepDecay(0.8, 0.5, epochs_per_drop=2)
        schedule = decay.to_keras(steps_per_epoch)
        assert isinstance(schedule, ks.LearningRateSchedule)
        for step in range(7 * steps_per_epoch):
            assert float(schedule(step)) == pytest.approx(decay(step // steps_per_epoch), rel=1e-6)

    @pytest.mark.parametrize("steps", [0, 1.5, "45", None])
    def test_for_an_optimizer_it_needs_the_steps_of_an_epoch(self, steps):
        with pytest.raises(ValueError, match=r"steps_per_epoch.*whole number"):
            StepDecay().to_keras(steps)


class TestOneCycle:
    def test_goes_up_for_a_quarter_and_down_for_the_rest(self):
        """By hand, over 16 epochs: half a cosine is half way at its middle."""
        cycle = OneCycle(1.0, epochs=16, warmup_fraction=0.25, div=10, div_final=100)
        assert cycle(0) == pytest.approx(0.1)
        assert cycle(2) == pytest.approx((0.1 + 1) / 2)
        assert cycle(4) == 1.0
        assert cycle(4 + 6) == pytest.approx((1 + 0.01) / 2)
        assert cycle(4 + 4) == pytest.approx(0.01 + 0.99 * (1 + 0.5) / 2), "cos 60° is a half"
        assert cycle(16) == cycle(40) == pytest.approx(0.01)

    @pytest.mark.parametrize(("epochs", "steps_per_epoch"), [(15, 45), (7, 3), (1, 5)])
    def test_for_an_optimizer_it_is_the_same_at_every_step(self, epochs, steps_per_epoch):
        cycle = OneCycle(0.8, epochs, warmup_fraction=0.3)
        schedule = cycle.to_keras(steps_per_epoch)
        assert isinstance(schedule, ks.LearningRateSchedule)
        for step in range((epochs + 2) * steps_per_epoch):
            expected = cycle(step / steps_per_epoch)
            assert float(schedule(step)) == pytest.approx(expected, rel=1e-5, abs=1e-7)

    def test_keras_trains_with_what_preview_says(self):
        cycle = OneCycle(0.8, epochs=4, div=5, div_final=50)
        rates = preview(cycle.to_keras(3), epochs=4, steps_per_epoch=3)
        np.testing.assert_allclose(rates, rates_of_training(cycle.to_keras(3), 4, 3), rtol=2e-6)
        assert rates == pytest.approx([cycle(step / 3) for step in range(12)], rel=1e-5)

    def test_the_schedule_of_an_optimizer_can_be_saved(self):
        schedule = OneCycle(0.5, 10).to_keras(20)
        written = keras.optimizers.schedules.serialize(schedule)
        revived = keras.optimizers.schedules.deserialize(written)
        assert revived.get_config() == schedule.get_config()
        assert float(revived(77)) == float(schedule(77))

    def test_the_schedule_of_an_optimizer_can_be_pickled(self):
        """Its class is made when it is first asked for, but has its place in the module."""
        schedule = OneCycle(0.5, 10).to_keras(20)
        assert type(schedule) is schedules.OneCycleSchedule
        revived = pickle.loads(pickle.dumps(schedule))
        assert type(revived) is type(schedule)
        assert float(revived(77)) == float(schedule(77))

    def test_keras_knows_its_class_by_the_name_that_saved_models_have(self):
        name = keras.saving.get_registered_name(schedules.OneCycleSchedule)
        assert name == "lrlab>OneCycleSchedule"
        assert keras.saving.get_registered_object(name) is schedules.OneCycleSchedule
        assert not hasattr(schedules, "OneCycleschedule")

    def test_keras_takes_it_for_a_function_of_the_epoch(self):
        cycle = OneCycle(0.1, epochs=4)
        assert rates_of_epochs(cycle, 4) == pytest.approx([cycle(epoch) for epoch in range(4)])

    def test_an_optimizer_that_gets_it_says_what_to_do_instead(self):
        optimizer = keras.optimizers.SGD(learning_rate=OneCycle())
        with pytest.raises(ValueError, match=r"OneCycle.*cycle\.to_keras\(steps_per_epoch\)"):
            optimizer.apply([keras.ops.ones(())], [keras.Variable(1.0)])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *[("max_learning_rate", rate) for rate in (0, -1, math.nan, "1", None)],
            *[("epochs", epochs) for epochs in (0, 2.5, None)],
            *[("warmup_fraction", share) for share in (0, 1, -0.1, math.nan, "0.3", True)],
            *[(name, d) for name in ("div", "div_final") for d in (0.9, 0, math.inf, "25", None)],
        ],
    )
    def test_what_cannot_work_is_refused(self, name, value):
        with pytest.raises(ValueError, match=f"^`{name}` must be") as error:
            OneCycle(**{name: value})
        assert f"Received: {name}={value!r}" in str(error.value)

    def test_the_least_divisor_leaves_the_rate_where_it_is(self):
        cycle = OneCycle(0.5, epochs=8, div=1, div_final=1)
        assert [cycle(epoch) for epoch in range(10)] == [0.5] * 10

    def test_is_a_value_of_python_numbers(self):
        cycle = OneCycle(1, np.int64(8), np.float64(0.5), 10, np.float32(100))
        assert cycle == OneCycle(1.0, 8, 0.5, 10.0, 100.0)
        kinds = [float, int, float, float, float]
        assert [type(number) for number in astuple(cycle)] == kinds
        assert type(cycle(3)) is float
        assert pickle.loads(pickle.dumps(cycle)) == cycle
        with pytest.raises(FrozenInstanceError):
            cycle.div = 2


class TestRatesByEpoch:
    @pytest.mark.parametrize(("rates", "says"), [((), "at least one"), ((0.1, 0), "above 0")])
    def test_rates_that_cannot_work_are_refused(self, rates, says):
        with pytest.raises(ValueError, match=says):
            RatesByEpoch(rates)

    def test_keras_takes_it(self):
        rates = preview(RatesByEpoch((0.5, 0.1)), 3, 2)
        assert rates.tolist() == [0.5, 0.5, 0.1, 0.1, 0.1, 0.1]


class TestPreview:
    def test_a_number_stays_what_it_is(self):
        for rate in (0.5, np.float32(0.5), np.array(0.5)):
            assert preview(rate, epochs=2, steps_per_epoch=3).tolist() == [0.5] * 6
        assert preview(2, 1, 1).tolist() == [2.0]

    def test_a_function_of_the_epoch_gives_all_steps_of_an_epoch_the_same_rate(self):
        rates = preview(lambda epoch: 1 / (1 + epoch), epochs=3, steps_per_epoch=2)
        assert rates.tolist() == [1, 1, 1 / 2, 1 / 2, 1 / 3, 1 / 3]
        assert rates.dtype == np.float64

    def test_a_function_may_return_an_int_a_numpy_number_or_0(self):
        for values in ([1, 0], [np.float32(1), np.int64(0)], [keras.ops.ones(()), 0.0]):
            assert preview(lambda epoch, v=values: v[epoch], 2, 1).tolist() == [1.0, 0.0]

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_a_keras_schedule_gives_what_keras_trains_with(self, name):
        rates = preview(BUILT_IN[name](), epochs=4, steps_per_epoch=3)
        assert rates.shape == (12,)
        expected = rates_of_training(BUILT_IN[name](), 4, 3)
        np.testing.assert_allclose(rates, expected, rtol=2e-6, atol=1e-9)
        assert len(set(rates.round(6))) > 2, "a schedule that does not change proves nothing"

    def test_all_schedules_of_keras_are_compared(self):
        tried = {type(make()) for make in BUILT_IN.values()}
        known = {value for value in vars(ks).values() if isinstance(value, type)}
        assert tried == known - {ks.LearningRateSchedule}

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_all_steps_at_once_give_what_a_step_at_a_time_gives(self, name):
        schedule = BUILT_IN[name]()
        one_by_one = rates._rates_one_by_one(schedule, 12)
        np.testing.assert_allclose(preview(schedule, 4, 3), one_by_one, rtol=1e-6, atol=1e-9)

    def test_a_warm_up_of_no_steps_is_none(self):
        schedule = ks.CosineDecay(0.0, 6, warmup_target=0.5, warmup_steps=0)
        assert preview(schedule, 1, 6) == pytest.approx([float(schedule(s)) for s in range(6)])

    def test_a_schedule_of_ones_own_counts_steps(self):
        rates = preview(Sawtooth(), epochs=2, steps_per_epoch=2)
        assert rates == pytest.approx([0.1, 0.2, 0.3, 0.1])

    @pytest.mark.parametrize("rate", NOT_A_RATE)
    def test_what_is_no_rate_is_refused(self, rate):
        with pytest.raises(ValueError, match=r"finite number above 0.*Received: learning_rate="):
            preview(rate, 2, 2)

    @pytest.mark.parametrize("wrong", [2.5, "3", 0, None])
    @pytest.mark.parametrize("schedule", [0.1, StepDecay()])
    def test_what_is_no_count_is_refused(self, schedule, wrong):
        with pytest.raises(ValueError, match="`epochs` must be a whole number of at least 1"):
            preview(schedule, wrong, 2)
        with pytest.raises(ValueError, match="`steps_per_epoch` must be a whole number"):
            preview(schedule, 2, wrong)

    @pytest.mark.parametrize("value", [None, math.nan, "0.1", [0.1], True])
    def test_a_function_that_returns_no_number_is_refused(self, value):
        with pytest.raises(ValueError, match="returns the learning rate as a number") as error:
            preview(lambda epoch: 0.1 if epoch < 3 else value, epochs=5, steps_per_epoch=2)
        assert f"Received: {value!r} in epoch 3, counted from 0" in str(error.value)

    @pytest.mark.parametrize("value", [-0.1, math.inf])
    def test_a_function_that_returns_no_usable_rate_is_refused(self, value):
        with pytest.raises(ValueError, match="finite learning rate that is not negative") as error:
            preview(lambda epoch: 0.1 if epoch < 3 else value, epochs=5, steps_per_epoch=2)
        assert f"Received: {value} in epoch 3" in str(error.value)

    @pytest.mark.parametrize(
        "schedule",
        [
            lambda epoch, rate: rate * 0.7,
            lambda epoch, lr: lr if epoch < 2 else lr * float(np.exp(-0.1)),  # of Keras's own pages
            lambda epoch, *more: 0.1 / (epoch + 1),
        ],
    )
    def test_a_function_of_epoch_and_rate_gives_what_keras_trains_with(self, schedule):
        rates = preview(schedule, epochs=4, steps_per_epoch=2)
        assert np.float32(rates[::2]).tolist() == np.float32(rates_of_epochs(schedule, 4)).tolist()
        assert rates[::2].tolist() == rates[1::2].tolist()

    def test_a_function_of_epoch_and_rate_starts_from_the_optimizers(self):
        rates = preview(lambda epoch, rate: rate / 2, 3, 1, learning_rate=0.5)
        assert rates.tolist() == [0.25, 0.125, 0.0625]

    def test_a_second_argument_with_a_default_keeps_it(self):
        """A function made in a loop keeps its number so; Keras would put the rate there."""
        assert preview(lambda epoch, first=0.5: first, 2, 1).tolist() == [0.5, 0.5]

    def test_a_function_that_keeps_its_arguments_to_itself_is_one_of_the_epoch(self):
        """As many of C do."""
        assert preview(math.hypot, 3, 1).tolist() == [0.0, 1.0, 2.0]

    @pytest.mark.parametrize("schedule", [lambda: 0.1, lambda epoch, rate, more: 0.1])
    def test_a_function_of_something_else_is_refused(self, schedule):
        with pytest.raises(ValueError, match="function of the epoch"):
            preview(schedule, 2, 2)

    def test_an_error_inside_a_function_is_not_disguised(self):
        with pytest.raises(TypeError, match="unsupported operand"):
            preview(lambda epoch: 0.1 + None, 2, 2)

    @pytest.mark.parametrize("value", [None, math.nan, -0.1, math.inf, "0.1"])
    def test_a_keras_schedule_that_gives_no_usable_rate_is_refused(self, value):
        with pytest.raises(ValueError, match=r"finite learning rate that is not negative|number"):
            preview(Returns(value), 2, 2)


class TestWhatATensorCannot:
    """Keras traces a schedule, so it raises there as well, in words about graphs."""

    @pytest.mark.parametrize(
        "rate",
        [
            lambda step: 0.1 if step < 5 else 0.01,
            lambda step: 0.1 if step in (1, 2) else 0.01,
            lambda step: 0.1 if step > 0 and step < 5 else 0.01,
            lambda step: 0.1 / (1 + int(step)),
            lambda step: 0.1 / (1 + float(step)),
            lambda step: 0.1 * math.exp(-step),
            lambda step: 0.1 * np.cos(step),
            lambda step: 0.1 / (1 + step.numpy()),
            lambda step: [0.1, 0.01][step],
        ],
    )
    def test_the_way_out_is_named(self, rate):
        with pytest.raises(ValueError, match=r"Python's `if`.*Received: Calls.*keras\.ops\.where"):
            preview(Calls(rate), epochs=2, steps_per_epoch=1)

    def test_which_gives_what_the_words_promise(self):
        steps = Calls(lambda step: keras.ops.where(step < 5, 0.1, 0.01))
        assert preview(steps, 1, 7).tolist() == pytest.approx([0.1] * 5 + [0.01] * 2)

    @pytest.mark.parametrize("wrong", [lambda step: step.nonsense, lambda step: None + 1])
    def test_an_error_of_its_own_is_not_disguised(self, wrong):
        with pytest.raises((AttributeError, TypeError), match=r"nonsense|unsupported operand"):
            preview(Calls(wrong), 1, 1)


def test_schedules_need_neither_keras_nor_tensorflow():
    code = (
        "import sys; from lrlab.schedules import StepDecay, preview\n"
        "preview(StepDecay(), 3, 2); preview(0.1, 3, 2)\n"
        "assert not {'keras', 'tensorflow'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
