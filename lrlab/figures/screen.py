"""What makes a frame quick: a figure's pixels, kept between frames and encoded with a palette."""

import functools
import io
import math
import zlib
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from lrlab.figures.ink import FONT, THEMES, Theme

__all__ = ["Screen", "typeface"]

_LINE_HEIGHT = 17  # pixels


class Screen:
    """The pixels of a figure: a background that is kept, what is drawn over it, the PNG of both.

    Matplotlib's own regions would restore as fast; but kept as an array, the background tells which
    pixels have changed, and only those are looked up in the palette. A number takes Matplotlib 1 ms
    to write, so `write` has Pillow do it.

    Args:
        figure: A figure without a canvas; it is given one.
        theme: The palette of the PNG.
    """

    def __init__(self, figure: Figure, theme: Theme) -> None:
        self._canvas = cast(Any, FigureCanvasAgg(figure))
        self.renderer = self._canvas.get_renderer()
        self._pixels = np.asarray(self._canvas.buffer_rgba()).view("<u4")[..., 0]
        self._palette, self._nearest = _palette(theme)

    def keep(self) -> None:
        """Render the figure and keep it as the background."""
        self._canvas.draw()
        self._background = self._pixels.copy()
        self._background_indices = self._indices(self._background)

    def restore(self) -> None:
        """Wipe what was drawn over the background."""
        np.copyto(self._pixels, self._background)

    def write(self, x: float, y: float, words: str, colour: str, ha: str = "left") -> None:
        """Write on a baseline from a place in pixels from the lower left corner.

        With `ha` the place is the words' "right" end or their "center", as in Matplotlib.
        """
        if not words:
            return
        mask = _mask(words)
        height, width = mask.shape
        row = len(self._pixels) - round(y) - _LINE_HEIGHT + 5
        column = round(x) - {"left": 0, "center": width // 2, "right": width}[ha]
        place = self._pixels[row : row + height, max(column, 0) : column + width]
        under = place.view(np.uint8).reshape(*place.shape, 4)[..., :3]
        ink = np.array(to_rgb(colour)) * 255
        cover = mask[: place.shape[0], : place.shape[1], None]
        under[:] = under + (ink - under) * cover

    def png(
        self, other: "Screen | None" = None, *, below: bool = False, with_palette: bool = True
    ) -> bytes:
        """All pixels as a PNG file, in the colours of the theme or in all there are.

        Those of a screen as high can stand to the right, those of a narrower one below, in the
        middle, in the colours of the theme.
        """
        if not with_palette:
            pixels = self._pixels.view(np.uint8).reshape(*self._pixels.shape, 4)[..., :3]
            return _encoded(Image.fromarray(np.ascontiguousarray(pixels)), zlib.Z_DEFAULT_STRATEGY)
        indices = self._changed_indices()
        if other is not None:
            more = other._changed_indices()
            if below:
                spare = indices.shape[1] - more.shape[1]
                sides = spare // 2, spare - spare // 2
                more = np.pad(more, ((0, 0), sides), constant_values=more[0, 0])  # its background
            indices = (np.vstack if below else np.hstack)([indices, more])
        image = Image.fromarray(indices)
        image.putpalette(self._palette)
        return _encoded(image, zlib.Z_RLE)  # flat colours are runs

    def _changed_indices(self) -> np.ndarray:
        changed = np.flatnonzero(self._pixels != self._background)
        indices = self._background_indices.copy()
        indices.reshape(-1)[changed] = self._indices(self._pixels.reshape(-1)[changed])
        return indices

    def _indices(self, pixels: np.ndarray) -> np.ndarray:
        red, green, blue = pixels >> 4 & 0xF, pixels >> 8 & 0xF0, pixels >> 12 & 0xF00
        return cast(np.ndarray, self._nearest[red | green | blue])


def _encoded(image: Image.Image, strategy: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "png", compress_level=1, compress_type=strategy)
    return file.getvalue()


@functools.lru_cache
def _palette(theme: Theme) -> tuple[bytes, np.ndarray]:
    """At most 256 colours, and the nearest of them to each colour of four bits a channel.

    They are the theme's inks and their blends with the background, which antialiasing makes.
    """
    paper = np.array(to_rgb(THEMES[theme]["background"]))
    inks = [
        np.array(to_rgb(ink)) for entry in THEMES[theme].values() for ink in np.atleast_1d(entry)
    ]
    blends = [paper + (ink - paper) * np.linspace(0, 1, 23)[:, None] for ink in inks]
    palette = np.unique(np.round(np.concatenate(blends) * 255).astype(np.int32), axis=0)
    blue, green, red = np.indices((16, 16, 16)).reshape(3, -1) * 17
    every = np.column_stack([red, green, blue])
    nearest = ((every[:, None] - palette[None]) ** 2).sum(axis=-1).argmin(axis=1)
    return palette.astype(np.uint8).tobytes(), nearest.astype(np.uint8)


@functools.lru_cache
def _mask(words: str) -> np.ndarray:
    """How much of each pixel the words cover, 0 to 1; 5 rows of it are below the baseline."""
    image = Image.new("L", (math.ceil(typeface().getlength(words)) + 1, _LINE_HEIGHT))
    ImageDraw.Draw(image).text((0, _LINE_HEIGHT - 5), words, 255, typeface(), anchor="ls")
    return np.asarray(image) / np.float32(255)


@functools.lru_cache
def typeface() -> ImageFont.FreeTypeFont:
    """Return the letters of all pictures."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size=FONT["size"] * 100 / 72)
