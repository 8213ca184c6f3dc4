"""What the picture of a run shows, read from its pixels and its words."""

import io
import math
import threading

import numpy as np
import pytest
from PIL import Image

from lrlab.figures import Curves, CurvesFigure, describe
from lrlab.figures import curves as figures

TRAINING, VALIDATION = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
GOOD = Curves({"loss": [1.6, 0.8, 0.4, 0.2]}, np.full(40, 0.1), "0.1")
SLOW = Curves({"loss": [2.2, 2.1, 2.0, 1.9]}, np.full(40, 0.001), "0.001")
LOST = Curves({"loss": [1.4, 2.9, math.nan, math.nan]}, np.full(40, 5.0), "5")


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB")).astype(int)


def where(figure, colour):
    """Rows and columns of a colour, to within what four bits a channel can tell apart."""
    return np.nonzero((np.abs(pixels(figure) - colour) <= 17).all(axis=-1))


def drawn(current, epochs=4, *, pinned=(), intended=None, start_loss=2.4, **options):
    figure = CurvesFigure(epochs, start_loss=start_loss, **options)
    figure.draw(current, pinned, intended)
    return figure


def test_the_intended_line_goes_to_the_end_of_the_axis_with_few_values_as_with_many():
    right = [
        where(drawn(GOOD, intended=np.full(values, 0.001)), VALIDATION)[1].max()
        for values in (4, 400)
    ]
    assert abs(right[0] - right[1]) <= 8  # the space between two dots


class TestCurves:
    def test_a_history_without_loss_is_refused(self):
        with pytest.raises(ValueError, match=r"Received: \['accuracy'\]"):
            Curves({"accuracy": [1.0]}, np.ones(3))

    @pytest.mark.parametrize("end", [math.nan, math.inf, 1e31])
    def test_an_end_that_is_no_number_is_a_divergence(self, end):
        assert Curves({"loss": [1.0, end]}, np.ones(2)).diverged
        assert not Curves({"loss": [end, 1.0]}, np.ones(2)).diverged

    def test_the_verdict_can_say_so_too(self):
        assert Curves({"loss": [1.0, 1e9]}, np.ones(2), verdict="diverged").diverged

    def test_an_empty_run_has_not_diverged(self):
        assert not Curves({"loss": []}, np.empty(0)).diverged


@pytest.mark.parametrize(
    ("intended", "told"), [(0.1, False), (np.float32(0.1), False), (0.2, True), (None, False)]
)
def test_words_tell_the_intended_rate_where_the_run_had_another(intended, told):
    rates = None if intended is None else np.full(40, intended, float)
    words = describe(GOOD, 4, rates)
    assert words.startswith(describe(GOOD, 4))
    assert words.endswith(" The intended rate is 0.2 throughout.") == told
    assert ("intended" in words) == told


