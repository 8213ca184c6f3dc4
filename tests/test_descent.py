"""Gradient descent on a bowl: numbers by hand, and numbers of Keras."""

import doctest

from lrlab.backend import keras

import numpy as np
import pytest

from lrlab import quadratic
from lrlab.quadratic import Descent


def parabola(rate, momentum=0.0, steps=20, curvature=1.0):
    return Descent((curvature,), (1.25,), rate, momentum, steps)


def valley(rate, condition=10.0, momentum=0.0, steps=20):
    return Descent((1 / condition, 1.0), (1.6, 1.0), rate, momentum, steps)


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(quadratic).failed == 0


class TestDescent:
    @pytest.mark.parametrize(("rate", "curvature"), [(0.1, 1), (1.9, 1), (2.1, 1), (0.4, 3.5)])
    def test_a_step_multiplies_the_weight_by_1_minus_rate_times_curvature(self, rate, curvature):
        descent = parabola(rate, curvature=curvature)
        expected = [1.25 * (1 - rate * curvature) ** step for step in range(21)]
        assert descent.path[:, 0] == pytest.approx(expected)
        assert descent.losses == pytest.approx([curvature * w**2 / 2 for w in expected])

    def test_the_rate_of_one_over_the_curvature_is_there_in_a_step(self):
        assert parabola(0.25, curvature=4.0).path[1] == 0

    @pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
    @pytest.mark.parametrize("rate", [0.05, 0.3, 1.7])
    def test_it_takes_the_steps_of_keras(self, rate, momentum):
        descent = valley(rate, momentum=momentum)
        weight = keras.Variable(np.array([1.6, 1.0]), dtype="float64")
        optimizer = keras.optimizers.SGD(rate, momentum=momentum)
        path = [weight.numpy()]
        for _ in range(20):
            optimizer.apply([keras.ops.convert_to_tensor([0.1, 1.0], "float64") * weight], [weight])
            path.append(weight.numpy())
        assert descent.path == pytest.approx(np.array(path), rel=1e-5, abs=1e-7)

    @pytest.mark.parametrize("curvature", [0.5, 1.0, 4.0])
    @pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
    def test_beyond_the_limit_it_grows_and_below_it_shrinks(self, curvature, momentum):
        limit = parabola(1, momentum, curvature=curvature).limit
        assert limit == pytest.approx(2 * (1 + momentum) / curvature)
        for share, grows in ((0.99, False), (1.01, True)):
            descent = parabola(share * limit, momentum, 1000, curvature)
            assert (descent.losses[-1] > descent.losses[0]) == grows
            assert (descent.outcome == "diverges") is grows

    def test_with_momentum_it_shrinks_by_the_square_root_of_it_where_it_swings(self):
        """The product of two conjugate roots is the momentum."""
        assert parabola(0.5, momentum=0.81).growth(1.0) == pytest.approx(0.9)

    @pytest.mark.parametrize(
        ("descent", "outcome"),
        [
            (parabola(0.01), "slow"),
            (parabola(0.5), "converges"),
            (parabola(1.0), "converges"),
            (parabola(1.5), "oscillates"),
            (parabola(2.0), "oscillates"),
            (parabola(2.1), "diverges"),
            (parabola(0.1, momentum=0.9), "oscillates"),
            (parabola(3.0, momentum=0.9), "oscillates"),
            (parabola(3.9, momentum=0.9), "diverges"),
            (valley(0.9, condition=2), "converges"),
            (valley(0.9, condition=50), "slow"),
            (valley(1.5), "oscillates"),
            (valley(2.1), "diverges"),
        ],
    )
    def test_the_outcome(self, descent, outcome):
        assert descent.outcome == outcome

    def test_the_reason_has_the_numbers(self):
        assert "by 1 − 2.1 × 1 = −1.1. The limit is 2/λ = 2, where λ = 1." in parabola(2.1).reason
        assert "across the valley by 1 − 1.5 × 1 = −0.5, along it by 1 − 1.5 × 0.1 = 0.85." in (
            valley(1.5).reason
        )
        assert "by 0.9 in the long run as it swings. The limit is 2 (1 + 0.81)/λ = 3.62" in (
            parabola(0.5, momentum=0.81).reason
        )

    def test_the_narrower_the_valley_the_slower_the_best_rate(self):
        """At 2 / (sum of the curvatures) both directions shrink by (κ - 1) / (κ + 1) a step."""
        for condition in (2, 10, 50):
            best = valley(2 / (1 + 1 / condition), condition)
            expected = (condition - 1) / (condition + 1)
            assert [best.growth(c) for c in best.curvatures] == pytest.approx([expected] * 2)
