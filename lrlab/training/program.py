"""An epoch of Keras training as one compiled call, around Keras's own `train_step`.

`Program` holds the compiled functions of a model; `lrlab.training.session` puts callbacks around
them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cached_property, partial
from typing import Any

from lrlab.backend import forget_programs, keras, tf

import numpy as np

from lrlab.training.batches import Batches, map_arrays, with_hidden_size
from lrlab.training.internals import (
    as_graph,
    compile_arguments,
    drawing_from,
    flatten_layers,
    make_variables,
    present_generator,
    schedule_of,
    with_other_captures,
)
from lrlab.training.rates import Rates
from lrlab.training.shared import handles, lender_for
from lrlab.training.state import GENERATOR, State, starts_from_weights
from lrlab.training.xla import is_all_kerass_own, uses_xla

# A call that takes longer than this many seconds keeps Stop and progress waiting.
SECONDS_A_CALL = 0.05
# The same for every training, so that another number of epochs compiles nothing anew.
EPOCHS_A_CALL = 100
# A call that shuffles is handed the places of at most so many samples, or of one epoch.
_PLACES_A_CALL = 2**15
# What a small model that XLA compiles takes at most, until it has been timed.
_SECONDS_A_SAMPLE = 5e-6


class Program:
    """The compiled functions of one compiled model, kept for as long as it stays compiled so."""

    def __init__(self, model: keras.Model, rates: Rates | None = None) -> None:
        self.model, self.rates = model, rates
        self._compiled_as = _compiled_as(model)
        self.generator: Any = vars(model).get(GENERATOR)
        self._reports: dict[str, bool] = {}
        train_step = rates.around(model.train_step) if rates else model.train_step
        # Traced once each, however often a loop has them in it.
        self._steps: dict[Any, Any] = {
            model.train_step: as_graph(train_step),
            model.test_step: as_graph(model.test_step),
        }
        self._seconds_a_sample: float | None = None
        self.traces = 0
        self.xla = False
        self._lender: Program | None = None
        self._xla_graphs: dict[str, Any] = {}
        self._takes_kept = True  # what XLA has kept, until it turns out to be damaged
        self._borrowed: dict[Any, Any] = {}
        self._known: dict[Any, dict[Any, Any]] = {}
        self.epochs = self._with_or_without_xla(self._epochs)
        self.train = self._with_or_without_xla(self._train)
        self.evaluate = self._with_or_without_xla(self._evaluate)
        self.train_batch = self._single(model.train_step)
        self.test_batch = self._single(model.test_step)

    @classmethod
    def of(cls, model: keras.Model, rates: Rates | None = None) -> Program:
        """Return the model's program, made anew only where the model was compiled anew.

        `rates` are those that its steps are to have; None leaves them to the optimizer.
        """
        program: Program | None = vars(model).get("_lrlab_program")
        now = _compiled_as(model)
        if program is None or any(
            a is not b for a, b in zip(program._compiled_as, now, strict=True)
        ):
            program = cls(model, rates)
            vars(model)["_lrlab_program"] = program  # not through Keras's tracking of attributes
        return program

    def prepare(
        self, train: Batches, validation: Batches | None = None, *, shared: bool = False
    ) -> None:
        """Make what is still missing before a training can go on: variables and traces.

        If `shared`, it uses what XLA has compiled for an equal model, see `shared.lender_for`.

        To be called as late as Keras traces its step, which fixes all that is not a variable, a
        momentum for one; until then a callback may set it.

        Raises:
            ValueError: If the model was compiled anew since the training began.
        """
        model = self.model
        optimizer, schedule, arguments = _compiled_as(model)
        if arguments is not self._compiled_as[-1]:
            raise ValueError(
                "A model must not be compiled while it is trained, in Keras neither. Received: a "
                "callback that calls `compile`. Compile before the fit; or have the callback set "
                "model.stop_training = True, compile after the fit, and fit again."
            )
        if not self._reports:
            self._compiled_as = optimizer, schedule, arguments
            if is_all_kerass_own(model):
                make_variables(model, train[0])
            elif (
                isinstance(optimizer, keras.optimizers.Optimizer)
                and not optimizer.built
                and all(layer.built for layer in flatten_layers(model))
                and starts_from_weights(optimizer)
            ):
                optimizer.build(model.trainable_variables)
            self._trace(model.train_step, train)
            self.xla = uses_xla(model)
            if shared:
                self._lender = lender_for(self, train, validation)
        if validation is not None and model.test_step.__func__ is not keras.Model.test_step:
            self._trace(model.test_step, validation)

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
            traced = self.traced(step, batches)
            if self.generator is None:  # Keras's, which a later seeding exchanges
                self.generator = present_generator()
            logs = traced.structured_outputs
            names = self.model.get_metrics_result().keys()
            self._reports[step.__name__] = isinstance(logs, dict) and logs.keys() == names

    def traced(self, step: Callable[[Any], Any], batches: Batches) -> Any:
        """Return a step as a graph, for such batches."""
        with self._drawing():
            return self._steps[step].get_concrete_function(batches.spec)

    def _single(self, step: Callable[[Any], Any]) -> Callable[[Any, bool], Any]:
        """Compile one step on a batch as a function of its own, as Keras does."""
        xla = self.model.jit_compile
        return as_graph(partial(self._take_one, step), jit_compile=xla, reduce_retracing=True)

    def _take(self, step: Callable[[Any], Any], batch: Any, hides: bool) -> Any:
        """Take a step on a batch, whose size Keras may hide."""
        with self._drawing():
            return self._steps[step](with_hidden_size(batch) if hides else batch)

    def _take_one(self, step: Callable[[Any], Any], batch: Any, hides: bool) -> Any:
        """Take a step on its own, with callbacks after it."""
        logs = self._take(step, batch, hides)
        self._move_on(step)
        return logs

    def _move_on(self, step: Callable[[Any], Any]) -> None:
        if self.rates and step == self.model.train_step:
            self.rates.move_on()

    @cached_property
    def state(self) -> State:
        """The model's variables; all are there once a step has been traced."""
        others = [self.generator.state] if self.generator else []
        others += [self.rates.steps_taken] if self.rates else []
        return State(self.model, others)

    def _drawing(self) -> Any:
        """Let what is traced draw from the generator that the first trace has drawn from."""
        return drawing_from(self.generator) if self.generator else nullcontext()

    def _with_or_without_xla(self, graph: Callable[..., Any]) -> Callable[..., Any]:
        def graph_and_state(*args: Any) -> Any:
            return self.state.values(), graph(*args)

        def compile_with_xla() -> None:
            self._xla_graphs[graph.__name__] = as_graph(graph_and_state, jit_compile=True)

        compile_with_xla()
        without_xla = as_graph(graph)

        def call(*args: Any, known: dict[Any, Any] | None = None) -> Any:
            """Call it; `known` is empty at first, and for further calls with arguments alike."""
            with_xla = self._xla_graphs[graph.__name__]

            def once(function: Any) -> Any:
                if self._lender and function is with_xla:
                    return self._borrow(graph.__name__, args, known)(*args)
                if known is None:
                    return function(*args)
                if function not in known:  # TensorFlow needs longer to find it than to call it
                    known[function] = function.get_concrete_function(*args)
                return known[function](*args)

            if self.xla:
                try:
                    before, logs = once(with_xla)
                except tf.errors.OpError:  # a graph that XLA refuses has not begun to run
                    if self._takes_kept and forget_programs():  # or what it has kept is damaged
                        self._takes_kept = False
                        compile_with_xla()
                        return call(*args, known=known)
                    self.xla = False
                else:
                    logs = _as_arrays(logs)
                    # XLA's ReLU passes a NaN on, TensorFlow's makes it 0.
                    if self.model.jit_compile or _finite(logs):
                        return logs
                    self.state.put_back(before)
            return _as_arrays(once(without_xla))

        return call

    def _borrow(self, name: str, args: Any, known: dict[Any, Any] | None) -> Any:
        """Return a compiled function of the lender, on variables of this program."""
        if known and name in known:
            return known[name]
        assert self._lender
        traces = self._lender.traces
        theirs = self._lender._xla_graphs[name].get_concrete_function(*args)
        self.traces += self._lender.traces - traces
        if theirs not in self._borrowed:
            self._borrowed[theirs] = with_other_captures(
                theirs, handles(self._lender), handles(self)
            )
        if known is not None:
            known[name] = self._borrowed[theirs]
        return self._borrowed[theirs]

    def _loop(
        self,
        step: Callable[[Any], Any],
        batches: tuple[Any, Any],
        start: Any = 0,
        stop: Any = None,
    ) -> None:
        """Take the steps start to stop (all, if None)."""
        whole, rest = batches
        full = next(a for a in keras.tree.flatten(whole) if a is not None).shape[0]

        def body(index: Any) -> Any:
            self._take(step, map_arrays(lambda array: array[index], whole), rest is not None)
            return index + 1

        def take_rest() -> None:
            self._take(step, rest, True)

        last = full if stop is None else tf.minimum(stop, full)
        if full:
            _while(lambda index: index < last, body, [tf.convert_to_tensor(start)])
        if rest is not None and stop is None:
            take_rest()
        elif rest is not None:
            tf.cond(stop > full, take_rest, lambda: None)
        self._move_on(step)

    def _train(self, batches: Any, start: Any, stop: Any) -> Any:
        self.traces += 1
        self._loop(self.model.train_step, batches, start, stop)
        return self._metrics()

    def _evaluate(self, batches: Any) -> Any:
        self.traces += 1
        self.model.reset_metrics()
        self._loop(self.model.test_step, batches)
        return self._metrics()

    def _epochs(self, train: Any, validation: Any, count: Any, orders: Any, batch_size: int) -> Any:
        """Train for some epochs and return their logs as columns with room for `EPOCHS_A_CALL`.

        Where there are orders of the samples, a row an epoch, `train` is not cut into batches yet.
        """
        self.traces += 1
        kinds = {"": (self.model.train_step, train)}
        if validation is not None:
            kinds["val_"] = (self.model.test_step, validation)

        def epoch(index: Any, logs: dict[str, Any]) -> Any:
            if orders is not None:
                shuffled = Batches.cut(train, batch_size, orders[index])
                kinds[""] = (self.model.train_step, shuffled.parts)
            for prefix, (step, batches) in kinds.items():
                self.model.reset_metrics()
                self._loop(step, batches)
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

    def takes_long(self, train: Batches, validation: Batches | None) -> bool:
        """Whether an epoch is likely to take longer than `SECONDS_A_CALL`."""
        guess = _SECONDS_A_SAMPLE if self.xla else SECONDS_A_CALL
        return (self._seconds_a_sample or guess) * _samples(train, validation) > SECONDS_A_CALL

    def of_data(
        self,
        train: Batches,
        validation: Batches | None,
        shuffle: Callable[[int], np.ndarray] | None = None,
    ) -> Callable[[int], Iterator[dict[str, Any]]]:
        """Return a function that trains for some epochs and yields the logs of each for callbacks.

        It takes their number. As many epochs go into a call as fit into `SECONDS_A_CALL`, by the
        time that the last ones took, so that whoever iterates can stop, or show progress, soon.

        `shuffle` gives an order of so many samples, anew for each epoch.
        """
        samples = _samples(train, validation)
        at_once = EPOCHS_A_CALL
        if shuffle:
            at_once = min(at_once, max(1, _PLACES_A_CALL // train.samples))
        shapes = [batches and batches.shapes for batches in (train, validation)]
        known = self._known.setdefault((repr(shapes), shuffle is None), {})

        def run(epochs: int) -> Iterator[dict[str, Any]]:
            done = 0
            while done < epochs:
                count = 1
                if self._seconds_a_sample is not None:
                    count = int(SECONDS_A_CALL / (self._seconds_a_sample * samples))
                count = max(1, min(count, epochs - done, at_once))
                orders = None
                if shuffle:  # of one shape, whatever the count, for one trace
                    orders = np.zeros((at_once, train.samples), np.int32)
                    orders[:count] = [shuffle(train.samples) for _ in range(count)]
                    orders = tf.constant(orders)
                traces, began = self.traces, time.perf_counter()
                columns = self.epochs(
                    train.arrays if shuffle else train.parts,
                    validation and validation.parts,
                    *(tf.constant(count), orders, train.batch_size),
                    known=known,
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
                if self.model.stop_training:  # by another thread
                    break

        return run


def _samples(train: Batches, validation: Batches | None) -> int:
    return train.samples + (0 if validation is None else validation.samples)


def _flat(logs: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of each log in Keras's order; some metrics report a dict of several."""
    for name, values in sorted(logs.items()):
        if isinstance(values, dict):
            yield from _flat(values)
        else:
            yield name, values


def _as_arrays(logs: Any) -> Any:
    return keras.tree.map_structure(np.asarray, logs)


def _while(condition: Callable[..., Any], body: Callable[..., Any], variables: Any) -> Any:
    """Loop strictly in order: each step starts from what the step before it has assigned."""
    return tf.while_loop(condition, body, variables, parallel_iterations=1)


def _finite(logs: Any) -> bool:
    return all(np.isfinite(value).all() for value in keras.tree.flatten(logs))


def _compiled_as(model: keras.Model) -> tuple[Any, ...]:
    """What is another object once a model is compiled anew or gets another schedule.

    The objects themselves rather than their ids: an id is free again when its object is gone.
    """
    return model.optimizer, schedule_of(model.optimizer), compile_arguments(model)
