"""The door to HTML: a card with what became of an answer, in which what it quotes cannot act."""

from __future__ import annotations

import html
import re
from typing import Literal, TypeAlias

from lrlab.figures.ink import PAGE

__all__ = ["Sign", "as_card", "as_html"]

Sign: TypeAlias = Literal["right", "wrong", "open"]

# What stands for it beside the words: a sign, and a colour of the page's theme.
_SIGNS: dict[Sign, tuple[str, str]] = {
    "right": ("✓", f"var(--jp-success-color1, {PAGE['light']['good']})"),
    "wrong": ("✗", f"var(--jp-error-color1, {PAGE['light']['bad']})"),
    "open": ("…", f"var(--jp-info-color1, {PAGE['light']['low']})"),
}


def as_card(sign: Sign, heading: str, words: str, done: str = "") -> str:
    """Return a card: a sign with a heading, words, and how many questions are done.

    Example:
        >>> as_card("right", "Right.", "The loss is `< 0.1`.", "1 of 2 done")[-84:]
        'Right.</b><br>The loss is <code>&lt; 0.1</code>.<br><small>1 of 2 done</small></div>'
    """
    mark, colour = _SIGNS[sign]
    box = f"border-left: 5px solid {colour}; font-size: 15px; max-width: 760px; padding: 2px 12px"
    head = (
        f'<b><span aria-hidden="true" style="color: {colour}">{mark}</span> {as_html(heading)}</b>'
    )
    lines = [head, *map(as_html, filter(None, [words]))]
    if done:
        lines.append(f"<small>{as_html(done)}</small>")
    # In a class of this name a page looks for no formulas: a dollar sign may be somebody's answer.
    return f'<div class="mathjax_ignore" style="{box}">{"<br>".join(lines)}</div>'


def as_html(words: str) -> str:
    """Return words as HTML that shows them as they read, `code` between backticks in its font.

    A hint quotes what somebody gave as an answer, or what a function of theirs returned, and any of
    that may look like a tag.

    Example:
        >>> as_html("It returned <built-in function print>, and `rate < 1` is wrong.")
        'It returned &lt;built-in function print&gt;, and <code>rate &lt; 1</code> is wrong.'
    """
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(words))
