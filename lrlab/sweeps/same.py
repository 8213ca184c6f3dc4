"""Whether the runs of a file are those of an experiment, and which of them is which.

A file begins with a header: plain settings, and hashes of the data and the first weights. What no
setting shows, such as the code of a loss, shows in the numbers of a first epoch trained again.
"""

from __future__ import annotations

import inspect
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pickle import PicklingError
from typing import Any, TypeAlias

from lrlab.backend import keras, tf

import joblib
import numpy as np

import lrlab
from lrlab.experiment.compiling import optimizer_settings
from lrlab.experiment.experiment import Experiment
from lrlab.experiment.run import Run
from lrlab.schedules import Schedule, is_keras_schedule
from lrlab.sweeps.settings import label_of

__all__ = ["Callbacks", "check_first_epoch", "header_of", "key_of", "key_of_variant"]

Callbacks: TypeAlias = Sequence[keras.callbacks.Callback]

_STABLE = "good", "too low"  # verdicts of runs whose numbers are not chaotic
_TOLERANCE = 1e-3  # relative; their numbers differ by less from one kind of processor to another
# What Keras's callbacks change as they train; their other attributes are settings.
_STATE = {"best", "best_epoch", "best_weights", "cooldown_counter", "monitor_op", "stopped_epoch"}
_STATE |= {"wait", *vars(keras.callbacks.Callback())}


def header_of(experiment: Experiment) -> dict[str, Any]:
    """Return what the numbers of all runs depend on, in JSON's types.

    The names that Keras counts up as layers are made are not among it, so a fresh kernel finds what
    another one has done.
    """
    data, model = experiment.dataset, experiment.untrained()
    arrays = data.x_train, data.y_train, data.x_val, data.y_val
    compiled = {
        **experiment.compile_arguments,
        "optimizer": optimizer_settings(experiment.model.optimizer),
    }
    header = {
        **{f"the version of {p.__name__}": p.__version__ for p in (lrlab, keras, tf, np)},
        "data": joblib.hash(
            [keras.tree.map_structure(np.ascontiguousarray, array) for array in arrays]
        ),
        "model": joblib.hash(_architecture(model)),
        "first weights": joblib.hash([(v.trainable, v.numpy()) for v in model.variables]),
        **{name.replace("_", " "): _plain(value) for name, value in compiled.items()},
        "epochs": experiment.epochs,
        "batch size": experiment.batch_size,
    }
    text = json.dumps(header, default=joblib.hash)  # an array is its hash
    plain: dict[str, Any] = json.loads(text, parse_constant=str)  # JSON has no NaN
    return plain


def key_of(schedule: Schedule, rates: np.ndarray, seed: int, callbacks: Callbacks) -> str:
    """Return by what a run is known among those of its experiment.

    Schedules of the same rates make the same run, unless there are callbacks, which may change the
    rate of one kind of schedule and not of another.
    """
    kind = "steps" if is_keras_schedule(schedule) else "epochs" if callable(schedule) else "number"
    settings = [kind, *map(_plain, callbacks)]
    return str(joblib.hash([rates, seed, settings if callbacks else None]))


def key_of_variant(variant: Experiment, experiment: Experiment) -> str:
    """Return what its keys end in among those of an experiment; nothing, where it is that one."""
    if variant is experiment:
        return ""
    settings = [_plain(optimizer_settings(variant.model.optimizer)), variant.batch_size]
    return f"-{joblib.hash(json.dumps(settings, default=joblib.hash))}"


def check_first_epoch(experiment: Experiment, stored: Sequence[Run], callbacks: Callbacks) -> None:
    """Train one epoch of a stored run again, and raise a ValueError if it had other numbers.

    It is one whose training is stable: rounding alone changes the numbers of others. If there is
    none, the loss before training is compared alone.
    """
    stable = [run for run in stored if run.verdict in _STABLE]
    run = min(stable or stored, key=lambda run: (run.verdict != "good", run.learning_rates[0]))
    with closing(experiment.follow(run.schedule, callbacks=callbacks, seed=run.seed)) as epochs:
        again = next(epochs)
    compared = {"loss before training": (run.start_loss, again.start_loss)}
    for name, values in run.history.items() if stable else ():
        here = again.history.get(name, [np.nan])
        compared[f"{name} after one epoch"] = values[0], here[0]
    for name, numbers in compared.items():
        if not np.allclose(*numbers, rtol=_TOLERANCE, equal_nan=True):
            there, here = np.round(numbers, 6)
            raise ValueError(
                "A `path` holds the runs of one experiment. Received: a file whose run with "
                f"{label_of(run.schedule)} and seed {run.seed} had {name} {there}, where it is "
                f"{here} now: something changed that no setting shows, such as code. Give another "
                "path; this file stays as it is."
            )


def _architecture(model: keras.Model) -> str:
    """A model's settings as Keras writes them, but for code and for the numbers that it counts up.

    What is `dense_7` here may be `dense_2` in another process.
    """

    def without_code(part: dict[str, Any]) -> Any:
        part.pop("compile_config", None)
        return "code" if part.get("class_name") == "__lambda__" else part

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a lambda could not be loaded: nothing loads it
        try:
            written = json.loads(model.to_json(), object_hook=without_code)
        except (NotImplementedError, TypeError, ValueError):  # the first weights will do
            written = type(model).__qualname__
    return re.sub(r'_\d+"', '"', json.dumps(written))


def _plain(value: Any) -> Any:
    """A value as numbers, words and arrays, and lists and dicts of them.

    An object is its class and its settings, or a hash of what is in it; a function its name and the
    values that it is closed over. Of a function that a callback was given, the source counts too.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [*map(_plain, value)]
    if isinstance(value, type):
        return value.__qualname__
    if value is None or isinstance(value, bool | int | float | str | np.ndarray | np.generic):
        return value
    if inspect.isfunction(value):
        within = [cell.cell_contents for cell in value.__closure__ or ()]
        within = [part.__name__ if inspect.isfunction(part) else _plain(part) for part in within]
        return [value.__qualname__, _plain(value.__defaults__), within]
    kind = type(value).__qualname__
    if isinstance(value, keras.callbacks.Callback):
        settings = {name: part for name, part in vars(value).items() if name not in _STATE}
        if "min_delta" in settings:
            settings["min_delta"] = abs(settings["min_delta"])  # training gives it a sign
        return [
            kind,
            _plain(settings),
            [*map(_source, filter(inspect.isfunction, settings.values()))],
        ]
    with suppress(AttributeError, NotImplementedError):
        return [kind, _plain(value.get_config() | {"name": None})]
    with suppress(PicklingError, AttributeError, TypeError):
        return [kind, joblib.hash(value)]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except OSError:  # it was typed into a plain Python
        return ""
