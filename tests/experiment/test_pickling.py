"""An experiment that went through a pickle gives the numbers of the one that went in."""

import pickle

from lrlab.backend import keras

import cloudpickle
import numpy as np
import pytest
from keras import layers

import lrlab
from lrlab import Experiment

_random = np.random.default_rng(0)
X = _random.normal(size=(40, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
AMOUNTS = X[:, :1] * 3
SIZES = {"epochs": 2, "batch_size": 16, "seed": 5}


def net(units=1, activation=None):
    return keras.Sequential([keras.Input((3,)), layers.Dense(units, activation)])


def compiled():
    model = net(2, "softmax")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def travelled(experiment):
    return pickle.loads(cloudpickle.dumps(experiment))


def huber_of_a_notebook(delta):
    """A class that no other process could import."""

    class Mine(keras.losses.Huber):
        pass

    return Mine(delta)


def absolute(y, prediction):
    return keras.ops.mean(abs(y - prediction))


@pytest.mark.parametrize(
    ("build", "labels", "settings"),
    [
        (lambda: net(2, "softmax"), LABELS, {}),
        (net, AMOUNTS, {"loss": keras.losses.Huber(0.25)}),
        (net, AMOUNTS, {"loss": huber_of_a_notebook(0.25)}),
        (net, AMOUNTS, {"loss": absolute}),
        (net, AMOUNTS, {"optimizer": keras.optimizers.SGD(0.3, momentum=0.9, nesterov=True)}),
        (
            lambda: net(2, "softmax"),
            LABELS,
            {
                "optimizer": keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1, 9)),
                "metrics": [keras.metrics.SparseTopKCategoricalAccuracy(k=1, name="top")],
            },
        ),
        (compiled, LABELS, {}),
    ],
)
def test_it_gives_the_same_history_and_code(build, labels, settings):
    experiment = Experiment(build, (X, labels, X[:9], labels[:9]), **settings, **SIZES)
    run, twin = experiment.run(0.1), travelled(experiment).run(0.1)
    assert twin.history == run.history
    assert (twin.code, twin.start_loss, twin.seed) == (run.code, run.start_loss, 5)


def test_an_optimizer_that_was_used_before_travels_as_new():
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(net().trainable_variables)
    experiment = Experiment(
        net, (X, AMOUNTS, X[:9], AMOUNTS[:9]), optimizer=optimizer, epochs=1, batch_size=16
    )
    assert travelled(experiment).run(0.1).history == experiment.run(0.1).history


def test_it_weighs_little_more_than_its_data():
    digits = lrlab.data.digits()
    arrays = (digits.x_train, digits.y_train, digits.x_val, digits.y_val)
    experiment = Experiment(lambda: lrlab.models.mlp(digits), digits)
    experiment.run(0.1)
    assert len(cloudpickle.dumps(experiment)) < sum(array.nbytes for array in arrays) + 4000
