"""The door to Markdown: words go through it as they are, and what they quote cannot act."""

from __future__ import annotations

import re

_ACTIVE = re.compile(r"[\\`*_{}\[\]()#+.!|~$-]")


def as_markdown(words: str) -> str:
    """Return words in Markdown that a page shows as they read, with no tag and no link in them.

    A hint quotes what somebody gave as an answer, or what a function of theirs returned, and any of
    that may look like a tag. In `code`, where Markdown takes no entity, a tag would end it.

    Example:
        >>> as_markdown("It returned <built-in function print>, and `rate < 1` is **wrong**.")
        'It returned &lt;built-in function print>, and <code>rate &lt; 1</code> is **wrong**.'
    """
    escaped = words.replace("&", "&amp;").replace("<", "&lt;")
    escaped = re.sub(r"\](?=[(:\[])", "&#93;", escaped)  # of a link
    return re.sub("`([^`]*&[^`]*)`", _as_html, escaped)


def _as_html(code: re.Match[str]) -> str:
    inert = _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", code[1].replace("&#93;", "]"))
    return f"<code>{inert}</code>"
