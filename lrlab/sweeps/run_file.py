"""A run as plain numbers, to be sent and stored; and the file that keeps them, a line a run."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from lrlab.experiment.run import Run
from lrlab.schedules import Schedule

__all__ = ["Record", "RunFile", "first_epochs", "record_of", "run_from"]

# JSON's own types.
Record: TypeAlias = dict[str, Any]

# What every line begins with: a file that is something else is left alone.
_HEADER, _RUN = b'{"lrlab_sweep": ', b'{"lrlab_run": "'
_VERSION = 2
_SECONDS_TO_DISK = 0.2


def record_of(run: Run, rates: np.ndarray) -> Record:
    """Return what came of a run; `rates` is what its schedule asked for, a value a step."""
    as_asked = np.array_equal(run.learning_rates, rates[: len(run.learning_rates)])
    return {
        "history": {name: _for_json(values) for name, values in run.history.items()},
        "learning_rates": len(run.learning_rates) if as_asked else _for_json(run.learning_rates),
        "start_loss": _for_json(run.start_loss),
        "moved": _for_json(run.moved),
        "chance": _for_json(run.chance),
    }


def run_from(
    record: Record, schedule: Schedule, rates: np.ndarray, seed: int, write_code: Callable[[], str]
) -> Run:
    """Return the run that `record_of` was given, to the last bit."""
    used = record["learning_rates"]
    return Run(
        schedule=schedule,
        history={name: _from_json(values) for name, values in record["history"].items()},
        learning_rates=rates[:used] if isinstance(used, int) else np.array(_from_json(used)),
        start_loss=float(record["start_loss"]),
        moved=float(record["moved"]),
        chance=float(record.get("chance", "nan")),  # which files of before do not have
        write_code=write_code,
        seed=seed,
    )


def first_epochs(record: Record, epochs: int | None = None, steps_per_epoch: int = 0) -> Record:
    """Return what a run is that is stopped after so many epochs, or that was stopped."""
    # Both are measured at the end of a run.
    history, used = record["history"], record["learning_rates"]
    stopped = {"moved": 0.0, "chance": "nan"}
    if epochs is None or len(history["loss"]) <= epochs:
        return record | stopped
    steps = epochs * steps_per_epoch
    return record | {
        "history": {name: values[:epochs] for name, values in history.items()},
        "learning_rates": steps if isinstance(used, int) else used[:steps],
        **stopped,
    }


def _for_json(value: Any) -> Any:
    """Numbers for JSON, which has no NaN and no infinity: these become words."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_for_json(item) for item in value]
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _from_json(value: Any) -> Any:
    return [_from_json(item) for item in value] if isinstance(value, list) else float(value)


