"""One training: what callbacks need, and the loop that gives it to them.

Callbacks run on the host, where Keras runs them. How much is done between two visits to the host is
called the *grain*:

* **run**: several epochs a call. Nobody but `History` wants to know about an epoch.
* **epoch**: training and validation of an epoch in a call.
* **part**: training, then validation, for callbacks that act between the two; a progress bar gets
  a long epoch in pieces.
* **batch**: one call a batch, for callbacks that want to see every batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab.training.batches import Batches
from lrlab.training.internals import as_python_numbers, resumed_epoch, traces_batches
from lrlab.training.program import SECONDS_A_CALL, Program

_TRAIN_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)
_TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_TEST_HOOKS = ("on_test_begin", "on_test_end")

# Built-in callbacks that, as configured, need no call a batch, whatever batch hooks they override,
# and do not look at the metrics as an epoch begins. TerminateOnNaN is here because a piece
# that ends in NaN is trained again, batch by batch.
SAFE_BY_THE_EPOCH: Mapping[type, Callable[[Any], bool]] = {
    keras.callbacks.BackupAndRestore: lambda callback: callback.save_freq == "epoch",
    keras.callbacks.LearningRateScheduler: lambda callback: True,
    keras.callbacks.ModelCheckpoint: lambda callback: callback.save_freq == "epoch",
    keras.callbacks.ProgbarLogger: lambda callback: True,
    keras.callbacks.TensorBoard: lambda callback: (
        callback.update_freq == "epoch"
        and not callback.write_steps_per_second
        and not traces_batches(callback)
    ),
    keras.callbacks.TerminateOnNaN: lambda callback: True,
}


def _overrides(callback: keras.callbacks.Callback, hooks: Sequence[str]) -> bool:
    """Tell whether any of the hooks is not the base class's, which does nothing."""
    base = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(base, hook)
        for hook in hooks
    )


class CallbackNeeds:
    """What a list of callbacks needs between two visits to the compiled functions."""

    def __init__(self, members: Sequence[keras.callbacks.Callback]) -> None:
        kinds = {type(c) for c in members}
        bars = [c for c in members if type(c) is keras.callbacks.ProgbarLogger]
        acting = [c for c in members if c not in bars]
        unsafe = [c for c in members if not SAFE_BY_THE_EPOCH.get(type(c), lambda _: False)(c)]
        self.train_batches = any(_overrides(c, _TRAIN_BATCH_HOOKS) for c in unsafe)
        self.test_batches = any(_overrides(c, _TEST_BATCH_HOOKS) for c in unsafe)
        self.progress = any(c.verbose == 1 for c in bars)
        self.replay = keras.callbacks.TerminateOnNaN in kinds
        self.parts = (
            self.train_batches
            or self.replay
            or any(_overrides(c, _TEST_HOOKS + _TEST_BATCH_HOOKS) for c in acting)
            or any(_overrides(c, ("on_epoch_begin",)) for c in unsafe)
        )
        self.epochs = kinds != {keras.callbacks.History}


