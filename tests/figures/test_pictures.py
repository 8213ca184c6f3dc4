"""The pictures that explain: what they say in words, and that nothing in them is cut."""

import doctest
import io

from lrlab.backend import keras

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lrlab.figures import illustrations as pictures
from lrlab.figures.illustrations import (
    losses_over_epochs,
    schedule_anatomy,
    schedules_side_by_side,
    step_decay_parts,
    step_on_a_bowl,
)

LOSSES = {"low": [0.8, 0.5, 0.3], "high": [0.4, 0.2, 0.2], "higher": [0.4, 0.1, 0.05]}

PICTURES = {
    "step": step_on_a_bowl,
    "long step": lambda: step_on_a_bowl(learning_rate=0.9, weight=2.0, curvature=2.0),
    "anatomy": schedule_anatomy,
    "step decay": step_decay_parts,
    "step decay of long numbers": lambda: step_decay_parts(0.0125, 0.25, 12),
    "step decay each epoch": lambda: step_decay_parts(0.5, 0.9, 1),
    "losses": lambda: losses_over_epochs(histories(LOSSES)),
    "losses with long names": lambda: losses_over_epochs(
        {f"0.0{n} × 0.2 every 5 epochs": {"val_loss": [1 / n, 0.5 / n]} for n in range(1, 5)}
    ),
    "side by side": lambda: schedules_side_by_side(
        {f"schedule {rate}": rate for rate in (0.1, 0.2, 0.3, 0.4, 0.5)}, 15, 45
    ),
}


def histories(losses, key="val_loss"):
    return {name: {key: values} for name, values in losses.items()}


every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
def test_a_picture_has_a_file_and_its_words(draw):
    picture = draw()
    bundle, metadata = picture._repr_mimebundle_()
    assert Image.open(io.BytesIO(picture.png)).width == metadata["image/png"]["width"] == 760
    assert bundle["text/plain"] == repr(picture)
    assert f'alt="{picture.alt}"' in bundle["text/html"]  # none of them has a quote or a bracket
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
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in filter(lambda axes: axes.get_visible(), figure.axes):
        texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
    seen = [text for text in texts if text.get_text() and text.get_visible()]
    return [(text.get_text(), text.get_window_extent()) for text in seen]


def test_the_step_is_the_rate_times_the_gradient():
    """Loss 2 w² / 2: at 2 the slope is 4, and 0.9 × 4 = 3.6 leads to −1.6."""
    words = step_on_a_bowl(learning_rate=0.9, weight=2.0, curvature=2.0).alt
    assert "At weight 2 the slope, the gradient, is 4." in words
    assert "0.9 × 4 = 3.6, to weight -1.6." in words


def test_the_parts_of_a_schedule_are_those_of_keras():
    schedule = keras.optimizers.schedules.CosineDecay(
        0.1, 540, alpha=0.1, warmup_target=0.5, warmup_steps=135
    )
    rates = [float(schedule(step)) for step in (0, 135, 675, 809)]
    assert np.allclose(rates, [0.1, 0.5, 0.05, 0.05])
    words = schedule_anatomy().alt
    for part in ("First rate 0.1", "135 steps", "540 steps", "highest rate, 0.5", "= 0.05"):
        assert part in words


def test_a_step_decay_is_that_of_the_formula():
    assert step_decay_parts(0.8, 0.5, 4).alt == (
        "The learning rate over epochs 0 to 12, a staircase on a logarithmic axis. The first rate "
        "is 0.8, the factor 0.5, the interval 4 epochs. "
        f"From epoch 0: epoch // 4 = 0, 0.8 × 0.5 ** 0 = {0.8 * 0.5**0}. "
        f"From epoch 4: epoch // 4 = 1, 0.8 × 0.5 ** 1 = {0.8 * 0.5**1}. "
        f"From epoch 8: epoch // 4 = 2, 0.8 × 0.5 ** 2 = {0.8 * 0.5**2}."
    )


def test_the_staircase_drops_where_the_formula_does(monkeypatch):
    axes = axes_of(lambda: step_decay_parts(0.8, 0.5, 4), monkeypatch)
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
        step_decay_parts(*arguments)


def test_the_loss_of_an_epoch_stands_at_its_end_on_a_logarithmic_axis(monkeypatch):
    axes = axes_of(lambda: losses_over_epochs(histories(LOSSES)), monkeypatch)
    assert [line.get_ydata().tolist() for line in axes.lines] == list(LOSSES.values())
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3]] * 3
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "validation loss (log scale)"


def test_losses_differ_in_dashes_and_marks_and_not_in_colour_alone(monkeypatch):
    four = histories({str(number): [1.0, 0.5] for number in range(4)})
    lines = axes_of(lambda: losses_over_epochs(four), monkeypatch).lines
    assert len({line.get_marker() for line in lines}) == 4
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 4


def test_losses_say_where_each_begins_and_ends():
    words = losses_over_epochs(histories({"low": [0.8, 0.5], "high": [0.4, 0.2, 0.16]})).alt
    assert words == (
        "The validation loss over 3 epochs, on a logarithmic axis. low: from 0.8 to 0.5. "
        "high: from 0.4 to 0.16."
    )


def test_a_loss_that_is_lost_leaves_a_gap():
    lost = histories({"lost": [4.0, 2.0, float("inf"), float("nan")], "fits": [1.0, 0.1, 0.0]})
    words = losses_over_epochs(lost).alt
    assert words.endswith(
        "over 4 epochs, on a logarithmic axis. lost: from 4 to 2. fits: from 1 to 0.1."
    )


def test_another_key_is_drawn_and_named():
    training = histories({"low": [0.8, 0.5]}, "loss")
    assert losses_over_epochs(training, "loss").alt.startswith("The training loss over 2 epochs")


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ({}, "one to 4: .* Received: 0"),
        (histories({name: [1.0] for name in "abcde"}), "one to 4: .* Received: 5"),
        ({"run": {"loss": [1.0]}}, r"above 0 under 'val_loss'.* Received: 'run' with \['loss'\]"),
        ({"run": {"val_loss": [float("nan")]}}, "Received: 'run'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(of, words):
    with pytest.raises(ValueError, match=words):
        losses_over_epochs(of)


def axes_of(draw, monkeypatch):
    """The axes of a picture with a single panel."""
    figures = []
    monkeypatch.setattr(pictures, "_png", lambda figure: figures.append(figure) or b"")
    draw()
    return figures[0].axes[0]


def test_side_by_side_says_where_a_schedule_is_highest():
    rise = schedules_side_by_side({"up": lambda epoch: 0.1 if epoch != 2 else 0.7}, 4, 3).alt
    assert rise.endswith("up: from 0.1 over 0.7 in epoch 2 to 0.1.")


def test_the_examples_run():
    assert doctest.testmod(pictures).failed == 0
