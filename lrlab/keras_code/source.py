"""Keras objects -> the Python source that builds them, arguments at their defaults left out."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.schedules import is_keras_schedule, needs_rate
from lrlab.training.internals import arguments_of_function, first_names, seeded, traces_batches

_LINE = 88  # columns, what Black and Ruff take by default
# Arguments of callbacks that are kept in an attribute of another name.
_KEPT_AS = {"separator": "sep"}


class Name(str):
    """A piece of source, a variable's name for one, where otherwise a value would stand."""

    __slots__ = ()


def source_of_model(model: keras.Model) -> str:
    """Write the plain Keras expression that builds a Sequential model of built-in layers.

    It needs `import keras` and `from keras import layers`, and leaves out arguments at their
    defaults, names and compilation. After the same `keras.utils.set_random_seed`, the expression
    gives a model with the same initial weights as whatever built `model` layer by layer; weights
    that were trained since then are not part of it.

    Args:
        model: A `keras.Sequential`, built or not, nested ones included.

    Returns:
        An expression over several lines of at most 88 columns, formatted as Ruff does.

    Raises:
        ValueError: If the model cannot be expressed so: a functional graph, a subclass, a layer of
            one's own, a Lambda, a Bidirectional, a layer used twice, or one adapted to data.

    Example:
        >>> from lrlab import data, models
        >>> print(source_of_model(models.mlp(data.digits())))
        keras.Sequential(
            [
                keras.Input(shape=(64,)),
                layers.Dense(32, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
    """
    if type(model) is not keras.Sequential:
        raise ValueError(
            "Only a keras.Sequential can be written as a few lines of code. Received: a model of "
            f"type {type(model).__name__}. Keep the function that builds it."
        )
    for layer in _all_layers(model):
        if any(getattr(value, "__name__", "") == "<lambda>" for value in vars(layer).values()):
            raise ValueError(
                "A lambda has no source that Keras keeps. Received: one in layer "
                f"{layer.name!r}. Keep the function that builds the model."
            )
        if hasattr(layer, "adapt"):
            raise ValueError(
                f"What a {type(layer).__name__} layer learned by adapt() is not in its settings. "
                f"Received: layer {layer.name!r}. Scale the data before the model instead."
            )
        if isinstance(layer, keras.layers.Bidirectional):
            raise ValueError(
                "A Bidirectional layer does not say whether its backward layer was given, and the "
                f"first weights depend on it. Received: layer {layer.name!r}. Keep the function "
                "that builds the model."
            )
    # Default objects are built to compare with, and each of them draws a seed.
    try:
        with seeded(0):
            return source(keras.saving.serialize_keras_object(model), 0)
    except (AttributeError, NotImplementedError, TypeError) as error:  # without a full get_config
        raise ValueError(
            "Only layers that know their settings can be written as code. Received: a model with "
            f"one that does not ({error}). Keep the function that builds the model."
        ) from None


def _all_layers(model: keras.Sequential) -> Iterator[keras.layers.Layer]:
    if len({id(layer) for layer in model.layers}) < len(model.layers):
        raise ValueError(
            "A layer that is used twice shares its weights, which a list of layers does not show. "
            f"Received: layers {[layer.name for layer in model.layers]}. Use a layer once."
        )
    for layer in model.layers:
        yield from _all_layers(layer) if isinstance(layer, keras.Sequential) else (layer,)


def source(value: Any, indent: int, taken: int = 0) -> str:
    """A serialized Keras object, or a plain value, as source.

    Its later lines start at column `indent`, its first one `taken` columns further right.
    """
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, list):
        items = [source(item, indent + 4) for item in value]
        return put_in_brackets("[", items, "]", indent, taken + len(","))
    if not isinstance(value, dict):
        return _literal(value)
    if "class_name" not in value:
        keys = {source(key, 0): item for key, item in value.items()}
        parts = [f"{key}: {source(keys[key], indent + 4, len(key) + 2)}" for key in keys]
        return put_in_brackets("{", parts, "}", indent, taken + len(","))
    name, config = value["class_name"], value.get("config")
    module = value.get("module") or ""
    if module.split(".")[0] != "keras" or value.get("registered_name") or name == "Lambda":
        raise ValueError(
            "Only Keras's built-in layers, initializers and the like can be written as code. "
            f"Received: {name}{f' from {module}' if module else ''}. Keep the function that "
            "builds the model."
        )
    assert isinstance(config, dict)
    if name == "Sequential":
        margin = " " * (indent + 8)
        layers = [f"{margin}{source(layer, indent + 8)},\n" for layer in config["layers"]]
        if not layers:
            return "keras.Sequential()"
        return f"keras.Sequential(\n{margin[4:]}[\n{''.join(layers)}{margin[4:]}]\n{margin[8:]})"
    prefix = "layers" if module == "keras.layers" else module
    if name == "DTypePolicy":
        return _literal(config["name"])
    if name == "InputLayer":
        return call("keras.Input", _input_arguments(config), indent, taken)
    return call(f"{prefix}.{name}", _arguments(value), indent, taken)


