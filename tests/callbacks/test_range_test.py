"""The range test: true batch losses, everything put back, a suggestion that can be judged."""

import doctest
import gc

from lrlab.backend import keras

import numpy as np
import pytest
from keras_twins import CLASSES, FEATURES, X, Y, assert_close, mlp, seeded
from tensorflow.python.data.ops.iterator_ops import OwnedIterator

import lrlab
from lrlab import LearningRateRangeTest
from lrlab.callbacks import range_test
from lrlab.callbacks.range_test import smooth, suggest

SAMPLES, BATCH = len(X), 16  # five batches, the last one of 11
WEIGHTS = np.tile([0.5, 2.0, 0.0, 1.5, 1.0], SAMPLES // 5).astype("float32")
BOTH = pytest.mark.parametrize("fit", [keras.Model.fit, lrlab.fit])


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(range_test).failed == 0


def ranged(model, fit=keras.Model.fit, epochs=2, weights=None, before=(), **settings):
    test = LearningRateRangeTest(**{"lowest": 1e-3, "highest": 1.0, **settings})
    fit(
        model,
        X,
        Y,
        batch_size=BATCH,
        epochs=epochs,
        sample_weight=weights,
        shuffle=False,
        callbacks=[*before, test],
        verbose=0,
    )
    return test


def losses_by_hand(model, rates, weights=None):
    """What `train_on_batch` says of each batch with the metrics reset before it."""
    losses = []
    for step, rate in enumerate(rates):
        start = step % 5 * BATCH
        batch = slice(start, start + BATCH)
        model.optimizer.learning_rate = float(rate)
        model.reset_metrics()
        own = None if weights is None else weights[batch]
        losses.append(model.train_on_batch(X[batch], Y[batch], own, return_dict=True)["loss"])
    return losses


class TestLosses:
    @BOTH
    @pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
    def test_they_are_those_of_each_batch_alone_the_smaller_last_one_too(self, fit, weights):
        test = ranged(seeded(mlp), fit, weights=weights)
        expected = losses_by_hand(seeded(mlp), np.geomspace(1e-3, 1, 10), weights)
        assert test.losses == pytest.approx(expected, rel=1e-5)

    def test_the_first_ones_are_those_of_numpy(self):
        """A rate of nearly 0 leaves the model as it is: the loss of a batch is a mean over it."""
        model = seeded(mlp)
        chosen = model.predict(X, verbose=0)[np.arange(SAMPLES), Y]
        test = ranged(model, epochs=1, lowest=1e-12, highest=1e-11)
        starts = range(0, SAMPLES, BATCH)
        means = [-np.log(chosen[start : start + BATCH]).mean() for start in starts]
        assert test.losses == pytest.approx(means, rel=1e-5)

    def test_they_are_not_the_running_mean_that_keras_logs(self):
        logged = []
        note = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: logged.append(logs["loss"])
        )
        model = seeded(mlp)
        model.optimizer.learning_rate = 0.1
        model.fit(X, Y, batch_size=BATCH, shuffle=False, callbacks=[note], verbose=0)
        own = losses_by_hand(seeded(mlp), [0.1] * 5)
        sizes = np.array([16, 16, 16, 16, 11])
        running = np.cumsum(own * sizes) / np.cumsum(sizes)
        assert logged == pytest.approx(running, rel=1e-5)
        assert logged[-1] != pytest.approx(own[-1], rel=1e-3)

    def test_a_model_that_reports_its_own_loss_is_believed(self):
        class Own(keras.Sequential):
            def train_step(self, data):
                return {"loss": super().train_step(data)["loss"] * 0 + 7.0}

        def own():
            model = Own([keras.Input((FEATURES,)), keras.layers.Dense(CLASSES, "softmax")])
            model.compile("sgd", "sparse_categorical_crossentropy")
            return model

        assert ranged(seeded(own)).losses.tolist() == [7.0] * 10


