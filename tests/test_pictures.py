"""The pictures that explain: what they say in words, and that nothing in them is cut."""

import doctest
import io

from lrlab._tensorflow import keras

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lrlab import pictures
from lrlab.pictures import schedule_anatomy, schedules_side_by_side, step_on_a_bowl

PICTURES = {
    "step": step_on_a_bowl,
    "long step": lambda: step_on_a_bowl(learning_rate=0.9, weight=2.0, curvature=2.0),
    "anatomy": schedule_anatomy,
    "side by side": lambda: schedules_side_by_side(
        {f"schedule {rate}": rate for rate in (0.1, 0.2, 0.3, 0.4, 0.5)}, 15, 45
    ),
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
def test_a_picture_has_a_file_and_its_words(draw):
    picture = draw()
    bundle, metadata = picture._repr_mimebundle_()
    assert Image.open(io.BytesIO(picture.png)).width == metadata["image/png"]["width"] == 760
    assert bundle["text/plain"] == repr(picture)
    assert f'alt="{picture.words}"' in bundle["text/html"]  # none of them has a quote or a bracket
    assert bundle["image/png"] in bundle["text/html"]
    assert len(picture.png) < 40_000


@every_picture
def test_the_same_call_gives_the_same_file(draw):
    assert draw().png == draw().png


@every_picture
def test_every_label_is_in_the_picture_and_none_covers_another(draw, monkeypatch):
    figures = []
    monkeypatch.setattr(pictures, "_png", lambda figure: figures.append(figure) or b"")
    draw()
    (figure,) = figures
    boxes = labels(figure)
    assert len(boxes) >= 3
    width, height = figure.canvas.get_width_height()
    for words, box in boxes:
        assert box.x0 >= 0, words
        assert box.y0 >= 0, words
        assert box.x1 <= width, words
        assert box.y1 <= height, words
    for number, (words, box) in enumerate(boxes):
        assert [w for w, other in boxes[number + 1 :] if box.overlaps(other)] == [], words


def labels(figure: Figure):
    """The words that are seen, with their places."""
    figure.canvas.draw()
    texts = list(figure.texts)
    for axes in filter(lambda axes: axes.get_visible(), figure.axes):
        texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
    seen = [text for text in texts if text.get_text() and text.get_visible()]
    return [(text.get_text(), text.get_window_extent()) for text in seen]


def test_the_step_is_the_rate_times_the_gradient():
    """Loss 2 w² / 2: at 2 the slope is 4, and 0.9 × 4 = 3.6 leads to −1.6."""
    words = step_on_a_bowl(learning_rate=0.9, weight=2.0, curvature=2.0).words
    assert "At weight 2 the slope, the gradient, is 4." in words
    assert "0.9 × 4 = 3.6, to weight -1.6." in words


def test_the_parts_of_a_schedule_are_those_of_keras():
    schedule = keras.optimizers.schedules.CosineDecay(
        0.1, 540, alpha=0.1, warmup_target=0.5, warmup_steps=135
    )
    rates = [float(schedule(step)) for step in (0, 135, 675, 809)]
    assert np.allclose(rates, [0.1, 0.5, 0.05, 0.05])
    words = schedule_anatomy().words
    for part in ("First rate 0.1", "135 steps", "540 steps", "highest rate, 0.5", "= 0.05"):
        assert part in words


def test_side_by_side_says_where_a_schedule_is_highest():
    rise = schedules_side_by_side({"up": lambda epoch: 0.1 if epoch != 2 else 0.7}, 4, 3).words
    assert rise.endswith("up: from 0.1 over 0.7 in epoch 2 to 0.1.")


def test_the_examples_run():
    assert doctest.testmod(pictures).failed == 0
