"""One training at a time, also across threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """What trainings of one model take in turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None  # the thread that holds the lock

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait until no other thread trains.

        Raises:
            RuntimeError: If this thread does.
        """
        if self._owner == threading.get_ident():  # it would wait for itself, for ever
            raise RuntimeError(
                "An experiment trains one run at a time, and one of this thread's is unfinished: "
                "`run` was called inside a callback, or while iterating over `follow`. Finish it "
                "first, or close() the generator."
            )
        with self._lock:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None
