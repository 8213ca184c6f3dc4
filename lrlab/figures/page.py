"""A page that stands by itself, in the colours of the pictures, light or dark as its reader is."""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from lrlab.figures.ink import THEMES, css_variables

__all__ = ["filled_page"]

_HEAD = Path(__file__).parent / "static" / "page_head.html"


def filled_page(template: Path, title: str, parts: Mapping[str, str]) -> str:
    """Return a page: its template, with what belongs in the place of each `{{name}}`.

    Args:
        template: A file of HTML, with `{{head}}` where the head has what all pages share, and
            `{{title}}` wherever else that is to stand.
        title: Plain text.
        parts: HTML, by the names that stand in the template.
    """
    given = {theme: css_variables(theme) for theme in THEMES} | {"title": html.escape(title)}
    head = _filled(_HEAD, given).rstrip()
    return _filled(template, {**given, "head": head, **parts})


def _filled(template: Path, parts: Mapping[str, str]) -> str:
    text = template.read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], text)
