"""What explorers share: controls, an experiment, a worker that retrains, a view of the runs."""

from __future__ import annotations

import base64
import html
import os
import sys
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

import ipywidgets

from lrlab.explorers.views import Code, Picture
from lrlab.explorers.worker import Superseded, Worker
from lrlab.figures import Curves, CurvesFigure, describe

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run
    from lrlab.schedules import Schedule

_SIZE = 760, 460  # pixels
_RUNS_KEPT = 1000
_SECONDS_A_FRAME = 1 / 15  # while a run goes on; a finished run is drawn at once
# Numbers of other verdicts depend on rounding, and so on the processor.
_REPEATABLE = {"good", "too low"}


class Explorer(ipywidgets.VBox):
    """Controls whose every movement retrains an experiment from the same start.

    A subclass gives its controls and says in `schedule` and `label` what they mean.

    Args:
        experiment: What to train, any model and data; by default a small network on digits.
        controls: The controls, by the names of the attributes under which they can be reached.
    """

    def __init__(
        self, experiment: Experiment | None, controls: Mapping[str, ipywidgets.ValueWidget]
    ) -> None:
        experiment = _default_experiment() if experiment is None else experiment
        _check_experiment(experiment)
        self.experiment = experiment
        self.runs: deque[Run] = deque(maxlen=_RUNS_KEPT)
        self.pins: list[tuple[str, Run]] = []
        self.error: Exception | None = None
        self._controls = dict(controls)
        self._first_values = {name: control.value for name, control in controls.items()}
        self._worker = Worker()
        self._drawing = threading.Lock()
        self._figure: CurvesFigure | None = None
        self._pinned_curves: tuple[Curves, ...] = ()
        self._picture = Picture(width=_SIZE[0], height=_SIZE[1], alt="The first run is on its way.")
        self._picture.observe(self._change_theme, "dark")
        self._readout = ipywidgets.HTML().add_class("lrlab-readout")
        self._code_view = Code()
        self._code_view.layout.display = "none"
        self._code_toggle = ipywidgets.ToggleButton(
            description="Show the Keras code",
            tooltip="The plain Keras program that gives the same numbers without lrlab",
            layout={"width": "auto"},
        )
        self._code_toggle.observe(self._show_code, "value")
        buttons = [
            _button("Pin", "Keep this curve for comparison", self.pin),
            _button("Clear pins", "Take the kept curves away", self.clear_pins),
            _button("Reset", "Put the controls back to where they were first", self.reset),
            _button("Stop", "Stop the training that is running", self.stop),
        ]
        super().__init__(
            [
                *controls.values(),
                self._picture,
                self._readout,
                ipywidgets.HBox([*buttons, self._code_toggle], layout={"flex_flow": "row wrap"}),
                self._code_view,
            ]
        )
        self.add_class("lrlab-explorer")
        for control in controls.values():
            control.observe(self._control_moved, "value")
        _stop_those_of_an_earlier_run_of_this_cell(self)
        self.run()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_controls"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}") from None

    # --- what a subclass says ---

    @abstractmethod
    def schedule(self) -> Schedule:
        """Return the learning rate or schedule that the controls stand for."""

    @abstractmethod
    def label(self, schedule: Any) -> str:
        """Return a few words for such a schedule, to stand beside a pinned curve."""

    # --- what a person does ---

    def run(self) -> None:
        """Train with the present settings. An unfinished run gives way."""
        try:
            schedule = self.schedule()
        except ValueError as error:
            problem = error
            self._worker.submit(lambda _: self._report(problem), at_once=True)
            return
        self._worker.submit(lambda superseded: self._train(schedule, superseded))
        self._show_code()

    def stop(self) -> None:
        """Stop the run that is going on, within an epoch; what it has drawn stays."""
        if self._worker.busy:
            self._say("Stopping …")
            # As a job: whatever the run that gives way still says comes before it.
            words = "Stopped. Move a control to train again."
            self._worker.submit(lambda _: self._say(words), at_once=True)

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until training is done and return the last finished run, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        if not self._worker.wait(timeout):
            raise TimeoutError(f"The training was not done after {timeout} seconds.")
        return self.runs[-1] if self.runs else None

    def pin(self) -> None:
        """Keep the last finished run in the picture, to compare others with it."""
        if self.runs:
            run = self.runs[-1]
            self.pins.append((self.label(run.schedule), run))
            self._redraw_pins()

    def clear_pins(self) -> None:
        """Take all pinned runs out of the picture."""
        self.pins.clear()
        self._redraw_pins()

    def reset(self) -> None:
        """Put the controls back to their first values."""
        for name, value in self._first_values.items():
            self._controls[name].value = value

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        return self.experiment.code(self.schedule())

    # --- what happens then ---

    def _control_moved(self, change: Any) -> None:
        self.run()

    def _train(self, schedule: Schedule, superseded: Superseded) -> None:
        began = time.monotonic()
        drawn = began
        run = None
        if not self.runs:
            self._say("Compiling the model, once …")
        try:
            with closing(self.experiment.follow(schedule)) as runs:
                for run in runs:
                    if superseded():
                        return
                    now = time.monotonic()
                    if now - drawn > _SECONDS_A_FRAME:
                        drawn = now
                        self._draw(run)
                        self._show_progress(run, now - began)
            assert run is not None
            self.error = None
            self.runs.append(run)
            self._draw(run)
            self._show_result(run)
        except Exception as error:  # noqa: BLE001 - whatever somebody's model raises, they read it
            if not superseded():
                self._report(error)

    def _draw(self, run: Run) -> None:
        curves = Curves(run.history, run.learning_rates)
        with self._drawing:
            if self._figure is None:
                self._figure = CurvesFigure(
                    self.experiment.epochs,
                    start_loss=run.start_loss,
                    size=_SIZE,
                    theme="dark" if self._picture.dark else "light",
                )
            self._figure.draw(curves, self._pinned_curves)
            with self._picture.hold_sync():  # one message for both
                self._picture.value = self._figure.png()
                self._picture.alt = describe(curves, self.experiment.epochs)

    def _change_theme(self, change: Any) -> None:
        with self._drawing:
            self._figure = None
        if self.runs:
            self._draw(self.runs[-1])

    def _redraw_pins(self) -> None:
        self._pinned_curves = tuple(
            Curves(run.history, run.learning_rates, label=label, verdict=run.verdict)
            for label, run in self.pins
        )
        if self.runs:
            self._draw(self.runs[-1])

    def _show_progress(self, run: Run, seconds: float) -> None:
        done, epochs = len(run.history["loss"]), self.experiment.epochs
        if done < epochs:
            left = seconds / done * (epochs - done)
            self._say(f"Epoch {done} of {epochs}, about {left:.0f} s left")

    def _show_result(self, run: Run) -> None:
        numbers = ", ".join(
            f"{name.replace('_', ' ').replace('val ', 'validation ')} <b>{value:.4g}</b>"
            for name, value in run.final.items()
            if name != "learning_rate"
        )
        kind = f"lrlab-{run.verdict.replace(' ', '-')}"
        self._readout.value = (
            f'{numbers}<br><b class="{kind}">{run.verdict}</b>: {html.escape(run.reason)}'
        )

    def _say(self, words: str) -> None:
        self._readout.value = html.escape(words)

    def _report(self, error: Exception) -> None:
        self.error = error
        self._say(f"{type(error).__name__}: {error}")

    def _show_code(self, change: Any = None) -> None:
        shown = self._code_toggle.value
        self._code_toggle.description = f"{'Hide' if shown else 'Show'} the Keras code"
        self._code_view.layout.display = None if shown else "none"
        if shown:
            self._code_view.value = self.code

    # --- what a notebook keeps ---

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self._result()}"

    def _result(self) -> str:
        if self._worker.busy:
            return "training"
        if self.error is not None:
            return type(self.error).__name__
        if not self.runs:
            return "stopped"
        run = self.runs[-1]
        shown = [name for name in ("val_accuracy", "val_loss") if name in run.final]
        numbers = [f"{name}={_short(run.final[name])}" for name in shown]
        words = [*numbers, run.verdict] if run.verdict in _REPEATABLE else [run.verdict]
        return f"{self.label(run.schedule)} -> {', '.join(words)}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if os.environ.get("LRLAB_WAIT") == "1":
            self.wait()
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if not self._picture.value:
            return bundle, {}
        # For wherever there is no kernel: GitHub, nbviewer, nbconvert.
        bundle["image/png"] = base64.b64encode(self._picture.value).decode()
        return bundle, {"image/png": {"alt": self._picture.alt}}


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


