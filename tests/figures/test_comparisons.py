"""Pictures of finished runs: what they say in words, and that nothing in them is cut."""

import numpy as np
import pytest
from still_pictures import check_file, check_labels, drawn_by

import lrlab
from lrlab.figures import losses_over_epochs, schedules_side_by_side, spread_over_starts

LOSSES = {"low": [0.8, 0.5, 0.3], "high": [0.4, 0.2, 0.2], "higher": [0.4, 0.1, 0.05]}
STARTS = {"constant": [0.2, 0.1, 0.3], "halved": [0.01, np.inf, 0.03], "lost": [np.nan] * 3}

PICTURES = {
    "losses": lambda: losses_over_epochs(histories(LOSSES)),
    "losses with long names": lambda: losses_over_epochs(
        {f"0.0{n} × 0.2 every 5 epochs": {"val_loss": [1 / n, 0.5 / n]} for n in range(1, 5)}
    ),
    "spread": lambda: spread_over_starts(STARTS),
    "spread, lost": lambda: spread_over_starts({"a long name of a setting": [np.inf, 3.0, 4.0]}),
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


def test_side_by_side_a_rate_and_a_momentum_have_an_axis_each():
    values = {"rate": np.array([0.1, 0.2, 0.0]), "momentum": np.array([0.95, 0.85, 0.9])}

    def draw():
        return schedules_side_by_side(values, 1, label="value", share_axis=False)

    first, second = drawn_by(draw).axes
    assert first.get_ylim()[1] < 0.3 < 0.8 < second.get_ylim()[0]
    assert draw().alt == (
        "The value over 3 epochs. rate: from 0.1 over 0.2 in epoch 1 to 0. "
        "momentum: from 0.95 over 0.85 in epoch 1 to 0.9."
    )


def test_spread_says_each_start_and_the_mean_of_those_that_did_not_diverge():
    assert spread_over_starts(STARTS).alt == (
        "The validation loss from 3 starts. constant: mean 0.2, each 0.2 0.1 0.3. "
        "halved: mean 0.02, each 0.01 diverged 0.03. lost: each diverged diverged diverged."
    )


def test_spread_has_a_mark_a_start_and_one_at_their_mean():
    axes = drawn_by(lambda: spread_over_starts(STARTS, "loss")).axes[0]
    marks = {line.get_marker(): [] for line in axes.lines}
    for line in axes.lines:
        marks[line.get_marker()].append((line.get_ydata()[0], [*line.get_xdata()]))
    assert marks["o"] == [(0, [0.2, 0.1, 0.3]), (1, [0.01, 0.03])]
    assert [(row, x[0]) for row, x in marks["|"]] == [(0, pytest.approx(0.2)), (1, 0.02)]
    assert marks["x"] == [(1, [1]), (2, [1])]  # at the right side
    assert [label.get_text() for label in axes.get_yticklabels()] == list(STARTS)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first one on top
    assert axes.get_xscale() == "log"


def test_spread_over_values_close_together_has_a_linear_axis():
    assert drawn_by(lambda: spread_over_starts({"a": [1.0, 2.0]})).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("values", [{}, {"a": []}, {str(n): [1.0] for n in range(17)}])
def test_spread_refuses_what_it_cannot_draw(values):
    with pytest.raises(ValueError, match="one to 16 settings with a value or more each"):
        spread_over_starts(values)
