"""Callbacks under `lrlab.fit` see and do what they see and do under `keras.Model.fit`."""

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lrlab.backend import keras, tf

import numpy as np
import pytest
from keras_twins import (
    VALIDATION,
    X,
    Y,
    assert_close,
    assert_same_variables,
    mlp,
    seeded,
    train_both,
)

import lrlab
from lrlab.training.session import CallbackNeeds

optimizers = keras.optimizers
HOOKS = [f"on_{kind}_{end}" for kind in ("train", "epoch", "test") for end in ("begin", "end")] + [
    f"on_{kind}batch_{end}" for kind in ("", "train_", "test_") for end in ("begin", "end")
]


def linear(optimizer: Any = "sgd", **compiling: Any) -> keras.Model:
    """A model that XLA does not serve, so that it compiles quickly."""
    outputs = keras.layers.Dense(3, activation="softmax", name="only")
    model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Identity(), outputs])
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], **compiling)
    return model


def acting(**hooks: Callable[..., None]) -> keras.callbacks.Callback:
    """A callback that has these hooks and, unlike a LambdaCallback, no others."""
    return type("Acting", (keras.callbacks.Callback,), hooks)()


# --- callbacks that set the rate ------------------------------------------------------------------


@pytest.mark.parametrize("build", [linear, mlp])
@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.5 / (1 + epoch), lambda epoch, rate: rate * 0.5]
)
def test_learning_rate_scheduler(build: Any, schedule: Any) -> None:
    train_both(
        build,
        validation_data=VALIDATION,
        callbacks=lambda name: [keras.callbacks.LearningRateScheduler(schedule)],
    )


def test_reduce_lr_on_plateau() -> None:
    def callbacks(name: str) -> list[Any]:
        return [
            keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.3, patience=1, min_delta=1.0)
        ]

    twins = train_both(linear, epochs=8, callbacks=callbacks)
    assert len(set(twins.our_history.history["learning_rate"])) > 2


# --- callbacks that stop --------------------------------------------------------------------------


def test_early_stopping_restores_the_best_weights() -> None:
    def callbacks(name: str) -> list[Any]:
        return [keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)]

    worse = (VALIDATION[0], (VALIDATION[1] + 1) % 3)
    twins = train_both(linear, epochs=9, validation_data=worse, callbacks=callbacks)
    assert len(twins.our_history.epoch) < 9


@pytest.mark.parametrize("grain", ["an epoch", "pieces", "batches"])
@pytest.mark.parametrize("build", [linear, mlp])
def test_terminate_on_nan_stops_at_the_same_batch(build: Any, grain: str, capsys: Any) -> None:
    x, y, weights = np.tile(X, (4, 1)), np.tile(Y, 4), np.ones(4 * len(X))
    weights[200] = np.inf

    def callbacks(name: str) -> list[Any]:
        others = [acting(on_train_batch_end=lambda self, batch, logs=None: None)]
        return [keras.callbacks.TerminateOnNaN(), *(others if grain == "batches" else [])]

    twins = train_both(
        build,
        x,
        y,
        sample_weight=weights,
        callbacks=callbacks,
        validation_data=VALIDATION,
        verbose=1 if grain == "pieces" else 0,
    )
    assert twins.our_history.epoch == [0]
    assert int(twins.ours.optimizer.iterations) == 13
    assert capsys.readouterr().out.count("Batch 12: Invalid loss, terminating training") == 2


@pytest.mark.parametrize("callbacks", [[], [keras.callbacks.TerminateOnNaN()]])
def test_a_nan_that_relu_hides_from_keras_stays_hidden(callbacks: list[Any]) -> None:
    x = X.copy()
    x[40] = np.inf
    train_both(mlp, x, validation_data=VALIDATION, callbacks=lambda name: callbacks)


def test_terminate_on_nan_raises_at_the_same_batch() -> None:
    plain, ours = seeded(linear), seeded(linear)
    x = X.copy()
    x[40] = np.nan
    message = []
    for train, model in ((type(plain).fit, plain), (lrlab.fit, ours)):
        watch = keras.callbacks.TerminateOnNaN(raise_error=True)
        with pytest.raises(RuntimeError, match="at batch 2") as caught:
            train(model, x, Y, batch_size=16, verbose=0, shuffle=False, callbacks=[watch])
        message.append(str(caught.value))
    assert message[0] == message[1]
    assert int(ours.optimizer.iterations) == int(plain.optimizer.iterations) == 3


