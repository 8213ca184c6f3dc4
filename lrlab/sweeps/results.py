"""What a sweep found: its runs, the best of them, a table and two pictures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from lrlab.sweeps.halving import RANKED_BY, Rung, last_value, mean_of
from lrlab.sweeps.settings import columns_of, columns_of_variants, label_of

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.experiment import Experiment, Run
    from lrlab.figures.ink import Theme
    from lrlab.figures.parallel import ParallelCoordinates
    from lrlab.figures.picture import Picture
    from lrlab.schedules import Schedule

__all__ = ["Sweep"]

Mode: TypeAlias = Literal["auto", "min", "max"]


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """The runs of a sweep, and what to make of them.

    Attributes:
        experiment: What was trained.
        schedules: All that were asked for, in that order.
        seeds: From which each was trained.
        found: The runs that have finished, by the index of the setting and that of the seed. A
            setting is a schedule; with variants all schedules of the first come first.
        variants: What was trained, where it is not the experiment alone.
        rungs: Those of successive halving, from the first one on: the runs of each, and which
            settings were kept. A run that was stopped early is there alone, never among `runs`.
    """

    experiment: Experiment
    schedules: tuple[Schedule, ...]
    seeds: tuple[int, ...]
    found: Mapping[tuple[int, int], Run]
    variants: Sequence[Experiment] = ()
    rungs: Sequence[Rung] = ()

    @cached_property
    def runs(self) -> list[Run]:
        """The runs in the order asked, by setting and then by seed; only those that finished."""
        return [self.found[index] for index in sorted(self.found)]

    @property
    def complete(self) -> bool:
        """Whether all runs have finished: none was interrupted, and none was stopped early."""
        return len(self.found) == len(self._settings) * len(self.seeds)

    @property
    def epochs_trained(self) -> int:
        """The epochs of all runs; with halving a run that goes on begins again from the start."""
        stages: list[Mapping[tuple[int, int], Run]] = [rung.runs for rung in self.rungs]
        return sum(
            len(run.history["loss"]) for runs in stages or [self.found] for run in runs.values()
        )

    @property
    def stopped(self) -> dict[tuple[int, int], Run]:
        """The runs that halving stopped early, as far as they went, by their indices as `found`."""
        return {
            index: run
            for rung in self.rungs
            for index, run in rung.runs.items()
            if index[0] in set(rung.dropped)
        }

    def dropped(self) -> list[dict[str, Any]]:
        """Return a dict a setting that halving dropped: where, after how many epochs, and why.

        Its validation loss, the mean over the seeds, is that of the epoch in which it was dropped,
        and so is the highest of those that were kept then; infinite is what diverged.
        """
        return [
            {
                **self._settings[i],
                "rung": number,
                "epochs": rung.epochs,
                f"{RANKED_BY}_then": rung.losses[i],
                "highest_kept": max((rung.losses[k] for k in rung.kept), default=math.nan),
            }
            for number, rung in enumerate(self.rungs, 1)
            for i in rung.dropped
        ]

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
        """Return a dict a run of `runs`: its settings, seed, final numbers and verdict."""
        return [
            {
                **self._settings[i],
                "seed": run.seed,
                **{f"final_{name}": value for name, value in run.final.items()},
                "verdict": run.verdict,
            }
            for (i, _), run in sorted(self.found.items())
        ]

    def summary(self, by: str = "val_loss") -> list[dict[str, Any]]:
        """Return a dict a setting: mean and spread of a final number, and what it is of.

        The spread is the sample standard deviation over the seeds, NaN for one seed alone. Where a
        run diverged, or was stopped early, both are NaN. With halving "epochs" are those that it
        was trained for.
        """
        lines = []
        epochs = {i: rung.epochs for rung in self.rungs for i in rung.losses}
        for i, (settings, values) in enumerate(self._points(by)):
            mean = mean_of(values) if values and max(values) < math.inf else math.nan
            several = len(values) > 1 and math.isfinite(mean)
            spread = statistics.stdev(values) if several else math.nan
            numbers = {"runs": len(values), f"{by}_mean": mean, f"{by}_spread": spread}
            told = {"epochs": epochs.get(i, 0)} if self.rungs else {}
            lines.append(settings | told | numbers)
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

    def to_tensorboard(self, folder: str | PathLike[str]) -> None:
        """Write each run for TensorBoard: its curves, and its row of the HParams table.

        `tensorboard --logdir folder` then shows them. Curves are called and placed as by
        `keras.callbacks.TensorBoard`, and HParams has settings, seed, verdict and the last
        values, as a table and as parallel coordinates. Of a run that was stopped early there are
        the curves alone.

        Args:
            folder: A new or an empty one.

        Raises:
            ValueError: If there is something in it, or it is a file.
            ImportError: Without the package tensorboard, the extra `lrlab[tensorboard]`.
        """
        from lrlab.sweeps.tensorboard import write_runs

        runs = {self._name(index): run for index, run in (self.stopped | dict(self.found)).items()}
        names = {self._name(index): index for index in self.found}
        whole = {name: (self._settings[i], runs[name]) for name, (i, _) in names.items()}
        stopped = {name: run for name, run in runs.items() if name not in whole}
        write_runs(Path(folder), whole, stopped)

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

    def parallel_coordinates(
        self, by: str = "val_loss", *, theme: Theme = "light"
    ) -> ParallelCoordinates:
        """Draw a line for each setting through all that vary, to a final number.

        It is an Altair chart, which answers the pointer in JupyterLab: `.save("page.html")` writes
        it as a page that needs no network, and `.alt` says in words what it shows. The number is
        the mean over the seeds. What was stopped early ends before it.

        Args:
            by: A key of the history, whose last value counts.
            theme: "light", or "dark" for a dark page.

        Raises:
            ValueError: If fewer than two settings vary, or no run came to its end.
            ImportError: Without Altair and vl-convert, the extra `lrlab[export]`.
        """
        from lrlab.figures.parallel import parallel_coordinates

        stopped = {i: rung.epochs for rung in self.rungs for i in rung.dropped}
        points, epochs, highest = self._points(by), self.experiment.epochs, _is_better_higher(by)
        return parallel_coordinates(points, by, epochs, stopped, highest=highest, theme=theme)

    def __repr__(self) -> str:
        if self.rungs:
            whole = len({i for i, _ in self.found})
            text = f"{whole} of {len(self._settings)} settings trained to the end"
        else:
            text = f"{len(self.found)} of {len(self._settings) * len(self.seeds)} runs"
        lost = sum(run.verdict == "diverged" for run in self.runs)
        text += f", {lost} diverged" if lost else ""
        try:
            chosen, mean = self._best("val_loss")
        except ValueError:
            return f"Sweep({text})"
        return f"Sweep({text}, lowest val_loss {mean:.4g} at {self._label(chosen, 45)})"

    def __str__(self) -> str:
        """Of halving also what happened on each rung, and what was not trained."""
        from lrlab.figures.ink import counted

        lines = [repr(self)]
        for number, rung in enumerate(self.rungs, 1):
            line = f"rung {number}: {counted(len(rung.losses), 'setting')}, "
            line += counted(rung.epochs, "epoch")
            if rung.dropped:
                kept = [rung.losses[i] for i in rung.kept]
                line += f"; {len(kept)} went on"
                line += f", with {RANKED_BY} up to {max(kept):.4g}" * bool(kept)
            lines.append(line)
        if self.rungs:
            whole = len(self._settings) * len(self.seeds) * self.experiment.epochs
            lines.append(f"{self.epochs_trained:,} epochs trained; all to the end are {whole:,}.")
            lines += [self._warning] * bool(self._warning)
        return "\n".join(lines)

    @property
    def _warning(self) -> str:
        """What was dropped, in words; nothing, where nothing was."""
        if not (dropped := len(self.dropped())):
            return ""
        return (
            f"{dropped} of {len(self._settings)} settings were not trained to the end. A late "
            "starter, such as a slow warm-up, can be dropped wrongly."
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        bundle: dict[str, Any] = {"text/plain": str(self)}
        for draw in (self.heat_map, self.u_curve):
            try:
                picture = draw()
            except ValueError:  # not such a sweep
                continue
            alt = f"{picture.alt} {self._warning}".strip()
            return bundle | {"image/png": picture.png}, {"image/png": {"alt": alt}}
        return bundle, {}

    def _best(self, by: str, mode: Mode = "auto") -> tuple[int, float]:
        """The index of the best schedule, and its mean."""
        if mode not in get_args(Mode):
            raise ValueError(
                f"`mode` must be one of {', '.join(get_args(Mode))}. Received: mode={mode!r}. "
                'Use "max" where the highest value is best.'
            )
        means = {
            i: mean_of(values)
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
        """The settings of each, and the last values of its runs."""
        values: list[list[float]] = [[] for _ in self._settings]
        for (i, _), run in sorted(self.found.items()):
            values[i].append(last_value(run, by))
        return list(zip(self._settings, values, strict=True))

    @cached_property
    def _settings(self) -> list[dict[str, Any]]:
        """What there was to train, a dict each."""
        variants = columns_of_variants(self.variants) or [{}]
        return [columns_of(each) | variant for variant in variants for each in self.schedules]

    def _name(self, index: tuple[int, int]) -> str:
        """A name of its own for each run."""
        return f"{index[0]:03} {self._label(index[0])} seed {self.seeds[index[1]]}"

    def _label(self, index: int, most: int | None = None) -> str:
        """A few words that name a setting; those of the schedule may be cut."""
        variant, schedule = divmod(index, len(self.schedules))
        words = [label_of(self.schedules[schedule])[:most]]
        if self.variants:
            others = columns_of_variants(self.variants)[variant].items()
            words += [
                f"{name} {value:.6g}" if name != "optimizer" else value for name, value in others
            ]
        return ", ".join(words)


def _is_better_higher(by: str) -> bool:
    return by.endswith(("accuracy", "acc", "auc"))
