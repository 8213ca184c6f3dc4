"""The map of rate against momentum: its numbers and its lines are those of simulated descent."""

import doctest
import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from lrlab.figures import BowlMap, bowl_map
from lrlab.quadratic import Descent

MOMENTA, RATES = [0.0, 0.1, 0.5, 0.8], [0.01, 0.05, 0.3, 0.9, 1.5, 2.05, 2.5, 3.3, 5.0]


def simulated(momentum, rate, curvature=1.0):
    """What 400 steps do, seen in the weights alone."""
    path = Descent((curvature,), (1.0,), rate, momentum, steps=400).path[:, 0]
    if not abs(path[-1]) < 1:
        return "diverges"
    return "swings" if (path < 0).any() else "nearer from one side"


def regime(momentum, rate, curvature=1.0):
    descent = Descent((curvature,), (1.0,), rate, momentum)
    if rate > descent.limit:
        return "diverges"
    return "swings" if rate > descent.swings_from else "nearer from one side"


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(bowl_map).failed == 0


@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_the_regimes_by_formula_are_those_of_simulated_descent(curvature):
    found = {(m, r): simulated(m, r / curvature, curvature) for m in MOMENTA for r in RATES}
    assert set(found.values()) == {"nearer from one side", "swings", "diverges"}
    assert found == {(m, r): regime(m, r / curvature, curvature) for m, r in found}


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_just_beside_a_line_the_simulated_descent_changes(momentum):
    descent = Descent((1.0,), (1.0,), 1.0, momentum)
    for edge, before, after in (
        (descent.swings_from, "nearer from one side", "swings"),
        (descent.limit, "swings", "diverges"),
    ):
        assert simulated(momentum, 0.97 * edge) == before
        assert simulated(momentum, 1.03 * edge) == after


def test_a_cell_is_the_steps_to_a_tenth_of_the_distance():
    made = BowlMap(MOMENTA, RATES)
    seen = made._values
    for i, momentum in enumerate(MOMENTA):
        for j, rate in enumerate(RATES):
            if simulated(momentum, rate) == "diverges":
                assert seen[i, j] == np.inf
                continue
            path = Descent((1.0,), (1.0,), rate, momentum, steps=400).path[:, 0]
            # The largest of the last ten swings, or the distance itself, falls as the formula says.
            early, late = (max(abs(path[start : start + 40])) for start in (40, 80))
            if late > 1e-12:
                steps = 40 / np.log10(early / late)
                assert seen[i, j] == pytest.approx(steps, rel=0.15), (momentum, rate)
    assert seen[0, RATES.index(0.9)] == 1  # a tenth after the first step


def test_the_lines_lie_where_the_regimes_change():
    made = BowlMap(learning_rates=[0.01, 0.1, 1.0, 10.0], momenta=[0.0, 0.5])
    (swings, up), (limit, _) = (line.get_data() for line in made._axes.lines[-2:])
    assert swings[0] == pytest.approx(2.5)  # the middle of the column of rate 1
    assert limit[0] == pytest.approx(2.5 + np.log10(2))
    assert swings[-1] == pytest.approx(2.5 + np.log10((1 - 0.5**0.5) ** 2))
    assert limit[-1] == pytest.approx(2.5 + np.log10(3))
    assert (up[0], up[-1]) == (0, 2)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 560, 760])
def test_the_names_of_the_regimes_stand_in_the_picture_beside_each_other(theme, width):
    made = BowlMap(theme=theme, size=(width, 420))
    assert Image.open(io.BytesIO(made.png())).size == made.size
    names = [text for text in made._axes.texts if text.get_text()]
    assert [text.get_text().replace("\n", " ") for text in names] == list(bowl_map._REGIMES)
    boxes = [made._axes.bbox.padded(-1), *(text.get_window_extent() for text in names)]
    whole, *boxes = boxes
    assert all(whole.x0 < box.x0 and box.x1 < whole.x1 + 2 for box in boxes)
    assert all(one.x1 <= other.x0 for one, other in pairwise(boxes))


@pytest.mark.parametrize("width", [380, 560, 760])
def test_no_label_below_the_map_touches_the_next(width):
    made = BowlMap(size=(width, 420))
    made.png()
    boxes = [label.get_window_extent() for label in made._axes.get_xticklabels()]
    assert all(other.x0 - one.x1 > 3 for one, other in pairwise(boxes))


def test_fast_pairs_are_brighter_than_slow_ones_in_greyscale():
    made = BowlMap()
    seen = np.asarray(Image.open(io.BytesIO(made.png())).convert("L")).astype(int)
    x, y = made._axes.transData.transform([(23.5, 2.5), (0.5, 0.5)]).T
    fast, slow = (seen[made.size[1] - round(v) - 1, round(u)] for u, v in zip(x, y, strict=True))
    assert fast > slow + 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"momenta": [0.5]}, "momenta must be two or more, rising"),
        ({"momenta": [0.5, 1.0]}, "momenta must be from 0 up to but not 1"),
        ({"learning_rates": [0.1, 0.1]}, "learning_rates must be two or more, rising"),
        ({"learning_rates": [0.0, 0.1]}, "learning_rates must be above 0"),
        ({"curvature": 0.0}, "curvature must be a number above 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        BowlMap(**arguments)
