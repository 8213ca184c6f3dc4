"""Explorers of an experiment: every movement of a control retrains it and redraws its curves."""

from __future__ import annotations

import html
import math
import sys
import threading
import time
from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from lrlab.explorers.closing import CLOSED
from lrlab.explorers.controls import Checked, toggle, usual_epochs
from lrlab.explorers.explorer import Explorer
from lrlab.explorers.frame import Frame, Layout, Shown, Work
from lrlab.explorers.model_figures import SIZE as MODEL_SIZE
from lrlab.explorers.model_figures import (
    ModelFigure,
    SamplesFigure,
    kind_for,
    new_model_figure,
)
from lrlab.explorers.widgets import HandlesView
from lrlab.figures.curves import CurvesFigure
from lrlab.figures.history import Curves, describe, metric_in_words
from lrlab.figures.ink import result_text

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run
    from lrlab.schedules import Schedule

SLOW_EPOCH = 0.5  # seconds: who waits so long for a first picture is told that there is work
LOADING = "Loading Keras and TensorFlow, some seconds …"
# Numbers of other verdicts depend on rounding, and so on the processor.
REPEATABLE = {"good", "too low"}


class ExperimentExplorer(Explorer[Shown]):
    """Controls, and a picture of trainings of an experiment.

    Args:
        experiment: What to train, any model and data; by default a small network on digits.
        controls: The controls; each can be reached as an attribute of its name.
        more: Buttons and other widgets, as for an `Explorer`.

    Raises:
        ValueError: If it is no experiment.
    """

    def __init__(
        self,
        experiment: Experiment | None,
        controls: Sequence[Checked],
        **more: Sequence[ipywidgets.DOMWidget],
    ) -> None:
        if experiment is not None:
            check_experiment(experiment)
        self._experiment = experiment
        super().__init__(controls, **more)

    @property
    def experiment(self) -> Experiment:
        """What is trained, for as many epochs as the control `epochs` says, if there is one.

        The default one is made when it is first needed, by the worker: it has to load TensorFlow,
        and the controls need not wait for that.
        """
        if self._closed:
            raise RuntimeError(f"This explorer has no experiment: it was {CLOSED}")
        if self._experiment is None:
            self._experiment = default_experiment()
        if "epochs" not in self._controls:
            return self._experiment
        return self._experiment.variant(epochs=self.epochs.value)

    def start(self, settings: Any, work: Work[Shown]) -> None:
        """Have this work done in the thread, unless closed. What is under way gives way."""
        loads = self._experiment is None and "keras" not in sys.modules
        super().start(settings, work)
        if loads:
            self.say(LOADING)

    def let_go(self) -> None:
        """Forget the experiment, too."""
        super().let_go()
        self._experiment = None

    def train(self, schedule: Schedule, **settings: Any) -> Generator[None, None, Run]:
        """Return a whole run of the experiment; stop after any epoch of it."""
        with closing(self.experiment.follow(schedule, **settings)) as runs:
            for run in runs:
                last = run
                yield None
        return last


