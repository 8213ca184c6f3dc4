"""The base of figures that move: axes and words laid out in pixels, lines that are drawn again.

Matplotlib's object-oriented interface on an Agg canvas, never pyplot, so that a figure may be drawn
in any one thread. What stays from frame to frame is rendered once and kept as pixels.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform

from lrlab.figures.ink import FONT, THEMES, Theme, check_theme, number_text
from lrlab.figures.screen import Screen, typeface
from lrlab.figures.ticks import HUGE
from lrlab.figures.traces import Region, Trace, with_traces

__all__ = [
    "LEAST_SIZE",
    "LINE_HEIGHT",
    "SIZE",
    "WIDTHS",
    "Plot",
    "check_look",
    "check_rates",
    "style_axes",
]

SIZE, LEAST_SIZE = (760, 460), (380, 320)  # pixels; on less the labels overlap
WIDTHS = SIZE[0], 560, LEAST_SIZE[0]  # those for a page, the widest that it has room for
_ONE_ROW = 700  # pixels that the words above the axes need, or they stand in two rows
LINE_HEIGHT = 17  # pixels
_INSIDE = 9  # pixels, from the edge of axes to the middle of a mark that lies within


class Plot:
    """A figure of one size and theme, kept ready to be drawn again and again.

    A subclass lays out axes, legend and moving lines once. To draw, it marks itself stale if what
    stays has changed, begins, moves the lines, has them drawn, and writes numbers on the screen.

    Args:
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".
        least: The smallest size on which labels do not overlap.

    Attributes:
        screen: The pixels that are shown.

    Raises:
        ValueError: If an argument cannot work.
    """

    _header = 27  # pixels from the top to the baseline of the legend

    def __init__(
        self, size: tuple[int, int], theme: Theme, least: tuple[int, int] = LEAST_SIZE
    ) -> None:
        check_look(size, theme, least)
        self.size, self.theme, self._ink = size, theme, THEMES[theme]
        self._rows = 1 if size[0] >= _ONE_ROW else 2  # of words above the axes
        inches = (size[0] / 100, size[1] / 100)
        self._figure = Figure(figsize=inches, dpi=100, facecolor=self._ink["background"])
        self.screen = Screen(self._figure, theme)
        self._moving: list[Artist] = []  # in the order in which they are drawn
        self._kept: list[Artist] = []  # in the background until it is stale
        self._stale = True  # the background has to be rendered
        self._triangles: dict[Axes, tuple[Line2D, Line2D]] = {}  # at the lower and the upper edge
        self._furthest: dict[Axes, list[tuple[float, float, str]]] = {}  # what is said beside them

    def png(self, other: "Plot | None" = None, *, below: bool = False) -> bytes:
        """The picture last drawn as a PNG file of about 10 kB; empty axes before the first.

        Another one of the same theme can stand beside it, as high, or below it, no wider.
        """
        if self._stale:
            self._begin()
        regions, (width, height) = self.regions(), self.size
        if other is None:
            return with_traces(self.screen.png(), regions, height)
        across, up = other.size
        if below:
            height += up
            regions = [region.moved(0, up) for region in regions]
        place = ((width - across) // 2, 0) if below else (width, 0)
        regions += [region.moved(*place) for region in other.regions()]
        return with_traces(self.screen.png(other.screen, below=below), regions, height)

    def regions(self) -> list[Region]:
        """Where the values lie that are drawn, for a page to say them."""
        return []

    @staticmethod
    def _trace(axes: Axes, names: Sequence[str], x: Any, y: Any, *values: Any) -> Trace:
        """The points of a line on axes, with x, y and more values, or those that are given.

        Those that are no finite number are left out; what is beyond the axes lies at their edge.
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        said = np.stack(values, axis=-1) if values else np.stack([x, y], axis=-1)
        seen = np.isfinite(x) & np.isfinite(y) & (np.abs(y) < HUGE)
        low, high = axes.get_ylim()
        places = axes.transData.transform(np.stack([x, np.clip(y, low, high)], axis=-1)[seen])
        return Trace(tuple(names), places, said[seen])

    @staticmethod
    def _box(*axes: Axes) -> tuple[float, float, float, float]:
        """Around axes that stand above each other: left, lower, right and upper end in pixels."""
        boxes = [each.bbox for each in axes]
        ends = boxes[0].x0, min(box.y0 for box in boxes), boxes[0].x1, max(b.y1 for b in boxes)
        left, low, right, high = map(float, ends)
        return left, low, right, high

    def _row(self, number: int) -> int:
        """The baseline of a row of words above the axes: 0, or 1 where a narrow figure has two."""
        return self.size[1] - self._header - min(number, self._rows - 1) * LINE_HEIGHT

    def _begin(self) -> None:
        """Wipe what was drawn last; the background is rendered only if it is stale."""
        if self._stale:
            for artist in self._kept:
                artist.remove()
            self._kept = self._make_background()
            self.screen.keep()
            self._stale = False
        self.screen.restore()

    def _make_background(self) -> list[Artist]:
        """Make what is drawn until the background is stale again."""
        return []

    def _draw_moving(self) -> None:
        for artist in self._moving:
            if not isinstance(artist, Line2D) or np.size(artist.get_xdata()):
                artist.draw(self.screen.renderer)

    def _add_axes(
        self, left: float, bottom: float, width: float, height: float, *, grid: bool = True
    ) -> Axes:
        """Axes at a place in pixels from the lower left corner."""
        across, up = self.size
        box = (left / across, bottom / up, width / across, height / up)
        axes = self._figure.add_axes(box, facecolor=self._ink["background"])
        style_axes(axes, self._ink, grid=grid)
        return axes

    def _name_axes(self, axes: Axes, across: str = "", up: str = "", *, gap: float = 72) -> None:
        """Name what goes across below the axes, and what goes up so many pixels beside them."""
        box = axes.bbox
        self._text((box.x0 + box.x1) / 2, box.y0 - 43, across, ha="center")
        middle = (box.y0 + box.y1) / 2
        self._text(box.x0 - gap, middle, up, rotation=90, ha="center", va="center")

    def _text(self, x: float, y: float, words: str, on: Any = None, **style: Any) -> Text:
        """Words on a baseline, at a place in pixels from the lower left corner."""
        style = {"color": self._ink["text"], "va": "baseline", **FONT, **style}
        place = IdentityTransform()
        parent = on or self._figure
        text: Text = parent.text(x, y, words, transform=place, parse_math=False, **style)
        return text

    def _write(self, x: float, y: float, words: str, colour: str = "text", **ha: str) -> None:
        """Words that change from frame to frame, quicker than `_text`."""
        self.screen.write(x, y, words, self._ink.get(colour, colour), **ha)

    @staticmethod
    def _mark(line: Line2D, places: np.ndarray, height: float) -> None:
        """Put marks at one height."""
        line.set_data(places, np.full(len(places), height))

    def _add_beyond(self, axes: Axes) -> None:
        """Triangles at the lower and the upper edge of axes, for what lies beyond."""
        low, high = (self._add_marks(axes, "text", mark, 8, clip_on=False) for mark in "v^")
        self._triangles[axes] = low, high

    def _mark_beyond(self, axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
        """Mark where values leave axes, beyond their lower or upper edge."""
        (low, high), (bottom, top) = axes.get_ylim(), self._edges(axes)
        below, above = self._triangles[axes]
        self._furthest[axes] = words = []
        for triangles, beyond, height, furthest, way in (
            (below, y < low, bottom, np.argmin, "down"),
            (above, y > high, top, np.argmax, "up"),
        ):
            leaves = beyond & ~np.append(False, beyond[:-1])
            self._mark(triangles, np.unique(x[leaves]), height)
            if beyond.any():
                place = np.flatnonzero(beyond)[furthest(y[beyond])]
                value = number_text(y[place]) if np.isfinite(y[place]) else "infinity"
                first = x[leaves][0]
                words.append((*self._place(axes, first, height), f"{way} to {value}"))

    def _write_beyond(self) -> None:
        """Say beside a triangle how far the values go that it stands for."""
        for axes, words in self._furthest.items():
            for x, y, said in words:
                self._write_beside(axes, x, y - 5, said)

    def _edges(self, axes: Axes) -> tuple[float, float]:
        """The lowest and the highest value at which a mark lies within axes."""
        low, high = axes.get_ylim()
        share = _INSIDE / axes.bbox.height
        if axes.get_yscale() == "log":
            far = (high / low) ** share
            return low * far, high / far
        far = (high - low) * share
        return low + far, high - far

    def _write_beside(self, axes: Axes, x: float, y: float, words: str) -> None:
        """Write to the right of a mark in axes, or to the left where there is no room.

        Where there is none on either side, a line further inside.
        """
        box, wide = axes.bbox, typeface().getlength(words)
        left = x > box.x1 - 90
        if (x - 26 - wide < box.x0) if left else (x + 10 + wide > self.size[0]):
            y += LINE_HEIGHT if y < (box.y0 + box.y1) / 2 else -LINE_HEIGHT
            x, left = box.x1 + 26, True
        self._write(x - 26 if left else x + 10, y, words, ha="right" if left else "left")

    def _pin_colour(self, number: int) -> str:
        """The colour of the run that was pinned as the first, second, third ... counted from 0."""
        pins: tuple[str, ...] = self._ink["pins"]
        return pins[number % len(pins)]

    def _place(self, axes: Axes, x: float, y: float) -> tuple[float, float]:
        """Where values lie, in pixels from the lower left corner."""
        across, up = axes.transData.transform((x, y))
        return float(across), float(up)

    def _values_at(self, axes: Axes, x: float, y: float) -> tuple[float, float]:
        """The values at a place, a share of the picture from its left and from its upper side."""
        pixels = x * self.size[0], (1 - y) * self.size[1]
        across, up = axes.transData.inverted().transform(pixels)
        return float(across), float(up)

    def _add_legend(
        self, x: float, words: str, marks: Sequence[float], *, row: int = 0, **style: Any
    ) -> tuple[Artist, Text]:
        """Words above the axes, and a line or marks of that style at places counted from them."""
        y = self._row(row)
        places = [x + mark for mark in marks]
        line = Line2D(places, [y + 5] * len(places), transform=IdentityTransform(), **style)
        return self._figure.add_artist(line), self._text(x, y, words)

    def _add_line(self, axes: Axes, colour: str, **style: Any) -> Line2D:
        """A line that changes from frame to frame, and so never lies in the background."""
        style = {"color": self._ink.get(colour, colour), "lw": 2.5, "animated": True, **style}
        (line,) = axes.plot([], [], **style)
        self._moving.append(line)
        return line

    def _add_marks(self, axes: Axes, colour: str, marker: str, size: float, **style: Any) -> Line2D:
        """Marks that change from frame to frame."""
        return self._add_line(axes, colour, marker=marker, ms=size, ls="", **style)


def style_axes(
    axes: Axes,
    ink: dict[str, Any],
    *,
    grid: bool = True,
    size: float = FONT["size"],
    line: float = 1.0,
) -> None:
    """Give axes the colours of a theme, numbers of a size and an edge of a width in points."""
    axes.set_axisbelow(True)
    if grid:
        axes.grid(visible=True, color=ink["grid"], lw=0.8, ls="-")
    axes.tick_params(color=ink["faint"], labelcolor=ink["text"])
    axes.tick_params(labelsize=size, labelfontfamily=FONT["family"])
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=ink["faint"], lw=line)


def check_look(size: Sequence[int], theme: str, least: tuple[int, int] = LEAST_SIZE) -> None:
    """Raise a ValueError if a figure cannot have this size or theme."""
    check_theme(theme)
    if len(size) != 2 or size[0] < least[0] or size[1] < least[1]:
        raise ValueError(
            f"size must be a width of at least {least[0]} and a height of at least {least[1]} "
            f"pixels, or labels overlap. Received: size={size!r}."
        )


def check_rates(rates: Sequence[float]) -> None:
    """Raise a ValueError if an axis cannot go from the one rate to the other."""
    if len(rates) != 2 or not 0 < 10 * rates[0] <= rates[1] < math.inf:
        raise ValueError(
            "rates must be the lowest and the highest learning rate of the axis, above 0 and a "
            f"factor of 10 or more apart. Received: rates={rates!r}."
        )