def _input_arguments(config: dict[str, Any]) -> dict[str, Any]:
    batch, *shape = config["batch_shape"]
    sized = {"shape": tuple(shape)} if batch is None else {"batch_shape": (batch, *shape)}
    if config["dtype"] != keras.config.floatx():
        sized["dtype"] = config["dtype"]
    return sized | {key: True for key in ("sparse", "ragged", "optional") if config.get(key)}


def _arguments(value: dict[str, Any]) -> dict[str, Any]:
    """The arguments that differ from the defaults; required ones first, under keys 0, 1, ..."""
    path = f"{value['module']}.{value['class_name']}".split(".")[1:]
    cls, config = functools.reduce(getattr, path, keras), value["config"]
    parameters = inspect.signature(cls).parameters
    required = [
        key
        for key, parameter in parameters.items()
        if parameter.default is parameter.empty and key in config
    ]
    revive = keras.saving.deserialize_keras_object
    with first_names():
        default = cls(**{key: revive(_drop_names(config[key])) for key in required}).get_config()
    optional = [key for key in (*parameters, *config) if key in config and key not in required]
    if value["module"] == "keras.metrics":  # whose names are the keys of the history
        default["name"] = parameters["name"].default
    else:
        optional = [key for key in optional if key != "name"]
    changed = {key: config[key] for key in optional if config[key] != default.get(key)}
    return {str(i): config[key] for i, key in enumerate(required)} | changed


def _drop_names(value: Any) -> Any:
    """A serialized object without arguments that are names, of which only source can be made."""
    if not isinstance(value, dict):
        return value
    return {k: _drop_names(item) for k, item in value.items() if not isinstance(item, Name)}


def call(name: str, arguments: dict[str, Any], indent: int, taken: int = 0) -> str:
    """A call on one line if it fits, else its arguments on one line, else each on its own.

    An argument whose name is a number is given by position.
    """

    def written(indent: int) -> list[str]:
        return [
            source(value, indent)
            if key.isdigit()
            else f"{key}={source(value, indent, len(key) + 1)}"
            for key, value in arguments.items()
        ]

    inner = indent + 4
    flat = ", ".join(written(inner))
    if len(f"{name}({flat}),") + indent + taken <= _LINE and "\n" not in flat:
        return f"{name}({flat})"
    if len(flat) + inner <= _LINE and "\n" not in flat:
        return f"{name}(\n{' ' * inner}{flat}\n{' ' * indent})"
    lines = "".join(f"{' ' * inner}{argument},\n" for argument in written(inner))
    return f"{name}(\n{lines}{' ' * indent})"


def _literal(value: Any) -> str:
    """A plain value as Black writes it: strings in double quotes."""
    if isinstance(value, str):
        return '"' + repr(value)[1:-1].replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        items = ", ".join(map(_literal, value))
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"({items}{comma})" if isinstance(value, tuple) else f"[{items}]"
    return repr(value)


def put_in_brackets(
    opening: str, items: Sequence[str], closing: str, indent: int = 0, taken: int = 0
) -> str:
    """Write items between brackets: on one line if they fit, else each on its own."""
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) + indent + taken <= _LINE and "\n" not in line:
        return line
    lines = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return f"{opening}\n{lines}{' ' * indent}{closing}"


def serialize_or_name(value: Any, name: str, given: list[str]) -> Any:
    """Return a value for `source`; what has none is taken as given under its name."""
    if isinstance(value, str | int | float):
        return value
    with suppress(AttributeError, NotImplementedError, TypeError, ValueError):
        written = keras.saving.serialize_keras_object(value)
        source(written, 0)
        if _keeps_settings(value, written):
            return written
    given.append(name)
    return Name(name)