class RunExplorer(ExperimentExplorer["Run | None"]):
    """Controls whose every movement retrains an experiment from the same start.

    A subclass gives its controls and says in `schedule` and `label` what they mean; or, where there
    is more to say than a schedule, in `settings`, `follow` and `code`.

    Args:
        experiment: What to train, any model and data; by default a small network on digits.
        controls: The controls; each can be reached as an attribute of its name.
        more: Buttons and other widgets, as for an `Explorer`.

    Attributes:
        log_scale: The button for a logarithmic loss axis: `explorer.log_scale.value = True`.
        images: The button for images that the model reads right and wrong, where the data are some.
        metric: What is drawn above the rate, `"loss"` or a metric; each metric has a button.
    """

    # Whether what the model answers stands beside the curves: in the plane of two inputs, as the
    # curve that is fitted to one, and, once a button is pressed, for a few images.
    draws_model = False
    over_rates: HandlesView | None = None  # handles over the rates in the picture

    def __init__(
        self,
        experiment: Experiment | None,
        controls: Sequence[Checked],
        **more: Sequence[ipywidgets.DOMWidget],
    ) -> None:
        self.log_scale = toggle(
            "Log scale",
            "A logarithmic loss axis, on which low losses can be told apart",
            lambda change: self.draw_afresh(),
        )
        self._metric = "loss"
        self._metrics: tuple[str, ...] = ()  # of the runs so far, without the loss
        self._metric_buttons = ipywidgets.HBox()
        self._start_loss = 0.0  # of the untrained model
        self._epoch_seconds = 0.0  # that the last epoch took
        self._finished: tuple[Any, Run] | None = None  # the last one, with its settings
        self._pinned: tuple[Curves, ...] = ()
        self.images = toggle(
            "Images", "Show some images that the model reads right, and wrong", self._show_images
        )
        # What the model answers where it is asked, and the run that made it so.
        self._answers: tuple[Run, np.ndarray] | None = None
        suits = self.draws_model and kind_for(experiment) is SamplesFigure
        self.images.layout.display = None if suits else "none"
        toggles = [self.log_scale, self._metric_buttons, self.images]
        super().__init__(experiment, controls, toggles=toggles, **more)

    @property
    def longest(self) -> int:
        """The epochs of the present run, or of a pinned one that lasted longer."""
        return max(self.experiment.epochs, *(0, *(run.epochs for run in self._pinned)))

    # --- what a subclass says ---

    @abstractmethod
    def schedule(self) -> Schedule:
        """Return the learning rate or schedule that the controls stand for."""

    def settings(self) -> Any:
        """Read the controls."""
        return self.schedule()

    def follow(self, settings: Any) -> Generator[Run, None, None]:
        """Return the training by such settings: the run so far, epoch by epoch."""
        return self.experiment.follow(settings)

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        return self.experiment.code(self.schedule())

    def compiling(self, settings: Any) -> str:
        """Return what to say where the model has to be compiled first, else nothing."""
        return "" if self.experiment.has_run else "Compiling the model, once …"

    def intended(self, settings: Any) -> np.ndarray | None:
        """Return the rate of each step that is meant to be, to be drawn beside what was."""
        return None

    def curves(self, run: Run, **words: str) -> Curves:
        """Return what to draw of a run: its losses and, below them, its learning rates."""
        return Curves(run.history, run.learning_rates, **words)

    def new_figure(self) -> CurvesFigure:
        """Return the figure to draw on."""
        return CurvesFigure(self.longest, **self.look())

    def look(self) -> dict[str, Any]:
        """Return how a figure looks, as arguments for it."""
        return {
            "start_loss": self._start_loss,
            "size": self.size,
            "theme": self.theme,
            "loss_scale": "log" if self.log_scale.value else "linear",
            "metrics": (self._metric,),
        }

    def describe(self, curves: Curves, intended: np.ndarray | None) -> str:
        """Return what such a picture shows, for those who cannot see it."""
        return describe(curves, self.experiment.epochs, intended, metrics=(self._metric,))

    # --- which metric is drawn ---

    @property
    def metric(self) -> str:
        """Which value of the history is drawn above; as a button does: `metric = "accuracy"`.

        Nothing is trained again, and pins follow.

        Raises:
            ValueError: If no run that was drawn has it.
        """
        return self._metric

    @metric.setter
    def metric(self, metric: str) -> None:
        if metric not in self.metrics:
            raise ValueError(
                f"metric must be one of {list(self.metrics)}. Received: metric={metric!r}. "
                "The metrics of an experiment are known once it has run: wait() for it."
            )
        if metric == self._metric:
            return
        self._metric = metric
        for name, pressed in zip(self._metrics, self._metric_buttons.children, strict=True):
            pressed.value = name == metric
        self.draw_afresh()

    @property
    def metrics(self) -> tuple[str, ...]:
        """What can be drawn above: the loss, and the metrics of the runs so far."""
        return ("loss", *self._metrics)

    def _offer(self, run: Run) -> None:
        """Have a button for each metric that is one number."""
        history = run.history
        own = (n for n in history if n != "loss" and not n.startswith("val_"))
        both = (name for name in own if f"val_{name}" in history)
        metrics = tuple(name for name in both if history[name] and np.ndim(history[name][0]) == 0)
        if metrics != self._metrics:
            self._metrics = metrics
            self._metric_buttons.children = [
                toggle(
                    metric_in_words(name),
                    "Draw this instead of the loss",
                    partial(self._pressed, name),
                )
                for name in metrics
            ]

    def _pressed(self, metric: str, change: Any) -> None:
        if change["new"] or metric == self._metric:
            self.metric = metric if change["new"] else "loss"

    # --- the work ---

    def work(self, settings: Any) -> Work[Run | None]:
        """Train with such settings, and show the run as it goes on."""
        yield self.compiling(settings) or self.slow_epoch()
        began = time.monotonic()
        answers = None
        with closing(self.follow(settings)) as runs:
            for run in self.timed(runs):
                if self._shows_model and len(run.history["loss"]) == self.experiment.epochs:
                    # While the model is as this run has left it; the last run comes twice.
                    answers = self._ask() if answers is None else answers
                    self._answers = run, answers
                yield Frame(run, self._progress(run, time.monotonic() - began))
        yield self.finish(run, settings)

    def slow_epoch(self, epoch: int = 1) -> str | None:
        """Return that an epoch is being trained, where that takes so long that one wonders."""
        if self._epoch_seconds > SLOW_EPOCH:
            return f"Training, epoch {epoch} of {self.experiment.epochs}"
        return None

    def timed(self, runs: Iterator[Run]) -> Iterator[Run]:
        """Note how long each epoch takes."""
        began = time.monotonic()
        for run in runs:
            self._epoch_seconds = time.monotonic() - began
            yield run
            began = time.monotonic()

    def finish(self, run: Run, settings: Any) -> Frame[Run | None]:
        """Keep a finished run, and return what to show of it."""
        self.runs.append(run)
        self._finished = settings, run
        return Frame(run, outcome(run), settings, always=True)

    def _progress(self, run: Run, seconds: float) -> str | None:
        done, epochs = len(run.history["loss"]), self.experiment.epochs
        if done == epochs:
            return None
        left = seconds / done * (epochs - done)
        return f"Epoch {done} of {epochs}, about {left:.0f} s left"

    def let_go(self) -> None:
        """Forget the runs, too, each of which holds the experiment."""
        super().let_go()
        self._finished = self._answers = None
        self._pinned = ()

    # --- what is shown ---

    def draw(self, settings: Any, shown: Run | None) -> tuple[bytes, str]:
        """Draw the curves of a run, and beside them what the model answers, if that is wanted."""
        if shown is None:
            curves, intended, answers = Curves({"loss": ()}, np.empty(0)), None, None
        else:
            self._start_loss = self._start_loss or shown.start_loss
            self._offer(shown)
            curves, intended = self.curves(shown), self.intended(settings)
            answers = self._answers_of(shown) if self._shows_model else None
        figure = self.figure("curves", lambda longest: self.new_figure(), self.longest)
        epochs = max(self.experiment.epochs, curves.epochs)
        figure.draw(curves, self._pinned, intended, epochs=epochs)
        if self.over_rates is not None:
            self.over_rates.stand_over(figure, self._picture)
        alt = self.describe(curves, intended)
        if answers is None:
            return figure.png(), alt
        model = self.figure("model", self._new_model_figure)
        model.draw(answers)
        below = self._laid_out.height > self.height
        return figure.png(model, below=below), f"{alt} {model.describe(answers)}"

    @property
    def _shows_model(self) -> bool:
        """Whether what the model answers stands beside the curves."""
        kind = kind_for(self._experiment) if self.draws_model else None
        return kind is not None and (kind is not SamplesFigure or self.images.value)

    def layouts(self) -> dict[int, Layout]:
        """Return the layouts: where the model is shown it stands beside the curves, or below."""
        below = super().layouts()
        if not self._shows_model:
            return below
        across, up = MODEL_SIZE
        beside = [Layout(width + across, self.height, width) for width in below]
        wide = {layout.width: layout for layout in beside if layout.width > max(below)}
        return wide | {width: Layout(width, self.height + up, width) for width in below}

    def _new_model_figure(self) -> ModelFigure:
        return new_model_figure(self.experiment, self.theme)

    def _show_images(self, change: Any) -> None:
        """Make room for the model, and train: it may have learned other things since."""
        self.lay_out()
        if change["new"]:
            with self._drawing:
                self._frame = None  # or a pin would have the model asked for an earlier run
            self.controls_moved()
        else:
            self.draw_afresh()

    def _answers_of(self, run: Run) -> np.ndarray:
        """What the model answers; asked when a run is first drawn: then it is trained so far."""
        if self._answers is None or self._answers[0] is not run:
            self._answers = run, self._ask()
        return self._answers[1]

    def _ask(self) -> np.ndarray:
        figure = self.figure("model", self._new_model_figure)
        answers: np.ndarray = getattr(self.experiment, figure.asks)(figure.inputs)
        return answers

    # --- what is kept ---

    def pin_label(self, settings: Any) -> str:
        """Return a few words for what is being pinned; its epochs where these are others."""
        words, epochs = super().pin_label(settings), self.experiment.epochs
        return words if epochs == usual_epochs(self._experiment) else f"{words}, {epochs} epochs"

    def row(self, settings: Any, shown: Run | None) -> Mapping[str, Any]:
        """Return what came of a run."""
        assert shown is not None
        epochs, judged = len(shown.history["loss"]), {"verdict": shown.verdict}
        return {"epochs": epochs, **shown.final, **judged, "reason": shown.reason}

    def pins_changed(self) -> None:
        """Put the pins into the table and into the picture."""
        self._pinned = tuple(
            self.curves(pin.shown, label=pin.label, verdict=pin.shown.verdict)
            for pin in self._pins
            if pin.shown is not None
        )
        super().pins_changed()

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if self._finished is None:
            return "stopped"
        settings, run = self._finished
        shown = [name for name in ("val_accuracy", "val_loss") if name in run.final]
        numbers = [f"{name}={result_text(run.final[name], '.4f')}" for name in shown]
        words = [*numbers, run.verdict] if run.verdict in REPEATABLE else [run.verdict]
        return f"{self.label(settings)} -> {', '.join(words)}"


