"""What it was measured on: versions, processor, who else uses it. No host name, no path."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.timing import Figures

_PACKAGES = {
    "TensorFlow": ("tensorflow-cpu", "tensorflow"),
    "Keras": ("keras",),
    "JAX": ("jax",),
    "NumPy": ("numpy",),
    "Matplotlib": ("matplotlib",),
    "JupyterLab": ("jupyterlab",),
    "ipykernel": ("ipykernel",),
    "livelossplot": ("livelossplot",),
    "lrlab": ("lrlab",),
}


def machine() -> Figures:
    """Return versions by name, the processor's model and its cores."""
    versions = {"Python": platform.python_version()}
    versions |= {name: _version(names) for name, names in _PACKAGES.items()}
    versions["Chromium"] = _chromium()
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "versions": {name: number for name, number in versions.items() if number},
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "system": platform.system(),
    }


def busy() -> float:
    """Return the percentage of all cores that others use, while nothing is measured here."""
    import psutil

    return float(psutil.cpu_percent(interval=2))


def _version(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            pass
    return ""


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        return ""
    said = subprocess.run([found, "--version"], check=False, capture_output=True, text=True).stdout
    number = re.search(r"\d+(\.\d+)+", said)
    return number.group() if number else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
