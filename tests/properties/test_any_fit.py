"""`lrlab.fit` is `model.fit`, whatever the model, the sizes, the callbacks and the weights."""

from functools import cache

from lrlab.backend import keras

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras_twins import CLASSES, FEATURES, LABELS, Twins, X, assert_alike, counting_fits, seeded

import lrlab

pytestmark = pytest.mark.usefixtures("without_xla")

layers, optimizers, callbacks = keras.layers, keras.optimizers, keras.callbacks
TARGETS = (X @ np.linspace(-0.5, 0.5, FEATURES)[:, None]).astype("float32")
MIDDLES = {
    "one layer": list,
    "dense": lambda: [layers.Dense(8, activation="relu")],
    "normalized": lambda: [layers.Dense(5), layers.BatchNormalization(), layers.Dropout(0.3)],
    "regularized": lambda: [layers.Dense(4, "tanh", kernel_regularizer="l2")],
}
OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "clipped": lambda: optimizers.SGD(0.1, clipnorm=0.5, weight_decay=0.01),
    "Adam": lambda: optimizers.Adam(0.01),
    "RMSprop": lambda: optimizers.RMSprop(0.01),
}


@cache
def twins_of(middle, optimizer, classifies):
    """Two models that begin alike, and what puts them back: few are compiled, for many examples."""

    def build():
        last = layers.Dense(CLASSES, "softmax") if classifies else layers.Dense(1)
        model = keras.Sequential([keras.Input((FEATURES,)), *MIDDLES[middle](), last])
        model.compile(
            OPTIMIZERS[optimizer](),
            "sparse_categorical_crossentropy" if classifies else "mse",
            metrics=["accuracy"] if classifies else ["mae"],
            weighted_metrics=["mse"] if not classifies else None,
        )
        model.optimizer.build(model.trainable_variables)
        return model

    twins = seeded(build), seeded(build)
    first = [[variable.numpy() for variable in variables_of(model)] for model in twins]
    return twins, first


def variables_of(model):
    return [*model.variables, *model.optimizer.variables]


def put_back(models, first):
    for model, values in zip(models, first, strict=True):
        for variable, value in zip(variables_of(model), values, strict=False):
            variable.assign(value)
        model.stop_training = False


models = st.tuples(st.sampled_from([*MIDDLES]), st.sampled_from([*OPTIMIZERS]), st.booleans())
weights = st.floats(0, 3, width=32)


