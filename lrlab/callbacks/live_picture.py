"""The picture in the page that follows a fit, and says its values under the pointer meanwhile."""

from pathlib import Path

import traitlets

from lrlab.figures.picture import overlay
from lrlab.widgets import Widget

__all__ = ["LivePicture"]

_SHOW = Path(__file__).parent / "static" / "live_picture.js"


class LivePicture(Widget):
    """A PNG file that is replaced as a fit goes on; the values of its curves are inside the file.

    The page reads them when somebody points at it, or presses an arrow key: a fit that keeps the
    kernel busy is not asked, and sends no more than the picture. Its `look` is CSS.
    """

    _esm = overlay("js") + _SHOW.read_text(encoding="utf-8")
    _css = overlay("css")
    value = traitlets.Bytes().tag(sync=True)
    look = traitlets.Unicode().tag(sync=True)
