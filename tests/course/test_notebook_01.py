"""The exercises of `01_what_is_a_learning_rate`, and what it says of Keras."""

import keras
import numpy as np
import pytest
from hints import hint, one_weight

from lrlab.exercises import check


class TestStep:
    @pytest.mark.parametrize("number", [float, np.float32, np.array])
    def test_the_rule_passes(self, number):
        assert check("01-step", lambda w, g, rate: number(w - rate * g)).message == (
            "It goes from 1 to 0.9, -2 to -1.7, 0 to -0.2."
        )

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (lambda w, g, rate: w + rate * g, "goes to 1.1 and should go to 0.9: it climbs"),
            (lambda w, g, rate: w - g, "goes to 0.5 and should go to 0.9: the learning rate is"),
            (lambda w, g, rate: w - rate, "the gradient is missing"),
            (lambda w, g, rate: rate * g, "that is the step"),
            (lambda w, g, rate: w * (1 - rate * g), "it multiplies the weight"),
            (lambda w, g, rate: w - g / rate, "Take learning rate × gradient from the weight"),
            (lambda w, g, rate: None, "It must return a number. It returned None"),
            (lambda w, g, rate: w / 0, "It raises ZeroDivisionError"),
            (lambda w, g: w - g, "It raises TypeError"),
            (0.9, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("01-step", answer)


class TestLimit:
    def test_two_over_the_curvature_passes(self):
        assert check("01-limit", lambda x: 1 / np.mean(x**2)).message == (
            "Just below your limits, 0.111, 0.1, 40, it converges; just above, it diverges."
        )

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (lambda x: 2 / np.mean(x**2), "just below it the training still diverges"),
            (lambda x: 2 / np.mean(x**2), "second derivative is 18: a square has a derivative"),
            (lambda x: 0.5 / np.mean(x**2), "just above it the training does not diverge yet"),
            (lambda x: 0.5 / np.mean(x**2), "at 1/λ the bottom is reached in one step"),
            (lambda x: 1 / np.sum(x**2), "take the mean over the samples"),
            (lambda x: 1 / np.mean(x) ** 2, "square first"),
            (lambda x: 2.0, "divide 2 by it"),
            (lambda x: -1.0, "A limit is above 0"),
            (lambda x: x, "It must return a number"),
            (0.1, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("01-limit", answer)

    def test_it_is_the_limit_of_a_keras_model_too(self):
        x = np.array([[1.0], [2.0], [5.0]], "float32")
        limit = 1 / np.mean(x**2)
        for share, comes_nearer in ((0.99, True), (1.01, False)):
            model = one_weight(keras.optimizers.SGD(float(share * limit)), use_bias=False)
            model.set_weights([np.array([[1.0]])])
            model.fit(x, 0 * x, batch_size=3, epochs=20, verbose=0)
            assert (abs(model.get_weights()[0][0, 0]) < 1) == comes_nearer
