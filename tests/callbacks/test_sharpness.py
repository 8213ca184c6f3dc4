"""Sharpness: against the exact Hessian, against lambda of a quadratic, and in the explorer."""

import contextlib
import doctest
import importlib
import io
import re
import warnings
from types import SimpleNamespace

from lrlab.backend import keras, tf

import numpy as np
import pytest

import lrlab
from lrlab.explorers import sharpness as explorer_module

_sharpness = importlib.import_module("lrlab.callbacks.sharpness")  # not the function

random = np.random.default_rng(0)
X = random.normal(size=(30, 3)).astype("float32")
Y = random.normal(size=(30, 2)).astype("float32")
LABELS = np.arange(30) % 3


def exact_hessian(model, x, y):
    """Column by column, from the Jacobian of the gradient."""
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            loss = model.compute_loss(x=x, y=y, y_pred=model(x))
        gradient = tf.concat([tf.reshape(g, [-1]) for g in inner.gradient(loss, weights)], axis=0)
    blocks = outer.jacobian(gradient, weights, experimental_use_pfor=False)
    return np.concatenate([np.reshape(block, (len(gradient), -1)) for block in blocks], axis=1)


def net(*layers, loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(keras.optimizers.SGD(0.1), loss=loss)
    return model


def tanh_net(units=2, loss="mse", **arguments):
    last = "softmax" if loss == "sparse_categorical_crossentropy" else None
    hidden = keras.layers.Dense(4, activation="tanh", **arguments)
    return net(hidden, keras.layers.Dense(units, activation=last), loss=loss)


def linear(**arguments):
    return net(keras.layers.Dense(2, use_bias=False, **arguments))


class TestSharpness:
    @pytest.mark.parametrize(
        ("model", "y"),
        [
            (lambda: tanh_net(), Y),
            (lambda: tanh_net(3, "sparse_categorical_crossentropy"), LABELS),
            (lambda: tanh_net(kernel_regularizer="l2"), Y),
        ],
        ids=["mse", "cross-entropy", "regularised"],
    )
    def test_is_the_largest_eigenvalue_of_the_exact_hessian(self, model, y):
        model = model()
        eigenvalues = np.linalg.eigvalsh(exact_hessian(model, X, y))
        assert lrlab.sharpness(model, X, y) == pytest.approx(eigenvalues[-1], rel=1e-3)
        found = lrlab.sharpness(model, X, y, tolerance=1e-5)
        assert found == pytest.approx(eigenvalues[-1], rel=2e-5)

    def test_follows_the_weights(self):
        model = tanh_net()
        for _ in range(3):
            model.train_on_batch(X, Y)
            exact = np.linalg.eigvalsh(exact_hessian(model, X, Y))[-1]
            assert lrlab.sharpness(model, X, Y) == pytest.approx(exact, rel=1e-3)

    def test_of_linear_regression_is_that_of_its_data(self):
        """The loss is the mean over 30 samples and 2 outputs, a quadratic in each column."""
        expected = np.linalg.eigvalsh(2 / 30 / 2 * X.T @ X)[-1]
        assert lrlab.sharpness(linear(), X, Y) == pytest.approx(expected, rel=1e-3)

    def test_a_negative_eigenvalue_of_greater_size_does_not_count(self):
        """With x = (1, 0, 0) and w its row of weights the loss is w0**2 - 10 w1**2."""

        def saddle(y_true, y_pred):
            return y_pred[:, 0] ** 2 - 10 * y_pred[:, 1] ** 2

        model = net(keras.layers.Dense(2, use_bias=False), loss=saddle)
        x = np.array([[1.0, 0.0, 0.0]], "float32")
        assert np.linalg.eigvalsh(exact_hessian(model, x, Y[:1]))[[0, -1]].tolist() == [-20, 2]
        assert lrlab.sharpness(model, x, Y[:1]) == pytest.approx(2, rel=1e-3)

    def test_is_negative_where_all_eigenvalues_are(self):
        def hill(y_true, y_pred):
            return -(y_pred[:, 0] ** 2)

        x = np.diag([1.0, 2.0, 3.0]).astype("float32")  # Hessian: minus diag(2, 8, 18) / 3
        model = net(keras.layers.Dense(1, use_bias=False), loss=hill)
        assert lrlab.sharpness(model, x, Y[:3]) == pytest.approx(-2 / 3, rel=1e-3)

    def test_gives_the_same_number_again_and_moves_nothing(self):
        model = net(
            keras.layers.Dense(4, "tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
        )
        before = [variable.numpy() for variable in model.variables]
        first = lrlab.sharpness(model, X, Y)
        assert lrlab.sharpness(model, X, Y) == first
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)

    def test_is_compiled_once_for_a_model(self):
        model = tanh_net()
        lrlab.sharpness(model, X, Y)
        product = _sharpness._product_of(model)
        model.train_on_batch(X, Y)
        lrlab.sharpness(model, X, Y)
        assert _sharpness._product_of(model) is product
        assert product.experimental_get_tracing_count() == 1

    def test_another_loss_counts_after_compiling_again(self):
        model = linear()
        before = lrlab.sharpness(model, X, Y)
        model.compile(
            "sgd", loss=lambda y_true, y_pred: 3 * keras.losses.mean_squared_error(y_true, y_pred)
        )
        assert lrlab.sharpness(model, X, Y) == pytest.approx(3 * before, rel=1e-3)

    def test_of_a_lost_model_is_nan_without_a_warning(self):
        model = linear()
        model.set_weights([np.full((3, 2), np.inf)])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isnan(lrlab.sharpness(model, X * np.nan, Y))

    def test_too_few_products_are_said(self):
        with pytest.warns(RuntimeWarning, match="after 2 products with the Hessian. Raise max_it"):
            lrlab.sharpness(tanh_net(), X, Y, max_iterations=2)

    def test_products_as_many_as_weights_are_exact(self):
        model = net(keras.layers.Dense(1, use_bias=False))
        expected = np.linalg.eigvalsh(2 / 30 * X.T @ X)[-1]
        found = lrlab.sharpness(model, X, Y[:, :1], tolerance=1e-12, max_iterations=3)
        assert found == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("loss", [0.0, np.nan])
    def test_of_a_loss_without_curvature_is_0_and_of_a_lost_one_nan(self, loss):
        """With more weights than those that are multiplied out one by one."""
        model = net(keras.layers.Dense(5), loss=lambda y_true, y_pred: loss * y_pred**2)
        found = lrlab.sharpness(model, X, np.zeros((30, 5)))
        assert found == pytest.approx(loss, nan_ok=True)

    @pytest.mark.parametrize(
        ("eigenvalues", "products"),
        [
            (np.r_[np.linspace(-9, 1, 50), 2], 25),
            (np.linspace(-1, 1, 500), 200),
            (np.linspace(-1, -0.1, 60), 100),
            (np.full(30, 3.0), 10),
        ],
        ids=["one far above", "evenly spread", "all negative", "all alike"],
    )
    def test_whatever_the_spectrum_the_error_is_known_and_products_are_few(
        self, eigenvalues, products
    ):
        asked = []

        def times(vector):
            asked.append(vector)
            return eigenvalues * vector

        found = _sharpness._largest_eigenvalue(times, len(eigenvalues), 1e-3, 100)
        value, error = found
        assert value == pytest.approx(eigenvalues.max(), abs=max(error, 1e-3))
        assert error < 0.01
        assert len(asked) <= products
        assert _sharpness._largest_eigenvalue(times, len(eigenvalues), 1e-3, 100) == found

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"tolerance": 0}, "`tolerance` must be .* Received: tolerance=0"),
            ({"tolerance": 1}, "`tolerance` must be"),
            ({"max_iterations": 0}, "max_iterations"),
        ],
    )
    def test_what_cannot_work_is_refused(self, arguments, words):
        with pytest.raises(ValueError, match=words):
            lrlab.sharpness(linear(), X, Y, **arguments)

    def test_a_model_or_data_that_cannot_work_are_refused(self):
        with pytest.raises(ValueError, match="must be compiled with a loss"):
            lrlab.sharpness(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), X, Y)
        with pytest.raises(ValueError, match="Received: 30 rows in x and 29 in y"):
            lrlab.sharpness(linear(), X, Y[1:])
        frozen = linear()
        frozen.trainable = False
        with pytest.raises(ValueError, match="must have weights to train"):
            lrlab.sharpness(frozen, X, Y)


