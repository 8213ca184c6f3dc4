"""The exercises of notebook 07, and what it says of the losses that Keras hands to callbacks."""

import dataclasses

from lrlab.backend import keras

import numpy as np
import pytest
from hints import hint, one_weight

import lrlab
from lrlab.exercises import check


@pytest.fixture(scope="module")
def run():
    spirals = lrlab.data.spirals()
    experiment = lrlab.Experiment(
        lambda: lrlab.models.mlp(spirals, hidden=(32, 32)), spirals, optimizer="adam"
    )
    runs = {}

    def cached(rate):
        if rate not in runs:
            runs[rate] = experiment.run(rate)
        return runs[rate]

    return cached


def own(means):
    return [means[0]] + [means[k] * (k + 1) - means[k - 1] * k for k in range(1, len(means))]


def off_by_one(means):
    return [means[0]] + [means[k] * k - means[k - 1] * (k - 1) for k in range(1, len(means))]


class TestLosses:
    def test_differences_of_sums_pass_as_a_list_or_an_array(self):
        assert check("07-losses", own)
        assert check("07-losses", lambda means: np.array(own(means)))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (lambda means: means, "It returns the means as they are."),
            (lambda means: np.diff(means, prepend=0), "It subtracts the means. Subtract the sums"),
            (lambda means: own(means)[1:], "from 5 means it made shape (4,)"),
            (off_by_one, "over 1 batch, not over 0"),
            (lambda means: [2.5, 2.0, 0, 0, 0], "your loss of batch 2, counted from 0, is 0 and"),
            (lambda means: means[9], "It raises IndexError"),
            (lambda means: print(end=""), "It must return a loss a batch"),
            ([2.5, 2.0], "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("07-losses", answer)


class TestPick:
    @pytest.mark.parametrize("rate", [0.01, 0.02, 0.03])
    def test_a_rate_of_the_right_order_passes(self, run, rate):
        assert check("07-pick", run(rate))

    @pytest.mark.parametrize(
        ("rate", "words"),
        [
            (0.001, "At 0.001 the training is too low, and its validation loss, 0.26, is not"),
            (0.003, "0.027, is not below 0.01. Test higher rates, until the loss rises."),
            (0.3, ": the rate is too high. A tenth of where the loss is lowest?"),
            (1.0, "At 1 the training is stuck: the rate is too high."),
            (lambda epoch: 0.02, "Run it with one number"),
        ],
    )
    def test_each_mistake_has_its_hint(self, run, rate, words):
        assert words in hint("07-pick", run(rate))

    def test_too_high_a_rate_whatever_the_verdict(self, run):
        """At the edge of stability a training may end with any, as on another processor."""
        chaotic = dataclasses.replace(run(0.003), schedule=0.1)
        assert hint("07-pick", chaotic).startswith("At 0.1 the training is good, and its valid")
        assert "is not below 0.01: the rate is too high." in hint("07-pick", chaotic)


class Losses(keras.callbacks.Callback):
    def __init__(self, reset=False):
        super().__init__()
        self.reset, self.losses = reset, []

    def on_train_batch_begin(self, batch, logs=None):
        if self.reset:
            self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


class TestWhatTheNotebookSaysOfKeras:
    @pytest.fixture
    def losses(self):
        x = np.array([[1.0], [2.0], [3.0]])

        def of(reset):
            model = one_weight(keras.optimizers.SGD(1e-30), use_bias=False)
            model.set_weights([np.zeros((1, 1))])  # and there the weight stays
            callback = Losses(reset)
            model.fit(x, x, batch_size=1, epochs=2, shuffle=False, callbacks=[callback], verbose=0)
            return callback.losses

        return of

    def test_the_loss_of_a_batch_is_a_running_mean_that_starts_anew_with_each_epoch(self, losses):
        assert losses(reset=False) == pytest.approx([1, 2.5, 14 / 3] * 2)  # of 1, 4, 9

    def test_with_reset_metrics_it_is_that_of_the_batch(self, losses):
        assert losses(reset=True) == pytest.approx([1, 4, 9] * 2)
