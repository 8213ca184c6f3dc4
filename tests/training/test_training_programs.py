"""What is compiled once stays right: retraining, recompiling, falling back, threads and memory."""

import copy
import functools
import gc
import threading
import weakref
from typing import Any

from lrlab.backend import keras, tf

import numpy as np
import pytest
from keras_twins import VALIDATION, X, Y, assert_close, counting_fits, mlp, seeded, train_both
from test_training_callbacks import acting, linear

import lrlab
from lrlab.training import program as _compiled
from lrlab.training.program import Program
from lrlab.training.state import State

optimizers = keras.optimizers


def program_of(model: keras.Model) -> Program:
    return vars(model)["_lrlab_program"]


@pytest.mark.parametrize("build", [linear, mlp])
def test_twenty_retrainings_at_other_rates_and_lengths_trace_once(build: Any) -> None:
    """Once in order, and once shuffled, which is another program."""
    model = build()
    for retraining in range(20):
        model.optimizer.learning_rate = 0.01 * (1 + retraining)
        lrlab.fit(model, X, Y, epochs=1 + retraining % 7, validation_data=VALIDATION, verbose=0)
        lrlab.fit(
            model,
            *(X, Y),
            epochs=1 + retraining % 7,
            validation_data=VALIDATION,
            verbose=0,
            shuffle=False,
        )
    assert program_of(model).traces == 2
    assert len(program_of(model)._known) == 2  # asked for once, called twenty times


@pytest.mark.parametrize("samples", [len(X), len(X) - 7])  # the last batch smaller, and not
@pytest.mark.parametrize("batches", [False, True])
def test_a_shuffled_fit_takes_each_epoch_in_the_order_that_numpy_draws(
    samples: int, batches: bool
) -> None:
    x, y = X[:samples], Y[:samples]
    settings = {"batch_size": 8, "verbose": 0, "validation_data": VALIDATION}
    ours, plain = seeded(mlp), seeded(mlp)
    np.random.seed(3)  # noqa: NPY002 - the generator that `keras.utils.set_random_seed` seeds
    callbacks = [
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    ] * batches
    history = lrlab.fit(ours, x, y, epochs=6, callbacks=callbacks, **settings).history
    np.random.seed(3)  # noqa: NPY002
    losses = []
    for _ in range(6):
        order = np.random.permutation(samples)  # noqa: NPY002
        fitted = plain.fit(x[order], y[order], shuffle=False, **settings)
        losses += fitted.history["loss"]
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    for one, other in zip(ours.get_weights(), plain.get_weights(), strict=True):
        assert_close(one, other)


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        ({"shuffle": False, "verbose": 0}, 1),
        ({"verbose": 0}, 1),
        ({"verbose": 1}, 12),  # an epoch each, for the lines
        ({"callbacks": [keras.callbacks.EarlyStopping(patience=99)], "verbose": 0}, 12),
    ],
)
def test_a_warm_fit_of_a_small_model_takes_few_calls(
    arguments: dict[str, Any], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_compiled, "SECONDS_A_CALL", 60.0)
    model = mlp()
    made = []

    def counting(name: str) -> Any:
        call = getattr(program, name)
        return lambda *a, **k: made.append(name) or call(*a, **k)

    def fit(epochs: int) -> None:
        lrlab.fit(model, X, Y, epochs=epochs, validation_data=VALIDATION, **arguments)

    fit(1)  # compiles
    fit(1)  # is timed
    program = program_of(model)
    for name in ("epochs", "train", "evaluate", "train_batch"):
        setattr(program, name, counting(name))
    fit(12)
    assert made == ["epochs"] * calls


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_a_step_is_traced_once_though_the_last_batch_is_smaller(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[str] = []

    def count(step: Any) -> Any:
        @functools.wraps(step)
        def counting(model: keras.Model, data: Any) -> Any:
            traced.append(step.__name__)
            return step(model, data)

        return counting

    for name in ("train_step", "test_step"):
        monkeypatch.setattr(keras.Model, name, count(getattr(keras.Model, name)))
    model = mlp()
    model.compile(optimizer, model.loss, metrics=["accuracy"])
    data, validation = (X[:20], Y[:20]), (X[:7], Y[:7])
    lrlab.fit(model, *data, batch_size=6, epochs=3, validation_data=validation, verbose=0)
    assert sorted(traced) == ["test_step", "train_step"]


def test_a_run_longer_than_one_call_is_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compiled, "EPOCHS_A_CALL", 3)
    twins = train_both(linear, epochs=10, validation_data=VALIDATION)
    assert program_of(twins.ours).traces == 1


def test_a_retraining_from_a_restored_state_repeats_itself() -> None:
    model = mlp("adam")
    lrlab.fit(model, X, Y, epochs=1, verbose=0, shuffle=False)
    state = State(model)
    start = state.take()
    histories = []
    for _ in range(2):
        state.put_back(start)
        histories.append(lrlab.fit(model, X, Y, epochs=3, verbose=0, shuffle=False).history)
    assert histories[0] == histories[1]


# --- compiling anew -------------------------------------------------------------------------------


def test_fit_equals_model_fit_after_compiling_anew() -> None:
    rate = iter([0.5, 0.5])

    def compile_anew(model: keras.Model) -> None:
        model.compile(
            optimizers.Adam(next(rate)), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )

    train_both(linear, between=compile_anew, times=2)


