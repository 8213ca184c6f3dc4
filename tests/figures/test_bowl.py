"""The picture of gradient descent: where the path ends, where the limit lies, what words say."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from lrlab.figures import BowlFigure, bowl, describe_bowl
from lrlab.quadratic import Descent

PATH, END = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def parabola(rate, steps=20, curvature=1.0):
    return Descent((curvature,), (1.25,), rate, steps=steps)


def valley(rate, condition=10.0, steps=20):
    return Descent((1 / condition, 1.0), (1.6, 1.0), rate, steps=steps)


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB")).astype(int)


def where(figure, colour):
    return np.nonzero((np.abs(pixels(figure) - colour) <= 17).all(axis=-1))


def drawn(descent, **options):
    figure = BowlFigure(len(descent.start), **options)
    figure.draw(descent)
    return figure


def test_the_end_is_marked_where_it_is():
    """A converged one at the bottom of the bowl, in the middle of the axes."""
    figure = drawn(parabola(0.9))
    _, columns = where(figure, END)
    left, _, width, _ = figure._path_axes.bbox.bounds
    inside = columns < left + width
    assert abs(columns[inside].mean() - (left + width / 2)) <= 2


def test_the_limit_stands_between_below_and_above():
    decades = 5  # of the axis, from 1e-4 to 10
    for curvature in (0.5, 1.0, 4.0):
        figure = drawn(parabola(0.1, curvature=curvature))
        left, bottom, width, _ = figure._rate_axes.bbox.bounds
        place = left + width * (math.log10(2 / curvature) + 4) / decades
        strip = slice(460 - round(bottom) - 10, 460 - round(bottom))
        below = (np.abs(pixels(figure)[strip] - PATH) <= 17).all(axis=-1).any(axis=0)
        assert abs(np.flatnonzero(below).max() - place) <= 4


@pytest.mark.parametrize("rate", [1e-4, 10.0, 1e6])
@pytest.mark.parametrize("make", [parabola, valley])
def test_any_rate_can_be_drawn(make, rate):
    assert drawn(make(rate, steps=100)).png()[1:4] == b"PNG"


def test_a_path_that_diverges_ends_outside_the_picture():
    figure = drawn(valley(9.0, condition=100, steps=60))
    assert len(figure._path.get_xdata()) == 2
    assert len(figure._end.get_xdata()) == 0


def test_a_loss_below_the_axis_leaves_it_and_is_said():
    """The loss falls to 0.625 * 0.16 ** 20 = 9e-17; the axis ends at 1e-6."""
    figure = drawn(parabola(0.6))
    below, above = figure._triangles[figure._loss_axes]
    assert below.get_xdata().tolist() == [8]  # 0.78125 * 0.16 ** 8 = 3.4e-7
    assert len(above.get_xdata()) == 0
    assert figure._furthest[figure._loss_axes][0][2] == "down to 9.44e-17"
    assert (figure._loss.get_ydata()[8:] < bowl._LOSSES[0]).all(), "no floor"
    assert len(figure._loss_end.get_xdata()) == 0


@pytest.mark.parametrize(("rate", "says"), [(1e3, "up to 7.51e119"), (1e9, "up to infinity")])
def test_a_loss_above_the_axis_is_said_as_it_is(rate, says):
    """0.78125 * 999 ** 40 = 7.51e119; a float ends at 1.8e308."""
    figure = drawn(parabola(rate))
    assert figure._furthest[figure._loss_axes][0][2] == says


@pytest.mark.parametrize(("rate", "marker"), [(1e-6, "<"), (0.1, "v"), (1e3, ">")])
def test_a_rate_beyond_the_axis_is_marked_as_such(rate, marker):
    assert drawn(parabola(rate))._rate.get_marker() == marker


def test_words_say_what_it_shows():
    assert describe_bowl(parabola(2.1, steps=2)) == (
        "Gradient descent on a parabola, 2 steps: the weight goes from 1.25 to 1.51. The loss "
        "goes from 0.781 to 1.14. The learning rate 2.1 is above the limit of 2: it diverges."
    )
    assert "the weights go from 1.6, 1 to" in describe_bowl(valley(0.1))
