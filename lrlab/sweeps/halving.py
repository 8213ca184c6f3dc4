"""The best first: all settings are trained for a little, and the best of them for longer.

Jamieson and Talwalkar's successive halving (https://arxiv.org/abs/1502.07943), over epochs. A short
training is the beginning of the whole one, never a schedule squeezed into fewer epochs: what is
compared are the first epochs of what was asked for.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lrlab.checks import as_whole_number

if TYPE_CHECKING:
    from lrlab.experiment.run import Run

__all__ = ["RANKED_BY", "Rung", "kept_of", "last_value", "mean_of", "rungs_of"]

RANKED_BY = "val_loss"
_ROUNDING = 1e-6  # relative


@dataclass(frozen=True, eq=False)
class Rung:
    """Settings that were trained for so many epochs, and those of them that went on.

    Attributes:
        epochs: How many, from the start.
        runs: By the index of the setting and that of the seed.
        kept: The indices of the settings that were not dropped here.
    """

    epochs: int
    runs: dict[tuple[int, int], Run]
    kept: Sequence[int]

    @cached_property
    def losses(self) -> dict[int, float]:
        """The mean validation loss of each setting over its seeds; infinite where one diverged."""
        values: dict[int, list[float]] = {}
        for (i, _), run in sorted(self.runs.items()):
            values.setdefault(i, []).append(last_value(run, RANKED_BY))
        return {i: mean_of(each) for i, each in values.items()}

    @property
    def dropped(self) -> list[int]:
        """The indices of the settings that ended here."""
        return [i for i in self.losses if i not in set(self.kept)]


def rungs_of(settings: int, epochs: int, factor: int | None, least: int) -> list[tuple[int, int]]:
    """Return of each rung how many settings it has and for how many epochs.

    The last one is of all epochs. As in scikit-learn's `HalvingGridSearchCV` it has about `factor`
    settings or fewer, if there are epochs enough.

    Raises:
        ValueError: If `factor` is not a whole number of at least 2, or `least` not one of at least
            1 and at most all.

    Example:
        >>> rungs_of(27, 9, 3, 1)
        [(27, 1), (9, 3), (3, 9)]
        >>> rungs_of(27, 9, 3, 5)
        [(27, 5), (9, 9)]
        >>> rungs_of(27, 9, None, 1)
        [(27, 9)]
    """
    least = as_whole_number(least, "min_epochs", 1)
    if least > epochs or (factor is None and least > 1):
        raise ValueError(
            "`min_epochs` is what halving trains of every setting, at most all epochs. Received: "
            f"min_epochs={least}, halving={factor}, of {epochs} epochs. Try halving=3, "
            f"min_epochs={min(least, epochs)}."
        )
    if factor is None:
        return [(settings, epochs)]
    factor = as_whole_number(factor, "halving", 2)
    counts, lengths = [settings], [epochs]
    while counts[-1] > factor:
        counts.append(-(-counts[-1] // factor))
    while lengths[0] > least and len(lengths) < len(counts):
        lengths.insert(0, max(least, -(-lengths[0] // factor)))
    return list(zip(counts, lengths, strict=False))


def kept_of(losses: Mapping[int, float], count: int) -> list[int]:
    """Return so many with the lowest losses, in their order; none that diverged.

    What is as good as the last of them, but for rounding, goes on as well: before its first drop a
    step decay cannot be told from another one, and none is dropped by chance.

    Example:
        >>> kept_of({0: 0.3, 1: math.inf, 2: 0.1, 3: 0.2}, 2)
        [2, 3]
        >>> kept_of({0: 0.3, 1: 0.2, 2: 0.1, 3: 0.2}, 2)
        [1, 2, 3]
    """
    worst = sorted(losses.values())[:count][-1]
    highest = worst + _ROUNDING * abs(worst)
    return [i for i, loss in losses.items() if loss <= highest and math.isfinite(loss)]


def last_value(run: Run, by: str) -> float:
    """Infinity for a run that diverged."""
    if by not in run.final:
        raise ValueError(
            f"`by` must be a key of the history. Received: by={by!r}. "
            f"There are: {', '.join(run.final)}."
        )
    value = run.final[by]
    return math.inf if run.verdict == "diverged" or math.isnan(value) else value


def mean_of(values: Iterable[float]) -> float:
    """Infinity where a value is, or where their sum is too large."""
    try:
        return statistics.fmean(values)
    except OverflowError:
        return math.inf
