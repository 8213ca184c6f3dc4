"""Exercises: solutions pass, each wrong answer gets the hint that helps, a stub gets neither."""

import doctest

import keras
import numpy as np
import pytest
from hints import hint

import lrlab
from lrlab import exercises
from lrlab.exercises import Feedback, check


@pytest.fixture(scope="module")
def experiment():
    digits = lrlab.data.digits()
    return lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)


@pytest.fixture(scope="module")
def run(experiment):
    runs = {}

    def cached(schedule):
        if schedule not in runs:
            runs[schedule] = experiment.run(schedule)
        return runs[schedule]

    return cached


def test_an_unknown_exercise_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match=r"'00-rate', .*'03-sch.*\. Received: exercise='01-x'"):
        check("01-x", ...)


def test_feedback_says_what_it_is():
    assert repr(Feedback("00-rate", True, "Well.")) == "Exercise 00-rate: right. Well."
    assert repr(Feedback("00-rate", False, "Lower.")) == "Exercise 00-rate: not right yet. Lower."
    assert Feedback("00-rate", True, "")
    assert Feedback("00-rate", False, "Lower.")._repr_markdown_().endswith("Lower.")


@pytest.mark.parametrize("exercise", ["00-rate", "02-verdicts", "03-one-number"])
@pytest.mark.parametrize("answer", [0.5, None, "0.5"])
def test_what_is_no_run_is_refused(exercise, answer):
    assert "Give a " in hint(exercise, answer)
    assert "run" in hint(exercise, answer)


class TestRate:
    def test_a_good_rate_passes(self, run):
        assert check("00-rate", run(0.5)).message == "With 0.5 the validation accuracy is 0.956."

    def test_too_low_a_rate(self, run):
        assert hint("00-rate", run(0.01)) == (
            "With 0.01 the validation accuracy is 0.794, and 0.95 is wanted. Try a higher rate."
        )

    def test_too_high_a_rate(self, run):
        assert "With 2.0 the training is stuck: the rate is too high." in hint("00-rate", run(2.0))

    def test_a_schedule_is_no_rate(self, run):
        assert "no schedule" in hint("00-rate", run(lrlab.StepDecay(1.0, 0.5, 5)))


class TestVerdicts:
    def test_one_of_each_passes_in_any_order(self, run):
        assert check("02-verdicts", [run(0.3), run(2.0), run(0.001)])

    @pytest.mark.parametrize(
        ("rates", "words"),
        [
            ((0.3, 2.0), "Your runs are good, stuck. For 'too low' try a lower rate."),
            ((0.001, 2.0, 2.0), "For 'good' try another rate."),
            ((0.001, 0.01, 0.3), "For 'stuck' try a higher rate."),
            ((), "For 'stuck' try a higher rate."),
        ],
    )
    def test_a_missing_one_is_named(self, run, rates, words):
        assert words in hint("02-verdicts", [run(rate) for rate in rates])

    def test_a_single_run_is_no_list(self, run):
        assert hint("02-verdicts", run(0.3)) == "Give a list of three runs."


def assigned(model):
    model.optimizer.learning_rate = model.optimizer.learning_rate / 2


def returned(model):
    return model.optimizer.learning_rate / 2


def old_name(model):
    model.optimizer.lr = float(model.optimizer.learning_rate) / 2


def compiled_anew(model):
    rate = float(model.optimizer.learning_rate) / 2
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=rate), loss="mse")


def always_the_same(model):
    model.optimizer.learning_rate = 0.4


