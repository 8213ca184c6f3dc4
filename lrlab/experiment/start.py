"""Where a run begins: a model built from a seed, its first weights and their loss."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.experiment.chance import regularization
from lrlab.experiment.compiling import makes_own_loss
from lrlab.training.internals import (
    as_graph,
    build_weights,
    drawing_from,
    first_names,
    flatten_layers,
    global_generator,
    put_back_random_states,
    random_states,
    seeded,
)
from lrlab.training.program import Program
from lrlab.training.state import GENERATOR
from lrlab.training.xla import is_kerass_own

_MOST_BUILDS = 3  # where other threads seed the generators that `build_model` draws from


def build_from_seed(build_model: Callable[[], keras.Model], seed: int, x: Any) -> keras.Model:
    """Build a model as after `keras.utils.set_random_seed`, but in this thread alone.

    A model without an `Input` gets its weights by the shape of x. In the model stays the generator
    from which it draws, in training too, where nothing says another.

    Only for a `build_model` that itself draws from the generators of Python, NumPy or TensorFlow
    are these seeded, as there is one of each for all threads. The first two are then put back. If
    another thread has seeded one meanwhile, that stays, and the model is built once more.
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
    before = random_states()
    with seeded(seed):
        model = _build(build_model, x)
    if random_states() == before and _draws_through_keras(model):
        return model
    # Another thread may have moved them, or a layer of somebody's own draw from where none can see.
    with seeded(seed):
        again = _build(build_model, x)
    if same_variables(model, again):
        return model
    put_back_random_states(before)  # these two builds may have drawn from them
    for _ in range(_MOST_BUILDS):
        before = random_states()
        with seeded(seed):
            keras.utils.set_random_seed(seed)
            model = _build(build_model, x)
        if random_states() == before:  # put back, for nobody has seeded them
            break
    return model


def _build(build_model: Callable[[], keras.Model], x: Any) -> keras.Model:
    """Build a model whose layers and metrics have the names that a first build gives them."""
    try:
        with first_names():
            model = build_model()
    except ValueError as error:
        if "unique" not in str(error):
            raise
        model = build_model()  # it holds a layer made elsewhere, which has such a name already
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`build_model` must return a keras.Model. "
            f"Received: {build_model!r}, which returned {type(model).__name__}."
        )
    if keras.tree.is_nested(x):
        _build_for_several(model, x)
    elif not all(layer.built for layer in flatten_layers(model)):
        build_weights(model, x)
    vars(model)[GENERATOR] = global_generator()
    return model


def _build_for_several(model: keras.Model, x: Any) -> None:
    """Build a model with several inputs; the names of these may be other ones than those in x."""
    inputs = [tensor.name for tensor in getattr(model, "inputs", None) or ()]
    try:
        if isinstance(x, tuple) and len(inputs or x) != len(x):  # Keras would take the first ones
            raise ValueError(f"{len(inputs)} inputs")
        build_weights(model, x)
    except (KeyError, TypeError, ValueError) as error:
        given = f"a dict of {', '.join(x)}" if isinstance(x, dict) else f"{len(x)} arrays"
        raise ValueError(
            f"A model must take the inputs of its data. Received: {given} for a model with the "
            f"inputs {', '.join(inputs) or 'of its own'}. Name each keras.Input as its array in a "
            "dict, or give the arrays as a list in the order of the inputs."
        ) from error


def _draws_through_keras(model: keras.Model) -> bool:
    """Whether the first weights of a model come from Keras's own layers and initializers."""
    parts = flatten_layers(model)
    for layer in flatten_layers(model):
        parts += [part for name, part in vars(layer).items() if name.endswith("initializer")]
    return all(map(is_kerass_own, parts))


def same_variables(one: keras.Model, other: keras.Model) -> bool:
    """Tell whether two models have equal weights, frozen the same, and equal random seeds."""
    return len(one.variables) == len(other.variables) and all(
        a.trainable == b.trainable and np.array_equal(a, b)
        for a, b in zip(one.variables, other.variables, strict=True)
    )


class Start:
    """Where a run begins: the state of the untrained model, and its loss on these samples.

    Args:
        program: That of the model, which is in this state.
        samples: Inputs and targets.
        constant: The loss of the best answer that is the same for every sample, NaN if not known.
        first: The start of the experiment's own seed, for that of another: what is alike in both,
            such as the slots of an optimizer, is kept once, and a graph to put it back is not made.

    Attributes:
        state: All that training changes, as it is before.
        loss: The training loss of the untrained model.
        put_back: Brings all that back.
    """

    def __init__(
        self,
        program: Program,
        samples: tuple[Any, Any],
        constant: float,
        first: Start | None = None,
    ) -> None:
        model, (x, y) = program.model, samples
        self._model, self._constant, self._rates = model, constant, program.rates
        self.state = program.state.take()
        if first is None:
            # Without arguments, which TensorFlow would look at one by one in every call.
            put_back: Any = as_graph(lambda: program.state.assign(self.state))
            self.put_back = put_back.get_concrete_function()
        else:
            pairs = zip(first.state, self.state, strict=True)
            self.state = [old if np.array_equal(old, new) else new for old, new in pairs]
            self.put_back = partial(program.state.put_back, self.state)
        trainable = {id(weight) for weight in model.trainable_weights}
        pairs = zip(program.state.variables, self.state, strict=True)
        self._weights = [(weight, value) for weight, value in pairs if id(weight) in trainable]
        self._first_length = _length(first.numpy().astype(float) for _, first in self._weights)
        with drawing_from(program.generator):
            if makes_own_loss(model):
                self.loss = float(model.test_step((x, y))["loss"])
            else:
                # As training does: an untrained BatchNormalization gives nonsense without it.
                self.loss = float(model.compute_loss(x=x, y=y, y_pred=model(x, training=True)))

    def moved(self) -> float:
        """Return how far the trainable weights are from here, as a share of their length.

        Raises:
            ValueError: If they moved, and the optimizer whose rate a run is about did not do it.
        """
        way = _length(
            weight.value.value().numpy() - first.numpy().astype(float)
            for weight, first in self._weights
        )
        if way and self._rates and not int(self._rates.updates):
            raise ValueError(
                "A rate is that of `model.optimizer`. It made no update in this run, though the "
                "weights moved, so every other rate would have given the same. Received: a "
                f"{type(self._model).__name__} whose `train_step` has an optimizer of its own. Let "
                "it call self.optimizer.apply_gradients(...)."
            )
        return way / (self._first_length or 1)

    def chance(self) -> float:
        """Return the training loss of the best constant answer, regularized as the weights are."""
        return self._constant + regularization(self._model)


def _length(arrays: Iterable[np.ndarray]) -> float:
    return math.sqrt(sum((array**2).sum() for array in arrays))
