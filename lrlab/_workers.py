"""Runs spread over the workers of an executor, each of which is sent the experiment once.

A worker is sent no more than a run's settings and the name of the experiment. One that does not
know that name says so, and the run comes again with the experiment in a pickle. That takes no more
than `submit` from an executor, and a worker that starts late, or anew, learns in the same way.
"""

from __future__ import annotations

import hashlib
import os
import platform
import queue
import sys
import threading
import uuid
from collections.abc import Generator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cloudpickle

if TYPE_CHECKING:
    from lrlab._records import Record
    from lrlab.experiment import Experiment

__all__ = ["RunFailed", "spread"]

# Data and compiled programs stay in the worker's memory.
_MOST_KEPT = 4

_kept: dict[str, Experiment] = {}
_loading = threading.Lock()


@dataclass(frozen=True)
class _Unknown:
    """What a worker answers that lacks the experiment."""

    worker: str


class RunFailed(Exception):  # noqa: N818 - it carries the error, which is its cause
    """A run that did not end well; the error is its cause."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def spread(
    executor: Executor, experiment: Experiment, tasks: Mapping[str, bytes]
) -> Generator[tuple[str, Record], None, None]:
    """Have workers train, and yield the key and the record of each run as it comes.

    Closing the generator takes back what no worker has begun.

    Args:
        executor: With `submit`, which returns a `concurrent.futures.Future`.
        experiment: What to train.
        tasks: By key, the pickle of (schedule, callbacks, seed).

    Raises:
        RunFailed: If a run raises, or its worker dies.
    """
    pickled = cloudpickle.dumps(experiment)
    name = hashlib.sha256(pickled).hexdigest()
    answered: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
    out: dict[Future[Any], tuple[str, str]] = {}  # the key, and for which worker it has the pickle
    waiting: list[str] = []  # for a worker that is being sent the experiment

    def submit(key: str, worker: str = "") -> None:
        # Dask takes two calls with the same arguments for one, and answers both with one result.
        once = uuid.uuid4().hex
        try:
            future = executor.submit(train, name, pickled if worker else None, tasks[key], once)
        except Exception as error:
            raise RunFailed(key) from error
        out[future] = key, worker
        future.add_done_callback(answered.put)

    try:
        for key in tasks:
            submit(key)
        while out:
            future = answered.get()
            key, sent_for = out.pop(future)
            try:
                answer = future.result()
            except Exception as error:
                raise RunFailed(key) from error
            if not isinstance(answer, _Unknown):
                yield key, answer
            elif any(worker == answer.worker for _, worker in out.values()):
                waiting.append(key)
            else:
                submit(key, answer.worker)
            if sent_for:
                while waiting:
                    submit(waiting.pop(0))
    finally:
        for future in out:
            future.cancel()


def train(name: str, pickled: bytes | None, task: bytes, once: str) -> Record | _Unknown:
    """In a worker: train a run of the experiment of this name, and return its record."""
    experiment = _known(name, pickled)
    if experiment is None:
        return _Unknown(f"{platform.node()} {os.getpid()}")
    from lrlab._records import record_of
    from lrlab.schedules import preview

    schedule, callbacks, seed = cloudpickle.loads(task)
    rates = preview(schedule, experiment.epochs, experiment.steps_per_epoch)
    return record_of(experiment.run(schedule, callbacks=callbacks, seed=seed), rates)


def _known(name: str, pickled: bytes | None) -> Experiment | None:
    with _loading:  # a worker may have several threads
        if name not in _kept and pickled is not None:
            _compute_in_one_thread()
            while len(_kept) >= _MOST_KEPT:
                del _kept[next(iter(_kept))]
            _kept[name] = cloudpickle.loads(pickled)
        return _kept.get(name)


def _compute_in_one_thread() -> None:
    """As many workers as cores would otherwise have as many threads as cores each.

    TensorFlow reads this as it starts; whoever has set it, or loaded TensorFlow, knows better.
    """
    if "tensorflow" not in sys.modules:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, "1")
