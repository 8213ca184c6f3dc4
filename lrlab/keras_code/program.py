"""Settings -> the plain Keras program that gives the same numbers without lrlab."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrlab.schedules import Schedule, StepDecay, is_keras_schedule

if TYPE_CHECKING:
    import keras

    from lrlab.data import Dataset

_FIT = """\
history = model.fit(
    x_train,
    y_train,
    batch_size={batch_size},
    epochs={epochs},
    validation_data=(x_val, y_val),
    # The same batches in the same order every time, so that two runs differ by their
    # learning rate alone. In your own training leave this out: True is right there.
    shuffle=False,
{callbacks}    verbose=0,
)
"""

_PRINT = """\
for name, values in history.history.items():
    print(f"{name}: {values[-1]:.4f}")
"""


@dataclass(frozen=True)
class Snippet:
    """What a callback of lrlab's is in plain Keras; its method `as_plain_keras` returns one.

    Attributes:
        definition: The lines that define it and make it, before the fit.
        name: The variable that these leave it in.
        ending: The lines that print what it found, instead of the history.
    """

    definition: str
    name: str
    ending: str


_ONE_CYCLE = """\

class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    # Up along half a cosine from {first:.6g} to {top:.6g}, then down to {last:.6g}.
    peak = {peak!r}  # step
    up = {up}
    down = {down}

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        beyond = step - self.peak
        return keras.ops.where(beyond < 0, self.up(step), self.down(beyond))


