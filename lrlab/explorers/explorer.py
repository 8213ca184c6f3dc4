"""The base of all explorers: controls, a picture, pins, the Keras code, and work for one thread.

An explorer says what is its own: it reads its controls (`settings`), does its `work`, and knows how
to `draw` and `label` what comes of it. The base runs the work and shows it as it comes.
"""

from __future__ import annotations

import base64
import html
import os
import re
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, Generic

import ipywidgets

from lrlab.explorers.closing import CLOSED, close_family, take_the_place_of_earlier_ones
from lrlab.explorers.controls import Checked, button, toggle
from lrlab.explorers.frame import Frame, Layout, Shown, Work
from lrlab.explorers.pins import Pin, Pinning
from lrlab.explorers.widgets import CodeView, PictureView, TableView
from lrlab.explorers.worker import Superseded, Worker, taking_turns
from lrlab.figures.ink import Theme
from lrlab.figures.picture import with_caption
from lrlab.figures.plot import SIZE, WIDTHS

_KEPT = 1000  # of the results of earlier work


class Explorer(Pinning[Shown], ipywidgets.VBox, Generic[Shown]):
    """Controls, and a picture that answers every movement of theirs.

    Making one trains nothing and loads no TensorFlow: it begins when it is displayed, by `run()` or
    by `wait()`. After that each movement of a control starts the work again, in a thread, and what
    is under way gives way.

    Args:
        controls: The controls; each can be reached as an attribute of its name.
        buttons: More buttons, to stand before Pin.
        toggles: More buttons, to stand after Clear pins.
        above: What else to put right above the picture.
        below: What else to put right below the picture.
        under_the_table: What else to put below the table of pins.

    Attributes:
        runs: What finished work came to, the last 1000 of them.
        error: The error that the last work ended in, if it did.
    """

    frames_per_second = 15.0  # at most, while work goes on
    stop_button = "Stop", "Stop the training that is running"  # words and tooltip
    stopped = "Stopped. Move a control to train again."
    at_work = "Training …"  # said of work that says nothing itself, where it takes a while
    # Below the picture, until a control moves:
    invitation = "Drag a slider, or click its handle and use the arrow keys: the picture follows."
    stored = "From an earlier run. Run this cell to get the sliders."  # below a stored picture
    unfinished = "The training was not done"  # how a TimeoutError begins
    hint = ""  # what arrow keys in the picture do, if they do anything
    height = SIZE[1]  # of the figure, in pixels
    _closed = True  # until it is made, too: what cannot be made is closed as well

    def __init__(
        self,
        controls: Sequence[Checked],
        *,
        buttons: Sequence[ipywidgets.DOMWidget] = (),
        toggles: Sequence[ipywidgets.DOMWidget] = (),
        above: Sequence[ipywidgets.DOMWidget] = (),
        below: Sequence[ipywidgets.DOMWidget] = (),
        under_the_table: Sequence[ipywidgets.DOMWidget] = (),
    ) -> None:
        self.runs: deque[Any] = deque(maxlen=_KEPT)
        self.error: Exception | None = None
        self._controls = {control.name: control for control in controls}
        self._first_values = {control.name: control.value for control in controls}
        self._moving = False  # several controls, of which some have not moved yet
        self._touched = False  # whether a control has moved
        self._begun = False
        self._worker = Worker()
        self._pins: list[Pin[Shown]] = []
        self._pin_table = TableView(caption="Pinned, at the end", file_name="pinned.csv")
        self._frame: Frame[Shown] | None = None  # what the picture shows
        self._answered: Any = None  # `asked` of what the picture shows
        self._silent = False  # whether the work that goes on has said nothing yet
        self._figures: dict[str, Any] = {}
        self._made_of: dict[str, tuple[Any, dict[str, Any]]] = {}  # arguments, of each figure
        self._drawing = threading.RLock()  # of pins, frame and figures
        self._picture = PictureView(alt="The first run is on its way.", hint=self.hint)
        self.lay_out()
        self._picture.observe(lambda change: self.begin(), "displayed")
        self._picture.observe(lambda change: self.draw_afresh(), "dark")
        self._picture.observe(lambda change: self._draw_at(change["new"]), "room")
        asking: tuple[ipywidgets.Widget, ...] = (self._picture, *controls)
        for widget in asking:
            widget.on_msg(lambda widget, content, buffers: self.told(content))
        self._code_view = CodeView()
        self._code_toggle = toggle(
            "Show the Keras code",
            "The plain Keras program that gives the same numbers without lrlab",
            self._show_code,
        )
        row = [
            *buttons,
            button("Pin", "Keep what is shown for comparison", self.pin),
            button("Clear pins", "Take away what was kept", self.clear_pins),
            *toggles,
            button("Reset", "Put the controls back to where they were first", self.reset),
            button(*self.stop_button, self.stop),
            self._code_toggle,
        ]
        super().__init__(
            [
                *controls,
                ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}),
                *above,
                self._picture,
                *below,
                self._pin_table,
                *under_the_table,
                self._code_view,
            ]
        )
        self.add_class("lrlab-explorer")
        for control in controls:
            control.observe(self._control_moved, "value")
        self._closed = False
        moving = [control.model_id for control in controls]
        me = {"explorer": self.model_id, "kind": type(self).__name__}
        self._picture.show(**me, controls=moving, stale=True)
        if earlier := take_the_place_of_earlier_ones(self):
            self._picture.show(value=earlier)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_controls"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}") from None

    # --- what a subclass says ---

    @abstractmethod
    def settings(self) -> Any:
        """Read the controls.

        Raises:
            ValueError: If they ask for what cannot be done; the words are shown.
        """

    @abstractmethod
    def work(self, settings: Any) -> Work[Shown]:
        """Do what such settings ask for, and yield what to say and to show as it comes.

        It runs in a thread, so it may load Keras and take its time. After whatever it yields, None
        for one, it may be closed, because newer settings have come.
        """

    @abstractmethod
    def draw(self, settings: Any, shown: Shown) -> tuple[bytes, str]:
        """Return a picture (PNG), and what it shows in words for those who cannot see it."""

    @property
    @abstractmethod
    def code(self) -> str:
        """The plain Keras program for the present settings."""

    @abstractmethod
    def result(self) -> str:
        """Return settings and outcome in one short line, for a notebook to be compared by."""

    def asked(self) -> Any:
        """Return what the picture is to be of: if that changes, it is stale until it follows."""
        return tuple(control.value for control in self._controls.values())

    def layouts(self) -> dict[int, Layout]:
        """Return the layouts that the picture can have, by its width, the widest first."""
        return {width: Layout(width, self.height, width) for width in WIDTHS}

    # --- what a person does ---

    def begin(self) -> None:
        """Run, unless something has made it run before."""
        if not self._begun:
            self.run()

    def run(self) -> None:
        """Work with the present settings. What is under way gives way."""
        try:
            settings = self.settings()
        except ValueError as error:
            problem = error
            self._begun = True
            self._worker.submit(lambda _: self.report(problem), at_once=True)
        else:
            self.start(settings, self.work(settings))
        self._show_code()

    def start(self, settings: Any, work: Work[Shown]) -> None:
        """Have this work done in the thread, unless closed. What is under way gives way."""
        if self._closed:
            raise RuntimeError(f"This explorer was {CLOSED} Make another one.")
        self._begun = self._silent = True
        self._worker.submit(partial(self._do, settings, work, self.asked()))

    def stop(self) -> None:
        """Stop the run that is going on, within an epoch; what it has drawn stays.

        Before it has begun: wait for a control to move.
        """
        if self._worker.busy or not self._begun:
            self._begun = True
            self.say("Stopping …")
            # As a job: whatever the run that gives way still says comes before it.
            self._worker.submit(lambda _: self.say(self.stopped), at_once=True)

    def close(self) -> None:
        """Leave the page for good, and let go of figures, runs, pins and the experiment.

        A run, or the experiment, lives on where somebody else holds it. A cell that runs again
        closes the explorers that it made before.
        """
        if self._closed:
            super().close()
        else:
            self._closed = True
            self._worker.close()
            close_family(self)
            self.let_go()

    def let_go(self) -> None:
        """Forget what takes memory, as it is closed, and again when its last work has ended."""
        with self._drawing:
            self._frame = None
            for kept in (self.runs, self._pins, self._figures):
                kept.clear()

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until the work is done, and return what was last finished, if anything.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        self.begin()
        if not self._worker.wait(timeout):
            raise TimeoutError(f"{self.unfinished} after {timeout} seconds.")
        return self.runs[-1] if self.runs else None

    def reset(self) -> None:
        """Put the controls back to their first values."""
        self.move(**self._first_values)

    def move(self, **values: Any) -> None:
        """Give several controls a value each, and run once."""
        self._moving = True
        try:
            for name, value in values.items():
                self._controls[name].value = value
        finally:
            self._moving = False
        self.controls_moved(*values)

    def controls_moved(self, *names: str) -> None:
        """Answer the movement of some controls."""
        if self._begun:
            self.run()
        else:
            self._show_code()

    def _control_moved(self, change: Any) -> None:
        self._touched = True
        if not self._moving:
            self.controls_moved(change["owner"].name)

    # --- the work, in its thread ---

    def _do(self, settings: Any, work: Work[Shown], asked: Any, superseded: Superseded) -> None:
        """Say and show what the work yields, until it ends or has to give way."""
        due = time.monotonic() + 1 / self.frames_per_second
        try:
            with taking_turns(superseded, self.say), closing(work):
                for step in work:
                    always = isinstance(step, Frame) and step.always
                    if superseded() and not always:
                        return
                    if isinstance(step, str):
                        self.say(step)
                    elif step is not None and (always or time.monotonic() >= due):
                        self._show_frame(step, settings, asked)
                        due = time.monotonic() + 1 / self.frames_per_second
        except Exception as error:  # noqa: BLE001 - whatever somebody's model raises, they read it
            if not superseded():
                self.report(error)
        finally:
            if self._closed:
                self.let_go()

    def _show_frame(self, frame: Frame[Shown], settings: Any, asked: Any) -> None:
        with self._drawing:
            self.error = None
            self._answered = asked
            self._frame = replace(frame, settings=settings) if frame.settings is None else frame
            self.show(*self.draw(self._frame.settings, frame.shown), frame.words)

    # --- what is shown ---

    @property
    def theme(self) -> Theme:
        """That of the page."""
        return "dark" if self._picture.dark else "light"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the figure in pixels: a narrow page has a narrow one."""
        return self._laid_out.figure_width, self.height

    def lay_out(self) -> None:
        """Give the picture the layout for which the page has room, or the widest of all."""
        with self._drawing:
            layouts = self.layouts()
            now = layouts.get(self._picture.room) or next(iter(layouts.values()))
            self._laid_out = now
            self._figures.clear()
            self._picture.show(widths=[*layouts], width=now.width, height=now.height)

    def figure(self, name: str, make: Callable[..., Any], *arguments: Any, **look: Any) -> Any:
        """Return the figure of this name, which is made once, and again for other arguments."""
        with self._drawing:
            if name not in self._figures or self._made_of[name] != (arguments, look):
                self._figures[name] = make(*arguments, **look)
                self._made_of[name] = arguments, look
            return self._figures[name]

    def redraw(self) -> None:
        """Draw what is shown once more, with other pins."""
        with self._drawing:
            if self._frame is not None:
                self.show(*self.draw(self._frame.settings, self._frame.shown))

    def draw_afresh(self) -> None:
        """Draw what is shown in new figures: the page has become dark or light, for one."""
        with self._drawing:
            self._figures.clear()
            self.redraw()

    def _draw_at(self, width: int) -> None:
        """Draw what is shown in a picture of another width, one of those that it can have."""
        with self._drawing:
            if width in self._picture.widths and width != self._picture.width:
                self.lay_out()
                self.redraw()

    def show(
        self, png: bytes, alt: str, words: str | None = None, *, on: PictureView | None = None
    ) -> None:
        """Show a picture, what it shows in words, and new words below it (HTML), if there are."""
        new: dict[str, Any] = {"value": png, "alt": alt, "width": self._picture.width}
        if words is not None:
            new["words"] = words
        if on is None:
            new["stale"] = self.stale
            if words is not None and self.invitation and not self._touched:
                new["words"] = f"{words}<br>{self.invitation}"
        (on or self._picture).show(**new)

    def say(self, words: str) -> None:
        """Write below the picture."""
        self._silent = False
        self._picture.show(words=html.escape(words), stale=self.stale)

    @property
    def picture(self) -> bytes:
        """The file (PNG) that is shown; empty before the first."""
        png: bytes = self._picture.value
        return png

    @property
    def stale(self) -> bool:
        """Whether the picture is not of what the controls say: not yet, or not any more."""
        return self._answered is None or self._answered != self.asked()

    def told(self, content: dict[str, Any]) -> None:
        """Hear what the page sends: here, that it waits for a picture and asks what goes on."""
        if "waits" in content:
            if self.stale and self._silent and self._worker.busy:
                self.say(self.at_work)
            self._picture.send({"stale": self.stale, **content})

    def report(self, error: Exception) -> None:
        """Show an error as words; earlier pictures and runs stay."""
        self.error = error
        self.say(_in_words(error))

    def _show_code(self, change: Any = None) -> None:
        shown = self._code_toggle.value
        with self._code_view.hold_sync():
            self._code_view.shown = shown
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
        elif not self._begun:
            words = "not run yet"
        elif self.error is not None:
            words = type(self.error).__name__
        return f"{type(self).__name__}: {words}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        self.begin()
        if os.environ.get("LRLAB_WAIT") == "1":
            self._worker.wait()
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if self._frame is None:
            return bundle, {}
        # For wherever there is no kernel: GitHub, nbviewer, nbconvert.
        stored = with_caption(self._picture.value, self.stored, self.theme)
        bundle["image/png"] = base64.b64encode(stored).decode()
        return bundle, {"image/png": {"alt": f"{self._picture.alt} {self.stored}"}}


def _in_words(error: Exception) -> str:
    """Name and message of an error, without the colours for a terminal that Keras puts in."""
    return re.sub(r"\x1b\[[0-9;]*m", "", f"{type(error).__name__}: {error}")
