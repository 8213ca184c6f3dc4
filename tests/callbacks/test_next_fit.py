"""What `next_fit` says is what the next `model.fit` then does."""

import doctest
import importlib

from lrlab.backend import keras

import numpy as np
import pytest

import lrlab

of_next_fit = importlib.import_module("lrlab.callbacks.next_fit")

ks, kc = keras.optimizers.schedules, keras.callbacks
X, Y = np.ones((12, 3), "float32"), np.ones((12, 1), "float32")  # 3 batches of 4


class First(kc.Callback):
    """Notes the epoch and the rates of the first update; the last of the callbacks."""

    def on_train_begin(self, logs=None):
        self.epoch = self.rates = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch if self.epoch is None else self.epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.rates is None:
            optimizer = self.model.optimizer
            inner = getattr(optimizer, "optimizers", [optimizer])
            self.rates = {one.name: float(one.learning_rate) for one in inner}


def model_with(optimizer):
    body, head = keras.layers.Dense(2, name="body"), keras.layers.Dense(1, name="head")
    model = keras.Sequential([keras.Input((3,)), body, head])
    model.compile(optimizer, "mse", run_eagerly=True)  # no time goes into tracing
    return model


def fit(model, callbacks=(), initial_epoch=0, epochs=2):
    first = First()
    model.fit(
        X,
        Y,
        batch_size=4,
        epochs=initial_epoch + epochs,
        initial_epoch=initial_epoch,
        callbacks=[*callbacks, first],
        verbose=0,
        shuffle=False,
    )
    return first


def two_rates():
    head = {"head.*kernel": keras.optimizers.Adam(0.02, name="head")}
    body = keras.optimizers.SGD(0.1, name="body")
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(body, head))


def halved():
    return kc.LearningRateScheduler(lambda epoch, rate: rate / 2)


def by_epoch():
    return kc.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))


def cut_at_once():
    return kc.ReduceLROnPlateau(monitor="loss", patience=1, factor=0.5, min_delta=1e9)


OPTIMIZERS = {
    "a number": lambda: keras.optimizers.SGD(0.1),
    "a schedule": lambda: keras.optimizers.Adam(ks.ExponentialDecay(0.1, 2, 0.5)),
    "a schedule at its end": lambda: keras.optimizers.SGD(ks.CosineDecay(0.1, 4, alpha=0.1)),
    "a function": lambda: keras.optimizers.SGD(lambda: 0.03),
    "scaled losses": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    "two": two_rates,
}
CALLBACKS = {
    "none": list,
    "one that halves": lambda: [halved()],
    "one by the epoch": lambda: [by_epoch()],
    "one that cuts": lambda: [cut_at_once()],
    "two": lambda: [by_epoch(), halved()],
    "those that leave the rate": lambda: [kc.EarlyStopping("loss"), lrlab.LearningRateLog()],
}
SCHEDULES = ["a schedule", "a schedule at its end", "a function"]


