"""What a model is compiled with, and whether an experiment can train it."""

from __future__ import annotations

import copy
import dataclasses
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.checks import named_arrays
from lrlab.data import Dataset, is_one_hot
from lrlab.training.fit import check_labels, loops_itself
from lrlab.training.internals import compile_arguments, first_name, layer_behind, name_counts


def compile_model(
    model: keras.Model, dataset: Dataset, x: Any, optimizer: Any, loss: Any, metrics: Any
) -> dict[str, Any]:
    """Compile a model, or give a compiled one an optimizer of its own; return the arguments.

    Args:
        model: The model; a compiled one keeps its optimizer, loss and metrics.
        dataset: Says what there is to learn.
        x: Some inputs, for a look at what the model gives.
        optimizer: As for `model.compile`.
        loss: As for `model.compile`; None for the default.
        metrics: As for `model.compile`; None for the default.
    """
    if model.compiled:
        if loss is not None or metrics is not None or optimizer != "sgd":
            raise ValueError(
                "A compiled model keeps its own optimizer, loss and metrics. Received: a "
                "compiled model and one of these as well. Leave out `compile` or these."
            )
        arguments = dict(compile_arguments(model))
        model.optimizer = copy_optimizer(model.optimizer)
    else:
        arguments = {"optimizer": copy_optimizer(optimizer), "loss": loss, "metrics": metrics}
        if loss is None or (metrics is None and not _gives_several(model, dataset)):
            default = default_loss_and_metrics(model, dataset, x, loss)
            arguments |= {name: default[name] for name in default if arguments[name] is None}
        model.compile(**arguments)
    kept = ("loss", "loss_weights", "metrics", "weighted_metrics")
    given = {name: arguments[name] for name in kept if arguments.get(name) is not None}
    return {"optimizer": model.optimizer} | given


def with_first_names(metrics: Any) -> Any:
    """Return metrics under the names that a first run of these lines gives them.

    Keras counts up the names of objects that are given none, so that in a cell that is run again
    `auc` is called `auc_1`. Then nobody finds the history's `val_auc`, nor a sweep its file.
    """
    counts = name_counts()
    counted: dict[str, list[tuple[int, Any]]] = {}
    for metric in keras.tree.flatten(metrics):
        if isinstance(metric, keras.metrics.Metric):
            first = first_name(type(metric))
            number = re.fullmatch(rf"{first}(?:_(\d+))?", metric.name)
            if number and int(number[1] or 0) < counts.get(first, 0):
                counted.setdefault(first, []).append((int(number[1] or 0), metric))
    renamed = {}
    for first, found in counted.items():
        for index, (_, metric) in enumerate(sorted(found, key=lambda pair: pair[0])):
            renamed[id(metric)] = copy.copy(metric)
            renamed[id(metric)].name = f"{first}_{index}" if index else first
    return keras.tree.map_structure(lambda part: renamed.get(id(part), part), metrics)


def _gives_several(model: keras.Model, dataset: Dataset) -> bool:
    """Whether metrics have to say of which output they are, so that there are no usual ones."""
    several = len(getattr(model, "outputs", None) or ()) > 1
    return several or dataset.task == "several targets"


def makes_own_loss(model: keras.Model) -> bool:
    """Tell whether a compiled model computes its loss in a `train_step` of its own."""
    return model.loss is None and type(model).train_step is not keras.Model.train_step


def check_can_train(model: keras.Model) -> None:
    """Raise a ValueError for a compiled model whose epochs cannot be compiled as one call."""
    if reason := loops_itself(model):
        raise ValueError(
            "An Experiment runs Keras's own training loop as one compiled call. Received: a model "
            f"for which that is not possible, because of {reason}. Leave that out, or train with "
            "model.fit or lrlab.fit."
        )
    if makes_own_loss(model) and type(model).test_step is keras.Model.test_step:
        raise ValueError(
            "A model that computes its loss in its `train_step` needs a `test_step` as well, which "
            f"returns it under the name loss for the validation. Received: {type(model).__name__} "
            "compiled without a loss. Write a `test_step`, or compile with `loss=`."
        )


def copy_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """Return a fresh copy whose learning rate is a number: a schedule could not be replaced."""
    optimizer = keras.optimizers.get(optimizer)
    if optimizer is None:
        raise ValueError(
            "`optimizer` must be a name or a Keras optimizer. Received: optimizer=None. "
            'Try optimizer="sgd".'
        )
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            "An experiment sets the one learning rate of its optimizer. Received: a "
            f"{type(optimizer).__name__} without one: it has several, one for each group of "
            "variables. Give a single optimizer; or train with model.fit or lrlab.fit, where each "
            "group keeps its own rate."
        )
    config = optimizer.get_config()
    if "inner_optimizer" in config:  # of a LossScaleOptimizer, which has no rate of its own
        return type(optimizer)(
            **config | {"inner_optimizer": copy_optimizer(optimizer.inner_optimizer)}
        )
    if not isinstance(config.get("learning_rate", 0.0), float):
        config["learning_rate"] = 0.01
    return type(optimizer).from_config(config)


