"""The picture of a range test: what can be drawn, what is best, what words say."""

import itertools

import numpy as np
import pytest

from lrlab.figures import Measured, RangeFigure, describe_range_test
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
    assert set(written) == {"up to 50", f"suggested {suggestion:.2g}", "best ≥ 1"}
    for text, (x, y) in written.items():
        assert 0 <= x <= width - typeface().getlength(text)
        assert y > axes.y1 or x > axes.x1
