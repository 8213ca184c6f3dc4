"""`fit`, a drop-in for `keras.Model.fit` on arrays that runs an epoch as one compiled call.

Keras trains with one compiled call a batch; for a small model nearly all of the time is spent
between the calls. Here a `tf.function` loops over the batches and calls Keras's own
`model.train_step`, so the mathematics is Keras's and only the loop around it is ours. Callbacks run
on the host, where Keras runs them; whatever cannot be done this way goes to `model.fit` itself.

How much is done between two visits to the host is called the *grain*:

* **run**: several epochs a call. Nobody but `History` wants to know about an epoch.
* **epoch**: training and validation of an epoch in a call.
* **part**: training, then validation, for callbacks that act between the two; a progress bar gets
  a long epoch in pieces.
* **batch**: one call a batch, for callbacks that want to see every batch.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from lrlab.backend import keras, tf

import numpy as np
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.data_adapters.array_data_adapter import can_convert_arrays
from keras.src.utils.python_utils import pythonify_logs

from lrlab.checks import as_whole_number
from lrlab.training.program import SECONDS_A_CALL, Batches, Program, as_tensors

# --- callbacks ------------------------------------------------------------------------------------

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
        and not callback._should_trace
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


class Needs:
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
            or self.progress
            or self.replay
            or any(_overrides(c, _TEST_HOOKS + _TEST_BATCH_HOOKS) for c in acting)
            or any(_overrides(c, ("on_epoch_begin",)) for c in unsafe)
        )
        self.epochs = kinds != {keras.callbacks.History}


# --- fit ------------------------------------------------------------------------------------------


class Session:
    """One call of `fit`: the loop of `keras.Model.fit`, with larger steps."""

    def __init__(
        self,
        program: Program,
        train: Batches,
        validation: Batches | None,
        callbacks: keras.callbacks.CallbackList,
        *,
        shuffled: Callable[[np.ndarray], Batches] | None = None,
        before: Sequence[Any] | None = None,
    ) -> None:
        """`shuffled` cuts the batches anew each epoch; `before` is the model's present state."""
        self.program, self.model = program, program.model
        self.train, self.validation, self.callbacks = train, validation, callbacks
        self.shuffled, self.before = shuffled, before
        self.needs = Needs(callbacks.callbacks)

    def epochs(
        self,
        epochs: int,
        initial_epoch: int = 0,
        validates: Callable[[int], bool] = lambda epoch: True,
        rates: np.ndarray | None = None,
    ) -> Generator[Mapping[str, Any], None, None]:
        """Train, and yield the logs of each epoch. Whoever stops iterating stops the training.

        `rates`, of shape (epochs, steps), is the learning rate of every step from initial_epoch on;
        None leaves it to the optimizer.
        """
        model, callbacks = self.model, self.callbacks
        logs: Mapping[str, Any] | None = None
        model.stop_training = False
        callbacks.on_train_begin()
        rates_from = initial_epoch
        initial_epoch = model._initial_epoch or initial_epoch  # BackupAndRestore sets it
        rates = None if rates is None else rates[initial_epoch - rates_from :]
        span = range(initial_epoch, epochs)
        always = self.validation is None or all(map(validates, span))
        in_parts = self.needs.parts or not always or not self.program.reports_metrics
        if in_parts or self.needs.epochs or self.shuffled:
            trained = self._epoch_by_epoch(span, validates, rates, in_parts)
        else:
            trained = self._many_epochs_a_call(span, rates)
        try:
            for logs in trained:
                yield logs
        except GeneratorExit:
            pass  # whoever iterates has seen enough, and the training ends as any other
        if isinstance(model.optimizer, keras.optimizers.Optimizer) and epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
        callbacks.on_train_end(logs)

    def _many_epochs_a_call(
        self, span: range, rates: np.ndarray | None
    ) -> Iterator[Mapping[str, Any]]:
        every = self.program.run(self.train, self.validation, rates, len(span), self.before)
        for epoch, logs in zip(span, every, strict=False):  # another thread may stop it
            for history in self.callbacks.callbacks:  # nobody else is there
                history.on_epoch_end(epoch, logs)
            yield logs

    def _epoch_by_epoch(
        self,
        span: range,
        validates: Callable[[int], bool],
        rates: np.ndarray | None,
        in_parts: bool,
    ) -> Iterator[Mapping[str, Any]]:
        for index, epoch in enumerate(span):
            row = None if rates is None else rates[index]
            # Stopped before the first batch: then it is the last.
            in_parts = in_parts or self.model.stop_training
            if in_parts:
                self.model.reset_metrics()
            self.callbacks.on_epoch_begin(epoch)
            if self.shuffled:
                # NumPy's global generator, so that keras.utils.set_random_seed covers it.
                self.train = self.shuffled(np.random.permutation(self.train.samples))  # noqa: NPY002
            if in_parts:
                logs = self._train_in_parts(row)
                if self.validation is not None and validates(epoch):
                    logs |= {f"val_{name}": value for name, value in self._evaluate().items()}
            else:
                row = None if row is None else row[None]
                (logs,) = self.program.run(self.train, self.validation, row, 1)
            self.callbacks.on_epoch_end(epoch, logs)
            yield pythonify_logs(logs)
            if self.model.stop_training:
                break

    def _train_in_parts(self, rates: np.ndarray | None) -> dict[str, Any]:
        program, count = self.program, self.train.count
        own_step = type(self.model).train_step is not keras.Model.train_step
        by_batch = (
            self.needs.train_batches
            or not program.reports_metrics
            or self.model.stop_training
            or (self.needs.replay and own_step)  # which may keep a state that `State` cannot know
        )
        piece = max(1, count // 20) if self.needs.progress else count
        logs: dict[str, Any] = {}
        start = 0
        while start < count and not (self.model.stop_training and start):
            stop = min(count, start + piece)
            if by_batch:
                logs = self._train_by_batch(rates, start, stop)
            else:
                before = program.state.take() if self.needs.replay else None
                began = time.perf_counter()
                self.callbacks.on_train_batch_begin(start)
                logs = program.train(
                    self.train.parts, rates, tf.constant(start), tf.constant(stop), before=before
                )
                if before and not np.isfinite(logs.get("loss", 0.0)):
                    program.state.put_back(before)
                    logs = self._train_by_batch(rates, start, stop)
                else:
                    self.callbacks.on_train_batch_end(stop - 1, logs)
                seconds = time.perf_counter() - began
                piece = math.ceil(piece * SECONDS_A_CALL / seconds)
            start = stop
        return dict(logs)

    def _train_by_batch(self, rates: np.ndarray | None, start: int, stop: int) -> dict[str, Any]:
        logs: dict[str, Any] = {}
        for step in range(start, stop):
            if rates is not None:
                self.model.optimizer.learning_rate.assign(rates[step])
            self.callbacks.on_train_batch_begin(step)
            logs = self.program.train_batch(self.train[step], self.train.hides_size)
            self.callbacks.on_train_batch_end(step, logs)
            if self.model.stop_training:
                break
        return logs

    def _evaluate(self) -> dict[str, Any]:
        assert self.validation is not None
        self.model.stop_evaluating = False
        self.callbacks.on_test_begin()
        if self.needs.test_batches or not self.program.reports_metrics:
            self.model.reset_metrics()
            for step in range(self.validation.count):
                self.callbacks.on_test_batch_begin(step)
                logs = self.program.test_batch(self.validation[step], self.validation.hides_size)
                self.callbacks.on_test_batch_end(step, logs)
                if self.model.stop_evaluating:
                    break
        else:
            logs = self.program.evaluate(self.validation.parts)
        logs = dict(pythonify_logs(logs))
        self.callbacks.on_test_end(logs)
        return logs


def check_same_length(**arrays: Any) -> None:
    """Raise a ValueError unless all arrays hold the same number of samples, at least one."""
    lengths: dict[str, list[int]] = {}
    for name, value in arrays.items():
        shapes = [getattr(leaf, "shape", None) for leaf in keras.tree.flatten(value)]
        found = sorted({int(shape[0]) for shape in shapes if shape})
        if found == [0]:
            raise ValueError(
                f"`{name}` must hold at least one sample. Received: an empty {name}. "
                "Look at the shapes of what you pass."
            )
        if found:
            lengths[name] = found
    if len({length for found in lengths.values() for length in found}) > 1:
        received = ", ".join(f"{name}: {', '.join(map(str, n))}" for name, n in lengths.items())
        raise ValueError(
            f"{', '.join(lengths)} must hold the same number of samples. Received: {received}. "
            "Each row of x needs its own row of y."
        )


def check_labels(model: keras.Model, y: Any) -> None:
    """Raise a ValueError for class numbers that the model has no output for.

    XLA would train on them and give NaN; TensorFlow alone notices in the middle of an epoch.
    """
    loss = model.loss
    sparse = keras.losses.SparseCategoricalCrossentropy
    names = ("sparse_categorical_crossentropy", sparse.__name__)
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", "")
    shape = getattr(model, "output_shape", None)
    if (
        not (name in names or isinstance(loss, sparse))
        or getattr(loss, "ignore_class", None) is not None
        or not isinstance(shape, tuple)
        or not isinstance(shape[-1], int)
        or y is None
        or keras.tree.is_nested(y)
    ):
        return
    classes, labels = shape[-1], np.asarray(y)
    low, high = labels.min(), labels.max()
    if low < 0 or high >= classes:
        raise ValueError(
            f"Labels must lie in 0..{classes - 1}, for the model has {classes} outputs. "
            f"Received: labels from {low} to {high}. Renumber them from 0, or give the last "
            "layer one unit a class."
        )


# The arguments of `fit` that are whole numbers, and the least that each may be.
_WHOLE_NUMBERS = {
    "batch_size": 1,
    "epochs": 0,
    "initial_epoch": 0,
    "validation_batch_size": 1,
    "validation_freq": 1,
}


def loops_itself(model: keras.Model) -> str:
    """Say why the model's own `fit` has to do the work, whatever the data are; "" if it has not."""
    distributed = model._distribute_strategy is not None or tf.distribute.has_strategy()
    reasons = {
        "run_eagerly=True": model.run_eagerly or tf.config.functions_run_eagerly(),
        "steps_per_execution": model.steps_per_execution != 1,
        "a distribution strategy": distributed,
        "keras.config.max_epochs": keras.config.max_epochs() is not None,
        "keras.config.max_steps_per_epoch": keras.config.max_steps_per_epoch() is not None,
    } | {
        f"a `{name}` of its own": getattr(type(model), name) is not getattr(keras.Model, name)
        for name in ("fit", "evaluate", "make_train_function", "make_test_function")
    }
    return " and ".join(reason for reason, holds in reasons.items() if holds)


def fit(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | list[int] = 1,
) -> keras.callbacks.History:
    """Train a compiled model as `model.fit` would, an epoch as one compiled call.

    The arguments, their defaults and the results are those of `keras.Model.fit`; with
    `shuffle=False` history and weights agree with it to 1e-5. `shuffle=True` takes its order from
    NumPy's global generator, so `keras.utils.set_random_seed` makes it repeatable.

    Callbacks act as in `model.fit`. One of your own with a batch hook (`on_train_batch_end`, ...)
    sees every batch, at the cost of a call a batch; so do built-in ones that need it, such as
    `ModelCheckpoint(save_freq=100)`. A progress bar is updated a few times an epoch.

    `model.fit` itself is called, and so gives the same answer, for anything but dense arrays
    (`tf.data`, generators, sparse or ragged tensors), with `steps_per_epoch`, `validation_steps`,
    `steps_per_execution`, `run_eagerly`, a distribution strategy, or a model that overrides `fit`.

    After a change of a layer's `trainable`, compile the model anew, as Keras asks: without that,
    `model.fit` goes on with what it has traced, while data of another shape are traced anew here.

    Args:
        model: A compiled Keras model; it may have any number of inputs and outputs.
        x: Inputs of shape (samples, ...), or a list or dict of them.
        y: Targets of shape (samples, ...), or a list or dict of them.
        batch_size: Samples a step; 32 if None. The last batch of an epoch may be smaller.
        epochs: The epoch, counted from 0, at which to stop; not how many to add.
        verbose: "auto" or 1 shows a progress bar, 2 a line an epoch, 0 nothing.
        callbacks: A list of `keras.callbacks.Callback`.
        validation_split: Share of the data, from their end, to validate on.
        validation_data: (x, y) or (x, y, sample_weight) to validate on.
        shuffle: Whether to take the samples in a new order each epoch.
        class_weight: Weight of each class in the loss.
        sample_weight: Weights of shape (samples,).
        initial_epoch: The epoch, counted from 0, at which to begin.
        steps_per_epoch: As in Keras.
        validation_steps: As in Keras.
        validation_batch_size: Samples a validation step; `batch_size` if None.
        validation_freq: Validate every so many epochs, or after those listed, counted from 1.

    Returns:
        The `keras.callbacks.History`: `.history` maps "loss", "val_loss", ... to a value an epoch.

    Raises:
        ValueError: If the model is not compiled, the data are empty or of different lengths, or a
            number is out of its range.

    Example:
        >>> import numpy as np, keras, lrlab
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((64, 2))
        >>> history = lrlab.fit(model, x, x[:, :1], epochs=3, verbose=0)
        >>> len(history.history["loss"])
        3

    Source: https://keras.io/api/models/model_training_apis/#fit-method
    """
    given = {name: value for name, value in locals().items() if name != "model"}
    if not getattr(model, "compiled", False):
        raise ValueError(
            "`fit` needs a compiled model. Received a model on which `compile` was never called. "
            'Call model.compile(optimizer="sgd", loss=...) first.'
        )
    given |= {
        name: as_whole_number(given[name], name, least)
        for name, least in _WHOLE_NUMBERS.items()
        if given[name] is not None and not isinstance(given[name], list)
    }
    if (
        loops_itself(model)
        or steps_per_epoch is not None
        or validation_steps is not None
        or shuffle not in (True, False)
        or x is None
        or not can_convert_arrays((x, y, sample_weight))
    ):
        return model.fit(**given)
    check_same_length(x=x, y=y, sample_weight=sample_weight)
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
            (x, y, sample_weight), validation_split=validation_split
        )
    arrays, validation_arrays = as_tensors(x, y, sample_weight, class_weight), None
    if validation_data is not None:
        x_val, y_val, val_weight = keras.utils.unpack_x_y_sample_weight(validation_data)
        if can_convert_arrays((x_val, y_val, val_weight)):
            check_same_length(x_val=x_val, y_val=y_val, sample_weight=val_weight)
            validation_arrays = as_tensors(x_val, y_val, val_weight)
            check_labels(model, y_val)
    if arrays is None or (validation_arrays is None and validation_data is not None):
        return model.fit(**given)
    check_labels(model, y)
    batch_size = given["batch_size"] or 32
    train, validation = Batches.cut(arrays, batch_size), None
    if validation_arrays is not None:
        validation = Batches.cut(validation_arrays, given["validation_batch_size"] or batch_size)
    program = Program.of(model, train, validation)
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=given["epochs"],
            steps=train.count,
            model=model,
        )
    cut_anew = partial(Batches.cut, arrays, batch_size) if shuffle else None
    session = Session(program, train, validation, callbacks, shuffled=cut_anew)

    def validates(epoch: int) -> bool:
        return bool(model._should_eval(epoch, given["validation_freq"]))

    deque(session.epochs(given["epochs"], given["initial_epoch"], validates), maxlen=0)
    return model.history
