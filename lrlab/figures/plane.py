"""The plane of two inputs: what a network answers where, and the points that it learned from."""

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb

from lrlab.figures.ink import FONT, Theme
from lrlab.figures.plot import Plot
from lrlab.figures.traces import Region

__all__ = ["SIZE", "BoundaryFigure", "describe_boundary"]

SIZE = 380, 460  # pixels; as high as the picture of the curves, and as wide as a narrow one
_PIXELS = 300  # the side of the square that is the plane
_CELLS = 100  # a side: the network is asked once a cell
_EVERY = 5  # cells, from one whose answer is said under the pointer to the next
_LEFT, _BOTTOM = 70, 116  # pixels
_MARKERS = "o^sDv"
_MOST_CLASSES = len(_MARKERS)


class BoundaryFigure(Plot):
    """Regions of the plane by the class that a network answers there, and its training points.

    Classes differ in colour, in how dark they are and in their markers, for all kinds of sight.

    Args:
        x: Inputs, shape (samples, 2).
        labels: Their classes, counted from 0.
        theme: "light" or "dark".

    Example:
        >>> figure = BoundaryFigure(np.eye(2), np.array([0, 1]))
        >>> figure.draw(np.argmax(figure.grid, axis=1))
        >>> figure.png()[1:4]
        b'PNG'
    """

    asks = "classes_at"  # of an experiment, and where: at `inputs`

    def __init__(self, x: np.ndarray, labels: np.ndarray, *, theme: Theme = "light") -> None:
        super().__init__(SIZE, theme, least=SIZE)
        ink = self._ink
        axes = self._add_axes(_LEFT, _BOTTOM, _PIXELS, _PIXELS, grid=False)
        lowest, highest = x.min(axis=0), x.max(axis=0)
        margin = 0.08 * np.maximum(highest - lowest, 1e-6)
        (left, bottom), (right, top) = lowest - margin, highest + margin
        across, up = (
            low + (high - low) * (np.arange(_CELLS) + 0.5) / _CELLS
            for low, high in ((left, right), (bottom, top))
        )
        self.inputs = self.grid = (
            np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
        )
        colours = [ink["training"], ink["validation"], *ink["pins"]][:_MOST_CLASSES]
        self._regions = axes.imshow(
            np.zeros((_CELLS, _CELLS)),
            cmap=ListedColormap([ink["background"], *_tints(colours, ink["background"])]),
            extent=(left, right, bottom, top),
            vmin=-1,
            vmax=len(colours) - 1,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            animated=True,
        )
        self._moving = [self._regions]
        self._answers = np.full((_CELLS, _CELLS), -1)  # what was drawn last
        points = []
        style: dict[str, Any] = {"mec": ink["background"], "mew": 0.5}
        for number, colour in enumerate(colours[: int(np.max(labels)) + 1]):
            marks = self._add_marks(axes, colour, _MARKERS[number], 5, **style)
            marks.set(data=x[np.ravel(labels) == number].T, label=f"class {number}")
            points.append(marks)
        for spine in axes.spines.values():
            spine.set(visible=True, lw=0.8)
        style = {"color": ink["text"], **FONT}
        axes.set_xlabel("input 1", **style)
        axes.set_ylabel("input 2", labelpad=2, **style)
        centre = _LEFT + _PIXELS / 2
        title = "what the network answers where"
        self._text(centre, SIZE[1] - self._header, title, ha="center")
        legend = self._figure.legend(
            handles=points,
            loc="center",
            bbox_to_anchor=(centre / SIZE[0], 40 / SIZE[1]),
            ncols=3,
            handletextpad=0.2,
            columnspacing=1.2,
        )
        legend.get_frame().set(alpha=0)
        for text in legend.get_texts():
            text.set(**style)

    @staticmethod
    def suits(shape: tuple[int, ...], classes: int | None) -> bool:
        """Tell whether there is a plane to draw: two inputs, and not too many classes."""
        return shape == (2,) and classes is not None and classes <= _MOST_CLASSES

    def describe(self, answers: np.ndarray) -> str:
        """Say in words what the picture shows."""
        return describe_boundary(answers)

    def draw(self, answers: np.ndarray) -> None:
        """Draw the regions.

        Args:
            answers: The class that the network answers at each point of `grid`; -1 for none.
        """
        self._answers = np.reshape(answers, (_CELLS, _CELLS))
        self._regions.set_data(self._answers)
        self._begin()
        self._draw_moving()

    def regions(self) -> list[Region]:
        """What is answered at some places in the plane."""
        some = slice(_EVERY // 2, None, _EVERY)
        x, y = self.grid.reshape(_CELLS, _CELLS, 2)[some, some].reshape(-1, 2).T
        classes = self._answers[some, some].ravel()
        said = classes >= 0
        axes, names = self._regions.axes, ("input 1", "input 2", "class")
        x, y, classes = x[said], y[said], classes[said]
        trace = self._trace(axes, names, x, y, x, y, classes)
        return [Region(self._box(axes), [trace], nearest="place")]


def describe_boundary(answers: np.ndarray) -> str:
    """Say in words what share of the plane each class has.

    Example:
        >>> describe_boundary(np.array([0, 0, 0, 1]))
        'In the plane of the two inputs the network answers class 0 in 75 %, class 1 in 25 %.'
    """
    found, counts = np.unique(answers[answers >= 0], return_counts=True)
    if not len(found):
        return "In the plane of the two inputs the network answers nothing: it was lost."
    shares = [
        f"class {number} in {100 * count / len(answers):.0f} %"
        for number, count in zip(found, counts, strict=True)
    ]
    return f"In the plane of the two inputs the network answers {', '.join(shares)}."


def _tints(colours: list[str], paper: str) -> list[np.ndarray]:
    """Pale colours for regions, each a little stronger than the one before it."""
    blank = np.array(to_rgb(paper))
    # Shares of ink that the palette of a Screen has, which are multiples of 1/22.
    return [
        blank + (np.array(to_rgb(colour)) - blank) * (4 + 3 * number) / 22
        for number, colour in enumerate(colours)
    ]
