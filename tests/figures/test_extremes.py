"""Every figure copes with any finite rate and loss, and writes them so that they can be read."""

import itertools

import numpy as np
import pytest

from lrlab.figures.comparisons import losses_over_epochs, schedules_side_by_side
from lrlab.figures.curves import CurvesFigure
from lrlab.figures.heat_map import HeatMap
from lrlab.figures.history import Curves, describe
from lrlab.figures.rates import Measured, RangeFigure
from lrlab.figures.sharpness import SharpnessFigure
from lrlab.figures.sweeps import heat_map, u_curve
from lrlab.figures.ticks import LossTicks

# A float32 ends near 1e38, a float at 1.8e308.
NUMBERS = [1e-300, 1e-30, 1.0, 1e30, 1.7e308]
PAIRS = list(itertools.combinations(NUMBERS, 2))
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def points(losses):
    """Those of a sweep over constant rates."""
    return [({"initial_learning_rate": rate}, [loss]) for rate, loss in losses.items()]


@pytest.mark.parametrize(("low", "high"), PAIRS)
class TestAnyNumbers:
    def test_a_u_curve(self, low, high):
        for sign in (1, -1):
            losses = {low: sign * high, low**0.5 * high**0.5: low, high: np.inf}
            picture = u_curve(points(losses), "val_loss", 3, {}, start_loss=sign * high)
            assert picture.png[1:4] == b"PNG"
            assert f"from {low:.3g} to {high:.3g}; 1 runs diverged" in picture.alt

    def test_a_range_test(self, low, high):
        rates, losses = np.array([0.001, 0.1]), np.array([high, low])
        figure = RangeFigure(low)
        figure.draw(Measured(rates, losses, losses, 0.001, {0.1: [high, -high]}))

    def test_a_heat_map(self, low, high):
        names = "initial_learning_rate", "decay_factor"
        grid = itertools.product((low, high), (0.1, 0.5))
        cells = [
            (dict(zip(names, cell, strict=True)), [value])
            for cell, value in zip(grid, (low, high, -high, np.inf), strict=True)
        ]
        for highest in (True, False):
            assert heat_map(cells, "val_loss", 3, {}, highest=highest).png[1:4] == b"PNG"

    @pytest.mark.parametrize("scale", ["linear", "log"])
    def test_curves(self, low, high, scale):
        history = {"loss": [high, low, 1.0, low], "val_loss": [low, 1.0, -high, high]}
        run = Curves(history, np.array([low, high, 0.0, 1.0]), label="pinned")
        for start in (None, low, high):
            figure = CurvesFigure(4, start_loss=start, loss_scale=scale)
            figure.draw(run, [run], np.array([high, low]))
        assert describe(run, 4)

    def test_sharpness(self, low, high):
        run = Curves({"loss": [high, low]}, np.array([low, high]))
        for highest in (1e-30, 1.0, 1e30):
            SharpnessFigure(2, highest).draw(run, [run], np.array([low, high]))

    def test_pictures_that_compare(self, low, high):
        histories = {"first": {"val_loss": [low, high]}, "second": {"val_loss": [1.0, low]}}
        assert losses_over_epochs(histories).png[1:4] == b"PNG"
        rates = {"first": np.array([low, high]), "second": np.array([0.0, low])}
        assert schedules_side_by_side(rates, 1).png[1:4] == b"PNG"


def labels(axis):
    return [label.get_text() for label in axis.get_majorticklabels()]


@pytest.mark.parametrize("size", [1e-30, 1e-5, 1e5, 1e30])
def test_a_loss_axis_of_any_size_is_written_in_few_characters(size):
    curves = CurvesFigure(3, start_loss=size)
    curves.draw(Curves({"loss": [0.5 * size]}, np.array([0.1])))
    tested = RangeFigure(size)
    tested.draw(Measured(*np.full((3, 2), 0.5 * size)))
    for axes in (curves.panels[0].axes, tested._axes):
        written = labels(axes.yaxis)
        assert isinstance(axes.yaxis.get_major_formatter(), LossTicks)
        assert "0" in written
        assert max(map(len, written)) <= len("1.2e-30")
        assert len({*written}) == len(written) > 3
        assert axes.yaxis.get_offset_text().get_text() == ""


def test_the_rates_of_an_axis_are_written_as_everywhere_else():
    figure = RangeFigure(1.0, rates=(1e-30, 1e30))
    assert labels(figure._axes.xaxis)[:2] == ["1e-24", "1e-16"]
    assert labels(RangeFigure(1.0)._axes.xaxis) == ["0.0001", "0.001", "0.01", "0.1", "1", "10"]


def test_losses_sixty_decades_apart_have_ticks():
    figure = losses_over_epochs({"one": {"val_loss": [1e30, 1e-30]}})
    assert figure.png[1:4] == b"PNG"


def test_a_cell_says_its_number_even_where_colours_end():
    figure = HeatMap([1.0], [1.0, 2.0], row_label="r", column_label="c", value_label="v")
    figure.draw([[1.7e308, 1.0]])
    assert [text.get_text() for text in figure._numbers] == ["1.7e308", "1"]
