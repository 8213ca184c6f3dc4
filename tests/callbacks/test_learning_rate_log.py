"""The rate of every step: against what plain Keras is known to use."""

import csv
import doctest
import importlib

from lrlab.backend import keras

import numpy as np
import pytest

import lrlab

of_log = importlib.import_module("lrlab.callbacks.learning_rate_log")

ks, kc = keras.optimizers.schedules, keras.callbacks
X, Y = np.ones((20, 3), "float32"), np.ones((20, 1), "float32")
EPOCHS, STEPS = 3, 5  # batches of 4
COUNTS = np.arange(EPOCHS * STEPS)


class WarmUp(kc.Callback):
    """A callback of one's own that sets the rate a batch, and tells nobody."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.01 * (int(self.model.optimizer.iterations) + 1)


# The rate, callbacks, and the rate of each step.
CASES = {
    "a number": (0.1, [], np.full(15, 0.1)),
    "a schedule": (ks.ExponentialDecay(0.1, 2, 0.5), [], 0.1 * 0.5 ** (COUNTS / 2)),
    "stairs": (ks.PiecewiseConstantDecay([6], [0.2, 0.1]), [], np.where(COUNTS <= 6, 0.2, 0.1)),
    "a scheduler": (0.1, [kc.LearningRateScheduler(lambda e: 1 / (1 + e))], 1 / (1 + COUNTS // 5)),
    "one's own": (0.1, [WarmUp()], 0.01 * (COUNTS + 1)),
}


def fit(rate, callbacks, train=keras.Model.fit, wrap=lambda o: o, **compiled):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(wrap(keras.optimizers.SGD(rate)), "mse", **compiled)
    data = {"batch_size": 4, "epochs": EPOCHS, "verbose": 0}
    return train(model, X, Y, callbacks=callbacks, **data).history


@pytest.mark.parametrize("train", [keras.Model.fit, lrlab.fit])
@pytest.mark.parametrize("case", CASES)
def test_every_rate_reaches_the_array_the_history_and_a_csv(case, train, tmp_path):
    rate, callbacks, expected = CASES[case]
    log, path = lrlab.LearningRateLog(), tmp_path / "log.csv"
    history = fit(rate, [*callbacks, log, kc.CSVLogger(path)], train)
    np.testing.assert_allclose(log.learning_rates, expected, rtol=1e-5)
    last = expected[STEPS - 1 :: STEPS]
    np.testing.assert_allclose(history["learning_rate"], last, rtol=1e-5)
    with path.open() as file:
        rows = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(rows, last, rtol=1e-5)


def test_tensorboard_has_the_rate_of_each_step(tmp_path, monkeypatch):
    """With what TensorFlow writes replaced: the package tensorboard need not be there."""
    written = []
    rate, callbacks, expected = CASES["a schedule"]
    board = kc.TensorBoard(tmp_path, update_freq="batch", write_graph=False)
    monkeypatch.setattr(board.summary, "scalar", lambda *what, step: written.append((*what, step)))
    fit(rate, [*callbacks, lrlab.LearningRateLog(), board])
    rates = {step: value for name, value, step in written if name == "batch_learning_rate"}
    assert list(rates) == list(range(1, EPOCHS * STEPS + 1))
    np.testing.assert_allclose(list(rates.values()), expected, rtol=1e-5)


@pytest.mark.parametrize("case", ["a number", "a schedule", "stairs", "a scheduler"])
def test_several_steps_an_execution(case):
    rate, callbacks, expected = CASES[case]
    log = lrlab.LearningRateLog()
    fit(rate, [*callbacks, log], steps_per_execution=2)  # 2, 2 and 1 an epoch
    np.testing.assert_allclose(log.learning_rates, expected, rtol=1e-5)


def test_under_loss_scaling_the_rate_is_the_inner_optimizers():
    rate, _, expected = CASES["a schedule"]
    log = lrlab.LearningRateLog()
    fit(rate, [log], wrap=lambda o: keras.optimizers.LossScaleOptimizer(o, 2.0))
    np.testing.assert_allclose(log.learning_rates, expected, rtol=1e-5)


def test_several_optimizers_have_a_column_each():
    def wrap(body):
        body.name = "body"
        head = keras.optimizers.Adam(0.02, name="head")
        known = {".*bias": head}
        return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(body, known))

    log = lrlab.LearningRateLog()
    history = fit(ks.ExponentialDecay(0.1, 2, 0.5), [log], wrap=wrap)
    assert log.learning_rates.shape == (15, 2)
    np.testing.assert_allclose(history["learning_rate_head"], [0.02] * 3, rtol=1e-5)
    expected = CASES["a schedule"][2]
    np.testing.assert_allclose(history["learning_rate_body"], expected[4::5], rtol=1e-5)


def test_in_an_experiment_it_is_what_the_run_says():
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.linear(digits), digits, epochs=2)
    log = lrlab.LearningRateLog()
    run = experiment.run(ks.CosineDecay(0.1, 90), callbacks=[log])
    np.testing.assert_allclose(log.learning_rates, run.learning_rates, rtol=1e-6)


def test_a_second_fit_starts_a_new_log():
    log = lrlab.LearningRateLog()
    assert log.learning_rates.shape == (0,)
    fit(0.1, [log])
    fit(0.2, [log])
    np.testing.assert_allclose(log.learning_rates, np.full(15, 0.2))


def test_its_example_runs():
    assert doctest.testmod(of_log).failed == 0