class TestTrace:
    @pytest.mark.parametrize("fit", [keras.Model.fit, lrlab.fit], ids=["model.fit", "lrlab.fit"])
    def test_the_history_has_what_was_measured_last(self, fit):
        model, twin, expected = tanh_net(), tanh_net(), []
        twin.set_weights(model.get_weights())
        for epoch in range(5):
            twin.train_on_batch(X, Y)
            if epoch % 2 == 0:
                expected.append(lrlab.sharpness(twin, X, Y))
        trace = lrlab.SharpnessTrace(X, Y, every=2)
        history = fit(model, X, Y, batch_size=30, epochs=5, callbacks=[trace], verbose=0).history
        expected = [expected[epoch // 2] for epoch in range(5)]
        assert history["sharpness"] == pytest.approx(expected, rel=1e-4)

    def test_every_must_be_a_whole_number(self):
        with pytest.raises(ValueError, match="every"):
            lrlab.SharpnessTrace(X, Y, every=0)


@pytest.fixture(scope="module")
def experiment():
    return lrlab.Experiment(lambda: tanh_net_uncompiled(), (X, Y, X, Y), epochs=6, batch_size=30)


def tanh_net_uncompiled():
    hidden = keras.layers.Dense(4, activation="tanh")
    return keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(2)])


