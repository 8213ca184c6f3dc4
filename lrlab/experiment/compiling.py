"""What an experiment asks of a model and an optimizer before it trains them."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

from lrlab.backend import keras

import numpy as np
from keras.src import backend
from keras.src.random.seed_generator import global_seed_generator

from lrlab.data import Dataset
from lrlab.training.program import GENERATOR, drawing_from
from lrlab.training.session import loops_itself


def built(build_model: Callable[[], keras.Model], seed: int, x: Any) -> keras.Model:
    """Build from the seed, and leave the random generators of all but TensorFlow as they were.

    A model without an `Input` gets its weights by the shape of x. In the model stays the generator
    from which it draws, in training too, where nothing says another.
    """
    try:
        if isinstance(build_model, keras.Model):
            raise TypeError("a model itself")
        inspect.signature(build_model).bind()
    except TypeError as error:
        raise ValueError(
            "`build_model` must be a function that needs no argument and returns a model. "
            f"Received: {build_model!r} ({error}). Wrap it: lambda: lrlab.models.mlp(dataset)."
        ) from None
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - what Keras seeds
    try:
        with drawing_from(None):
            keras.utils.set_random_seed(seed)
            model = build_model()
            if not isinstance(model, keras.Model):
                raise ValueError(
                    "`build_model` must return a keras.Model. "
                    f"Received: {build_model!r}, which returned {type(model).__name__}."
                )
            if not all(layer.built for layer in model._flatten_layers()):
                _build_weights(model, x)
            vars(model)[GENERATOR] = global_seed_generator()
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    return model


def _build_weights(model: keras.Model, x: Any) -> None:
    """Do what `fit` would with its first batch."""
    if isinstance(model, keras.Sequential):
        model.build((None, *x.shape[1:]))
    else:
        dtype = keras.backend.standardize_dtype(x.dtype)
        backend.compute_output_spec(model, keras.KerasTensor(x.shape, dtype), training=False)


def alike(one: keras.Model, other: keras.Model) -> bool:
    """Whether two models have the same variables: weights, what is frozen, and random seeds."""
    return len(one.variables) == len(other.variables) and all(
        a.trainable == b.trainable and np.array_equal(a, b)
        for a, b in zip(one.variables, other.variables, strict=True)
    )


def has_own(model: keras.Model, method: str) -> bool:
    """Whether the class of a model overrides a method of Keras's."""
    return getattr(type(model), method) is not getattr(keras.Model, method)


def check_steps(model: keras.Model) -> None:
    """Raise a ValueError for a compiled model whose epochs cannot be compiled as one call."""
    if reason := loops_itself(model):
        raise ValueError(
            "An Experiment runs Keras's own training loop as one compiled call. Received: a model "
            f"for which that is not possible, because of {reason}. Leave that out, or train with "
            "model.fit or lrlab.fit."
        )
    if model.loss is None and has_own(model, "train_step") and not has_own(model, "test_step"):
        raise ValueError(
            "A model that computes its loss in its `train_step` needs a `test_step` as well, which "
            f"returns it under the name loss for the validation. Received: {type(model).__name__} "
            "compiled without a loss. Write a `test_step`, or compile with `loss=`."
        )


def copied(optimizer: Any) -> keras.optimizers.Optimizer:
    """A fresh copy whose learning rate is a number, for a schedule could not be replaced."""
    optimizer = keras.optimizers.get(optimizer)
    if optimizer is None:
        raise ValueError(
            "`optimizer` must be a name or a Keras optimizer. Received: optimizer=None. "
            'Try optimizer="sgd".'
        )
    config = optimizer.get_config()
    if "inner_optimizer" in config:  # of a LossScaleOptimizer, which has no rate of its own
        return type(optimizer)(**config | {"inner_optimizer": copied(optimizer.inner_optimizer)})
    if not isinstance(config.get("learning_rate", 0.0), float):
        config["learning_rate"] = 0.01
    return type(optimizer).from_config(config)


def settings_of(optimizer: keras.optimizers.Optimizer) -> tuple[type, dict[str, Any]]:
    """Its class and its config, without its rate, and its name, which Keras counts up."""
    return type(optimizer), optimizer.get_config() | {"learning_rate": None, "name": None}


def last_activation(model: Any) -> Any:
    """The activation that makes a model's outputs, looked for in nested models; None if unknown."""
    layer = model
    while isinstance(layer, keras.Model):
        outputs = getattr(layer, "outputs", None) or []  # a subclass has none
        if len(outputs) != 1:
            return None
        layer = outputs[0]._keras_history.operation
    return getattr(layer, "activation", None)


def usual(dataset: Dataset, model: keras.Model, x: Any) -> dict[str, Any]:
    """The loss and metrics for such data, by what the model gives for some samples."""
    if dataset.task == "regression":
        return {"loss": "mse", "metrics": None}
    outputs = model(x, training=False)
    if keras.tree.is_nested(outputs):
        raise ValueError(
            "A model with several outputs has no usual loss. Received: "
            f"{len(keras.tree.flatten(outputs))} outputs. Give `loss=`, as for model.compile."
        )
    single = outputs.shape[-1] == 1
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
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {
        "loss": loss if logits else "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }


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
