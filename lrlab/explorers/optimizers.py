"""Optimizers side by side: what each makes of a learning rate, and which wins at its own best."""

from __future__ import annotations

import html
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import ipywidgets

from lrlab.checks import as_learning_rate, as_number, as_whole_number
from lrlab.explorers.controls import (
    button,
    choice,
    notches,
    rate_slider,
    several,
    training_length,
    usual_epochs,
)
from lrlab.explorers.frame import Frame, Work
from lrlab.explorers.pins import Pin
from lrlab.explorers.run_explorer import REPEATABLE, RunExplorer, final_loss

if TYPE_CHECKING:
    import keras

    from lrlab.experiment import Experiment, Run

_MOMENTUMS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
_DECAYS = (0.0, 1e-4, 1e-3, 0.004, 0.01, 0.1, 1.0)
_BATCHES = (8, 16, 32, 64, 128, 256, 512)
_VARIANTS_KEPT = 12  # as an experiment does
_FIRST_TRIED = (0, 1, 2, 3)  # half decades from the usual rate of an optimizer
_FURTHEST = 8  # half decades, in either direction


@dataclass(frozen=True)
class Kind:
    """An optimizer of Keras's, and its defaults."""

    name: str
    learning_rate: float = 0.001
    momentum: float | None = None  # None: it has none
    weight_decay: float = 0.0
    nesterov: bool = False


# The defaults are Keras's, but for Nesterov's momentum, which does nothing at 0.
OPTIMIZERS = {
    "SGD": Kind("SGD", 0.01, momentum=0.0),
    "SGD Nesterov": Kind("SGD", 0.01, momentum=0.9, nesterov=True),
    "RMSprop": Kind("RMSprop", momentum=0.0),
    "Adagrad": Kind("Adagrad"),
    "Adam": Kind("Adam"),
    "AdamW": Kind("AdamW", weight_decay=0.004),
    "Nadam": Kind("Nadam"),
    "Lion": Kind("Lion"),
}


@dataclass(frozen=True)
class Settings:
    """An optimizer, its rate and what else is set.

    Attributes:
        optimizer: One of `OPTIMIZERS`.
        learning_rate: A number above 0.
        momentum: As for `keras.optimizers.SGD` and `RMSprop`; of no other.
        weight_decay: As for any Keras optimizer: each step multiplies the weights by 1 - rate
            times this. 0 for none.
        batch_size: Samples a step.
        epochs: How long a run lasts.

    Example:
        >>> print(Settings("SGD", 0.1, momentum=0.9, batch_size=64))
        SGD 0.1, momentum 0.9, batch 64
    """

    optimizer: str
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 32
    epochs: int = usual_epochs(None)

    @classmethod
    def keras_defaults(cls, optimizer: str, **others: int) -> Settings:
        """Return the settings that Keras gives an optimizer by default."""
        kind = OPTIMIZERS[optimizer]
        return cls(optimizer, kind.learning_rate, kind.momentum or 0.0, kind.weight_decay, **others)

    def as_optimizer(self) -> keras.optimizers.Optimizer:
        """Return it as an object of Keras's."""
        from lrlab.backend import keras

        kind = OPTIMIZERS[self.optimizer]
        given: dict[str, Any] = {"momentum": self.momentum} if kind.momentum is not None else {}
        if kind.nesterov:
            given["nesterov"] = True
        if self.weight_decay or kind.weight_decay:
            given["weight_decay"] = self.weight_decay
        made: keras.optimizers.Optimizer = getattr(keras.optimizers, kind.name)(
            learning_rate=self.learning_rate, **given
        )
        return made

    def __str__(self) -> str:
        """Return a few words, those for the defaults left out."""
        defaults = Settings.keras_defaults(self.optimizer)
        words = {"momentum": "momentum", "weight_decay": "weight decay", "batch_size": "batch"}
        others = [
            f"{words[name]} {getattr(self, name):g}"
            for name in words
            if getattr(self, name) != getattr(defaults, name)
        ]
        return ", ".join([f"{self.optimizer} {self.learning_rate:.3g}", *others])


