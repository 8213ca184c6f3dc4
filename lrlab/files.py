"""Files that are written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file at once: whoever reads it, then or after a failure, has the old or the new one.

    Raises:
        OSError: If it cannot be written, as on a full disk; what was there is as it was.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "page.html")
        >>> write_whole(path, "<p>")
        >>> [found.name for found in path.parent.iterdir()], path.read_text()
        (['page.html'], '<p>')
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except OSError as error:
        words = f"{error.strerror}; no half of it is left. Make room, or name another place"
        raise OSError(error.errno, words, str(path)) from error
    finally:
        beside.unlink(missing_ok=True)
