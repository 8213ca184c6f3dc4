"""The exercises of `14_fine_tuning`, and what it says of Keras."""

import types

import keras
import numpy as np
import pytest
from hints import hint

import lrlab
from lrlab.exercises import check


def half_in(*epochs):
    return lambda epoch, rate: rate * 0.5 if epoch in epochs else rate


class TestSchedule:
    @pytest.mark.parametrize(
        "schedule",
        [
            half_in(5, 10, 15),
            lambda epoch, rate: rate / 2 if epoch and epoch % 5 == 0 else rate,
        ],
    )
    def test_one_that_halves_what_it_is_given_passes(self, schedule):
        assert check("14-schedule", schedule)

    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (lambda epoch: 0.1, "It does not take two arguments."),
            (half_in(0, 5, 10, 15), "nothing is halved in the first"),
            (lambda epoch, rate: rate * 0.5 ** (epoch // 5), "Multiply in epochs 5, 10 and 15"),
            (lambda epoch, rate: rate, "return half of the rate that you are given"),
            (half_in(4, 9, 14), "From 0.01, the rate in epoch 4 is 0.005 and should be 0.01"),
            (lambda epoch, rate: 0.1 * 0.5 ** (epoch // 5), "the rate in epoch 0 is 0.1"),
            (lambda epoch, rate: None, "It must return a float. In epoch 0 it returned None."),
            (lambda epoch, rate: rate["x"], "In epoch 0 it raises TypeError"),
            (0.1, "Give the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, schedule, words):
        assert words in hint("14-schedule", schedule)


class TestKeep:
    @pytest.mark.parametrize(
        ("new", "old", "words"),
        [
            (0.8, 0.7, "0.85 of these are wanted. Lower the rate of the body."),
            (0.6, 0.9, "0.72 of the new ones are wanted. Raise one rate a little."),
        ],
    )
    def test_too_little_of_either_has_its_hint(self, run, new, old, words):
        history = run(0.1).history | {"val_accuracy": [new], "old_accuracy": [old]}
        assert words in hint("14-keep", changed(run(0.1), history))

    def test_enough_of_both_passes(self, run):
        history = run(0.1).history | {"val_accuracy": [0.8], "old_accuracy": [0.9]}
        said = check("14-keep", changed(run(0.1), history)).message
        assert said == "It reads 0.80 of the new digits and still 0.90 of the old ones."

    def test_another_run_is_none(self, run):
        assert "does not know the old digits" in hint("14-keep", run(0.1))
        assert "Give a run of the explorer" in hint("14-keep", types.SimpleNamespace())


def changed(run, history):
    """A run with another history."""
    other = object.__new__(lrlab.Run)
    vars(other).update(vars(run) | {"history": history})
    return other


def two_parts(body_rate, head_rate, pattern=".*head/.*"):
    """A model of a body and a head with an optimizer each, and these optimizers."""
    body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name="body")
    model = keras.Sequential([body, keras.layers.Dense(1, name="head")])
    of_body, of_head = (keras.optimizers.SGD(rate) for rate in (body_rate, head_rate))
    groups = keras.optimizers.OptimizerMap(of_body, {pattern: of_head})
    model.compile(keras.optimizers.MultiOptimizer(groups), "mse")
    return model, of_body, of_head


def which_move(model):
    before = model.get_weights()
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    return [bool((a != b).any()) for a, b in zip(before, model.get_weights(), strict=True)]


class TestWhatTheNotebookSays:
    def test_a_rate_of_0_leaves_the_body_alone(self):
        model, *_ = two_parts(0.0, 0.1)
        assert which_move(model) == [False, False, True, True]

    def test_a_pattern_that_does_not_match_the_whole_path_matches_nothing(self):
        model, *_ = two_parts(0.0, 0.1, pattern="head/.*")
        assert which_move(model) == [False] * 4

    @pytest.mark.parametrize(
        ("schedule", "rates"),
        [(lambda epoch: 0.05, (0.05, 0.05)), (lambda epoch, rate: rate * 0.5, (0.005, 0.05))],
    )
    def test_a_scheduler_asks_once_for_each_optimizer(self, schedule, rates):
        model, of_body, of_head = two_parts(0.01, 0.1)
        scheduler = keras.callbacks.LearningRateScheduler(schedule)
        model.fit(np.ones((4, 3)), np.ones((4, 1)), callbacks=[scheduler], verbose=0)
        found = float(of_body.learning_rate), float(of_head.learning_rate)
        assert found == pytest.approx(rates)

    def test_weights_from_a_file_bring_adams_state_only_to_an_optimizer_that_is_built(
        self, tmp_path
    ):
        def adam():
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
            return model

        trained, new, built = adam(), adam(), adam()
        which_move(trained)
        trained.optimizer.learning_rate = 0.02
        trained.save_weights(tmp_path / "x.weights.h5")
        with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
            new.load_weights(tmp_path / "x.weights.h5")
        built.optimizer.build(built.trainable_variables)
        built.load_weights(tmp_path / "x.weights.h5")
        for model, rate, updates in ((new, 0.1, 0), (built, 0.02, 1)):
            assert np.array_equal(model.get_weights()[0], trained.get_weights()[0])
            assert float(model.optimizer.learning_rate) == pytest.approx(rate)
            assert int(model.optimizer.iterations) == updates
