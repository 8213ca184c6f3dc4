"""Schedules: how the rate is to change as training goes on, and whether that helps."""

from __future__ import annotations

import html
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import ipywidgets

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import (
    boundaries_slider,
    checkbox,
    choice,
    epochs_slider,
    factor_slider,
    interval_slider,
    number_slider,
    rate_slider,
)
from lrlab.explorers.pins import Row
from lrlab.explorers.plans import KINDS, Plan, intended_rates
from lrlab.explorers.run_explorer import Explorer
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    import numpy as np

    from lrlab.experiment.experiment import Experiment, Run

_Controls: TypeAlias = dict[str, ipywidgets.ValueWidget]
_EPOCHS = 15  # of the default experiment, which is not made yet when its sliders are


class ScheduleExplorer(Explorer):
    """A choice of schedules with the sliders of each; each movement retrains and redraws.

    Where Keras has a schedule, it is the one that trains. Its times are given in epochs here, and a
    line below the sliders says how many steps that is: `decay_epochs` times the batches of an epoch
    is Keras's `decay_steps`. The rate that is planned is drawn dotted, the recorded one solid.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        schedule: The kind to begin with: "constant", "step", "exponential", "polynomial", "inverse
            time", "piecewise", "cosine", "cosine with restarts", "warm-up", "one-cycle" or
            "ReduceLROnPlateau". Afterwards it is the value of the control `kind`.
        initial_learning_rate: The first rate, of all but "one-cycle".
        decay_factor: As for `StepDecay`.
        epochs_per_drop: As for `StepDecay`.
        decay_epochs: In epochs what `decay_steps` is in steps. After "warm-up" it begins then.
        decay_rate: As for `keras.optimizers.schedules.ExponentialDecay` and `InverseTimeDecay`.
        staircase: As for those two: whether the rate changes every `decay_epochs` only.
        middle_learning_rate: Of "piecewise", the second of its three values.
        end_learning_rate: The last rate, of "polynomial" and "piecewise".
        boundaries: Of "piecewise", the two epochs in which its value changes.
        power: As for `keras.optimizers.schedules.PolynomialDecay`.
        alpha: As for `keras.optimizers.schedules.CosineDecay`: the last rate as a share.
        first_decay_epochs: In epochs the `first_decay_steps` of `CosineDecayRestarts`.
        t_mul: As for `CosineDecayRestarts`: how many times as long each cycle is as the last one.
        m_mul: As for `CosineDecayRestarts`: how many times as high each cycle begins.
        warmup_epochs: In epochs the `warmup_steps` of `CosineDecay`.
        warmup_target: As for `CosineDecay`: the rate after the warm-up.
        max_learning_rate: As for `OneCycle`.
        warmup_fraction: As for `OneCycle`.
        div: As for `OneCycle`.
        factor: As for `keras.callbacks.ReduceLROnPlateau`, which looks at the validation loss.
        patience: As for `ReduceLROnPlateau`, in epochs.
        cooldown: As for `ReduceLROnPlateau`, in epochs.
        min_delta: As for `ReduceLROnPlateau`.
        min_lr: As for `ReduceLROnPlateau`.

    Raises:
        ValueError: If the schedule is none of these, or a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.ScheduleExplorer(schedule="exponential", decay_epochs=5)
        >>> explorer.decay_rate.value, explorer.staircase.value = 0.5, True
        >>> [round(rate, 3) for rate in explorer.wait().history["learning_rate"]][::5]
        [0.1, 0.05, 0.025]
    """

    draws_plane = True

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        schedule: str = "step",
        initial_learning_rate: float = 0.1,
        decay_factor: float = 0.5,
        epochs_per_drop: int = 5,
        decay_epochs: int = 12,
        decay_rate: float = 0.5,
        staircase: bool = False,
        middle_learning_rate: float = 0.03,
        end_learning_rate: float = 0.01,
        boundaries: tuple[int, int] = (5, 10),
        power: float = 1.0,
        alpha: float = 0.0,
        first_decay_epochs: int = 5,
        t_mul: float = 1.0,
        m_mul: float = 1.0,
        warmup_epochs: int = 3,
        warmup_target: float = 1.0,
        max_learning_rate: float = 1.0,
        warmup_fraction: float = 0.25,
        div: float = 25.0,
        factor: float = 0.5,
        patience: int = 2,
        cooldown: int = 0,
        min_delta: float = 1e-4,
        min_lr: float = 1e-4,
    ) -> None:
        decay = StepDecay(1, decay_factor, epochs_per_drop)
        longest = getattr(experiment, "epochs", _EPOCHS)

        def rate(name: str, value: float, words: str, *tooltip: str) -> _Controls:
            return {name: rate_slider(words, as_learning_rate(value, name), *tooltip)}

        def epochs(name: str, value: int, words: str, tooltip: str, least: int = 1) -> _Controls:
            return {name: epochs_slider(words, value, longest, tooltip, least=least, name=name)}

        def number(
            name: str, value: float, words: str, least: float, most: float, tooltip: str
        ) -> _Controls:
            return {name: number_slider(words, value, least, most, tooltip, name=name)}

        self._steps = ipywidgets.HTML()  # how many steps the epochs are
        decay_rate_does = (
            "Exponential: what the rate is multiplied by in that time. "
            "Inverse time: how much is added in that time to what it is divided by"
        )
        controls = (
            {"kind": choice("schedule", schedule, KINDS, "How the rate changes in training")}
            | rate("initial_learning_rate", initial_learning_rate, "first rate")
            | rate("max_learning_rate", max_learning_rate, "highest rate")
            | rate("middle_learning_rate", middle_learning_rate, "middle rate")
            | rate("end_learning_rate", end_learning_rate, "last rate")
            | epochs("warmup_epochs", warmup_epochs, "warm-up epochs", "Keras: warmup_steps")
            | rate("warmup_target", warmup_target, "warm-up target")
            | number(
                *("warmup_fraction", warmup_fraction, "warm-up fraction", 0.05, 0.95),
                "The share of the training in which the rate rises",
            )
            | number("div", div, "div", 1, 100, "The highest rate divided by the first one")
            | {"decay_factor": factor_slider("decay factor", decay.decay_factor)}
            | {"epochs_per_drop": interval_slider("epochs per drop", decay.epochs_per_drop)}
            | epochs("decay_epochs", decay_epochs, "decay epochs", "Keras: decay_steps")
            | number("decay_rate", decay_rate, "decay rate", 0.05, 1, decay_rate_does)
            | {"staircase": checkbox("staircase", staircase, "Change the rate in steps")}
            | {"boundaries": boundaries_slider("boundaries (epochs)", boundaries, longest)}
            | number("power", power, "power", 0.25, 4, "1 is straight; more falls earlier")
            | epochs(
                *("first_decay_epochs", first_decay_epochs, "first cycle (epochs)"),
                "Keras: first_decay_steps",
            )
            | number("t_mul", t_mul, "t_mul", 1, 3, "How many times as long each cycle is")
            | number("m_mul", m_mul, "m_mul", 0.05, 1, "How many times as high each cycle begins")
            | number("alpha", alpha, "alpha", 0, 1, "The last rate as a share of the highest one")
            | number("factor", factor, "factor", 0.05, 0.95, "What a cut multiplies the rate by")
            | epochs(
                *("patience", patience, "patience (epochs)"),
                "Epochs without a better validation loss until the rate is cut",
            )
            | epochs(
                *("cooldown", cooldown, "cooldown (epochs)"),
                "Epochs after a cut in which waiting does not count",
                least=0,
            )
            | rate(
                *("min_delta", min_delta, "min_delta"),
                "How much lower a validation loss must be to count as better",
            )
            | rate("min_lr", min_lr, "lowest rate")
        )
        super().__init__(experiment, controls)
        count = len(self._controls)
        children = list(self.children)  # type: ignore[has-type]
        self.children = [*children[:count], self._steps, *children[count:]]
        self.kind.observe(self._show_controls, "value")
        self._show_controls()

    def schedule(self) -> Any:
        """Return the kind of schedule and its arguments, times in epochs."""
        kind = self.kind.value
        return Plan(kind, tuple((name, self._controls[name].value) for name in KINDS[kind]))

    def label(self, schedule: Plan) -> str:
        """Return the kind and its first numbers."""
        return str(schedule)

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        plan = self.schedule()
        return self.experiment.code(plan.schedule(*self._lengths()), plan.callbacks())

    def pin_label(self, shown: Run) -> str:
        """Return a few words for the plan; beside a pin of the same, also what is different."""
        plan: Any = shown.schedule
        pinned: list[Any] = [kept.schedule for label, kept in self.pins if label == str(plan)]
        return plan.beside(pinned[0]) if pinned else str(plan)

    def pin_row(self, kept: Run) -> Row:
        """Return the kind, its arguments and what came of the run."""
        plan: Any = kept.schedule
        return {"kind": plan.kind, **dict(plan.arguments), **super().pin_row(kept)}

    def follow(self, schedule: Plan) -> Generator[Run, None, None]:
        """Train by a plan; Keras is loaded only here, where the controls do not wait for it."""
        lengths = self._lengths()
        self._steps.value = html.escape(schedule.in_steps(*lengths))
        planned = schedule.schedule(*lengths)
        with closing(self.experiment.follow(planned, callbacks=schedule.callbacks())) as runs:
            for run in runs:
                yield replace(run, schedule=schedule)

    def intended(self, run: Run) -> np.ndarray:
        """Return the rates of the plan."""
        return intended_rates(run.schedule, *self._lengths())

    def _lengths(self) -> tuple[int, int]:
        return self.experiment.epochs, self.experiment.steps_per_epoch

    def _show_controls(self, change: Any = None) -> None:
        shown = ("kind", *KINDS[self.kind.value])
        for name, control in self._controls.items():
            control.layout.display = None if name in shown else "none"
