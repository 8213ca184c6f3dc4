"""Looks at an installation: versions, memory, a first training, widgets; a line each."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

import lrlab

__all__ = ["Finding", "findings"]

_INSTALL = 'pip install "lrlab[cpu,lab]"'
_NEEDED = "keras", "ipywidgets", "anywidget", "ipykernel", "jupyterlab"
_TENSORFLOW = "tensorflow-cpu", "tensorflow"
# What shows widgets in JupyterLab and Notebook 7, and the package that brings it.
_EXTENSIONS = {"anywidget": "anywidget", "@jupyter-widgets/jupyterlab-manager": "ipywidgets"}
_MEMORY = 1.3e9  # bytes; a notebook of the course takes some 0.9 to 1.3
_SECONDS = 300
# In a Python of its own: an end by the system, for memory or for a missing instruction, is seen.
_TRAINING = """
import time
import lrlab
digits = lrlab.data.digits()
experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
began = time.monotonic()
first = experiment.run(0.1)
between = time.monotonic()
again = experiment.run(0.1)
assert first.final == again.final, "two trainings from one start differ"
print(f"{between - began:.1f} s, the next one {1000 * (time.monotonic() - between):.0f} ms: "
      f"{first.verdict}")
"""
_SIGNALS = {
    4: "TensorFlow is built for a newer processor: use another machine, or Binder",
    9: "Mostly that is a lack of memory: close other programs and kernels",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        good: Whether the course works with it.
        words: What was found and, if that will not do, what to do.
    """

    good: bool
    words: str

    def __str__(self) -> str:
        return f"{'ok ' if self.good else 'FIX'} {self.words}"


def findings() -> Iterator[Finding]:
    """Look at one thing after another; the training, which takes some seconds, comes last."""
    yield Finding(True, f"Python {sys.version.split()[0]} with lrlab {lrlab.__version__}")
    yield _packages()
    yield _widgets()
    yield _command_of_jupyter()
    yield _memory()
    yield _training()


def _packages() -> Finding:
    """Whether what the course needs is there, in versions that lrlab takes."""
    found = {name: _version(name) for name in _NEEDED}
    found["tensorflow"] = next(filter(None, map(_version, _TENSORFLOW)), "")
    ranges = {*(requires("lrlab") or ())}
    wrong = [
        f"{name} {found[name] or 'is missing'}"
        for name in found
        if not found[name] or not _within(found[name], name, ranges)
    ]
    if wrong:
        return Finding(False, f"packages: {', '.join(wrong)}. Install them: {_INSTALL}")
    return Finding(
        True, "packages: " + ", ".join(f"{name} {found[name]}" for name in sorted(found))
    )


def _version(name: str) -> str:
    with suppress(PackageNotFoundError):
        return version(name)
    return ""


def _within(found: str, name: str, ranges: set[str]) -> bool:
    """Whether a version is one that lrlab asks for."""
    asked = (each for each in map(Requirement, ranges) if each.name in (name, f"{name}-cpu"))
    return all(each.specifier.contains(found, prereleases=True) for each in asked)


def _widgets() -> Finding:
    """Whether JupyterLab of this Python has what draws widgets in the page."""
    folder = Path(sys.prefix, "share", "jupyter", "labextensions")
    missing = []
    for extension, package in _EXTENSIONS.items():
        try:
            json.loads((folder / extension / "package.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            missing.append(package)
    if missing:
        again = f"pip install --force-reinstall --no-deps {' '.join(missing)} jupyterlab_widgets"
        return Finding(
            False, f"widgets: {folder} has no {' or '.join(missing)}: {again}, then reload the page"
        )
    return Finding(True, "widgets: JupyterLab and Notebook of this Python show them")


def _command_of_jupyter() -> Finding:
    """Whether a plain `jupyter lab` is this Python's."""
    found = shutil.which("jupyter-lab")
    here = Path(sys.executable).parent
    if found is None or Path(found).parent.resolve() == here.resolve():
        return Finding(True, f"start: lrlab lab ({here})")
    return Finding(
        False,
        f"start: `jupyter lab` would open {found}, of another Python, which has no lrlab. "
        "Use `lrlab lab`",
    )


def _memory() -> Finding:
    """How much memory is free: of the machine, or of the container."""
    free = min(_free_memory(), default=None)
    if free is None:
        return Finding(True, "memory: cannot be read here; a notebook needs 1.3 GB")
    words = f"memory: {free / 1e9:.1f} GB free"
    if free < _MEMORY:
        return Finding(False, f"{words}. Close other programs and kernels: a notebook needs 1.3 GB")
    return Finding(True, f"{words}; a notebook needs 1.3 GB")


def _free_memory() -> Iterator[float]:
    """Bytes, by each limit that there is; Linux alone tells them without a package for it."""
    with suppress(OSError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="utf-8")
        yield 1024.0 * int(re.findall(r"MemAvailable: +(\d+) kB", lines)[0])
    with suppress(OSError, ValueError):  # without a limit it says "max"
        group = Path("/sys/fs/cgroup")
        limit, used = (
            int((group / name).read_text(encoding="utf-8"))
            for name in ("memory.max", "memory.current")
        )
        yield float(limit - used)


def _training() -> Finding:
    """Train twice in a fresh Python."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRAINING],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(
            False, f"a first training: not done after {_SECONDS} s. Is the machine busy?"
        )
    if done.returncode == 0:
        return Finding(True, f"a first training: {done.stdout.strip()}")
    if done.returncode < 0:
        return Finding(
            False,
            f"a first training: ended by signal {-done.returncode}. "
            + _SIGNALS.get(-done.returncode, "Report it with all of these lines"),
        )
    last = done.stderr.strip().splitlines()[-1:] or ["no word of why"]
    return Finding(False, f"a first training: {last[0]}. If it names no remedy: {_INSTALL}")
