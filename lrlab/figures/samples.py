"""A few images that a network reads right, and a few that it reads wrong."""

import math

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from lrlab.figures.ink import Theme
from lrlab.figures.plane import SIZE
from lrlab.figures.plot import Plot
from lrlab.figures.traces import Region, Trace

__all__ = ["SamplesFigure"]

_SIDE, _ACROSS, _DOWN = 64, 82, 84  # pixels: of an image, and from one to the next
_LEFT, _COLUMNS, _ROWS = 34, 4, 2
_TOPS = 404, 204  # pixels from below, of the images that are right, and of those that are wrong
_MOST = 500  # images that the network is asked about
_LEAST_SIDE = 8  # of an image whose pixels come in a row


class SamplesFigure(Plot):
    """Images that a network is shown, some that it reads right above some that it reads wrong.

    Args:
        x: Images as the network takes them: shape (images, height, width), with channels or
            without, or (images, side * side). The first 500 are shown to it.
        labels: Their classes.
        theme: "light" or "dark".

    Attributes:
        inputs: The images, as the network takes them.

    Example:
        >>> figure = SamplesFigure(np.random.default_rng(0).random((3, 64)), np.array([0, 1, 2]))
        >>> figure.draw(np.array([0, 1, 1]))
        >>> figure.describe(np.array([0, 1, 1]))
        'The network reads 2 of 3 images right; it takes 2 for 1.'
    """

    asks = "classes_at"  # of an experiment, and where: at `inputs`

    def __init__(self, x: np.ndarray, labels: np.ndarray, *, theme: Theme = "light") -> None:
        super().__init__(SIZE, theme, least=SIZE)
        self.inputs, self._labels = x[:_MOST], np.ravel(labels)[:_MOST]
        low, high = float(self.inputs.min()), float(self.inputs.max())
        self._images = (_as_pictures(self.inputs) - low) / ((high - low) or 1.0)
        axes = self._add_axes(0, 0, *SIZE, grid=False)
        axes.set_axis_off()
        ink = [self._ink["background"], self._ink["text"]]
        self._sheet = axes.imshow(
            np.zeros(SIZE[::-1]),
            cmap=LinearSegmentedColormap.from_list("ink", ink),
            vmin=0,
            vmax=1,
            extent=(0, SIZE[0], 0, SIZE[1]),
            aspect="auto",
            interpolation="nearest",
            animated=True,
        )
        self._moving = [self._sheet]
        self._answers = self._labels  # what was drawn last, and where: the middle of each image
        self._drawn: list[tuple[float, float, int]] = []

    @staticmethod
    def suits(shape: tuple[int, ...], classes: int | None) -> bool:
        """Tell whether these are images to tell apart; their pixels may come in a row."""
        if classes is None or len(shape) not in (1, 2, 3):
            return False
        if len(shape) == 1:
            side = math.isqrt(shape[0])
            return side >= _LEAST_SIDE and side * side == shape[0]
        return min(shape[:2]) >= _LEAST_SIDE and shape[2:] in ((), (1,), (3,))

    def draw(self, answers: np.ndarray) -> None:
        """Draw images with the classes that the network answers for each; -1 for none."""
        sheet, words, self._drawn = np.zeros(SIZE[::-1]), [], []
        right = answers == self._labels
        for top, chosen, name in zip(_TOPS, (right, ~right), ("right", "wrong"), strict=True):
            words.append((_LEFT, top + 6, f"{name}: {chosen.sum()} of {len(chosen)}", "left"))
            for place, number in enumerate(np.flatnonzero(chosen)[: _COLUMNS * _ROWS]):
                row, column = divmod(place, _COLUMNS)
                x, y = _LEFT + column * _ACROSS, SIZE[1] - top + row * _DOWN
                sheet[y : y + _SIDE, x : x + _SIDE] = _of_side(self._images[number])
                self._drawn.append((x + _SIDE / 2, SIZE[1] - y - _SIDE / 2, number))
                read = "lost" if answers[number] < 0 else f"{answers[number]}"
                said = read if right[number] else f"{read}, is {self._labels[number]}"
                words.append((x + _SIDE // 2, SIZE[1] - y - _SIDE - 14, said, "center"))
        words.append((SIZE[0] // 2, SIZE[1] - self._header, "what the network reads", "center"))
        self._answers = answers
        self._sheet.set_data(sheet)
        self._begin()
        self._draw_moving()
        for x, y, said, side in words:
            self._write(x, y, said, ha=side)

    def regions(self) -> list[Region]:
        """Where the images lie: which of the validation data each is, as what it is read."""
        x, y, numbers = np.array(self._drawn).reshape(-1, 3).T
        which = numbers.astype(int)
        values = np.stack([which, self._answers[which], self._labels[which]], axis=-1)
        read = values[:, 1] >= 0
        names = "image", "read as", "is"
        trace = Trace(names, np.stack([x, y], axis=-1)[read], values[read])
        return [Region((0, 0, *SIZE), [trace], nearest="place")]

    def describe(self, answers: np.ndarray) -> str:
        """Say in words what the picture shows."""
        wrong = np.flatnonzero(answers != self._labels)
        text = f"The network reads {len(answers) - len(wrong)} of {len(answers)} images right"
        taken = [
            f"{self._labels[k]} for {answers[k] if answers[k] >= 0 else 'nothing'}"
            for k in wrong[: _COLUMNS * _ROWS]
        ]
        return f"{text}; it takes {', '.join(taken)}." if taken else f"{text}."


def _as_pictures(x: np.ndarray) -> np.ndarray:
    """Height and width of each image; of several channels their mean."""
    if x.ndim == 2:
        side = math.isqrt(x.shape[1])
        return x.reshape(-1, side, side)
    mean: np.ndarray = x.mean(axis=-1) if x.ndim == 4 else x
    return mean


def _of_side(image: np.ndarray) -> np.ndarray:
    """An image at the size at which it is drawn, each pixel the nearest one."""
    rows, columns = (np.arange(_SIDE) * length // _SIDE for length in image.shape)
    shown: np.ndarray = image[np.ix_(rows, columns)]
    return shown
