"""An epoch of Keras training as one compiled call, around Keras's own `train_step`.

`Program` holds the compiled functions of a model, `Batches` the data in the form that they take,
`State` what has to be put back for a fresh start. `lrlab.training` puts callbacks around them.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, cast

from lrlab.backend import keras, tf

import numpy as np
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
from keras.src.trainers.data_adapters import array_slicing, get_data_adapter

# A call that takes longer than this many seconds keeps Stop and progress waiting.
SECONDS_A_CALL = 0.05
# The same for every training, so that another number of epochs compiles nothing anew.
EPOCHS_A_CALL = 100
# Under this name a model keeps the generator that it draws from where nothing says another.
GENERATOR = "_lrlab_generator"

XLA_LAYERS = frozenset(
    {
        keras.layers.Activation,
        keras.layers.Dense,
        keras.layers.ELU,
        keras.layers.Flatten,
        keras.layers.InputLayer,
        keras.layers.LeakyReLU,
        keras.layers.ReLU,
        keras.layers.Rescaling,
        keras.layers.Reshape,
        keras.layers.Softmax,
    }
)
# MLPs with Adam on 1,437 samples, ms an epoch in model.fit / here without XLA / with, on two busy
# cores: 2,410 parameters 412 / 41 / 6; 9,610 337 / 35 / 8; 50,826 582 / 63 / 15; 100,234
# 614 / 144 / 46; 998,070 1480 / 537 / 304. But the more ReLU units, the likelier it is that XLA's
# rounding sends one across its kink: of 35 trainings of up to 51,000 parameters one ended with a
# weight 4e-5 off, of 8 larger ones four, by up to 2e-3.
XLA_PARAMETERS = 20_000
_PARTS_OF_A_LAYER = (
    "activation",
    "activity_regularizer",
    "bias_constraint",
    "bias_regularizer",
    "kernel_constraint",
    "kernel_regularizer",
)


# For XLA's small programs. Its kernels here take microseconds, less than handing one to another
# thread: one after another they take half of the CPU time and are no slower. And a loop over this
# little data (bytes) becomes one kernel instead of some thirty a step: a 2-4-2-1 net on 250 points
# trains 4 times faster. Unrolled loops would run no faster, and take a sixth longer to compile.
_XLA_FLAGS = (
    "--xla_cpu_enable_concurrency_optimized_scheduler=false --xla_backend_extra_options="
    "xla_cpu_small_while_loop_byte_threshold=32768,xla_cpu_disable_loop_unrolling"
)
# XLA ends the process at a flag that it does not know. These know them.
_KNOW_THE_FLAGS = re.compile(r"2\.21\.")


@contextmanager
def _flags_for_small_programs() -> Iterator[None]:
    """Set flags while XLA reads them, at its first compilation in a process; then no more.

    Whoever has set flags already knows what they want.
    """
    if "XLA_FLAGS" in os.environ or not _KNOW_THE_FLAGS.match(tf.__version__):
        yield
        return
    os.environ["XLA_FLAGS"] = _XLA_FLAGS
    try:
        yield
    finally:
        os.environ.pop("XLA_FLAGS", None)


def uses_xla(model: keras.Model) -> bool:
    """Tell whether `fit` compiles the epochs of a compiled model with XLA.

    It does where `model.jit_compile` is true, as Keras would, and for small, dense, deterministic
    models: a Sequential or functional model of at most `XLA_PARAMETERS` (20,000) float32
    parameters and one output, whose layers are all among `XLA_LAYERS` and whose loss, metrics and
    optimizer are Keras's own. There XLA is several times faster, and agrees with `model.fit` to
    about 1e-6.
    Convolutions run slower under XLA on a CPU, layers like Dropout draw other random numbers, and
    in large models the rounding differs by more than 1e-5.
    """
    if model.jit_compile:
        return True
    return (
        _is_all_kerass_own(model)
        and len(model.outputs or []) == 1
        and model.count_params() <= XLA_PARAMETERS
        and all(
            type(layer) in XLA_LAYERS and layer.compute_dtype == "float32" for layer in model.layers
        )
    )


def _is_all_kerass_own(model: keras.Model) -> bool:
    """Whether no class or function of a compiled model is somebody else's."""
    layers = list(model._flatten_layers())  # the model is the first
    parts = [*layers, model.optimizer, *keras.tree.flatten(model.loss), *model.metrics]
    for name in ("_user_metrics", "_user_weighted_metrics"):
        parts += keras.tree.flatten(getattr(model._compile_metrics, name, None))
    parts += [getattr(layer, name, None) for layer in layers for name in _PARTS_OF_A_LAYER]
    return all(_is_kerass_own(part) for part in parts)


