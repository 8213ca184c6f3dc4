"""What a model makes of its one input: the fitted curve, and the data that it learned from."""

import numpy as np

from lrlab.figures.ink import FONT, Theme, number_text
from lrlab.figures.plane import SIZE
from lrlab.figures.plot import Plot
from lrlab.figures.ticks import HUGE, LossTicks
from lrlab.figures.traces import Region

__all__ = ["FittedFigure"]

_BOX = 70, 116, 300, 300  # pixels, as those of the plane
_MODEL = _BOX[0] + 176  # pixels, words of the legend
_POINTS = 200  # of the training data, that are drawn
_PLACES = 121  # across, where the model is asked


class FittedFigure(Plot):
    """The answers of a model over its one input, on axes that keep their limits.

    Args:
        x: Inputs, shape (samples, 1).
        y: Targets, as many numbers.
        theme: "light" or "dark".

    Attributes:
        inputs: Where the model is asked, shape (places, 1).

    Example:
        >>> x = np.linspace(-1, 1, 9).reshape(-1, 1)
        >>> figure = FittedFigure(x, x**2)
        >>> figure.draw(figure.inputs)
        >>> figure.describe(figure.inputs)
        'Over its input from -1.08 to 1.08 the model answers from -1.08 to 1.08.'
    """

    asks = "answers_at"  # of an experiment, and where: at `inputs`

    def __init__(self, x: np.ndarray, y: np.ndarray, *, theme: Theme = "light") -> None:
        super().__init__(SIZE, theme, least=SIZE)
        x, y = np.ravel(x).astype(float), np.ravel(y).astype(float)
        axes = self._axes = self._add_axes(*_BOX)
        (left, right), (low, high) = _with_margin(x, 0.04), _with_margin(y, 0.15)
        axes.set(xlim=(left, right), ylim=(low, high))
        axes.yaxis.set_major_formatter(LossTicks())
        self.inputs = np.linspace(left, right, _PLACES, dtype="float32").reshape(-1, 1)
        every = -(-len(x) // _POINTS)
        self._data = x[::every], y[::every]
        axes.plot(*self._data, ".", ms=4, color=self._ink["faint"])
        self._answers = np.full(_PLACES, np.nan)  # what was drawn last
        self._curve = self._add_line(axes, "validation", lw=3)
        self._add_beyond(axes)
        self._name_axes(axes, "input", "target", gap=54)
        centre, style = _BOX[0] + _BOX[2] / 2, {"color": self._ink["faint"], "marker": "."}
        self._text(centre, SIZE[1] - self._header, "what the model has fitted", ha="center", **FONT)
        self._header = SIZE[1] - 30  # of the legend, below the axes
        self._add_legend(_BOX[0] + 66, "data", (-14,), ls="", ms=6, **style)
        style = {"color": self._ink["validation"], "lw": 3}
        self._add_legend(_MODEL, "the model", (-36, -8), **style)

    @staticmethod
    def suits(shape: tuple[int, ...], outputs: int, classes: int | None) -> bool:
        """Tell whether there is a curve to draw: one input, and one number to predict."""
        return shape == (1,) and outputs == 1 and classes is None

    def draw(self, answers: np.ndarray) -> None:
        """Draw the answers at each of `inputs`."""
        self._answers = answers = np.ravel(answers).astype(float)
        across = self.inputs[:, 0]
        low, high = self._axes.get_ylim()
        span = high - low
        self._curve.set_data(across, np.clip(answers, low - 9 * span, high + 9 * span))
        self._mark_beyond(self._axes, across, answers)
        self._begin()
        self._draw_moving()
        self._write_beyond()
        if np.isnan(answers).all():
            self._write(_MODEL + 86, self.size[1] - self._header, "lost")

    def regions(self) -> list[Region]:
        """Where the curve and the data lie."""
        axes = self._axes
        curve = self._trace(axes, ("input", "the model"), self.inputs[:, 0], self._answers)
        data = self._trace(axes, ("input", "data"), *self._data)
        return [Region(self._box(axes), [curve, data])]

    def describe(self, answers: np.ndarray) -> str:
        """Say in words what the picture shows."""
        answers = np.ravel(answers)
        seen = answers[np.isfinite(answers) & (np.abs(answers) < HUGE)]
        across = f"from {number_text(self.inputs[0, 0])} to {number_text(self.inputs[-1, 0])}"
        if not len(seen):
            return f"Over its input {across} the model answers nothing: it was lost."
        answered = f"from {number_text(seen.min())} to {number_text(seen.max())}"
        return f"Over its input {across} the model answers {answered}."


def _with_margin(values: np.ndarray, share: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = share * max(high - low, 1e-6)
    return low - margin, high + margin