def test_fit_equals_model_fit_after_compiling_anew_many_times() -> None:
    # A new object may get the id of one that is gone.
    plain, ours = seeded(linear), seeded(linear)
    for momentum in np.linspace(0, 0.9, 4):
        for train, model in ((type(plain).fit, plain), (lrlab.fit, ours)):
            model.compile(optimizers.SGD(0.1, momentum=float(momentum)), "mse")
            gc.collect()
            target = np.eye(3, dtype="float32")[Y]
            train(model, X, target, verbose=0, shuffle=False)
        assert_close(ours.get_weights()[0], plain.get_weights()[0])


def test_another_optimizer_or_schedule_takes_effect_without_compiling() -> None:
    # model.fit goes on with the old one, which it has traced; a model compiled so is the measure.
    def trained(change: Any) -> Any:
        model = seeded(linear)
        if change is not None:
            lrlab.fit(model, X, Y, verbose=0, shuffle=False, epochs=0)
            change(model)
        return lrlab.fit(model, X, Y, verbose=0, shuffle=False, epochs=2).history["loss"]

    def expected(optimizer: Any) -> Any:
        model = seeded(lambda: linear(optimizer))
        return model.fit(X, Y, verbose=0, shuffle=False, epochs=2).history["loss"]

    def schedule() -> Any:
        return optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)

    assert_close(
        trained(lambda model: setattr(model, "optimizer", optimizers.Adam(0.1))),
        expected(optimizers.Adam(0.1)),
    )
    assert_close(
        trained(lambda model: setattr(model.optimizer, "learning_rate", schedule())),
        expected(optimizers.SGD(schedule())),
    )


@pytest.mark.parametrize("compiles", [False, True])
def test_fit_equals_model_fit_after_freezing_a_layer(compiles: bool) -> None:
    def freeze(model: keras.Model) -> None:
        model.layers[0].trainable = False
        if compiles:
            model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])

    twins = train_both(mlp, between=freeze, times=2)
    start = seeded(mlp).get_weights()[0]
    assert (twins.ours.get_weights()[0] != start).any()


def test_fit_equals_model_fit_after_other_data() -> None:
    def shorter(model: keras.Model) -> None:
        train = type(model).fit if "_lrlab_program" not in vars(model) else lrlab.fit
        train(model, X[:40], Y[:40], batch_size=9, verbose=0, shuffle=False)

    train_both(linear, between=shorter, times=2, validation_data=VALIDATION)


# --- XLA refuses ----------------------------------------------------------------------------------


def unlucky_loss(y_true: Any, y_pred: Any) -> Any:
    """Uses an operation that XLA does not know."""
    difference = tf.cast(y_true[:, None], "float32") - y_pred
    size = tf.numpy_function(np.abs, [difference], tf.float32)
    return tf.reduce_mean(tf.stop_gradient(size)[:, :1] + difference**2)


@pytest.mark.parametrize("watch", [False, True])
def test_a_model_that_xla_refuses_is_trained_once(
    watch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> keras.Model:
        model = linear()
        model.compile("adam", unlucky_loss)
        return model

    callbacks = [keras.callbacks.TerminateOnNaN()] if watch else []
    monkeypatch.setattr(_compiled, "uses_xla", lambda model: True)
    twins = train_both(build, callbacks=lambda name: callbacks, validation_data=VALIDATION)
    assert not program_of(twins.ours).xla


# --- threads, exceptions and memory ---------------------------------------------------------------


def test_another_thread_stops_a_fit_that_has_no_callbacks() -> None:
    model = linear()
    lrlab.fit(model, X, Y, verbose=0, shuffle=False)
    stop = threading.Timer(0.5, lambda: setattr(model, "stop_training", True))
    stop.start()
    history = lrlab.fit(model, X, Y, epochs=1_000_000, verbose=0, shuffle=False)
    assert 0 < len(history.epoch) < 1_000_000
    # What was trained is what the history says: 75 samples are 3 batches an epoch.
    assert int(model.optimizer.iterations) == 3 * (1 + len(history.epoch))


def test_fit_equals_model_fit_in_two_threads_at_once() -> None:
    builds = (linear, lambda: linear("adam"))
    expected = [
        seeded(build).fit(X, Y, epochs=5, verbose=0, shuffle=False).history for build in builds
    ]
    models = [seeded(build) for build in builds]
    got: dict[int, Any] = {}

    def train(index: int) -> None:
        got[index] = lrlab.fit(models[index], X, Y, epochs=5, verbose=0, shuffle=False).history

    threads = [threading.Thread(target=train, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(2):
        assert got[index].keys() == expected[index].keys()
        for name, values in expected[index].items():
            assert_close(got[index][name], values, name)


def test_a_fit_after_an_interrupted_one_is_right() -> None:
    def interrupt(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    def interrupted(model: keras.Model) -> None:
        train = type(model).fit if "_lrlab_program" not in vars(model) else lrlab.fit
        with pytest.raises(KeyboardInterrupt):
            train(
                model,
                *(X, Y),
                epochs=5,
                verbose=0,
                shuffle=False,
                callbacks=[acting(on_epoch_end=interrupt)],
            )

    train_both(linear, between=interrupted, times=2)


def test_a_trained_model_can_be_copied_and_goes_when_nobody_holds_it() -> None:
    model = linear()
    lrlab.fit(model, X, Y, verbose=0)
    twin = copy.deepcopy(model)
    assert_close(twin.get_weights()[0], model.get_weights()[0])
    assert keras.models.clone_model(model).count_params() == model.count_params()
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_the_fast_path_never_calls_model_fit() -> None:
    with counting_fits() as fits:
        lrlab.fit(linear(), X, Y, verbose=0)
    assert fits.call_count == 0
