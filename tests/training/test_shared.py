"""What is compiled for a model serves every equal one, and no other."""

from collections import OrderedDict

from lrlab.backend import keras

import numpy as np
import pytest
from small import data

from lrlab import Experiment
from lrlab.training import shared
from lrlab.training.program import Program

DATA = tuple(data().values())
layers, losses, optimizers = keras.layers, keras.losses, keras.optimizers


@pytest.fixture(autouse=True)
def _nothing_compiled_yet(monkeypatch):
    monkeypatch.setattr(shared, "_lenders", OrderedDict())


def dense(activation="relu", regularizer=None, units=4, frozen=False):
    def build():
        hidden = layers.Dense(units, activation, kernel_regularizer=regularizer)
        hidden.trainable = not frozen
        first = [keras.Input((3,)), layers.Rescaling(0.5)]
        return keras.Sequential([*first, hidden, layers.Dense(2, "softmax")])

    return build


def experiment_of(build=None, **settings):
    settings = {"optimizer": optimizers.SGD(momentum=0.5), "epochs": 3, "batch_size": 8} | settings
    return Experiment(build or dense(), DATA, **settings)


def program_of(experiment):
    program = Program.of(experiment.model, experiment._rates)
    program.prepare(experiment._training, experiment._validation, shared=True)
    return program


def test_an_equal_experiment_compiles_nothing_and_gives_the_same_to_the_last_bit():
    first, second = experiment_of(), experiment_of()
    runs = [first.run(0.1), second.run(0.1)]
    assert (program_of(first).traces, program_of(second).traces) == (1, 0)
    assert runs[0].history == runs[1].history
    for one, other in zip(first.model.weights, second.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nor_where_callbacks_come_between_training_and_validation():
    def run(experiment):
        seen = []
        look = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
        history = experiment.run(0.1, callbacks=[look]).history
        assert seen == [0, 1, 2]
        return history

    first, second = experiment_of(), experiment_of()
    assert run(first) == run(second)
    assert program_of(second)._lender is program_of(first)
    assert (program_of(first).traces, program_of(second).traces) == (2, 0)


def test_each_keeps_its_own_weights_whoever_compiled():
    first, second = experiment_of(), experiment_of(seed=3)
    expected = first.run(0.1), second.run(0.1)
    weights = [weight.numpy() for weight in first.model.weights]
    assert expected[0].history != expected[1].history
    second.run(1.0)
    for now, then in zip(first.model.weights, weights, strict=True):
        np.testing.assert_array_equal(now, then)
    assert first.run(0.1).history == expected[0].history
    assert second.run(0.1).history == expected[1].history
    shared._lenders.clear()
    assert experiment_of(seed=3).run(0.1).history == expected[1].history


OTHERS = {
    "activation": {"build": dense("elu")},
    "units": {"build": dense(units=5)},
    "regularizer": {"build": dense(regularizer="l2")},
    "its strength": {"build": dense(regularizer=keras.regularizers.L2(0.02))},
    "frozen": {"build": dense(frozen=True)},
    "optimizer": {"optimizer": "adam"},
    "momentum": {"optimizer": optimizers.SGD(momentum=0.6)},
    "nesterov": {"optimizer": optimizers.SGD(momentum=0.5, nesterov=True)},
    "clipping": {"optimizer": optimizers.SGD(momentum=0.5, clipnorm=1.0)},
    "decay": {"optimizer": optimizers.SGD(momentum=0.5, weight_decay=0.1)},
    "loss": {"loss": losses.SparseCategoricalCrossentropy(ignore_class=1)},
    "metrics": {"metrics": ["accuracy", "sparse_top_k_categorical_accuracy"]},
    "name of a metric": {"metrics": [keras.metrics.SparseCategoricalAccuracy(name="hits")]},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_differs_in_anything_that_is_computed_is_no_equal(other):
    assert program_of(experiment_of())._lender is None
    assert program_of(experiment_of(**other))._lender is None
    assert program_of(experiment_of())._lender is not None
    assert program_of(experiment_of(**other))._lender is not None


def own_loss(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred)


def test_what_somebody_wrote_is_compiled_for_itself():
    for _ in range(2):
        assert program_of(experiment_of(loss=own_loss))._lender is None
    assert not shared._lenders


def test_what_an_equal_one_needs_besides_is_compiled_by_the_one_that_lends():
    first, second = experiment_of(batch_size=7), experiment_of(batch_size=6)
    runs = [first.run(0.1), second.run(0.1)]
    assert program_of(second)._lender is program_of(first)
    assert (program_of(first).traces, program_of(second).traces) == (2, 1)
    shared._lenders.clear()
    assert runs[1].history == experiment_of(batch_size=6).run(0.1).history


def test_the_last_some_are_kept(monkeypatch):
    monkeypatch.setattr(shared, "PROGRAMS_KEPT", 2)
    for units in (4, 5, 4, 6):
        program_of(experiment_of(dense(units=units)))
    assert len(shared._lenders) == 2
    assert program_of(experiment_of(dense(units=4)))._lender
    assert not program_of(experiment_of(dense(units=5)))._lender


def test_of_large_models_fewer_are_kept_and_the_last_always(monkeypatch):
    """A unit has 3 weights and a bias, and 2 weights further on: 26 in all with 4, 38 with 6."""
    monkeypatch.setattr(shared, "WEIGHTS_KEPT", 26 + 38)
    for units in (4, 6):
        program_of(experiment_of(dense(units=units)))
    assert len(shared._lenders) == 2
    program_of(experiment_of(dense(units=5)))  # 32
    assert len(shared._lenders) == 1
    monkeypatch.setattr(shared, "WEIGHTS_KEPT", 1)
    assert program_of(experiment_of(dense(units=5)))._lender
