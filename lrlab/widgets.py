"""The base of every widget that has JavaScript of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

__all__ = ["Widget"]

# Before the JavaScript of every widget, which may use what it defines.
_MISS_NOTHING = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_BEGINS = "export default {"


class Widget(anywidget.AnyWidget):
    """An `AnyWidget` that misses nothing of what the kernel says, however slow its page is.

    Its `_esm` is text, and exports an object that has no `initialize`.

    Example:
        >>> class Note(Widget):
        ...     _esm = "export default { render({ el }) { el.textContent = 'Hello'; } };"
        >>> "initialize: missNothing" in Note()._esm
        True
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        # Of a class that has one of its own; ipywidgets makes a trait of it.
        if isinstance(vars(cls).get("_esm"), str):
            before, begins, after = cls._esm.partition(_BEGINS)
            cls._esm = f"{_MISS_NOTHING}{before}{begins} initialize: missNothing,{after}"
        super().__init_subclass__(**settings)
