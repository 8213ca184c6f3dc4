"""Optimizers side by side: what each makes of a learning rate, and which wins at its own best."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from lrlab.checks import as_learning_rate, as_number, as_whole_number
from lrlab.explorers.controls import Several, choice, notches, rate_slider
from lrlab.explorers.explorer import button
from lrlab.explorers.optimizer_settings import OPTIMIZERS, Settings
from lrlab.explorers.run_explorer import _REPEATABLE, Explorer
from lrlab.explorers.worker import Superseded

if TYPE_CHECKING:
    from lrlab.experiment.experiment import Experiment, Run

_MOMENTUMS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
_DECAYS = (0.0, 1e-4, 1e-3, 0.004, 0.01, 0.1, 1.0)
_BATCHES = (8, 16, 32, 64, 128, 256, 512)
_VARIANTS_KEPT = 12
_SECONDS_A_FRAME = 1 / 10
_GRID = (0, 1, 2, 3)  # half decades from the first rate of a race
_FURTHEST = 8  # half decades, in either direction


class OptimizerExplorer(Explorer):
    """An optimizer with its learning rate, momentum, weight decay and batch size, and races.

    Each movement retrains from the same weights. A new value of anything but the rate has Keras
    compile once; what is compiled is kept. Another optimizer begins with Keras's own defaults for
    it, and comes back with the settings that it was left with.

    A race trains each of some optimizers at rates half a decade apart until its best one is found,
    and pins that run. A comparison at one rate for all would only tell whom that rate suits.

    Args:
        experiment: What to train; by default a small network on handwritten digits. Of its own
            optimizer nothing is kept; its model, data, loss and metrics are.
        optimizer: The one to begin with: "SGD", "SGD Nesterov", "RMSprop", "Adagrad", "Adam",
            "AdamW", "Nadam" or "Lion".
        learning_rate: Where the slider of the rate starts; by default Keras's for the optimizer.
        momentum: The same for momentum, from 0 to 1. Only SGD and RMSprop have one.
        weight_decay: The same for weight decay, at least 0.
        batch_size: Samples a step; by default those of the experiment.
        racers: The optimizers that are chosen for the race.

    Attributes:
        best: After a race, by optimizer, the run at its best rate.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.OptimizerExplorer(optimizer="Adam")
        >>> explorer.learning_rate.value
        0.001
        >>> str(explorer.wait().schedule)
        'Adam 0.001'
    """

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        optimizer: str = "SGD",
        learning_rate: float | None = None,
        momentum: float | None = None,
        weight_decay: float | None = None,
        batch_size: int | None = None,
        racers: Sequence[str] = ("SGD", "Adam"),
    ) -> None:
        chosen = choice("optimizer", optimizer, OPTIMIZERS, "Which of Keras's optimizers trains")
        usual = Settings.usual(optimizer, getattr(experiment, "batch_size", 32))
        given = (learning_rate, momentum, weight_decay, batch_size)
        settings = _checked(usual, *given)
        self._first = self._moving = settings
        self._left: dict[str, Settings] = {}  # the settings that an optimizer was left with
        self._made = lru_cache(_VARIANTS_KEPT)(self._make)
        self._tried: dict[Settings, Run] = {}
        self._race_pins: list[tuple[str, Run]] = []
        self._raced = self._adopting = False
        self.best: dict[str, Run] = {}
        self.racers = _racers(racers)
        super().__init__(
            experiment,
            {
                "optimizer": chosen,
                "learning_rate": rate_slider("learning rate", settings.learning_rate),
                "momentum": notches(
                    *("momentum", settings.momentum, _with(_MOMENTUMS, settings.momentum)),
                    "How much of the last step goes into the next; SGD and RMSprop have it",
                ),
                "weight_decay": notches(
                    *("weight decay", settings.weight_decay, _with(_DECAYS, settings.weight_decay)),
                    "How strongly each step pulls the weights towards 0, apart from the loss",
                ),
                "batch_size": notches(
                    *("batch size", settings.batch_size, _with(_BATCHES, settings.batch_size)),
                    "Samples a step: a smaller batch makes more and noisier steps an epoch",
                ),
            },
        )
        words = "Race: find the best rate of each chosen optimizer, and compare these runs"
        race = button("Race", words, self.race)
        row = ipywidgets.HBox([self.racers, race], layout={"flex_flow": "row wrap"})
        children: list[ipywidgets.Widget] = list(self.children)  # type: ignore[has-type]
        self.children = [*children[:-1], row, children[-1]]
        self._disable()

    def schedule(self) -> Any:
        """Return the settings."""
        kind = OPTIMIZERS[self.optimizer.value]
        return Settings(
            self.optimizer.value,
            as_learning_rate(self.learning_rate.value),
            0.0 if kind.momentum is None else self.momentum.value,
            self.weight_decay.value,
            self.batch_size.value,
        )

    def label(self, schedule: Any) -> str:
        """Return the optimizer, the rate and what else is not as usual."""
        return str(schedule)

    def follow(self, schedule: Any) -> Generator[Run, None, None]:
        """Train by such settings."""
        variant = self._variant(schedule)
        with closing(variant.follow(schedule.learning_rate)) as runs:
            for run in runs:
                yield replace(run, schedule=schedule)

    def compiling(self, schedule: Any) -> str:
        """Return what to say where these settings are new."""
        if self._variant(schedule).has_run:
            return ""
        return f"Compiling for {schedule.optimizer}, batch size {schedule.batch_size}, once …"

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        settings = self.schedule()
        return self._variant(settings).code(settings.learning_rate)

    # --- what a person does ---

    def run(self) -> None:
        """Train with the present settings. An unfinished run, or race, gives way."""
        self._raced = False
        super().run()

    def race(self) -> None:
        """Find the best rate of each chosen optimizer, and pin these runs.

        Momentum and weight decay are those that each was left with, the batch size is the present
        one. A rate is better if it ends with a lower validation loss.
        """
        names = self.racers.value
        if len(names) < 2:
            self.say("Choose two or more optimizers for the race: hold Ctrl and click.")
            return
        self._left[self.optimizer.value] = self.schedule()
        batch_size = self.batch_size.value
        settings = [
            replace(self._left.get(name, Settings.usual(name)), batch_size=batch_size)
            for name in names
        ]
        self._worker.submit(partial(self._race, settings))

    def reset(self) -> None:
        """Put the controls back to their first values."""
        self._left.clear()
        self._adopt(self._first)
        self.run()

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if not (self._raced and self.best):
            return super().result()
        winner = min(self.best.values(), key=_final_loss)
        if _final_loss(winner) == math.inf:
            return f"{len(self.best)} raced, all diverged"
        number = f", val_loss={_final_loss(winner):.4f}" if winner.verdict in _REPEATABLE else ""
        return f"{len(self.best)} raced, first is {self.label(winner.schedule)}{number}"

    def _control_moved(self, change: Any) -> None:
        if self._adopting:  # of several settings only some have changed yet
            return
        if change["owner"] is self.optimizer:
            name = change["new"]
            self._left[change["old"]] = self._moving
            settings = self._left.get(name) or Settings.usual(name)
            self._adopt(replace(settings, batch_size=self.batch_size.value))
        self._moving = self.schedule()
        super()._control_moved(change)

    def _adopt(self, settings: Settings) -> None:
        """Set the controls, all before anything is trained."""
        self._adopting = True
        try:
            for name, control in self._controls.items():
                control.value = getattr(settings, name)
        finally:
            self._adopting = False
        self._moving = settings
        self._disable()

    def _disable(self) -> None:
        """Leave alone what this optimizer does not have."""
        self.momentum.disabled = OPTIMIZERS[self.optimizer.value].momentum is None

    # --- what happens then ---

    def _variant(self, settings: Settings) -> Experiment:
        """The experiment for such settings, whatever their rate: what is compiled is the same."""
        return self._made(replace(settings, learning_rate=1.0))

    def _make(self, settings: Settings) -> Experiment:
        return self.experiment.variant(
            optimizer=settings.as_optimizer(), batch_size=settings.batch_size
        )

    def _race(self, racers: Sequence[Settings], superseded: Superseded) -> None:
        try:
            self.best = {}
            self._forget_race()
            for number, settings in enumerate(racers, 1):
                tried: dict[int, Run] = {}
                race = f"Race, optimizer {number} of {len(racers)}"
                for half_decades in _search(tried):
                    known = len(tried) < len(_GRID)  # beyond, the search decides as it goes on
                    rate = f"rate {len(tried) + 1}" + (f" of {len(_GRID)} or more" if known else "")
                    at = _at(settings, half_decades)
                    run = self._try(at, f"{race}, {rate}", superseded)
                    if run is None:
                        return
                    tried[half_decades] = run
                best = min(tried.values(), key=_final_loss)
                self.best[settings.optimizer] = best
                self._race_pins.append((self.label(best.schedule), best))
                self.pins.append(self._race_pins[-1])
                self.show_pins()
            self._raced, self.error = True, None
            self._draw(self.runs[-1] if self.runs else best, _said(self.best))
        except Exception as error:  # noqa: BLE001 - whatever somebody's model raises, they read it
            if not superseded():
                self.report(error)

    def _try(self, settings: Settings, where: str, superseded: Superseded) -> Run | None:
        """A run of a race, None if it has to give way."""
        if settings in self._tried:
            return self._tried[settings]
        epochs, drawn = self.experiment.epochs, -math.inf
        words = f"{where}: {settings.optimizer} at {settings.learning_rate:g}"
        self.say(self.compiling(settings) or f"{words}, epoch 1 of {epochs}")
        with closing(self.follow(settings)) as runs:
            for run in runs:
                if superseded():
                    return None
                if time.monotonic() - drawn > _SECONDS_A_FRAME:
                    drawn = time.monotonic()
                    self._draw(run, f"{words}, epoch {len(run.history['loss'])} of {epochs}")
        self._tried[settings] = run
        return run

    def _forget_race(self) -> None:
        self.pins = [pin for pin in self.pins if pin not in self._race_pins]
        self._race_pins = []
        self.show_pins()


def _at(settings: Settings, half_decades: int) -> Settings:
    """The settings with a rate so far from Keras's default: 0.01, 0.03, 0.1, ..."""
    usual = OPTIMIZERS[settings.optimizer].learning_rate
    return replace(settings, learning_rate=float(f"{usual * 10 ** (half_decades / 2):.1g}"))


