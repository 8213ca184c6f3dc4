"""Settings -> the plain Keras program that gives the same numbers without lrlab."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrlab.schedules import Schedule

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


def program(
    *,
    dataset: Dataset,
    building: str | None,
    compile_arguments: Mapping[str, Any],
    schedule: Schedule,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    learning_rate: float = 0.01,
    epochs: int,
    batch_size: int,
    seed: int,
    build_first: bool = False,
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
        learning_rate: From which a schedule starts that is a function of the epoch and the rate.
        epochs: How many epochs.
        batch_size: Samples a step.
        seed: For `keras.utils.set_random_seed`.
        build_first: Whether to build the optimizer before the fit does.
    """
    from lrlab.keras_code.source import (  # which loads Keras
        put_in_brackets,
        source_of_build,
        source_of_callback,
        source_of_compile,
        source_of_schedule,
    )

    given: list[str] = []
    imports, data, building = _data_and_model(dataset, building, given)
    definition, rate, listed = source_of_schedule(schedule, epochs, given, learning_rate)
    snippets = [c.as_plain_keras() for c in callbacks if hasattr(c, "as_plain_keras")]
    for snippet in snippets:
        definition += ["", "", snippet.definition.rstrip()]
    imports += [line for line in definition if line.startswith("import ")]
    definition = [line for line in definition if line not in imports]
    # An optimizer has to know its schedule when it is made, a callback only needs it in `fit`.
    before, after = (definition, []) if rate is not None else ([], definition)
    seeding = [*before, f"keras.utils.set_random_seed({seed})", f"model = {building}"]
    listed += [source_of_callback(callback, given) for callback in callbacks]
    argument = f"    {put_in_brackets('callbacks=[', listed, '],', 4)}\n" if listed else ""
    fit = _FIT.format(batch_size=batch_size, epochs=epochs, callbacks=argument)
    compiling = source_of_compile(compile_arguments, rate, given, schedule)
    if build_first:
        compiling += source_of_build(compile_arguments["optimizer"], building)
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