class TestRates:
    @BOTH
    def test_they_rise_by_the_same_factor_a_batch_over_the_whole_fit(self, fit):
        test = ranged(seeded(mlp), fit)
        assert test.learning_rates == pytest.approx(np.geomspace(1e-3, 1, 10))

    def test_the_fit_ends_when_the_steps_are_taken(self):
        assert ranged(seeded(mlp), steps=7).learning_rates == pytest.approx(
            np.geomspace(1e-3, 1, 7)
        )

    def test_a_fit_that_begins_later_has_fewer_steps(self):
        test = LearningRateRangeTest(1e-3, 1.0)
        model = seeded(mlp)
        model.fit(X, Y, BATCH, epochs=5, initial_epoch=3, callbacks=[test], verbose=0)
        assert test.learning_rates == pytest.approx(np.geomspace(1e-3, 1, 10))

    def test_a_scheduler_does_not_get_in_the_way(self):
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5)
        with_it = ranged(seeded(mlp), before=[scheduler])
        assert with_it.losses == pytest.approx(ranged(seeded(mlp)).losses)

    @BOTH
    def test_it_stops_when_the_loss_has_exploded(self, fit):
        """On y = w x with x = 1 the error is multiplied by |1 - 2 rate|: by 3 at a rate of 2."""

        def line():
            model = keras.Sequential(
                [
                    keras.Input((1,)),
                    keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"),
                ]
            )
            model.compile("sgd", "mse")
            return model

        test = LearningRateRangeTest(2.0, 2.0001, steps=50)
        x = np.ones((50, 1))
        fit(line(), x, 2 * x, batch_size=1, callbacks=[test], verbose=0)
        # 1, 9, ...: the mean of the first two is 5, more than 4 times the first.
        assert test.losses == pytest.approx([1, 9], rel=1e-3)

    def test_it_stops_at_nan(self):
        y = np.where(np.arange(SAMPLES) < 40, 1.0, np.nan)
        model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        test = LearningRateRangeTest(1e-6, 1e-5)
        model.fit(X, y, batch_size=10, callbacks=[test], shuffle=False, verbose=0)
        assert np.isnan(test.losses).tolist() == [False] * 4 + [True]
        assert len(test.learning_rates) == 5
        assert np.isfinite(model.get_weights()[0]).all()


@pytest.mark.parametrize(("fit", "left"), [(keras.Model.fit, 1), (lrlab.fit, 0)])
def test_a_fit_of_keras_that_ends_within_an_epoch_leaves_an_iterator_to_be_collected(fit, left):
    def iterators():
        return sum(type(thing) is OwnedIterator for thing in gc.get_objects())

    model = seeded(mlp)
    gc.collect()
    gc.disable()
    try:
        before = iterators()
        test = ranged(model, fit, steps=3)
        assert len(test.losses) == 3
        assert iterators() - before == left
        gc.collect()
        assert iterators() == before
    finally:
        gc.enable()


class TestEverythingIsPutBack:
    @BOTH
    @pytest.mark.parametrize("optimizer", ["sgd", "adam"])
    def test_weights_optimizer_and_rate_are_as_before(self, fit, optimizer):
        model = seeded(lambda: mlp(optimizer))
        model.fit(X, Y, batch_size=BATCH, verbose=0)  # so that there are moments to keep
        model.optimizer.learning_rate = 0.123
        variables = [*model.variables, *model.optimizer.variables]
        before = [variable.numpy() for variable in variables]
        test = ranged(model, fit)
        assert len(test.losses) == 10
        for variable, value in zip(variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value, variable.path)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.123)

    def test_the_training_after_it_is_that_without_it(self):
        with_it, without = (seeded(lambda: mlp("adam")) for _ in range(2))
        ranged(with_it)
        for model in (with_it, without):
            model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
        for ours, plain in zip(with_it.get_weights(), without.get_weights(), strict=True):
            assert_close(ours, plain)

    def test_an_interrupted_test_can_be_put_back(self):
        class Interrupt(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if batch == 3:
                    raise KeyboardInterrupt

        model, test = seeded(mlp), LearningRateRangeTest()
        before = model.get_weights()
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, BATCH, callbacks=[test, Interrupt()], verbose=0)
        assert (model.get_weights()[0] != before[0]).any()
        test.restore()
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)

    def test_it_can_be_used_again(self):
        model, test = seeded(mlp), LearningRateRangeTest(1e-3, 1.0)
        for _ in range(2):
            model.fit(X, Y, BATCH, shuffle=False, callbacks=[test], verbose=0)
            assert len(test.losses) == len(test.learning_rates) == 5
        assert test.losses == pytest.approx(ranged(seeded(mlp), epochs=1).losses)


