"""Small models and data for the tests of experiments, and the same trainings in plain Keras."""

from lrlab.backend import keras, tf

import numpy as np
from keras import layers

from lrlab import Experiment

_random = np.random.default_rng(0)
X = _random.normal(size=(75, 4)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)
DATA = (X, LABELS, X[:20], LABELS[:20])  # batches of 16 leave a last one of 11
EPOCHS, STEPS = 5, 5


def dense():
    hidden = [layers.Dense(8, "relu"), layers.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((4,)), *hidden])


def with_state():
    """What a run could leak into the next one: seeds and statistics."""
    inner = [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((4,)), *inner, layers.Dense(3, "softmax")])


def logits():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3)])


def compiled(optimizer, metrics=("accuracy",)):
    def build():
        model = dense()
        model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=list(metrics))
        return model

    return build


def experiment_of(build=dense, dataset=DATA, **settings):
    return Experiment(build, dataset, **{"epochs": EPOCHS, "batch_size": 16, **settings})


def plain_keras(build=dense, *, optimizer=None, callbacks=(), seed=0, loss=None, **settings):
    """The same training without lrlab: build, compile, fit."""
    keras.utils.set_random_seed(seed)
    model = build()
    if not model.compiled:
        loss = loss or "sparse_categorical_crossentropy"
        model.compile(optimizer, loss, metrics=["accuracy"])
    arguments = {"epochs": EPOCHS, "batch_size": 16, "shuffle": False, "verbose": 0, **settings}
    history = model.fit(X, LABELS, validation_data=DATA[2:], callbacks=list(callbacks), **arguments)
    return history.history, model.get_weights()


def assert_same(run, experiment, plain):
    history, weights = plain
    assert set(run.history) == {*history, "learning_rate"}
    for name, values in history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-5, atol=1e-5, err_msg=name)
    for ours, theirs in zip(experiment.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def program_of(experiment):
    """What is compiled for an experiment."""
    return vars(experiment.model)["_lrlab_program"]


class HalvesEachEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2


def without_input():
    return keras.Sequential([layers.Dense(8, "relu"), layers.Dense(3, "softmax")])


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.last, self.hidden = layers.Dense(3, "softmax"), layers.Dense(8, "relu")

    def call(self, x):
        return self.last(self.hidden(x))


class Noise(layers.Layer):
    """Draws from Keras's global generator."""

    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.5) if training else x


def noisy():
    return keras.Sequential([keras.Input((4,)), Noise(), layers.Dense(3, "softmax")])


class AutoEncoder(keras.Model):
    """Makes its loss in its own steps, as the variational one in Keras's examples does."""

    def __init__(self):
        super().__init__()
        self.code, self.tracker = layers.Dense(4), keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return self.code(x)

    def train_step(self, batch):
        x, _ = batch
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x) - x) ** 2)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def test_step(self, batch):
        self.tracker.update_state(keras.ops.mean((self(batch[0]) - batch[0]) ** 2))
        return {"loss": self.tracker.result()}


def auto_encoder(kind=AutoEncoder):
    def build():
        model = kind()
        model.compile(keras.optimizers.SGD(0.1))
        return model

    return build


class GrowsEachBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) + 0.01
