"""What all figures that move have in common, whatever they show."""

import io

import numpy as np
import pytest
from matplotlib.transforms import Bbox
from PIL import Image

from lrlab.figures import (
    BoundaryFigure,
    BowlFigure,
    Curves,
    CurvesFigure,
    FineTuningFigure,
    FittedFigure,
    HeatMap,
    Measured,
    RangeFigure,
    SamplesFigure,
    SharpnessFigure,
)
from lrlab.figures.plot import WIDTHS
from lrlab.figures.screen import Screen, _mask
from lrlab.quadratic import Descent

NAN, INF = np.nan, np.inf
RATES = np.geomspace(0.01, 10, 5)
POINTS = np.random.default_rng(0).normal(size=(30, 2))


def run(*losses, rate=0.1, label=""):
    history = {"loss": losses, "val_loss": losses[::-1], "auc": losses}
    return Curves(history, np.full(len(losses), rate), label)


LOST = run(1.0, 9.0, NAN, label="0.1")


def measured(*losses, **final):
    smoothed = np.array(losses)
    return Measured(RATES, smoothed, smoothed, 0.1, {0.1: [0.5, NAN], 1.0: [INF, 0.2]})


def heat_map(**look):
    return HeatMap([1, 2], [3, 4], row_label="up", column_label="across", value_label="v", **look)


# By name: how a figure is made, and what it is given to draw in turn: the usual, and what is lost,
# infinite, below 0 or missing.
FIGURES = {
    "curves": (
        lambda **look: CurvesFigure(3, start_loss=2.0, **look),
        [
            (run(1.5, 0.7, 0.3),),
            (run(1.0, NAN, INF),),
            (run(1e308, -1e308, 1.0),),
            (run(1.5, 9.0, 0.123),),
            (None,),
        ],
    ),
    "pinned curves": (
        lambda **look: CurvesFigure(3, start_loss=2.0, **look),
        [(now, (LOST,), np.ones(3)) for now in (LOST, run(*[0.0123] * 3, rate=1e9))],
    ),
    "logarithmic curves": (
        lambda **look: CurvesFigure(3, start_loss=2.0, loss_scale="log", **look),
        [(run(1.5, 0.7, 0.3),), (run(1.0, NAN, INF),), (run(0.0, -1.0, 1e9),), (None,)],
    ),
    "two metrics": (
        lambda **look: CurvesFigure(
            3, start_loss=2.0, metrics=["loss", "auc"], size=(760, 590), **look
        ),
        [(run(1.5, 0.7, 0.3),), (run(1.0, NAN, INF),), (None,)],
    ),
    "curves of many epochs": (
        lambda **look: CurvesFigure(10_000, start_loss=2.0, **{"size": (700, 320), **look}),
        [(run(*[0.0123] * 10_000), (), np.ones(3))],
    ),
    "sharpness": (
        lambda **look: SharpnessFigure(3, highest=10.0, start_loss=2.0, **look),
        [
            (run(1.5, 0.7, 0.3), (), np.full(3, 4.0)),
            (run(1.0, 1.0, 1.0, rate=99.0), (), np.full(3, 20.0)),
        ],
    ),
    "fine-tuning": (
        lambda **look: FineTuningFigure(3, start_loss=2.0, **look),
        [(run(1.5, 0.7, 0.3, rate=rate), (), np.ones(3)) for rate in (0.9, 0.0, NAN)],
    ),
    "range test": (
        lambda **look: RangeFigure(2.0, **look),
        [(measured(2, 1, 0.5, 1, 9),), (measured(2, NAN, INF, 1e31, 1),), (measured(*[NAN] * 5),)],
    ),
    "range test below 0": (
        lambda **look: RangeFigure(-1.0, **look),
        [(measured(-1.0, -1.05, -1.02, 0.0, INF),), (measured(*[-1.01] * 5),)],
    ),
    "heat map": (
        heat_map,
        [([[1.0, 2.0], [3.0, 4.0]],), ([[NAN, INF], [-1.0, 0.0]], (0, 1)), ([[NAN] * 2] * 2,)],
    ),
    "plane": (
        lambda **look: BoundaryFigure(POINTS, POINTS[:, 0] > 0, **look),
        [(np.arange(10_000) % 2,), (np.full(10_000, -1),)],
    ),
    "fitted curve": (
        lambda **look: FittedFigure(POINTS[:, :1], POINTS[:, 1], **look),
        [(np.linspace(-1, 1, 121),), (np.full(121, NAN),), (np.full(121, 1e30),)],
    ),
    "images": (
        lambda **look: SamplesFigure(np.eye(64)[:20], np.arange(20) % 3, **look),
        [(np.arange(20) % 2,), (np.full(20, -1),), (np.arange(20) % 3,)],
    ),
    "parabola": (
        lambda **look: BowlFigure(1, **look),
        [(Descent((1.25,), (1.0,), rate),) for rate in (0.1, 2.0, 1e6)],
    ),
    "valley": (
        lambda **look: BowlFigure(2, **look),
        [(Descent((1.6, 1.0), (0.1, 1.0), rate, momentum=0.5),) for rate in (0.1, 2.0, 1e6)],
    ),
}

