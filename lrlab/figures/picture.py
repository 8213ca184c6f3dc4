"""The one stored picture: a PNG file that a notebook shows, and what it shows in words."""

import base64
import html
from dataclasses import dataclass
from typing import Any

__all__ = ["Picture"]

_WIDTH = 760  # pixels that a picture takes in a page


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

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        """The same file twice: most pages take a text alternative from HTML alone."""
        file = base64.b64encode(self.png).decode()
        alt = html.escape(self.alt)
        image = f'<img alt="{alt}" width="{_WIDTH}" src="data:image/png;base64,{file}">'
        data = {"image/png": file, "text/html": image, "text/plain": self.alt}
        return data, {"image/png": {"width": _WIDTH, "alt": self.alt}}
