"""What the work of an explorer hands on to be shown, and the sizes in which a picture comes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

Shown = TypeVar("Shown")


@dataclass(frozen=True, eq=False)
class Frame(Generic[Shown]):
    """Something for an explorer to show.

    Attributes:
        shown: What is drawn, and kept by a pin; None where there is nothing to pin yet.
        words: What stands below the picture, as HTML with <b> and <br>, in which any other tag is
            shown as text; None leaves the words that are there.
        settings: What it was made with, if not with the settings that the work was asked for.
        always: Whether it is drawn in any case, as what the work was for is. Other frames are left
            out where they come too fast, or where newer work waits.
    """

    shown: Shown
    words: str | None = None
    settings: Any = None
    always: bool = False


class Layout(NamedTuple):
    """Width and height of a picture in pixels, and the width of the figure in it."""

    width: int
    height: int
    figure_width: int


# What it says (plain text), what it shows, or None for a place to stop.
Work: TypeAlias = Generator[str | Frame[Shown] | None, None, None]
