"""`lrlab.fit` equals `keras.Model.fit(shuffle=False)` whatever the model, optimizer or metric."""

from collections.abc import Callable
from typing import Any

from lrlab.backend import keras, tf

import numpy as np
import pytest
from keras_twins import CLASSES, FEATURES, SAMPLES, VALIDATION, X_VAL, X, Y, mlp, train_both

from lrlab.training.xla import XLA_PARAMETERS, uses_xla

layers, optimizers = keras.layers, keras.optimizers
MAPS = np.random.default_rng(1).normal(size=(SAMPLES, 6, 6, 1)).astype("float32")
WORDS = np.random.default_rng(2).integers(0, 20, (SAMPLES, 9))
TARGETS = X @ np.arange(FEATURES, dtype="float32")[:, None] / 10


def classifier(*middle: Any, shape: tuple[int, ...] = (FEATURES,), **compiling: Any) -> keras.Model:
    outputs = layers.Dense(CLASSES, activation="softmax")
    model = keras.Sequential([keras.Input(shape), *middle, outputs])
    model.compile(
        optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"], **compiling
    )
    return model


def regression() -> keras.Model:
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.01), "mse", metrics=["mae", "r2_score"])
    return model


def regularized() -> keras.Model:
    hidden = layers.Dense(
        8,
        activation="tanh",
        kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-2),
        activity_regularizer=keras.regularizers.L2(1e-2),
        kernel_constraint=keras.constraints.MaxNorm(1.0),
    )
    return classifier(hidden)


def dropout() -> keras.Model:
    noise = layers.GaussianNoise(0.1)
    return classifier(layers.Dense(16, activation="relu"), layers.Dropout(0.5), noise)


def batch_normalization() -> keras.Model:
    return classifier(layers.Dense(8), layers.BatchNormalization(), layers.Activation("relu"))


def cnn() -> keras.Model:
    convolution = layers.Conv2D(4, 3, padding="same", activation="relu")
    return classifier(convolution, layers.MaxPooling2D(), layers.Flatten(), shape=(6, 6, 1))


def text() -> keras.Model:
    embedding = layers.Embedding(20, 4)
    convolution = layers.Conv1D(4, 3, activation="relu")
    return classifier(embedding, convolution, layers.GlobalAveragePooling1D(), shape=(9,))


def recurrent() -> keras.Model:
    return classifier(layers.Embedding(20, 4, mask_zero=True), layers.LSTM(5), shape=(9,))


class Subclassed(keras.Model):
    """Unbuilt until it sees data, with a metric and a loss of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.outputs_ = layers.Dense(CLASSES)
        self.largest = keras.metrics.Mean(name="largest")

    def call(self, x: Any, training: bool = False) -> Any:
        hidden = self.hidden(x)
        if training:
            hidden = hidden * 0.9
        self.largest.update_state(keras.ops.max(hidden))
        self.add_loss(0.01 * keras.ops.mean(hidden**2))
        return self.outputs_(hidden)


def subclassed() -> keras.Model:
    model = Subclassed()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def unbuilt() -> keras.Model:
    model = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("rmsprop", loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("build", "x"),
    [
        (classifier, X),
        (mlp, X),
        (regularized, X),
        (dropout, X),
        (batch_normalization, X),
        (cnn, MAPS),
        (text, WORDS),
        (recurrent, WORDS),
        (subclassed, X),
        (unbuilt, X),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_fit_equals_model_fit_for_every_kind_of_model(
    build: Callable[[], keras.Model], x: Any
) -> None:
    train_both(build, x, Y, validation_data=(x[:30], Y[:30]))


def test_fit_equals_model_fit_for_a_regression() -> None:
    train_both(regression, X, TARGETS, validation_data=(X_VAL, X_VAL[:, :1]))


def test_fit_equals_model_fit_in_mixed_precision_to_its_own_rounding() -> None:
    def build() -> keras.Model:
        hidden = layers.Dense(8, activation="relu", dtype="mixed_float16")
        model = classifier(hidden)
        model.compile(
            optimizers.LossScaleOptimizer(optimizers.SGD(0.1)), "sparse_categorical_crossentropy"
        )
        return model

    train_both(build)


def test_fit_equals_model_fit_where_the_model_asks_for_xla() -> None:
    train_both(lambda: mlp(jit_compile=True), validation_data=VALIDATION)


# --- several inputs and outputs -------------------------------------------------------------------


def two_by_two(**compiling: Any) -> keras.Model:
    left, right = keras.Input((FEATURES,), name="left"), keras.Input((2,), name="right")
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([left, right]))
    kind = layers.Dense(CLASSES, activation="softmax", name="kind")(hidden)
    size = layers.Dense(1, name="size")(hidden)
    outputs = {"kind": kind, "size": size} if compiling.pop("by_name", False) else [kind, size]
    model = keras.Model([left, right], outputs)
    model.compile("adam", **compiling)
    return model


def test_fit_equals_model_fit_with_lists_of_inputs_and_outputs() -> None:
    def build() -> keras.Model:
        return two_by_two(
            loss=["sparse_categorical_crossentropy", "mse"],
            loss_weights=[1.0, 0.3],
            metrics=[["accuracy"], ["mae", "mse"]],
        )

    x, y = [X, X[:, :2]], [Y, TARGETS]
    validation = ([X_VAL, X_VAL[:, :2]], [Y[:30], TARGETS[:30]])
    train_both(build, x, y, validation_data=validation)


def named_outputs() -> keras.Model:
    return two_by_two(
        by_name=True,
        loss={"kind": "sparse_categorical_crossentropy", "size": "mae"},
        loss_weights={"kind": 0.5, "size": 2.0},
        metrics={"kind": "accuracy"},
        weighted_metrics={"size": "mse"},
    )


def test_fit_equals_model_fit_with_dicts_of_inputs_outputs_and_weights() -> None:
    x, y = {"left": X, "right": X[:, :2]}, {"kind": Y, "size": TARGETS}
    ramp = np.linspace(0.5, 2, SAMPLES)
    train_both(named_outputs, x, y, sample_weight={"kind": ramp, "size": ramp[::-1].copy()})


def test_fit_equals_model_fit_with_one_weight_for_all_outputs_and_a_validation_split() -> None:
    x, y = {"left": X, "right": X[:, :2]}, {"kind": Y, "size": TARGETS}
    ramp = np.linspace(0.5, 2, SAMPLES)
    train_both(named_outputs, x, y, sample_weight=ramp, validation_split=0.2)


# --- steps of one's own ---------------------------------------------------------------------------


class Trained(keras.Model):
    """A train step of one's own that reports the metrics."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            predictions = self(x, training=True)
            loss = 2 * self.compute_loss(y=y, y_pred=predictions)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, predictions)
        return {metric.name: metric.result() for metric in self.metrics}


