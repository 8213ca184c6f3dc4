"""What has to be put back for a fresh start."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab.training.internals import as_graph

# Under this name a model keeps the generator that it draws from where nothing says another.
GENERATOR = "_lrlab_generator"


class State:
    """All variables of a model, taken and put back: weights, optimizer, metrics, random seeds.

    `others` are variables that the model itself does not know of.
    """

    def __init__(self, model: keras.Model, others: Sequence[Any] = ()) -> None:
        variables = [*model.variables, *model.optimizer.variables]
        variables += [variable for metric in model.metrics for variable in metric.variables]
        variables += others
        variables = list({id(variable): variable for variable in variables}.values())
        self.variables = variables
        # One call instead of one a variable.
        self.take = as_graph(self.values)
        self.put_back = as_graph(self.assign)

    def values(self) -> list[Any]:
        """Take values one by one, or as a part of somebody's graph."""
        return [tf.identity(variable.value) for variable in self.variables]

    def assign(self, values: Sequence[Any]) -> None:
        """Put values back one by one, or as a part of somebody's graph."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)


def starts_from_weights(optimizer: keras.optimizers.Optimizer) -> bool:
    """Tell whether an optimizer's state begins with what it makes of the weights.

    ScheduleFreeAdamW has a momentum that begins as a copy of them. `model.fit` builds an optimizer
    within the first step, where such a copy is lost and zeros stay in its place; built before, it
    begins as it should.
    """
    with suppress(TypeError):  # somebody's own, without a full config
        other = type(optimizer).from_config(optimizer.get_config())
        other.build([keras.Variable([[1.0, 2.0], [3.0, 4.0]])])
        return any(np.ptp(variable) for variable in other.variables)
    return False
