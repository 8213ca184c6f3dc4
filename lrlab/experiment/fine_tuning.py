"""Two rates in one model: one for its last layer, the head, and one for all before it, the body."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lrlab.backend import keras

from lrlab.experiment.compiling import copy_optimizer
from lrlab.experiment.experiment import Experiment
from lrlab.keras_code.source import Name
from lrlab.training.internals import as_graph


class TwoRates(keras.optimizers.MultiOptimizer):
    """Keras's `MultiOptimizer`, whose `learning_rate` is the head's, for an experiment to set."""

    @property
    def learning_rate(self) -> Any:
        """The rate of the head."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.optimizers[0].learning_rate = rate

    @property
    def body_rate(self) -> Any:
        """The rate of the body."""
        return self.optimizers[1].learning_rate

    @body_rate.setter
    def body_rate(self, rate: Any) -> None:
        self.optimizers[1].learning_rate = rate


def with_two_rates(experiment: Experiment) -> Experiment:
    """Return a variant of an experiment with its optimizer twice, for the head and the body.

    Raises:
        ValueError: If there is no body.
    """
    layers = list(getattr(experiment.model, "layers", ()))
    if len(layers) < 2:
        raise ValueError(
            "A model has a head, its last layer, and a body, the layers before it. Received: a "
            f"model of {len(layers)} layer. Give a keras.Sequential([body, head])."
        )
    head = rf".*{re.escape(layers[-1].name)}/.*"
    return experiment.variant(optimizer=_two_rates(experiment, head))


def code_with_two_rates(experiment: Experiment, head_rate: float, body_rate: float) -> str:
    """Return the plain Keras program that trains the head and the body of a model so."""
    # In a Python with other models the layer may have another name.
    optimizer = _two_rates(experiment, Name('f".*{model.layers[-1].name}/.*"'))
    optimizer.body_rate = body_rate
    return experiment.code(head_rate, optimizer=optimizer)


def _two_rates(experiment: Experiment, head: str) -> TwoRates:
    """The optimizer of an experiment twice, once for the variables whose paths match `head`."""
    parts = (copy_optimizer(experiment.model.optimizer) for _ in range(2))
    return TwoRates(keras.optimizers.OptimizerMap(next(parts), {head: next(parts)}))


def accuracy_with(experiment: Experiment, old: Any) -> Callable[[], float]:
    """Return a function that tells how well the body still does an old task, as trained so far.

    Args:
        experiment: That of the new task; all layers of its model but the last are the body.
        old: The layer that made classes of what the body gives, inputs, and their classes from 0.

    Raises:
        ValueError: If these are not three such things.
    """
    if not (isinstance(old, tuple) and len(old) == 3 and isinstance(old[0], keras.layers.Layer)):
        raise ValueError(
            "`old` must be the head of the old task with its data. Received: "
            f"old={old!r}. Give (old_head, x_old, y_old), the first of them a keras layer."
        )
    (old_head, x, y), body = old, experiment.model.layers[:-1]
    x = keras.ops.convert_to_tensor(x)

    def classes() -> Any:
        outputs = x
        for layer in body:
            outputs = layer(outputs, training=False)
        return keras.ops.argmax(old_head(outputs), axis=-1)

    answer = as_graph(classes)
    return lambda: float((answer().numpy() == y).mean())


class Remembers(keras.callbacks.Callback):
    """Give the body its rate, and write into the history what it still knows of an old task.

    Args:
        body_rate: The rate of the body.
        knows: Tells the accuracy there, see `accuracy_with`.
    """

    def __init__(self, body_rate: float, knows: Callable[[], float]) -> None:
        super().__init__()
        self._body_rate, self._knows = body_rate, knows

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Set the rate."""
        self.model.optimizer.body_rate = self._body_rate

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure."""
        if logs is not None:
            logs["old_accuracy"] = self._knows()
