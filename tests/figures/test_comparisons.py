"""Pictures of finished runs: what they say in words, and that nothing in them is cut."""

import numpy as np
import pytest
from still_pictures import check_file, check_labels, drawn_by

import lrlab
from lrlab.figures import losses_over_epochs, schedules_side_by_side

LOSSES = {"low": [0.8, 0.5, 0.3], "high": [0.4, 0.2, 0.2], "higher": [0.4, 0.1, 0.05]}

PICTURES = {
    "losses": lambda: losses_over_epochs(histories(LOSSES)),
    "losses with long names": lambda: losses_over_epochs(
        {f"0.0{n} × 0.2 every 5 epochs": {"val_loss": [1 / n, 0.5 / n]} for n in range(1, 5)}
    ),
    "side by side": lambda: schedules_side_by_side(
        {f"schedule {rate}": np.full(675, rate) for rate in (0.1, 0.2, 0.3, 0.4, 0.5)}, 45
    ),
}


def histories(losses, key="val_loss"):
    return {name: {key: values} for name, values in losses.items()}


every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
def test_a_picture_has_a_file_and_its_words(draw):
    check_file(draw())


@every_picture
def test_the_same_call_gives_the_same_file(draw):
    assert draw().png == draw().png


@every_picture
def test_every_label_is_in_the_picture_and_none_covers_another(draw):
    check_labels(drawn_by(draw))


def test_the_loss_of_an_epoch_stands_at_its_end_on_a_logarithmic_axis():
    axes = drawn_by(lambda: losses_over_epochs(histories(LOSSES))).axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == list(LOSSES.values())
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3]] * 3
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "validation loss (log scale)"


def test_losses_differ_in_dashes_and_marks_and_not_in_colour_alone():
    four = histories({str(number): [1.0, 0.5] for number in range(4)})
    lines = drawn_by(lambda: losses_over_epochs(four)).axes[0].lines
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


def test_side_by_side_says_where_a_schedule_is_highest():
    rates = lrlab.preview(lambda epoch: 0.1 if epoch != 2 else 0.7, 4, 3)
    rise = schedules_side_by_side({"up": rates}, 3).alt
    assert rise.endswith("up: from 0.1 over 0.7 in epoch 2 to 0.1.")