class RunFile:
    """A file of the runs of one experiment; what a killed process left half-written is cut off.

    Its first line says which experiment that is, and each further one holds a run under its key. A
    damaged line is passed over with a warning. A file has one writer at a time. On a disk that is
    full, runs wait for room.

    Args:
        path: Made if it is not there.
        header: What the experiment is, in JSON's types.

    Attributes:
        records: What is in it, by key.

    Raises:
        ValueError: If the file is something else or of another experiment, or somebody is writing
            to it.
        OSError: If it cannot be begun.
    """

    def __init__(self, path: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        self.path = Path(path)
        try:  # unbuffered: what was not written is then known to the byte
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise self._not_begun(error) from error
        self._waiting = b""  # for room on the disk
        self._synced = 0.0
        try:
            self._lock()
            self.records = self._read(header)
        except OSError as error:
            self._file.close()
            raise self._not_begun(error) from error
        except BaseException:
            self._file.close()
            raise

    def _not_begun(self, error: OSError) -> OSError:
        words = f"{error.strerror}; nothing was trained. Make room, or give another path"
        return OSError(error.errno, words, str(self.path))

    def _lock(self) -> None:
        """Keep others out until the file is closed, or this process has ended in whatever way."""
        if sys.platform == "win32":
            return
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                "One sweep at a time writes to a `path`. Received: "
                f"{str(self.path)!r}, to which another one is writing. Wait until that has ended, "
                "or give another path."
            ) from None
        except OSError:  # a file system without locks
            return

    def _read(self, header: Mapping[str, Any]) -> dict[str, Record]:
        *lines, rest = self.path.read_bytes().split(b"\n")
        if lines:
            self._check_header(lines[0].strip(b"\0"), header)
        records, damaged = {}, []
        for number, line in enumerate(lines[1:], 2):
            try:
                entry = json.loads(line.strip(b"\0"))
                entry["run"]["history"]
                records[entry["lrlab_run"]] = entry["run"]
            except (ValueError, LookupError, TypeError):
                # A machine that fails leaves zeros where it was about to write.
                zeros = line and not line.strip(b"\0")
                if not zeros and not line.startswith(_RUN):
                    raise self._another_file(line, number) from None
                damaged.append(number)
        if rest:
            begun, expected = rest.rstrip(b"\0"), _RUN if lines else _HEADER
            if not begun.startswith(expected[: len(begun)]):
                raise self._another_file(rest, len(lines) + 1)
            self._file.truncate(sum(map(len, lines)) + len(lines))
        if not lines:
            self._write({"lrlab_sweep": _VERSION, **header})
        if damaged:
            words = f"{str(self.path)!r} has damaged lines: {', '.join(map(str, damaged))}. "
            warnings.warn(f"{words}Their runs are trained again.", stacklevel=4)
        return records

    def _check_header(self, line: bytes, header: Mapping[str, Any]) -> None:
        if not line.startswith(_HEADER):
            raise self._another_file(line, 1)
        here = {"lrlab_sweep": _VERSION, **header}
        try:
            there = json.loads(line)
        except ValueError:
            words = "whose first line, which says what its runs are of, is damaged"
            raise self._refusal(words) from None
        names = [n for n in here | there if json.dumps(here.get(n)) != json.dumps(there.get(n))]
        if names:
            raise self._refusal(f"of another experiment: it differs in {', '.join(names)}")

    def _another_file(self, line: bytes, number: int) -> ValueError:
        if number == 1 and line.startswith(_RUN):
            return self._refusal("of an older lrlab, which does not say what its runs are of")
        return self._refusal(f"whose line {number} begins {line[:40]!r}")

    def _refusal(self, received: str) -> ValueError:
        return ValueError(
            "`path` must be a new file, or one that a sweep has written of this experiment. "
            f"Received: {str(self.path)!r}, {received}. Give another path; this file stays as it "
            "is."
        )

    def append(self, key: str, record: Record, about: Mapping[str, Any]) -> None:
        """Write a run, with a few words about it for a person who opens the file."""
        self.records[key] = record
        waited = bool(self._waiting)
        try:
            self._write({"lrlab_run": key, **about, "run": record})
        except OSError as error:
            if not waited:
                words = (
                    f"{str(self.path)!r} cannot be written ({error.strerror}). The sweep goes on"
                )
                warnings.warn(
                    f"{words}, and its runs are written once there is room.", stacklevel=2
                )

    def _write(self, line: Mapping[str, Any]) -> None:
        self._waiting += json.dumps(line, allow_nan=False).encode() + b"\n"
        self._flush()
        if time.monotonic() - self._synced > _SECONDS_TO_DISK:  # kept if the machine fails
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def _flush(self) -> None:
        """Give to the system what waits; it keeps it if this process is killed."""
        while self._waiting:
            self._waiting = self._waiting[self._file.write(self._waiting) :]

    def close(self) -> None:
        """Wait until all of it is on the disk, or say that it is not."""
        try:
            self._flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            lost = self._waiting.count(b"\n")
            words = f"The last runs ({lost}) are not in {str(self.path)!r} ({error.strerror}). They"
            words += " are in this sweep alone: another one would train them again."
            warnings.warn(words, stacklevel=2)
        finally:
            self._file.close()