def final_loss(run: Run) -> float:
    """The last validation loss, infinity for what diverged."""
    loss = run.final.get("val_loss", run.final["loss"])
    return loss if run.verdict != "diverged" and math.isfinite(loss) else math.inf


def outcome(run: Run) -> str:
    """The last numbers, the verdict and its reason, as HTML."""
    numbers = ", ".join(
        f"{_in_words(name)} <b>{result_text(value)}</b>"
        for name, value in run.final.items()
        if name != "learning_rate"
    )
    kind = f"lrlab-{run.verdict.replace(' ', '-')}"
    return f'{numbers}<br><b class="{kind}">{run.verdict}</b>: {html.escape(run.reason)}'


def _in_words(name: str) -> str:
    """The name of a metric, which may be any text, as HTML."""
    return html.escape(name.replace("_", " ").replace("val ", "validation "))


_MAKING = threading.Lock()


def default_experiment() -> Experiment:
    """Digits and an MLP; one for all explorers, so that it is compiled once."""
    with _MAKING:
        return _digits_and_mlp()


@cache
def _digits_and_mlp() -> Experiment:
    from lrlab import Experiment, data, models

    digits = data.digits()
    return Experiment(lambda: models.mlp(digits), digits)


def check_experiment(experiment: Any) -> None:
    """Raise a ValueError for what is no experiment."""
    missing = [name for name in ("follow", "code", "epochs") if not hasattr(experiment, name)]
    if missing:
        raise ValueError(
            "An explorer takes a lrlab.Experiment. "
            f"Received: {type(experiment).__name__}. "
            "Make one: lrlab.Experiment(build_model, (x_train, y_train, x_val, y_val))."
        )