class Reporting(Trained):
    """A train step that reports something else: the last batch's value counts."""

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)
        norm = tf.linalg.global_norm([w.value for w in self.trainable_variables])
        return {"twice": 2 * logs["loss"], "inside": {"norm": norm}}


class Evaluated(keras.Model):
    """A test step that reports something else."""

    def test_step(self, data: Any) -> Any:
        x, y = data
        hits = tf.argmax(self(x, training=False), axis=-1) == y
        return {"hits": tf.reduce_sum(tf.cast(hits, "float32"))}


class Summarized(keras.Model):
    """Metrics of one's own, reset and computed in one's own way."""

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, y_pred, sample_weight) | {"batch": tf.shape(x)[0]}


@pytest.mark.parametrize("kind", [Trained, Reporting, Evaluated, Summarized])
@pytest.mark.parametrize("nan", [False, True], ids=["", "watching for NaN"])
def test_fit_equals_model_fit_with_a_step_of_ones_own(kind: type[keras.Model], nan: bool) -> None:
    def build() -> keras.Model:
        inputs = keras.Input((FEATURES,))
        model = kind(inputs, layers.Dense(CLASSES, activation="softmax")(inputs))
        model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        return model

    watch = [keras.callbacks.TerminateOnNaN()] if nan else []
    train_both(build, validation_data=VALIDATION, callbacks=lambda name: watch)


def test_a_test_step_is_not_touched_without_validation_data() -> None:
    class Untestable(keras.Model):
        def test_step(self, data: Any) -> Any:
            raise AssertionError("nobody validates")

    def build() -> keras.Model:
        inputs = keras.Input((FEATURES,))
        model = Untestable(inputs, layers.Dense(CLASSES, activation="softmax")(inputs))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    train_both(build)


def test_a_step_may_rely_on_the_batch_size() -> None:
    class Exact(keras.Model):
        def train_step(self, data: Any) -> Any:
            assert data[0].shape[0] == 15
            return super().train_step(data)

    def build() -> keras.Model:
        inputs = keras.Input((FEATURES,))
        model = Exact(inputs, layers.Dense(CLASSES, activation="softmax")(inputs))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    train_both(build, batch_size=15)


