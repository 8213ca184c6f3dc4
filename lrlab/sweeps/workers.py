"""Runs spread over the workers of an executor, each of which is sent the experiment once.

A worker is sent no more than a run's settings and the name of the experiment. One that does not
know that name says so, and the run comes again with the experiment in a pickle. That takes no more
than `submit` from an executor, and a worker that starts late, or again, learns in the same way.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import queue
import sys
import threading
import uuid
from collections.abc import Generator, Mapping
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import cloudpickle

if TYPE_CHECKING:
    from lrlab.experiment.experiment import Experiment
    from lrlab.schedules import Schedule
    from lrlab.sweeps.run_file import Record

__all__ = ["RunFailed", "train_here", "train_on"]

# Data and compiled programs stay in the worker's memory.
_MOST_EXPERIMENTS = 4

_experiments: dict[str, Experiment] = {}  # of this worker, by name, the last used at the end
_experiments_lock = threading.Lock()


@dataclass(frozen=True)
class _LacksExperiment:
    """What a worker answers that lacks the experiment."""

    worker: str


class RunFailed(Exception):  # noqa: N818 - it carries the error, which is its cause
    """A run that did not end well; the error is its cause."""

    def __init__(self, key: str, error: Exception) -> None:
        super().__init__(key)
        self.key = key
        self.__cause__ = error


def train_on(
    executor: Executor, experiment: Experiment, tasks: Mapping[str, bytes]
) -> Generator[tuple[str, Record], None, None]:
    """Have workers train, and yield the key and the record of each run as it comes.

    Closing the generator takes back what no worker has begun.

    Args:
        executor: With `submit`, which returns a `concurrent.futures.Future`.
        experiment: What to train.
        tasks: By key, the pickle of the packed settings of the variant, and of what `train_here`
            takes besides.

    Raises:
        RunFailed: If a run raises, or its worker dies; after what has been answered by then.
    """
    pickled = cloudpickle.dumps(experiment)
    name = hashlib.sha256(pickled).hexdigest()
    answered: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
    # The key of each run, and the worker for which it has the experiment with it.
    in_flight: dict[Future[Any], tuple[str, str]] = {}
    waiting: list[str] = []  # for a worker that is being sent the experiment
    failed: RunFailed | None = None

    def submit(key: str, worker: str = "") -> None:
        nonlocal failed
        # Dask takes two calls with the same arguments for one, and answers both with one result.
        once = uuid.uuid4().hex
        try:
            future = executor.submit(train_run, name, pickled if worker else None, tasks[key], once)
        except Exception as error:  # noqa: BLE001 - it is raised after what has been answered
            failed = failed or RunFailed(key, error)
            return
        in_flight[future] = key, worker
        future.add_done_callback(answered.put)

    try:
        for key in tasks:
            if not failed:
                submit(key)
        while in_flight and not (failed and answered.empty()):
            future = answered.get()
            key, sent_for = in_flight.pop(future)
            try:
                answer = future.result()
            except Exception as error:  # noqa: BLE001 - as above
                failed = failed or RunFailed(key, error)
                continue
            if not isinstance(answer, _LacksExperiment):
                yield key, answer
            elif any(worker == answer.worker for _, worker in in_flight.values()):
                waiting.append(key)
            elif not failed:
                submit(key, answer.worker)
            while sent_for and waiting and not failed:
                submit(waiting.pop(0))
        if failed:
            raise failed
    finally:
        for future in in_flight:
            future.cancel()


def train_run(
    name: str, pickled: bytes | None, task: bytes, once: str
) -> Record | _LacksExperiment:
    """In a worker: train a run of the experiment of this name, and return its record."""
    experiment = _experiment_named(name, pickled)
    if experiment is None:
        return _LacksExperiment(f"{platform.node()} {os.getpid()}")
    from lrlab.experiment.pickling import unpack

    variant, *asked = cloudpickle.loads(task)
    return train_here(experiment.variant(**unpack(variant)), *asked)


def train_here(
    experiment: Experiment, schedule: Schedule, callbacks: bytes, seed: int, epochs: int
) -> Record:
    """Train a run, or the first epochs of it, and return its record."""
    from lrlab.sweeps.run_file import first_epochs, record_of

    rates, own = experiment.preview(schedule), cloudpickle.loads(callbacks)
    if not own or epochs == experiment.epochs:
        # Without callbacks all epochs are one call, which cannot be stopped once it has begun.
        run = experiment.variant(epochs=epochs).run(schedule, callbacks=own, seed=seed)
    else:  # they are told how long the whole training is
        with closing(experiment.follow(schedule, callbacks=own, seed=seed)) as runs:
            *_, run = islice(runs, epochs)
    record = record_of(run, rates)
    return record if epochs == experiment.epochs else first_epochs(record)


def _experiment_named(name: str, pickled: bytes | None) -> Experiment | None:
    with _experiments_lock:  # a worker may have several threads
        if name not in _experiments and pickled is not None:
            _compute_in_one_thread()
            while len(_experiments) >= _MOST_EXPERIMENTS:
                del _experiments[next(iter(_experiments))]
            _experiments[name] = cloudpickle.loads(pickled)
        if name in _experiments:
            _experiments[name] = _experiments.pop(name)  # the last in line to be dropped
        return _experiments.get(name)


def _compute_in_one_thread() -> None:
    """As many workers as cores would otherwise have as many threads as cores each.

    TensorFlow reads this as it starts. Where the script that a process imports has loaded it, there
    is time until it first computes. Whoever has set it, or shares this process, knows better.
    """
    tf = sys.modules.get("tensorflow")
    for kind in ("intra", "inter"):
        name = f"TF_NUM_{kind.upper()}OP_THREADS"
        if tf is None:
            os.environ.setdefault(name, "1")
        elif multiprocessing.parent_process() and name not in os.environ:
            with suppress(RuntimeError):  # it has computed
                getattr(tf.config.threading, f"set_{kind}_op_parallelism_threads")(1)
