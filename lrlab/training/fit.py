"""`fit`, a drop-in for `keras.Model.fit` on arrays that runs an epoch as one compiled call.

Keras trains with one compiled call a batch; for a small model nearly all of the time is spent
between the calls. Here a `tf.function` loops over the batches and calls Keras's own
`model.train_step`, so the mathematics is Keras's and only the loop around it is ours. Whatever
cannot be done this way goes to `model.fit` itself.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab.checks import as_whole_number
from lrlab.training.batches import Batches, as_tensors
from lrlab.training.internals import (
    are_arrays,
    build_weights,
    flatten_layers,
    split_off_validation,
)
from lrlab.training.program import Program
from lrlab.training.session import Session


def check_same_length(**arrays: Any) -> None:
    """Raise a ValueError unless all arrays hold the same number of samples, at least one."""
    lengths: dict[str, list[int]] = {}
    for name, value in arrays.items():
        shapes = [getattr(leaf, "shape", None) for leaf in keras.tree.flatten(value)]
        found = sorted({int(shape[0]) for shape in shapes if shape})
        if found == [0]:
            raise ValueError(
                f"`{name}` must hold at least one sample. Received: an empty {name}. "
                "Look at the shapes of what you pass."
            )
        if found:
            lengths[name] = found
    if len({length for found in lengths.values() for length in found}) > 1:
        received = ", ".join(f"{name}: {', '.join(map(str, n))}" for name, n in lengths.items())
        raise ValueError(
            f"{', '.join(lengths)} must hold the same number of samples. Received: {received}. "
            "Each row of x needs its own row of y."
        )


def check_labels(model: keras.Model, y: Any) -> None:
    """Raise a ValueError for class numbers that the model has no output for.

    XLA would train on them and give NaN; TensorFlow alone notices in the middle of an epoch.
    """
    loss = model.loss
    sparse = keras.losses.SparseCategoricalCrossentropy
    names = ("sparse_categorical_crossentropy", sparse.__name__)
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", "")
    shape = getattr(model, "output_shape", None)
    if (
        not (name in names or isinstance(loss, sparse))
        or getattr(loss, "ignore_class", None) is not None
        or not isinstance(shape, tuple)
        or not isinstance(shape[-1], int)
        or y is None
        or keras.tree.is_nested(y)
    ):
        return
    classes, labels = shape[-1], np.asarray(y)
    low, high = labels.min(), labels.max()
    if low < 0 or high >= classes:
        raise ValueError(
            f"Labels must lie in 0..{classes - 1}, for the model has {classes} outputs. "
            f"Received: labels from {low} to {high}. Renumber them from 0, or give the last "
            "layer one unit a class."
        )


# The arguments of `fit` that are whole numbers, and the least that each may be.
_WHOLE_NUMBERS = {
    "batch_size": 1,
    "epochs": 0,
    "initial_epoch": 0,
    "validation_batch_size": 1,
    "validation_freq": 1,
}


def loops_itself(model: keras.Model) -> str:
    """Say why the model's own `fit` has to do the work, whatever the data are; "" if it has not."""
    default_strategy = tf.distribute.get_strategy()
    reasons = {
        "run_eagerly=True": model.run_eagerly or tf.config.functions_run_eagerly(),
        "steps_per_execution": model.steps_per_execution != 1,
        "a distribution strategy": tf.distribute.has_strategy()
        or model.distribute_strategy is not default_strategy,
        "keras.config.max_epochs": keras.config.max_epochs() is not None,
        "keras.config.max_steps_per_epoch": keras.config.max_steps_per_epoch() is not None,
    } | {
        f"a `{name}` of its own": getattr(type(model), name) is not getattr(keras.Model, name)
        for name in ("fit", "evaluate", "make_train_function", "make_test_function")
    }
    return " and ".join(reason for reason, holds in reasons.items() if holds)