def _search(tried: dict[int, Run]) -> Iterator[int]:
    """Which rates to try: a few, then further as long as the best is at the edge."""
    yield from _GRID
    while True:
        best = min(tried, key=lambda place: _final_loss(tried[place]))
        if best == min(tried) > -_FURTHEST:
            yield best - 1
        elif best == max(tried) < _FURTHEST:
            yield best + 1
        else:
            return


def _final_loss(run: Run) -> float:
    """The last validation loss, infinity for what diverged."""
    loss = run.final["val_loss"]
    return loss if run.verdict != "diverged" and math.isfinite(loss) else math.inf


def _said(best: dict[str, Run]) -> str:
    """The rates that were found, the winner first."""
    order = sorted(best.values(), key=_final_loss)
    if _final_loss(order[0]) == math.inf:
        return f"All diverged, at every rate that was tried: {html.escape(', '.join(best))}."
    found = [f"<b>{html.escape(str(run.schedule))}</b> ({_loss_in_words(run)})" for run in order]
    return f"Each at its best rate, the lowest first: {', '.join(found)}."


def _loss_in_words(run: Run) -> str:
    loss = _final_loss(run)
    return f"validation loss {loss:.3g}" if loss < math.inf else "diverged at every rate"


def _checked(usual: Settings, rate: Any, momentum: Any, decay: Any, batch_size: Any) -> Settings:
    """The usual settings with those that are given."""
    changes: dict[str, Any] = {}
    if rate is not None:
        changes["learning_rate"] = as_learning_rate(rate)
    for name, value, most in (("momentum", momentum, 1.0), ("weight_decay", decay, math.inf)):
        if value is None:
            continue
        changes[name] = number = as_number(value)
        if not (0 <= number <= most and number < math.inf):
            room = "from 0 to 1" if most == 1 else "of at least 0"
            raise ValueError(
                f"`{name}` must be a finite number {room}. Received: {name}={value!r}. "
                f"Try {name}={0.9 if most == 1 else 0.004}."
            )
    if batch_size is not None:
        changes["batch_size"] = as_whole_number(batch_size, "batch_size", 1)
    return replace(usual, **changes)


def _racers(names: Sequence[str]) -> ipywidgets.SelectMultiple:
    def check(names: Any) -> tuple[str, ...]:
        several = np.iterable(names) and not isinstance(names, str)
        if not several or any(name not in list(OPTIMIZERS) for name in names):
            raise ValueError(
                f"`racers` must be a list of some of {list(OPTIMIZERS)}. "
                f"Received: racers={names!r}. Try racers=('SGD', 'Adam')."
            )
        return tuple(names)

    return Several(
        value=check(names),
        options=list(OPTIMIZERS),
        rows=len(OPTIMIZERS),  # so that none that is chosen is out of sight
        description="race among",
        tooltip="The optimizers to race: hold Ctrl and click, or use Shift and the arrow keys",
        style={"description_width": "140px"},
        layout={"width": "340px"},
    ).checked(check)


def _with(numbers: Sequence[float], *more: float) -> list[float]:
    return sorted({*numbers, *more})