class TestChange:
    def test_assigning_passes(self):
        assert check("02-change", assigned)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (returned, "did not change. Assign to `model.optimizer.learning_rate`"),
            (old_name, "`optimizer.lr` is no setting in Keras 3"),
            (compiled_anew, "a new optimizer"),
            (always_the_same, "did not change"),
            (lambda model: model.learning_rate, "It raises AttributeError"),
            (0.4, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("02-change", answer)


class TestSchedule:
    def test_the_formula_passes(self):
        assert check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4))

    def test_a_step_decay_passes(self):
        assert check("03-schedule", lrlab.StepDecay(0.8, 0.5, 4))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (lambda epoch: 0.8 * 0.5 ** (epoch / 4), "epoch 1 your rate is 0.6727 and should"),
            (lambda epoch: 0.8 * 0.5 ** (epoch / 4), "`/` makes it fall a little every epoch"),
            (lambda epoch: 0.8 * 0.5 * (epoch // 4), "Write `**`, a power"),
            (lambda epoch: 0.8 * 0.5 ** (epoch % 4), "`%` is the remainder"),
            (lambda epoch: 0.8 * 0.5**epoch, "it halves every epoch"),
            (lambda epoch: 0.8 * 0.5 ** ((epoch + 1) // 4), "In epoch 3 your rate is 0.4"),
            (lambda epoch: 0.8 * 0.5 ** ((epoch + 1) // 4), "the first drop comes in epoch 4"),
            (lambda epoch: print(end=""), "It must return a float. In epoch 0 it returned None"),
            (lambda epoch: 0.8 if epoch < 4 else 1 / 0, "In epoch 4 it raises ZeroDivisionError"),
            (lambda: 0.8, "In epoch 0 it raises TypeError"),
            (0.8, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("03-schedule", answer)


class TestOneNumber:
    def test_a_higher_first_rate_passes(self, run):
        assert check("03-one-number", run(lrlab.StepDecay(0.5)))

    @pytest.mark.parametrize(
        ("decay", "words"),
        [
            (lrlab.StepDecay(), "You changed none."),
            (lrlab.StepDecay(0.5, 0.5), "You changed initial_learning_rate and decay_factor."),
            (lrlab.StepDecay(decay_factor=1), "With another decay_factor the rate still never"),
            (lrlab.StepDecay(epochs_per_drop=15), "With another epochs_per_drop the rate still"),
            (lrlab.StepDecay(0.1), "0.925, and 0.95 is wanted. Try a higher rate."),
            (lrlab.StepDecay(2.0), "From 2.0 the training is stuck: the rate is too high."),
            (0.5, "Run it with a lrlab.StepDecay"),
        ],
    )
    def test_each_mistake_has_its_hint(self, run, decay, words):
        assert words in hint("03-one-number", run(decay))


class TestWhatTheNotebooksSayOfKeras:
    def test_compiling_with_a_new_optimizer_loses_the_state_and_assigning_a_rate_keeps_it(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(), loss="mse")
        model.train_on_batch(np.ones((4, 1)), np.ones((4, 1)))
        model.optimizer.learning_rate = 0.1
        assert int(model.optimizer.iterations) == 1
        model.compile(keras.optimizers.Adam(learning_rate=0.1), loss="mse")
        assert int(model.optimizer.iterations) == 0

    def test_a_scheduler_overwrites_the_rate_of_the_optimizer_before_the_first_step(self):
        x, weights = np.ones((4, 1)), []
        for rate in (0.1, 7.0):
            layer = keras.layers.Dense(1, kernel_initializer="zeros")
            model = keras.Sequential([keras.Input((1,)), layer])
            model.compile(keras.optimizers.SGD(learning_rate=rate), loss="mse")
            scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
            model.fit(x, x, batch_size=4, callbacks=[scheduler], verbose=0)
            weights.append(float(layer.kernel[0, 0]))
        assert weights == pytest.approx([0.1 * 2, 0.1 * 2])  # the slope of (w − 1)² at 0 is −2

    def test_only_a_callback_that_sets_the_rate_records_it(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", loss="mse")
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
        x = np.ones((4, 1))
        assert "learning_rate" not in model.fit(x, x, verbose=0).history
        assert "learning_rate" in model.fit(x, x, verbose=0, callbacks=[scheduler]).history


def test_the_example_runs():
    assert doctest.testmod(exercises).failed == 0