class Session:
    """One call of `fit`: the loop of `keras.Model.fit`, with larger steps."""

    def __init__(
        self,
        program: Program,
        train: Batches,
        validation: Batches | None,
        callbacks: keras.callbacks.CallbackList,
        *,
        shuffle: Callable[[int], np.ndarray] | None = None,
    ) -> None:
        """`shuffle` gives an order of so many samples, anew for each epoch."""
        self.program, self.model = program, program.model
        self.train, self.validation, self.callbacks = train, validation, callbacks
        self.shuffle = shuffle
        self.needs = CallbackNeeds(callbacks.callbacks)

    def epochs(
        self,
        epochs: int,
        initial_epoch: int = 0,
        validates: Callable[[int], bool] = lambda epoch: True,
    ) -> Generator[Mapping[str, Any], None, None]:
        """Train, and yield the logs of each epoch. Whoever stops iterating stops the training."""
        model, callbacks = self.model, self.callbacks
        logs: Mapping[str, Any] | None = None
        model.stop_training = False
        callbacks.on_train_begin()
        initial_epoch = resumed_epoch(model) or initial_epoch  # BackupAndRestore sets it
        span = range(initial_epoch, epochs)
        always = self.validation is None or all(map(validates, span))
        in_parts = self.needs.parts or not always
        if in_parts or self.needs.epochs or not self._ready().reports_metrics:
            trained = self._epoch_by_epoch(span, validates, in_parts)
        else:
            trained = self._many_epochs_a_call(span)
        try:
            for logs in trained:
                yield logs
        except GeneratorExit:
            pass  # whoever iterates has seen enough, and the training ends as any other
        if isinstance(model.optimizer, keras.optimizers.Optimizer) and epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
        callbacks.on_train_end(logs)

    def _ready(self) -> Program:
        """The program, prepared: to be asked for after the hooks that Keras calls before a step."""
        self.program.prepare(self.train, self.validation)
        return self.program

    def _has_to_go_in_parts(self) -> bool:
        """Whether an epoch has, as one can tell once the first has begun."""
        program = self._ready()
        slow = self.needs.progress and program.takes_long(self.train, self.validation)
        return slow or not program.reports_metrics

    def _many_epochs_a_call(self, span: range) -> Iterator[Mapping[str, Any]]:
        every = self.program.of_data(self.train, self.validation, self.shuffle)(len(span))
        for epoch, logs in zip(span, every, strict=False):  # another thread may stop it
            for history in self.callbacks.callbacks:  # nobody else is there
                history.on_epoch_end(epoch, logs)
            yield logs

    def _epoch_by_epoch(
        self,
        span: range,
        validates: Callable[[int], bool],
        in_parts: bool,
    ) -> Iterator[Mapping[str, Any]]:
        run = self.program.of_data(self.train, self.validation, self.shuffle)
        for epoch in span:
            # Stopped before the first batch: then it is the last.
            in_parts = in_parts or self.model.stop_training
            if in_parts or epoch == span[0]:
                self.model.reset_metrics()
            self.callbacks.on_epoch_begin(epoch)
            if epoch == span[0]:
                in_parts = in_parts or self._has_to_go_in_parts()
            if in_parts:
                logs = self._train_in_parts()
                if self.validation is not None and validates(epoch):
                    logs |= {f"val_{name}": value for name, value in self._evaluate().items()}
            else:
                self._ready()
                (logs,) = run(1)
            self.callbacks.on_epoch_end(epoch, logs)
            yield as_python_numbers(logs)
            if self.model.stop_training:
                break

    def _train_in_parts(self) -> dict[str, Any]:
        train, count = self.train, self.train.count
        if self.shuffle:
            train = Batches.cut(train.arrays, train.batch_size, self.shuffle(train.samples))
        own_step = type(self.model).train_step is not keras.Model.train_step
        by_batch = (
            self.needs.train_batches
            or self.model.stop_training
            or (self.needs.replay and own_step)  # which may keep a state that `State` cannot know
            or not self._ready().reports_metrics
        )
        piece = max(1, count // 20) if self.needs.progress else count
        logs: dict[str, Any] = {}
        start = 0
        while start < count and not (self.model.stop_training and start):
            stop = min(count, start + piece)
            if by_batch:
                logs = self._train_by_batch(train, start, stop)
            else:
                program = self._ready()
                before = program.state.take() if self.needs.replay else None
                began = time.perf_counter()
                logs = program.train(train.parts, tf.constant(start), tf.constant(stop))
                if before and not np.isfinite(logs.get("loss", 0.0)):
                    program.state.put_back(before)
                    logs = self._train_by_batch(train, start, stop)
                else:
                    self.callbacks.on_train_batch_end(stop - 1, logs)
                seconds = time.perf_counter() - began
                piece = math.ceil(piece * SECONDS_A_CALL / seconds)
            start = stop
        return dict(logs)

    def _train_by_batch(self, train: Batches, start: int, stop: int) -> dict[str, Any]:
        logs: dict[str, Any] = {}
        for step in range(start, stop):
            self.callbacks.on_train_batch_begin(step)
            logs = self._ready().train_batch(train[step], train.hides_size)
            self.callbacks.on_train_batch_end(step, logs)
            if self.model.stop_training:
                break
        return logs

    def _evaluate(self) -> dict[str, Any]:
        assert self.validation is not None
        self.model.stop_evaluating = False
        self.callbacks.on_test_begin()
        if self.needs.test_batches or not self._ready().reports_metrics:
            self.model.reset_metrics()
            for step in range(self.validation.count):
                self.callbacks.on_test_batch_begin(step)
                logs = self._ready().test_batch(self.validation[step], self.validation.hides_size)
                self.callbacks.on_test_batch_end(step, logs)
                if self.model.stop_evaluating:
                    break
        else:
            logs = self._ready().evaluate(self.validation.parts)
        logs = dict(as_python_numbers(logs))
        self.callbacks.on_test_end(logs)
        return logs