STOPS = [("on_train_begin", None)]
STOPS += [(f"on_epoch_{end}", 1) for end in ("begin", "end")]
STOPS += [(f"on_{kind}batch_{end}", 2) for kind in ("train_", "") for end in ("begin", "end")]
STOPS += [(f"on_test_{end}", None) for end in ("begin", "end", "batch_end")]


@pytest.mark.parametrize(("hook", "index"), STOPS)
@pytest.mark.parametrize("replay", [False, True], ids=["", "watching for NaN"])
def test_a_callback_stops_training_anywhere(hook: str, index: int | None, replay: bool) -> None:
    def stop(self: Any, *given: Any, **logs: Any) -> None:
        if index is None or given[0] == index:
            self.model.stop_training = True

    def callbacks(name: str) -> list[Any]:
        return [acting(**{hook: stop}), *([keras.callbacks.TerminateOnNaN()] if replay else [])]

    train_both(linear, validation_data=VALIDATION, callbacks=callbacks)


def test_a_callback_stops_validation_at_a_batch() -> None:
    def stop(self: Any, batch: int, logs: Any = None) -> None:
        self.model.stop_evaluating = True

    train_both(
        linear,
        validation_data=VALIDATION,
        validation_batch_size=5,
        callbacks=lambda name: [acting(on_test_batch_end=stop)],
    )


# --- callbacks that look --------------------------------------------------------------------------


def recorder(log: list[Any], hooks: list[str]) -> keras.callbacks.Callback:
    def recording(hook: str) -> Callable[..., None]:
        def record(self: Any, *given: Any, logs: Any = None) -> None:
            if hook.startswith(("on_train_begin", "on_train_end", "on_test_begin", "on_test_end")):
                given, logs = (), given[0] if given else logs
            elif len(given) == 2:
                given, logs = given[:1], given[1]
            log.append((hook, *given, dict(logs or {}), int(self.model.optimizer.iterations)))

        return record

    # The hooks on_train_batch_* call on_batch_*, which must go on happening.
    return acting(**{hook: recording(hook) for hook in hooks})


WITHOUT_TRAIN_BATCHES = [hook for hook in HOOKS if not hook.startswith("on_train_batch")]
WITHOUT_BATCHES = [hook for hook in HOOKS if "batch" not in hook]
EPOCHS_ONLY = [hook for hook in HOOKS if "epoch" in hook]


@pytest.mark.parametrize("replay", [False, True], ids=["", "watching for NaN"])
@pytest.mark.parametrize(
    "hooks",
    [
        HOOKS,
        WITHOUT_TRAIN_BATCHES,
        WITHOUT_BATCHES,
        EPOCHS_ONLY,
        *([hook] for hook in ("on_epoch_end", "on_test_begin", "on_test_end", "on_test_batch_end")),
    ],
)
def test_every_hook_is_called_in_the_same_order_with_the_same_logs(
    hooks: list[str], replay: bool
) -> None:
    logs: dict[str, list[Any]] = {"plain": [], "ours": []}

    def callbacks(name: str) -> list[Any]:
        watch = [keras.callbacks.TerminateOnNaN()] if replay else []
        return [recorder(logs[name], hooks), *watch]

    # Built before, for Keras counts no iterations before the first step has built the optimizer.
    def build() -> keras.Model:
        model = linear()
        model.optimizer.build(model.trainable_variables)
        return model

    train_both(
        build,
        validation_data=VALIDATION,
        validation_freq=2 if replay else 1,
        initial_epoch=1,
        callbacks=callbacks,
    )
    assert len(logs["ours"]) == len(logs["plain"])
    for ours, plain in zip(logs["ours"], logs["plain"], strict=True):
        *our_call, our_logs, our_iterations = ours
        *call, plain_logs, iterations = plain
        assert (our_call, list(our_logs), our_iterations) == (call, list(plain_logs), iterations)
        assert_close(list(our_logs.values()), list(plain_logs.values()), str(call))


def test_lambda_callback_with_a_batch_hook_sees_every_batch() -> None:
    seen: dict[str, list[int]] = {"plain": [], "ours": []}

    def callbacks(name: str) -> list[Any]:
        see = seen[name].append
        return [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: see(batch))]

    train_both(linear, callbacks=callbacks)
    assert seen["ours"] == seen["plain"] == [0, 1, 2, 3, 4] * 3


def test_a_callback_may_evaluate_and_predict_wherever_it_likes() -> None:
    def evaluate(self: Any, *given: Any, **logs: Any) -> None:
        self.model.evaluate(*VALIDATION, verbose=0)
        self.model.predict(X, verbose=0)

    # As an epoch begins, this leaves its mark on the metrics of the epoch, in Keras too.
    for hook in ("on_epoch_begin", "on_epoch_end"):
        train_both(linear, callbacks=lambda name, hook=hook: [acting(**{hook: evaluate})])