class TestPicture:
    @pytest.mark.parametrize("size", [(760, 460), (900, 400)])
    def test_the_png_has_the_size_asked_for(self, size):
        assert Image.open(io.BytesIO(drawn(GOOD, size=size).png())).size == size

    @pytest.mark.parametrize(("theme", "paper"), [("light", 255), ("dark", 17)])
    def test_a_theme_sets_the_background(self, theme, paper):
        assert (pixels(drawn(GOOD, theme=theme))[0, 0] == paper).all()

    def test_a_lower_loss_is_drawn_lower(self):
        low, high = (drawn(Curves({"loss": [y] * 4}, np.ones(4))) for y in (0.5, 2.0))
        assert where(low, TRAINING)[0].max() > where(high, TRAINING)[0].max()

    def test_the_loss_of_an_epoch_stands_at_its_end(self):
        half = drawn(Curves({"loss": [1.0, 1.0]}, np.ones(4)))
        left, right = figures._LEFT, 760 - figures._RIGHT
        ends = where(half, TRAINING)[1].max() - 4  # the dot at the end has a radius
        assert abs(ends - (left + right) / 2) <= 3

    def test_validation_is_drawn_only_where_there_is_any(self):
        legend = len(where(drawn(GOOD), VALIDATION)[0])
        both = Curves({"loss": GOOD.history["loss"], "val_loss": [1.2, 1.0, 0.9, 0.9]}, np.ones(4))
        assert len(where(drawn(both), VALIDATION)[0]) > legend + 300

    @pytest.mark.parametrize("run", [GOOD, SLOW, LOST])
    def test_a_frame_leaves_no_trace_on_the_next(self, run):
        figure = drawn(run)
        figure.draw(GOOD)
        assert figure.png() == drawn(GOOD).png()

    def test_drawing_makes_no_new_artists(self):
        figure = drawn(GOOD, pinned=(SLOW,), intended=np.ones(40))
        before = figure._figure.findobj()
        for run in (LOST, GOOD, None):
            figure.draw(run, (SLOW,), np.ones(40))
        assert figure._figure.findobj() == before

    def test_unpinning_restores_the_picture(self):
        figure = drawn(GOOD)
        plain = figure.png()
        figure.draw(GOOD, (SLOW, LOST))
        assert figure.png() != plain
        figure.draw(GOOD)
        assert figure.png() == plain

    def test_a_known_start_fixes_the_limits(self):
        figure = drawn(GOOD)
        limits = figure.panels[0].axes.get_ylim()
        figure.draw(Curves({"loss": [1e20, 3.0, 1e5, 7.0]}, np.ones(4)), (LOST,))
        assert limits == figure.panels[0].axes.get_ylim() == pytest.approx((0, 1.3 * 2.4))

    def test_unknown_limits_only_grow_and_never_beyond_ten_times_the_start(self):
        figure = drawn(None, start_loss=None)
        tops = []
        for loss in ([1.0], [1.0, 0.1], [1.0, 3.0], [1.0, 1e20], [1.0, 0.5]):
            figure.draw(Curves({"loss": loss}, np.ones(2)))
            tops.append(figure.panels[0].axes.get_ylim()[1])
        assert tops == sorted(tops)
        assert tops[0] == 1.2
        assert tops[-1] <= 15

    def test_a_negative_loss_is_in_view(self):
        bottom, top = drawn(Curves({"loss": [-1.0, -7.0]}, np.ones(2))).panels[0].axes.get_ylim()
        assert bottom < -7 < 0 <= top

    @pytest.mark.parametrize("start_loss", [None, 2.4, 0.0, -1.0, math.nan, math.inf])
    @pytest.mark.parametrize(
        "loss", [[math.nan], [math.inf, 1.0], [1e308, -1e308], [0.0], [1.0, math.nan, 2.0]]
    )
    def test_any_loss_can_be_drawn(self, loss, start_loss):
        curves = Curves({"loss": loss, "val_loss": loss}, np.full(len(loss), math.nan))
        limits = drawn(curves, pinned=(curves,), start_loss=start_loss).panels[0].axes.get_ylim()
        assert np.isfinite(limits).all()

    @pytest.mark.parametrize("rate", [0.0, 1e-30, 1e30, math.inf, math.nan])
    def test_any_rate_can_be_drawn_on_the_same_axis(self, rate):
        figure = drawn(Curves({"loss": [1.0]}, np.full(3, rate)), intended=np.full(3, rate))
        assert figure._rate_axes.get_ylim() == (1e-5, 10)

    def test_a_diverged_run_ends_at_its_break(self):
        figure = drawn(LOST)
        assert figure.panels[0]._train.get_xdata().tolist() == [0, 1, 2]
        assert figure.panels[0]._break.get_xdata().tolist() == [2]

    def test_what_leaves_the_view_is_marked_at_the_edge(self):
        figure = drawn(Curves({"loss": [1.0, 9.0, 1.0, 7.0]}, np.ones(4)))
        _, above = figure._triangles[figure.panels[0].axes]
        assert above.get_xdata().tolist() == [2, 4]
        assert figure._furthest[figure.panels[0].axes][0][2] == "up to 9"

    def test_a_rate_is_drawn_as_stairs_from_the_step_on_which_it_changes(self):
        figure = drawn(Curves({"loss": [1.0, 1.0]}, np.repeat([1.0, 0.5, 0.25], [5, 10, 5])))
        x, y = figure._rate.get_data()
        assert x.tolist() == [0, 0.5, 0.5, 1.5, 1.5, 2]
        assert y.tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25]

    def test_it_can_be_drawn_in_another_thread(self):
        pngs = []
        thread = threading.Thread(target=lambda: pngs.append(drawn(GOOD, pinned=(SLOW,)).png()))
        thread.start()
        thread.join()
        assert pngs == [drawn(GOOD, pinned=(SLOW,)).png()]

    def test_dollars_in_a_label_are_only_dollars(self):
        drawn(GOOD, pinned=(Curves(SLOW.history, np.ones(3), r"$\nonsense{$"),))

    def test_many_pins_get_labels_that_do_not_overlap(self):
        pins = [Curves({"loss": [1.0] * 4}, np.ones(4), str(i)) for i in range(8)]
        figure = drawn(GOOD, pinned=pins)
        heights = sorted(t.get_position()[1] for t in figure._kept if hasattr(t, "get_text"))
        assert len(heights) == 9
        assert (np.diff(heights) >= 16.9).all()

    @pytest.mark.parametrize("size", [(760, 460), (380, 460)])
    @pytest.mark.parametrize(
        "label",
        [
            "SGD 0.1",
            "SGD Nesterov 0.03, momentum 0.95, weight decay 0.004, batch 512",
            "inverse time 0.125, ÷ (1 + 0.35) in 12 epochs",
            "W" * 30,
        ],
    )
    def test_a_long_label_is_in_the_picture_as_a_whole(self, label, size):
        pins = [Curves({"loss": [1.0] * 4}, np.ones(4), label)]
        figure = CurvesFigure(4, start_loss=2.3, size=size)
        figure.draw(GOOD, pins)
        texts = [t for t in figure._kept if hasattr(t, "get_text")]
        boxes = [text.get_window_extent(figure.screen.renderer) for text in texts]
        assert max(box.x1 for box in boxes) < size[0]
        words = "".join(t.get_text() for t in texts if t.get_text() != "untrained")
        assert words.replace(" ", "") == label.replace(" ", "")

    def test_many_long_labels_take_fewer_lines_each(self):
        pins = [Curves({"loss": [1.0] * 4}, np.ones(4), f"run {k}, " * 4) for k in range(8)]
        figure = drawn(GOOD, pinned=pins)
        texts = [t for t in figure._kept if hasattr(t, "get_text")]
        heights = sorted(text.get_position()[1] for text in texts)
        assert len(heights) == 9
        assert (np.diff(heights) >= 16.9).all()
        assert heights[-1] < figure.panels[0].axes.bbox.y1

    def test_a_frame_is_small(self):
        step = np.repeat([1.0, 0.1], 20)
        assert len(drawn(GOOD, pinned=(SLOW, LOST), intended=step).png()) < 25_000


