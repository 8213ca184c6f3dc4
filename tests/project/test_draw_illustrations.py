"""`make illustrations`: what the pictures in the notebooks say, and that they are those drawn."""

import base64
import doctest
import importlib.util
import io
import re
import shutil
from pathlib import Path

from lrlab.backend import keras

import nbformat
import numpy as np
import pytest
from PIL import Image
from still_pictures import check_file, check_labels, drawn_by

import lrlab

PATH = Path(lrlab.__file__).parents[1] / "tools" / "draw_illustrations.py"
spec = importlib.util.spec_from_file_location("draw_illustrations", PATH)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

PICTURES = {
    "step": tool.step_on_a_bowl,
    "long step": lambda: tool.step_on_a_bowl(learning_rate=0.9, weight=2.0, curvature=2.0),
    "anatomy": tool.schedule_anatomy,
    "step decay": tool.step_decay_parts,
    "step decay of long numbers": lambda: tool.step_decay_parts(0.0125, 0.25, 12),
    "step decay each epoch": lambda: tool.step_decay_parts(0.5, 0.9, 1),
    "verdicts": tool.five_verdicts,
    "path": tool.the_path,
}

every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
every_illustration = pytest.mark.parametrize(
    ("place", "draw"), tool.ILLUSTRATIONS.items(), ids=[name for _, name in tool.ILLUSTRATIONS]
)


@every_picture
def test_a_picture_has_a_file_and_its_words(draw):
    check_file(draw())


@every_picture
def test_the_same_call_gives_the_same_file(draw):
    assert draw().png == draw().png


@every_picture
def test_every_label_is_in_the_picture_and_none_covers_another(draw):
    check_labels(drawn_by(draw))


def test_the_step_is_the_rate_times_the_gradient():
    """Loss 2 w² / 2: at 2 the slope is 4, and 0.9 × 4 = 3.6 leads to −1.6."""
    words = tool.step_on_a_bowl(learning_rate=0.9, weight=2.0, curvature=2.0).alt
    assert "At weight 2 the slope, the gradient, is 4." in words
    assert "0.9 × 4 = 3.6, to weight -1.6." in words


def test_the_parts_of_a_schedule_are_those_of_keras():
    schedule = keras.optimizers.schedules.CosineDecay(
        0.1, 540, alpha=0.1, warmup_target=0.5, warmup_steps=135
    )
    rates = [float(schedule(step)) for step in (0, 135, 675, 809)]
    assert np.allclose(rates, [0.1, 0.5, 0.05, 0.05])
    words = tool.schedule_anatomy().alt
    for part in ("First rate 0.1", "135 steps", "540 steps", "highest rate, 0.5", "= 0.05"):
        assert part in words


def test_a_step_decay_is_that_of_the_formula():
    assert tool.step_decay_parts(0.8, 0.5, 4).alt == (
        "The learning rate over epochs 0 to 12, a staircase on a logarithmic axis. The first rate "
        "is 0.8, the factor 0.5, the interval 4 epochs. "
        f"From epoch 0: epoch // 4 = 0, 0.8 × 0.5 ** 0 = {0.8 * 0.5**0}. "
        f"From epoch 4: epoch // 4 = 1, 0.8 × 0.5 ** 1 = {0.8 * 0.5**1}. "
        f"From epoch 8: epoch // 4 = 2, 0.8 × 0.5 ** 2 = {0.8 * 0.5**2}."
    )


def test_the_staircase_drops_where_the_formula_does():
    (axes,) = drawn_by(lambda: tool.step_decay_parts(0.8, 0.5, 4)).axes
    (line,) = axes.lines
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata().tolist() == [0, 4, 8, 12]
    assert line.get_ydata().tolist() == [0.8 * 0.5 ** (epoch // 4) for epoch in (0, 4, 8, 8)]
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.1, 1.0, 5), r"`factor` must be below 1.* Received: factor=1\.0"),
        ((0.1, 1.5, 5), "at most 1"),
        ((0.0, 0.1, 5), "above 0"),
        ((0.1, 0.1, 0), "whole number of at least 1"),
    ],
)
def test_a_step_decay_without_steps_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        tool.step_decay_parts(*arguments)


