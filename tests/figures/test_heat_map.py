"""A heat map: each value has its cell, its colour and its number, and words say the same."""

import io

import numpy as np
import pytest
from PIL import Image

from lrlab.figures import HeatMap

LABELS = {"row_label": "rate", "column_label": "factor", "value_label": "loss"}
ROWS, COLUMNS = [0.01, 0.1, 1.0], [0.25, 0.5]
NAN, INF = np.nan, np.inf


@pytest.fixture
def made():
    return HeatMap(ROWS, COLUMNS, **LABELS)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def cell(heat_map, i, j):
    """The pixels of a cell, found by asking which cell is where."""
    width, height = heat_map.size
    seen = pixels(heat_map.png())
    xs = [x for x in range(width) if (heat_map.cell_at((x + 0.5) / width, 0.5) or (0, -1))[1] == j]
    ys = [
        y for y in range(height) if (heat_map.cell_at(0.5, (y + 0.5) / height) or (-1, 0))[0] == i
    ]
    return seen[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]


def colour(heat_map, i, j):
    """The colour that most of a cell has."""
    colours, counts = np.unique(cell(heat_map, i, j).reshape(-1, 3), axis=0, return_counts=True)
    return colours[counts.argmax()]


def brightness(heat_map, i, j):
    return colour(heat_map, i, j) @ [0.299, 0.587, 0.114]


def test_the_lower_the_value_the_brighter_its_cell_even_in_greyscale(made):
    made.draw([[1.0, 0.5], [0.3, 0.2], [0.1, NAN]])
    order = [brightness(made, i, j) for i, j in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))]
    assert order == sorted(order)
    assert len(set(order)) == 5
    assert order[0] < 60
    assert order[-1] > 190


def test_colours_go_by_ratios_where_values_are_above_0(made):
    made.draw([[1e-3, 1e-2], [1e-1, 1.0], [NAN, NAN]])
    norm = made._mesh.norm
    assert list(norm([1e-3, 1e-2, 1e-1, 1.0])) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_colours_go_by_differences_where_one_is_not(made):
    made.draw([[-1.0, 0.0], [1.0, 3.0], [NAN, NAN]])
    assert list(made._mesh.norm([-1.0, 0.0, 1.0, 3.0])) == pytest.approx([0, 1 / 4, 1 / 2, 1])


def test_one_huge_value_does_not_flatten_the_others(made):
    made.draw([[0.1, 0.2], [0.3, 1e25], [NAN, NAN]])
    assert brightness(made, 0, 0) - brightness(made, 0, 1) > 10


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_missing_cell_is_empty_and_a_diverged_one_hatched(theme):
    made = HeatMap(ROWS, COLUMNS, **LABELS, theme=theme)
    made.draw([[0.1, NAN], [INF, 0.2], [NAN, NAN]])
    paper = {"light": [255] * 3, "dark": [17] * 3}[theme]

    def covered(i, j):
        return (cell(made, i, j) != paper).any(axis=-1).mean()

    assert 0 < covered(0, 1) < 0.01
    assert 0.1 < covered(1, 0) < 0.6
    assert covered(0, 0) > 0.9


def test_the_number_of_each_finite_cell_stands_in_it(made):
    made.draw([[0.123456, 0.98765], [INF, NAN], [1e-7, 12345.0]])
    shown = [text.get_text() for text in made._numbers if text.get_visible()]
    assert shown == ["0.123", "0.99", "1e-7", "1.23e4"]


def test_numbers_are_left_out_where_there_is_no_room():
    many = HeatMap(np.geomspace(0.001, 1, 40), np.linspace(0.1, 1, 30), **LABELS)
    many.draw(np.ones((40, 30)))
    assert not [text for text in many._numbers if text.get_visible()]
    labels = [text.get_text() for text in many._axes.get_xticklabels()]
    assert 5 <= len(labels) <= 12


def test_the_scale_has_its_lowest_middle_and_highest_number(made):
    def scale():
        return [text.get_text() for text in made._ends]

    made.draw([[0.1, NAN], [NAN, INF], [NAN, NAN]])
    assert scale() == ["", "", ""]  # one value alone has no scale
    made.draw([[0.1, 0.3], [10.0, INF], [NAN, NAN]])
    assert scale() == ["0.1", "1", "10"]


