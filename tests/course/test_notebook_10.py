"""The exercises of `10_edge_of_stability`."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hints import hint

import lrlab
from lrlab.course import notebook_10


def network():
    hidden = [keras.layers.Dense(32, activation="tanh") for _ in range(2)]
    return keras.Sequential([keras.Input(shape=(2,)), *hidden, keras.layers.Dense(3)])


def run(rate, trace, monkeypatch):
    """As if a training had ended so."""
    history = {"loss": [1.0], **({"sharpness": trace} if trace else {})}
    monkeypatch.setattr(notebook_10, "as_run", lambda answer: answer)
    return SimpleNamespace(schedule=rate, history=history)


class TestAbove:
    def test_one_that_begins_above_and_ends_near_passes(self, monkeypatch):
        assert lrlab.check("10-above", run(1.0, [3.0, 2.5, 2.1, 2.2], monkeypatch))

    @pytest.mark.parametrize(
        ("rate", "trace", "words"),
        [
            (0.5, [3.2, 3.9, 4.0, 4.1], "With 0.5 it begins below the limit"),
            (2.0, [3.0, np.nan, np.nan, np.nan], "With 2.0 the training is lost"),
            (1.0, [4.0, 3.0, 3.0, 3.0], "it ends at 1.5 times the limit"),
            (1.0, [], "give the run callbacks=[trace]"),
            (lambda epoch: 1.0, [3.0], "one number, and no schedule"),
        ],
    )
    def test_each_mistake_has_its_hint(self, rate, trace, words, monkeypatch):
        assert words in hint("10-above", run(rate, trace, monkeypatch))


class TestLimit:
    def test_two_over_the_sharpness_of_the_notebooks_network_passes(self):
        spirals, arms = lrlab.data.spirals(), np.eye(3, dtype="float32")
        keras.utils.set_random_seed(0)
        model = network()
        model.compile("sgd", loss="mse")
        sharpness = lrlab.sharpness(model, spirals.x_train[:300], arms[spirals.y_train[:300]])
        assert lrlab.check("10-limit", 2 / sharpness).message == (
            "2 divided by a sharpness of 3.19 is 0.627."
        )

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (3.19, "That is the sharpness."),
            (1 / 3.19, "up to 2/sharpness it is stable"),
            (0.5, "divide 2 by its sharpness"),
            ("high", "Give a number."),
            (None, "Give a number."),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("10-limit", answer)