class BatchLog(callbacks.Callback):
    """A hook of one's own that looks at every batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["loss"]))


class HalvesTheRate(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2


def makers_of_callbacks(validated):
    monitor = st.sampled_from(["loss", "val_loss"] if validated else ["loss"])
    scheduler = st.floats(0.3, 1.2).map(
        lambda factor: lambda: callbacks.LearningRateScheduler(lambda epoch, rate: rate * factor)
    )
    plateau = st.tuples(monitor, st.floats(0.1, 0.9), st.integers(1, 2), st.floats(0.01, 0.2)).map(
        lambda given: (
            lambda: callbacks.ReduceLROnPlateau(
                given[0], given[1], patience=given[2], min_delta=given[3]
            )
        )
    )
    stopping = st.tuples(monitor, st.floats(0.01, 0.2), st.booleans()).map(
        lambda given: (
            lambda: callbacks.EarlyStopping(
                given[0], min_delta=given[1], patience=1, restore_best_weights=given[2]
            )
        )
    )
    own = st.sampled_from([BatchLog, HalvesTheRate, callbacks.TerminateOnNaN])
    return st.lists(st.one_of(scheduler, plateau, stopping, own), max_size=3)


@st.composite
def fits(draw):
    """Data and arguments for a fit, and what makes its callbacks."""
    samples = draw(st.sampled_from([1, 7, 24, 33]))
    begins = draw(st.sampled_from([0, 0, 1]))
    arguments = {
        "batch_size": draw(st.sampled_from([1, 8, 16, 40])) if samples < 20 else 16,
        "epochs": begins + draw(st.integers(1, 3)),
        "initial_epoch": begins,
        "verbose": 0,
    }
    if draw(st.booleans()):
        arguments["sample_weight"] = np.array(
            draw(st.lists(weights, min_size=samples, max_size=samples)), "float32"
        )
    validated = draw(st.sampled_from(["", "split", "data"]))
    if validated == "split" and samples > 1:
        arguments["validation_split"] = draw(st.sampled_from([0.25, 0.5]))
    elif validated:
        arguments["validation_data"] = "data"
    if validated:
        arguments["validation_batch_size"] = draw(st.sampled_from([None, 5]))
        every = draw(st.sampled_from([1, 1, 2, [1, 3]]))
        arguments["validation_freq"] = every
    watched = bool(validated) and arguments["validation_freq"] == 1
    return samples, arguments, draw(makers_of_callbacks(watched))


def data_of(classifies, samples, arguments):
    x, y = X[:samples], (LABELS if classifies else TARGETS)[:samples]
    if "validation_data" in arguments:
        late = slice(-13, None)
        other = X[late], (LABELS if classifies else TARGETS)[late]
        arguments = {**arguments, "validation_data": other}
    return x, y, arguments


@given(models, fits(), st.booleans())
def test_it_gives_the_history_and_the_weights_of_keras(model, fit, by_class):
    samples, arguments, makers = fit
    (plain, ours), first = twins_of(*model)
    put_back((plain, ours), first)
    x, y, arguments = data_of(model[2], samples, arguments)
    if by_class and model[2] and "sample_weight" not in arguments:
        arguments["class_weight"] = {0: 0.5, 1: 2.0, 2: 1.0}
    both = [[make() for make in makers] for _ in range(2)]
    keras.utils.set_random_seed(11)
    plain_history = plain.fit(x, y, shuffle=False, callbacks=both[0], **arguments)
    keras.utils.set_random_seed(11)
    with counting_fits() as fits_of_keras:
        our_history = lrlab.fit(ours, x, y, shuffle=False, callbacks=both[1], **arguments)
    assert not fits_of_keras.call_count
    assert_alike(Twins(plain, ours, plain_history, our_history))
    for theirs, own in zip(*both, strict=True):
        if isinstance(own, BatchLog):
            assert [batch for batch, _ in own.seen] == [batch for batch, _ in theirs.seen]
            losses = [loss for _, loss in theirs.seen]
            assert [loss for _, loss in own.seen] == pytest.approx(losses, rel=1e-5, abs=1e-5)


@given(models, fits(), st.integers(0, 2**32 - 1))
def test_shuffled_it_is_a_loop_over_batches_in_the_order_of_numpy(model, fit, seed):
    """Which gives the same again, and takes each sample once an epoch."""
    samples, arguments, _ = fit
    wanted = {"batch_size", "epochs", "sample_weight"} & set(arguments)
    arguments = {name: arguments[name] for name in wanted}
    (plain, ours), first = twins_of(*model)
    x, y, arguments = data_of(model[2], samples, arguments)
    histories = []
    for _ in range(2):
        put_back((plain, ours), first)
        keras.utils.set_random_seed(seed)
        histories.append(lrlab.fit(ours, x, y, shuffle=True, verbose=0, **arguments).history)
    assert histories[0] == histories[1]
    keras.utils.set_random_seed(seed)
    losses, size = [], arguments["batch_size"]
    weight = arguments.get("sample_weight")
    for _ in range(arguments["epochs"]):
        order, lost = np.random.permutation(samples), 0.0  # noqa: NPY002
        for start in range(0, samples, size):
            batch = order[start : start + size]
            of_batch = None if weight is None else weight[batch]
            lost += len(batch) * plain.train_on_batch(x[batch], y[batch], of_batch)[0]
        losses.append(lost / samples)
    assert histories[0]["loss"] == pytest.approx(losses, rel=1e-5, abs=1e-5)
    for own, theirs in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-5)
