"""How long until the first curve, how much memory then, and after a thousand retrainings."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from benchmarks.kernels import IMPORT_KERAS, fresh_kernel
from benchmarks.timing import QUICK_REPEATS, Figures, measured_alone
from lrlab.server import KEPT_IN

AGAIN = "first curve, where an earlier kernel has compiled it"
_IMPORT = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
_RETRAININGS = (0, 10, 100, 250, 500, 1000)

_FIRST_CURVE = """
import json, sys, time
began = time.perf_counter()
import lrlab
explorer = lrlab.StepDecayExplorer(initial_learning_rate=0.1)
controls = time.perf_counter() - began
spec = getattr(sys.modules.get("tensorflow"), "__spec__", None)
loaded = spec is not None and not spec._initializing
explorer.wait()
curve = time.perf_counter() - began
print(json.dumps({"controls": controls, "TensorFlow loaded": loaded, "first curve": curve}))
"""
_MEMORY = """
import psutil

def retrain(times):
    for _ in range(times):
        rate = explorer.initial_learning_rate
        rate.value = 0.1 if rate.value != 0.1 else 0.2
        explorer.wait()
    return psutil.Process().memory_info().rss / 2**20

print(json.dumps([retrain(times) for times in %r]))
"""


def measure(repeats: int) -> Figures:
    """Return seconds of imports and of fresh kernels, and megabytes by number of retrainings."""
    with tempfile.TemporaryDirectory() as folder:
        with fresh_kernel(**{KEPT_IN: folder}) as kernel:
            kernel.ask(_FIRST_CURVE)  # compiles, and keeps it for the kernels below
        return _measure(repeats, folder)


def _measure(repeats: int, folder: str) -> Figures:
    imports: dict[str, list[float]] = {"lrlab": [], "keras": []}
    kernels: dict[str, list[float]] = {
        "controls": [],
        "first curve": [],
        "import keras": [],
        AGAIN: [],
    }
    loaded: list[bool] = []
    counts = _RETRAININGS if repeats > QUICK_REPEATS else _RETRAININGS[:3]
    memory: list[float] = []
    for repeat in range(repeats):
        for name, taken in imports.items():
            taken.append(_import(name))
        with fresh_kernel() as kernel:
            kernels["import keras"].append(kernel.ask(IMPORT_KERAS))
        with fresh_kernel(**{KEPT_IN: folder}) as kernel:
            kernels[AGAIN].append(kernel.ask(_FIRST_CURVE)["first curve"])
        with fresh_kernel() as kernel:
            figures = kernel.ask(_FIRST_CURVE)
            loaded.append(figures.pop("TensorFlow loaded"))
            for name, seconds in figures.items():
                kernels[name].append(seconds)
            if repeat == repeats - 1:
                more = [count - done for count, done in zip(counts, (0, *counts[:-1]), strict=True)]
                memory = kernel.ask(_MEMORY % (more,))
    return {
        "imports": imports,
        "kernels": kernels,
        "TensorFlow loaded before the controls": any(loaded),
        "megabytes": dict(zip(map(str, counts), memory, strict=True)),
    }


def _import(name: str) -> float:
    """Return the seconds that an import takes in a fresh Python."""
    command = [sys.executable, "-c", _IMPORT.format(name)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(finished.stdout)


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
