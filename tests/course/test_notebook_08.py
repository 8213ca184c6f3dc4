"""The exercises and the claims of `08_batch_size_and_momentum`."""

import inspect

import keras
import numpy as np
import pytest
from hints import hint, one_weight

import lrlab
from lrlab.exercises import check


def rate_for(batch_size, momentum):
    return 0.1 * batch_size / 64 * (1 - momentum)


class TestRateFor:
    def test_both_rules_pass(self):
        assert check("08-rate-for", rate_for)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (lambda b, m: 0.1 * 64 / b * (1 - m), "the rate rises with it"),
            (lambda b, m: 0.1 * b / 64 / (1 - m), "the rate has to fall"),
            (lambda b, m: 0.1 * b / 64, "momentum is left out"),
            (lambda b, m: 0.1 * (1 - m), "the batch size is left out"),
            (lambda b, m: 0.1 * (b / 64) ** 0.5 * (1 - m), "takes no root"),
            (lambda b, m: 0.1 * (b // 64) * (1 - m), "`//` drops the remainder"),
            (lambda b, m: 0.1 * b / 64 * (1 - m**2), "with the momentum"),
            (lambda b, m: 0.1 * b**2 / 64**2 * (1 - m), "batch size 512 and momentum 0 your rate"),
            (lambda b, m: 0.1 * b**2 / 64**2 * (1 - m), "what you do with the batch size"),
            (lambda b, m: None, "must return a number"),
            (lambda b: 0.1, "it raises TypeError"),
            (0.1, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("08-rate-for", answer)


@pytest.fixture(scope="module")
def run():
    digits = lrlab.data.digits()

    def trained(rate, momentum=0.0, batch_size=512, epochs=15):
        experiment = lrlab.Experiment(
            lambda: lrlab.models.mlp(digits),
            digits,
            optimizer=keras.optimizers.SGD(momentum=momentum),
            batch_size=batch_size,
            epochs=epochs,
        )
        return experiment.run(rate)

    return trained


class TestLargeBatch:
    def test_momentum_passes(self, run):
        assert check("08-large-batch", run(0.4, momentum=0.9))

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"rate": 0.2}, "without momentum"),
            ({"rate": 0.02, "momentum": 0.9}, "0.95 is wanted. Try a higher rate."),
            ({"rate": 0.4, "momentum": 0.9, "batch_size": 128}, "has 12 steps an epoch"),
            ({"rate": 0.4, "momentum": 0.9, "epochs": 16}, "16 epochs. 15 are allowed."),
        ],
    )
    def test_each_mistake_has_its_hint(self, run, settings, words):
        assert words in hint("08-large-batch", run(**settings))


class TestWhatTheNotebookSays:
    def test_keras_takes_32_samples_a_step_and_no_momentum(self):
        model = one_weight()
        model.fit(np.ones((65, 1)), np.ones((65, 1)), verbose=0)
        assert int(model.optimizer.iterations) == 3
        assert inspect.signature(keras.optimizers.SGD).parameters["momentum"].default == 0

    def test_512_samples_at_0_8_end_low_but_jump_on_the_way_and_momentum_does_not(self, run):
        jumping, calm = run(0.8), run(0.08, momentum=0.9)
        assert jumping.verdict == "noisy"
        assert calm.verdict in ("good", "too low")
        assert max(jumping.final["loss"], calm.final["loss"]) < 0.4
        assert run(6.4).verdict == "stuck"

    @pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
    def test_momentum_lifts_the_highest_rate_on_a_bowl(self, momentum):
        """It is 2 (1 + momentum) / curvature: Keras's SGD stays below it and leaves above it."""
        curvature = 4.0

        def after_many_steps(rate):
            weight = keras.Variable(1.0)
            optimizer = keras.optimizers.SGD(learning_rate=rate, momentum=momentum)
            for _ in range(100):
                optimizer.apply([curvature * weight.value], [weight])
            return abs(float(weight))

        limit = 2 * (1 + momentum) / curvature
        assert after_many_steps(0.95 * limit) < 0.1
        assert after_many_steps(1.05 * limit) > 1e3
