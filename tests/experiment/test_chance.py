"""What guessing costs, held to what is derived by hand."""

import math

from lrlab.backend import keras

import numpy as np
import pytest
from experiments import Subclass, auto_encoder, experiment_of
from keras import layers, losses

from lrlab.experiment.chance import best_constant_loss, regularization

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 3)).astype("float32")
LABELS = np.repeat([0, 1, 2], [120, 60, 20])
SHARES = np.array([0.6, 0.3, 0.1])
ENTROPY = -(SHARES * np.log(SHARES)).sum()
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
BINARY = (LABELS == 2).astype("int64")
BINARY_ENTROPY = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
AMOUNTS = RANDOM.exponential(size=200).astype("float32")


def model_of(units, activation=None, **compiled):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units, activation)])
    model.compile(**compiled)
    return model


def weighted(weights):
    """A cross-entropy in which classes have weights, as many write it."""

    def loss(y_true, y_pred):
        rows = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        labels = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")
        return rows * keras.ops.take(keras.ops.convert_to_tensor(weights), labels)

    return loss


def pinball(y_true, y_pred):
    """Whose best constant is the quantile of 0.9."""
    error = keras.ops.reshape(y_true, (-1, 1)) - y_pred
    return keras.ops.mean(keras.ops.maximum(0.9 * error, -0.1 * error))


def pinball_by_hand():
    quantile = np.quantile(AMOUNTS, 0.9, method="inverted_cdf")
    return np.maximum(0.9 * (AMOUNTS - quantile), 0.1 * (quantile - AMOUNTS)).mean()


def smoothed_entropy(smoothing=0.2):
    shares = (1 - smoothing) * SHARES + smoothing / 3
    return -(shares * np.log(shares)).sum()


def weighted_entropy(weights):
    shares = SHARES * weights
    return -(shares * np.log(shares / shares.sum())).sum()


def huber_by_hand(delta=0.5):
    constants = np.linspace(0, 3, 30001)[:, None]
    errors = np.abs(AMOUNTS - constants)
    rows = np.where(errors <= delta, errors**2 / 2, delta * errors - delta**2 / 2)
    return rows.mean(axis=1).min()


