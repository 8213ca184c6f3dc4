"""A heat map of what training comes to over two settings, which fills in as runs finish."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform

from lrlab.figures.ink import FONT, THEMES, Theme, check_theme, number_text, short_number_text
from lrlab.figures.screen import Screen

__all__ = ["HeatMap"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 96, 34, 52  # pixels around the cells
_BAR = 16  # pixels, the width of the scale
_ROOM = 42, 17  # pixels a number takes
_MOST = 1000.0  # times the lowest value: as far as the colours go
_COLOURS = mpl.colormaps["cividis"]  # the same to all kinds of sight; the best is the brightest


class HeatMap:
    """Cells over two settings, a colour and a number each, kept ready to be drawn again.

    The first row is the lowest one in the picture. The lowest value is the best: the brightest, and
    with a diamond. Colours go by ratios where all values are above 0. A cell whose run is missing
    is empty but for a dot, and a diverged one is hatched.

    Args:
        rows: The setting of each row.
        columns: The setting of each column.
        row_label: What the setting of a row is, beside the rows.
        column_label: What the setting of a column is, below the columns.
        value_label: What the values are, above the cells.
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".
        highest: Whether the highest value is the best, as of accuracies. Colours then go by
            differences.

    Attributes:
        figure: The Matplotlib figure; it may be saved in any format.

    Raises:
        ValueError: If an argument cannot work.

    Example:
        >>> labels = dict(row_label="rate", column_label="factor", value_label="loss")
        >>> heat_map = HeatMap([0.1, 1.0], [0.2, 0.5, 1.0], **labels)
        >>> heat_map.draw([[0.9, 0.8, 0.7], [0.6, np.inf, np.nan]], chosen=(0, 1))
        >>> heat_map.png()[1:4]
        b'PNG'
        >>> for sentence in heat_map.describe().split(". "):
        ...     print(sentence)
        loss for 2 values of rate from 0.1 to 1 and 3 values of factor from 0.2 to 1
        5 of 6 cells are filled, 1 of them diverged
        The lowest is 0.6, at rate 1 and factor 0.2; the highest 0.9, at rate 0.1 and factor 0.2
        Chosen is rate 0.1 and factor 0.5: 0.8.
    """

    def __init__(
        self,
        rows: Sequence[float],
        columns: Sequence[float],
        *,
        row_label: str,
        column_label: str,
        value_label: str,
        size: tuple[int, int] = (760, 380),
        theme: Theme = "light",
        highest: bool = False,
    ) -> None:
        _check(rows, columns, size, theme)
        self.rows, self.columns = list(map(float, rows)), list(map(float, columns))
        self.labels = row_label, column_label, value_label
        self.size, self._ink, self._highest = size, THEMES[theme], highest
        self._colours = _COLOURS if highest else _COLOURS.reversed()
        inches = (size[0] / 100, size[1] / 100)
        self.figure = Figure(figsize=inches, dpi=100, facecolor=self._ink["background"])
        self._screen = Screen(self.figure, theme)
        self._values = np.full((len(self.rows), len(self.columns)), np.nan)
        self._chosen: tuple[int, int] | None = None
        self._make_axes()
        self._make_legend()
        self._make_moving_artists()
        for artist in (*self._moving, *self._numbers):
            artist.set_visible(False)
        self._screen.keep()
        for artist in self._moving:
            artist.set_visible(True)
        self.draw(self._values)

    def draw(self, values: Any, chosen: tuple[int, int] | None = None) -> None:
        """Draw what is known so far.

        Args:
            values: Shape (rows, columns). NaN for a run that is missing, infinity for one that
                diverged.
            chosen: The row and the column of the cell to be framed; None for none.

        Raises:
            ValueError: If the values have another shape, or there is no such cell.
        """
        shape = len(self.rows), len(self.columns)
        given = np.asarray(values, dtype=float)
        if given.shape != shape:
            raise ValueError(
                "values must have a row for each of the rows and a column for each of the columns, "
                f"shape {shape}. Received: shape {given.shape}."
            )
        if chosen is not None and not all(0 <= k < n for k, n in zip(chosen, shape, strict=True)):
            raise ValueError(
                f"chosen must be (row, column), counted from 0, in a map of shape {shape}. "
                f"Received: chosen={chosen!r}."
            )
        self._values, self._chosen = given, chosen
        self._move_cells()
        self._screen.restore()
        for artist in self._moving:
            if artist.get_visible():
                artist.draw(self._screen.renderer)
        for text in self._numbers:  # Matplotlib would take ten times as long
            if text.get_visible():
                x, y = text.get_transform().transform(text.get_position())
                self._screen.write(x, y - 5, text.get_text(), str(text.get_color()), centred=True)

    def png(self) -> bytes:
        """The picture last drawn, as a PNG file."""
        return self._screen.png(with_palette=False)

    def cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Return the row and the column at a place in the picture, None beside the cells.

        Args:
            x: From its left (0) to its right side (1).
            y: From its upper (0) to its lower side (1).
        """
        place = (x * self.size[0], (1 - y) * self.size[1])
        across, up = self._axes.transData.inverted().transform(place)
        if 0 <= across < len(self.columns) and 0 <= up < len(self.rows):
            return int(up), int(across)
        return None

    def describe(self) -> str:
        """Say in plain words what the picture shows, for those who cannot see it."""
        row_label, column_label, value_label = self.labels
        values = self._values
        filled, lost = int((~np.isnan(values)).sum()), int(np.isinf(values).sum())
        sentences = [
            f"{value_label} for {_span(self.rows, row_label)} and "
            f"{_span(self.columns, column_label)}",
            f"{filled} of {values.size} cells are filled"
            + (f", {lost} of them diverged" if lost else ""),
        ]
        finite = np.isfinite(values)
        if finite.any():
            low = np.unravel_index(np.where(finite, values, np.inf).argmin(), values.shape)
            high = np.unravel_index(np.where(finite, values, -np.inf).argmax(), values.shape)
            sentences.append(
                f"The lowest is {number_text(values[low])}, at {self._place(*low)}; "
                f"the highest {number_text(values[high])}, at {self._place(*high)}"
            )
        if self._chosen is not None:
            value = values[self._chosen]
            said = "not there yet" if np.isnan(value) else number_text(value)
            said = "diverged" if np.isinf(value) else said
            sentences.append(f"Chosen is {self._place(*self._chosen)}: {said}")
        return ". ".join(sentences) + "."

    def _place(self, row: Any, column: Any) -> str:
        row_label, column_label, _ = self.labels
        return (
            f"{row_label} {number_text(self.rows[row])} and "
            f"{column_label} {number_text(self.columns[column])}"
        )

    def _make_axes(self) -> None:
        across, up = self.size
        inner = (across - _LEFT - _RIGHT, up - _TOP - _BOTTOM)
        box = (_LEFT / across, _BOTTOM / up, inner[0] / across, inner[1] / up)
        self._axes = axes = self.figure.add_axes(box, facecolor=self._ink["background"])
        height, width = len(self.rows), len(self.columns)
        axes.set(xlim=(0, width), ylim=(0, height))
        self._cell = inner[0] / width, inner[1] / height  # pixels
        every = math.ceil(50 / self._cell[0]), math.ceil(17 / self._cell[1])
        for axis, settings, step in zip(
            (axes.xaxis, axes.yaxis), (self.columns, self.rows), every, strict=True
        ):
            places = range(0, len(settings), step)
            axis.set_ticks([k + 0.5 for k in places], [number_text(settings[k]) for k in places])
        axes.tick_params(length=0, labelcolor=self._ink["text"])
        axes.tick_params(labelsize=FONT["size"], labelfontfamily=FONT["family"])
        for spine in axes.spines.values():
            spine.set_visible(False)
        self._text(_LEFT + inner[0] / 2, 9, self.labels[1], ha="center")
        self._text(
            12, _BOTTOM + inner[1] / 2, self.labels[0], rotation=90, ha="center", va="center"
        )
        bar = ((across - _RIGHT + 14) / across, box[1], _BAR / across, box[3])
        scale = self.figure.add_axes(bar)
        scale.imshow(
            np.linspace(0, 1, 256)[:, None], cmap=self._colours, origin="lower", aspect="auto"
        )
        scale.set_axis_off()

    def _make_legend(self) -> None:
        y = self.size[1] - 22
        self._text(_LEFT, y, self.labels[2])
        x = self.size[0] - _RIGHT - 86
        style = {"facecolor": "none", "edgecolor": self._ink["faint"], "hatch": "////", "lw": 1}
        box = Rectangle((x - 30, y - 2), 22, 14, transform=IdentityTransform(), **style)
        self.figure.add_artist(box)
        self._text(x, y, "diverged")
        best = Line2D([x - 122], [y + 5], transform=IdentityTransform(), **self._diamond("text"))
        self.figure.add_artist(best)
        self._text(x - 110, y, "highest" if self._highest else "lowest")

    def _diamond(self, colour: str) -> dict[str, Any]:
        return {"color": self._ink.get(colour, colour), "marker": "D", "ls": "", "ms": 5}

    def _make_moving_artists(self) -> None:
        ink, (height, width) = self._ink, self._values.shape
        self._mesh = self._axes.pcolormesh(
            self._values, cmap=self._colours, edgecolors=ink["background"], lw=2
        )
        self._lost = PolyCollection(
            [], facecolor="none", edgecolor=ink["faint"], hatch="////", lw=1
        )
        self._axes.add_collection(self._lost)
        (self._missing,) = self._axes.plot([], [], ".", color=ink["faint"], ms=3)
        (self._best,) = self._axes.plot([], [], clip_on=False, **self._diamond("#000000"))
        self._numbers = [
            self._axes.text(
                j + 0.5, i + 0.5, "", ha="center", va="center", parse_math=False, **FONT
            )
            for i in range(height)
            for j in range(width)
        ]
        frame: dict[str, Any] = {"fill": False, "clip_on": False, "visible": False, "zorder": 5}
        self._frames = [
            Rectangle((0, 0), 1, 1, edgecolor=ink[colour], lw=points, **frame)
            for colour, points in (("text", 5), ("background", 1.5))
        ]
        for rectangle in self._frames:
            self._axes.add_patch(rectangle)
        x, (low, high) = self.size[0] - _RIGHT + _BAR + 20, (_BOTTOM, self.size[1] - _TOP)
        self._ends = [self._text(x, y - 5, "") for y in (low + 5, (low + high) / 2, high - 5)]
        self._moving: list[Artist] = [
            *(self._mesh, self._lost, self._missing),
            *(self._best, *self._frames, *self._ends),
        ]

    def _move_cells(self) -> None:
        values = self._values
        finite = np.isfinite(values)
        norm = _norm(values[finite], by_ratios=not self._highest)
        filled = np.where(finite, values, norm.vmax or 1.0)
        self._mesh.set_norm(norm)
        self._mesh.set_array(np.ma.masked_array(filled, ~finite))
        corners = np.array([(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)])
        lost, missing = np.argwhere(np.isinf(values)), np.argwhere(np.isnan(values))
        self._lost.set_verts([corners + cell[::-1] for cell in lost])
        self._missing.set_data(missing[:, 1] + 0.5, missing[:, 0] + 0.5)
        roomy = self._cell[0] >= _ROOM[0] and self._cell[1] >= _ROOM[1]
        colours = self._colours(norm(filled)).reshape(-1, 4)
        for text, value, colour in zip(self._numbers, values.flat, colours, strict=True):
            text.set_visible(bool(roomy and np.isfinite(value)))
            if text.get_visible():
                text.set(text=short_number_text(value), color=_on(colour))
        self._best.set_data([], [])
        if finite.any():
            losses = -values if self._highest else values
            i, j = np.unravel_index(np.where(finite, losses, np.inf).argmin(), values.shape)
            self._best.set_data([j + 8 / self._cell[0]], [i + 1 - 8 / self._cell[1]])
        for rectangle in self._frames:
            rectangle.set_visible(self._chosen is not None)
            if self._chosen is not None:
                rectangle.set_xy(self._chosen[::-1])
        several = len(np.unique(values[finite])) > 1  # one alone has no scale
        ends = norm.inverse(np.array([0.0, 0.5, 1.0])) if several else []
        for text, words in zip(
            self._ends, [*map(short_number_text, ends)] or [""] * 3, strict=True
        ):
            text.set_text(words)

    def _text(self, x: float, y: float, words: str, **style: Any) -> Text:
        """Words on a baseline, at a place in pixels from the lower left corner."""
        style = {"color": self._ink["text"], "va": "baseline", **FONT, **style}
        place = IdentityTransform()
        return self.figure.text(x, y, words, transform=place, parse_math=False, **style)


