"""Schedules: how the rate is to change as training goes on, and whether that helps."""

from __future__ import annotations

import html
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from lrlab.explorers.controls import (
    boundaries_slider,
    checkbox,
    choice,
    epochs_slider,
    factor_slider,
    interval_slider,
    number_slider,
    rate_slider,
    training_length,
    usual_epochs,
)
from lrlab.explorers.handles import Handle, HandledExplorer
from lrlab.explorers.schedule_kinds import KINDS, Plan, intended_rates
from lrlab.schedules import RatesByEpoch, Schedule, StepDecay

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run


class ScheduleExplorer(HandledExplorer):
    """A choice of schedules with the sliders of each; each movement retrains and redraws.

    Where Keras has a schedule, it is the one that trains. Its times are given in epochs here. Lines
    below the sliders give its formula, and say how many steps the epochs are: `decay_epochs` times
    the batches of an epoch is Keras's `decay_steps`. The rate that is planned is drawn dotted, the
    recorded one solid. Rates and epochs of "step" and "piecewise" have handles in the picture, too.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        schedule: The kind to begin with: "constant", "step", "exponential", "polynomial", "inverse
            time", "piecewise", "cosine", "cosine with restarts", "warm-up", "warm-up, stable,
            decay", "inverse square root", "cyclical", "one-cycle" or "ReduceLROnPlateau".
            Afterwards it is the value of the control `kind`.
        initial_learning_rate: The first rate, of "cyclical" the lowest.
        decay_factor: As for `StepDecay`.
        epochs_per_drop: As for `StepDecay`.
        decay_epochs: In epochs what `decay_steps` is in steps. After "warm-up" it begins then; in
            "warm-up, stable, decay" it ends with the training.
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
        half_cycle_epochs: In epochs the `half_cycle_steps` of `lrlab.schedules.Cyclical`.
        max_learning_rate: As for `OneCycle`, and for the others that have one.
        warmup_fraction: As for `OneCycle`.
        div: As for `OneCycle`.
        cycle_momentum: Of "one-cycle", whether to train with `SGDWithMomentumSchedule`, whatever
            the experiment's optimizer: momentum falls to 0.85 as the rate rises, and comes back.
        factor: As for `keras.callbacks.ReduceLROnPlateau`, which looks at the validation loss.
        patience: As for `ReduceLROnPlateau`, in epochs.
        cooldown: As for `ReduceLROnPlateau`, in epochs.
        min_delta: As for `ReduceLROnPlateau`.
        min_lr: As for `ReduceLROnPlateau`.
        epochs: How long a run lasts first; by default as long as those of the experiment.

    Raises:
        ValueError: If the schedule is none of these, or a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.ScheduleExplorer(schedule="exponential", decay_epochs=5)
        >>> explorer.decay_rate.value, explorer.staircase.value = 0.5, True
        >>> [round(rate, 3) for rate in explorer.wait().history["learning_rate"]][::5]
        [0.1, 0.05, 0.025]
    """

    draws_model = True

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
        half_cycle_epochs: int = 3,
        max_learning_rate: float = 1.0,
        warmup_fraction: float = 0.25,
        div: float = 25.0,
        cycle_momentum: bool = False,
        factor: float = 0.5,
        patience: int = 2,
        cooldown: int = 0,
        min_delta: float = 1e-4,
        min_lr: float = 1e-4,
        epochs: int | None = None,
    ) -> None:
        decay = StepDecay(1, decay_factor, epochs_per_drop)
        longest = usual_epochs(experiment)
        self._cycled = lru_cache(1)(_with_momentum_of)
        self._formula = ipywidgets.HTML()  # and how many steps the epochs are
        rising = "The share of the training in which the rate rises"
        decaying = (
            "Exponential: what the rate is multiplied by in that time. "
            "Inverse time: how much is added in that time to what it is divided by"
        )
        steps, first_steps = "Keras: warmup_steps", "Keras: first_decay_steps"
        cycle, high = "first cycle (epochs)", "How many times as high each cycle begins"
        half, halves = "Epochs from the lowest rate to the highest", "half a cycle (epochs)"
        waiting = "Epochs without a better validation loss until the rate is cut"
        resting = "Epochs after a cut in which waiting does not count"
        better = "How much lower a validation loss must be to count as better"
        interval = partial(epochs_slider, longest=longest)
        controls = [
            choice("kind", schedule, KINDS, "How the rate changes in training", "schedule"),
            rate_slider("initial_learning_rate", initial_learning_rate, "first rate"),
            rate_slider("max_learning_rate", max_learning_rate, "highest rate"),
            rate_slider("middle_learning_rate", middle_learning_rate, "middle rate"),
            rate_slider("end_learning_rate", end_learning_rate, "last rate"),
            interval("warmup_epochs", warmup_epochs, tooltip=steps, description="warm-up epochs"),
            rate_slider("warmup_target", warmup_target, "warm-up target"),
            number_slider(
                "warmup_fraction", warmup_fraction, 0.05, 0.95, rising, "warm-up fraction"
            ),
            number_slider("div", div, 1, 100, "The highest rate divided by the first one"),
            checkbox(
                "cycle_momentum", cycle_momentum, "SGD with a momentum from 0.95 to 0.85 and back"
            ),
            interval("half_cycle_epochs", half_cycle_epochs, tooltip=half, description=halves),
            factor_slider(decay.decay_factor),
            interval_slider(decay.epochs_per_drop),
            interval("decay_epochs", decay_epochs, tooltip="Keras: decay_steps"),
            number_slider("decay_rate", decay_rate, 0.05, 1, decaying),
            checkbox("staircase", staircase, "Change the rate in steps"),
            boundaries_slider("boundaries", boundaries, longest),
            number_slider("power", power, 0.25, 4, "1 is straight; more falls earlier"),
            interval(
                "first_decay_epochs", first_decay_epochs, tooltip=first_steps, description=cycle
            ),
            number_slider("t_mul", t_mul, 1, 3, "How many times as long each cycle is", "t_mul"),
            number_slider("m_mul", m_mul, 0.05, 1, high, "m_mul"),
            number_slider("alpha", alpha, 0, 1, "The last rate as a share of the highest one"),
            number_slider("factor", factor, 0.05, 0.95, "What a cut multiplies the rate by"),
            interval("patience", patience, tooltip=waiting, description="patience (epochs)"),
            interval(
                "cooldown", cooldown, tooltip=resting, description="cooldown (epochs)", least=0
            ),
            rate_slider("min_delta", min_delta, "min_delta", better),
            rate_slider("min_lr", min_lr, "lowest rate"),
            training_length(experiment, epochs),
        ]
        super().__init__(experiment, controls, above=[self._formula])
        self.kind.observe(self._show_controls, "value")
        self._show_controls()

    @property
    def handles(self) -> Sequence[Handle]:
        """Those that this kind of schedule has."""
        return KINDS[self.kind.value].handles

    def settings(self) -> Plan:
        """Return the kind of schedule and its arguments, times in epochs."""
        kind = self.kind.value
        names = KINDS[kind].arguments
        return Plan(kind, tuple((name, self._controls[name].value) for name in names))

    def schedule(self) -> Schedule:
        """Return the schedule that the controls stand for, a Keras object where Keras has one."""
        return self.settings().schedule(*self._lengths())

    @property
    def experiment(self) -> Experiment:
        """What is trained, with the optimizer that the plan needs."""
        experiment, plan = super().experiment, self.settings()
        return self._cycled(experiment, plan) if plan.cycles_momentum else experiment

    def let_go(self) -> None:
        """Forget the experiment with another optimizer, too."""
        super().let_go()
        self._cycled.cache_clear()

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        return self.experiment.code(self.schedule(), self.settings().callbacks())

    def label(self, settings: Plan) -> str:
        """Return in few words what the rate does."""
        return str(settings)

    def pin_label(self, settings: Plan) -> str:
        """Return a few words for the plan; beside a pin of the same, also what is different."""
        label = super().pin_label(settings)
        alike = [pin.settings for pin in self._pins if pin.label == label]
        return settings.beside(alike[0]) if alike else label

    def row(self, settings: Plan, shown: Run | None) -> Mapping[str, Any]:
        """Return the kind, its arguments and what came of the run."""
        return {"kind": settings.kind, **dict(settings.arguments), **super().row(settings, shown)}

    def follow(self, settings: Plan) -> Generator[Run, None, None]:
        """Train by a plan; Keras is loaded only here, where the controls do not wait for it."""
        lengths = self._lengths()
        kind = KINDS[settings.kind]
        lines = [f"<code>{html.escape(f'rate = {kind.formula}')}</code>"]
        lines[0] += f" &nbsp; ({html.escape(kind.where)})" * bool(kind.where)
        lines.append(html.escape(settings.in_steps(*lengths)))
        self._formula.value = "<br>".join(lines)
        planned, callbacks = settings.schedule(*lengths), settings.callbacks()
        with closing(self.experiment.follow(planned, callbacks=callbacks)) as runs:
            for run in runs:
                # What a callback made of the rates is a schedule of its own.
                yield replace(run, schedule=_as_trained(run)) if callbacks else run

    def intended(self, settings: Plan) -> np.ndarray:
        """Return the rates of the plan."""
        return intended_rates(settings, *self._lengths())

    def _lengths(self) -> tuple[int, int]:
        return self.experiment.epochs, self.experiment.steps_per_epoch

    def _show_controls(self, change: Any = None) -> None:
        shown = ("kind", *KINDS[self.kind.value].arguments, "epochs")
        for name, control in self._controls.items():
            control.layout.display = None if name in shown else "none"


def _with_momentum_of(experiment: Experiment, plan: Plan) -> Experiment:
    optimizer = plan.optimizer(experiment.epochs, experiment.steps_per_epoch)
    return experiment.variant(optimizer=optimizer)


def _as_trained(run: Run) -> RatesByEpoch:
    """The rate of each epoch, as it was."""
    steps = len(run.learning_rates) // len(run.history["loss"])
    return RatesByEpoch(tuple(float(rate) for rate in run.learning_rates[::steps]))
