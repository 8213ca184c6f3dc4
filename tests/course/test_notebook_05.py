"""The exercises of `05_reacting_to_training`, and what it says of Keras."""

import itertools

from lrlab.backend import keras

import numpy as np
import pytest
from hints import hint, one_weight
from keras.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau

import lrlab
from lrlab.exercises import check

CALM = {"factor": 0.2, "patience": 2, "min_delta": 0.01, "min_lr": 0.002}


def noisy(epochs):
    """The experiment of the notebook."""
    random = np.random.default_rng(0)
    x = random.normal(size=(1600, 20)) * np.logspace(0, -0.7, 20)
    truth = x @ random.normal(size=(20, 1))
    targets = truth[:800] + random.normal(size=(800, 1))
    arrays = (x[:800], targets, x[800:], truth[800:])
    data = lrlab.data.as_dataset([a.astype("float32") for a in arrays])
    return lrlab.Experiment(lambda: lrlab.models.linear(data), data, batch_size=4, epochs=epochs)


@pytest.fixture(scope="module")
def short():
    return noisy(15)


@pytest.fixture(scope="module")
def long():
    return noisy(40)


class TestCuts:
    def test_two_cuts_that_end_pass(self, short):
        run = short.run(0.05, callbacks=[ReduceLROnPlateau(**CALM)])
        assert check("05-cuts", run).message == (
            "With 2 cuts, the first after 5 epochs, the validation loss is 0.0289."
        )

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({}, "never cut"),
            (CALM | {"min_lr": 0.0}, "cut 4 times, down to 8e-05. `min_lr` ends the cuts"),
            (CALM | {"min_delta": 1e-4}, "With one cut, the first after 10 epochs, the valid"),
            (CALM | {"min_delta": 1e-4}, "0.0356, and 0.03 is wanted. Cut earlier"),
        ],
    )
    def test_each_mistake_has_its_hint(self, short, settings, words):
        assert words in hint("05-cuts", short.run(0.05, callbacks=[ReduceLROnPlateau(**settings)]))

    def test_it_trains_as_long_as_the_exercise_says(self, long):
        run = long.run(0.05, callbacks=[ReduceLROnPlateau(**CALM)])
        assert hint("05-cuts", run) == "It trained 40 epochs, not 15. Use experiment.run(...)."

    @pytest.mark.parametrize("schedule", [0.01, lrlab.StepDecay(0.05, 0.2, 5)])
    def test_it_starts_at_the_rate_given(self, short, schedule):
        assert "Start at 0.05, with no schedule" in hint("05-cuts", short.run(schedule))


class TestTogether:
    @staticmethod
    def run(experiment, patience, **settings):
        stop = EarlyStopping(patience=patience, min_delta=0.01)
        return experiment.run(0.05, callbacks=[ReduceLROnPlateau(**CALM | settings), stop])

    def test_the_longer_patience_passes(self, long):
        assert "2 cuts and a stop after" in check("05-together", self.run(long, 8)).message

    @pytest.mark.parametrize(
        ("patience", "settings", "words"),
        [
            (2, {}, "stopped after 5 epochs, before a lower rate was tried"),
            (40, {}, "trained all 40 epochs"),
            (3, {"factor": 0.5}, "is wanted. Cut earlier, or leave more epochs"),
        ],
    )
    def test_each_mistake_has_its_hint(self, long, patience, settings, words):
        assert words in hint("05-together", self.run(long, patience, **settings))

    def test_without_early_stopping_nothing_stops_it(self, short, long):
        for experiment in (short, long):
            run = experiment.run(0.05, callbacks=[ReduceLROnPlateau(**CALM)])
            assert hint("05-together", run).startswith("Nothing stops this training. Give EarlySt")

    def test_the_end_of_a_short_training_is_no_stop(self, short):
        assert "Use longer.run(...), which allows 40" in hint("05-together", self.run(short, 8))


def model():
    return one_weight(keras.optimizers.SGD(0.8))


def flat(*callbacks, model=model, epochs=14, **settings):
    """The rates of a training whose loss stays at 0, and how many epochs each lasted."""
    x = np.zeros((2, 1))
    callbacks = [*callbacks, ReduceLROnPlateau(factor=0.5, patience=2, **settings)]
    history = (
        model()
        .fit(x, x, validation_data=(x, x), epochs=epochs, callbacks=callbacks, verbose=0)
        .history
    )
    groups = itertools.groupby(np.round(history["learning_rate"], 4).tolist())
    return [(rate, len(list(group))) for rate, group in groups]


