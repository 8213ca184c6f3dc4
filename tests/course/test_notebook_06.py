"""The exercises of notebook 06, and what it says of dead units and of `fit`."""

from lrlab.backend import keras, tf

import numpy as np
import pytest
from hints import hint, one_weight

import lrlab
from lrlab.course import notebook_06
from lrlab.exercises import check
from lrlab.experiment import Steered
from lrlab.schedules import RatesByEpoch


@pytest.fixture(scope="module")
def replay(experiment):
    def run(*moves):
        rates = [rate for rate, epochs in moves for _ in range(epochs)]
        return experiment.run(RatesByEpoch(tuple(rates)))

    return run


class TestReach:
    def test_the_limit_is_what_the_fixed_schedule_comes_to(self, experiment):
        fixed = experiment.run(lrlab.StepDecay(0.8, 0.5, 5)).final["val_loss"]
        assert fixed == pytest.approx(notebook_06.FIXED_LOSS, abs=5e-5)

    def test_a_high_rate_turned_down_late_passes(self, replay):
        feedback = check("06-reach", replay((0.5, 12), (0.05, 3)))
        assert feedback.message == "By hand 0.1167, by the fixed schedule 0.1167."
        assert feedback.passed

    @pytest.mark.parametrize(
        ("moves", "words"),
        [
            ([(0.1, 15)], "By hand 0.1952, and 0.13 or less is wanted. All your rates are low"),
            ([(0.5, 15)], "The last rate is 0.5: turn it down before the end."),
            ([(0.5, 3), (0.05, 12)], "The rate was high in 3 epochs. Try another number of them."),
            ([(2.0, 3), (0.1, 12)], "The training is broken: it began too high. Start again"),
            ([(5.0, 3), (0.1, 12)], "The training is broken: it began too high. Start again"),
        ],
    )
    def test_each_mistake_has_its_hint(self, replay, moves, words):
        assert words in hint("06-reach", replay(*moves))

    def test_a_training_that_is_not_done(self, experiment):
        steered = Steered(experiment)
        assert hint("06-reach", steered.epoch(0.5)) == "It has done 1 of 15 epochs. Press Go on."

    def test_what_was_not_steered(self, experiment):
        for answer in (None, 0.5, experiment.run(0.5)):
            assert "explorer.wait()" in hint("06-reach", answer)


class TestMoves:
    def test_the_moves_pass_as_a_function_or_looked_up_in_a_list(self):
        rates = [0.1] * 2 + [0.5] * 8 + [0.05] * 5
        assert check("06-moves", lambda epoch: rates[epoch])
        assert check("06-moves", RatesByEpoch(tuple(rates)))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (
                lambda e: 0.1 if e <= 2 else 0.5 if e <= 10 else 0.05,
                "In epoch 2 your rate is 0.1 and should be 0.5: epochs count from 0, so `<=`",
            ),
            (
                lambda e: 0.1 if e < 2 else 0.5 if e < 8 else 0.05,
                "In epoch 8 your rate is 0.05 and should be 0.5: 8 epochs that follow",
            ),
            (
                lambda e: 0.5 if e < 10 else 0.1 if e < 2 else 0.05,
                "In epoch 0 your rate is 0.5 and should be 0.1: the first test that is true",
            ),
            (lambda e: 0.1, "In epoch 2 your rate is 0.1 and should be 0.5. Epochs count from 0."),
            (lambda e: ([0.1] * 2 + [0.5] * 8)[e], "In epoch 10 it raises IndexError"),
            (lambda e: None, "It must return a float. In epoch 0 it returned None."),
            ([0.1] * 2 + [0.5] * 8 + [0.05] * 5, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("06-moves", answer)


class TestWhatTheNotebookSays:
    def test_a_unit_that_is_0_for_every_sample_gets_no_gradient(self):
        layer = keras.layers.Dense(3, activation="relu")
        x = tf.constant(np.random.default_rng(0).random((8, 2)), tf.float32)
        layer.build((None, 2))
        layer.bias.assign([-9.0, -9.0, 9.0])  # the first two are 0 for every sample
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        weights, biases = tape.gradient(loss, [v.value for v in layer.trainable_variables])
        assert np.all(weights.numpy()[:, :2] == 0)
        assert np.all(biases.numpy()[:2] == 0)
        assert np.all(weights.numpy()[:, 2] != 0)

    def test_dead_units_stay_dead(self, experiment):
        x = experiment.dataset.x_train
        steered = Steered(experiment)

        def alive():
            return (experiment.model.layers[0](x).numpy() > 0).any(axis=0)

        for rate in (2.0, 2.0, 2.0):
            steered.epoch(rate)
        after_three = alive()
        for _ in range(12):
            steered.epoch(0.1)
        assert after_three.sum() < 8
        assert not (alive() & ~after_three).any()

    def test_what_a_callback_assigns_as_an_epoch_ends_holds_from_the_next_one_on(self):
        class Dial(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    self.model.optimizer.learning_rate = 0.05

        model = one_weight(keras.optimizers.SGD(0.25), use_bias=False)
        model.set_weights([np.zeros((1, 1))])
        x = np.ones((1, 1))
        losses = model.fit(x, x, epochs=4, callbacks=[Dial()], verbose=0).history["loss"]
        # A step at rate r leaves 1 - 2 r of the error, and the loss is its square.
        assert losses == pytest.approx([1, 0.5**2, 0.25**2, (0.25 * 0.9) ** 2])

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_a_rate_turned_down_after_3_epochs_at_2_stays_far_above_0_1_throughout(
        self, experiment, seed
    ):
        rescued = experiment.run(RatesByEpoch((2.0,) * 3 + (0.1,) * 12), seed=seed)
        assert rescued.final["loss"] > 1 > experiment.run(0.1, seed=seed).final["loss"]

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_without_a_hidden_layer_it_does_not(self, seed):
        digits = lrlab.data.digits()
        linear = lrlab.Experiment(lambda: lrlab.models.linear(digits), digits)
        rescued = linear.run(RatesByEpoch((2.0,) * 3 + (0.1,) * 12), seed=seed)
        assert rescued.final["loss"] < 0.5

    def test_moves_by_hand_and_the_best_step_decay_end_alike(self, experiment):
        """As the means of three starts: closer than two starts of either."""
        moves = RatesByEpoch((0.5,) * 12 + (0.05,) * 3)
        by_hand, fixed = (
            [experiment.run(schedule, seed=seed).final["val_loss"] for seed in (0, 1, 2)]
            for schedule in (moves, lrlab.StepDecay(0.8, 0.5, 5))
        )
        apart = abs(np.mean(by_hand) - np.mean(fixed))
        assert apart < 0.2 * min(np.ptp(by_hand), np.ptp(fixed))

    def test_epochs_is_the_end_of_a_fit_that_goes_on(self):
        model = one_weight()
        x = np.ones((4, 1))
        assert model.fit(x, x, initial_epoch=12, epochs=15, verbose=0).epoch == [12, 13, 14]
