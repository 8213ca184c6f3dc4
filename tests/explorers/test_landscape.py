"""A race on a landscape: numbers of Keras's own optimizers, the start by click and key, Step."""

import re

from lrlab.backend import keras, tf

import numpy as np
import pytest
from playwright.sync_api import expect
from small import SOON, button, printed_by

from lrlab import LandscapeExplorer
from lrlab.landscapes import LANDSCAPES, OPTIMIZERS, Journey

START = (1.3, -0.7)


@pytest.fixture
def explorer():
    made = LandscapeExplorer(optimizers=list(OPTIMIZERS))
    made.wait(SOON)
    return made


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
    optimizer = eval(  # noqa: S307 - our own table
        f"keras.optimizers.{OPTIMIZERS[name].format(rate=0.03, momentum=0.8)}", {"keras": keras}
    )
    assert journey.path == pytest.approx(path_of_keras(optimizer, landscape, 12), abs=1e-4)


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
    assert explorer.error is None


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
