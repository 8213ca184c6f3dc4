"""Many kernels at once: what four students side by side, and twenty one after another, take."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil

from benchmarks.kernels import Kernel, fresh_kernel
from benchmarks.timing import QUICK_REPEATS, Figures, measured_alone

SIDE_BY_SIDE, ONE_AFTER_ANOTHER = 4, 20
_SECONDS = 5
_FIRST = """
import json, time
began = time.perf_counter()
import lrlab
explorer = lrlab.StepDecayExplorer(initial_learning_rate=0.1)
explorer.wait()
print(json.dumps(time.perf_counter() - began))
"""
_MEMORY = """
import psutil
memory = psutil.Process().memory_full_info()
print(json.dumps([memory.rss / 2**20, memory.pss / 2**20]))
"""
# A hand on the slider: a new rate as soon as the picture of the last one is there.
_DRAG = """
began, before, moves = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - began < %r:
    rate = explorer.initial_learning_rate
    rate.value = 0.1 if rate.value != 0.1 else 0.2
    explorer.wait()
    moves += 1
taken = time.perf_counter() - began
print(json.dumps([moves / taken, (time.process_time() - before) / taken]))
"""


def _all(kernels: Sequence[Kernel], code: str) -> list[Figures]:
    """Ask all kernels at the same time."""
    with ThreadPoolExecutor(len(kernels)) as pool:
        return list(pool.map(lambda kernel: kernel.ask(code), kernels))


def _together(count: int) -> Figures:
    """Return what so many kernels side by side need, each figure a list with one of each."""
    with ExitStack() as stack:
        kernels = [stack.enter_context(fresh_kernel()) for _ in range(count)]
        first = _all(kernels, _FIRST)
        drags = _all(kernels, _DRAG % _SECONDS)
        memory = _all(kernels, _MEMORY)
    return {
        "first curve": first,
        "movements a second": [rate for rate, _ in drags],
        "cores": [cores for _, cores in drags],
        "resident": [resident for resident, _ in memory],
        "proportional": [proportional for _, proportional in memory],
    }


def measure(repeats: int) -> Figures:
    """Return figures of one kernel, of several at once, and of a row of them.

    Seconds, movements a second, cores, and megabytes: resident, and in proportion to how many
    processes share each page.
    """
    row = ONE_AFTER_ANOTHER if repeats > QUICK_REPEATS else 2
    alone, together = _together(1), _together(SIDE_BY_SIDE)
    free, first = psutil.virtual_memory().available, []
    for _ in range(row):
        with fresh_kernel() as kernel:
            first.append(kernel.ask(_FIRST))
    time.sleep(2)  # the last one is being cleared away
    return {
        "alone": alone,
        "together": together,
        "row": {
            "first curve": first,
            "processes left": len(psutil.Process().children(recursive=True)),
            "megabytes left": (free - psutil.virtual_memory().available) / 2**20,
        },
    }


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
