"""The settings of a run as a table has them: of its schedule, and of what it was trained with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from lrlab.checks import as_number

if TYPE_CHECKING:
    from lrlab.experiment import Experiment
    from lrlab.schedules import Schedule

__all__ = ["columns_of", "columns_of_variants", "label_of"]


def columns_of(schedule: Schedule) -> dict[str, Any]:
    """Return what kind of schedule it is, and its settings, for a table.

    Example:
        >>> from lrlab import StepDecay
        >>> columns_of(0.1)
        {'schedule': 'constant', 'initial_learning_rate': 0.1}
        >>> columns_of(StepDecay(0.1, 0.5, 5))["decay_factor"]
        0.5
    """
    kind = type(schedule).__name__
    if is_dataclass(schedule):
        settings = {field.name: getattr(schedule, field.name) for field in fields(schedule)}
    elif callable(schedule):
        settings = _config_of(schedule)
        kind = getattr(schedule, "__name__", kind)
    else:
        return {"schedule": "constant", "initial_learning_rate": float(schedule)}
    return {"schedule": kind} | {name: _setting(value) for name, value in settings.items()}


def _config_of(schedule: Any) -> dict[str, Any]:
    """The settings that a schedule tells; a class of somebody's own may leave `get_config` out."""
    try:
        settings = schedule.get_config()
    except (AttributeError, NotImplementedError):
        return {}
    return {name: value for name, value in settings.items() if name != "name"}


def label_of(schedule: Schedule) -> str:
    """Return a few words that name a schedule.

    Example:
        >>> from lrlab import StepDecay
        >>> label_of(0.1), label_of(StepDecay(0.1, 0.5, 5))
        ('0.1', 'StepDecay(0.1, 0.5, 5)')
    """
    kind, *settings = columns_of(schedule).values()
    words = [value if isinstance(value, str) else f"{value:.6g}" for value in settings]
    return words[0] if kind == "constant" else f"{kind}({', '.join(words)})" if words else kind


def _setting(value: Any) -> Any:
    """A number as it is, anything else as words."""
    number = as_number(value)
    if math.isnan(number):
        return repr(value)
    return value if isinstance(value, int) else number


def columns_of_variants(variants: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Return in what each differs from the others: batch size, optimizer and settings of that.

    A setting that only one kind of optimizer has, as Adam has `beta_1`, tells no two apart.
    """
    settings = []
    for variant in variants:
        optimizer = variant.model.optimizer
        numbers = {name: as_number(value) for name, value in optimizer.get_config().items()}
        numbers.pop("learning_rate")
        told = {name: number for name, number in numbers.items() if math.isfinite(number)}
        about = {"optimizer": type(optimizer).__name__, "batch_size": variant.batch_size}
        settings.append(about | told)
    values: dict[str, set[Any]] = {}
    for each in settings:
        for name, value in each.items():
            values.setdefault(name, set()).add(value)
    return [{n: value for n, value in each.items() if len(values[n]) > 1} for each in settings]