def _is_kerass_own(part: object) -> bool:
    if part is None or isinstance(part, str):
        return True
    named = part if isinstance(part, type) or callable(part) else type(part)
    module = getattr(named, "__module__", None) or type(part).__module__
    return module.startswith("keras.")


@dataclass(frozen=True)
class Batches:
    """Arrays on the device, cut into batches.

    `whole` holds the full batches, each leaf of shape (batches, batch_size, ...); `rest` the last,
    smaller one, each leaf of shape (samples, ...), or None where there is none.
    """

    whole: Any
    rest: Any
    count: int
    batch_size: int
    samples: int

    @classmethod
    def cut(cls, arrays: Any, batch_size: int, order: np.ndarray | None = None) -> Batches:
        """Cut a structure of tensors of shape (samples, ...), taken in the given order."""
        samples = len(next(a for a in keras.tree.flatten(arrays) if a is not None))
        full = samples // batch_size
        if order is not None:
            arrays = _map(lambda array: tf.gather(array, order), arrays)

        whole, rest = arrays, None
        if samples % batch_size:
            whole = _map(lambda array: array[: full * batch_size], arrays)
            rest = _map(lambda array: array[full * batch_size :], arrays)

        def stack(array: Any) -> Any:
            return tf.reshape(array, [full, batch_size, *array.shape[1:]])

        count = math.ceil(samples / batch_size)
        return cls(_map(stack, whole), rest, count, batch_size, samples)

    @property
    def parts(self) -> tuple[Any, Any]:
        """What a compiled loop takes."""
        return self.whole, self.rest

    @property
    def spec(self) -> Any:
        """The shapes and dtypes of a batch, as a step gets to see them."""
        size = None if self.hides_size else self.batch_size
        return _map(lambda array: tf.TensorSpec((size, *array.shape[1:]), array.dtype), self[0])

    @property
    def hides_size(self) -> bool:
        """Whether Keras hides the batch size from a step, for the last batch is smaller."""
        return self.rest is not None

    def __getitem__(self, index: int) -> Any:
        if index < self.samples // self.batch_size:
            return _map(lambda array: array[index], self.whole)
        return self.rest


def _hiding_size(batch: Any) -> Any:
    """Return a batch of unknown size; Keras's losses of several outputs look at it."""

    def hide(array: Any) -> Any:
        return tf.compat.v1.placeholder_with_default(array, (None, *array.shape[1:]))

    return _map(hide, batch)


def _map(function: Callable[[Any], Any], structure: Any) -> Any:
    return keras.tree.map_structure(function, structure, none_is_leaf=False)


