"""A sweep's grid here, and what a second worker is worth."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial

import lrlab.backend

import numpy as np
from dask.distributed import Client, LocalCluster

import lrlab
from benchmarks.cases import digits_mlp
from benchmarks.timing import QUICK_REPEATS, Figures, measured_alone, seconds

RATES = np.geomspace(0.001, 1, 25).tolist()
FACTORS = np.linspace(0.1, 1, 11).tolist()
WORKERS = (1, 2)
SECONDS = 80.0  # of work for one worker, as its first runs tell; the later ones are quicker


def measure(repeats: int) -> Figures:
    """Return the seconds of the grid, and those of as many CNN runs with one and two workers."""
    experiment = digits_mlp().experiment()
    grid = [lrlab.StepDecay(rate, factor, 5) for rate in RATES for factor in FACTORS]
    here = partial(lrlab.sweep, experiment, grid, progress=False)
    figures: Figures = {"runs": len(grid), "first": seconds(here)}
    figures["times"] = [seconds(here) for _ in range(repeats)]
    return figures | {"workers": _workers(repeats)}


@contextmanager
def _workers_of_dask(count: int) -> Iterator[Executor]:
    """Run a scheduler and so many workers, processes of one thread, on this machine."""
    options = {"threads_per_worker": 1, "memory_limit": None, "dashboard_address": "127.0.0.1:0"}
    cluster = LocalCluster(n_workers=count, **options)  # type: ignore[no-untyped-call]
    with cluster, Client(cluster) as client:  # type: ignore[no-untyped-call]
        yield client.get_executor()


def _workers(repeats: int) -> Figures:
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.cnn(digits), digits, epochs=5)
    with _workers_of_dask(1) as one, _workers_of_dask(2) as two:
        pools = dict(zip(WORKERS, (one, two), strict=True))

        def sweep(pool: Executor, rates: Sequence[float]) -> None:
            lrlab.sweep(experiment, rates, executor=pool, progress=False)

        first, run = {}, 0.0
        for count, pool in pools.items():
            # The second time both have surely compiled: each has had a run to itself.
            warm = partial(sweep, pool, np.geomspace(0.01, 0.1, 4 * count).tolist())
            first[str(count)] = seconds(warm)
            run = max(run, seconds(warm) / 4)
        wanted = SECONDS if repeats > QUICK_REPEATS else SECONDS / 10
        runs = 2 * max(2, round(wanted / run / 2))
        rates = np.geomspace(0.01, 0.1, runs).tolist()
        times: dict[str, list[float]] = {str(count): [] for count in WORKERS}
        for _ in range(repeats):
            for count, pool in pools.items():
                times[str(count)].append(seconds(partial(sweep, pool, rates)))
    middle = statistics.median(times["1"])
    return {"runs": runs, "seconds of work": middle, "first": first, "times": times}


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
