"""What a callback may still set before Keras traces its step, and what it must not do at all."""

from typing import Any

from lrlab.backend import keras

import numpy as np
import pytest
from keras_twins import VALIDATION, X, Y, train_both
from test_training_callbacks import acting, linear

import lrlab

optimizers = keras.optimizers
BEFORE_THE_FIRST_STEP = ["on_train_begin", "on_epoch_begin", "on_train_batch_begin"]


def sets(hook: str, setting: Any) -> keras.callbacks.Callback:
    """A callback that calls a setting with its model, in a hook's first call."""

    def act(self: Any, index: Any = None, logs: Any = None) -> None:
        if not isinstance(index, int) or index == 0:  # of the epochs or batches, the first
            setting(self.model)

    return acting(**{hook: act})


def set_momentum(model: keras.Model) -> None:
    model.optimizer.momentum = 0.9


def set_schedule(model: keras.Model) -> None:
    model.optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.5, 3, 0.5)


def set_optimizer(model: keras.Model) -> None:
    model.optimizer = optimizers.Adam(0.05)


@pytest.mark.parametrize("hook", BEFORE_THE_FIRST_STEP)
def test_a_momentum_set_before_the_first_step_counts(hook: str) -> None:
    twins = train_both(linear, callbacks=lambda name: [sets(hook, set_momentum)])
    without = train_both(linear)
    assert twins.our_history.history["loss"] != without.our_history.history["loss"]


@pytest.mark.parametrize("setting", [set_schedule, set_optimizer])
def test_so_does_a_schedule_or_another_optimizer(setting: Any) -> None:
    train_both(linear, callbacks=lambda name: [sets("on_train_begin", setting)])


def test_a_momentum_set_later_is_ignored_as_in_keras() -> None:
    without = train_both(linear).our_history.history["loss"]
    twins = train_both(linear, callbacks=lambda name: [sets("on_epoch_end", set_momentum)])
    assert twins.our_history.history["loss"] == without


@pytest.mark.parametrize("hook", BEFORE_THE_FIRST_STEP)
def test_a_momentum_set_in_a_second_fit_is_ignored_as_in_keras(hook: str) -> None:
    calls: dict[str, int] = {"plain": 0, "ours": 0}

    def callbacks(name: str) -> list[Any]:
        calls[name] += 1
        return [sets(hook, set_momentum)] if calls[name] == 2 else []

    train_both(linear, times=2, callbacks=callbacks)
    assert calls == {"plain": 2, "ours": 2}


def compile_anew(model: keras.Model) -> None:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])


@pytest.mark.parametrize(
    "hook", [*BEFORE_THE_FIRST_STEP, "on_train_batch_end", "on_test_begin", "on_epoch_end"]
)
def test_compile_in_a_callback_is_refused_where_keras_fails(hook: str) -> None:
    arguments = {"epochs": 2, "verbose": 0, "validation_data": VALIDATION}
    with pytest.raises(TypeError, match="not callable"):
        linear().fit(X, Y, callbacks=[sets(hook, compile_anew)], **arguments)
    model = linear()
    with pytest.raises(ValueError, match=r"must not be compiled.*Received: a callback.*`compile`"):
        lrlab.fit(model, X, Y, callbacks=[sets(hook, compile_anew)], **arguments)
    history = lrlab.fit(model, X, Y, **arguments)  # it is compiled, and trains
    assert len(history.history["loss"]) == 2


def test_compile_as_the_training_ends_is_for_the_next_fit() -> None:
    twins = train_both(linear, times=2, callbacks=lambda name: [sets("on_train_end", compile_anew)])
    assert np.isfinite(twins.our_history.history["loss"]).all()


def test_an_optimizer_a_group_of_variables_trains_as_in_keras() -> None:
    def build() -> keras.Model:
        groups = {".*bias": optimizers.Adam(0.01)}
        return linear(optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(), groups)))

    train_both(build)