def test_a_callback_may_set_weights_and_rate() -> None:
    def shrink(self: Any, epoch: int, logs: Any = None) -> None:
        self.model.set_weights([0.5 * weight for weight in self.model.get_weights()])
        self.model.optimizer.learning_rate = 0.1 / (1 + epoch)

    for hook in ("on_epoch_begin", "on_epoch_end"):
        train_both(linear, callbacks=lambda name, hook=hook: [acting(**{hook: shrink})])


def test_a_callback_list_of_ones_own_is_taken_as_it_is() -> None:
    plain, ours = seeded(linear), seeded(linear)
    for train, model in ((type(plain).fit, plain), (lrlab.fit, ours)):
        callbacks = keras.callbacks.CallbackList([], add_history=True, model=model, epochs=2)
        train(model, X, Y, epochs=2, shuffle=False, callbacks=callbacks)
    assert_same_variables(ours, plain)


def test_an_exception_in_a_callback_reaches_the_caller() -> None:
    def fail(self: Any, *given: Any, **logs: Any) -> None:
        raise KeyboardInterrupt

    for hook in ("on_epoch_begin", "on_train_batch_end", "on_test_end", "on_train_end"):
        plain, ours = seeded(linear), seeded(linear)
        for train, model in ((type(plain).fit, plain), (lrlab.fit, ours)):
            with pytest.raises(KeyboardInterrupt):
                train(
                    model,
                    *(X, Y),
                    validation_data=VALIDATION,
                    verbose=0,
                    shuffle=False,
                    callbacks=[acting(**{hook: fail})],
                )
        assert_close(ours.get_weights()[0], plain.get_weights()[0], hook)


# --- callbacks that write -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "options"),
    [
        ("{epoch}-{val_loss:.4f}.keras", {}),
        ("{epoch}.weights.h5", {"save_weights_only": True, "save_best_only": True}),
        ("{epoch}-{batch}.weights.h5", {"save_weights_only": True, "save_freq": 3}),
    ],
)
def test_model_checkpoint_writes_the_same_files(
    tmp_path: Path, pattern: str, options: dict[str, Any]
) -> None:
    def callbacks(name: str) -> list[Any]:
        return [keras.callbacks.ModelCheckpoint(tmp_path / name / pattern, **options)]

    train_both(lambda: linear("adam"), validation_data=VALIDATION, callbacks=callbacks)
    files = sorted(path.name for path in (tmp_path / "ours").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "plain").iterdir())
    assert files
    for file in files:
        ours, plain = linear("adam"), linear("adam")
        if file.endswith(".keras"):
            ours, plain = (keras.models.load_model(tmp_path / n / file) for n in ("ours", "plain"))
        else:
            for model, name in ((ours, "ours"), (plain, "plain")):
                model.optimizer.build(model.trainable_variables)
                model.load_weights(tmp_path / name / file)
        assert_same_variables(ours, plain)


def test_csv_logger_writes_the_same_lines(tmp_path: Path) -> None:
    def callbacks(name: str) -> list[Any]:
        return [
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
            keras.callbacks.CSVLogger(tmp_path / name),
        ]

    train_both(linear, validation_data=VALIDATION, validation_freq=2, callbacks=callbacks)
    assert (tmp_path / "ours").read_text() == (tmp_path / "plain").read_text()


@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_backup_and_restore_resumes_where_it_was_interrupted(
    tmp_path: Path, save_freq: str | int
) -> None:
    plain, ours = seeded(lambda: linear("adam")), seeded(lambda: linear("adam"))
    epochs = []
    for train, model in ((type(plain).fit, plain), (lrlab.fit, ours)):

        def interrupt(self: Any, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise InterruptedError

        backup = tmp_path / str(id(model))
        for callbacks in ([acting(on_epoch_end=interrupt)], []):
            keep = keras.callbacks.BackupAndRestore(backup, save_freq=save_freq)
            with contextlib.suppress(InterruptedError):
                history = train(
                    model,
                    *(X, Y),
                    batch_size=16,
                    epochs=5,
                    verbose=0,
                    shuffle=False,
                    callbacks=[*callbacks, keep],
                )
        epochs.append(history.epoch)
        assert not backup.exists()
    assert epochs[0] == epochs[1]
    assert epochs[1][0] == 2
    assert_same_variables(ours, plain)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("validation_data", [None, VALIDATION])
def test_swap_ema_weights(swap_on_epoch: bool, validation_data: Any) -> None:
    train_both(
        lambda: linear(optimizers.SGD(0.3, use_ema=True, ema_momentum=0.8)),
        validation_data=validation_data,
        callbacks=lambda name: [keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)],
    )


