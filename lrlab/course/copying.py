"""Copies of the course: its notebooks in a folder of the learner's, where they may be changed."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import lrlab
from lrlab.files import write_whole

__all__ = ["Copied", "copy_course"]

_HERE = Path(__file__).resolve().parent
# A wheel holds them beside this file. A checkout has them once, at its top, and so has an editable
# install, which is one.
_ROOT = _HERE if (_HERE / "notebooks").is_dir() else _HERE.parents[1]
_PAGES = "glossary.md", "one_hour.md", "five_verdicts.png", "coming_from_pytorch.md"
# What was copied, so that a file that nobody changed can be brought to another version.
_LIST = ".lrlab-course.json"


@dataclass(frozen=True)
class Copied:
    """What became of the files of the course in a folder, by name.

    Attributes:
        folder: Where.
        written: New there, or of another version before and never changed.
        kept: Changed by somebody, and so left as they are.
        same: Already there.
    """

    folder: Path
    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = f"{len(self.written)} files copied, {len(self.same)} already there"
        lines = [f"{self.folder}: {counts}, of lrlab {lrlab.__version__}."]
        for name in self.kept:
            version = _version_of(self.folder / name)
            of = f" (of lrlab {version})" if version not in ("", lrlab.__version__) else ""
            lines.append(f"Kept as it is, because it was changed here: {name}{of}")
        if self.kept:
            lines.append("For fresh ones name another folder.")
        return "\n".join(lines)


def copy_course(folder: str | Path) -> Copied:
    """Copy the notebooks, and the pages that they link to, into a folder.

    A file that was changed there is kept. One that was not is brought to this version. The folder
    of a checkout in which the notebooks are written is left alone.

    Args:
        folder: Where to; it is made if need be.

    Raises:
        ValueError: If something else than a folder has that name.
        OSError: If one cannot be written. Called again, it goes on with that one.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> copied = copy_course(folder)
        >>> copied.written[0], copied.kept
        ('00_start_here.ipynb', [])
        >>> copy_course(folder).written
        []
    """
    folder = Path(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"The course is copied into a folder. Received: {folder}, which is none.")
    done = Copied(folder)
    files = _files()
    if folder == _ROOT / "notebooks":
        done.same.extend(files)
        return done
    before = _digests_in(folder)
    now = before | {name: _digest(content) for name, content in files.items()}
    for name, content in files.items():
        path = folder / name
        there = _digest(path.read_bytes()) if path.is_file() else None
        if there == now[name]:
            done.same.append(name)
        elif (there is None and not path.exists()) or there == before.get(name, ""):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            done.written.append(name)
        else:
            done.kept.append(name)
            now.pop(name)
    write_whole(folder / _LIST, json.dumps(now, indent=1) + "\n")
    return done


def _files() -> dict[str, bytes]:
    """The course by the names that its files have in a copy, where one folder holds all."""
    notebooks = {p.name: p.read_bytes() for p in sorted(_ROOT.glob("notebooks/*.ipynb"))}
    found = {name: text.replace(b"](../docs/", b"](docs/") for name, text in notebooks.items()}
    for name in _PAGES:
        page = (_ROOT / "docs" / name).read_bytes()
        found[f"docs/{name}"] = page.replace(b"](../notebooks/", b"](../")
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digests_in(folder: Path) -> dict[str, str]:
    """What was copied into it; nothing, if its list is missing or damaged."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / _LIST).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {str(name): str(digest) for name, digest in found.items()}
    return {}


def _version_of(notebook: Path) -> str:
    """The version of lrlab that a notebook says it belongs to; nothing, if it says none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["lrlab"]["version"])
    return ""
