"""What a sweep found: its runs, the best of them, a table and two pictures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from lrlab.checks import as_number

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.experiment import Experiment, Run
    from lrlab.figures.ink import Theme
    from lrlab.figures.picture import Picture
    from lrlab.schedules import Schedule

__all__ = ["Sweep", "columns_of", "label_of"]

Mode: TypeAlias = Literal["auto", "min", "max"]


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
        chosen, _ = self._best(by, mode)
        return self.found[chosen, 0]

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
        for settings, values in self._points(by):
            mean = _mean(values) if values and max(values) < math.inf else math.nan
            several = len(values) > 1 and math.isfinite(mean)
            spread = statistics.stdev(values) if several else math.nan
            numbers = {"runs": len(values), f"{by}_mean": mean, f"{by}_spread": spread}
            lines.append(settings | numbers)
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

    def heat_map(self, by: str = "val_loss", *, theme: Theme = "light", **fixed: float) -> Picture:
        """Draw a final number, the mean over the seeds, over the two settings that vary.

        The first of the two goes up its side, as the first rate does in a `DecayMapExplorer`.

        Args:
            by: A key of the history, whose last value counts.
            theme: "light", or "dark" for a dark page.
            fixed: Where three settings vary, one of them at a value: `epochs_per_drop=5`.

        Raises:
            ValueError: If not two settings vary.
        """
        from lrlab.figures import sweeps

        highest = _is_better_higher(by)
        points, epochs = self._points(by), self.experiment.epochs
        return sweeps.heat_map(points, by, epochs, fixed, highest=highest, theme=theme)

    def u_curve(self, by: str = "val_loss", *, theme: Theme = "light", **fixed: float) -> Picture:
        """Draw a final loss over the rate, a dot a seed and a line through their means.

        Args:
            by: "val_loss" or "loss".
            theme: "light", or "dark" for a dark page.
            fixed: Where other settings vary too, their values: `decay_factor=0.5`.

        Raises:
            ValueError: If it is no loss, or if more than one setting varies, or none, or it is not
                a rate.
        """
        from lrlab.figures import sweeps

        start = self.runs[0].start_loss if self.runs else math.nan
        points, epochs = self._points(by), self.experiment.epochs
        return sweeps.u_curve(points, by, epochs, fixed, start_loss=start, theme=theme)

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
                picture = draw()
            except ValueError:  # not such a sweep
                continue
            return bundle | {"image/png": picture.png}, {"image/png": {"alt": picture.alt}}
        return bundle, {}

    def _best(self, by: str, mode: Mode = "auto") -> tuple[int, float]:
        """The index of the best schedule, and its mean."""
        if mode not in get_args(Mode):
            raise ValueError(
                f"`mode` must be one of {', '.join(get_args(Mode))}. Received: mode={mode!r}. "
                'Use "max" where the highest value is best.'
            )
        means = {
            i: _mean(values)
            for i, (_, values) in enumerate(self._points(by))
            if len(values) == len(self.seeds)
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

    def _points(self, by: str) -> list[tuple[dict[str, Any], list[float]]]:
        """The settings of each schedule, and the last values of its runs."""
        values: dict[int, list[float]] = {i: [] for i in range(len(self.schedules))}
        for i, j in sorted(self.found):
            values[i].append(_last_value(self.found[i, j], by))
        return [(columns_of(self.schedules[i]), each) for i, each in values.items()]


def _last_value(run: Run, by: str) -> float:
    """Infinity for a run that diverged."""
    if by not in run.final:
        raise ValueError(
            f"`by` must be a key of the history. Received: by={by!r}. "
            f"There are: {', '.join(run.final)}."
        )
    value = run.final[by]
    return math.inf if run.verdict == "diverged" or math.isnan(value) else value


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
