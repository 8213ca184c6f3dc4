"""The one stored picture: a PNG file that a notebook shows, and what it shows in words."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, PngImagePlugin

from lrlab.figures.ink import THEMES, Theme, css_variables
from lrlab.figures.screen import typeface

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "WIDTH",
    "Picture",
    "address_of",
    "frame_style",
    "overlay",
    "with_caption",
    "with_overlay",
    "without_caption",
]

WIDTH = 760  # pixels that a picture takes in a page
_CAPTION, _HEIGHT = "lrlab caption", 26  # a note in the file, and pixels


@dataclass(frozen=True)
class Picture:
    r"""A picture for a notebook, with its text alternative.

    Attributes:
        png: The PNG file.
        alt: What it shows, for those who cannot see it.

    Example:
        >>> Picture(b"\x89PNG...", "A bar for each way to retrain.")
        A bar for each way to retrain.
    """

    png: bytes
    alt: str

    @classmethod
    def of(cls, figure: Figure, alt: str) -> Picture:
        """Store a Matplotlib figure, in few colours so that a notebook stays small."""
        file, small = io.BytesIO(), io.BytesIO()
        figure.savefig(file, format="png")
        few = Image.open(file).convert("RGBA").quantize(255, Image.Quantize.FASTOCTREE)
        few.save(small, "png", optimize=True)
        return cls(small.getvalue(), alt)

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        """The same file twice: most pages take a text alternative from HTML alone."""
        address = address_of(self.png)
        alt, file = html.escape(self.alt), address.partition(",")[2]
        image = f'<img alt="{alt}" width="{WIDTH}" src="{address}">'
        data = {"image/png": file, "text/html": image, "text/plain": self.alt}
        return data, {"image/png": {"width": WIDTH, "alt": self.alt}}


def with_caption(png: bytes, words: str, theme: Theme) -> bytes:
    """Write words below a picture, and a note into the file by which they can be taken away."""
    image = Image.open(io.BytesIO(png))
    colours, note, file = THEMES[theme], PngImagePlugin.PngInfo(), io.BytesIO()
    paper = Image.new("RGB", (image.width, image.height + _HEIGHT), colours["background"])
    paper.paste(image.convert("RGB"))
    place = image.width / 2, image.height + _HEIGHT / 2 - 3
    ImageDraw.Draw(paper).text(place, words, colours["faint"], typeface(), anchor="mm")
    note.add_text(_CAPTION, words)
    paper.quantize(64).save(file, "png", optimize=True, pnginfo=note)
    return file.getvalue()


def without_caption(png: bytes) -> bytes:
    """Return a picture without the words that `with_caption` has written, if it has."""
    if _CAPTION.encode() not in png:
        return png
    image, file = Image.open(io.BytesIO(png)), io.BytesIO()
    image.crop((0, 0, image.width, image.height - _HEIGHT)).save(file, "png")
    return file.getvalue()


@cache
def overlay(kind: str) -> str:
    """Return what has a page say the values of a picture under the pointer: its "js" or "css"."""
    return (Path(__file__).parent / "static" / f"overlay.{kind}").read_text(encoding="utf-8")


# Whatever else of the kind stands in the page has begun before.
_BEGIN = """
for (const place of document.querySelectorAll(".lrlab-still:not([tabindex])")) {
  const image = place.querySelector("img");
  const letters = Uint8Array.from(atob(image.src.split(",")[1]), (each) => each.charCodeAt(0));
  const bytes = new DataView(letters.buffer);
  showValues(place, image, () => bytes, { keys: true });
}
"""


def frame_style(size: tuple[int, int], theme: Theme) -> str:
    """Return the CSS of what stands around a picture of such a size, and its values."""
    width, height = size
    look = (
        f"position: relative; width: {width}px; max-width: 100%; aspect-ratio: {width} / {height}"
    )
    return f"{css_variables(theme, 'lrlab-')} {look}"


def with_overlay(png: bytes, alt: str, theme: Theme) -> str:
    """Return HTML that shows a picture of a figure, and its values under the pointer.

    It needs no kernel and no widget. Where a page takes scripts away, the picture is left.
    """
    alt, address = html.escape(alt), address_of(png)
    image = f'<img alt="{alt}" style="width: 100%; display: block" src="{address}">'
    style = frame_style(Image.open(io.BytesIO(png)).size, theme)
    return (
        f"<style>{overlay('css')}</style>"
        f'<div class="lrlab-frame lrlab-still" style="{style}">{image}</div>'
        f"<script>{{{overlay('js')}{_BEGIN}}}</script>"
    )


def address_of(png: bytes) -> str:
    """The file itself, written as an address that a page takes a picture from."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
