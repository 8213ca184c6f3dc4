"""One training at a time, also across threads."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

UNFINISHED = (
    "Waiting: another training of this experiment is unfinished (a `follow` that was not closed?)."
)
_SECONDS_A_LOOK = 0.1
_SECONDS_TO_WARNING = 5.0


def _warn(rested: float) -> None:
    if rested > _SECONDS_TO_WARNING:
        warnings.warn(f"{UNFINISHED} Finish it, or close() the generator.", stacklevel=4)


_WAITING: ContextVar[Callable[[float], None]] = ContextVar("_WAITING", default=_warn)


@contextmanager
def waiting(ask: Callable[[float], None]) -> Iterator[None]:
    """Within, have this thread ask what to do, again and again, while it waits for its turn.

    Args:
        ask: Called with the seconds since the training whose turn it is last did anything, 0 while
            it works. What it raises ends the wait.
    """
    before = _WAITING.set(ask)
    try:
        yield
    finally:
        _WAITING.reset(before)


class Turns:
    """What trainings of one model take in turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None  # the thread that holds the lock
        self._rests_since: float | None = None

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait until no other thread trains; see `waiting` for what is done meanwhile.

        Raises:
            RuntimeError: If this thread does.
        """
        if self._owner == threading.get_ident():  # it would wait for itself, for ever
            raise RuntimeError(
                "An experiment trains one run at a time, and one of this thread's is unfinished: "
                "`run` was called inside a callback, or while iterating over `follow`. Finish it "
                "first, or close() the generator."
            )
        while not self._lock.acquire(timeout=_SECONDS_A_LOOK):
            since = self._rests_since
            _WAITING.get()(0.0 if since is None else time.monotonic() - since)
        try:
            self._owner = threading.get_ident()
            yield
        finally:
            self._owner = None
            self._lock.release()

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Keep one's turn while somebody else decides whether to go on, who may never do so."""
        self._rests_since = time.monotonic()
        try:
            yield
        finally:
            self._rests_since = None
