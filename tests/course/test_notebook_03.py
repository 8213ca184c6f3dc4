"""The exercises of `03_step_decay`, and what it says of Keras."""

import keras
import numpy as np
import pytest
from hints import hint, one_weight

import lrlab
from lrlab.exercises import check


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
            (lrlab.StepDecay(3.0), "From 3.0 the training is stuck: the rate is too high."),
            (0.5, "Run it with a lrlab.StepDecay"),
        ],
    )
    def test_each_mistake_has_its_hint(self, run, decay, words):
        assert words in hint("03-one-number", run(decay))


class TestWhatTheNotebookSaysOfKeras:
    def test_a_scheduler_overwrites_the_rate_of_the_optimizer_before_the_first_step(self):
        x, weights = np.ones((4, 1)), []
        for rate in (0.1, 7.0):
            model = one_weight(keras.optimizers.SGD(rate), kernel_initializer="zeros")
            scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
            model.fit(x, x, batch_size=4, callbacks=[scheduler], verbose=0)
            weights.append(model.get_weights()[0].item())
        assert weights == pytest.approx([0.1 * 2, 0.1 * 2])  # the slope of (w − 1)² at 0 is −2

    def test_only_a_callback_that_sets_the_rate_records_it(self):
        model = one_weight()
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
        x = np.ones((4, 1))
        assert "learning_rate" not in model.fit(x, x, verbose=0).history
        assert "learning_rate" in model.fit(x, x, verbose=0, callbacks=[scheduler]).history
