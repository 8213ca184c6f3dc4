"""The model itself beside its curves: the curve that it has fitted, images that it reads."""

import io

import numpy as np
import pytest
from PIL import Image

import lrlab
from lrlab import LearningRateDialExplorer, LearningRateExplorer
from lrlab.explorers.model_figures import kind_for
from lrlab.figures import BoundaryFigure, FittedFigure, SamplesFigure
from lrlab.figures.samples import _SIDE, _as_pictures, _of_side

SOON = 60
X = np.linspace(-1, 1, 21).reshape(-1, 1)


@pytest.fixture(scope="module")
def wave():
    data = lrlab.data.wave()
    return lrlab.Experiment(lambda: lrlab.models.mlp(data, (4,), "tanh"), data, epochs=2)


class TestFitted:
    def test_the_line_goes_through_the_answers(self):
        figure = FittedFigure(X, X**2)
        figure.draw(3 * figure.inputs)
        x, y = figure._curve.get_data()
        assert np.allclose(y, 3 * x)
        assert x[0] < -1 < 1 < x[-1]

    def test_what_is_lost_or_far_can_be_drawn_and_is_said(self):
        figure = FittedFigure(X, X**2)
        for answers in ([np.nan], [np.inf], [1e30]):
            figure.draw(np.full(figure.inputs.shape, *answers))
        assert "answers nothing: it was lost" in figure.describe(np.array([np.nan]))
        assert "answers from -2 to 3." in figure.describe(np.array([np.nan, -2.0, 3.0]))

    def test_an_explorer_draws_the_model_that_its_run_has_left(self, wave):
        explorer = LearningRateExplorer(wave, learning_rate=0.1)
        explorer.wait(SOON)
        assert explorer._picture.width == 760 + 380
        assert "Over its input from -1.08 to 1.08 the model answers from" in explorer._picture.alt
        line = explorer._figures["model"]._curve.get_ydata()
        assert np.allclose(line, wave.answers_at(explorer._figures["model"].inputs)[:, 0])

    def test_on_a_narrow_page_the_model_stands_below_the_curves(self, wave):
        explorer = LearningRateExplorer(wave, learning_rate=0.1)
        explorer.wait(SOON)
        assert explorer._picture.widths == [760 + 380, 560 + 380, 760, 560, 380]
        for width in explorer._picture.widths:
            explorer._picture.room = width
            image = Image.open(io.BytesIO(explorer._picture.value))
            assert image.size == (explorer._picture.width, explorer._picture.height)
            assert image.size == ((width, 460) if width > 760 else (width, 920))


class TestSamples:
    def test_right_and_wrong_are_counted_and_named(self):
        figure = SamplesFigure(np.eye(64)[:4], np.array([7, 7, 3, 5]))
        answers = np.array([7, 1, 3, -1])
        figure.draw(answers)
        assert figure.describe(answers) == (
            "The network reads 2 of 4 images right; it takes 7 for 1, 5 for nothing."
        )

    def test_the_image_is_drawn_where_its_pixels_are_and_each_as_large(self):
        """One pixel of 8 x 8 in the second row, third column is a square of eight."""
        shown = _of_side(_as_pictures(np.eye(64)[[10]])[0])
        rows, columns = np.nonzero(shown)
        assert shown.shape == (_SIDE, _SIDE)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 15, 16, 23)

    def test_of_channels_the_mean_is_shown(self):
        colours = np.stack([np.zeros((2, 9, 9)), np.ones((2, 9, 9))], axis=-1)
        assert np.array_equal(_as_pictures(colours), np.full((2, 9, 9), 0.5))

    def test_a_button_of_an_explorer_shows_them_and_trains_for_it(self):
        digits = lrlab.data.digits()
        experiment = lrlab.Experiment(lambda: lrlab.models.linear(digits), digits, epochs=2)
        explorer = LearningRateExplorer(experiment, learning_rate=0.1)
        explorer.wait(SOON)
        curves, said = explorer._picture.value, explorer._picture.alt
        assert "images" not in said
        experiment.run(1e-9)  # another training leaves the model as good as untrained
        explorer.images.value = True
        explorer.wait(SOON)
        asked = explorer._figures["model"].inputs
        right = (experiment.classes_at(asked) == digits.y_val[: len(asked)]).sum()
        assert right > 200
        assert f"reads {right} of 360 images right" in explorer._picture.alt
        assert explorer._picture.width == 760 + 380
        explorer._picture.room = 380  # a narrow page
        assert (explorer._picture.width, explorer._picture.height) == (380, 920)
        explorer._picture.room = 760
        explorer.images.value = False
        assert (explorer._picture.value, explorer._picture.alt) == (curves, said)
        assert explorer._picture.width == 760


@pytest.mark.parametrize(
    ("load", "kind"),
    [
        (lrlab.data.wave, FittedFigure),
        (lrlab.data.moons, BoundaryFigure),
        (lrlab.data.digits, SamplesFigure),
        (lrlab.data.diabetes, None),
    ],
)
def test_what_is_shown_depends_on_the_data(load, kind):
    data = load()
    experiment = lrlab.Experiment(lambda: lrlab.models.linear(data), data, epochs=1)
    assert kind_for(experiment) is kind
    assert kind_for(None) is SamplesFigure, "the default experiment is on digits"


@pytest.mark.parametrize(
    ("shape", "suits"),
    [
        ((8, 8), True),
        ((28, 28, 1), True),
        ((32, 32, 3), True),
        ((64,), True),
        ((4, 4), False),
        ((30,), False),
        ((9,), False),
        ((28, 28, 7), False),
        ((5, 28, 28, 1), False),
    ],
)
def test_an_image_has_two_sides_and_one_or_three_channels(shape, suits):
    assert SamplesFigure.suits(shape, 10) is suits
    assert not SamplesFigure.suits(shape, None)


def test_other_explorers_show_the_curves_alone(wave):
    dial = LearningRateDialExplorer(wave)
    assert dial._picture.width == 760