def test_the_five_verdicts_are_those_of_the_runs_that_are_drawn():
    runs = tool.verdict_runs()
    assert [run.verdict for run in runs] == ["too low", "good", "noisy", "stuck", "diverged"]
    panels = drawn_by(tool.five_verdicts).axes
    for axes, run in zip(panels, runs, strict=True):
        assert axes.get_title() == run.verdict
        start, *losses = axes.lines[0].get_ydata().tolist()
        assert start == 1
        np.testing.assert_allclose(losses, np.divide(run.history["loss"], run.start_loss))


def test_what_is_said_of_each_verdict_is_in_its_curve():
    low, good, noisy, stuck, diverged = (
        np.array([run.start_loss, *run.history["loss"]]) / run.start_loss
        for run in tool.verdict_runs()
    )
    assert 0.2 < low[-1] < low[-2]  # still falls
    assert good[5:].max() < 0.1
    assert np.diff(noisy).max() > 0.05  # jumps up
    assert noisy[-1] < 0.5
    assert abs(stuck - 1).max() < 0.1
    assert diverged[3] > 1.6  # the top of the picture


@pytest.mark.parametrize(("file", "page", "draw"), [(f, *of) for f, of in tool.OF_PAGES.items()])
def test_a_page_shows_the_same_picture_with_the_same_words(file, page, draw):
    picture, page = draw(), tool.REPOSITORY / page
    name = f"{'docs/' if page.parent == tool.REPOSITORY else ''}{file}"
    assert page.read_text(encoding="utf-8").count(f"![{picture.alt}]({name})") == 1
    assert_alike((tool.REPOSITORY / "docs" / file).read_bytes(), picture.png)


def assert_alike(stored, drawn):
    """Other versions of Matplotlib or of a font may move a few pixels."""
    before, now = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)
        for png in (stored, drawn)
    )
    assert before.shape == now.shape
    assert (abs(before - now).max(axis=-1) > 60).mean() < 0.02


@every_illustration
def test_a_notebook_shows_what_is_drawn(place, draw):
    name, cell_id = place
    notebook = nbformat.read(tool.REPOSITORY / "notebooks" / name, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    alt, file = re.fullmatch(r"!\[(.+)\]\(data:image/png;base64,([\w+/=]+)\)", cell.source).groups()
    picture = draw()
    assert cell.cell_type == "markdown"
    assert alt == picture.alt
    assert not set(alt) & set("[]_`<&\\")  # which Markdown would take for its own
    assert_alike(base64.b64decode(file), picture.png)


def test_drawing_again_changes_nothing_else(tmp_path, monkeypatch, capsys):
    names = {f"notebooks/{name}" for name, _ in tool.ILLUSTRATIONS}
    pages = {
        page: (tool.REPOSITORY / page).read_text("utf-8") for page, _ in tool.OF_PAGES.values()
    }
    for name in names | pages.keys():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(tool.REPOSITORY / name, tmp_path / name)
    stored = {name: nbformat.read(tmp_path / name, as_version=4) for name in names}
    monkeypatch.setattr(tool, "REPOSITORY", tmp_path)
    assert tool.main() == 0
    assert len(capsys.readouterr().out.splitlines()) == len(tool.ILLUSTRATIONS)
    for name in names:
        drawn = nbformat.read(tmp_path / name, as_version=4)
        for before, after in zip(stored[name].cells, drawn.cells, strict=True):
            if (Path(name).name, after.id) not in tool.ILLUSTRATIONS:
                assert after == before
            else:
                assert after.source.startswith(before.source.partition("(data:")[0])
    for page, text in pages.items():
        assert (tmp_path / page).read_text(encoding="utf-8") == text
    for file, (_, draw) in tool.OF_PAGES.items():
        assert (tmp_path / "docs" / file).read_bytes() == draw().png


def test_the_path_shows_each_notebook_once():
    shown = re.findall(r"\d\d [\w ]+", tool.the_path().alt)
    stored = {path.stem.replace("_", " ") for path in tool.REPOSITORY.glob("notebooks/*.ipynb")}
    assert sorted(shown) == sorted(stored)


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(tool).failed == 0
