"""What all explorers share: controls, a picture, words below it, one worker, the Keras code."""

from __future__ import annotations

import base64
import html
import os
import re
import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets

from lrlab.explorers.widgets import Code, Picture
from lrlab.explorers.worker import Job, Worker
from lrlab.figures.ink import Theme

SIZE = 760, 460  # pixels


class Panel(ipywidgets.VBox):
    """Controls, and a picture that answers every movement of theirs.

    A subclass says in `job` what a movement sets off, and shows what comes of it with `show` and
    `say`.

    Args:
        controls: The controls, by the names of the attributes under which they can be reached.
        buttons: More buttons, to stand before Reset and Stop.
        below: What else to put below the buttons.
    """

    stop_button = "Stop", "Stop the training that is running"  # words and tooltip
    stopped = "Stopped. Move a control to train again."

    def __init__(
        self,
        controls: Mapping[str, ipywidgets.ValueWidget],
        *,
        buttons: Sequence[ipywidgets.DOMWidget] = (),
        below: Sequence[ipywidgets.Widget] = (),
    ) -> None:
        self.error: Exception | None = None
        self._controls = dict(controls)
        self._first_values = {name: control.value for name, control in controls.items()}
        self._worker = Worker()
        self._picture = self.new_picture()
        self._picture.observe(lambda change: self.theme_changed(), "dark")
        self._code_view = Code()
        self._code_view.layout.display = "none"
        self._code_toggle = toggle(
            "Show the Keras code",
            "The plain Keras program that gives the same numbers without lrlab",
            self._show_code,
        )
        row = [
            *buttons,
            button("Reset", "Put the controls back to where they were first", self.reset),
            button(*self.stop_button, self.stop),
            self._code_toggle,
        ]
        super().__init__(
            [
                *controls.values(),
                self._picture,
                ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}),
                *below,
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
    def job(self) -> Job:
        """Read the controls now, and return the work that they ask for.

        Raises:
            ValueError: If they ask for what cannot be done; the words are shown.
        """

    @property
    @abstractmethod
    def code(self) -> str:
        """The plain Keras program for the present settings."""

    @abstractmethod
    def result(self) -> str:
        """Return settings and outcome in one short line, for a notebook to be compared by."""

    def new_picture(self) -> Picture:
        """Return the widget in which the picture is shown."""
        return Picture(width=SIZE[0], height=SIZE[1], alt="The first run is on its way.")

    def theme_changed(self) -> None:
        """Draw again: the page has become dark or light."""

    # --- what a person does ---

    def run(self) -> None:
        """Train with the present settings. An unfinished run gives way."""
        try:
            job = self.job()
        except ValueError as error:
            problem = error
            self._worker.submit(lambda _: self.report(problem), at_once=True)
        else:
            self._worker.submit(job)
        self._show_code()

    def stop(self) -> None:
        """Stop the run that is going on, within an epoch; what it has drawn stays."""
        if self._worker.busy:
            self.say("Stopping …")
            # As a job: whatever the run that gives way still says comes before it.
            self._worker.submit(lambda _: self.say_stopped(), at_once=True)

    def reset(self) -> None:
        """Put the controls back to their first values."""
        for name, value in self._first_values.items():
            self._controls[name].value = value

    # --- what is shown ---

    @property
    def theme(self) -> Theme:
        """That of the page."""
        return "dark" if self._picture.dark else "light"

    def show(
        self, png: bytes, alt: str, words: str | None = None, *, on: Picture | None = None
    ) -> None:
        """Show a picture, what it shows in words, and new words below it (HTML), if there are."""
        picture = on or self._picture
        with picture.hold_sync():  # one message for all
            picture.value = png
            picture.alt = alt
            if words is not None:
                picture.words = words

    def say(self, words: str) -> None:
        """Write below the picture."""
        self._picture.words = html.escape(words)

    def say_stopped(self) -> None:
        """Write that it has stopped."""
        self.say(self.stopped)

    def report(self, error: Exception) -> None:
        """Show an error as words; earlier pictures and runs stay."""
        self.error = error
        self.say(_in_words(error))

    def _control_moved(self, change: Any) -> None:
        self.run()

    def _show_code(self, change: Any = None) -> None:
        shown = self._code_toggle.value
        if change is not None:
            self._code_toggle.description = f"{'Hide' if shown else 'Show'} the Keras code"
            self._code_view.layout.display = None if shown else "none"
        if shown:
            self._code_view.value = self._code_or_why_not()

    def _code_or_why_not(self) -> str:
        try:
            return self.code
        except Exception as error:  # noqa: BLE001 - settings or somebody's optimizer: they read it
            return "\n".join(f"# {line}" for line in _in_words(error).splitlines())

    # --- what a notebook keeps ---

    def __repr__(self) -> str:
        words = self.result()
        if self._worker.busy:
            words = "training"
        elif self.error is not None:
            words = type(self.error).__name__
        return f"{type(self).__name__}: {words}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if os.environ.get("LRLAB_WAIT") == "1":
            self._worker.wait()
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if not self._picture.value:
            return bundle, {}
        # For wherever there is no kernel: GitHub, nbviewer, nbconvert.
        bundle["image/png"] = base64.b64encode(self._picture.value).decode()
        return bundle, {"image/png": {"alt": self._picture.alt}}


def _in_words(error: Exception) -> str:
    """Name and message of an error, without the colours for a terminal that Keras puts in."""
    return re.sub(r"\x1b\[[0-9;]*m", "", f"{type(error).__name__}: {error}")


def button(words: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
    """Make a button that does something."""
    made = ipywidgets.Button(description=words, tooltip=tooltip, layout={"width": "auto"})
    made.on_click(lambda _: action())
    return made


def toggle(words: str, tooltip: str, action: Callable[[Any], None]) -> ipywidgets.ToggleButton:
    """Make a button that stays pressed until it is pressed again."""
    made = ipywidgets.ToggleButton(description=words, tooltip=tooltip, layout={"width": "auto"})
    made.observe(action, "value")
    return made


_OF_CELL: dict[str, tuple[str, list[Panel]]] = {}


def _stop_those_of_an_earlier_run_of_this_cell(panel: Panel) -> None:
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
    last, panels = _OF_CELL.get(cell, (execution, []))
    if last != execution:
        for old in panels:
            old._worker.stop()
        panels = []
    _OF_CELL[cell] = execution, [*panels, panel]