WEIGHTS = np.array([1.0, 2.0, 6.0], "float32")  # as many of each class
CASES = {
    "class shares": (3, "softmax", "sparse_categorical_crossentropy", LABELS, ENTROPY),
    "logits": (
        3,
        None,
        losses.SparseCategoricalCrossentropy(from_logits=True),
        LABELS,
        ENTROPY,
    ),
    "one-hot": (3, "softmax", "categorical_crossentropy", ONE_HOT, ENTROPY),
    "one-hot, one class never seen": (
        4,
        "softmax",
        "categorical_crossentropy",
        np.pad(ONE_HOT, ((0, 0), (0, 1))),
        ENTROPY,
    ),
    "label smoothing": (
        3,
        "softmax",
        losses.CategoricalCrossentropy(label_smoothing=0.2),
        ONE_HOT,
        smoothed_entropy(),
    ),
    "weighted classes": (3, "softmax", weighted(WEIGHTS), LABELS, weighted_entropy(WEIGHTS)),
    "binary": (1, "sigmoid", "binary_crossentropy", BINARY, BINARY_ENTROPY),
    "binary logits": (
        1,
        None,
        losses.BinaryCrossentropy(from_logits=True),
        BINARY,
        BINARY_ENTROPY,
    ),
    "squared error": (1, None, "mse", AMOUNTS, AMOUNTS.var()),
    "squared error of large targets": (1, None, "mse", AMOUNTS * 1e4, (AMOUNTS * 1e4).var()),
    "squared error of probabilities": (3, "softmax", "mse", ONE_HOT, ONE_HOT.var(axis=0).mean()),
    "several targets": (3, None, "mse", X * [1, 2, 3], (X * [1, 2, 3]).var(axis=0).mean()),
    "absolute error": (1, None, "mae", AMOUNTS, np.abs(AMOUNTS - np.median(AMOUNTS)).mean()),
    "Huber": (1, None, losses.Huber(delta=0.5), AMOUNTS, huber_by_hand()),
    "a quantile": (1, None, pinball, AMOUNTS, pinball_by_hand()),
    "Poisson": (
        1,
        "exponential",
        "poisson",
        AMOUNTS,
        AMOUNTS.mean() * (1 - np.log(AMOUNTS.mean())),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_best_constant_answer(case):
    units, activation, loss, y, expected = CASES[case]
    found = best_constant_loss(model_of(units, activation, loss=loss), X, y)
    assert found == pytest.approx(expected, rel=2e-3 if case == "a quantile" else 1e-4)


def test_no_constant_answer_is_better():
    """Whatever the last bias of a model that sees nothing is."""
    model = model_of(3, "softmax", loss="sparse_categorical_crossentropy", optimizer="sgd")
    chance = best_constant_loss(model, X, LABELS)
    for _ in range(20):
        model.set_weights([np.zeros((3, 3)), RANDOM.normal(size=3)])
        assert model.evaluate(X, LABELS, verbose=0) > chance
    model.set_weights([np.zeros((3, 3)), np.log(SHARES)])
    assert model.evaluate(X, LABELS, verbose=0) == pytest.approx(chance, rel=1e-5)


@pytest.mark.parametrize("label", [0, 1])
def test_of_one_class_alone_guessing_costs_nothing(label):
    model = model_of(1, "sigmoid", loss="binary_crossentropy")
    assert best_constant_loss(model, X, np.full(200, label)) == pytest.approx(0, abs=1e-5)


def test_of_one_sample_guessing_costs_nothing():
    found = best_constant_loss(model_of(1, loss="mse"), X[:1], AMOUNTS[:1])
    assert found == pytest.approx(0, abs=1e-9)


def test_several_outputs_with_weights():
    inputs = keras.Input((3,))
    model = keras.Model(
        inputs,
        {"kind": layers.Dense(3, "softmax")(inputs), "amount": layers.Dense(1)(inputs)},
    )
    model.compile(
        loss={"kind": "sparse_categorical_crossentropy", "amount": "mse"},
        loss_weights={"kind": 1.0, "amount": 0.5},
    )
    found = best_constant_loss(model, X, {"kind": LABELS, "amount": AMOUNTS})
    assert found == pytest.approx(ENTROPY + 0.5 * AMOUNTS.var(), rel=1e-4)


def test_a_class_an_instant():
    model = keras.Sequential([keras.Input((5, 3)), layers.Dense(2, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    labels = np.tile([0, 0, 1, 1, 1], (50, 1))
    labels[:25] = 1 - labels[:25]
    x = np.zeros((50, 5, 3), "float32")
    assert best_constant_loss(model, x, labels) == pytest.approx(math.log(2), rel=1e-4)


def test_of_a_subclass():
    model = Subclass()
    model.compile(loss="sparse_categorical_crossentropy")
    assert best_constant_loss(model, X, LABELS) == pytest.approx(ENTROPY, rel=1e-4)


def test_many_targets_are_thinned(monkeypatch):
    monkeypatch.setattr("lrlab.experiment.chance._NUMBERS", 100)
    model = model_of(3, "softmax", loss="sparse_categorical_crossentropy")
    found = best_constant_loss(model, X, RANDOM.permutation(LABELS))
    assert found == pytest.approx(ENTROPY, abs=0.3)
    assert found != pytest.approx(ENTROPY, rel=1e-6)


class TestRegularization:
    def model(self):
        l2 = keras.regularizers.L2(0.5)
        model = keras.Sequential([keras.Input((3,)), layers.Dense(1, kernel_regularizer=l2)])
        model.compile(loss="mse")
        return model

    def test_it_is_no_part_of_the_best_constant(self):
        assert best_constant_loss(self.model(), X, AMOUNTS) == pytest.approx(AMOUNTS.var())

    def test_it_is_what_the_weights_cost_now(self):
        model = self.model()
        model.set_weights([np.array([[1.0], [2.0], [3.0]]), np.zeros(1)])
        assert regularization(model) == pytest.approx(0.5 * 14)

    def test_a_run_counts_it_as_its_last_weights_are(self):
        def build():
            l2 = keras.regularizers.L2(0.01)
            hidden = [layers.Dense(8, "relu", kernel_regularizer=l2), layers.Dense(3, "softmax")]
            return keras.Sequential([keras.Input((4,)), *hidden])

        experiment = experiment_of(build)
        run = experiment.run(0.1)
        kernel = experiment.model.trainable_weights[0].numpy()
        shares = np.bincount(experiment.dataset.y_train) / len(experiment.dataset.y_train)
        expected = -(shares * np.log(shares)).sum() + 0.01 * (kernel**2).sum()
        assert run.chance == pytest.approx(expected, rel=1e-4)


class OwnWords(keras.Model):
    """Has a loss of its own beside the compiled one."""

    def __init__(self):
        super().__init__()
        self.last = layers.Dense(1)

    def call(self, x):
        return self.last(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred**2)


class Adds(OwnWords):
    compute_loss = keras.Model.compute_loss

    def call(self, x):
        answers = self.last(x)
        self.add_loss(keras.ops.mean(answers**2))
        return answers


class TestNotKnown:
    @pytest.mark.parametrize("kind", [OwnWords, Adds])
    def test_where_the_model_makes_a_loss_itself(self, kind):
        model = kind()
        model.compile(loss="mse")
        assert math.isnan(best_constant_loss(model, X, AMOUNTS))

    def test_where_a_train_step_does(self):
        assert math.isnan(best_constant_loss(auto_encoder()(), RANDOM.normal(size=(9, 4)), X[:9]))

    def test_where_a_layer_is_regularized_by_what_it_gives(self):
        model = keras.Sequential(
            [keras.Input((3,)), layers.Dense(1, activity_regularizer=keras.regularizers.L2(0.1))]
        )
        model.compile(loss="mse")
        assert math.isnan(best_constant_loss(model, X, AMOUNTS))

    def test_where_the_loss_is_a_sum_over_samples(self):
        model = model_of(1, loss=losses.MeanSquaredError(reduction="sum"))
        assert math.isnan(best_constant_loss(model, X, AMOUNTS))

    def test_where_the_loss_has_no_least_value(self):
        model = model_of(1, loss=lambda y_true, y_pred: keras.ops.mean(y_true * y_pred))
        assert math.isnan(best_constant_loss(model, X, AMOUNTS))

    def test_where_targets_and_outputs_differ_in_form(self):
        def loss(y_true, y_pred):
            return keras.ops.mean((y_true[:, :1] - y_pred[:, :1]) ** 2)

        assert math.isnan(best_constant_loss(model_of(2, loss=loss), X, X))

    def test_then_a_run_has_none(self):
        data = X[:60], AMOUNTS[:60], X[:20], AMOUNTS[:20]
        experiment = experiment_of(lambda: OwnWords(), data, loss="mse")
        assert math.isnan(experiment.run(0.01).chance)
