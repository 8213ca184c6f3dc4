"""One thread that runs the newest job and makes an older one give up."""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Callable, Iterator

# Both modules hook into the end of Python as they are imported, and it is an error to do so once
# that has begun. TensorFlow imports them, in a worker: that import is to come through.
from concurrent.futures import process, thread  # noqa: F401
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeAlias
from weakref import WeakSet

from lrlab.experiment.turns import UNFINISHED, waiting

_SECONDS_TO_WORDS = 1.0  # that another training of an experiment is waited for

# A job is told how to find out that it is no longer wanted, and then returns soon.
Superseded: TypeAlias = Callable[[], bool]
Job: TypeAlias = Callable[[Superseded], None]


class Worker:
    """Run jobs in one thread: at most one at a time, and of those that wait the newest.

    The thread starts with the first job and ends when it has had nothing to do for a while, so an
    explorer that nobody uses costs nothing. A job that raises is reported as any thread's error is,
    and the next one runs.

    It is no daemon. Python waits for it as it ends, before any exit handler is called: a thread
    that is cut off inside TensorFlow takes the process down, and so does a module whose own handler
    comes too late. What runs by then is superseded, and no other job begins.
    """

    _IDLE_SECONDS = 10.0
    _SECONDS_A_LOOK = 0.05  # how soon a thread with nothing to do sees that Python ends
    # A newer job lets the one that runs be for so long. Where every job gave way at once, a slider
    # that moves faster than a model trains would show nothing until it rests.
    _PATIENCE_SECONDS = 0.1

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: Job | None = None
        self._at_once = False
        self._asked = 0  # counts jobs and stops: a job is superseded once it has moved on
        self._thread: threading.Thread | None = None
        self._busy = self._closed = False
        _WORKERS.add(self)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        with self._changed:
            return self._busy or self._next is not None

    def submit(self, job: Job, *, at_once: bool = False) -> None:
        """Run this job next, instead of any that waits, and of the one that runs.

        That one gives up after a little patience, or at once.
        """
        with self._changed:
            if self._ends():
                return
            self._next, self._at_once = job, at_once
            self._asked += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="lrlab", daemon=False)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Drop the job that waits and make the one that runs give up."""
        with self._changed:
            self._next = None
            self._asked += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Stop for good: no further job is taken."""
        self._closed = True
        self.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs or waits; False if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and self._next is None, timeout)

    def _superseded(self, asked: int, began: float) -> bool:
        """Whether a job, the number `asked`, is to give up: it was stopped, or had its time."""
        if self._ends():
            return True
        if self._asked == asked:
            return False
        at_once = self._at_once or self._next is None
        return at_once or time.monotonic() - began > self._PATIENCE_SECONDS

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._wait_for_a_job():
                    self._next = self._thread = None
                    self._changed.notify_all()
                    return
                job, self._next = self._next, None
                asked, self._busy = self._asked, True
            assert job is not None
            try:
                job(partial(self._superseded, asked, time.monotonic()))
            except Exception:  # noqa: BLE001 - it must not take the worker down
                threading.excepthook(threading.ExceptHookArgs([*sys.exc_info(), self._thread]))
            finally:
                del job  # and with it an explorer
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _wait_for_a_job(self) -> bool:
        """Wait until there is one; False if none came for a while, or none is to be done."""
        idle_until = time.monotonic() + self._IDLE_SECONDS
        while not self._ends() and time.monotonic() < idle_until:
            if self._changed.wait_for(lambda: self._next is not None, self._SECONDS_A_LOOK):
                return not self._ends()
        return False

    def _ends(self) -> bool:
        """Whether it was closed, or Python ends: the main thread has, and waits for all others."""
        return self._closed or not threading.main_thread().is_alive()


class _GaveWay(Exception):  # noqa: N818 - it is no error
    """A newer job has come while this one waited for its turn."""


@contextmanager
def taking_turns(superseded: Superseded, say: Callable[[str], None]) -> Iterator[None]:
    """Let a job that waits for another training of its experiment say so, and give way."""

    def ask(rested: float) -> None:
        if superseded():
            raise _GaveWay
        if rested > _SECONDS_TO_WORDS:
            say(UNFINISHED)

    with suppress(_GaveWay), waiting(ask):
        yield


_WORKERS: WeakSet[Worker] = WeakSet()


@atexit.register
def _wait_for_all() -> None:
    """Wait once more for what still runs: somebody who presses Ctrl+C ends Python's own wait."""
    for worker in list(_WORKERS):
        worker.wait()