def _norm(values: np.ndarray, *, by_ratios: bool) -> Normalize:
    """Colours from the lowest to the highest value; by ratios, if at all, where all are above 0."""
    if not len(values):
        return Normalize(0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if low <= 0 or not by_ratios:
        return Normalize(low, high if high > low else low + 1, clip=True)
    return LogNorm(low, min(max(high, 1.01 * low), _MOST * low), clip=True)


def _on(colour: Any) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue, _ = colour
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"


def _span(settings: Sequence[float], label: str) -> str:
    if len(settings) == 1:
        return f"{label} {number_text(settings[0])}"
    first, last = number_text(settings[0]), number_text(settings[-1])
    return f"{len(settings)} values of {label} from {first} to {last}"


def _check(rows: Any, columns: Any, size: Sequence[int], theme: str) -> None:
    for name, settings in (("rows", rows), ("columns", columns)):
        numbers = np.asarray(settings, dtype=float)
        if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
            raise ValueError(
                f"{name} must be one or more finite numbers. Received: {name}={settings!r}."
            )
    check_theme(theme)
    if len(size) != 2 or size[0] < 480 or size[1] < 200:
        raise ValueError(
            "size must be a width of at least 480 and a height of at least 200 pixels, or labels "
            f"overlap. Received: size={size!r}."
        )