@pytest.mark.parametrize(
    ("start_loss", "labels"),
    [
        (2.3, ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
        (6.5e5, ["0", "2e5", "4e5", "6e5", "8e5"]),
        (6.5e7, ["0", "2e7", "4e7", "6e7", "8e7"]),
    ],
)
def test_large_losses_have_short_labels(start_loss, labels):
    figure = CurvesFigure(3, start_loss=start_loss)
    figure.draw(Curves({"loss": [start_loss]}, np.full(3, 0.1)))
    shown = [label.get_text() for label in figure.panels[0].axes.get_yticklabels()]
    assert [words for words in shown if words in labels] == labels
    assert max(map(len, shown)) <= 3
    assert figure.panels[0].axes.yaxis.get_offset_text().get_text() == ""


class TestLogScale:
    def height(self, figure, loss):
        return figure.panels[0].axes.transData.transform((1, loss))[1]

    def low(self, *losses):
        return Curves({"loss": losses}, np.full(len(losses), 0.1))

    def test_equal_ratios_are_equally_far_apart(self):
        figure = drawn(self.low(1.0, 0.1, 0.03), loss_scale="log")
        down = self.height(figure, 1.0) - self.height(figure, 0.1)
        assert down == pytest.approx(self.height(figure, 0.1) - self.height(figure, 0.01))
        line = (
            figure.panels[0]
            ._train.get_path()
            .transformed(figure.panels[0]._train.get_transform())
            .vertices
        )
        assert line[2, 1] == pytest.approx(self.height(figure, 0.1))

    def test_it_reaches_down_to_a_hundredth_of_the_start_and_no_further_than_it_has_to(self):
        figure = drawn(self.low(1.0, 0.5), loss_scale="log")
        assert figure.panels[0].axes.get_ylim() == pytest.approx((0.01, 1.3 * 2.4))
        figure.draw(self.low(1.0, 0.002))
        assert figure.panels[0].axes.get_ylim()[0] == pytest.approx(0.001)
        figure.draw(self.low(1.0, 0.5))
        assert figure.panels[0].axes.get_ylim()[0] == pytest.approx(0.001), "it does not jump back"

    def test_without_a_start_it_grows_with_what_it_shows(self):
        figure = drawn(self.low(0.5, 0.2), start_loss=None, loss_scale="log")
        bottom, top = figure.panels[0].axes.get_ylim()
        assert bottom <= 0.005
        assert top >= 0.5

    @pytest.mark.parametrize("losses", [(1.0, 0.0), (1.0, -3.0), (0.0, 0.0), (-1.0, -2.0)])
    @pytest.mark.parametrize("start_loss", [2.4, None])
    def test_a_loss_of_nought_or_less_lies_at_the_end(self, losses, start_loss):
        figure = drawn(self.low(*losses), start_loss=start_loss, loss_scale="log")
        bottom, top = figure.panels[0].axes.get_ylim()
        assert 0 < bottom < top
        assert figure.panels[0]._train.get_ydata()[-1] < bottom, (
            "the line leaves the view: no floor"
        )
        below, _ = figure._triangles[figure.panels[0].axes]
        assert len(below.get_xdata()) == 1
        assert bottom < below.get_ydata()[0] < bottom * (top / bottom) ** 0.1
        assert len(figure.panels[0]._train_end.get_xdata()) == 0
        assert figure._furthest[figure.panels[0].axes][0][2] == f"down to {min(losses):g}"

    def test_a_tiny_loss_does_not_take_all_the_room(self):
        figure = drawn(self.low(1.0, 1e-300), loss_scale="log")
        assert figure.panels[0].axes.get_ylim()[0] >= 1e-8

    def test_what_is_above_is_marked_at_the_edge(self):
        figure = drawn(self.low(1.0, 1e6, 1.0), loss_scale="log")
        ((x, y),) = figure._triangles[figure.panels[0].axes][1].get_xydata()
        assert x == 2
        assert 2.4 < y < figure.panels[0].axes.get_ylim()[1]

    def test_labels_are_short(self):
        figure = drawn(self.low(1.0, 1e-6), loss_scale="log")
        shown = [label.get_text() for label in figure.panels[0].axes.get_yticklabels()]
        assert {"1", "0.01", "1e-6"} <= set(shown)


def test_the_word_for_a_divergence_stands_clear_of_the_line_of_the_untrained_model():
    lost = Curves({"loss": [math.nan]}, np.full(1, 0.1), verdict="diverged")
    figure = drawn(lost)
    row = round(figure.size[1] - figure.panels[0].axes.transData.transform((0, 2.4))[1])
    right_of_the_mark = pixels(figure)[row - 1 : row + 2, 84 + 12 : 84 + 90].sum(axis=-1)
    assert right_of_the_mark.min() > 300, "no ink of letters on the dotted line"


class TestMetrics:
    RUN = Curves(
        {
            "loss": [2.0, 1.0],
            "val_loss": [2.5, 1.5],
            "accuracy": [0.5, 1],
            "val_accuracy": [0.4, 0.9],
        },
        np.full(4, 0.1),
    )

    def test_an_accuracy_has_a_fixed_axis_from_0_to_1_and_no_start(self):
        for scale in ("linear", "log"):
            (panel,) = drawn(self.RUN, metrics=["accuracy"], loss_scale=scale).panels
            assert panel.axes.get_ylim() == pytest.approx((0, 1.04))
            assert panel._train.get_xydata().tolist() == [[1, 0.5], [2, 1]]
            assert panel._val.get_ydata().tolist() == [0.4, 0.9]

    def test_where_the_loss_is_lost_the_metric_ends(self):
        history = {"loss": [1.0, math.nan, math.nan], "accuracy": [0.5, 0.3, 0.1]}
        (panel,) = drawn(Curves(history, np.ones(3)), metrics=["accuracy"]).panels
        assert panel._break.get_xydata().tolist() == [[2, 0.3]]

    def test_a_metric_that_is_missing_leaves_its_axes_empty(self):
        figure = drawn(self.RUN, metrics=["auc", "loss"], pinned=(self.RUN,))
        assert len(figure.panels[0]._train.get_xdata()) == 0

    def test_several_stand_one_above_the_other(self):
        upper, lower = drawn(self.RUN, metrics=["loss", "accuracy"], size=(760, 590)).panels
        assert upper.axes.bbox.y0 > lower.axes.bbox.y1
        assert upper.axes.bbox.x0 == lower.axes.bbox.x0

    def test_words_say_how_far_it_went(self):
        assert describe(self.RUN, 2, metrics=["accuracy"]) == (
            "Training accuracy goes from 0.5 to 1, its lowest is 0.5, its highest 1; validation "
            "accuracy goes from 0.4 to 0.9, its lowest is 0.4, its highest 0.9. "
            "The learning rate is 0.1 throughout."
        )
        assert "There is no auc." in describe(self.RUN, 2, metrics=["auc"])


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 10, 15, 37, 100, 1000])
def test_the_epoch_axis_has_at_most_eleven_ticks(epochs):
    ticks = CurvesFigure(epochs)._rate_axes.get_xticks()
    assert 2 <= len(ticks) <= 11
    assert ticks[-1] <= epochs


