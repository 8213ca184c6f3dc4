"""Every argument of `lrlab.fit` means what it means in `model.fit`; wrong ones are refused."""

import inspect
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from lrlab.backend import keras, tf

import numpy as np
import pytest
from keras_twins import (
    CLASSES,
    SAMPLES,
    VALIDATION,
    X_VAL,
    Y_VAL,
    X,
    Y,
    assert_same_variables,
    counting_fits,
    mlp,
    seeded,
    train_both,
)
from test_training_callbacks import linear

import lrlab

RAMP = np.linspace(0, 2, SAMPLES)
ONE_HOT = np.eye(CLASSES)[Y]


def test_names_order_and_defaults_are_those_of_model_fit() -> None:
    ours, theirs = (inspect.signature(f).parameters.values() for f in (lrlab.fit, keras.Model.fit))
    assert [(p.name, p.default) for p in ours][1:] == [(p.name, p.default) for p in theirs][1:]


ARGUMENTS: dict[str, dict[str, Any]] = {
    "no smaller last batch": {"batch_size": 25},
    "one batch": {"batch_size": SAMPLES},
    "a batch larger than the data": {"batch_size": 10 * SAMPLES, "validation_data": VALIDATION},
    "a batch of one": {"batch_size": 1, "epochs": 1},
    "the default batch size": {"batch_size": None},
    "sample weights": {"sample_weight": RAMP},
    "sample weights as a column": {"sample_weight": RAMP[:, None]},
    "class weights": {"class_weight": {0: 0.5, 2: 3.0}, "validation_data": VALIDATION},
    "a validation split": {"validation_split": 0.3, "sample_weight": RAMP},
    "a split with class weights": {"validation_split": 0.2, "class_weight": {1: 2.0}},
    "weighted validation": {"validation_data": (X_VAL, Y_VAL, RAMP[:30])},
    "a validation list": {"validation_data": [X_VAL, Y_VAL]},
    "validation every 2 epochs": {"validation_data": VALIDATION, "validation_freq": 2, "epochs": 5},
    "validation as listed": {"validation_data": VALIDATION, "validation_freq": [1, 4], "epochs": 5},
    "validation batches": {"validation_data": VALIDATION, "validation_batch_size": 7},
    "a later first epoch": {"initial_epoch": 2, "epochs": 5},
    "NumPy's integers": {"batch_size": np.int64(16), "epochs": np.int32(2)},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_fit_equals_model_fit_with(name: str) -> None:
    train_both(linear, **ARGUMENTS[name])


@pytest.mark.parametrize("name", ["a batch larger than the data", "class weights"])
def test_fit_equals_model_fit_under_xla_with(name: str) -> None:
    train_both(mlp, **ARGUMENTS[name])


def test_a_second_fit_continues_where_the_first_ended() -> None:
    train_both(lambda: linear("adam"), times=2, validation_data=VALIDATION)


@pytest.mark.parametrize("epochs", [0, 3])
def test_no_epoch_to_train_changes_nothing(epochs: int) -> None:
    plain, ours = seeded(linear), seeded(linear)
    for train, model in ((type(plain).fit, plain), (lrlab.fit, ours)):
        history = train(model, X, Y, epochs=epochs, initial_epoch=3, verbose=0)
        assert history.history == {}
        assert history.epoch == []
    np.testing.assert_array_equal(ours.get_weights()[0], plain.get_weights()[0])


def test_no_epoch_leaves_the_weights_alone_that_an_average_would_take_the_place_of() -> None:
    for train in (keras.Model.fit, lrlab.fit):
        model = linear(keras.optimizers.SGD(0.3, use_ema=True))
        train(model, X, Y, epochs=1, verbose=0)
        weights = [2 * weight for weight in model.get_weights()]
        model.set_weights(weights)
        train(model, X, Y, epochs=0, verbose=0)
        for now, then in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(now, then)


DATA: dict[str, Callable[[], tuple[Any, Any]]] = {
    "float64": lambda: (X.astype("float64"), Y),
    "integers": lambda: ((10 * X).astype("int32"), Y.astype("uint8")),
    "tensors": lambda: (tf.constant(X), tf.constant(Y)),
    "a column of labels": lambda: (X, Y[:, None]),
    "other strides": lambda: (np.asfortranarray(X)[::-1], Y[::-1]),
}


@pytest.mark.parametrize("name", DATA)
def test_fit_equals_model_fit_with_data_as(name: str) -> None:
    train_both(linear, *DATA[name](), validation_split=0.2)


def test_fit_equals_model_fit_with_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    train_both(linear, pandas.DataFrame(X), pandas.Series(Y), validation_split=0.2)


# --- shuffling ------------------------------------------------------------------------------------


class Seen(keras.Model):
    """Keeps what it has been shown, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = keras.layers.Dense(1)
        self.seen = tf.Variable(tf.zeros((4 * SAMPLES,)), trainable=False)
        self.count = tf.Variable(0, trainable=False)

    def call(self, x: Any) -> Any:
        return self.scale(x)

    def train_step(self, data: Any) -> Any:
        places = self.count + tf.range(tf.shape(data[0])[0])
        self.seen.scatter_nd_update(places[:, None], data[0][:, 0])
        self.count.assign_add(tf.shape(data[0])[0])
        return super().train_step(data)


def shown(seed: int) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    model = Seen()
    model.compile("sgd", "mse")
    numbers = np.arange(SAMPLES, dtype="float32")[:, None]
    lrlab.fit(model, numbers / SAMPLES, numbers, batch_size=16, epochs=4, verbose=0)
    return model.seen.numpy().reshape(4, SAMPLES)


def test_shuffling_shows_every_sample_once_an_epoch_and_repeats_for_a_seed() -> None:
    first, again, other = shown(1), shown(1), shown(2)
    in_order = np.arange(SAMPLES, dtype="float32") / SAMPLES
    for epoch in first:
        np.testing.assert_array_equal(np.sort(epoch), in_order)
        assert (epoch != in_order).any()
    assert (first[0] != first[1]).any()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


# --- what only model.fit can do -------------------------------------------------------------------


def dataset() -> Any:
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)


def generator() -> Iterator[Any]:
    while True:
        for start in range(0, SAMPLES, 16):
            yield X[start : start + 16], Y[start : start + 16]


class Sequence(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return X[16 * index : 16 * (index + 1)], Y[16 * index : 16 * (index + 1)]


def test_a_generator_falls_back_to_model_fit() -> None:
    # Twins cannot share a generator.
    plain, ours = seeded(linear), seeded(linear)
    arguments = {"steps_per_epoch": 5, "epochs": 2, "shuffle": False, "verbose": 0}
    plain.fit(generator(), **arguments)
    with counting_fits() as fits:
        lrlab.fit(ours, generator(), **arguments)
    assert fits.call_count == 1
    assert_same_variables(ours, plain)


FALLBACKS: dict[str, dict[str, Any]] = {
    "a dataset": {"x": dataset, "y": lambda: None, "batch_size": None},
    "a PyDataset": {"x": Sequence, "y": lambda: None, "batch_size": None},
    "a dataset to validate on": {"validation_data": dataset()},
    "steps per epoch": {"steps_per_epoch": 3},
    "validation steps": {"validation_data": VALIDATION, "validation_steps": 1},
}


@pytest.mark.parametrize("name", FALLBACKS)
def test_model_fit_takes_over_for(name: str) -> None:
    given = dict(FALLBACKS[name])
    x, y = given.pop("x", lambda: X), given.pop("y", lambda: Y)
    train_both(linear, x(), y(), falls_back=True, **given)


def sparse_tensor() -> Any:
    return tf.sparse.from_dense(np.where(X > 0, X, 0))


def scipy_matrix() -> Any:
    return pytest.importorskip("scipy.sparse").csr_matrix(np.where(X > 0, X, 0))


@pytest.mark.parametrize("make", [sparse_tensor, scipy_matrix])
def test_model_fit_takes_over_for_sparse_inputs(make: Callable[[], Any]) -> None:
    def build() -> keras.Model:
        inputs = keras.Input((X.shape[1],), sparse=True)
        model = keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(inputs))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    train_both(build, make(), Y, falls_back=True)


@pytest.mark.parametrize("compiling", [{"run_eagerly": True}, {"steps_per_execution": 2}])
def test_model_fit_takes_over_for_a_model_compiled_with(compiling: dict[str, Any]) -> None:
    train_both(lambda: linear(**compiling), falls_back=True, validation_data=VALIDATION)


def train_under_a_strategy() -> None:
    def build() -> keras.Model:
        with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
            return linear()

    train_both(build, falls_back=True)


def test_model_fit_takes_over_under_a_distribution_strategy() -> None:
    # In a Python of its own: TensorFlow keeps the strategies of a process, and one whose scope is
    # not left as it should be would stand over all tests that follow.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        fresh.submit(train_under_a_strategy).result()


def test_model_fit_takes_over_where_functions_run_eagerly() -> None:
    tf.config.run_functions_eagerly(True)
    try:
        train_both(linear, falls_back=True)
    finally:
        tf.config.run_functions_eagerly(False)


def test_model_fit_takes_over_for_a_model_that_makes_its_own_function() -> None:
    class Own(keras.Sequential):
        def make_train_function(self, force: bool = False) -> Any:
            return super().make_train_function(force)

    def build() -> keras.Model:
        model = Own([keras.Input((X.shape[1],)), keras.layers.Dense(CLASSES, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    train_both(build, falls_back=True)


# --- the door -------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "x longer": ({"y": Y[:-1]}, r"same number of samples. Received: x: 75, y: 74"),
    "y longer, split": ({"x": X[:60], "validation_split": 0.2}, "Received: x: 60, y: 75"),
    "weights": ({"sample_weight": RAMP[:5]}, "same number of samples.*sample_weight: 5"),
    "validation": ({"validation_data": (X_VAL, Y_VAL[:9])}, "x_val: 30, y_val: 9"),
    "no data": ({"x": X[:0], "y": Y[:0]}, "at least one sample. Received: an empty x"),
    "no validation": ({"validation_data": (X[:0], Y[:0])}, "Received: an empty x_val"),
    "batch 0": ({"batch_size": 0}, "whole number of at least 1. Received: batch_size=0"),
    "batch -1": ({"batch_size": -1}, "Received: batch_size=-1"),
    "batch 2.5": ({"batch_size": 2.5}, r"Received: batch_size=2\.5"),
    "batch True": ({"batch_size": True}, "Received: batch_size=True"),
    "epochs": ({"epochs": -1}, "whole number of at least 0. Received: epochs=-1"),
    "first epoch": ({"initial_epoch": "1"}, "Received: initial_epoch='1'"),
    "frequency": ({"validation_data": VALIDATION, "validation_freq": 0}, "validation_freq=0"),
    "label 3": ({"y": Y + 1}, r"Labels must lie in 0\.\.2.* Received: labels from 1 to 3"),
    "label -1": ({"y": Y - 1}, "Received: labels from -1 to 1"),
    "validation labels": ({"validation_data": (X_VAL, Y_VAL + 5)}, "Received: labels from 5 to 7"),
    "both weights": ({"sample_weight": RAMP, "class_weight": {0: 1.0}}, "class_weight"),
}


@pytest.mark.parametrize("build", [linear, mlp])
@pytest.mark.parametrize("name", REFUSED)
def test_fit_refuses_and_leaves_the_model_alone(build: Any, name: str) -> None:
    given, message = REFUSED[name]
    model = build()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        lrlab.fit(model, **({"x": X, "y": Y, "verbose": 0} | given))
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_fit_refuses_an_uncompiled_model() -> None:
    model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(CLASSES)])
    with pytest.raises(ValueError, match=r"needs a compiled model.*Call model\.compile"):
        lrlab.fit(model, X, Y)


SPARSE = keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize(
    "loss",
    [SPARSE(), SPARSE(name="own_name"), SPARSE.__name__, keras.losses.get(SPARSE.__name__)],
)
def test_labels_are_checked_however_the_loss_is_given(loss: Any) -> None:
    model = linear()
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=r"Labels must lie in 0\.\.2"):
        lrlab.fit(model, X, Y + 1, verbose=0)


def test_labels_are_those_of_a_class_an_instant() -> None:
    def build() -> keras.Model:
        model = keras.Sequential([keras.Input((3, 2)), keras.layers.Dense(CLASSES, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    x, y = X.reshape(SAMPLES, 3, 2), np.column_stack([Y] * 3)
    train_both(build, x, y)
    with pytest.raises(ValueError, match=r"Labels must lie in 0\.\.2.* from 1 to 3"):
        lrlab.fit(build(), x, y + 1, verbose=0)
    two_instants = [keras.Input((2, 3)), keras.layers.Dense(CLASSES, "softmax")]
    model = keras.Sequential(two_instants)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert lrlab.fit(model, X.reshape(SAMPLES, 2, 3), y[:, :2], verbose=0).history["loss"]


def test_a_class_to_ignore_may_have_any_number() -> None:
    def build() -> keras.Model:
        model = linear()
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
        return model

    train_both(build, X, np.where(Y == 2, -1, Y))
