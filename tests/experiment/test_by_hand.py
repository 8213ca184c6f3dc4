"""A training by hand is the run of the same rates, whatever comes between its epochs."""

import doctest

from lrlab.backend import keras

import numpy as np
import pytest
from small import data, model

from lrlab import Experiment
from lrlab.experiment import Steered, by_hand

GIVEN = data(44)  # batches of 8 leave a last one of 4
DATA = tuple(GIVEN.values())
X, LABELS, *_ = DATA
MOVES = [0.5, 0.5, 0.1, 1.0, 0.1, 0.01]


@pytest.fixture(scope="module", params=["sgd", "adam"])
def any_experiment(request):
    return Experiment(model, DATA, optimizer=request.param, epochs=6, batch_size=8)


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(by_hand).failed == 0


class TestSteered:
    def test_it_is_the_run_of_the_same_rates(self, any_experiment):
        by_hand = Steered(any_experiment)
        *_, last = [by_hand.epoch(rate) for rate in MOVES]
        expected = any_experiment.run(lambda epoch: MOVES[epoch])
        for name, values in expected.history.items():
            assert last.history[name] == pytest.approx(values, rel=1e-6), name
        assert last.learning_rates == pytest.approx(np.repeat(MOVES, 6))
        assert last.moved == pytest.approx(expected.moved)
        assert last.start_loss == by_hand.start_loss == expected.start_loss
        assert last.chance == expected.chance

    def test_it_is_what_keras_makes_of_these_rates(self, any_experiment):
        by_hand = Steered(any_experiment)
        *_, last = [by_hand.epoch(rate) for rate in MOVES[:3]]
        keras.utils.set_random_seed(0)
        plain = model()
        name = type(any_experiment.model.optimizer).__name__.lower()
        plain.compile(name, "sparse_categorical_crossentropy", metrics=["accuracy"])
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: MOVES[epoch])
        history = plain.fit(
            X,
            LABELS,
            batch_size=8,
            epochs=3,
            validation_data=DATA[2:],
            shuffle=False,
            callbacks=[scheduler],
            verbose=0,
        ).history
        for name, values in history.items():
            assert last.history[name] == pytest.approx(values, abs=1e-5), name

    def test_other_runs_may_come_between_its_epochs(self, any_experiment):
        """They share the model, and it holds no lock while a person thinks."""
        alone, disturbed = Steered(any_experiment), Steered(any_experiment)
        for rate in MOVES:
            expected = alone.epoch(rate)
            any_experiment.run(0.3)
            run = disturbed.epoch(rate)
        assert run.history == expected.history

    def test_a_rate_that_cannot_work_changes_nothing(self, any_experiment):
        by_hand = Steered(any_experiment)
        with pytest.raises(ValueError, match="must be a finite number above 0"):
            by_hand.epoch(0.0)
        assert by_hand.rates == []
        assert by_hand.epoch(0.1).history == Steered(any_experiment).epoch(0.1).history