class TestSuggestion:
    def test_smoothing_is_a_mean_weighted_towards_the_last(self):
        losses = np.array([3.0, 1.0, 2.0])
        weights = np.array([0.25, 0.5, 1.0])
        assert smooth(losses, 0.5)[2] == pytest.approx((losses * weights).sum() / weights.sum())
        assert smooth(losses, 0.0).tolist() == losses.tolist()
        assert smooth([], 0.9).tolist() == []

    def test_it_is_a_tenth_of_the_rate_where_the_smoothed_loss_is_lowest(self):
        rate, reason = suggest([0.01, 0.1, 1.0, 10.0], [2.0, 1.5, 0.5, 9.0], 0.0)
        assert rate == pytest.approx(0.1)
        assert reason == (
            "The smoothed loss is lowest, 0.5, at a rate of 1; a tenth of that keeps clear of "
            "where it rises."
        )

    def test_a_loss_that_still_falls_asks_for_higher_rates(self):
        rate, reason = suggest([0.01, 0.1], [2.0, 1.0], 0.0)
        assert rate == pytest.approx(0.01)
        assert "test higher rates too" in reason

    @pytest.mark.parametrize(
        ("losses", "says"),
        [([2.0, 2.1, 9.0], "never fell"), ([np.nan], "no batch has a finite loss"), ([], "finite")],
    )
    def test_without_a_fall_there_is_none_and_it_says_why(self, losses, says):
        rate, reason = suggest(np.geomspace(0.1, 1, len(losses)), losses, 0.5)
        assert rate is None
        assert says in reason

    def test_a_nan_at_the_end_is_left_out(self):
        assert suggest([0.1, 1.0, 10.0], [2.0, 1.0, np.nan], 0.5)[0] == pytest.approx(0.1)

    def test_the_callback_gives_that_of_its_losses(self):
        test = ranged(seeded(mlp), smoothing=0.5)
        expected = suggest(test.learning_rates, test.losses, 0.5)
        assert (test.suggestion, test.reason) == expected
        assert test.smoothed().tolist() == smooth(test.losses, 0.5).tolist()
        assert test.smoothed(0.0).tolist() == test.losses.tolist()

    def test_on_the_digits_it_is_a_rate_that_trains_well(self):
        digits = lrlab.data.digits()
        experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
        test = LearningRateRangeTest(steps=100)
        experiment.run(0.01, callbacks=[test])
        assert experiment.run(test.suggestion).verdict == "good"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"lowest": 0}, "`lowest` must be a finite number above 0"),
        ({"highest": np.inf}, "`highest` must be a finite number above 0"),
        ({"lowest": 1, "highest": 0.1}, r"must be above `lowest`.*lowest=1, highest=0.1"),
        ({"steps": 1}, "`steps` must be a whole number of at least 2"),
        ({"smoothing": 1}, "`smoothing` must be at least 0.*smoothing=1"),
    ],
)
def test_an_argument_that_cannot_work_is_said_at_the_door(settings, says):
    with pytest.raises(ValueError, match=says):
        LearningRateRangeTest(**settings)


def test_a_schedule_in_the_optimizer_is_refused_as_the_fit_begins():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    with pytest.raises(ValueError, match=r"learning_rate=ExponentialDecay.*Compile with a number"):
        ranged(seeded(lambda: mlp(keras.optimizers.SGD(schedule))))


def test_data_without_a_length_need_a_number_of_steps():
    def batches():
        while True:
            yield X[:BATCH], Y[:BATCH]

    model = seeded(mlp)
    with pytest.raises(ValueError, match=r"must know how many steps.*steps=None"):
        model.fit(batches(), callbacks=[LearningRateRangeTest()], verbose=0)
    test = LearningRateRangeTest(steps=6)
    model.fit(batches(), callbacks=[test], verbose=0)
    assert len(test.losses) == 6
