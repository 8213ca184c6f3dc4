"""The picture of a range test: what can be drawn, what is best, what words say."""

import itertools

import numpy as np
import pytest

from lrlab.callbacks import suggestion
from lrlab.figures import Measured, RangeFigure, describe_range_test
from lrlab.figures.ink import number_text
from lrlab.figures.plot import LINE_HEIGHT
from lrlab.figures.rates import RULES
from lrlab.figures.screen import typeface

RATES = np.geomspace(0.01, 10, 4)


def test_the_best_is_the_lowest_median():
    final = {0.1: [0.5, 0.4, 0.1], 1.0: [0.3, np.nan, 0.2], 10.0: [np.nan, np.nan, 0.0]}
    measured = Measured(np.ones(1), np.ones(1), np.ones(1), None, final)
    assert measured.middles == {0.1: 0.4, 1.0: 0.3, 10.0: np.inf}
    assert measured.best == 1.0
    assert Measured(np.ones(1), np.ones(1), np.ones(1)).best is None


@pytest.mark.parametrize("rates", [(1e-3, 10.0), (1e-5, 1e12), (1e-9, 1e9)])
def test_the_labels_of_many_decades_do_not_run_into_each_other(rates):
    axes = RangeFigure(2.0, rates=rates, test=False)._axes
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert 4 <= len(boxes) <= 8
    assert all(one.x1 + 4 < other.x0 for one, other in itertools.pairwise(boxes))


@pytest.mark.parametrize("start", [-0.5, 0.0, 0.5])
def test_there_is_room_for_losses_below_0(start):
    rates, losses = np.geomspace(0.01, 10, 4), np.array([-0.5, -0.8, -2.0, np.inf])
    figure = RangeFigure(start)
    figure.draw(Measured(rates, losses, losses, 0.1, {1.0: [-3.0, np.nan]}))
    low, high = figure._axes.get_ylim()
    assert low < -3.0
    assert high > start
    np.testing.assert_array_equal(figure._batches.get_ydata(), losses[:3])


def test_a_start_loss_that_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="start_loss=nan"):
        RangeFigure(np.nan)


def test_it_draws_what_is_not_finite_and_what_is_huge():
    losses = np.array([2.0, 1e30, np.inf, np.nan])
    figure = RangeFigure(2.0)
    figure.draw(Measured(RATES, losses, losses, None, {1.0: [np.nan, 1e30]}))
    assert figure.png()[:4] == b"\x89PNG"


def test_without_a_batch_it_says_so():
    empty = np.empty(0)
    assert describe_range_test(Measured(empty, empty, empty)) == "No rate is tested yet."


def test_without_a_finite_loss_it_says_so():
    lost = np.full(4, np.nan)
    assert describe_range_test(Measured(RATES, lost, lost)).endswith("no batch has a finite loss.")


@pytest.mark.parametrize(
    ("tried", "edge", "words"),
    [
        ([0.1, 1.0], "highest", "best ≥ 1"),
        ([1.0, 3.0], "lowest", "best ≤ 1"),
        ([0.1, 1.0, 3.0], "", "best 1"),
        ([1.0], "only one", "best 1"),
    ],
)
def test_the_end_of_what_was_tried_is_not_called_the_best(tried, edge, words, monkeypatch):
    final = {0.1: [0.5], 1.0: [0.2], 3.0: [np.nan]}
    nothing = np.empty(0)
    measured = Measured(nothing, nothing, nothing, final={rate: final[rate] for rate in tried})
    assert (measured.best, measured.edge) == (1.0, edge)
    assert (f", the {edge} that was tried," in describe_range_test(measured)) == bool(edge)
    written = []
    monkeypatch.setattr(RangeFigure, "_write", lambda self, x, y, text, *ink: written.append(text))
    RangeFigure(2.0).draw(measured)
    assert written == [words]


@pytest.mark.parametrize("width", [760, 560, 380])
@pytest.mark.parametrize("suggestion", [0.01, 0.3, 10.0])
def test_no_words_lie_on_the_line_of_the_suggestion_or_out_of_the_picture(
    width, suggestion, monkeypatch
):
    losses, written = np.array([2.0, 1.0, 3.5, 50.0]), {}

    def write(self, x, y, text, *ink):
        written[text] = x, y

    monkeypatch.setattr(RangeFigure, "_write", write)
    figure = RangeFigure(2.0, size=(width, 460))
    figure.draw(Measured(RATES, losses, losses, suggestion, {0.1: [0.5], 1.0: [0.2]}))
    axes = figure._axes.bbox
    assert set(written) == {"up to 50", "suggested", number_text(suggestion), "best ≥ 1"}
    for text, (x, y) in written.items():
        assert 0 <= x <= width - typeface().getlength(text)
        assert y > axes.y1 or x > axes.x1


