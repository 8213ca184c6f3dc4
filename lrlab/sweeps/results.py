"""What a sweep found: its runs, the best of them, a table and two pictures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from lrlab.checks import as_number

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.experiment.experiment import Experiment, Run
    from lrlab.schedules import Schedule

__all__ = ["Picture", "Sweep", "columns_of", "label_of"]

Mode: TypeAlias = Literal["auto", "min", "max"]
_NAMES = {"initial_learning_rate": "first rate"}  # as the sliders of the explorers call it


@dataclass(frozen=True)
class Picture:
    """A PNG picture that a notebook shows, with a text for those who cannot see it.

    Attributes:
        png: The PNG file.
        alt: What the picture shows, in words.
    """

    png: bytes
    alt: str

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        bundle = {"text/plain": repr(self), "image/png": self.png}
        return bundle, {"image/png": {"alt": self.alt}}


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """The runs of a sweep, and what to make of them.

    Attributes:
        experiment: What was trained.
        schedules: All that were asked for, in that order.
        seeds: From which each was trained.
        found: The runs that have finished, by the index of the schedule and that of the seed.
    """

    experiment: Experiment
    schedules: tuple[Schedule, ...]
    seeds: tuple[int, ...]
    found: Mapping[tuple[int, int], Run]

    @cached_property
    def runs(self) -> list[Run]:
        """The runs in the order asked, by schedule and then by seed; only those that finished."""
        return [self.found[index] for index in sorted(self.found)]

    @property
    def complete(self) -> bool:
        """Whether all runs have finished: none was interrupted."""
        return len(self.found) == len(self.schedules) * len(self.seeds)

    def best(self, by: str = "val_loss", *, mode: Mode = "auto") -> Run:
        """Return the best run: of the schedule whose mean over the seeds is best, the first seed's.

        A schedule of which a run diverged, or is missing, is never best.

        Args:
            by: A key of the history, whose last value counts.
            mode: Whether the lowest value is best ("min") or the highest ("max"); "auto" takes the
                highest of what ends in "accuracy", "acc" or "auc".

        Raises:
            ValueError: If there is no such key or mode, or no schedule to choose from.
        """
        return self._of(self._best(by, mode)[0])[0]

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict a run: its schedule's settings, seed, final numbers and verdict."""
        return [
            {
                **columns_of(run.schedule),
                "seed": run.seed,
                **{f"final_{name}": value for name, value in run.final.items()},
                "verdict": run.verdict,
            }
            for run in self.runs
        ]

    def summary(self, by: str = "val_loss") -> list[dict[str, Any]]:
        """Return a dict a schedule: its settings, and mean and spread of a final number.

        The spread is the sample standard deviation over the seeds, NaN for one seed alone. Where a
        run diverged, both are NaN.
        """
        lines = []
        for i, schedule in enumerate(self.schedules):
            values = self._final(i, by)
            mean = _mean(values) if values and max(values) < math.inf else math.nan
            several = len(values) > 1 and math.isfinite(mean)
            spread = statistics.stdev(values) if several else math.nan
            numbers = {"runs": len(values), f"{by}_mean": mean, f"{by}_spread": spread}
            lines.append(columns_of(schedule) | numbers)
        return lines

    def to_pandas(self) -> pd.DataFrame:
        """Return `rows` as a data frame.

        Raises:
            ImportError: If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError(
                "to_pandas() needs pandas, which is not installed here. Install it with: "
                "pip install pandas. rows() gives the same table as a list of dicts.",
                name="pandas",
            ) from None
        return pd.DataFrame(self.rows())

    def heat_map(self, by: str = "val_loss", **fixed: float) -> Picture:
        """Draw a final number, the mean over the seeds, over the two settings that vary.

        The first of the two goes up its side, as the first rate does in a `DecayMapExplorer`.

        Args:
            by: A key of the history, whose last value counts.
            fixed: Where three settings vary, one of them at a value: `epochs_per_drop=5`.

        Raises:
            ValueError: If not two settings vary.
        """
        from lrlab.figures.heat_map import HeatMap

        places = self._varying(2, fixed)
        (row, up), (column, across) = self._axes(places)
        values = np.full((len(up), len(across)), np.nan)
        for i, settings in places.items():
            if self._of(i):
                cell = up.index(settings[row]), across.index(settings[column])
                values[cell] = _mean(self._final(i, by))
        drawn = HeatMap(
            up,
            across,
            row_label=_in_words(row),
            column_label=_in_words(column),
            value_label=self._name_of(by),
            highest=_is_better_higher(by),
        )
        drawn.draw(values)
        return Picture(drawn.png(), drawn.describe())

    def u_curve(self, by: str = "val_loss", **fixed: float) -> Picture:
        """Draw a final loss over the rate, a dot a seed and a line through their means.

        Args:
            by: "val_loss" or "loss".
            fixed: Where other settings vary too, their values: `decay_factor=0.5`.

        Raises:
            ValueError: If it is no loss, or if more than one setting varies, or none, or it is not
                a rate.
        """
        from lrlab.figures.rates import Measured, RangeFigure, describe_range_test

        if not by.endswith("loss"):
            raise ValueError(
                f'A U-curve is of a loss. Received: by={by!r}. Use "val_loss" or "loss", or look '
                f"at summary({by!r})."
            )

        places = self._varying(1, fixed)
        ((name, rates),) = self._axes(places)
        if not name.endswith("learning_rate") or not self.runs:
            raise ValueError(
                "A U-curve is over a learning rate, with a run or more. Received: "
                f"{len(self.found)} runs over {name}. Look at rows() instead."
            )
        final: dict[float, list[float]] = {}
        for i, settings in places.items():
            final.setdefault(settings[name], []).extend(self._final(i, by))
        nothing = np.empty(0)
        measured = Measured(nothing, nothing, nothing, final=final, middle=_mean)
        drawn = RangeFigure(
            self.runs[0].start_loss,
            self._name_of(by),
            rates=(10 ** math.floor(math.log10(rates[0])), 10 ** math.ceil(math.log10(rates[-1]))),
            test=False,
        )
        drawn.draw(measured)
        lost = sum(not math.isfinite(value) for values in final.values() for value in values)
        alt = f"{self._name_of(by)} at {len(rates)} learning rates from {rates[0]:.3g} to "
        alt += f"{rates[-1]:.3g}; {lost} runs diverged. " if lost else f"{rates[-1]:.3g}. "
        return Picture(drawn.png(), alt.capitalize() + describe_range_test(measured))

    def __repr__(self) -> str:
        total = len(self.schedules) * len(self.seeds)
        text = f"{len(self.found)} of {total} runs"
        lost = sum(run.verdict == "diverged" for run in self.runs)
        text += f", {lost} diverged" if lost else ""
        try:
            chosen, mean = self._best("val_loss")
        except ValueError:
            return f"Sweep({text})"
        where = f"{mean:.4g} at {label_of(self.schedules[chosen]):.45}"
        return f"Sweep({text}, lowest val_loss {where})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        for draw in (self.heat_map, self.u_curve):
            try:
                shown, about = draw()._repr_mimebundle_()
            except ValueError:  # not such a sweep
                continue
            return bundle | {"image/png": shown["image/png"]}, about
        return bundle, {}

    def _best(self, by: str, mode: Mode = "auto") -> tuple[int, float]:
        """The index of the best schedule, and its mean."""
        if mode not in get_args(Mode):
            raise ValueError(
                f"`mode` must be one of {', '.join(get_args(Mode))}. Received: mode={mode!r}. "
                'Use "max" where the highest value is best.'
            )
        means = {
            i: _mean(self._final(i, by))
            for i in range(len(self.schedules))
            if len(self._of(i)) == len(self.seeds)
        }
        means = {i: mean for i, mean in means.items() if math.isfinite(mean)}
        if not means:
            raise ValueError(
                "The best run is that of a schedule none of whose runs diverged or is missing. "
                f"Received: {len(self.found)} runs, no such schedule. Sweep over lower rates."
            )
        highest = _is_better_higher(by) if mode == "auto" else mode == "max"
        chosen = (max if highest else min)(means, key=lambda i: means[i])
        return chosen, means[chosen]

    def _of(self, i: int) -> list[Run]:
        """The runs of a schedule, by seed."""
        indices = ((i, j) for j in range(len(self.seeds)))
        return [self.found[index] for index in indices if index in self.found]

    def _final(self, i: int, by: str) -> list[float]:
        """The last value of each run of a schedule; infinity for one that diverged."""
        for run in self._of(i):
            if by not in run.final:
                raise ValueError(
                    f"`by` must be a key of the history. Received: by={by!r}. "
                    f"There are: {', '.join(run.final)}."
                )
        lost = [run.verdict == "diverged" or math.isnan(run.final[by]) for run in self._of(i)]
        return [
            math.inf if diverged else run.final[by]
            for run, diverged in zip(self._of(i), lost, strict=True)
        ]

    def _name_of(self, by: str) -> str:
        name = f"validation {by[4:]}" if by.startswith("val_") else by
        return f"{name} after {self.experiment.epochs} epochs"

    def _varying(self, count: int, fixed: Mapping[str, float]) -> dict[int, dict[str, Any]]:
        """The settings of each schedule at the fixed ones, reduced to those that vary."""
        every = {i: columns_of(schedule) for i, schedule in enumerate(self.schedules)}
        every = {
            i: settings
            for i, settings in every.items()
            if all(settings.get(name) == value for name, value in fixed.items())
        }
        kinds = {tuple(settings) for settings in every.values()}
        seen: dict[str, set[Any]] = {name: set() for kind in kinds for name in kind}
        for settings in every.values():
            for name, value in settings.items():
                seen[name].add(value)
        names = [name for name, values in seen.items() if len(values) > 1]
        if len(kinds) != 1 or len(names) != count or "schedule" in names:
            raise ValueError(
                f"{'One setting' if count == 1 else 'Two settings'} of one kind of schedule must "
                f"vary in such a picture. Received: schedules that vary in {names or 'nothing'}. "
                "Hold others at a value, as in heat_map(epochs_per_drop=5), or look at rows()."
            )
        return {i: {name: settings[name] for name in names} for i, settings in every.items()}

    def _axes(self, places: Mapping[int, Mapping[str, Any]]) -> Iterator[tuple[str, list[float]]]:
        for name in next(iter(places.values())):
            yield name, sorted({settings[name] for settings in places.values()})


def _in_words(setting: str) -> str:
    return _NAMES.get(setting, setting.replace("_", " "))


def _is_better_higher(by: str) -> bool:
    return by.endswith(("accuracy", "acc", "auc"))


def _mean(values: Iterable[float]) -> float:
    """Infinity where a value is, or where their sum is too large."""
    try:
        return statistics.fmean(values)
    except OverflowError:
        return math.inf


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
    elif hasattr(schedule, "get_config"):
        settings = schedule.get_config()
        settings.pop("name", None)
    elif callable(schedule):
        return {"schedule": getattr(schedule, "__name__", kind)}
    else:
        return {"schedule": "constant", "initial_learning_rate": float(schedule)}
    return {"schedule": kind} | {name: _setting(value) for name, value in settings.items()}


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
