"""The exercises of notebook 12, and that every explorer takes a model and data of one's own."""

from lrlab.backend import keras

import numpy as np
import pytest
from hints import hint
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import lrlab
from lrlab.exercises import check

X, Y = load_diabetes(return_X_y=True, scaled=False)
SEPARATE = train_test_split(X, Y.reshape(-1, 1), test_size=0.2, random_state=0)


def scaled(part, by):
    return ((part - by.mean(axis=0)) / by.std(axis=0)).astype("float32")


X_TRAIN, X_VAL = (scaled(part, SEPARATE[0]) for part in SEPARATE[:2])
Y_TRAIN, Y_VAL = (scaled(part, SEPARATE[2]) for part in SEPARATE[2:])


def one_layer(units=1):
    return keras.Sequential([keras.Input((10,)), keras.layers.Dense(units)])


def experiment(*arrays, build=one_layer):
    return lrlab.Experiment(build, arrays)


class TestDiabetes:
    def test_scaled_arrays_pass(self):
        feedback = check("12-diabetes", experiment(X_TRAIN, Y_TRAIN, X_VAL, Y_VAL))
        assert feedback.passed
        assert feedback.message.startswith("At 0.01 it is good: the loss ends at 0.")

    @pytest.mark.parametrize(
        ("arrays", "words"),
        [
            ((SEPARATE[0], Y_TRAIN, X_VAL, Y_VAL), "The inputs are not scaled."),
            ((X_TRAIN, SEPARATE[2], X_VAL, Y_VAL), "The targets are not scaled."),
            ((X_TRAIN, Y_TRAIN, SEPARATE[1], Y_VAL), "Scale the validation inputs too"),
            ((X_TRAIN, Y_TRAIN, X_VAL, SEPARATE[3]), "Scale the validation targets too"),
            ((X_TRAIN[:99], Y_TRAIN[:99], X_VAL, Y_VAL), "Use all 442 patients"),
        ],
    )
    def test_each_mistake_has_its_hint(self, arrays, words):
        assert words in hint("12-diabetes", experiment(*arrays))

    def test_whole_numbers_are_classes(self):
        answer = experiment(
            *(X_TRAIN, SEPARATE[2].astype(int)[:, 0], X_VAL, SEPARATE[3].astype(int)[:, 0]),
            build=lambda: one_layer(400),
        )
        assert "Whole numbers are taken for classes" in hint("12-diabetes", answer)

    def test_a_model_with_more_than_one_output(self):
        targets, validation = (np.repeat(part, 3, axis=1) for part in (Y_TRAIN, Y_VAL))
        answer = experiment(X_TRAIN, targets, X_VAL, validation, build=lambda: one_layer(3))
        assert hint("12-diabetes", answer) == "One amount is wanted. Your model gives 3."

    def test_one_that_does_not_train_well(self):
        answer = lrlab.Experiment(one_layer, (X_TRAIN, Y_TRAIN, X_VAL, Y_VAL), batch_size=353)
        assert hint("12-diabetes", answer).startswith("At 0.01 it is too low: ")

    def test_a_run_is_no_experiment(self):
        assert "Give an experiment" in hint("12-diabetes", 0.01)


class TestChallenge:
    @pytest.mark.parametrize(
        "schedule",
        [lrlab.StepDecay(0.2, 0.1, 4), lrlab.StepDecay(0.2, 0.3, 2), lrlab.OneCycle(0.2, epochs=6)],
    )
    def test_a_rate_that_falls_from_high_enough_passes(self, schedule):
        feedback = check("12-challenge", schedule)
        assert feedback.passed, feedback
        assert feedback.message.startswith("From three other starts the validation loss is 0.")

    def test_no_constant_rate_passes(self):
        for rate in (0.02, 0.05, 0.1, 0.2, 0.3):
            assert not check("12-challenge", rate)

    def test_a_keras_schedule_and_a_function_are_schedules_too(self):
        by_epoch = lrlab.StepDecay(0.2, 0.1, 4)
        for answer in (lambda epoch: by_epoch(epoch), by_epoch.to_keras(steps_per_epoch=360)):
            assert check("12-challenge", answer)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (0.01, "0.45 or less is wanted from each. The rate never reaches 0.1: begin higher."),
            (0.1, "Wrong labels are noise: let the rate be much lower at the end."),
            (2.0, "The highest rate, 2, breaks the network or nearly so."),
            (lrlab.StepDecay(1.0, 0.1, 3), "The highest rate, 1, breaks the network"),
            (lrlab.StepDecay(0.2, 0.1, 1), "Try another first rate, or let it fall at another"),
            (lambda epoch: 1 / 0, "It raises ZeroDivisionError"),
            (lambda: 0.1, "A schedule must be a function of the epoch"),
            ("0.1", "must be a finite number above 0"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("12-challenge", answer)

    def test_a_run_is_no_schedule(self):
        run = experiment(X_TRAIN, Y_TRAIN, X_VAL, Y_VAL).run(0.01)
        assert "Give the schedule itself" in hint("12-challenge", run)


def compiled_cnn():
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    model.compile("adam", "binary_crossentropy")
    return model


@pytest.mark.parametrize(
    ("explorer", "settings"),
    [
        (lrlab.LearningRateExplorer, {}),
        (lrlab.StepDecayExplorer, {}),
        (lrlab.ScheduleExplorer, {}),
        (lrlab.LearningRateDialExplorer, {}),
        (lrlab.RangeTestExplorer, {"lowest": 0.01, "highest": 0.1, "seeds": 1}),
        (lrlab.OptimizerExplorer, {"optimizer": "Adam"}),
        (
            lrlab.DecayMapExplorer,
            {"initial_learning_rates": (0.01, 0.1), "decay_factors": (0.1, 1.0)},
        ),
    ],
)
def test_every_explorer_takes_a_compiled_network_and_arrays_of_ones_own(explorer, settings):
    images = np.random.default_rng(0).random((24, 4, 4, 1)).astype("float32")
    labels = (images.mean(axis=(1, 2, 3)) > 0.5).astype("int64")
    own = lrlab.Experiment(
        compiled_cnn, (images, labels, images[:8], labels[:8]), epochs=2, batch_size=8
    )
    panel = explorer(own, **settings)
    if explorer is lrlab.LearningRateDialExplorer:
        panel.step(2)
    assert panel.wait(120) is not None
    assert panel.error is None
    assert panel.code.startswith("# Takes as given: build_model, x_train, y_train, x_val, y_val.")