def optimizer_with(
    optimizer: keras.optimizers.Optimizer, **settings: float
) -> keras.optimizers.Optimizer:
    """Return an optimizer as another one, but for its momentum, its weight decay or both.

    Raises:
        ValueError: If it has no momentum, and one above 0 is asked for.
    """
    config = optimizer.get_config()
    momentum = settings.get("momentum", 0)
    if momentum and "momentum" not in config:
        raise ValueError(
            f"`momentum` must be 0 where the optimizer has none. Received: {momentum:g} "
            f"with {type(optimizer).__name__}. Try weight_decay."
        )
    config |= {name: value for name, value in settings.items() if name in config}
    config["weight_decay"] = config["weight_decay"] or None
    return type(optimizer).from_config(config)


@contextmanager
def settings_kept(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Refuse, and undo, what a callback sets in an optimizer that has been compiled.

    Its rate is a variable, and may change. Whatever is a mere number was fixed as it was compiled.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    before = {k: v for k, v in vars(inner).items() if isinstance(v, int | float | str | None)}
    changed: dict[str, Any] = {}
    try:
        yield
    finally:
        changed |= {k: getattr(inner, k) for k, v in before.items() if getattr(inner, k) != v}
        for name in changed:
            setattr(inner, name, before[name])
    if changed:
        received = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        raise ValueError(
            "An experiment is compiled before its callbacks are called, so but for the rate they "
            f"can set nothing in its optimizer. Received: a callback that set {received}. Give "
            "the experiment an optimizer with that: Experiment(..., optimizer=...)."
        )


def optimizer_settings(optimizer: keras.optimizers.Optimizer) -> tuple[type, dict[str, Any]]:
    """Return its class and its config, without its rate, and its name, which Keras counts up."""
    config = optimizer.get_config() | {"learning_rate": None, "name": None}
    if "inner_optimizer" in config:  # of a LossScaleOptimizer
        config["inner_optimizer"] = optimizer_settings(optimizer.inner_optimizer)
    return type(optimizer), config


def same_settings(one: keras.optimizers.Optimizer, other: keras.optimizers.Optimizer) -> bool:
    """Tell whether two optimizers differ by their rates and names alone."""
    ours, theirs = (
        dict(keras.tree.flatten_with_path(optimizer_settings(optimizer)))
        for optimizer in (one, other)
    )
    return ours.keys() == theirs.keys() and all(
        np.array_equal(ours[path], theirs[path]) for path in ours
    )


def last_activation(model: Any) -> Any:
    """The activation that makes a model's outputs, looked for in nested models; None if unknown."""
    layer = model
    while isinstance(layer, keras.Model):
        outputs = getattr(layer, "outputs", None) or []  # a subclass has none
        if len(outputs) != 1:
            return None
        layer = layer_behind(outputs[0])
    return getattr(layer, "activation", None)


def classes_of(outputs: np.ndarray, model: Any) -> np.ndarray:
    """The class that each of a model's outputs stands for; -1 where one is NaN."""
    if outputs.shape[-1] == 1:
        linear = last_activation(model) is keras.activations.linear
        logits = getattr(model.loss, "from_logits", linear)
        classes = (outputs[:, 0] > (0.0 if logits else 0.5)).astype(int)
    else:
        classes = outputs.argmax(axis=-1)
    return np.where(np.isfinite(outputs).all(axis=-1), classes, -1)


def with_classes(dataset: Dataset, model: keras.Model, loss: Any) -> Dataset:
    """Take floats for class numbers where they are all whole and the model tells classes apart.

    Who names a loss, or compiles the model, has said what they are.

    Raises:
        ValueError: If it does so by a softmax, and they are no class numbers.
    """
    activation, y = last_activation(model), dataset.y_train
    if (
        dataset.task != "regression"
        or loss is not None
        or model.compiled
        or activation not in (keras.activations.softmax, keras.activations.sigmoid)
        or math.prod(y.shape[1:]) != 1
    ):
        return dataset
    softmax, units = activation is keras.activations.softmax, model.output_shape[-1]
    classes = units if softmax else 2
    both = np.concatenate([y.ravel(), dataset.y_val.ravel()])
    wrong = both[(both != np.round(both)) | (both < 0) | (both >= classes)]
    if wrong.size and softmax:
        raise ValueError(
            f"A softmax tells classes apart, which are whole numbers, here from 0 to {units - 1}. "
            f"Received: targets such as {wrong[0]:.6g}. Renumber them with np.unique(y, "
            "return_inverse=True)[1]; for amounts to predict, give the last layer no activation."
        )
    if wrong.size or units != (classes if softmax else 1):
        return dataset
    arrays = {name: getattr(dataset, name).astype("int64") for name in ("y_train", "y_val")}
    return dataclasses.replace(dataset, **arrays, task="classification", classes=classes)


def _loss_of_floats(model: keras.Model, dataset: Dataset, loss: Any) -> dict[str, Any]:
    """Return the loss and metrics for targets that are floats, by what the model gives."""
    activation = last_activation(model)
    y = np.concatenate([dataset.y_train, dataset.y_val])
    if y.ndim > 1 and y.shape[1] > 1:
        if activation is keras.activations.softmax:
            if (y >= 0).all() and np.allclose(y.sum(axis=-1), 1, atol=1e-3):
                return {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}
            if loss is None:
                raise ValueError(
                    "What a softmax gives for a sample adds up to 1. Received: targets of which "
                    "not all rows do. For amounts to predict, give the last layer no activation; "
                    "where several classes hold at once, a sigmoid."
                )
        if activation is keras.activations.sigmoid and ((y == 0) | (y == 1)).all():
            return {"loss": "binary_crossentropy", "metrics": ["binary_accuracy"]}
    return {"loss": "mse", "metrics": None}


def check_targets(model: keras.Model, dataset: Dataset) -> None:
    """Raise a ValueError for classes without an output, or targets of another shape than these.

    Keras would stretch a column over all outputs, or fail in the middle of an epoch.
    """
    for labels in (dataset.y_train, dataset.y_val):
        check_labels(model, labels)
    shape, y = getattr(model, "output_shape", None), dataset.y_train
    if not (isinstance(shape, tuple) and all(isinstance(n, int | None) for n in shape)):
        return
    name = _name_of_loss(model.loss)
    if not name or dataset.task == "several targets":
        return
    sparse = name == "sparse_categorical_crossentropy"
    outputs, targets = shape[1:-1] if sparse else shape[1:], y.shape[1:]
    if None in outputs or _without_last_one(outputs) == _without_last_one(targets):
        if sparse and (y != np.round(y)).any():
            raise ValueError(
                "Classes are whole numbers. Received: targets that are not, with the loss "
                f"{name}. For amounts to predict, take the loss mse."
            )
        return
    way = "Give the last layer one unit a target, or the loss that is meant for them."
    if name == "categorical_crossentropy" and math.prod(targets) == 1:
        way = "For class numbers take the loss sparse_categorical_crossentropy."
    elif sparse and targets == shape[1:]:
        way = "For one-hot rows take the loss categorical_crossentropy."
    raise ValueError(
        f"Targets must have the shape of what the loss {name} compares them with. Received: "
        f"y_train.shape={y.shape} and outputs of shape {shape}. {way}"
    )


def _name_of_loss(loss: Any) -> str:
    """The name of a loss of Keras's that compares targets with outputs; "" for any other."""
    with suppress(ValueError, TypeError):
        loss = keras.losses.get(loss)
        function = getattr(loss, "fn", loss)
        if function.__module__.startswith("keras.") and function.__name__ != "ctc":
            return str(function.__name__)
    return ""


def _without_last_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape


def default_loss_and_metrics(
    model: keras.Model, dataset: Dataset, x: Any, loss: Any
) -> dict[str, Any]:
    """Return the loss and metrics for such data, by what the model gives for some inputs.

    Where a loss was named, targets may be what it makes of them.
    """
    if dataset.task == "regression":
        return _loss_of_floats(model, dataset, loss)
    if dataset.task == "several targets":
        raise ValueError(
            "Several targets have no usual loss. Received: "
            f"{', '.join(named_arrays(dataset.y_train, 'y_train'))}. Give `loss=`, as for "
            "model.compile."
        )
    outputs = model(x, training=False)
    if keras.tree.is_nested(outputs):
        raise ValueError(
            "A model with several outputs has no usual loss. Received: "
            f"{len(keras.tree.flatten(outputs))} outputs. Give `loss=`, as for model.compile."
        )
    single = outputs.shape[-1] == 1
    if single and is_one_hot(dataset.y_train):
        raise ValueError(
            "A model with one output takes labels, not one-hot rows. Received: y_train.shape="
            f"{dataset.y_train.shape}. Pass y.argmax(axis=1), or give the last layer two units."
        )
    if single and dataset.classes != 2:
        raise ValueError(
            "A model with one output tells two classes apart. Received: labels of "
            f"{dataset.classes} classes. Give the last layer one unit a class, with softmax; for "
            "amounts to predict pass floats as targets."
        )
    logits = _are_logits(model, np.asarray(outputs, float))
    if single and logits:  # which are 0 where the probability is a half
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        return {"loss": keras.losses.BinaryCrossentropy(from_logits=True), "metrics": [accuracy]}
    if single:
        return {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
    name, kind = "sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy
    if is_one_hot(dataset.y_train):
        name, kind = "categorical_crossentropy", keras.losses.CategoricalCrossentropy
    return {"loss": kind(from_logits=True) if logits else name, "metrics": ["accuracy"]}


def _are_logits(model: keras.Model, outputs: np.ndarray) -> bool:
    """Whether a classifier gives logits: by its last activation or, if unknown, some outputs."""
    activation = last_activation(model)
    if activation in (keras.activations.softmax, keras.activations.sigmoid):
        return False
    if activation is keras.activations.linear:
        return True
    if outputs.shape[-1] == 1:
        return not ((outputs >= 0) & (outputs <= 1)).all()
    return not ((outputs >= 0).all() and np.allclose(outputs.sum(axis=-1), 1, atol=1e-2))