class TestWhatTheNotebookSaysOfKeras:
    def test_the_defaults(self):
        callback = ReduceLROnPlateau()
        assert (callback.factor, callback.patience, callback.cooldown) == (0.1, 10, 0)
        assert (callback.min_lr, abs(callback.min_delta), callback.monitor) == (0, 1e-4, "val_loss")
        assert EarlyStopping().min_delta == 0

    def test_on_a_plateau_it_cuts_every_patience_epochs(self):
        assert flat(epochs=9) == [(0.8, 3), (0.4, 2), (0.2, 2), (0.1, 2)]

    def test_a_cooldown_of_one_does_nothing_and_one_of_three_adds_two_epochs(self):
        assert flat(cooldown=1) == flat(cooldown=0)
        assert flat(cooldown=3, epochs=11) == [(0.8, 3), (0.4, 4), (0.2, 4)]

    def test_min_lr_ends_the_cuts(self):
        assert flat(min_lr=0.3) == [(0.8, 3), (0.4, 2), (0.3, 9)]

    def test_with_as_much_patience_training_stops_before_the_lower_rate_is_tried(self):
        assert flat(EarlyStopping(patience=2)) == [(0.8, 3)]
        assert flat(EarlyStopping(patience=3)) == [(0.8, 3), (0.4, 1)]

    def test_the_weights_are_those_of_the_last_epoch_unless_the_best_are_put_back(self):
        """At a rate of 2 the weight swings ever wider, so that the first epoch is the best."""

        def loss_at_the_end_and_best(restore):
            trained, x = model(), np.ones((2, 1))
            trained.compile(keras.optimizers.SGD(2.0), loss="mse")
            stop = EarlyStopping(patience=2, restore_best_weights=restore)
            losses = trained.fit(
                x, 2 * x, validation_data=(x, 2 * x), epochs=9, callbacks=[stop], verbose=0
            ).history["val_loss"]
            assert len(losses) == 3
            return trained.evaluate(x, 2 * x, verbose=0), losses

        end, losses = loss_at_the_end_and_best(restore=False)
        assert end == pytest.approx(losses[-1])
        assert losses[-1] > losses[0]
        end, losses = loss_at_the_end_and_best(restore=True)
        assert end == pytest.approx(losses[0])

    def test_a_cooldown_adds_an_epoch_less_where_the_first_one_after_the_cut_is_better(self, short):
        def lasting(cooldown):
            settings = CALM | {"min_lr": 0.0, "cooldown": cooldown}
            run = short.run(0.05, callbacks=[ReduceLROnPlateau(**settings)])
            rates = np.round(run.history["learning_rate"], 6).tolist()
            return [len(list(epochs)) for _, epochs in itertools.groupby(rates)]

        assert lasting(cooldown=0)[:2] == [5, 3]
        assert lasting(cooldown=3)[:2] == [5, 4]

    def test_a_cut_rate_survives_into_the_next_fit(self):
        trained = model()
        assert flat(model=lambda: trained, epochs=4) == [(0.8, 3), (0.4, 1)]
        assert flat(model=lambda: trained, epochs=1) == [(0.4, 1)]

    def test_without_validation_data_it_only_warns(self):
        x, trained = np.zeros((2, 1)), model()
        with pytest.warns(UserWarning, match="`val_loss` which is not available"):
            trained.fit(x, x, epochs=4, callbacks=[ReduceLROnPlateau(patience=1)], verbose=0)
        assert float(trained.optimizer.learning_rate) == pytest.approx(0.8)

    def test_a_schedule_of_the_epoch_overwrites_a_cut_and_one_of_the_rate_keeps_it(
        self,
    ):
        assert flat(LearningRateScheduler(lambda epoch: 0.8)) == [(0.8, 14)]
        assert flat(LearningRateScheduler(lambda epoch, lr: lr), epochs=5) == [(0.8, 3), (0.4, 2)]

    def test_a_schedule_object_raises_at_the_first_cut_only(self):
        def decaying():
            trained = model()
            schedule = keras.optimizers.schedules.CosineDecay(0.8, 100)
            trained.compile(keras.optimizers.SGD(schedule), loss="mse")
            return trained

        flat(model=decaying, epochs=2)
        with pytest.raises(TypeError, match="not settable"):
            flat(model=decaying, epochs=3)
