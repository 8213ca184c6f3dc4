"""The plane of two inputs: the network is asked where it is drawn, and its answers are drawn."""

import io

from lrlab.backend import keras

import numpy as np
import pytest
from PIL import Image

import lrlab
from lrlab import LearningRateExplorer, StepDecayExplorer
from lrlab.figures import BoundaryFigure
from lrlab.figures import plane as boundary

SOON = 60
WEIGHTS = np.array([[1.0], [-1.0]], dtype="float32")  # class 1 where input 1 is above input 2
CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype="float32")
LABELS = np.array([0, 1, 0, 1])


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)


def head(units, activation):
    return lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation)])


@pytest.fixture(scope="module")
def moons():
    data = lrlab.data.moons()
    return lrlab.Experiment(lambda: lrlab.models.mlp(data, (4,)), data, epochs=2)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_a_single_output_is_read_as_a_probability_or_a_logit(activation):
    data = (CORNERS, LABELS, CORNERS, LABELS)
    experiment = lrlab.Experiment(head(1, activation), data, epochs=1)
    experiment.model.set_weights([WEIGHTS, np.zeros(1)])
    points = np.array([[2, 1], [1, 2]], dtype="float32")
    assert experiment.classes_at(points).tolist() == [1, 0]


def test_of_several_outputs_the_greatest_is_the_answer_and_nan_is_none():
    data = (CORNERS, LABELS, CORNERS, LABELS)
    experiment = lrlab.Experiment(head(2, "softmax"), data, epochs=1)
    experiment.model.set_weights([np.hstack([-WEIGHTS, WEIGHTS]), np.zeros(2)])
    points = np.array([[2, 1], [1, 2], [np.nan, 0]], dtype="float32")
    assert experiment.classes_at(points).tolist() == [1, 0, -1]


def test_the_grid_covers_every_point_and_its_answers_are_drawn_in_their_places():
    figure = BoundaryFigure(CORNERS, LABELS)
    assert (figure.grid.min(axis=0) < 0).all()
    assert (figure.grid.max(axis=0) > 1).all()
    figure.draw(figure.grid[:, 1] > 0.5)  # class 1 in the upper half
    picture = pixels(figure.screen.png())
    left, top, side = boundary._LEFT, boundary.SIZE[1] - boundary._BOTTOM - 300, 300
    upper, lower = (picture[top + row, left + side // 2] for row in (side // 4, 3 * side // 4))
    assert upper[0] > upper[2]  # an orange tint above
    assert lower[0] < lower[2]  # a blue one below


def test_a_frame_leaves_no_trace_on_the_next():
    figure = BoundaryFigure(CORNERS, LABELS)
    zeros = np.zeros(len(figure.grid), dtype=int)
    figure.draw(zeros)
    first = figure.screen.png()
    figure.draw(1 - zeros)
    assert figure.screen.png() != first
    figure.draw(zeros)
    assert figure.screen.png() == first


@pytest.mark.parametrize("kind", [LearningRateExplorer, StepDecayExplorer])
def test_an_explorer_draws_it_beside_the_curves_and_says_it(moons, kind):
    explorer = kind(moons)
    run = explorer.wait(SOON)
    assert pixels(explorer._picture.value).shape == (460, 760 + boundary.SIZE[0], 3)
    assert "In the plane of the two inputs the network answers class 0 in " in explorer._picture.alt
    # The experiment has not trained since: these are the answers of the finished run.
    grid = explorer._figures["model"].grid
    assert np.array_equal(explorer._answers[1], moons.classes_at(grid))
    assert len(run.history["loss"]) == 2
    light = explorer._picture.value
    explorer._picture.dark = True
    assert pixels(explorer._picture.value)[5, -5].max() < 50 < pixels(light)[5, -5].min()


def test_without_two_inputs_there_is_none():
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    y = (x[:, 0] > 0).astype(int)

    def model():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])

    explorer = LearningRateExplorer(lrlab.Experiment(model, (x, y, x, y), epochs=1))
    explorer.wait(SOON)
    assert pixels(explorer._picture.value).shape == (460, 760, 3)
    assert "plane" not in explorer._picture.alt
