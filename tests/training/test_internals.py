"""The names of Keras and TensorFlow that lrlab needs and that are not public, each with its use.

On a release without one of them this file is the first to fail, and says which one has gone.
"""

import ast
import importlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lrlab.backend import keras, tf

import pytest

import lrlab
from lrlab import backend
from lrlab.training import internals

PACKAGE = Path(lrlab.__file__).parent
INTERNALS = PACKAGE / "training" / "internals.py"

# What `internals` uses of the modules under keras.src.
FUNCTIONS = {
    "backend.compute_output_spec": "to build a model by the shape of its data, without a run",
    "backend.common.global_state.get_global_attribute": "the generator that a thread draws from",
    "backend.common.global_state.set_global_attribute": "to exchange that generator for a while",
    "random.seed_generator.GLOBAL_SEED_GENERATOR": "the name that it goes by",
    "random.seed_generator.global_seed_generator": "to make it, should nothing have drawn yet",
    "random.seed_generator.python_random": "the seed of every layer that is given none",
    "trainers.data_adapters.get_data_adapter": "arrays, weights and class weights as a step's",
    "trainers.data_adapters.array_data_adapter.can_convert_arrays": "what is an array to `fit`",
    "trainers.data_adapters.array_slicing.convert_to_sliceable": "tensors out of all of these",
    "trainers.data_adapters.array_slicing.train_validation_split": "validation_split, its errors",
    "utils.naming.auto_name": "the name of what is given none",
    "utils.naming.reset_uids": "to name the models of an experiment alike",
    "utils.rng_utils.GLOBAL_RANDOM_SEED": "whether a thread has seeded Keras itself",
    "utils.rng_utils.get_random_seed": "the same",
    "utils.python_utils.pythonify_logs": "logs as callbacks get them",
}


@cache
def compiled() -> keras.Model:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    return model


# Attributes that `internals` uses, and an object of Keras's or TensorFlow's that must have each.
ATTRIBUTES: dict[str, tuple[Callable[[], Any], str]] = {
    "_captured_inputs": (
        lambda: tf.function(lambda: 1).get_concrete_function(),
        "the variables of a compiled function, to exchange them",
    ),
    "_compile_config": (compiled, "the very objects that a model was compiled with"),
    "_compile_metrics": (compiled, "what holds the metrics of `compile`"),
    "_flatten_layers": (compiled, "layers within layers"),
    "_fn_kwargs": (keras.losses.Huber, "arguments that the config of a loss forgets"),
    "_initial_epoch": (compiled, "where BackupAndRestore resumes"),
    "_inputs": (
        lambda: importlib.import_module("keras.src.trainers.data_adapters").get_data_adapter(
            tf.zeros((1, 2))
        ),
        "the arrays that a data adapter has made",
    ),
    "_iterations": (lambda: compiled().optimizer, "the count at which a schedule is evaluated"),
    "_keras_history": (lambda: compiled().outputs[0], "the layer that makes an output"),
    "_learning_rate": (lambda: compiled().optimizer, "the schedule rather than its present rate"),
    "_omit_frequent_tracing_warning": (lambda: tf.function(len), "one line, many models"),
    "_registry": (lambda: internals.ops.gradient_registry, "what TensorFlow keeps of every trace"),
    "_should_trace": (
        lambda: keras.callbacks.TensorBoard(profile_batch=0),
        "whether TensorBoard profiles batches",
    ),
    "_symbolic_build": (compiled, "to make all variables before a trace"),
    "_user_metrics": (lambda: compiled()._compile_metrics, "metrics as they were given"),
    "_user_weighted_metrics": (lambda: compiled()._compile_metrics, "the same, with weights"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_this_keras_has_the_function(name: str) -> None:
    module, _, function = f"keras.src.{name}".rpartition(".")
    assert hasattr(importlib.import_module(module), function), FUNCTIONS[name]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_this_keras_has_the_attribute(name: str) -> None:
    made, use = ATTRIBUTES[name]
    assert hasattr(made(), name), use


def test_this_keras_counts_names_where_internals_looks() -> None:
    def named() -> str:
        return str(keras.layers.Dense(1).name)

    named()
    before = internals.name_counts()
    with internals.first_names():
        assert (named(), named()) == ("dense", "dense_1")
        assert internals.name_counts() == {"dense": 2}
    assert internals.name_counts() == before
    assert named() == f"dense_{before['dense']}"
    assert internals.first_name(keras.metrics.TopKCategoricalAccuracy) == (
        "top_k_categorical_accuracy"
    )


@pytest.mark.parametrize("name", backend._LOUD_LIBRARIES)
def test_this_tensorflow_has_the_library_that_writes_as_it_is_loaded(name: str) -> None:
    assert list(Path(tf.__file__).parent.glob(f"{name}*"))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def is_private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.endswith("_")


def private_names(path: Path) -> set[str]:
    """Attributes with a leading underscore that a file uses, those in a `getattr` too."""
    found: list[object] = []
    for node in nodes(path):
        if isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            found += [part.value for part in node.args[1:2] if isinstance(part, ast.Constant)]
    return {str(name) for name in found if is_private(name)}


def test_the_lists_are_complete() -> None:
    modules = {
        alias.name: f"{node.module}.{alias.name}"
        for node in nodes(INTERNALS)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if "keras.src" in str(node.module)
    }
    used = {
        f"{modules[node.value.id]}.{node.attr}"
        for node in nodes(INTERNALS)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
    }
    assert used == {f"keras.src.{name}" for name in FUNCTIONS}
    assert private_names(INTERNALS) == {*ATTRIBUTES}


OTHERS = sorted({*PACKAGE.glob("**/*.py")} - {INTERNALS})


def given_by_us() -> set[str]:
    """The private names that lrlab itself gives to something."""
    found: set[str] = set()
    for path in OTHERS:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                found |= {ast.unparse(node).removeprefix("self.")}
    return {name for name in found if is_private(name)}


GIVEN_BY_US = given_by_us()
# Of a named tuple, and of an executor of Python's.
SOMEBODY_ELSES = {"_asdict", "_replace", "_mp_context"}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_file_knows_the_insides(path: Path) -> None:
    text = path.read_text()
    assert "keras.src" not in text
    assert "tensorflow.python" not in text
    strings = {node.value for node in nodes(path) if isinstance(node, ast.Constant)}
    assert not (private_names(path) | strings) & {*ATTRIBUTES}
    assert private_names(path) <= GIVEN_BY_US | SOMEBODY_ELSES


def test_a_thread_draws_from_another_generator_only_for_a_while() -> None:
    keras.random.normal((1,))  # from one that is there now, if none was
    before, other = internals.present_generator(), keras.random.SeedGenerator(7)
    with internals.drawing_from(other):
        assert internals.present_generator() is other
    assert internals.present_generator() is before is not None