def as_tensors(x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Any:
    """Return (x, y, sample_weight) as Keras's `train_step` takes them, or None if not all dense.

    Keras's own adapter does the work: it casts floats to `keras.config.floatx()`, turns class
    weights into sample weights and accepts arrays, tensors and data frames.
    """
    adapter = get_data_adapter(x, y, sample_weight, class_weight=class_weight)
    arrays = array_slicing.convert_to_sliceable(adapter._inputs, target_backend="tensorflow")
    arrays = keras.tree.lists_to_tuples(arrays)
    leaves = [leaf for leaf in keras.tree.flatten(arrays) if leaf is not None]
    if not all(isinstance(leaf, tf.Tensor) or hasattr(leaf, "__array__") for leaf in leaves):
        return None
    return _map(tf.convert_to_tensor, arrays)


class Program:
    """The compiled functions of one compiled model, kept for as long as it stays compiled so."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._compiled_as = _compiled_as(model)
        self.generator: Any = vars(model).get(GENERATOR)
        self._reports: dict[str, bool] = {}
        # Traced once each, however often a loop has them in it.
        self._steps: dict[Any, Any] = {
            step: as_graph(step) for step in (model.train_step, model.test_step)
        }
        self._seconds_a_sample: float | None = None
        self.traces = 0
        self.xla = False
        self.epochs = self._with_or_without_xla(self._epochs)
        self.train = self._with_or_without_xla(self._train)
        self.evaluate = self._with_or_without_xla(self._evaluate)
        self.train_batch = self._single(model.train_step)
        self.test_batch = self._single(model.test_step)

    @classmethod
    def of(cls, model: keras.Model, train: Batches, validation: Batches | None = None) -> Program:
        """Return the model's program, made anew only where the model was compiled anew."""
        program: Program | None = vars(model).get("_lrlab_program")
        now = _compiled_as(model)
        if program is None or any(
            a is not b for a, b in zip(program._compiled_as, now, strict=True)
        ):
            program = cls(model)
            if _is_all_kerass_own(model):
                model._symbolic_build(data_batch=train[0])  # its variables; slower in a trace
            program._trace(model.train_step, train)
            program.xla = uses_xla(model)
            vars(model)["_lrlab_program"] = program  # not through Keras's tracking of attributes
        if validation is not None and model.test_step.__func__ is not keras.Model.test_step:
            program._trace(model.test_step, validation)
        return program

    @property
    def reports_metrics(self) -> bool:
        """Whether all steps report the model's metrics, so that these sum an epoch up.

        If not, the logs of an epoch are those of its last step, as in Keras.
        """
        return all(self._reports.values())

    def _trace(self, step: Callable[[Any], Any], batches: Batches) -> None:
        """Trace a step once, on shapes alone, to create its variables and see what it reports.

        A compiled loop may create no variables.
        """
        if step.__name__ not in self._reports:
            with self._drawing():
                traced = self._steps[step].get_concrete_function(batches.spec)
            if self.generator is None:  # Keras's, which a later seeding exchanges
                self.generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
            logs = traced.structured_outputs
            names = self.model.get_metrics_result().keys()
            self._reports[step.__name__] = isinstance(logs, dict) and logs.keys() == names

    def _single(self, step: Callable[[Any], Any]) -> Callable[[Any, bool], Any]:
        """Compile one step on a batch as a function of its own, as Keras does."""
        xla = self.model.jit_compile
        return as_graph(partial(self._take, step), jit_compile=xla, reduce_retracing=True)

    def _take(self, step: Callable[[Any], Any], batch: Any, hides: bool) -> Any:
        """Take a step on a batch, whose size Keras may hide."""
        with self._drawing():
            return step(_hiding_size(batch) if hides else batch)

    @cached_property
    def state(self) -> State:
        """The model's variables; all are there once a step has been traced."""
        return State(self.model, self.generator)

    def _drawing(self) -> Any:
        """Let what is traced draw from the generator that the first trace has drawn from."""
        return drawing_from(self.generator) if self.generator else nullcontext()

    def _with_or_without_xla(self, graph: Callable[..., Any]) -> Callable[..., Any]:
        with_xla = as_graph(graph, jit_compile=True)
        without_xla = as_graph(graph)
        compiled = False

        def call(*args: Any, before: Sequence[Any] | None = None) -> Any:
            """Call it; `before` is the present state, if it is known."""
            nonlocal compiled
            if self.xla:
                before = self.state.take() if before is None else before
                try:
                    with nullcontext() if compiled else _flags_for_small_programs():
                        logs = _as_arrays(with_xla(*args))
                except tf.errors.OpError:  # a graph that XLA refuses has not begun to run
                    self.xla = False
                else:
                    compiled = True
                    # XLA's ReLU passes a NaN on, TensorFlow's makes it 0.
                    if self.model.jit_compile or _finite(logs):
                        return logs
                self.state.put_back(before)
            return _as_arrays(without_xla(*args))

        return call

    def _loop(
        self,
        step: Callable[[Any], Any],
        batches: tuple[Any, Any],
        start: Any = 0,
        stop: Any = None,
        rates: Any = None,
    ) -> None:
        """Take the steps start to stop (all, if None), each at its rate."""
        whole, rest = batches
        full = next(a for a in keras.tree.flatten(whole) if a is not None).shape[0]

        def one(batch: Any, index: Any) -> None:
            if rates is not None:
                self.model.optimizer.learning_rate.assign(rates[index])
            self._take(self._steps[step], batch, rest is not None)

        def body(index: Any) -> Any:
            one(_map(lambda array: array[index], whole), index)
            return index + 1

        last = full if stop is None else tf.minimum(stop, full)
        if full:
            _while(lambda index: index < last, body, [tf.convert_to_tensor(start)])
        if rest is not None and stop is None:
            one(rest, full)
        elif rest is not None:
            tf.cond(stop > full, lambda: one(rest, full), lambda: None)

    def _train(self, batches: Any, rates: Any, start: Any, stop: Any) -> Any:
        self.traces += 1
        self._loop(self.model.train_step, batches, start, stop, rates)
        return self._metrics()

    def _evaluate(self, batches: Any) -> Any:
        self.traces += 1
        self.model.reset_metrics()
        self._loop(self.model.test_step, batches)
        return self._metrics()

    def _epochs(self, train: Any, validation: Any, rates: Any, count: Any) -> Any:
        """Train for some epochs and return their logs as columns with room for `EPOCHS_A_CALL`."""
        self.traces += 1
        kinds = {"": (self.model.train_step, train)}
        if validation is not None:
            kinds["val_"] = (self.model.test_step, validation)

        def epoch(index: Any, logs: dict[str, Any]) -> Any:
            for prefix, (step, batches) in kinds.items():
                self.model.reset_metrics()
                self._loop(step, batches, rates=None if prefix or rates is None else rates[index])
                logs[prefix] = keras.tree.map_structure(
                    lambda column, value: column.write(index, value), logs[prefix], self._metrics()
                )
            return index + 1, logs

        def column(value: Any) -> tf.TensorArray:
            return tf.TensorArray(value.dtype, EPOCHS_A_CALL, element_shape=value.shape)

        logs = {prefix: keras.tree.map_structure(column, self._metrics()) for prefix in kinds}
        _, logs = _while(lambda index, _: index < count, epoch, [tf.constant(0), logs])
        return keras.tree.map_structure(lambda column: column.stack(), logs)

    def _metrics(self) -> Any:
        """The model's metrics as tensors; some report a dict of several."""
        return keras.tree.map_structure(tf.convert_to_tensor, self.model.get_metrics_result())

    def run(
        self,
        train: Batches,
        validation: Batches | None,
        rates: np.ndarray | None,
        epochs: int,
        before: Sequence[Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Train for some epochs and yield the logs of each, as Keras gives them to callbacks.

        As many epochs go into a call as fit into `SECONDS_A_CALL`, by the time that the last ones
        took, so that whoever iterates can stop, or show progress, soon.

        `rates`, of shape (epochs, steps), is the learning rate of every step; None leaves it to the
        optimizer. `before` is the model's present state, if that is known.
        """
        samples = train.samples + (0 if validation is None else validation.samples)
        done = 0
        while done < epochs:
            count = 1
            if self._seconds_a_sample is not None:
                count = int(SECONDS_A_CALL / (self._seconds_a_sample * samples))
            count = max(1, min(count, epochs - done, EPOCHS_A_CALL))
            rows = None
            if rates is not None:  # of one shape, whatever the count, for one trace
                rows = np.zeros((EPOCHS_A_CALL, train.count), np.float32)
                rows[:count] = rates[done : done + count]
                rows = tf.constant(rows)
            traces, began = self.traces, time.perf_counter()
            columns = self.epochs(
                *(train.parts, validation and validation.parts, rows, tf.constant(count)),
                before=before,
            )
            if self.traces == traces:  # a call that compiled says nothing about the next
                self._seconds_a_sample = (time.perf_counter() - began) / (count * samples)
            val_logs = {f"val_{name}": value for name, value in _flat(columns.get("val_", {}))}
            logs = {
                name: values.tolist() if values.ndim == 1 else list(values)
                for name, values in _flat(columns[""] | val_logs)
            }
            for epoch in range(count):
                yield {name: values[epoch] for name, values in logs.items()}
            done += count
            before = None
            if self.model.stop_training:  # by another thread
                break


def _flat(logs: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of each log in Keras's order; some metrics report a dict of several."""
    for name, values in sorted(logs.items()):
        if isinstance(values, dict):
            yield from _flat(values)
        else:
            yield name, values


def _as_arrays(logs: Any) -> Any:
    return keras.tree.map_structure(np.asarray, logs)


@contextmanager
def drawing_from(generator: Any) -> Iterator[None]:
    """Make this thread's unseeded random numbers of Keras come from a generator; None is a new one.

    Keras exchanges its own whenever somebody calls `keras.utils.set_random_seed`.
    """
    before = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
    try:
        yield
    finally:
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, before)


def as_graph(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A `tf.function` that may be made for many models.

    TensorFlow counts traces by the line of source they come from, so it would warn of too many.
    """
    graph = tf.function(function, autograph=False, **options)
    graph._omit_frequent_tracing_warning = True
    return cast(Callable[..., Any], graph)


def _while(condition: Callable[..., Any], body: Callable[..., Any], variables: Any) -> Any:
    """Loop strictly in order: each step starts from what the step before it has assigned."""
    return tf.while_loop(condition, body, variables, parallel_iterations=1)


def _finite(logs: Any) -> bool:
    return all(np.isfinite(value).all() for value in keras.tree.flatten(logs))


def _compiled_as(model: keras.Model) -> tuple[Any, ...]:
    """What is another object once a model is compiled anew or gets another schedule.

    The objects themselves rather than their ids: an id is free again when its object is gone.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    schedule = getattr(optimizer, "_learning_rate", None)
    return model.optimizer, schedule, model._loss_tracker, model._compile_metrics


class State:
    """All variables of a model, taken and put back: weights, optimizer, metrics, random seeds.

    `generator` is the one that the model draws from where nothing says another.
    """

    def __init__(self, model: keras.Model, generator: Any = None) -> None:
        variables = [*model.variables, *model.optimizer.variables]
        variables += [variable for metric in model.metrics for variable in metric.variables]
        variables += [generator.state] if generator else []
        variables = list({id(variable): variable for variable in variables}.values())
        self._variables = variables
        # One call instead of one a variable.
        self.take = as_graph(lambda: [tf.identity(variable.value) for variable in variables])
        self.put_back = as_graph(self.assign)

    def assign(self, values: Sequence[Any]) -> None:
        """Put values back one by one, or as a part of somebody's graph."""
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