class OptimizerExplorer(RunExplorer):
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
        epochs: How long a run lasts first; by default as long as those of the experiment.
        racers: The optimizers that are chosen for the race.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.OptimizerExplorer(optimizer="Adam")
        >>> explorer.learning_rate.value
        0.001
        >>> explorer.wait().schedule
        0.001
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
        epochs: int | None = None,
        racers: Sequence[str] = ("SGD", "Adam"),
    ) -> None:
        chosen = choice("optimizer", optimizer, OPTIMIZERS, "Which of Keras's optimizers trains")
        length = training_length(experiment, epochs)
        usual = {"batch_size": getattr(experiment, "batch_size", 32), "epochs": length.value}
        defaults = Settings.keras_defaults(optimizer, **usual)
        first = _first_settings(defaults, learning_rate, momentum, weight_decay, batch_size)
        # To ask the experiment costs milliseconds, for it compares the settings of optimizers.
        self._variant_of = lru_cache(_VARIANTS_KEPT)(self._make_variant)
        self._present = first  # settings, those of the controls
        self._left: dict[str, Settings] = {}  # the settings that an optimizer was left with
        self._tried: dict[Settings, Run] = {}
        self._best: list[Pin[Run | None]] = []  # of the last race, an optimizer each
        self._raced = False
        keys = "The optimizers to race: hold Ctrl and click, or use Shift and the arrow keys"
        self.racers = several("racers", racers, OPTIMIZERS, keys, "race among")
        pull = "How strongly each step pulls the weights towards 0, apart from the loss"
        again = "How much of the last step goes into the next; SGD and RMSprop have it"
        noise = "Samples a step: a smaller batch makes more and noisier steps an epoch"
        controls = [
            chosen,
            rate_slider("learning_rate", first.learning_rate),
            notches("momentum", first.momentum, _MOMENTUMS, again),
            notches("weight_decay", first.weight_decay, _DECAYS, pull),
            notches("batch_size", first.batch_size, _BATCHES, noise),
            length,
        ]
        words = "Race: find the best rate of each chosen optimizer, and compare these runs"
        race = [self.racers, button("Race", words, self.race)]
        row = ipywidgets.HBox(race, layout={"flex_flow": "row wrap"})
        super().__init__(experiment, controls, under_the_table=[row])
        self._disable()

    def settings(self) -> Settings:
        """Read the controls."""
        kind = OPTIMIZERS[self.optimizer.value]
        return Settings(
            self.optimizer.value,
            as_learning_rate(self.learning_rate.value),
            0.0 if kind.momentum is None else self.momentum.value,
            self.weight_decay.value,
            self.batch_size.value,
            self.epochs.value,
        )

    def schedule(self) -> float:
        """Return the learning rate."""
        return self.settings().learning_rate

    def label(self, settings: Settings) -> str:
        """Return the optimizer, the rate and what else is not the default."""
        return str(settings)

    def follow(self, settings: Settings) -> Generator[Run, None, None]:
        """Train by such settings."""
        return self._variant(settings).follow(settings.learning_rate)

    def compiling(self, settings: Settings) -> str:
        """Return what to say where these settings are new."""
        if self._variant(settings).has_run:
            return ""
        return f"Compiling for {settings.optimizer}, batch size {settings.batch_size}, once …"

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        settings = self.settings()
        return self._variant(settings).code(settings.learning_rate)

    def _variant(self, settings: Settings) -> Experiment:
        """The experiment for such settings, whatever their rate: what is compiled is the same."""
        return self._variant_of(replace(settings, learning_rate=1.0))

    def _make_variant(self, settings: Settings) -> Experiment:
        optimizer = settings.as_optimizer()
        experiment, size = self.experiment, settings.batch_size
        return experiment.variant(optimizer=optimizer, batch_size=size, epochs=settings.epochs)

    @property
    def best(self) -> dict[str, Run]:
        """After a race, by optimizer, the run at its best rate."""
        return {pin.settings.optimizer: pin.shown for pin in self._best if pin.shown is not None}

    # --- what a person does ---

    def run(self) -> None:
        """Train with the present settings. An unfinished run, or race, gives way."""
        self._raced = False
        super().run()

    def race(self) -> None:
        """Find the best rate of each chosen optimizer, and pin these runs.

        Momentum and weight decay are those that each was left with, batch size and epochs are the
        present ones. A rate is better if it ends with a lower validation loss.
        """
        names = self.racers.value
        if len(names) < 2:
            self.say("Choose two or more optimizers for the race: hold Ctrl and click.")
            return
        present = self.settings()
        self._left[present.optimizer] = present
        racers = [self._settings_of(name) for name in names]
        self.start(present, self._race(racers, present))

    def reset(self) -> None:
        """Put the controls back to their first values."""
        self._left.clear()
        self._present = Settings(**self._first_values)
        super().reset()

    def controls_moved(self, *names: str) -> None:
        """Answer a movement; another optimizer comes with the settings that it was left with."""
        name, left = self.optimizer.value, self._present
        if name != left.optimizer:
            self._left[left.optimizer] = left
            self._present = self._settings_of(name)
            self.move(**vars(self._present))
            return
        self._present = self.settings()
        self._disable()
        super().controls_moved(*names)

    def _settings_of(self, name: str) -> Settings:
        """Those that an optimizer was left with, at the present batch size and epochs."""
        settings = self._left.get(name) or Settings.keras_defaults(name)
        return replace(settings, batch_size=self.batch_size.value, epochs=self.epochs.value)

    def let_go(self) -> None:
        """Forget the runs of races, too."""
        super().let_go()
        self._variant_of.cache_clear()
        self._tried.clear()
        self._best.clear()

    def _disable(self) -> None:
        """Leave alone what this optimizer does not have."""
        self.momentum.disabled = OPTIMIZERS[self.optimizer.value].momentum is None

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if not (self._raced and self._best):
            return super().result()
        winner = min(self._best, key=_final_loss)
        loss, count = _final_loss(winner), len(self._best)
        if loss == math.inf:
            return f"{count} raced, all diverged"
        repeatable = winner.shown is not None and winner.shown.verdict in REPEATABLE
        number = f", val_loss={loss:.4f}" if repeatable else ""
        return f"{count} raced, first is {winner.label}{number}"

    # --- the race ---

    def _race(self, racers: Sequence[Settings], present: Settings) -> Work[Run | None]:
        with self._drawing:
            self._pins[:] = [pin for pin in self._pins if pin not in self._best]
            self._best = []
            self.pins_changed()
        for number, racer in enumerate(racers, 1):
            tried: dict[int, Pin[Run | None]] = {}
            race = f"Race, optimizer {number} of {len(racers)}"
            for half_decades in _search(tried):
                known = len(tried) < len(_FIRST_TRIED)  # beyond, the search decides as it goes on
                rate = f"rate {len(tried) + 1}"
                rate += f" of {len(_FIRST_TRIED)} or more" if known else ""
                settings = _at(racer, half_decades)
                if settings not in self._tried:
                    yield from self._try(settings, f"{race}, {rate}")
                label = self.pin_label(settings)
                tried[half_decades] = Pin(label, settings, self._tried[settings])
            with self._drawing:
                self._best.append(min(tried.values(), key=_final_loss))
                self._pins.append(self._best[-1])
                self.pins_changed()
        if self._finished is None or self._finished[0] != present:  # it had to give way
            if present not in self._tried:
                yield from self._try(present, "Race, and what the controls say")
            self.finish(self._tried[present], present)
        self._raced = True
        assert self._finished is not None
        yield Frame(self._finished[1], _race_in_words(self._best), present, always=True)

    def _try(self, settings: Settings, where: str) -> Work[Run | None]:
        """Train a run of a race."""
        epochs = settings.epochs
        words = f"{where}: {settings.optimizer} at {settings.learning_rate:g}"
        yield self.compiling(settings) or f"{words}, epoch 1 of {epochs}"
        with closing(self.follow(settings)) as runs:
            for run in runs:
                yield Frame(run, f"{words}, epoch {len(run.history['loss'])} of {epochs}", settings)
        self._tried[settings] = run


