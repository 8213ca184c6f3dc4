"""The widgets that ipywidgets lacks: a picture with a text alternative, a slider, a table, code."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from lrlab.figures.ink import css_variables
from lrlab.figures.picture import overlay
from lrlab.widgets import Widget

if TYPE_CHECKING:
    from lrlab.figures.curves import CurvesFigure


def _static(name: str) -> str:
    """Return a file as text: of a path, anywidget would watch the file, and keep every widget."""
    return (Path(__file__).parent / "static" / name).read_text(encoding="utf-8")


_COLOURS = f"""
.lrlab-explorer {{ {css_variables("light", "lrlab-")} }}
[data-jp-theme-light="false"] .lrlab-explorer,
.lrlab-explorer.lrlab-dark {{ {css_variables("dark", "lrlab-")} }}
"""


class TogetherView(Widget):
    """A widget that can take several values in one message, whatever thread says so."""

    def __init__(self, **values: Any) -> None:
        self._sending = threading.RLock()
        super().__init__(**values)

    def show(self, **values: Any) -> None:
        """Take such values in one message; any thread may say so."""
        with self._sending, self.hold_sync():
            for name, value in values.items():
                setattr(self, name, value)


class PictureView(TogetherView):
    """A PNG picture, the `alt` that says what it shows, and `words` below it.

    The words are HTML with <b> and <br>; any other tag in them is shown as text.

    They are one widget so that they come in one message: an `ipywidgets.Image` takes no `alt`, and
    a second widget for the words would have the page lay out and paint once more. `displayed`,
    `dark` and `room` come from the page: whether it shows the picture, whether its theme is a dark
    one, and for which of the `widths` that the picture can have there is room.

    A page greys the picture while it is `stale`. Where one of the `controls` (model ids) has moved
    and no picture comes, that one asks, `{"waits": 3}`. The answer is a message of the picture's,
    the same with "stale" and whether it is. Where none comes the page says what is wrong with the
    kernel that has made the `explorer` (a model id), one of a `kind`. In JupyterLab, and in
    Notebook 7, it keeps the picture in the notebook's file, also of one in somebody's own box.

    The values that are drawn, which are inside the file, are shown under the pointer and, where
    arrow keys do nothing else, by these.

    With a `hint` that says what arrow keys do, the picture can be focused and clicked, and sends
    messages: `{"key": "ArrowUp"}`, and the place of a click as `{"x": 0.5, "y": 0.5}`, from the
    upper left corner (0, 0) to the lower right one (1, 1).
    """

    _esm = "\n".join([*map(_static, ["stale.js", "kept.js"]), overlay("js"), _static("picture.js")])
    _css = _static("explorer.css") + overlay("css") + _COLOURS
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    stale = traitlets.Bool().tag(sync=True)
    explorer = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    controls = traitlets.List(traitlets.Unicode()).tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    widths = traitlets.List(traitlets.Int()).tag(sync=True)
    room = traitlets.Int().tag(sync=True)
    displayed = traitlets.Bool().tag(sync=True)
    dark = traitlets.Bool().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)


class SliderView(Widget):
    """A slider over some `stops`, and a box beside it for any other value; or two of each.

    The stops stand at equal distances, whatever they are, and a value between two of them stands
    between. A `mark` is a text below a stop, with the place of that in the list. What is typed
    into a box comes as a message, `{"typed": "0.03", "which": 0}`; the words in `problem` say why
    it cannot be taken.
    """

    _esm = _static("slider.js")
    description = traitlets.Unicode().tag(sync=True)
    stops = traitlets.List(traitlets.Float()).tag(sync=True)
    marks = traitlets.List(traitlets.Tuple(traitlets.Int(), traitlets.Unicode())).tag(sync=True)
    disabled = traitlets.Bool().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)


class HandlesView(TogetherView):
    """Handles over the picture of an explorer, for values on two of its axes.

    Each stands at an epoch and, on a logarithmic axis, a height: `value` holds these pairs. What it
    can be moved along is "x", "y" or "xy"; upwards it stops at the `stops`. Where they are to be
    swept, a pointer takes all along that it passes. Drawn is in `box`: left, top, width and height
    as shares of the picture's, with `limits` at its left, right, lower and upper end. `pulled` are
    those that a person has moved since the page was last told the `value`.
    """

    _esm = _static("handles.js")
    value: traitlets.TraitType[Any, Any] = traitlets.Any([]).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
    pulled = traitlets.List(traitlets.Int()).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    moves = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sweeps = traitlets.Bool().tag(sync=True)
    stops = traitlets.List(traitlets.Float()).tag(sync=True)
    limits = traitlets.List(traitlets.Float(), [0.0, 1.0, 1e-4, 10.0]).tag(sync=True)
    box = traitlets.List(traitlets.Float(), [0.0, 0.0, 0.0, 0.0]).tag(sync=True)

    def __init__(self, **values: Any) -> None:
        # It has no place of its own in the page.
        super().__init__(**({"layout": {"display": "none"}} | values))

    def stand_over(self, figure: CurvesFigure, picture: PictureView) -> None:
        """Have the handles stand over the lower axes of a figure, at the left of a picture."""
        sizes = picture.width, picture.height
        box = [pixels / sizes[k % 2] for k, pixels in enumerate(figure.box_below)]
        self.show(box=box, limits=list(figure.limits_below))


class ToggleView(Widget):
    """A button that stays pressed until it is pressed again; that of ipywidgets does not say so."""

    _esm = _static("toggle.js")
    description = traitlets.Unicode().tag(sync=True)
    value = traitlets.Bool().tag(sync=True)


class CodeView(Widget):
    """Python code with a button that copies it, hidden until it is `shown`.

    A line that was not in the last code is marked.
    """

    _esm = _static("code.js")
    value = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Bool().tag(sync=True)


class TableView(Widget):
    """Rows of text under a caption, and a button that saves `csv` as a file; hidden while empty."""

    _esm = _static("table.js")
    caption = traitlets.Unicode().tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    csv = traitlets.Unicode().tag(sync=True)
    file_name = traitlets.Unicode().tag(sync=True)
