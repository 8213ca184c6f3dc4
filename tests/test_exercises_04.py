"""The exercises of `04_schedules`, and what it says of Keras."""

import keras
import numpy as np
import pytest
from test_exercises import hint

from lrlab import OneCycle
from lrlab.exercises import check

schedules = keras.optimizers.schedules
cosine = schedules.CosineDecay
WARM = {"warmup_target": 0.5, "warmup_steps": 135}


class TestDecaySteps:
    def test_epochs_times_batches_passes(self):
        answer = cosine(0.5, decay_steps=12 * 32)
        assert "12 epochs × 32 batches = 384" in check("04-decay-steps", answer).message

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (cosine(0.5, 12), "12 is the number of epochs"),
            (cosine(0.5, 12), "In step 1 (epoch 0) your rate is 0.4915 and should be 0.5"),
            (cosine(0.5, 32), "32 batches are one epoch"),
            (cosine(0.5, 12_000), "counts samples"),
            (cosine(0.5, 12 * 31), "rounded up"),
            (cosine(0.5, 12 * 1000 / 32), "no whole number"),
            (cosine(0.1, 384), "In step 0 (epoch 0) your rate is 0.1 and should be 0.5."),
            (lambda epoch: 0.5, "changes the rate only once an epoch"),
            (384, "Give a schedule object"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("04-decay-steps", answer)


class TestWarmUp:
    def test_a_cosine_with_warm_up_passes(self):
        assert check("04-warm-up", cosine(0.05, 540, **WARM))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (cosine(0.05, 540, warmup_steps=135), "Keras ignores `warmup_steps`"),
            (cosine(0.05, 675, **WARM), "12 epochs are left"),
            (cosine(0.5, 675), "Without a warm-up"),
            (cosine(0.05, 12, warmup_target=0.5, warmup_steps=3), "not epochs, 45 an epoch"),
            (cosine(0.5, 540, **WARM), "The first rate is 0.05"),
            (OneCycle(0.5, 15).to_keras(45), "your rate is 0.02 and should be 0.05."),
            (0.5, "Give a schedule object"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("04-warm-up", answer)


def rates(schedule, *steps):
    return [round(float(schedule(step)), 4) for step in steps]


class TestWhatTheNotebookSaysOfKeras:
    def test_warmup_steps_without_a_target_are_ignored(self):
        steps = range(0, 700, 50)
        without = rates(cosine(0.05, 540), *steps)
        assert rates(cosine(0.05, 540, warmup_steps=135), *steps) == without

    def test_decay_steps_begin_after_the_warm_up(self):
        assert rates(cosine(0.05, 540, **WARM), 0, 135, 135 + 270, 135 + 540) == [
            0.05,
            0.5,
            0.25,
            0,
        ]

    def test_a_boundary_is_the_last_step_at_the_old_rate(self):
        assert rates(schedules.PiecewiseConstantDecay([44], [0.5, 0.1]), 44, 45) == [0.5, 0.1]

    def test_a_last_smaller_batch_is_a_step(self):
        model = one_weight(0.1)
        model.fit(np.ones((100, 1)), np.ones(100), batch_size=32, epochs=2, verbose=0)
        assert int(model.optimizer.iterations) == 2 * 4

    def test_a_schedule_object_goes_on_in_a_second_fit_and_leaves_no_rate_in_the_history(self):
        model = one_weight(schedules.PolynomialDecay(0.1, 8, 0.0))
        for expected in (0.05, 0.0):
            history = model.fit(
                np.ones((100, 1)), np.ones(100), batch_size=32, epochs=1, verbose=0
            ).history
            assert float(model.optimizer.learning_rate) == pytest.approx(expected)
            assert "learning_rate" not in history

    def test_a_schedule_object_and_a_scheduler_exclude_each_other(self):
        model = one_weight(cosine(0.1, 8))
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
        with pytest.raises(TypeError, match="not settable"):
            model.fit(np.ones((4, 1)), np.ones(4), callbacks=[scheduler], verbose=0)


def one_weight(rate):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), loss="mse")
    return model
