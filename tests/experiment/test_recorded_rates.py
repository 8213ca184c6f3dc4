"""A run has the rate of every step and every epoch, whoever set it."""

from lrlab.backend import keras

import numpy as np
import pytest
from experiments import EPOCHS, STEPS, GrowsEachBatch, HalvesEachEpoch

from lrlab import StepDecay

ks = keras.optimizers.schedules


class TestRates:
    def test_a_value_an_epoch_and_a_rate_a_step(self, experiment):
        for schedule in (0.1, StepDecay(), ks.CosineDecay(0.5, 20)):
            run = experiment.run(schedule)
            assert run.schedule is schedule
            assert run.learning_rates.shape == (EPOCHS * STEPS,)
            assert {len(values) for values in run.history.values()} == {EPOCHS}
            assert list(run.history)[-1] == "learning_rate"
            assert {"loss", "accuracy", "val_loss", "val_accuracy"} < set(run.history)

    def test_the_rate_of_an_epoch_is_that_of_its_last_step(self, experiment):
        run = experiment.run(ks.PiecewiseConstantDecay([3, 8], [0.5, 0.25, 0.125]))
        # Steps 0 to 3, 4 to 8 and the rest, five an epoch.
        assert run.learning_rates.tolist() == [0.5] * 4 + [0.25] * 5 + [0.125] * 16
        assert run.history["learning_rate"] == [0.25, 0.125, 0.125, 0.125, 0.125]

    def test_a_callback_that_changes_the_rate_each_epoch_is_written_down(self, experiment):
        run = experiment.run(0.8, callbacks=[HalvesEachEpoch()])
        expected = [0.8, 0.4, 0.2, 0.1, 0.05]
        assert run.history["learning_rate"] == pytest.approx(expected)
        assert run.learning_rates == pytest.approx(np.repeat(expected, STEPS))

    def test_a_callback_that_changes_the_rate_each_batch_is_written_down(self, experiment):
        run = experiment.run(0.1, callbacks=[GrowsEachBatch()])
        expected = 0.1 + 0.01 * np.arange(EPOCHS * STEPS)
        assert run.learning_rates == pytest.approx(expected, rel=1e-5)
        assert run.history["learning_rate"] == pytest.approx(expected[4::5], rel=1e-5)

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_run_that_stops_early_has_what_was_trained(self, experiment, at_once):
        class Stops(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch == 2

        others = [] if at_once else [GrowsEachBatch()]
        for schedule in (0.1, StepDecay(), *([ks.CosineDecay(0.5, 20)] if at_once else [])):
            run = experiment.run(schedule, callbacks=[Stops(), *others])
            assert run.learning_rates.shape == (3 * STEPS,)
            assert {len(values) for values in run.history.values()} == {3}

    @pytest.mark.parametrize("rate", [1, np.float32(0.5), np.int64(1), np.array(0.5)])
    @pytest.mark.parametrize("callbacks", [[], [keras.callbacks.EarlyStopping(patience=9)]])
    def test_a_rate_of_any_type(self, experiment, rate, callbacks):
        run = experiment.run(rate, callbacks=callbacks)
        assert run.history["learning_rate"] == [float(rate)] * EPOCHS
        assert run.history["loss"] == experiment.run(float(rate)).history["loss"]

    def test_a_function_may_return_an_int(self, experiment):
        for callbacks in ([], [keras.callbacks.EarlyStopping(patience=9)]):
            run = experiment.run(lambda epoch: 1, callbacks=callbacks)
            assert run.history["learning_rate"] == [1.0] * EPOCHS

    @pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True])
    def test_what_is_no_rate_is_refused_and_nothing_is_spoilt(self, experiment, rate):
        with pytest.raises(ValueError, match=r"finite number above 0.*Received: learning_rate="):
            experiment.run(rate)
        assert len(experiment.run(0.1).history["loss"]) == EPOCHS

    def test_a_schedule_object_and_a_callback_that_sets_the_rate_exclude_each_other(
        self, experiment
    ):
        for callback in (
            keras.callbacks.ReduceLROnPlateau(),
            keras.callbacks.LearningRateScheduler(StepDecay()),
        ):
            with pytest.raises(ValueError, match=r"exclude each other.*Received: CosineDecay and"):
                experiment.run(ks.CosineDecay(0.5, 20), callbacks=[callback])

    def test_one_callback_needs_no_list(self, experiment):
        run = experiment.run(0.8, callbacks=HalvesEachEpoch())
        assert run.history["learning_rate"][1] == pytest.approx(0.4)

    def test_what_is_no_callback_is_refused(self, experiment):
        with pytest.raises(ValueError, match=r"keras\.callbacks\.Callback.*Received: str"):
            experiment.run(0.1, callbacks=["EarlyStopping"])
