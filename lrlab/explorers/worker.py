"""Run the newest job in a thread, and make an older one give up."""

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
from queue import Empty, SimpleQueue
from typing import TypeAlias
from weakref import WeakSet

from lrlab.experiment.turns import UNFINISHED, waiting

_SECONDS_TO_WORDS = 1.0  # that another training of an experiment is waited for
_IDLE_SECONDS = 10.0
_SECONDS_A_LOOK = 0.05  # how soon a thread with nothing to do sees that Python ends

# A job is told how to find out that it is no longer wanted, and then returns soon.
Superseded: TypeAlias = Callable[[], bool]
Job: TypeAlias = Callable[[Superseded], None]
_Inbox: TypeAlias = SimpleQueue[Callable[[], None]]


class Worker:
    """Run jobs in a thread: at most one at a time, and of those that wait the newest.

    It has a thread only while there is a job. A job that raises is reported as any thread's error
    is, and the next one runs. As Python ends, what runs is superseded and no other job begins.

    In Colab it has none: there a job is done before `submit` returns, in the turn of the cell or of
    the handler that asks for it.
    """

    # A newer job lets the one that runs be for so long. Where every job gave way at once, a slider
    # that moves faster than a model trains would show nothing until it rests.
    _PATIENCE_SECONDS = 0.1

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: Job | None = None
        self._at_once = False
        self._asked = 0  # counts jobs and stops: a job is superseded once it has moved on
        self._has_thread = self._busy = self._closed = False
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
            begins, self._has_thread = not self._has_thread, True
            self._changed.notify_all()
        if begins and not _shows_only_what_a_turn_sends():
            _in_a_thread(self._work)
        elif begins:
            try:
                self._work()
            finally:  # for an interrupt as well
                self._has_thread = False

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
                job, self._next = self._next, None
                if job is None or self._ends():
                    self._has_thread = False
                    self._changed.notify_all()
                    return
                asked, self._busy = self._asked, True
            try:
                job(partial(self._superseded, asked, time.monotonic()))
            except Exception:  # noqa: BLE001 - it must not take the worker down
                threading.excepthook(
                    threading.ExceptHookArgs([*sys.exc_info(), threading.current_thread()])
                )
            finally:
                del job  # and with it an explorer
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _ends(self) -> bool:
        return self._closed or _python_ends()


def _shows_only_what_a_turn_sends() -> bool:
    """Whether the page may pass over what a thread sends while no cell and no handler runs.

    Colab's does (issue 3373 of googlecolab/colabtools), and its kernels have this module.
    """
    return "google.colab" in sys.modules


def _python_ends() -> bool:
    """Whether the main thread has ended, and waits for all others."""
    return not threading.main_thread().is_alive()


def _in_a_thread(work: Callable[[], None]) -> None:
    """Do this in the thread that was parked last, or in a new one where none is.

    A thread serves one worker after another, because the memory that one allocates from is its own:
    a new thread for each explorer would leave a gap of some megabytes behind for each. It ends when
    it has had nothing to do for a while, so explorers that nobody uses cost nothing.

    It is no daemon. Python waits for it as it ends, before any exit handler is called: a thread
    that is cut off inside TensorFlow takes the process down, and so does a module whose own handler
    comes too late.
    """
    with _PARKING:
        inbox = _PARKED.pop() if _PARKED else None
    if inbox is None:
        inbox = SimpleQueue()
        threading.Thread(target=_serve, args=[inbox], name="lrlab", daemon=False).start()
    inbox.put(work)


def _serve(inbox: _Inbox) -> None:
    """Do what comes; between one thing and the next the inbox is parked."""
    idle_until = 0.0
    while True:
        try:
            work = inbox.get(timeout=_SECONDS_A_LOOK)
        except Empty:
            with _PARKING:
                if inbox in _PARKED and (_python_ends() or time.monotonic() > idle_until):
                    _PARKED.remove(inbox)
                    return
        else:
            work()
            del work  # and with it a worker
            idle_until = time.monotonic() + _IDLE_SECONDS
            with _PARKING:
                _PARKED.append(inbox)


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
_PARKED: list[_Inbox] = []  # those of threads that have nothing to do
_PARKING = threading.Lock()


@atexit.register
def _wait_for_all() -> None:
    """Wait once more for what still runs: somebody who presses Ctrl+C ends Python's own wait."""
    for worker in list(_WORKERS):
        worker.wait()