@cache
def _default_experiment() -> Experiment:
    """Digits and an MLP; one for all explorers, so that it is compiled once."""
    from lrlab import Experiment, data, models

    digits = data.digits()
    return Experiment(lambda: models.mlp(digits), digits)


def _button(words: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=words, tooltip=tooltip, layout={"width": "auto"})
    button.on_click(lambda _: action())
    return button


def _check_experiment(experiment: Any) -> None:
    missing = [name for name in ("follow", "code", "epochs") if not hasattr(experiment, name)]
    if missing:
        raise ValueError(
            "An explorer takes a lrlab.Experiment. "
            f"Received: {type(experiment).__name__}. "
            "Make one: lrlab.Experiment(build_model, (x_train, y_train, x_val, y_val))."
        )


_OF_CELL: dict[str, tuple[str, list[Explorer]]] = {}


def _stop_those_of_an_earlier_run_of_this_cell(explorer: Explorer) -> None:
    """Note the cell that made this explorer; those that it made when it last ran stop training."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "get_parent"):
        return
    parent = shell.get_parent()
    cell = parent.get("metadata", {}).get("cellId")
    if not cell:
        return
    execution = parent["header"]["msg_id"]
    last, explorers = _OF_CELL.get(cell, (execution, []))
    if last != execution:
        for old in explorers:
            old._worker.stop()
        explorers = []
    _OF_CELL[cell] = execution, [*explorers, explorer]