"""


# Arguments of callbacks that are kept in an attribute of another name.
_KEPT_AS = {"separator": "sep"}


def program(
    *,
    dataset: Dataset,
    building: str | None,
    compile_arguments: Mapping[str, Any],
    schedule: Schedule,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    epochs: int,
    batch_size: int,
    seed: int,
) -> str:
    """Return the program that trains a model as described from its seed and prints the last logs.

    With a built-in data set and an expression for the model it is complete. Otherwise a
    comment at its top names what it takes as given: `build_model, x_train, y_train, x_val, y_val`
    and whatever else of one's own has no source here, a loss function for one.

    Args:
        dataset: The data; built-in ones know the lines that make them.
        building: The expression that builds the model, see `source_of_model`; None for none.
        compile_arguments: What `model.compile` was given; the optimizer as an object.
        schedule: As for `Experiment.run`.
        callbacks: Those of the run. Built-in ones are written with their settings.
        epochs: How many epochs.
        batch_size: Samples a step.
        seed: For `keras.utils.set_random_seed`.
    """
    given: list[str] = []
    imports, data, building = _data_and_model(dataset, building, given)
    definition, rate, listed = _schedule(schedule, epochs, given)
    snippets = [c.as_plain_keras() for c in callbacks if hasattr(c, "as_plain_keras")]
    for snippet in snippets:
        definition += ["", "", snippet.definition.rstrip()]
    listed += [_callback(callback, given) for callback in callbacks]
    # An optimizer has to know its schedule when it is made, a callback only needs it in `fit`.
    before, after = (definition, []) if rate is not None else ([], definition)
    seeding = [*before, f"keras.utils.set_random_seed({seed})", f"model = {building}"]
    fit = _FIT.format(
        batch_size=batch_size,
        epochs=epochs,
        callbacks=_listed(listed),
    )
    compiling = _compile(compile_arguments, rate, given)
    header = [f"# Takes as given: {', '.join(dict.fromkeys(given))}."] if given else []
    imports = sorted(imports, key=lambda line: (line.startswith("from"), line))
    ending = "".join(snippet.ending for snippet in snippets) or _PRINT
    lines = [*header, *imports, "", *data, *seeding, compiling, *after, fit + ending]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines))


def _data_and_model(
    dataset: Dataset, building: str | None, given: list[str]
) -> tuple[list[str], list[str], str]:
    """Return the imports, the lines that make the data, and the expression for the model."""
    if building is None or not dataset.code:
        given += ["build_model", "x_train", "y_train", "x_val", "y_val"]
        return ["import keras"], [], "build_model()"
    lines = dataset.code.splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    data = "\n".join(line for line in lines if line not in imports).strip()
    return ["import keras", "from keras import layers", *imports], [data, ""], building


def _schedule(
    schedule: Schedule, epochs: int, given: list[str]
) -> tuple[list[str], Any, list[str]]:
    """Return the lines that define it, what the optimizer gets, and the callbacks it needs."""
    from lrlab.keras_code.source import Name

    if isinstance(schedule, StepDecay):
        lines = [
            "",
            "",
            "def schedule(epoch):",
            f"    return {schedule.initial_learning_rate!r} * {schedule.decay_factor!r}"
            f" ** (epoch // {schedule.epochs_per_drop!r})",
            "",
            "",
        ]
        return lines, None, ["keras.callbacks.LearningRateScheduler(schedule)"]
    if is_keras_schedule(schedule):
        if type(schedule).__name__ == "OneCycleSchedule":
            return _one_cycle(schedule), Name("OneCycle()"), []
        return [], _object(schedule, "schedule", given), []
    if callable(schedule):
        rates = [repr(float(schedule(epoch))) for epoch in range(epochs)]
        table = f"learning_rates = [{', '.join(rates)}]"
        if len(table) > 88:
            table = "learning_rates = [\n" + "".join(f"    {rate},\n" for rate in rates) + "]"
        lines = ["", "# One an epoch.", table]
        by_epoch = "lambda epoch: learning_rates[epoch]"
        return lines, None, [f"keras.callbacks.LearningRateScheduler({by_epoch})"]
    return [], Name(repr(float(schedule))), []


def _one_cycle(schedule: Any) -> list[str]:
    """The lines of a class that does the same: Keras has none."""
    from lrlab.keras_code.source import source

    up, down = _serialized(schedule.up), _serialized(schedule.down)
    code = _ONE_CYCLE.format(
        first=schedule.up.initial_learning_rate,
        top=schedule.down.initial_learning_rate,
        last=schedule.down.initial_learning_rate * schedule.down.alpha,
        up=source(up, 4, len("up = ") - 1),
        down=source(down, 4, len("down = ") - 1),
        peak=schedule.config["peak_step"],
    )
    return code.splitlines()


def _compile(arguments: Mapping[str, Any], rate: Any, given: list[str]) -> str:
    from lrlab.keras_code.source import Name, source

    before, lines = [], ["model.compile("]
    for name, value in arguments.items():
        if name == "optimizer":
            try:
                written = _with_rate(_serialized(value), rate)
                value = Name(source(written, 4, len("optimizer=")))
            except (ValueError, TypeError):  # one of somebody's own
                given.append(name)
                value = Name(name)
                if rate is not None:
                    setting = "optimizer.learning_rate = "
                    before.append(f"{setting}{source(rate, 0, len(setting))}")
        elif value is None:
            continue
        else:
            value = _object(value, name, given)
        lines.append(f"    {name}={source(value, 4, len(name) + 1)},")
    return "\n".join([*before, *lines, ")"])


def _with_rate(optimizer: Any, rate: Any) -> Any:
    """A serialized optimizer with this rate, or with its default one for None."""
    config = dict(optimizer["config"])
    if "inner_optimizer" in config:  # of a LossScaleOptimizer, which takes no rate itself
        config["inner_optimizer"] = _with_rate(config["inner_optimizer"], rate)
    else:
        config.pop("learning_rate", None)
        config |= {} if rate is None else {"learning_rate": rate}
    return optimizer | {"config": config}


def _serialized(value: Any) -> Any:
    from lrlab.backend import keras

    return keras.saving.serialize_keras_object(value)


def _object(value: Any, name: str, given: list[str]) -> Any:
    """A value for `source`; what has none is taken as given under its name."""
    from lrlab.keras_code.source import Name, source

    written = value if isinstance(value, str | int | float) else _serialized(value)
    try:
        source(written, 0)
        complete = _keeps_settings(value, written)
    except (ValueError, TypeError):
        complete = False
    if complete:
        return written
    given.append(name)
    return Name(name)


def _keeps_settings(value: Any, written: Any) -> bool:
    """Tell whether Keras serialized a loss or metrics in full: of a Huber loss it forgets delta."""
    from lrlab.backend import keras

    from lrlab.training.internals import arguments_of_function

    revived = keras.saving.deserialize_keras_object(written)
    before, after = (
        [arguments_of_function(part) for part in keras.tree.flatten(parts)]
        for parts in (value, revived)
    )
    return before == after


def _callback(callback: keras.callbacks.Callback, given: list[str]) -> str:
    """A built-in callback with the arguments that differ from their defaults.

    Callbacks have no `get_config`, but keep most of their arguments in attributes of that name.
    """
    from lrlab.keras_code.source import call

    if hasattr(callback, "as_plain_keras"):
        name: str = callback.as_plain_keras().name
        return name
    cls = type(callback)
    arguments = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = getattr(callback, _KEPT_AS.get(name, name), parameter.default)
        if name == "min_delta":  # stored with the sign of the direction of improvement
            value = abs(value)
        if parameter.default is parameter.empty or value != parameter.default:
            arguments[name] = value
    built_in = cls.__module__.startswith("keras.")
    if not (built_in and all(map(_is_literal, arguments.values()))):
        name = "".join("_" * c.isupper() + c.lower() for c in cls.__name__).strip("_")
        name += f"_{sum(g.startswith(name) for g in given) + 1}" if name in given else ""
        given.append(name)
        return name
    return call(f"keras.callbacks.{cls.__name__}", arguments, 8)


def _is_literal(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_literal, value))
    finite = not isinstance(value, float) or math.isfinite(value)
    return value is None or (type(value) in (bool, int, float, str) and finite)


def _listed(callbacks: Sequence[str]) -> str:
    if not callbacks:
        return ""
    line = f"    callbacks=[{', '.join(callbacks)}],"
    if len(line) <= 88 and "\n" not in line:
        return f"{line}\n"
    items = "".join(f"        {callback},\n" for callback in callbacks)
    return f"    callbacks=[\n{items}    ],\n"
