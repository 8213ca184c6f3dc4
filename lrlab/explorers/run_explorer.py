"""Explorers of an experiment: every movement of a control retrains it and redraws its curves."""

from __future__ import annotations

import html
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import ipywidgets

from lrlab.explorers.explorer import SIZE, Panel, toggle
from lrlab.explorers.pins import Pinning, Row
from lrlab.explorers.widgets import Picture
from lrlab.explorers.worker import Job, Superseded
from lrlab.figures.curves import Curves, CurvesFigure, describe
from lrlab.figures.ink import result_text
from lrlab.figures.plane import SIZE as PLANE_SIZE
from lrlab.figures.plane import BoundaryFigure, describe_boundary

if TYPE_CHECKING:
    import numpy as np

    from lrlab.experiment.experiment import Experiment, Run
    from lrlab.schedules import Schedule

_RUNS_KEPT = 1000
_SECONDS_A_FRAME = 1 / 15  # while a run goes on; a finished run is drawn at once
_SLOW_EPOCH = 0.5  # seconds: who waits so long for a first picture is told that there is work
# Numbers of other verdicts depend on rounding, and so on the processor.
_REPEATABLE = {"good", "too low"}


class Explorer(Pinning["Run"], Panel):
    """Controls whose every movement retrains an experiment from the same start.

    A subclass gives its controls and says in `schedule` and `label` what they mean.

    Args:
        experiment: What to train, any model and data; by default a small network on digits.
        controls: The controls, by the names of the attributes under which they can be reached.
        buttons: More buttons, to stand before all others.

    Attributes:
        log_scale: The button for a logarithmic loss axis: `explorer.log_scale.value = True`.
    """

    # Whether what the model answers stands beside the curves, where the data have two inputs.
    draws_plane = False

    def __init__(
        self,
        experiment: Experiment | None,
        controls: Mapping[str, ipywidgets.ValueWidget],
        *,
        buttons: Sequence[ipywidgets.Button] = (),
    ) -> None:
        if experiment is not None:
            _check_experiment(experiment)
        self._experiment = experiment
        self.runs: deque[Run] = deque(maxlen=_RUNS_KEPT)
        self._drawing = threading.RLock()
        self._figure: CurvesFigure | None = None
        self._drawn: tuple[Any, ...] = ()  # what `_draw_curves` was given last
        self._epoch_seconds = 0.0  # that the last epoch took
        self._pinned_curves: tuple[Curves, ...] = ()
        Pinning.__init__(self)
        # Of what the model answers in the plane of two inputs, where the data have two.
        self._plane: BoundaryFigure | None = None
        self.log_scale = toggle(
            "Log scale",
            "A logarithmic loss axis, on which low losses can be told apart",
            lambda change: self._draw_anew(),
        )
        buttons = [*buttons, *self._pin_buttons(), self.log_scale]
        Panel.__init__(self, controls, buttons=buttons, below=[self._pin_table])

    @property
    def experiment(self) -> Experiment:
        """What is trained. The default one is made when it is first needed, by the worker.

        It has to load TensorFlow, and the controls need not wait for that.
        """
        if self._experiment is None:
            self._experiment = _default_experiment()
        return self._experiment

    def new_picture(self) -> Picture:
        """Return the widget in which the picture is shown, wider where there is a plane."""
        picture = super().new_picture()
        picture.width += PLANE_SIZE[0] * self._has_plane
        return picture

    # --- what a subclass says ---

    @abstractmethod
    def schedule(self) -> Schedule:
        """Return the learning rate or schedule that the controls stand for."""

    @abstractmethod
    def label(self, schedule: Any) -> str:
        """Return a few words for such a schedule, to stand beside a pinned curve."""

    # --- what a subclass may say as well ---

    def follow(self, schedule: Any) -> Generator[Run, None, None]:
        """Return the training by such a schedule: the run so far, epoch by epoch.

        It is asked for by the worker, so this may load Keras and take its time.
        """
        return self.experiment.follow(schedule)

    def compiling(self, schedule: Any) -> str:
        """Return what to say where the model has to be compiled first, else nothing."""
        return "" if self.experiment.has_run else "Compiling the model, once …"

    def intended(self, run: Run) -> np.ndarray | None:
        """Return the rate of each step that was meant to be, to be drawn beside what was."""
        return None

    def curves(self, run: Run, **words: str) -> Curves:
        """Return what to draw of a run: its losses and, below them, its learning rates."""
        return Curves(run.history, run.learning_rates, **words)

    def new_figure(self, start_loss: float) -> CurvesFigure:
        """Return the figure to draw on."""
        return CurvesFigure(self.experiment.epochs, **self.look(start_loss))

    def look(self, start_loss: float) -> dict[str, Any]:
        """Return how a figure looks, as arguments for it."""
        scale = "log" if self.log_scale.value else "linear"
        return {"start_loss": start_loss, "size": SIZE, "theme": self.theme, "loss_scale": scale}

    def describe(self, curves: Curves, intended: np.ndarray | None) -> str:
        """Return what such a picture shows, for those who cannot see it."""
        return describe(curves, self.experiment.epochs, intended)

    def curves_picture(self) -> Picture:
        """Return the widget in which the curves are shown."""
        return self._picture

    def shown(self) -> Run | None:
        """Return the run in the picture, which pinning keeps: it may have been stopped."""
        with self._drawing:
            return self._drawn[0] if self._drawn else None

    # --- what a person does ---

    def job(self) -> Job:
        """Return the training with the present schedule."""
        return partial(self._train, self.schedule())

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until training is done and return the last finished run, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        if not self._worker.wait(timeout):
            raise TimeoutError(f"The training was not done after {timeout} seconds.")
        return self.runs[-1] if self.runs else None

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        return self.experiment.code(self.schedule())

    # --- what happens then ---

    def _train(self, schedule: Schedule, superseded: Superseded) -> None:
        run = None
        try:
            epochs = self.experiment.epochs
            if words := self.compiling(schedule):
                self.say(words)
            elif self._epoch_seconds > _SLOW_EPOCH:
                self.say(f"Training, epoch 1 of {epochs}")
            answers = None
            began = drawn = epoch_began = time.monotonic()
            with closing(self.follow(schedule)) as runs:
                for run in runs:
                    if superseded():
                        return
                    now = time.monotonic()
                    self._epoch_seconds, epoch_began = now - epoch_began, now
                    due = now - drawn > _SECONDS_A_FRAME
                    if self._has_plane and (due or len(run.history["loss"]) == epochs):
                        answers = self._ask_model()  # now that it is trained so far
                    if due:
                        drawn = now
                        self._draw(run, self._progress(run, now - began), answers)
            assert run is not None
            self.error = None
            self.runs.append(run)
            self._draw(run, outcome(run), answers)
        except Exception as error:  # noqa: BLE001 - whatever somebody's model raises, they read it
            if not superseded():
                self.report(error)

    def _draw(self, run: Run, words: str | None = None, answers: np.ndarray | None = None) -> None:
        curves, intended = self.curves(run), self.intended(run)
        self._draw_curves(run, curves, run.start_loss, intended, answers, words=words)

    def _draw_curves(
        self,
        run: Run | None,
        curves: Curves,
        start_loss: float,
        intended: np.ndarray | None = None,
        answers: np.ndarray | None = None,
        *,
        words: str | None = None,
    ) -> None:
        with self._drawing:
            self._drawn = run, curves, start_loss, intended, answers
            if self._figure is None:
                self._figure = self.new_figure(start_loss)
            self._figure.draw(curves, self._pinned_curves, intended)
            alt, beside = self.describe(curves, intended), None
            if self._plane and answers is not None:
                self._plane.draw(answers)
                alt, beside = f"{alt} {describe_boundary(answers)}", self._plane.screen
            self.show(self._figure.png(beside), alt, words, on=self.curves_picture())

    def _draw_again(self) -> None:
        """Draw what is shown once more, with other pins or colours."""
        with self._drawing:
            if self._drawn:
                self._draw_curves(*self._drawn)

    def _draw_anew(self) -> None:
        """Draw what is shown in another figure, for its look has changed."""
        with self._drawing:
            self._figure = None
            self._draw_again()

    @property
    def _has_plane(self) -> bool:
        if not self.draws_plane:
            return False
        data = getattr(self._experiment, "dataset", None)
        return data is not None and BoundaryFigure.suits(data.input_shape, data.classes)

    def _make_plane(self) -> BoundaryFigure:
        data = self.experiment.dataset
        self._plane = BoundaryFigure(data.x_train, data.y_train, theme=self.theme)
        return self._plane

    def _ask_model(self) -> np.ndarray:
        plane = self._plane or self._make_plane()
        return self.experiment.classes_at(plane.grid)

    def theme_changed(self) -> None:
        """Draw again: the page has become dark or light."""
        with self._drawing:
            if self._plane:
                self._make_plane()
            self._draw_anew()

    def pin_label(self, shown: Run) -> str:
        """Return a few words for the schedule of a run."""
        return self.label(shown.schedule)

    def pin_row(self, kept: Run) -> Row:
        """Return what came of a run."""
        epochs, judged = len(kept.history["loss"]), {"verdict": kept.verdict, "reason": kept.reason}
        return {"epochs": epochs, **kept.final, **judged}

    def draw_pins(self) -> None:
        """Draw again, with the pinned curves as they are now."""
        self._pinned_curves = tuple(
            self.curves(run, label=label, verdict=run.verdict) for label, run in self.pins
        )
        self._draw_again()

    def _progress(self, run: Run, seconds: float) -> str | None:
        done, epochs = len(run.history["loss"]), self.experiment.epochs
        if done == epochs:
            return None
        left = seconds / done * (epochs - done)
        return f"Epoch {done} of {epochs}, about {left:.0f} s left"

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if not self.runs:
            return "stopped"
        run = self.runs[-1]
        shown = [name for name in ("val_accuracy", "val_loss") if name in run.final]
        numbers = [f"{name}={result_text(run.final[name], '.4f')}" for name in shown]
        words = [*numbers, run.verdict] if run.verdict in _REPEATABLE else [run.verdict]
        return f"{self.label(run.schedule)} -> {', '.join(words)}"


def outcome(run: Run) -> str:
    """The last numbers, the verdict and its reason, as HTML."""
    numbers = ", ".join(
        f"{name.replace('_', ' ').replace('val ', 'validation ')} <b>{result_text(value)}</b>"
        for name, value in run.final.items()
        if name != "learning_rate"
    )
    kind = f"lrlab-{run.verdict.replace(' ', '-')}"
    return f'{numbers}<br><b class="{kind}">{run.verdict}</b>: {html.escape(run.reason)}'


_MAKING = threading.Lock()


def _default_experiment() -> Experiment:
    """Digits and an MLP; one for all explorers, so that it is compiled once."""
    with _MAKING:
        return _digits_and_mlp()


@cache
def _digits_and_mlp() -> Experiment:
    from lrlab import Experiment, data, models

    digits = data.digits()
    return Experiment(lambda: models.mlp(digits), digits)


def _check_experiment(experiment: Any) -> None:
    missing = [name for name in ("follow", "code", "epochs") if not hasattr(experiment, name)]
    if missing:
        raise ValueError(
            "An explorer takes a lrlab.Experiment. "
            f"Received: {type(experiment).__name__}. "
            "Make one: lrlab.Experiment(build_model, (x_train, y_train, x_val, y_val))."
        )
