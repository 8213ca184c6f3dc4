"""A heat map of what training comes to over two settings, which fills in as runs finish."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.transforms import IdentityTransform

from lrlab.figures.ink import FONT, Theme, number_text, short_number_text
from lrlab.figures.plot import LINE_HEIGHT, Plot
from lrlab.figures.screen import typeface
from lrlab.figures.ticks import within_reach
from lrlab.figures.traces import Region, Trace, with_traces

__all__ = ["HeatMap"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 96, 34, 52  # pixels around the cells
_LEAST_SIZE = 380, 200  # pixels
_BAR = 16  # pixels, the width of the scale
_ROOM = 42, 17  # pixels a number takes
_FINE = 20  # pixels, of a cell too small for a wide gap beside it
_MOST = 1000.0  # times the lowest value: as far as the colours go
_WIDE = 60  # pixels, of a cell that has room beside its number
_DIAMOND: dict[str, Any] = {"marker": "D", "ls": "", "ms": 5}
_HATCHED: dict[str, Any] = {"facecolor": "none", "hatch": "////", "lw": 1}
_COLOURS = mpl.colormaps["cividis"]  # the same to all kinds of sight; the best is the brightest


class HeatMap(Plot):
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

    _header = 22

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
        for name, settings in (("rows", rows), ("columns", columns)):
            _check_settings(name, settings)
        super().__init__(size, theme, least=_LEAST_SIZE)
        self.figure = self._figure
        self.rows, self.columns = list(map(float, rows)), list(map(float, columns))
        self.labels = row_label, column_label, value_label
        self._highest = highest
        self._colours = _COLOURS if highest else _COLOURS.reversed()
        self._values = np.full((len(self.rows), len(self.columns)), np.nan)
        self._chosen: tuple[int, int] | None = None
        self._make_axes()
        self._make_legend()
        self._make_moving_artists()
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
        self._begin()
        self._draw_moving()
        for text in self._numbers:  # Matplotlib would take ten times as long
            if text.get_visible():
                x, y = text.get_transform().transform(text.get_position())
                self._write(x, y - 5, text.get_text(), str(text.get_color()), ha="center")

    def png(self, other: Plot | None = None, *, below: bool = False) -> bytes:
        """The picture last drawn, as a PNG file; there is no other beside it."""
        return with_traces(self.screen.png(with_palette=False), self.regions(), self.size[1])

    def regions(self) -> list[Region]:
        """Where the cells lie."""
        cells = np.indices(self._values.shape).reshape(2, -1)
        places = self._axes.transData.transform(cells[::-1].T + 0.5)
        settings = np.array(self.rows)[cells[0]], np.array(self.columns)[cells[1]]
        values = np.stack([*settings, self._values.ravel()], axis=-1)
        return [Region(self._box(self._axes), [Trace(self.labels, places, values)], "place")]

    def cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Return the row and the column at a place in the picture, None beside the cells.

        Args:
            x: From its left (0) to its right side (1).
            y: From its upper (0) to its lower side (1).
        """
        across, up = self._values_at(self._axes, x, y)
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
                f"The lowest is {number_text(values[low])}, at {self._cell_in_words(*low)}; "
                f"the highest {number_text(values[high])}, at {self._cell_in_words(*high)}"
            )
        if self._chosen is not None:
            value = values[self._chosen]
            said = "not there yet" if np.isnan(value) else number_text(value)
            said = "diverged" if np.isinf(value) else said
            sentences.append(f"Chosen is {self._cell_in_words(*self._chosen)}: {said}")
        return ". ".join(sentences) + "."

    def _cell_in_words(self, row: Any, column: Any) -> str:
        row_label, column_label, _ = self.labels
        return (
            f"{row_label} {number_text(self.rows[row])} and "
            f"{column_label} {number_text(self.columns[column])}"
        )

    def _make_axes(self) -> None:
        width = self.size[0] - _LEFT - _RIGHT
        self._upper = self.size[1] - _TOP - (self._rows - 1) * LINE_HEIGHT  # edge of the cells
        height = self._upper - _BOTTOM
        self._axes = axes = self._add_axes(_LEFT, _BOTTOM, width, height, grid=False)
        axes.set(xlim=(0, len(self.columns)), ylim=(0, len(self.rows)))
        self._cell = width / len(self.columns), height / len(self.rows)  # pixels
        widest = max(typeface().getlength(number_text(value)) for value in self.columns)
        apart = max(50, widest + 8), 17  # pixels, from label to label
        every = [math.ceil(pixels / cell) for pixels, cell in zip(apart, self._cell, strict=True)]
        for axis, settings, step in zip(
            (axes.xaxis, axes.yaxis), (self.columns, self.rows), every, strict=True
        ):
            places = range(0, len(settings), step)
            axis.set_ticks([k + 0.5 for k in places], [number_text(settings[k]) for k in places])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        self._name_axes(axes, self.labels[1], self.labels[0])
        self._scale = self._add_axes(self.size[0] - _RIGHT + 14, _BOTTOM, _BAR, height, grid=False)
        self._scale.imshow(
            np.linspace(0, 1, 256)[:, None], cmap=self._colours, origin="lower", aspect="auto"
        )
        self._scale.set_axis_off()

    def _make_legend(self) -> None:
        ink, right = self._ink, self.size[0] - _RIGHT - 86
        self._text(_LEFT, self._row(0), self.labels[2])
        self._add_legend(right, "diverged", (), row=1)
        corner = (right - 30, self._row(1) - 2)
        style = _HATCHED | {"edgecolor": ink["faint"], "transform": IdentityTransform()}
        self._figure.add_artist(Rectangle(corner, 22, 14, **style))
        words = "highest" if self._highest else "lowest"
        self._add_legend(right - 110, words, (-12,), row=1, color=ink["text"], **_DIAMOND)

    def _make_moving_artists(self) -> None:
        ink, axes = self._ink, self._axes
        moves: dict[str, Any] = {"animated": True}
        fine = min(self._cell) < _FINE
        cells = {"cmap": self._colours, "edgecolors": ink["background"], "lw": 0 if fine else 2}
        self._mesh = axes.pcolormesh(self._values, **cells, **moves)
        hatched = _HATCHED | {"edgecolor": ink["faint"], "lw": 0 if fine else 1}
        self._lost = PolyCollection([], **hatched, **moves)
        axes.add_collection(self._lost)
        self._moving = [self._mesh, self._lost]
        self._missing = self._add_marks(axes, "faint", ".", 3)
        size = _DIAMOND["ms"] if self._cell[0] >= _WIDE else 3  # or it would hide a digit
        self._best = self._add_marks(axes, "#000000", "D", size, clip_on=False)
        frame: dict[str, Any] = {"fill": False, "clip_on": False, "zorder": 5}
        self._frames = [
            Rectangle((0, 0), 1, 1, edgecolor=ink[colour], lw=points, **frame, **moves)
            for colour, points in (("text", 5), ("background", 1.5))
        ]
        for rectangle in self._frames:
            axes.add_patch(rectangle)
        x, low, high = self.size[0] - _RIGHT + _BAR + 20, _BOTTOM, self._upper
        self._ends = [
            self._text(x, y - 5, "", on=self._scale, **moves)
            for y in (low + 5, (low + high) / 2, high - 5)
        ]
        self._moving += [*self._frames, *self._ends]
        style: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False, **FONT}
        self._numbers = [
            axes.text(j + 0.5, i + 0.5, "", **style, **moves)
            for i, j in np.ndindex(*self._values.shape)
        ]

    def _move_cells(self) -> None:
        values = within_reach(self._values)
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
        for text, value, colour in zip(self._numbers, self._values.flat, colours, strict=True):
            text.set_visible(bool(roomy and np.isfinite(value)))
            if text.get_visible():
                text.set(text=short_number_text(value), color=_on(colour))
        self._best.set_data([], [])
        if finite.any():
            losses = -values if self._highest else values
            i, j = np.unravel_index(np.where(finite, losses, np.inf).argmin(), values.shape)
            near = 8 if self._cell[0] >= _WIDE else 5  # pixels, from the corner
            self._best.set_data([j + near / self._cell[0]], [i + 1 - near / self._cell[1]])
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


def _check_settings(name: str, settings: Any) -> None:
    numbers = np.asarray(settings, dtype=float)
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ValueError(
            f"{name} must be one or more finite numbers. Received: {name}={settings!r}."
        )