def _keeps_settings(value: Any, written: Any) -> bool:
    """Tell whether Keras serialized a loss or metrics in full: of a Huber loss it forgets delta."""
    revived = keras.saving.deserialize_keras_object(written)
    before, after = (
        [arguments_of_function(part) for part in keras.tree.flatten(parts)]
        for parts in (value, revived)
    )
    return before == after


def source_of_schedule(
    schedule: Any, epochs: int, given: list[str], learning_rate: float = 0.01
) -> tuple[list[str], Any, list[str]]:
    """Return the lines that define it, what the optimizer gets, and the callbacks it needs."""
    definition: list[str] = []
    if _knows_its_source(schedule):
        text, expression = schedule.as_plain_keras()
        definition, rate = ["", "", *text.splitlines(), "", ""], Name(expression)
    elif is_keras_schedule(schedule):
        rate = serialize_or_name(schedule, "schedule", given)
    elif needs_rate(schedule):  # which a callback may change, too: a table of rates would not do
        definition, name = _source_of_function(schedule, given)
        if not _returns_floats(schedule, epochs, learning_rate):  # alone Keras takes
            name = f"lambda epoch, rate: float(({name})(epoch, rate))"
        return definition, learning_rate, [f"keras.callbacks.LearningRateScheduler({name})"]
    elif callable(schedule):
        rates = [repr(float(schedule(epoch))) for epoch in range(epochs)]
        definition = ["", "# One an epoch.", put_in_brackets("learning_rates = [", rates, "]")]
        rate = Name("lambda epoch: learning_rates[epoch]")
    else:
        rate = Name(repr(float(schedule)))
    if callable(schedule) and not is_keras_schedule(schedule):
        return definition, None, [f"keras.callbacks.LearningRateScheduler({rate})"]
    return definition, rate, []


def _knows_its_source(schedule: Any) -> bool:
    """Whether it says its own plain Keras, not that of a class whose rates it has changed."""

    def depth(name: str) -> float:
        kinds = enumerate(type(schedule).__mro__)
        return next((depth for depth, kind in kinds if name in vars(kind)), math.inf)

    return depth("as_plain_keras") < math.inf and depth("as_plain_keras") <= depth("__call__")


def _returns_floats(schedule: Any, epochs: int, rate: float) -> bool:
    rates: list[Any] = [rate]
    for epoch in range(epochs):
        rates.append(schedule(epoch, float(rates[-1])))
    return all(isinstance(rate, float | np.float32) for rate in rates)


def _source_of_function(function: Any, given: list[str]) -> tuple[list[str], str]:
    """Return the lines that define a function, and its name; it is given if these would not do.

    They would not where it has what no line of its own says: a variable that it is closed over, a
    global other than a module, a default, a decorator. Nor is there any of what was typed into a
    plain Python, or is no function.
    """
    with suppress(OSError, SyntaxError, TypeError):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        variables = inspect.getclosurevars(function)
        modules = {name: part for name, part in variables.globals.items() if inspect.ismodule(part)}
        found = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Lambda | ast.FunctionDef)
            and getattr(node, "name", "<lambda>") == function.__name__
            and not (getattr(node, "decorator_list", ()) or node.args.defaults)
            and not node.args.kwonlyargs
        ]
        if len(found) == 1 and not variables.nonlocals and modules == variables.globals:
            imports = [
                f"import {part.__name__}" + f" as {name}" * (name != part.__name__)
                for name, part in modules.items()
                if name != "keras"
            ]
            written = ast.unparse(found[0])
            if isinstance(found[0], ast.Lambda):
                return imports, written
            return [*imports, "", "", *written.splitlines(), "", ""], function.__name__
    given.append("schedule")
    return [], "schedule"