every_figure = pytest.mark.parametrize(("make", "shown"), FIGURES.values(), ids=FIGURES)
# Those for a narrow page, too: what stands beside the curves has one size.
SEVERAL_WIDTHS = FIGURES.keys() - {"two metrics", "plane", "fitted curve", "images"}
every_width = pytest.mark.parametrize(
    ("make", "shown", "look"),
    [
        pytest.param(*figure, {"size": (width, 460)} if width else {}, id=f"{name} {width}")
        for name, figure in FIGURES.items()
        for width in (0, *WIDTHS[1:] * (name in SEVERAL_WIDTHS))
    ],
)
every_theme = pytest.mark.parametrize("theme", ["light", "dark"])


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def background(figure):
    """The pixels that stay from frame to frame."""
    figure._begin()
    return np.array(figure.screen._pixels)


@every_figure
@every_theme
def test_a_frame_depends_on_what_it_shows_alone(make, shown, theme):
    figure, alone = make(theme=theme), []
    for given in shown:
        fresh = make(theme=theme)
        fresh.draw(*given)
        alone.append(fresh.png())
    frames = [*zip(shown, alone, strict=True)]
    for given, expected in [*frames, *reversed(frames)]:
        figure.draw(*given)
        assert figure.png() == expected


@every_figure
@every_theme
def test_what_moves_is_never_in_the_background(make, shown, theme):
    figure = make(theme=theme)
    figure.draw(*shown[0])
    clean = background(figure)
    for given in shown:
        figure.draw(*given)
        assert figure._moving
        assert all(artist.get_animated() for artist in figure._moving)
        if given[0] is not None:
            assert (figure.screen._pixels != clean).any()
        assert (background(figure) == clean).all()
        figure._stale = True  # so that it is rendered while the lines lie where they do
        assert (background(figure) == clean).all()


@every_figure
def test_drawing_makes_no_new_artists(make, shown):
    figure = make()
    figure.draw(*shown[0])
    before = figure._figure.findobj()
    for given in shown:
        figure.draw(*given)
    assert figure._figure.findobj() == before


@every_figure
@every_theme
def test_it_has_the_paper_of_its_theme_and_a_picture_before_the_first_frame(make, shown, theme):
    figure = make(theme=theme)
    paper = {"light": 255, "dark": 17}[theme]
    empty = pixels(figure.png())
    assert empty.shape[:2] == figure.size[::-1]
    assert (empty[0, 0] == paper).all()
    figure.draw(*shown[0])
    assert (pixels(figure.png())[0, 0] == paper).all()


@every_figure
def test_its_words_are_in_the_picture(make, shown):
    figure = make()
    figure.draw(*shown[0])
    width, height = figure.size
    for text in filter(lambda text: text.get_text(), figure._figure.texts):
        box = text.get_window_extent(figure.screen.renderer)
        assert 0 <= box.x0 <= box.x1 <= width, text
        assert 0 <= box.y0 <= box.y1 <= height, text


@every_width
def test_no_words_cover_others(make, shown, look, monkeypatch):
    """Neither those that stay nor those that move, whatever is lost or beyond the axes."""
    boxes = {}

    def note(screen, x, y, words, colour, ha="left"):
        across = _mask(words).shape[1] if words else 0
        left = x - {"left": 0, "center": across / 2, "right": across}[ha]
        boxes[words] = Bbox.from_extents(left, y - 3, left + across, y + 9)

    monkeypatch.setattr(Screen, "write", note)
    for given in shown:
        figure = make(**look)
        width, height = figure.size
        boxes.clear()
        figure.draw(*given)
        legends = [text for legend in figure._figure.legends for text in legend.get_texts()]
        for text in [*figure._figure.texts, *legends]:
            boxes[text.get_text()] = text.get_window_extent(figure.screen.renderer)
        for axes in filter(lambda axes: axes.axison, figure._figure.axes):
            (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
            for axis, least, most in ((axes.xaxis, left, right), (axes.yaxis, low, high)):
                for tick in axis.get_major_ticks():
                    if least <= tick.get_loc() <= most:
                        words = f"{tick.label1.get_text()} at {tick.get_loc():g} of {axis}"
                        boxes[words] = tick.label1.get_window_extent(figure.screen.renderer)
        seen = [(words, box) for words, box in boxes.items() if words and box.width]
        for number, (words, box) in enumerate(seen):
            assert [w for w, other in seen[number + 1 :] if box.overlaps(other)] == [], words
            assert 0 <= box.x0 <= box.x1 <= width, words
            assert 0 <= box.y0 <= box.y1 <= height, words


@every_figure
def test_another_theme_is_refused(make, shown):
    with pytest.raises(ValueError, match=r"one of \['light', 'dark'\]. Received: theme='sepia'"):
        make(theme="sepia")
