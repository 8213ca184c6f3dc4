"""A race on a landscape: numbers of Keras's own optimizers, the start by click and key, Step."""

import re

from lrlab.backend import keras, tf

import numpy as np
import pytest
from playwright.sync_api import expect
from small import SOON, button, printed_by

from lrlab import LandscapeExplorer
from lrlab.figures.landscape import LandscapeFigure, describe_race
from lrlab.landscapes import KEPT, LANDSCAPES, OPTIMIZERS, Journey

START = (1.3, -0.7)


@pytest.fixture
def explorer():
    made = LandscapeExplorer(optimizers=list(OPTIMIZERS))
    made.wait(SOON)
    return made


def optimizer_of_keras(name):
    program = f"keras.optimizers.{OPTIMIZERS[name].format(rate=0.03, momentum=0.8)}"
    return eval(program, {"keras": keras})  # noqa: S307 - our own table


def path_of_keras(optimizer, landscape, steps):
    """What an optimizer of Keras's does with the gradient of the landscape's formula."""
    weights, path = keras.Variable(START), [START]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            names = {"ops": keras.ops, "x": weights.value[0], "y": weights.value[1]}
            loss = eval(LANDSCAPES[landscape].formula, names)  # noqa: S307 - our own formula
        optimizer.apply([tape.gradient(loss, weights.value)], [weights])
        path.append(keras.ops.convert_to_numpy(weights))
    return np.array(path)


