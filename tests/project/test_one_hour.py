"""The recipe for one hour: its lines run, on the page and in the notebook, on one sheet."""

import importlib.util
import math
import re
from pathlib import Path

from lrlab.backend import keras

import nbformat
import numpy as np
import pytest
from lab import browsing

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "one_hour.md").read_text(encoding="utf-8")
(SETUP,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
RECIPE, PICTURES = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
STEPS = [row.split(" | ") for row in RECIPE.splitlines()[2:]]


def build_model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What is defined once every line of the recipe ran, in 4 epochs on a plane with noise."""
    random = np.random.default_rng(0)
    x = random.normal(5, 2, (320, 3)).astype("float32")
    y = (x @ np.float32([1, -2, 3]) - 10) / 7 + random.normal(0, 0.1, 320).astype("float32")
    names = {"x_train": x[:256], "y_train": y[:256], "x_val": x[256:], "y_val": y[256:]}
    names |= {"loss": "mse", "build_model": build_model}
    folder = tmp_path_factory.mktemp("model")
    assert SETUP.count("epochs = 10") == 1
    exec(SETUP.replace("epochs = 10", "epochs = 4"), names)  # noqa: S102 - a page of our own
    for _, do, *_ in STEPS:
        lines = re.findall("`(.+?)`", do)
        assert lines, f"no line of Keras in {do}"
        for line in lines:
            exec(line.replace('"model.keras"', repr(str(folder / "model.keras"))), names)  # noqa: S102
    return names | {"folder": folder}


def test_the_steps_fill_an_hour():
    minutes = [[int(n) for n in re.findall(r"\d+", step[0])] for step in STEPS]
    assert [begin for begin, _ in minutes] == [0, *[end for _, end in minutes[:-1]]]
    assert minutes[-1][1] == 60
    assert [re.search(r"\*\*(\d)\.", step[1])[1] for step in STEPS] == list("1234567")


def test_each_step_says_what_to_look_at_and_when_to_stop():
    for step in STEPS:
        assert len([part.strip(" |") for part in step if part.strip(" |")]) == 4


def test_the_recipe_finds_a_rate_and_keeps_a_model(names):
    assert 1e-5 < names["test"].suggestion < 10
    losses = {k: fit.history["val_loss"][-1] for k, fit in names["tries"].items()}
    assert min(losses.values()) < names["first"].history["val_loss"][-1] / 2
    assert len(names["again"]) == 2
    assert len(names["falling"]) == 3
    kept = keras.models.load_model(names["folder"] / "model.keras")
    answers = kept.predict(names["x_val"], verbose=0)
    assert np.array_equal(answers, names["falling"][0].model.predict(names["x_val"], verbose=0))


def test_the_falling_rate_reaches_zero_as_the_training_ends(names):
    optimizer = names["falling"][0].model.optimizer
    assert names["steps"] == int(optimizer.iterations) == 4 * 8
    assert math.isclose(float(optimizer.learning_rate), 0, abs_tol=1e-7)


def test_attributes_that_a_step_reads_exist(names):
    for _, _, look, stop in STEPS:
        for attribute in re.findall(r"`(test\.\w+)`", look + stop):
            eval(attribute, names)  # noqa: S307


def test_the_notebook_has_the_same_recipe():
    notebook = nbformat.read(REPOSITORY / "notebooks" / "12_your_own_model.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells}
    assert cells["hour-words"].endswith(f"```python\n{SETUP}```")
    assert (cells["hour-recipe"], cells["hour-pictures"]) == (RECIPE.strip(), PICTURES.strip())


def test_it_prints_on_one_sheet(chromium):
    spec = importlib.util.spec_from_file_location(
        "make_pages", REPOSITORY / "tools" / "make_pages.py"
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    html = tool.sheet_of(REPOSITORY / "docs" / "one_hour.md")
    assert html.count("data:image/png;base64,") == 1
    margin = dict.fromkeys(("top", "right", "bottom", "left"), "10mm")
    with browsing(chromium) as browser:
        page = browser.new_page()
        page.set_content(html)
        for paper in ("A4", "Letter"):
            file = page.pdf(format=paper, margin=margin)
            assert len(re.findall(rb"/Type\s*/Page\b", file)) == 1