@pytest.mark.parametrize("update_freq", ["epoch", "batch", 3])
def test_tensorboard_writes_the_same_scalars(tmp_path: Path, update_freq: Any) -> None:
    # The package tensorboard, which tf.summary.scalar would hand on to, need not be installed.
    written: dict[str, list[Any]] = {"plain": [], "ours": []}

    class Summary:
        def __init__(self, calls: list[Any]) -> None:
            self.calls = calls

        def scalar(self, name: str, data: Any, step: Any = None) -> None:
            if tf.summary.should_record_summaries():
                self.calls.append((name, int(step), float(data)))

        def __getattr__(self, name: str) -> Any:
            return getattr(tf.summary, name)

    def callbacks(name: str) -> list[Any]:
        callback = keras.callbacks.TensorBoard(tmp_path / name, update_freq=update_freq)
        callback._summary_module = Summary(written[name])
        return [callback]

    train_both(linear, validation_data=VALIDATION, callbacks=callbacks)
    ours, plain = written["ours"], written["plain"]
    assert [call[:2] for call in ours] == [call[:2] for call in plain]
    assert_close([call[2] for call in ours], [call[2] for call in plain])
    assert ("epoch_loss", 2) in [call[:2] for call in ours]


class Server:
    def __init__(self) -> None:
        self.received: list[Any] = []

    def post(self, url: str, json: Any = None, **others: Any) -> None:
        self.received.append(json)


def test_remote_monitor_sends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {"plain": Server(), "ours": Server()}

    def callbacks(name: str) -> list[Any]:
        module = "keras.src.callbacks.remote_monitor.requests"
        monkeypatch.setattr(module, servers[name], raising=False)
        return [keras.callbacks.RemoteMonitor(send_as_json=True)]

    train_both(linear, callbacks=callbacks)
    ours, plain = servers["ours"].received, servers["plain"].received
    assert json.dumps(ours) == json.dumps(plain)
    assert len(ours) == 3


# --- what is printed ------------------------------------------------------------------------------


def shown(text: str) -> list[str]:
    """The lines as they stand in the end, without colours and timings."""
    text = re.sub(r"\x1b\[\d+m|\x08", "", text)
    lines = [line.split("\r")[-1].rstrip() for line in text.split("\n")]
    return [re.sub(r"\b\d+(s|ms|us)(/step|/epoch)?", "TIME", line) for line in lines]


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_the_same_lines_are_printed(verbose: Any, epochs: int, capsys: Any) -> None:
    printed = {}

    def callbacks(name: str) -> list[Any]:
        printed["plain"] = printed.get("plain", "") + capsys.readouterr().out
        return [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch), verbose=1)]

    train_both(
        linear, validation_data=VALIDATION, epochs=epochs, verbose=verbose, callbacks=callbacks
    )
    ours = shown(capsys.readouterr().out)
    assert ours == shown(printed["plain"])
    assert len([line for line in ours if line.startswith("5/5")]) == (epochs if verbose else 0)


def test_a_long_epoch_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        keras.callbacks.ProgbarLogger,
        "on_train_batch_end",
        lambda self, batch, logs=None: seen.append(batch),
    )
    lrlab.fit(linear(), X, Y, batch_size=2, epochs=1, verbose=1)
    assert seen == sorted(set(seen))
    assert len(seen) > 1
    assert seen[-1] == 37


def test_a_progress_bar_of_ones_own_sees_every_batch() -> None:
    seen: list[int] = []

    class Bar(keras.callbacks.ProgbarLogger):
        pass

    bar = Bar()
    bar.on_train_batch_end = lambda batch, logs=None: seen.append(batch)
    lrlab.fit(linear(), X, Y, batch_size=2, epochs=1, verbose=1, callbacks=[bar])
    assert seen == list(range(38))


@pytest.mark.parametrize(("profile_batch", "sees"), [(0, False), (2, True), ((2, 3), True)])
def test_tensorboard_sees_batches_only_where_it_profiles_them(
    profile_batch: Any, sees: bool
) -> None:
    callback = keras.callbacks.TensorBoard(profile_batch=profile_batch)
    assert CallbackNeeds([callback]).train_batches is sees