def _at(settings: Settings, half_decades: int) -> Settings:
    """The settings with a rate so far from Keras's default: 0.01, 0.03, 0.1, ..."""
    usual = OPTIMIZERS[settings.optimizer].learning_rate
    return replace(settings, learning_rate=float(f"{usual * 10 ** (half_decades / 2):.1g}"))


def _search(tried: Mapping[int, Pin[Run | None]]) -> Iterator[int]:
    """Which rates to try: a few, then further as long as the best is at the edge."""
    yield from _FIRST_TRIED
    while True:
        best = min(tried, key=lambda place: _final_loss(tried[place]))
        if best == min(tried) > -_FURTHEST:
            yield best - 1
        elif best == max(tried) < _FURTHEST:
            yield best + 1
        else:
            return


def _final_loss(pin: Pin[Any]) -> float:
    """The last validation loss, infinity for what diverged."""
    return final_loss(pin.shown)


def _race_in_words(best: Sequence[Pin[Any]]) -> str:
    """The rates that were found, the winner first."""
    order = sorted(best, key=_final_loss)
    if _final_loss(order[0]) == math.inf:
        names = ", ".join(pin.settings.optimizer for pin in best)
        return f"All diverged, at every rate that was tried: {html.escape(names)}."
    found = [f"<b>{html.escape(pin.label)}</b> ({_loss_in_words(pin)})" for pin in order]
    return f"Each at its best rate, the lowest first: {', '.join(found)}."


def _loss_in_words(pin: Pin[Any]) -> str:
    loss = _final_loss(pin)
    return f"validation loss {loss:.3g}" if loss < math.inf else "diverged at every rate"


def _first_settings(
    defaults: Settings, rate: Any, momentum: Any, decay: Any, batch_size: Any
) -> Settings:
    """The defaults, but for what is given."""
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
    return replace(defaults, **changes)
