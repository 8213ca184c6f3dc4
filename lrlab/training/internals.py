"""What lrlab has to know of Keras's and TensorFlow's insides, each with the reason.

No other file names a module under `keras.src` or `tensorflow.python`, or an attribute with a
leading underscore of theirs. What each name is needed for stands in
tests/training/test_internals.py as well, the first test to fail on a Keras that lacks one.
"""

from __future__ import annotations

import copy
import inspect
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

from lrlab.backend import keras, tf

import numpy as np

# Modules, not names out of them: one that has gone then fails where it is used, and in its test.
from keras.src import backend
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from keras.src.trainers import data_adapters
from keras.src.trainers.data_adapters import array_data_adapter, array_slicing
from keras.src.utils import naming, python_utils, rng_utils
from tensorflow.python.framework import ops

# --- data and logs --------------------------------------------------------------------------------


def as_arrays(x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """Return (x, y, sample_weight) as `model.fit` makes them ready for a step.

    Its adapter casts floats to `keras.config.floatx()`, turns class weights into sample weights
    and accepts arrays, tensors and data frames; there is no other way to ask for what it makes.
    """
    adapter = data_adapters.get_data_adapter(x, y, sample_weight, class_weight=class_weight)
    return array_slicing.convert_to_sliceable(adapter._inputs, target_backend="tensorflow")


def are_arrays(data: Any) -> bool:
    """Tell whether `model.fit` takes all data of a structure for arrays, or for None."""
    return bool(array_data_adapter.can_convert_arrays(data))


def split_off_validation(arrays: Any, share: float) -> Any:
    """Split arrays as `model.fit` does for `validation_split`, its error messages included."""
    return array_slicing.train_validation_split(arrays, validation_split=share)


def as_python_numbers(logs: Any) -> dict[str, Any]:
    """Return logs as `model.fit` gives them to callbacks: sorted, flat, numbers where they can."""
    return cast(dict[str, Any], python_utils.pythonify_logs(logs))


# --- models and what they were compiled with ------------------------------------------------------


def flatten_layers(model: keras.Model) -> list[Any]:
    """Return a model and all its layers, however deep; `model.layers` names the first level."""
    return list(model._flatten_layers())


def layer_behind(output: Any) -> Any:
    """Return the layer that made an output of a functional model; outputs have no public word."""
    return output._keras_history.operation


def compile_arguments(model: keras.Model) -> Mapping[str, Any]:
    """Return what `model.compile` was given, another object after each `compile`.

    `model.get_compile_config()` has it as JSON, without the objects themselves.
    """
    return cast(Mapping[str, Any], model._compile_config.config)


def metrics_as_given(model: keras.Model) -> list[Any]:
    """Return the names, functions and objects given as metrics; `model.metrics` has them wrapped.

    Those of a `compile` that named some stay in force after one that names none.
    """
    kept = model._compile_metrics
    if kept is None:
        return []
    return cast(list[Any], keras.tree.flatten([kept._user_metrics, kept._user_weighted_metrics]))


def schedule_of(optimizer: Any) -> Any:
    """Return the schedule or function that sets an optimizer's rate; None where it is a number.

    `optimizer.learning_rate` is but its present value. A LossScaleOptimizer has it within.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = getattr(inner, "_learning_rate", None)
    return None if isinstance(rate, keras.Variable) else rate


def optimizers_of(optimizer: Any) -> list[Any]:
    """Return the optimizers that make the updates, each with a rate and a count of its own.

    Those of a MultiOptimizer, the one within a LossScaleOptimizer, and otherwise itself.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return list(getattr(inner, "optimizers", [inner]))


def update_count(optimizer: Any) -> Any:
    """Return the variable that counts an optimizer's updates, where Keras evaluates a schedule.

    The public `iterations` is this divided by `gradient_accumulation_steps`.
    """
    return optimizer._iterations


def arguments_of_function(part: Any) -> Any:
    """Return what a loss or metric hands on to its function, which its config may leave out."""
    return getattr(part, "_fn_kwargs", None)


# --- names ----------------------------------------------------------------------------------------

_NAME_COUNTS = "object_name_uids"


def name_counts() -> dict[str, int]:
    """Return how many of each name Keras has given away in this thread: `dense`, `dense_1`, ..."""
    return dict(global_state.get_global_attribute(_NAME_COUNTS) or {})


@contextmanager
def first_names() -> Iterator[None]:
    """Have Keras name what is made in this thread as in a new Python, and go on as before then."""
    before = global_state.get_global_attribute(_NAME_COUNTS)
    naming.reset_uids()
    try:
        yield
    finally:
        global_state.set_global_attribute(_NAME_COUNTS, before)


def first_name(kind: type) -> str:
    """Return the name that Keras gives to the first object of a class that is given none."""
    with first_names():
        return cast(str, naming.auto_name(kind.__name__))


# --- variables ------------------------------------------------------------------------------------


def build_weights(model: keras.Model, x: Any) -> None:
    """Give a model its weights by the shape of x, as `model.fit` would with its first batch.

    Without running it, for which `model(x)` is the public way.
    """

    def spec(array: Any) -> keras.KerasTensor:
        return keras.KerasTensor(array.shape, keras.backend.standardize_dtype(array.dtype))

    if isinstance(model, keras.Sequential) and not keras.tree.is_nested(x):
        model.build((None, *x.shape[1:]))
    else:
        backend.compute_output_spec(model, keras.tree.map_structure(spec, x), training=False)


def make_variables(model: keras.Model, batch: Any) -> None:
    """Make the variables of metrics, loss and optimizer, as `model.fit` does before it trains.

    They come in a first step by themselves, but a trace that has to make them takes longer.
    """
    model._symbolic_build(data_batch=batch)


# --- random numbers -------------------------------------------------------------------------------

_THREAD = threading.local()


class _RandomOfThread:
    """What Keras sees as the module `random`: the generator of a thread that is `seeded`, if it is.

    From there comes the seed of every layer and initializer that is given none.
    """

    def randint(self, low: int, high: int) -> int:
        # A thread that has called `keras.utils.set_random_seed` since then wants what that gives.
        own: random.Random | None = getattr(_THREAD, "own", None)
        if own is None or rng_utils.get_random_seed() is not None:
            return random.randint(low, high)
        return own.randint(low, high)


seed_generator.python_random = _RandomOfThread()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Have Keras draw in this thread what it would after `keras.utils.set_random_seed(seed)`.

    That moves the generators of Python, NumPy and TensorFlow under the feet of all other threads.
    Should it be called within all the same, those of Python and NumPy are put back in the end, but
    for one that another thread has seeded meanwhile.
    """
    states = random_states()
    before, said = getattr(_THREAD, "own", None), rng_utils.get_random_seed()
    global_state.set_global_attribute(rng_utils.GLOBAL_RANDOM_SEED, None)
    _THREAD.own = random.Random(seed)
    try:
        with drawing_from(None):
            yield
    finally:
        _THREAD.own = before
        if (called_with := rng_utils.get_random_seed()) is not None:
            put_back_random_states(states, called_with)
        global_state.set_global_attribute(rng_utils.GLOBAL_RANDOM_SEED, said)


def random_states() -> tuple[Any, ...]:
    """Return where the generators of Python and NumPy are, that all threads share."""
    kind, words, *position = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (kind, tuple(words), *position)


def put_back_random_states(states: tuple[Any, ...], seed: int | None = None) -> None:
    """Bring the generators of Python and NumPy back to where they were.

    Only from where drawing numbers leads to, from there or from this seed. A generator that is
    elsewhere was seeded by another thread meanwhile, and stays as it is.
    """
    (of_python, of_numpy), (python, numpy) = states, random_states()
    if python[1][:-1] in islice(_keys_of_python(of_python, seed), _RENEWALS):
        random.setstate(of_python)
    if numpy[1] in islice(_keys_of_numpy(of_numpy, seed), _RENEWALS):
        np.random.set_state(of_numpy)  # noqa: NPY002


# Both hold so many words, which are renewed each time that as many were drawn; so many renewals are
# looked at, three million numbers.
_WORDS, _RENEWALS = 624, 5_000


def _keys_of_python(state: Any, seed: int | None) -> Iterator[tuple[int, ...]]:
    generator = random.Random(seed)
    if seed is None:
        generator.setstate(state)
    while True:
        yield generator.getstate()[1][:-1]
        generator.getrandbits(32 * _WORDS)


def _keys_of_numpy(state: Any, seed: int | None) -> Iterator[tuple[int, ...]]:
    generator = np.random.RandomState(seed)
    if seed is None:
        generator.set_state(state)
    while True:
        yield tuple(generator.get_state()[1])  # type: ignore[index]
        generator.bytes(4 * _WORDS)


@contextmanager
def drawing_from(generator: Any) -> Iterator[None]:
    """Make this thread's unseeded random numbers of Keras come from a generator; None is a new one.

    Keras exchanges its own whenever somebody calls `keras.utils.set_random_seed`.
    """
    before = global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)
    global_state.set_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR, generator)
    try:
        yield
    finally:
        global_state.set_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR, before)


def present_generator() -> Any:
    """Return what this thread's unseeded random numbers of Keras come from; None if none drew yet.

    `global_generator` would make one, for which it draws from Python's own generator.
    """
    return global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)


def global_generator() -> Any:
    """Return what this thread's unseeded random numbers of Keras come from."""
    return seed_generator.global_seed_generator()


# --- callbacks ------------------------------------------------------------------------------------


def callbacks_beside(callback: keras.callbacks.Callback) -> keras.callbacks.CallbackList | None:
    """Return the list that is calling one of its callbacks; None where no list calls it.

    Callbacks are told of the model and of the fit, not of one another: only their caller knows.
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and any(
            member is callback for member in caller.callbacks
        ):
            return caller
        frame = frame.f_back
    return None


def resumed_epoch(model: keras.Model) -> int | None:
    """Return the epoch at which BackupAndRestore has `model.fit` begin; None if it does not."""
    return cast(int | None, model._initial_epoch)


def forget_resumed_epoch(model: keras.Model) -> None:
    """Have the next training begin where it is told to; Keras never forgets a resumed epoch."""
    model._initial_epoch = None


def traces_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Tell whether TensorBoard profiles certain batches; it does not keep its `profile_batch`."""
    return bool(callback._should_trace)


# --- TensorFlow -----------------------------------------------------------------------------------


def as_graph(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return a `tf.function` that may be made for many models.

    TensorFlow counts traces by the line of source they come from, so it would warn of too many. And
    it keeps for good what it would need to differentiate a graph, which nobody does from outside:
    whatever takes gradients does it within.
    """

    def traced(*args: Any) -> Any:
        outputs = function(*args)
        for operation in tf.compat.v1.get_default_graph().get_operations():
            if operation.type == "IdentityN" and "_gradient_op_type" in operation.node_def.attr:
                name = operation.get_attr("_gradient_op_type").decode()
                ops.gradient_registry._registry.pop(name, None)
        return outputs

    graph = tf.function(traced, autograph=False, **options)
    graph._omit_frequent_tracing_warning = True
    return cast(Callable[..., Any], graph)


def with_other_captures(function: Any, old: Sequence[Any], new: Sequence[Any]) -> Any:
    """Return a concrete function as it is compiled, on other variables, given by their handles.

    It takes its variables as inputs of its graph; `captured_inputs` says which and cannot be set.
    """
    exchanged = {id(handle): other for handle, other in zip(old, new, strict=True)}
    copied = copy.copy(function)
    copied._captured_inputs = [exchanged[id(handle)] for handle in function.captured_inputs]
    return copied