@pytest.mark.parametrize("callbacks", CALLBACKS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_first_rate_and_epoch_are_those_of_the_fit(optimizer, callbacks):
    initial_epoch = 2 if callbacks.startswith("one") else 0
    model, given = model_with(OPTIMIZERS[optimizer]()), CALLBACKS[callbacks]()
    fails = optimizer in SCHEDULES and callbacks.startswith(("one", "two"))
    fit(model, [] if fails else given)
    said = lrlab.next_fit(model, given, initial_epoch)
    assert said.epoch == initial_epoch
    if fails:
        assert "end the fit with an error" in repr(said)
        with pytest.raises((TypeError, AttributeError)):
            fit(model, given, initial_epoch)
        return
    first = fit(model, given, initial_epoch)
    rates = said.learning_rate if optimizer == "two" else {None: said.learning_rate}
    assert first.epoch == initial_epoch
    np.testing.assert_allclose(list(rates.values()), list(first.rates.values()), rtol=1e-5)
    if optimizer == "two":
        assert set(rates) == {"body", "head"} == set(first.rates)


class TestWords:
    def test_of_a_new_model(self):
        assert "It has made no update yet." in repr(lrlab.next_fit(model_with("sgd")))

    def test_of_averages_that_are_kept(self):
        model = model_with("adam")
        fit(model)
        words = repr(lrlab.next_fit(model))
        assert "6 updates, and keeps its averages of earlier gradients" in words
        model = model_with("sgd")
        fit(model)
        assert "6 updates. A new" in repr(lrlab.next_fit(model))

    def test_a_scheduler_that_starts_again_is_told_where_to_go_on(self):
        model = model_with("sgd")
        assert "initial_epoch" not in repr(lrlab.next_fit(model, [by_epoch()]))
        fit(model, [by_epoch()])
        said = lrlab.next_fit(model, [by_epoch()])
        assert "starts from the beginning. To go on, pass initial_epoch=2." in repr(said)
        assert said.learning_rate == 0.1
        assert lrlab.next_fit(model, [by_epoch()], 2).learning_rate == pytest.approx(0.1 / 3)

    def test_a_plateau_keeps_its_cuts_and_forgets_its_patience(self):
        model, cut = model_with(keras.optimizers.SGD(0.1)), cut_at_once()
        fit(model, [cut], epochs=3)
        said = lrlab.next_fit(model, [cut])
        assert said.learning_rate == pytest.approx(0.025) == float(model.optimizer.learning_rate)
        assert "forgets its best value and starts to wait from 0" in repr(said)

    def test_a_range_test_begins_at_its_lowest_rate(self):
        model, test = model_with("sgd"), lrlab.LearningRateRangeTest(1e-3, 1.0)
        fit(model)
        said = lrlab.next_fit(model, [test])
        assert said.learning_rate == 1e-3
        fit(model, [test])
        assert test.learning_rates[0] == pytest.approx(1e-3)

    def test_others_are_named(self):
        class Own(kc.Callback):
            pass

        lines = lrlab.next_fit(model_with("sgd"), [Own(), kc.LambdaCallback(), kc.CSVLogger("x")])
        assert [note for note in lines.notes if "may change" in note] == [
            "Own is not known here: it may change the rate.",
            "LambdaCallback is not known here: it may change the rate.",
        ]


class TestSaved:
    @pytest.mark.parametrize("optimizer", ["a number", "a schedule", "a schedule at its end"])
    def test_a_loaded_model_goes_on_as_it_would_have(self, optimizer, tmp_path):
        model = model_with(OPTIMIZERS[optimizer]())
        fit(model)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert lrlab.next_fit(loaded).learning_rate == lrlab.next_fit(model).learning_rate
        assert "6 updates" in repr(lrlab.next_fit(loaded))
        fit(loaded), fit(model)
        for ours, its in zip(loaded.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, its, rtol=1e-5)

    def test_weights_alone_keep_no_rate(self, tmp_path):
        model = model_with(OPTIMIZERS["a schedule"]())
        fit(model)
        other = model_with(OPTIMIZERS["a schedule"]())
        other.set_weights(model.get_weights())
        assert lrlab.next_fit(other).learning_rate == pytest.approx(0.1)

    def test_a_backup_says_where_it_starts(self, tmp_path):
        class Ends(kc.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    raise KeyboardInterrupt

        model, keep = model_with("sgd"), kc.BackupAndRestore(tmp_path / "backup")
        assert "finds no backup" in repr(lrlab.next_fit(model, [keep]))
        with pytest.raises(KeyboardInterrupt):
            fit(model, [keep, Ends()])
        said = lrlab.next_fit(model, [keep, by_epoch()])
        assert said.epoch == 2
        assert said.learning_rate is None
        assert fit(model, [keep, by_epoch()], epochs=4).epoch == 2
        again = lrlab.next_fit(model, [by_epoch()])
        assert again.epoch == 2 == fit(model, [by_epoch()], epochs=4).epoch
        assert "ignores `initial_epoch`" in repr(again)


def test_a_function_that_keras_refuses_is_refused_in_its_words():
    model, whole = model_with("sgd"), kc.LearningRateScheduler(lambda epoch: 1)
    for call in (lambda: fit(model, [whole]), lambda: lrlab.next_fit(model, [whole])):
        with pytest.raises(ValueError, match="output of the `schedule` function should be a float"):
            call()


@pytest.mark.parametrize("epoch", [-1, 1.5, "2", None])
def test_an_initial_epoch_is_a_whole_number(epoch):
    with pytest.raises(ValueError, match="`initial_epoch` must be"):
        lrlab.next_fit(model_with("sgd"), [], epoch)


def test_a_model_is_compiled():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must be compiled"):
        lrlab.next_fit(model)


def test_nothing_changes():
    model, asked = model_with("adam"), []
    fit(model)
    before = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    schedule = kc.LearningRateScheduler(lambda epoch: asked.append(epoch) or 0.5)
    lrlab.next_fit(model, [schedule, cut_at_once()], 3)
    after = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert asked == [3]


def test_its_example_runs():
    assert doctest.testmod(of_next_fit).failed == 0