def test_the_lowest_has_a_diamond_in_its_cell(made):
    made.draw([[0.3, 0.2], [0.1, 0.5], [INF, NAN]])
    (x,), (y,) = made._best.get_data()
    assert (int(y), int(x)) == (1, 0)
    made.draw(np.full((3, 2), NAN))
    assert not len(made._best.get_data()[0])


def test_where_the_highest_is_the_best_it_is_the_brightest_and_has_the_diamond():
    made = HeatMap(ROWS, COLUMNS, **LABELS, highest=True)
    made.draw([[0.3, 0.2], [0.9, 0.5], [INF, NAN]])
    (x,), (y,) = made._best.get_data()
    assert (int(y), int(x)) == (1, 0)
    order = [brightness(made, i, j) for i, j in ((0, 1), (0, 0), (1, 1), (1, 0))]
    assert order == sorted(order)
    assert len(set(order)) == 4
    assert "highest" in [text.get_text() for text in made.figure.texts]


def test_the_chosen_cell_is_framed_and_no_longer_when_none_is(made):
    values = [[0.3, 0.2], [0.1, 0.5], [INF, NAN]]
    made.draw(values)
    without = made.png()
    made.draw(values, chosen=(2, 1))
    assert made.png() != without
    assert [frame.get_xy() for frame in made._frames] == [(1, 2), (1, 2)]
    made.draw(values)
    assert made.png() == without


def test_a_place_in_the_picture_is_a_cell_or_none(made):
    assert made.cell_at(0.2, 0.8) == (0, 0)
    assert made.cell_at(0.8, 0.8) == (0, 1)
    assert made.cell_at(0.2, 0.15) == (2, 0)
    assert made.cell_at(0.01, 0.5) is None
    assert made.cell_at(0.99, 0.5) is None
    assert made.cell_at(0.5, 0.01) is None
    assert made.cell_at(0.5, 0.99) is None


def test_the_figure_saves_what_the_picture_shows(made):
    made.draw([[0.3, 0.2], [0.1, 0.5], [INF, NAN]], chosen=(0, 0))
    file = io.BytesIO()
    made.figure.savefig(file, format="png", dpi=100)
    saved, shown = pixels(file.getvalue()), pixels(made.png())
    assert saved.shape == shown.shape == (380, 760, 3)
    different = (abs(saved - shown).max(axis=-1) > 60).mean()
    assert different < 0.01  # the numbers, which are written by another library


class TestWords:
    def test_an_empty_map(self, made):
        assert made.describe() == (
            "loss for 3 values of rate from 0.01 to 1 and 2 values of factor from 0.25 to 0.5. "
            "0 of 6 cells are filled."
        )

    def test_the_chosen_cell_is_told(self, made):
        values = [[0.3, NAN], [0.1, 0.5], [INF, NAN]]
        endings = {(0, 0): "0.3.", (0, 1): "not there yet.", (2, 0): "diverged."}
        for chosen, ending in endings.items():
            made.draw(values, chosen)
            assert made.describe().endswith(f": {ending}")

    def test_a_map_of_diverged_runs_has_no_lowest(self, made):
        made.draw(np.full((3, 2), INF))
        assert made.describe().endswith("6 of 6 cells are filled, 6 of them diverged.")

    def test_a_single_row(self):
        assert "loss for rate 0.1 and 2 values" in HeatMap([0.1], COLUMNS, **LABELS).describe()


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([], COLUMNS), r"rows must be .*Received: rows=\[\]"),
            ((ROWS, [NAN]), "columns must be"),
            (([[1.0]], COLUMNS), "rows must be"),
        ],
    )
    def test_settings_that_cannot_work_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            HeatMap(*arguments, **LABELS)

    @pytest.mark.parametrize(("name", "value"), [("size", (300, 300)), ("theme", "blue")])
    def test_a_look_that_cannot_work_is_refused(self, name, value):
        with pytest.raises(ValueError, match=f"Received: {name}="):
            HeatMap(ROWS, COLUMNS, **LABELS, **{name: value})

    def test_values_of_another_shape_are_refused(self, made):
        with pytest.raises(ValueError, match=r"shape \(3, 2\)\. Received: shape \(2, 3\)"):
            made.draw(np.ones((2, 3)))

    @pytest.mark.parametrize("chosen", [(3, 0), (0, 2), (-1, 0)])
    def test_a_cell_that_is_not_there_is_refused(self, made, chosen):
        with pytest.raises(ValueError, match="Received: chosen="):
            made.draw(np.ones((3, 2)), chosen)
