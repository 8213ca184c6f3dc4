"""Two rates in one explorer: what they are in plain Keras, and what is kept of the old task."""

import re
import subprocess
import sys

from lrlab.backend import keras

import numpy as np
import pytest
from small import LABELS, SOON, X, data, made, model, printed_by

from lrlab import Experiment, FineTuningExplorer
from lrlab.experiment.fine_tuning import with_two_rates

OLD_HEAD = keras.layers.Dense(2, name="old")
optimizers = keras.optimizers


def formatted(code):
    """The code as Ruff would have it, with its default settings."""
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(ruff, input=code, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, tuple(data().values()), epochs=4, batch_size=8)


@pytest.fixture
def explorer(experiment):
    with made(FineTuningExplorer, experiment, (OLD_HEAD, X, LABELS), body_rate=0.2) as explorer:
        explorer.wait(SOON)
        yield explorer


def plain(experiment, body_rate, head_rate):
    """The model, trained by Keras's own `fit` with its own `MultiOptimizer`, and the history."""
    trained = experiment.untrained()
    groups = {f".*{trained.layers[-1].name}/.*": optimizers.SGD(head_rate)}
    optimizer = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(body_rate), groups)
    )
    trained.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y, x_val, y_val = data().values()
    settings = {"epochs": 4, "batch_size": 8, "shuffle": False, "verbose": 0}
    return trained, trained.fit(x, y, validation_data=(x_val, y_val), **settings).history


class TestTwoRates:
    def test_head_and_body_have_the_rates_that_they_are_given(self, experiment):
        optimizer = with_two_rates(experiment).model.optimizer
        optimizer.learning_rate, optimizer.body_rate = 0.5, 0.25
        assert (float(optimizer.learning_rate), float(optimizer.body_rate)) == (0.5, 0.25)

    @pytest.mark.parametrize("rates", [(0.2, 0.1), (0.001, 1.0), (3.0, 0.01)])
    def test_a_run_is_that_of_keras_with_two_rates(self, explorer, experiment, rates):
        body_rate, head_rate = rates
        explorer.move(body_rate=body_rate, head_rate=head_rate)
        run = explorer.wait(SOON)
        trained, history = plain(experiment, body_rate, head_rate)
        for name in ("loss", "val_loss", "val_accuracy"):
            assert run.history[name] == pytest.approx(history[name], abs=1e-5)
        kept = np.argmax(OLD_HEAD(trained.layers[0](X)), axis=-1) == LABELS
        assert run.history["old_accuracy"][-1] == pytest.approx(kept.mean())
        assert run.learning_rates == pytest.approx(np.full(20, head_rate))

    def test_a_run_does_not_depend_on_what_was_trained_before(self, explorer):
        first = explorer.wait(SOON).history
        explorer.move(body_rate=5.0, head_rate=5.0)
        explorer.wait(SOON)
        explorer.reset()
        assert explorer.wait(SOON).history == first

    def test_other_epochs_train_the_same_for_longer(self, explorer):
        short = explorer.wait(SOON)
        explorer.epochs.value = 6
        longer = explorer.wait(SOON)
        for name in ("loss", "old_accuracy"):
            assert longer.history[name][:4] == short.history[name]
            assert len(longer.history[name]) == 6
        assert "epochs=6" in explorer.code
        assert explorer._figures["curves"].epochs == 6

    @pytest.mark.parametrize("optimizer", ["sgd", "adam", optimizers.SGD(momentum=0.9)])
    def test_the_code_is_plain_keras_that_gives_the_same_numbers(self, optimizer):
        experiment = Experiment(
            model, tuple(data().values()), epochs=2, batch_size=8, optimizer=optimizer
        )
        with made(FineTuningExplorer, experiment, (OLD_HEAD, X, LABELS)) as explorer:
            explorer.move(body_rate=0.002, head_rate=0.05)
            run = explorer.wait(SOON)
            printed = printed_by(explorer.code, build_model=model, **data())
        assert explorer.code.startswith("# Takes as given: build_model, x_train, y_train, ")
        start = "optimizer=keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap("
        assert start in re.sub(r"\(\s+", "(", explorer.code)
        assert 'f".*{model.layers[-1].name}/.*": keras.optimizers.' in explorer.code
        assert formatted(explorer.code) == explorer.code
        for name in ("loss", "val_loss"):
            assert printed[name] == pytest.approx(run.final[name], abs=1e-4)


class TestPicture:
    def test_its_words_follow_the_metric_that_is_drawn(self, explorer):
        assert "raining loss" in explorer._picture.alt
        explorer.metric = "accuracy"
        assert "Training accuracy goes from" in explorer._picture.alt
        assert "On the old task the accuracy goes from" in explorer._picture.alt

    def test_it_shows_and_says_what_is_kept(self, explorer):
        run = explorer.runs[-1]
        assert explorer.curves(run).learning_rates.tolist() == run.history["old_accuracy"]
        assert explorer.intended(explorer.settings()).tolist() == [explorer._before] * 4
        assert f"from {explorer._before:.3g} to " in explorer._picture.alt
        assert "old accuracy <b>" in explorer._picture.words
        explorer.pin()
        assert explorer.pins == [("body 0.2, head 0.1", run)]
        assert explorer._picture.value.startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("kept", "words"), [(0.8, "kept"), (0.73, "kept"), (0.6, "partly kept"), (0.4, "lost")]
    )
    def test_its_result_has_no_digits_that_rounding_decides(self, explorer, kept, words):
        _, run = explorer._finished
        explorer._before = 0.8
        run.history["old_accuracy"][-1] = kept
        assert repr(explorer) == f"FineTuningExplorer: body 0.2, head 0.1 -> {words}"


class TestDoor:
    def test_a_model_without_a_body_is_refused(self):
        def head_alone():
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])

        experiment = Experiment(head_alone, tuple(data().values()), epochs=1)
        with pytest.raises(ValueError, match=r"a model of 1 layer\. Give a keras\.Sequential"):
            FineTuningExplorer(experiment, (OLD_HEAD, X, LABELS))

    @pytest.mark.parametrize("old", [(X, LABELS), (X, LABELS, OLD_HEAD), OLD_HEAD])
    def test_what_is_no_old_task_is_refused(self, experiment, old):
        with pytest.raises(ValueError, match=r"Give \(old_head, x_old, y_old\)"):
            FineTuningExplorer(experiment, old)
