"""What a picture of a run is made of, and what it says in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lrlab.figures.ink import counted, number_text
from lrlab.figures.ticks import HUGE

__all__ = ["Curves", "can_be_drawn", "describe", "is_share", "metric_in_words"]


_SHARES = re.compile(r"(accuracy|acc|auc|precision|recall|iou|f1_score)(_\d+)?$")


@dataclass(frozen=True, eq=False)
class Curves:
    """What a figure shows of one run.

    Attributes:
        history: Keras's keys, a value an epoch: `loss`, and others if there are any. A loss of NaN
            in an early epoch is a gap, at the end it means that the run diverged.
        learning_rates: The learning rate of every step, evenly spread over the epochs trained.
        label: A few words that name the run when it is pinned.
        verdict: The verdict on the run; "diverged" marks it so even where its last loss is finite.

    Raises:
        ValueError: If the history has no `loss`.
    """

    history: Mapping[str, Sequence[float]]
    learning_rates: np.ndarray
    label: str = ""
    verdict: str = ""
    loss: np.ndarray = field(init=False, repr=False)
    val_loss: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if "loss" not in self.history:
            raise ValueError(
                "history must have the training loss of each epoch under 'loss'. Received: "
                f"{sorted(self.history)}. A Keras History has it in its attribute `history`."
            )
        for name in ("loss", "val_loss"):
            values = np.asarray(self.history.get(name, ()), dtype=float)
            object.__setattr__(self, name, np.clip(values, -HUGE, HUGE))
        rates = np.asarray(self.learning_rates, dtype=float).reshape(-1)
        object.__setattr__(self, "learning_rates", np.clip(rates, 0, HUGE))

    def values(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """The values of a metric in training and in validation, none where there are none."""
        if metric == "loss":
            return self.loss, self.val_loss
        both = [np.asarray(self.history.get(key, ()), float) for key in (metric, f"val_{metric}")]
        values, val_values = (np.clip(part, -HUGE, HUGE) for part in both)
        return values, val_values

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.loss)

    @property
    def diverged(self) -> bool:
        """Whether the loss was lost: by verdict, or because it ended in NaN or infinity."""
        return self.verdict == "diverged" or not can_be_drawn(self.loss[-1:]).all()


def describe(
    curves: Curves,
    epochs: int,
    intended: np.ndarray | None = None,
    name: str = "",
    *,
    metrics: Sequence[str] = ("loss",),
    with_rates: bool = True,
) -> str:
    """Say in plain words what the picture of a run shows, for those who cannot see it.

    Args:
        curves: The run.
        epochs: How many epochs it was to last.
        intended: The learning rate a step that was intended; told where the run's is another.
        name: What the loss is called, if it is another than the training loss.
        metrics: Which values of the history are shown.
        with_rates: Whether to tell the learning rates, too; below the loss may stand other things.

    Example:
        >>> curves = Curves({"loss": [1.92, 0.11], "val_loss": [0.9, 0.14]}, np.full(90, 0.1))
        >>> for sentence in describe(curves, 2).split(". "):
        ...     print(sentence)
        Training loss falls from 1.92 to 0.11 in 2 epochs, validation loss ends at 0.14
        The learning rate is 0.1 throughout.
    """
    loss, val_loss = (part[can_be_drawn(part)] for part in (curves.loss, curves.val_loss))
    if not curves.epochs:
        return "No epoch is trained yet."
    ran = counted(curves.epochs, "epoch")
    ran += f" of {epochs}" * (curves.epochs < epochs)
    called = name or "training loss"
    if not len(loss):
        text = f"The run diverged at once: in {ran} its {called} was never a finite number"
    elif curves.diverged:
        text = f"The run diverged: {called} starts at {number_text(loss[0])} and "
        text += f"ends at {number_text(loss[-1])}" if can_be_drawn(curves.loss[-1]) else "is lost"
        text += f" in {ran}"
    else:
        verb = "falls" if loss[-1] < loss[0] else "rises"
        if abs(loss[-1] - loss[0]) <= 0.02 * abs(loss[0]):
            verb = "hardly moves,"
        text = name or "Training loss"
        if len(loss) == 1:
            text += f" is {number_text(loss[0])} after {ran}"
        else:
            text += f" {verb} from {number_text(loss[0])} to {number_text(loss[-1])} in {ran}"
        if len(val_loss):
            text += f", validation loss ends at {number_text(val_loss[-1])}"
    said = [f"{text}."] if "loss" in metrics or curves.diverged else []
    said += [_describe_metric(curves, metric) for metric in metrics if metric != "loss"]
    if not with_rates:
        return " ".join(said)
    words = [*said, _describe_rates(curves.learning_rates)]
    rates = curves.learning_rates
    # A rate that an optimizer held has 24 bits.
    if intended is not None and not np.allclose(rates, intended[: len(rates)], rtol=1e-5, atol=0):
        words.append(_describe_rates(intended, "intended rate"))
    return " ".join(filter(None, words))


def _describe_metric(curves: Curves, metric: str) -> str:
    """Where a metric goes, and between which values it was."""
    words = []
    for part, values in zip(("Training", "validation"), curves.values(metric), strict=True):
        seen = values[can_be_drawn(values)]
        if len(seen):
            first, last, low, high = map(number_text, (seen[0], seen[-1], seen.min(), seen.max()))
            words.append(f"{part} {metric_in_words(metric)} goes from {first} to {last}, ")
            words[-1] += f"its lowest is {low}, its highest {high}"
    return f"{'; '.join(words)}." if words else f"There is no {metric_in_words(metric)}."


def metric_in_words(metric: str) -> str:
    """The name of a metric as a person would write it.

    Example:
        >>> metric_in_words("sparse_categorical_accuracy")
        'sparse categorical accuracy'
    """
    return metric.replace("_", " ")


def is_share(metric: str) -> bool:
    """Whether a metric is by its name one that goes from 0 to 1, of which a high value is good.

    Example:
        >>> [is_share(name) for name in ("accuracy", "auc_1", "mean_absolute_error")]
        [True, True, False]
    """
    return _SHARES.search(metric) is not None


def _describe_rates(rates: np.ndarray, name: str = "learning rate") -> str:
    rates = rates[can_be_drawn(rates)]
    if not len(rates):
        return ""
    first, last = number_text(rates[0]), number_text(rates[-1])
    changes = np.diff(rates)
    changes = changes[changes != 0]
    if not len(changes):
        return f"The {name} is {first} throughout."
    if (changes < 0).all() or (changes > 0).all():
        verb = "falls" if changes[0] < 0 else "rises"
        steps = f" in {counted(len(changes), 'step')}" * (len(changes) <= 20)
        return f"The {name} {verb} from {first} to {last}{steps}."
    between = f"{number_text(rates.min())} and {number_text(rates.max())}"
    return f"The {name} goes from {first} to {last}, always between {between}."


def can_be_drawn(values: Any) -> Any:
    """Where values are finite and small enough to be placed on an axis."""
    return np.abs(values) < HUGE