@pytest.fixture
def explorer(experiment):
    explorer = lrlab.SharpnessExplorer(experiment, every=2)
    explorer.wait(60)
    yield explorer
    explorer.stop()
    explorer.wait(60)


class TestExplorer:
    def test_a_low_rate_stays_below_the_limit(self, explorer):
        run = explorer.runs[-1]
        assert repr(explorer) == "SharpnessExplorer: 0.1 -> sharpness below 2/learning rate"
        assert explorer.intended(0.1).tolist() == [20.0] * 6
        assert explorer.curves(run).learning_rates.tolist() == run.history["sharpness"]
        assert explorer._picture.value.startswith(b"\x89PNG")
        assert explorer._picture.alt.endswith("2/learning rate is 20.")
        assert "The sharpness goes from" in explorer._picture.alt
        assert "sharpness <b>" in explorer._picture.words

    def test_a_movement_retrains_and_a_pin_stays(self, explorer):
        explorer.pin()
        first = explorer._picture.value
        explorer.learning_rate.value = 0.5
        run = explorer.wait(60)
        assert explorer.intended(run.schedule)[0] == 4
        assert explorer.pins[0][1] is not run
        assert explorer._picture.value != first
        assert "SGD(" in explorer.code
        assert "learning_rate=0.5" in explorer.code

    @pytest.mark.parametrize("rate", [0.1, 0.5])
    def test_the_code_is_plain_keras_that_gives_the_same_numbers(self, explorer, rate):
        explorer.learning_rate.value = rate
        run, printed = explorer.wait(60), io.StringIO()
        given = {"x_train": X, "y_train": Y, "x_val": X, "y_val": Y}
        with contextlib.redirect_stdout(printed):
            exec(explorer.code, {"build_model": tanh_net_uncompiled, **given})  # noqa: S102
        numbers = dict(re.findall(r"^(\w+): (\S+)$", printed.getvalue(), re.MULTILINE))
        for name in ("loss", "val_loss"):
            assert float(numbers[name]) == pytest.approx(run.final[name], abs=1e-4)

    def test_the_numbers_are_those_of_a_run_without_measurements(self, explorer, experiment):
        run = explorer.runs[-1]
        assert run.history["loss"] == pytest.approx(experiment.run(0.1).history["loss"], rel=1e-6)

    @pytest.mark.parametrize(
        ("trace", "rate", "expected"),
        [
            ([1.0, 1.2, 1.4, 1.4], 0.5, "below"),
            ([1.0, 9.9, 3.1, 4.9], 0.5, "near"),
            ([4.0, 4.0, 5.1, 5.1], 0.5, "above"),
            ([4.0, np.nan, np.nan, np.nan], 0.5, "lost, above"),
        ],
    )
    def test_the_last_quarter_says_where_it_is(self, trace, rate, expected):
        run = SimpleNamespace(history={"sharpness": trace}, schedule=rate)
        assert explorer_module.where(run) == expected

    def test_mini_batches_are_refused(self):
        small = lrlab.Experiment(tanh_net_uncompiled, (X, Y, X, Y), batch_size=10)
        with pytest.raises(ValueError, match=r"3 batches an epoch\. Give it batch_size=len"):
            lrlab.SharpnessExplorer(small)

    def test_what_is_no_experiment_is_refused(self):
        with pytest.raises(ValueError, match=r"takes a lrlab\.Experiment"):
            lrlab.SharpnessExplorer(None)


@pytest.mark.parametrize("module", [_sharpness, explorer_module])
def test_the_examples_run(module):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0
