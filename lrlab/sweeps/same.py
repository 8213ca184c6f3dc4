"""What makes a run the run that it is, as one digest: change anything, and it is another."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

import lrlab
from lrlab.experiment.compiling import optimizer_settings
from lrlab.experiment.experiment import Experiment
from lrlab.schedules import Schedule, is_keras_schedule
from lrlab.sweeps.digest import digest
from lrlab.training.internals import flatten_layers

__all__ = ["identity_of_experiment", "identity_of_run"]


def identity_of_experiment(experiment: Experiment) -> str:
    """Return a digest of all that a run's numbers depend on, but for rates, seed and callbacks.

    That is the data, the model's settings and first weights, the code of `build_model` and of
    whatever else is not part of an installed package, what the model is compiled with, epochs,
    batch size, and the versions of Keras, TensorFlow, lrlab and whatever else it uses. The names
    that Keras counts up as layers are made are not among it, so a fresh kernel finds what another
    one has done.
    """
    data = experiment.dataset
    compiled = dict(experiment.compile_arguments)
    optimizer = compiled.pop("optimizer")
    model = experiment.untrained()
    return digest(
        (keras.__version__, tf.__version__, lrlab.__version__),
        (data.x_train, data.y_train, data.x_val, data.y_val),
        (experiment.build_model, _settings(model), [w.numpy() for w in model.variables]),
        (*optimizer_settings(optimizer), compiled),
        (experiment.epochs, experiment.batch_size),
    )


def identity_of_run(
    experiment: str,
    schedule: Schedule,
    rates: np.ndarray,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> str:
    """Return the digest of one run, given that of its experiment and the rate of every step.

    Schedules of the same rates make the same run, unless there are callbacks, which may change the
    rate of one kind of schedule and not of another.
    """
    kind = "steps" if is_keras_schedule(schedule) else "epochs" if callable(schedule) else "number"
    return digest(experiment, rates, seed, [kind, *callbacks] if callbacks else None)


def _settings(model: keras.Model) -> list[Any]:
    """The classes of a model and its layers, and their settings with neutral names."""
    layers = flatten_layers(model)
    names = {layer.name: f"layer {number}" for number, layer in enumerate(layers)}

    def neutral(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("class_name") == "__lambda__":  # with the number of its line
                return "lambda"
            return {key: neutral(item) for key, item in value.items()}
        if isinstance(value, list):
            return [neutral(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a lambda could not be loaded: nothing loads it
        try:
            written = neutral(json.loads(model.to_json()) | {"compile_config": None})
        except (NotImplementedError, TypeError, ValueError):  # a subclass: its code will do
            written = None
    return [[type(layer) for layer in layers], written]
