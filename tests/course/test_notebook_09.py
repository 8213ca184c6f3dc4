"""The exercises and the claims of `09_adam_and_friends`."""

import keras
import numpy as np
import pytest
from hints import hint

import lrlab
from lrlab.exercises import check

optimizers = keras.optimizers


@pytest.fixture(scope="module")
def adam(experiment):
    return experiment.variant(optimizer="adam")


class TestSchedule:
    @pytest.mark.parametrize(
        "schedule",
        [
            lrlab.StepDecay(0.03, 0.5, 5),
            lrlab.StepDecay(0.03, 0.2, 5),
            keras.optimizers.schedules.CosineDecay(0.03, 15 * 45),
            lambda epoch: 0.03 if epoch < 8 else 0.003,
        ],
    )
    def test_a_rate_that_comes_down_in_time_passes(self, adam, schedule):
        assert check("09-schedule", adam.run(schedule))

    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (0.03, "0.12 or less is wanted. The rate stays where it is"),
            (lrlab.StepDecay(0.03, 0.9, 5), "It ends at too high a rate"),
            (lrlab.StepDecay(0.03, 0.01, 1), "It falls too far or too soon"),
            (0.01, "It begins at 0.01. Begin at 0.03."),
            (lrlab.StepDecay(0.3, 0.1, 5), "It begins at 0.3. Begin at 0.03."),
        ],
    )
    def test_each_mistake_has_its_hint(self, adam, schedule, words):
        assert words in hint("09-schedule", adam.run(schedule))

    @pytest.mark.parametrize("optimizer", ["sgd", "adamw", "nadam"])
    def test_another_optimizer_is_refused(self, experiment, optimizer):
        run = experiment.variant(optimizer=optimizer).run(lrlab.StepDecay(0.03, 0.5, 5))
        assert "another optimizer" in hint("09-schedule", run)


class TestHalfLife:
    @pytest.mark.parametrize("kind", [optimizers.AdamW, optimizers.Adam])
    def test_a_decay_of_ln_2_over_1000_steps_of_the_rate_passes(self, kind):
        optimizer = kind(learning_rate=0.01, weight_decay=np.log(2) / 1000 / 0.01)
        assert check("09-half-life", optimizer)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (optimizers.AdamW(0.01, weight_decay=0.5), "each step takes 0.005 of the weight"),
            (optimizers.AdamW(0.01, weight_decay=0.5), "Try a weaker decay."),
            (optimizers.AdamW(0.01, weight_decay=200.0), "Try a weaker decay."),
            (optimizers.AdamW(0.01), "Try a stronger decay."),
            (optimizers.AdamW(0.01, weight_decay=0.00069), "divide by the rate"),
            (optimizers.AdamW(weight_decay=0.0693), "Keep it at 0.01."),
            (optimizers.Adam(0.01), "Set `weight_decay`"),
            (0.0693, "Give an optimizer"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("09-half-life", answer)

    def test_the_answer_is_left_as_it_was(self):
        optimizer = optimizers.AdamW(0.01)
        check("09-half-life", optimizer)
        assert not optimizer.built


def after(optimizer, gradients, start=0.0):
    weight = keras.Variable(start)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    return float(weight)


class TestWhatTheNotebookSays:
    def test_keras_defaults(self):
        rates = {"SGD": 0.01, "Adam": 0.001, "RMSprop": 0.001}
        for name, rate in rates.items():
            assert float(getattr(optimizers, name)().learning_rate) == pytest.approx(rate)

    def test_steps_where_gradients_agree_are_the_rate_and_where_they_disagree_are_shorter(self):
        assert after(optimizers.Adam(0.01), [0.3] * 20) == pytest.approx(-0.2, rel=1e-4)
        assert abs(after(optimizers.Adam(0.01), [0.3, -0.3] * 10)) < 0.02

    def test_adams_step_is_rate_times_mean_over_root_of_mean_square(self):
        gradients = [0.5, -0.2, 0.3]
        mean = square = weight = 0.0
        for step, gradient in enumerate(gradients, 1):
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            root = np.sqrt(square / (1 - 0.999**step))
            weight -= 0.01 * mean / (1 - 0.9**step) / root
        assert after(optimizers.Adam(0.01), gradients) == pytest.approx(weight, rel=1e-4)

    def test_nesterovs_step_looks_ahead(self):
        """With a momentum of m the first step is 1 + m times the rate, and not the rate alone."""
        first = after(optimizers.SGD(0.01, momentum=0.9, nesterov=True), [1.0])
        assert first == pytest.approx(-0.01 * 1.9)

    def test_a_schedule_lowers_adams_steps(self, experiment):
        run = experiment.variant(optimizer="adam").run(lrlab.StepDecay(0.01, 0.1, 5))
        assert run.history["learning_rate"][::5] == pytest.approx([0.01, 0.001, 0.0001])

    def test_decay_and_penalty_are_the_same_for_sgd(self):
        """A penalty of s * weight**2 and a decay of 2 * s."""
        decayed = after(optimizers.SGD(0.01, weight_decay=0.2), [0.0], start=1.0)
        penalised = after(optimizers.SGD(0.01), [2 * 0.1 * 1.0], start=1.0)
        assert decayed == pytest.approx(penalised) == pytest.approx(1 - 0.01 * 0.2)

    @pytest.mark.parametrize(
        "kind", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "Nadam", "Lion"]
    )
    def test_every_optimizer_decouples_its_decay(self, kind):
        optimizer = getattr(optimizers, kind)(learning_rate=0.01, weight_decay=0.1)
        assert after(optimizer, [0.0], start=1.0) == pytest.approx(1 - 0.01 * 0.1)

    def test_a_weight_with_large_gradients_hardly_feels_a_penalty_in_adam(self):
        def lost(size, penalty):
            weight, optimizer = keras.Variable(1.0), optimizers.Adam(0.001)
            for step in range(60):
                noise = size * (-1) ** step
                optimizer.apply([noise + 2 * penalty * weight.value], [weight])
            return 1 - float(weight)

        small, large = (lost(size, 0.01) - lost(size, 0.0) for size in (0.01, 10.0))
        assert small > 100 * large

    def test_a_penalty_is_counted_in_the_losses_of_the_history(self):
        def final(penalty):
            ones = keras.initializers.Ones()
            layer = keras.layers.Dense(
                1, kernel_initializer=ones, kernel_regularizer=keras.regularizers.L2(penalty)
            )
            model = keras.Sequential([keras.Input((1,)), layer])
            model.compile(optimizers.SGD(1e-9), loss="mse")
            x = np.ones((4, 1))
            history = model.fit(x, x, validation_data=(x, x), verbose=0).history
            return history["loss"][-1], history["val_loss"][-1]

        assert final(0.0) == pytest.approx((0, 0), abs=1e-6)
        assert final(0.5) == pytest.approx((0.5, 0.5))