def fit(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | list[int] = 1,
) -> keras.callbacks.History:
    """Train a compiled model as `model.fit` would, an epoch as one compiled call.

    The arguments, their defaults and the results are those of `keras.Model.fit`; with
    `shuffle=False` history and weights agree with it to 1e-5. `shuffle=True` takes its order from
    NumPy's global generator, so `keras.utils.set_random_seed` makes it repeatable.

    Callbacks act as in `model.fit`. One of your own with a batch hook (`on_train_batch_end`, ...)
    sees every batch, at the cost of a call a batch; so do built-in ones that need it, such as
    `ModelCheckpoint(save_freq=100)`. A progress bar is updated a few times in an epoch that takes
    long, and at the end of a short one.

    Validation equals `model.evaluate` to the last bit but for the small models whose epochs XLA
    compiles (`lrlab.training.xla`): it adds in another order, and `evaluate` on a CPU does without.

    `model.fit` itself is called, and so gives the same answer, for anything but dense arrays
    (`tf.data`, generators, sparse or ragged tensors), with `steps_per_epoch`, `validation_steps`,
    `steps_per_execution`, `run_eagerly`, a distribution strategy, or a model that overrides `fit`.

    After a change of a layer's `trainable`, compile the model anew, as Keras asks: without that,
    `model.fit` goes on with what it has traced, while data of another shape are traced anew here.

    As in Keras, all that is no variable is fixed as the first step is traced. A callback may still
    set an optimizer's momentum in `on_train_begin` of a first fit, but not in a later epoch or fit:
    that changes nothing, and nobody says so. The learning rate is a variable, and can be set.

    One thing is unlike Keras: an optimizer whose state starts from the weights, ScheduleFreeAdamW,
    is built before the first step. `model.fit` builds it within, where these are lost, so that its
    momentum starts at 0 and the weights leap; call
    `model.optimizer.build(model.trainable_variables)` before it for the numbers of `lrlab.fit`.

    Args:
        model: A compiled Keras model; it may have any number of inputs and outputs.
        x: Inputs of shape (samples, ...), or a list or dict of them.
        y: Targets of shape (samples, ...), or a list or dict of them.
        batch_size: Samples a step; 32 if None. The last batch of an epoch may be smaller.
        epochs: The epoch, counted from 0, at which to stop; not how many to add.
        verbose: "auto" or 1 shows a progress bar, 2 a line an epoch, 0 nothing.
        callbacks: A list of `keras.callbacks.Callback`.
        validation_split: Share of the data, from their end, to validate on.
        validation_data: (x, y) or (x, y, sample_weight) to validate on.
        shuffle: Whether to take the samples in a new order each epoch.
        class_weight: Weight of each class in the loss.
        sample_weight: Weights of shape (samples,).
        initial_epoch: The epoch, counted from 0, at which to begin.
        steps_per_epoch: As in Keras.
        validation_steps: As in Keras.
        validation_batch_size: Samples a validation step; `batch_size` if None.
        validation_freq: Validate every so many epochs, or after those listed, counted from 1.

    Returns:
        The `keras.callbacks.History`: `.history` maps "loss", "val_loss", ... to a value an epoch.

    Raises:
        ValueError: If the model is not compiled, or is compiled anew by a callback; if the data are
            empty or of different lengths, or a number is out of its range.

    Example:
        >>> import numpy as np, keras, lrlab
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((64, 2))
        >>> history = lrlab.fit(model, x, x[:, :1], epochs=3, verbose=0)
        >>> len(history.history["loss"])
        3

    Source: https://keras.io/api/models/model_training_apis/#fit-method
    """
    given = {name: value for name, value in locals().items() if name != "model"}
    if not getattr(model, "compiled", False):
        raise ValueError(
            "`fit` needs a compiled model. Received a model on which `compile` was never called. "
            'Call model.compile(optimizer="sgd", loss=...) first.'
        )
    given |= {
        name: as_whole_number(given[name], name, least)
        for name, least in _WHOLE_NUMBERS.items()
        if given[name] is not None and not isinstance(given[name], list)
    }
    if (
        loops_itself(model)
        or steps_per_epoch is not None
        or validation_steps is not None
        or shuffle not in (True, False)
        or x is None
        or not are_arrays((x, y, sample_weight))
    ):
        return model.fit(**given)
    check_same_length(x=x, y=y, sample_weight=sample_weight)
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = split_off_validation(
            (x, y, sample_weight), validation_split
        )
    arrays, validation_arrays = as_tensors(x, y, sample_weight, class_weight), None
    if validation_data is not None:
        x_val, y_val, val_weight = keras.utils.unpack_x_y_sample_weight(validation_data)
        if are_arrays((x_val, y_val, val_weight)):
            check_same_length(x_val=x_val, y_val=y_val, sample_weight=val_weight)
            validation_arrays = as_tensors(x_val, y_val, val_weight)
            check_labels(model, y_val)
    if arrays is None or (validation_arrays is None and validation_data is not None):
        return model.fit(**given)
    check_labels(model, y)
    batch_size = given["batch_size"] or 32
    train, validation = Batches.cut(arrays, batch_size), None
    if validation_arrays is not None:
        validation = Batches.cut(validation_arrays, given["validation_batch_size"] or batch_size)
    if (
        type(model).train_step is keras.Model.train_step  # which calls the model
        and not all(layer.built for layer in flatten_layers(model))
        and hasattr(inputs := keras.utils.unpack_x_y_sample_weight(train[0])[0], "shape")
    ):
        build_weights(model, inputs)  # for callbacks that keep or look at the first weights
    program = Program.of(model)
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=given["epochs"],
            steps=train.count,
            model=model,
        )
    # NumPy's global generator, so that keras.utils.set_random_seed covers it.
    order = np.random.permutation if shuffle else None
    session = Session(program, train, validation, callbacks, shuffle=order)

    def validates(epoch: int) -> bool:
        due = given["validation_freq"]
        return epoch + 1 in due if isinstance(due, list) else (epoch + 1) % due == 0

    deque(session.epochs(given["epochs"], given["initial_epoch"], validates), maxlen=0)
    return model.history