RULED = {
    "minimum": [0.05, 0.04, 0.06],
    "steepest": [0.00012, 10.0, 0.5],
    "valley": [0.00012, 0.00056, None],
}


@pytest.mark.parametrize("width", [760, 560, 380])
@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_words_of_the_rules_stand_apart_and_within_the_picture(width, scale, monkeypatch):
    losses, boxes = np.array([2.0, 1.0, 3.5, 50.0]), {}

    def write(self, x, y, text, *ink):
        boxes[text] = (x, x + typeface().getlength(text), y)

    monkeypatch.setattr(RangeFigure, "_write", write)
    limits = (0.0, 10.0) if scale == "linear" else (1e-4, 10.0)
    figure = RangeFigure(2.0, size=(width, 460), rates=limits, scale=scale)
    figure.draw(Measured(RATES, losses, losses, 0.05, {0.1: [0.5], 1.0: [0.2]}, suggestions=RULED))
    said = {"0.04–0.06", "0.00012–10", "~0.0003"}  # where both ends need too much room
    assert set(boxes) == {*RULED, *said, "up to 50", "best ≥ 1"}
    for one, other in itertools.combinations(boxes.values(), 2):
        apart = one[1] < other[0] or other[1] < one[0] or abs(one[2] - other[2]) >= LINE_HEIGHT
        assert apart, boxes
    assert all(left >= 0 and right <= width for left, right, _ in boxes.values())
    heights = [marks.get_ydata()[0] for marks in figure._spread]
    assert heights == sorted(heights, reverse=True)
    assert min(heights) > figure._axes.get_ylim()[1]
    for marks, down, rates in zip(figure._spread, figure._down, RULED.values(), strict=True):
        assert marks.get_xdata().tolist() == [rate for rate in rates if rate is not None]
        assert down.get_xdata() == [rates[0]] * 2
    boxes.clear()
    figure.draw(Measured(RATES, losses, losses))
    assert "minimum" not in boxes, "what was drawn before is gone"
    assert not any(len(marks.get_xdata()) for marks in [*figure._spread, *figure._down])


def test_the_rules_are_said_with_their_spread_and_how_far_they_lie_apart():
    losses = np.array([2.0, 1.0, 0.5, 9.0])
    measured = Measured(RATES, losses, losses, 0.05, suggestions=RULED, monitor="val_loss")
    assert describe_range_test(measured) == (
        "As the learning rate rises from 0.01 to 10, the smoothed validation loss goes from 2 to "
        "9. It is lowest, 0.5, at 1. By rule: a tenth of the minimum 0.05 (3 starts: 0.04 to "
        "0.06); the steepest fall 0.00012 (3 starts: 0.00012 to 10); the middle of the longest "
        "fall 0.00012 (3 starts: 0.00012 to 0.00056, 1 without). They lie a factor of 420 "
        "apart."
    )
    none = Measured(RATES, losses, losses, suggestions={rule: [None] for rule in RULED})
    assert none.by_rule == (
        "By rule: a tenth of the minimum none; the steepest fall none; the middle of the longest "
        "fall none."
    )


def test_the_names_of_the_rules_are_those_of_the_suggestions():
    assert RULES.keys() == suggestion.RULES.keys()


def test_the_legend_names_the_loss_that_is_drawn():
    losses, figure = np.array([2.0, 1.0, 0.5, 9.0]), RangeFigure(2.0)
    for monitor, named in (("loss", "batch"), ("val_loss", "validation"), ("loss", "batch")):
        figure.draw(Measured(RATES, losses, losses, monitor=monitor))
        assert figure._named.get_text() == named


def test_another_setting_has_its_own_axis_and_words():
    nothing, final = np.empty(0), {0.0: [0.5], 0.9: [0.2, 0.3]}
    figure = RangeFigure(2.0, rates=(0.0, 1.0), scale="linear", across="momentum", test=False)
    measured = Measured(nothing, nothing, nothing, final=final, setting="momentum")
    figure.draw(measured)
    assert "momentum" in [text.get_text() for text in figure._figure.texts]
    assert describe_range_test(measured) == (
        "Full trainings end lowest at a momentum of 0.9, the highest that was tried, with a loss "
        "of 0.25. The medians by momentum: 0: 0.5, 0.9: 0.25."
    )