@pytest.mark.parametrize("landscape", LANDSCAPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_journey_is_that_of_the_optimizer_of_keras(name, landscape):
    journey = Journey(landscape, name, START, 0.03, momentum=0.8, steps=12)
    path = path_of_keras(optimizer_of_keras(name), landscape, 12)
    assert journey.path == pytest.approx(path, abs=1e-4)


def kept_by_keras(name, optimizer, gradient, steps):
    """The step that is in the slots of an optimizer of Keras's, by hand, after steps at 0.03."""
    slots = [keras.ops.convert_to_numpy(slot) for slot in optimizer.variables[2:]]
    if name == "momentum":
        return slots[0]
    if name == "RMSprop":
        return -0.03 * gradient / np.sqrt(slots[0] + 1e-7)
    mean, squares = slots[0] / (1 - 0.9**steps), slots[1] / (1 - 0.999**steps)
    return -0.03 * mean / (np.sqrt(squares) + 1e-7)


@pytest.mark.parametrize("landscape", LANDSCAPES)
@pytest.mark.parametrize("name", KEPT)
def test_what_it_keeps_is_in_the_variables_of_the_optimizer_of_keras(name, landscape):
    journey = Journey(landscape, name, START, 0.03, momentum=0.8, steps=12)
    optimizer = optimizer_of_keras(name)
    before = path_of_keras(optimizer, landscape, 12)[-2]
    kept = kept_by_keras(name, optimizer, journey.gradient(before), 12)
    assert journey.kept_step == pytest.approx(kept, abs=1e-5)
    assert np.abs(kept).max() > 1e-3


def test_the_gradient_step_is_that_of_plain_sgd_and_nothing_is_kept_before_a_step():
    for name in OPTIMIZERS:
        journey = Journey("saddle", name, (1.0, 0.5), 0.1, steps=0)
        assert journey.gradient_step == pytest.approx([-0.1, 0.0375])
        assert journey.kept_step.tolist() == [0, 0]
    assert Journey("saddle", "SGD", (1.0, 0.5), 0.1, steps=9).kept_step.tolist() == [0, 0]


@pytest.mark.parametrize("landscape", LANDSCAPES)
def test_the_code_prints_the_losses_of_the_race(explorer, landscape):
    explorer.move(landscape=landscape, learning_rate=0.05, start_x=1.0, start_y=-0.5, steps=7)
    race = explorer.wait(SOON)
    assert "lrlab" not in explorer.code
    ends = {journey.optimizer: journey.losses[-1] for journey in race}
    assert printed_by(explorer.code) == pytest.approx(ends, abs=1e-4)


class TestStart:
    def test_a_click_on_the_landscape_sets_it_and_one_beside_does_not(self, explorer):
        figure = explorer._figures["race"]
        x, y = figure._place(figure._map, -1.0, 0.5)
        width, height = explorer.size
        explorer.told({"x": x / width, "y": 1 - y / height})
        assert (explorer.start_x.value, explorer.start_y.value) == pytest.approx((-1.0, 0.5))
        assert explorer.wait(SOON)[0].start == pytest.approx((-1.0, 0.5))
        explorer.told({"x": 0.99, "y": 0.5})
        assert explorer.start_x.value == pytest.approx(-1.0)

    def test_arrow_keys_move_it_and_stop_at_the_edge(self, explorer):
        explorer.told({"key": "ArrowLeft"})
        explorer.told({"key": "ArrowDown"})
        assert explorer.wait(SOON)[0].start == pytest.approx((1.5, 0.9))
        for _ in range(40):
            explorer.told({"key": "ArrowUp"})
        assert explorer.wait(SOON)[0].start == pytest.approx((1.5, 1.5))


def test_step_goes_one_further_and_counts(explorer):
    explorer.steps.value = 0
    assert explorer.wait(SOON)[0].path.tolist() == [[1.6, 1.0]]
    for count in (1, 2, 3):
        button(explorer, "Step").click()
        assert explorer.wait(SOON)[0].steps == count
        assert f"after step <b>{count}</b>" in explorer._picture.words


def test_the_picture_says_where_each_ends(explorer):
    for landscape in LANDSCAPES:
        explorer.landscape.value = landscape
        explorer.wait(SOON)
        for name in OPTIMIZERS:
            assert f"{name} ends at (" in explorer._picture.alt
    explorer.learning_rate.value = 10.0  # far out numbers are infinite
    explorer.steps.value = 200
    assert explorer.wait(SOON)
    assert "SGD goes away without end." in explorer._picture.alt
    assert "Adam ends at (" in explorer._picture.alt
    assert explorer.error is None


class TestArrows:
    START, RATE = (1.0, -0.5), 0.2  # on the bowl, where the gradient is the place

    @pytest.fixture(params=[(760, 460), (380, 580)])
    def figure(self, request):
        figure = LandscapeFigure(size=request.param)
        journeys = [Journey("bowl", name, self.START, self.RATE, steps=2) for name in OPTIMIZERS]
        figure.draw(journeys)
        return figure

    @staticmethod
    def drawn(figure, name):
        """From where to where the arrows go, as weights: what it keeps, and the gradient step."""
        lines = [np.array(line.get_data()).T[:2] for line in figure._lines[name][1:3]]
        place = figure._map.transData.inverted().transform
        return [place(pixels) if len(pixels) else pixels for pixels in lines]

    def test_they_are_four_times_the_steps_worked_out_by_hand(self, figure):
        start = np.array(self.START)
        # Plain: 1 - 0.2 a step. With momentum 0.9: -0.2, then 0.9 * -0.2 - 0.2 * 0.8 = -0.34.
        for name, end in (("SGD", 0.64), ("momentum", 0.46)):
            _, gradient = self.drawn(figure, name)
            assert gradient == pytest.approx(np.array([end, end - 4 * 0.2 * end])[:, None] * start)
        kept, _ = self.drawn(figure, "momentum")
        assert kept == pytest.approx(np.array([0.46, 0.46 - 4 * 0.34])[:, None] * start)
        assert not self.drawn(figure, "SGD")[0].size

    def test_one_that_is_too_short_to_be_seen_is_left_out(self, figure):
        figure.draw([Journey("bowl", "momentum", (0.01, 0.0), 0.1, steps=1)])
        assert [arrow.size for arrow in self.drawn(figure, "momentum")] == [0, 0]

    def test_the_legend_says_what_they_are(self, figure):
        for names, kept in (
            (OPTIMIZERS, {"4 × velocity or scaled step"}),
            (["SGD"], set()),  # it keeps nothing
            (["SGD", "momentum"], {"4 × velocity"}),
            (["Adam"], {"4 × scaled step"}),
        ):
            figure.draw([Journey("bowl", name, self.START, self.RATE) for name in names])
            words = {text.get_text() for text in figure._figure.texts}
            assert {each for each in words if each[:1] == "4"} == {"4 × gradient step", *kept}
            assert figure._kept_line.get_visible() == bool(kept)

    def test_the_name_of_the_losses_touches_no_label(self, figure):
        figure.png()
        (name,) = (text for text in figure._figure.texts if text.get_text() == "loss")
        labels = [label.get_window_extent().x0 for label in figure._loss.get_yticklabels()]
        assert 0 <= name.get_window_extent().x0 < name.get_window_extent().x1 < min(labels) - 2

    def test_the_text_alternative_says_the_numbers(self):
        journey = Journey("bowl", "momentum", (1.0, -0.5), 0.2, steps=2)
        assert describe_race([journey]).endswith(
            "momentum ends at (0.46, -0.23) with a loss of 0.132; there its velocity is "
            "(-0.34, 0.17), its gradient step is (-0.092, 0.046)."
        )
        words = describe_race([Journey("bowl", "Adam", (1.0, 0.0), 0.2, steps=1)])
        assert "its scaled step is (-0.2, 0), its gradient step is (-0.16, 0)." in words


def test_in_a_narrow_page_the_losses_stand_below_the_landscape(explorer):
    explorer._picture.set_state({"room": 380})
    figure = explorer._figures["race"]
    assert explorer.size == figure.size == (380, 580)
    assert figure._loss.bbox.y1 < figure._map.bbox.y0
    explorer._picture.set_state({"room": 760})
    figure = explorer._figures["race"]
    assert explorer.size == (760, 460)
    assert figure._loss.bbox.x0 > figure._map.bbox.x1


def test_a_race_of_nobody_is_refused_in_words(explorer):
    explorer.optimizers.value = ()
    explorer.wait(SOON)
    assert "`optimizers` must be one or more" in explorer._picture.words


@pytest.mark.browser
def test_in_a_page_a_click_and_keys_set_the_start_and_step_counts(open_notebook, lab):
    cells = ["import lrlab\nexplorer = lrlab.LandscapeExplorer(steps=5)\nexplorer"]
    with open_notebook(lab.write("landscape.ipynb", cells)) as notebook:
        explorer = notebook.explorer()
        explorer.wait_for_picture()
        box = explorer.picture.bounding_box()
        explorer.picture.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.4})
        expect(explorer.picture).not_to_have_attribute("alt", re.compile(r"from \(1\.6, 1\)"))
        at = float(explorer.position("start x"))
        assert -2 <= at < 1
        explorer.root.locator(".lrlab-frame").press("ArrowRight")
        expect(explorer.box("start x")).to_have_value(f"{at + 0.1:.6g}")
        explorer.button("Step").click()
        expect(explorer.readout).to_contain_text("loss after step 6:")
        assert notebook.red == []
