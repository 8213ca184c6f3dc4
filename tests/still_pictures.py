"""What the tests of still pictures share."""

import io
from unittest import mock

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lrlab.figures import Picture


def drawn_by(draw) -> Figure:
    """The Matplotlib figure behind a still picture."""
    with mock.patch.object(Picture, "of", side_effect=lambda figure, alt: figure):
        return draw()


def check_file(picture):
    """It is small, as wide as a page shows it, and the same the next time."""
    bundle, about = picture._repr_mimebundle_()
    assert Image.open(io.BytesIO(picture.png)).width == about["image/png"]["width"] == 760
    assert bundle["text/plain"] == repr(picture)
    assert f'alt="{picture.alt}"' in bundle["text/html"]  # none of them has a quote or a bracket
    assert bundle["image/png"] in bundle["text/html"]
    assert len(picture.png) < 40_000


def check_labels(figure: Figure):
    """All of them lie in the picture, and none covers another."""
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
    FigureCanvasAgg(figure).draw()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in filter(lambda axes: axes.get_visible(), figure.axes):
        texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
    seen = [text for text in texts if text.get_text() and text.get_visible()]
    return [(text.get_text(), text.get_window_extent()) for text in seen]