def source_of_compile(
    arguments: Mapping[str, Any], rate: Any, given: list[str], schedule: Any = None
) -> str:
    """Write `model.compile(...)` with this rate in the optimizer, or its default one for None.

    An optimizer of lrlab's is written as a class of plain Keras; it is told the schedule.
    """
    before, lines = [], ["model.compile("]
    for name, value in arguments.items():
        if hasattr(value, "as_plain_keras"):
            write = functools.partial(_source_of_momentum, given)
            definition, kind = value.as_plain_keras(schedule, write)
            before += ["", "", *definition.splitlines(), "", ""]
            settings = {} if rate is None else {"learning_rate": rate}
            settings["momentum"] = 1.0
            value = Name(call(kind, settings, 4, len("optimizer=")))
        elif name == "optimizer":
            try:
                value = _set_rate(_serialized(value), rate)
                value = Name(source(value, 4, len("optimizer=")))
            except (NotImplementedError, TypeError, ValueError):  # one of somebody's own
                given.append(name)
                value = Name(name)
                if rate is not None:
                    setting = "optimizer.learning_rate = "
                    before.append(f"{setting}{source(rate, 0, len(setting))}")
        elif value is None:
            continue
        else:
            value = serialize_or_name(value, name, given)
        lines.append(f"    {name}={source(value, 4, len(name) + 1)},")
    return "\n".join([*before, *lines, ")"])


def _source_of_momentum(given: list[str], schedule: Any) -> str:
    """Write the schedule of an optimizer's momentum, as an attribute of its class."""
    name = "momentum_schedule"
    return source(serialize_or_name(schedule, name, given), 4, len(name) + 3)


def source_of_build(optimizer: Any, building: str) -> str:
    """Write the lines that build an optimizer before the fit does, and why."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    lines = [
        "",
        f"# {type(inner).__name__} starts from the weights, and has to be built by hand for that:",
        "# when fit builds it, within the first step, they are lost, and it starts from zeros.",
    ]
    if "keras.Input(" not in building:
        lines.append("model(x_train[:1])  # without an Input there are no weights yet")
    return "\n".join([*lines, "model.optimizer.build(model.trainable_variables)"])


def _serialized(optimizer: Any) -> Any:
    """An optimizer, serialized; a subclass of Keras's for several parts as Keras's."""
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        kind = {"module": "keras.optimizers", "class_name": "MultiOptimizer"}
        return kind | {"config": optimizer.get_config()}
    return keras.saving.serialize_keras_object(optimizer)


def _set_rate(optimizer: Any, rate: Any) -> Any:
    """A serialized optimizer with this rate, or with its default one for None.

    Of several parts the first in the map gets it; the others keep their own.
    """
    config = dict(optimizer["config"])
    if "optimizer_map" in config:
        parts = config["optimizer_map"]["config"]
        (first, part), *others = parts["optimizer_map"].items()
        parts |= {"optimizer_map": {first: _set_rate(part, rate), **dict(others)}}
    elif "inner_optimizer" in config:  # of a LossScaleOptimizer, which takes no rate itself
        config["inner_optimizer"] = _set_rate(config["inner_optimizer"], rate)
    else:
        config.pop("learning_rate", None)
        config |= {} if rate is None else {"learning_rate": rate}
    return optimizer | {"config": config}


def source_of_callback(callback: keras.callbacks.Callback, given: list[str]) -> str:
    """Write a built-in callback with the arguments that differ from their defaults.

    Callbacks have no `get_config`, but keep most of their arguments in attributes of that name.
    """
    if hasattr(callback, "as_plain_keras"):
        name: str = callback.as_plain_keras().name
        return name
    cls, built_in = type(callback), type(callback).__module__.startswith("keras.")
    arguments = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if not built_in or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = getattr(callback, _KEPT_AS.get(name, name), parameter.default)
        if name == "min_delta":  # stored with the sign of the direction of improvement
            value = abs(value)
        if parameter.default is parameter.empty or value != parameter.default:
            arguments[name] = value
    if not (built_in and _keeps_all(callback) and all(map(_is_literal, arguments.values()))):
        name = "".join("_" * c.isupper() + c.lower() for c in cls.__name__).strip("_")
        name += f"_{sum(g.startswith(name) for g in given) + 1}" if name in given else ""
        given.append(name)
        return name
    return call(f"keras.callbacks.{cls.__name__}", arguments, 8)


def _keeps_all(callback: keras.callbacks.Callback) -> bool:
    """Whether a built-in callback is made again by the arguments that it has kept.

    Two keep one to themselves: the loss that is to be beaten, and the batches that are profiled.
    """
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        return callback.best is None
    return not (isinstance(callback, keras.callbacks.TensorBoard) and traces_batches(callback))


def _is_literal(value: Any) -> bool:
    """Whether a value reads in a program as it is; no callback of Keras's keeps a list of them."""
    finite = not isinstance(value, float) or math.isfinite(value)
    return value is None or (type(value) in (bool, int, float, str) and finite)