class Autoencoder(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = layers.Dense(3), layers.Dense(FEATURES)

    def call(self, x: Any) -> Any:
        return self.outer(self.inner(x))

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        return keras.ops.mean((x - y_pred) ** 2)


def test_fit_equals_model_fit_with_no_targets() -> None:
    def build() -> keras.Model:
        model = Autoencoder()
        model.compile("adam")
        return model

    train_both(build, X, None, validation_split=0.2)


# --- optimizers -----------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "SGD": lambda: optimizers.SGD(0.1),
    "Nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: optimizers.Adam(0.01, amsgrad=True),
    "AdamW": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "RMSprop": lambda: optimizers.RMSprop(0.01, centered=True),
    "Adagrad": lambda: optimizers.Adagrad(0.1),
    "Lion": lambda: optimizers.Lion(0.003),
    "Nadam": lambda: optimizers.Nadam(0.01),
    "clipped": lambda: optimizers.SGD(0.3, clipnorm=0.1),
    "clipped globally": lambda: optimizers.Adam(0.01, global_clipnorm=0.1),
    "averaged": lambda: optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=4),
    "averaged at the end": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
    "accumulating": lambda: optimizers.SGD(0.2, gradient_accumulation_steps=2),
    "decaying": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.2, 3, 0.5)),
    "in steps": lambda: optimizers.Adam(
        optimizers.schedules.PiecewiseConstantDecay([4, 9], [0.02, 0.01, 0.001])
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_equals_model_fit_with_every_optimizer(name: str) -> None:
    train_both(lambda: mlp(OPTIMIZERS[name]()))


# --- metrics --------------------------------------------------------------------------------------


class Confidence(keras.metrics.Metric):
    """A metric that reports two values, and keeps a state of its own."""

    def __init__(self) -> None:
        super().__init__(name="confidence")
        self.total = self.add_variable((), "zeros", name="total")
        self.least = self.add_variable((), "ones", name="least")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        top = keras.ops.max(y_pred, axis=-1)
        self.total.assign_add(keras.ops.sum(top))
        self.least.assign(keras.ops.minimum(self.least, keras.ops.min(top)))

    def result(self) -> Any:
        return {"total": self.total + 0.0, "least": self.least + 0.0}

    def reset_state(self) -> None:
        self.total.assign(0.0)
        self.least.assign(1.0)


def test_fit_equals_model_fit_with_several_metrics_one_of_ones_own() -> None:
    def build() -> keras.Model:
        return mlp(metrics=["accuracy", "sparse_top_k_categorical_accuracy", Confidence()])

    twins = train_both(build, validation_data=VALIDATION)
    assert "val_least" in twins.our_history.history


@pytest.mark.parametrize("callbacks", [[], [keras.callbacks.TerminateOnNaN()]])
def test_fit_equals_model_fit_with_a_metric_that_is_a_vector(callbacks: list[Any]) -> None:
    one_hot = np.eye(CLASSES, dtype="float32")

    def build() -> keras.Model:
        f1 = keras.metrics.F1Score(average=None, name="f1")
        return mlp(loss="categorical_crossentropy", metrics=[f1])

    validation = (X_VAL, one_hot[Y[:30]])
    twins = train_both(
        build, X, one_hot[Y], validation_data=validation, callbacks=lambda name: callbacks
    )
    assert twins.our_history.history["f1"][0].shape == (CLASSES,)


def test_fit_equals_model_fit_with_weighted_metrics() -> None:
    train_both(
        lambda: mlp(weighted_metrics=["accuracy", "sparse_categorical_crossentropy"]),
        sample_weight=np.linspace(0, 2, SAMPLES),
        validation_data=(*VALIDATION, np.linspace(2, 0, 30)),
    )


# --- the rule of XLA ------------------------------------------------------------------------------


def custom_activation(x: Any) -> Any:
    return x + keras.random.normal(keras.ops.shape(x)[1:], seed=1)


def of_ones_own(*args: Any, **kwargs: Any) -> Any:
    return 0.0


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (mlp, True),
        (regularized, True),
        (regression, True),
        (dropout, False),
        (batch_normalization, False),
        (cnn, False),
        (lambda: mlp(metrics=[Confidence()]), False),
        (lambda: mlp(weighted_metrics=[Confidence()]), False),
        (lambda: classifier(layers.Dense(4, activation=custom_activation)), False),
        (lambda: classifier(layers.Dense(4, dtype="mixed_bfloat16")), False),
        (lambda: classifier(layers.Dense(4, dtype="float64")), False),
        (lambda: classifier(layers.Dense(100_000)), False),
        (lambda: mlp(jit_compile=True), True),
        (named_outputs, False),
    ],
)
def test_xla_is_for_small_dense_deterministic_models(
    build: Callable[[], keras.Model], expected: bool
) -> None:
    assert uses_xla(build()) is expected


def test_the_docstring_says_the_number_of_parameters() -> None:
    assert f"({XLA_PARAMETERS:,})" in str(uses_xla.__doc__)


@pytest.mark.parametrize(
    "part",
    [
        "activity_regularizer",
        "bias_constraint",
        "bias_regularizer",
        "kernel_constraint",
        "kernel_regularizer",
    ],
)
def test_no_part_of_a_layer_may_be_of_ones_own(part: str) -> None:
    assert uses_xla(classifier(layers.Dense(4, **{part: None})))
    assert not uses_xla(classifier(layers.Dense(4, **{part: of_ones_own})))