class TestDescribe:
    @pytest.mark.parametrize(
        ("run", "epochs", "says"),
        [
            (GOOD, 4, "Training loss falls from 1.6 to 0.2 in 4 epochs."),
            (GOOD, 9, "in 4 epochs of 9."),
            (GOOD, 4, "The learning rate is 0.1 throughout."),
            (Curves({"loss": [1.0]}, np.ones(1)), 5, "Training loss is 1 after 1 epoch of 5."),
            (Curves({"loss": [2.31, 2.32]}, np.ones(2)), 2, "hardly moves, from 2.31 to 2.32"),
            (Curves({"loss": [1.0, 2.0]}, np.ones(2)), 2, "rises from 1 to 2"),
            (
                Curves({"loss": [2, 1], "val_loss": [3, math.nan]}, np.ones(2)),
                2,
                "validation loss ends at 3.",
            ),
            (LOST, 4, "The run diverged: training loss starts at 1.4 and is lost in 4 epochs."),
            (Curves({"loss": [math.nan]}, np.ones(1)), 1, "never a finite number"),
            (
                Curves({"loss": [1, 1e9]}, np.ones(2), verdict="diverged"),
                2,
                "starts at 1 and ends at 1e9",
            ),
            (Curves({"loss": []}, np.empty(0)), 4, "No epoch is trained yet."),
        ],
    )
    def test_it_says_what_the_loss_does(self, run, epochs, says):
        assert says in describe(run, epochs)

    @pytest.mark.parametrize(
        ("rates", "says"),
        [
            ([0.8, 0.8, 0.4, 0.2], "The learning rate falls from 0.8 to 0.2 in 2 steps."),
            ([0.1, 0.01], "falls from 0.1 to 0.01 in 1 step."),
            (np.geomspace(1e-5, 1, 100), "The learning rate rises from 1e-5 to 1."),
            ([0.1, 1.0, 0.01], "goes from 0.1 to 0.01, always between 0.01 and 1."),
            ([0.009999999776] * 2, "The learning rate is 0.01 throughout."),
        ],
    )
    def test_it_says_what_the_rate_does(self, rates, says):
        assert describe(Curves({"loss": [1, 1]}, np.asarray(rates)), 2).endswith(says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"epochs": None}, "epochs=None"),
        ({"theme": "sepia"}, "theme='sepia'"),
        ({"loss_scale": "logit"}, "loss_scale='logit'"),
        ({"size": (100, 100)}, r"size=\(100, 100\)"),
        ({"rates": (0, 1)}, r"rates=\(0, 1\)"),
        ({"rates": (1, 0.1)}, "factor of 10"),
        ({"metrics": "loss"}, "metrics='loss'"),
        ({"metrics": []}, "one or more names"),
        ({"metrics": ["val_loss"]}, 'without "val_"'),
    ],
)
def test_an_argument_that_cannot_work_is_said_at_the_door(arguments, says):
    with pytest.raises(ValueError, match=says):
        CurvesFigure(**{"epochs": 3, **arguments})
