"""The exercises of `04_schedules`, and what it says of Keras."""

import keras
import numpy as np
import pytest
from hints import hint, one_weight
from keras.optimizers import SGD

from lrlab import OneCycle, preview
from lrlab.exercises import check

schedules = keras.optimizers.schedules
cosine = schedules.CosineDecay
WARM = {"warmup_target": 1.0, "warmup_steps": 40}


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
        assert check("04-warm-up", cosine(0.1, 8 * 20, **WARM))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (cosine(0.1, 160, warmup_steps=40), "Keras ignores `warmup_steps`"),
            (cosine(0.1, 160, warmup_target=1.0), "Without `warmup_steps` the warm-up has no"),
            (cosine(0.1, 200, **WARM), "8 epochs are left"),
            (cosine(1.0, 200), "Without a warm-up"),
            (cosine(0.1, 8, warmup_target=1.0, warmup_steps=2), "not epochs, 20 an epoch"),
            (cosine(1.0, 160, **WARM), "The first rate is 0.1"),
            (OneCycle(1.0, 10).to_keras(20), "your rate is 0.04 and should be 0.1."),
            (1.0, "Give a schedule object"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("04-warm-up", answer)


def rates(schedule, *steps):
    return [round(float(schedule(step)), 4) for step in steps]


class TestWhatTheNotebookSaysOfKeras:
    def test_warmup_steps_without_a_target_are_ignored(self):
        steps = range(0, 200, 20)
        without = rates(cosine(0.1, 160), *steps)
        assert rates(cosine(0.1, 160, warmup_steps=40), *steps) == without

    def test_decay_steps_begin_after_the_warm_up(self):
        assert rates(cosine(0.1, 160, **WARM), 0, 40, 40 + 80, 40 + 160) == [0.1, 1.0, 0.5, 0]

    def test_cosine_and_polynomial_decay_stay_at_the_last_rate(self):
        """For cosine `alpha` is its share of the highest rate, here of the warm-up's target."""
        assert rates(cosine(0.1, 160, alpha=0.2, **WARM), 200, 300) == [0.2, 0.2]
        assert rates(schedules.PolynomialDecay(0.5, 10, 0.1), 10, 20) == [0.1, 0.1]

    def test_exponential_and_inverse_time_decay_fall_for_ever(self):
        """Halved every 30 steps; and 0.5 / (1 + 0.5 × epochs), with 10 steps an epoch."""
        exponential = schedules.ExponentialDecay(0.5, 30, decay_rate=0.5)
        assert rates(exponential, 0, 30, 60, 90) == [0.5, 0.25, 0.125, 0.0625]
        inverse_time = schedules.InverseTimeDecay(0.5, 10, decay_rate=0.5)
        assert rates(inverse_time, 0, 20, 60, 180) == [0.5, 0.25, 0.125, 0.05]

    def test_an_exponential_staircase_is_a_step_decay(self):
        staircase = schedules.ExponentialDecay(0.01, 5 * 45, 0.1, staircase=True)
        decay = [0.01 * 0.1 ** (step // (5 * 45)) for step in range(15 * 45)]
        assert np.allclose(preview(staircase, 15, 45), decay, rtol=1e-5, atol=0)

    def test_restarts_with_t_mul_1_are_cycles_of_one_length(self):
        restarts = schedules.CosineDecayRestarts(0.5, 50, t_mul=1.0)
        assert rates(restarts, 0, 25, 50, 75, 100) == [0.5, 0.25, 0.5, 0.25, 0.5]

    def test_a_boundary_is_the_last_step_at_the_old_rate(self):
        assert rates(schedules.PiecewiseConstantDecay([44], [0.5, 0.1]), 44, 45) == [0.5, 0.1]

    def test_a_last_smaller_batch_is_a_step(self):
        model = one_weight(SGD(0.1))
        model.fit(np.ones((100, 1)), np.ones(100), batch_size=32, epochs=2, verbose=0)
        assert int(model.optimizer.iterations) == 2 * 4

    def test_a_schedule_object_goes_on_in_a_second_fit_and_leaves_no_rate_in_the_history(self):
        model = one_weight(SGD(schedules.PolynomialDecay(0.1, 8, 0.0)))
        for expected in (0.05, 0.0):
            history = model.fit(
                np.ones((100, 1)), np.ones(100), batch_size=32, epochs=1, verbose=0
            ).history
            assert float(model.optimizer.learning_rate) == pytest.approx(expected)
            assert "learning_rate" not in history

    def test_a_schedule_object_and_a_scheduler_exclude_each_other(self):
        model = one_weight(SGD(cosine(0.1, 8)))
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
        with pytest.raises(TypeError, match="not settable"):
            model.fit(np.ones((4, 1)), np.ones(4), callbacks=[scheduler], verbose=0)

    def test_a_number_cannot_be_assigned_over_a_schedule_object(self):
        model = one_weight(SGD(cosine(0.1, 8)))
        with pytest.raises(TypeError, match="not settable"):
            model.optimizer.learning_rate = 0.1
