"""Many runs of one experiment: here, in processes or on a cluster; and a file to go on from."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from lrlab.backend import keras

import cloudpickle
import numpy as np
from tqdm.auto import tqdm

from lrlab.checks import as_whole_number
from lrlab.experiment.experiment import Experiment
from lrlab.experiment.rates import callbacks_with_schedule
from lrlab.experiment.run import Run
from lrlab.schedules import Schedule
from lrlab.sweeps.results import Sweep, label_of
from lrlab.sweeps.run_file import Record, RunFile, record_of, run_from
from lrlab.sweeps.same import Callbacks, check_first_epoch, header_of, key_of
from lrlab.sweeps.workers import RunFailed, train_on

__all__ = ["Sweep", "SweepError", "sweep"]


class SweepError(RuntimeError):
    """A run failed, or its worker died.

    Attributes:
        sweep: A `Sweep` of the runs that had finished.
    """

    def __init__(self, message: str, sweep: Sweep) -> None:
        super().__init__(message)
        self.sweep = sweep


@dataclass(frozen=True, eq=False)
class _AskedRun:
    """A run that was asked for: where it stands among the others, and what it is."""

    index: tuple[int, int]  # of the schedule and of the seed
    schedule: Schedule
    rates: np.ndarray
    seed: int


def sweep(
    experiment: Experiment,
    schedules: Any,
    *,
    seeds: int | Sequence[int] = 1,
    callbacks: Callbacks = (),
    executor: Executor | None = None,
    path: str | os.PathLike[str] | None = None,
    on_run: Callable[[Run], object] | None = None,
    progress: bool = True,
) -> Sweep:
    """Train an experiment once with each of many learning rates or schedules.

    An interrupt (Ctrl-C, or the stop button of a notebook) ends a sweep early: it warns, and
    returns what has finished. Runs of the same rates, seed and callbacks are trained once.

    Args:
        experiment: What to train.
        schedules: Rates and schedules as for `Experiment.run`, in a list, an array or a grid of
            nested ones.
        seeds: From how many starts each is trained, the experiment's seed and those that follow;
            or the seeds themselves.
        callbacks: Keras callbacks. Each run has copies of its own.
        executor: Where to train: None is here, one run after another. Any
            `concurrent.futures.Executor` spreads the runs over its workers: a `ProcessPoolExecutor`
            with the start method "spawn", `dask.distributed.Client(...).get_executor()`. A worker
            is sent the experiment once, compiles it once, and computes in one thread, unless
            `TF_NUM_INTRAOP_THREADS` says otherwise. The executor is left open.
        path: A file to which each run is appended as it finishes, as a line of JSON. A sweep with
            the same path trains only what is missing there: runs of other rates, seeds or
            callbacks. It must be of the same experiment: data, model, first weights, optimizer,
            loss, metrics, epochs, batch size, and versions of lrlab, Keras, TensorFlow and NumPy.
            Code is compared by what comes of it: one epoch of a stored run is trained again.
        on_run: Called with each run, in the order in which they finish; those of the file first.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If an argument cannot work, before anything is trained, or if the runs of the
            file are not of this experiment.
        SweepError: If a run fails or its worker dies. It has the runs that had finished.

    Example:
        >>> import lrlab
        >>> digits = lrlab.data.digits()
        >>> experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits, epochs=3)
        >>> sweep = lrlab.sweep(experiment, [0.001, 1.0, 1e9], progress=False)
        >>> [run.verdict for run in sweep.runs]
        ['too low', 'good', 'diverged']
        >>> sweep.best().schedule
        1.0
    """
    wanted, starts = _as_schedules(schedules), _as_seeds(seeds, experiment.seed)
    _check_executor(executor)
    callbacks = keras.tree.flatten(callbacks or [])
    asked = _asked_runs(experiment, wanted, starts, callbacks)
    total = len(wanted) * len(starts)
    fresh = cloudpickle.dumps([_without_model(callback) for callback in callbacks])
    found: dict[tuple[int, int], Run] = {}

    def run_of(each: _AskedRun, record: Record) -> Run:
        code = partial(experiment.code, each.schedule, callbacks, seed=each.seed)
        return run_from(record, each.schedule, each.rates, each.seed, code)

    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=total, unit="run", disable=not progress))
        file = None
        if path is not None:
            file = stack.enter_context(closing(RunFile(path, header_of(experiment))))
        known = file.records if file else {}
        stored = {key: known[key] for key in asked if key in known}
        missing = {key: each[0] for key, each in asked.items() if key not in known}

        def finish(key: str, record: Record) -> None:
            for each in asked[key]:
                run = found[each.index] = run_of(each, record)
                bar.update()
                if on_run is not None:
                    on_run(run)

        try:
            if stored:
                runs = [run_of(asked[key][0], record) for key, record in stored.items()]
                check_first_epoch(experiment, runs, cloudpickle.loads(fresh))
            for key, record in stored.items():
                finish(key, record)
            training = closing(_train(experiment, missing, fresh, executor))
            for key, record in stack.enter_context(training):
                if file:
                    about = {"schedule": label_of(missing[key].schedule), "seed": missing[key].seed}
                    file.append(key, record, about)
                finish(key, record)
        except KeyboardInterrupt:
            words = f"Interrupted: {len(found)} of {total} runs have finished."
            warnings.warn(words, stacklevel=2)
        except RunFailed as failed:
            each, error = asked[failed.key][0], failed.__cause__
            kept = f" and in {os.fspath(path)!r}" if path is not None else ""
            raise SweepError(
                f"The run with {label_of(each.schedule)} and seed {each.seed} failed: "
                f"{type(error).__name__}: {error} ({len(found)} of {total} runs had "
                f"finished; they are in this error's `sweep`{kept}.)",
                Sweep(experiment, wanted, starts, found),
            ) from error
    return Sweep(experiment, wanted, starts, found)


def _train(
    experiment: Experiment,
    missing: Mapping[str, _AskedRun],
    callbacks: bytes,
    executor: Executor | None,
) -> Generator[tuple[str, Record], None, None]:
    """Train runs, here or elsewhere, and yield the key and the record of each as it finishes."""
    if executor is not None:
        tasks = {
            key: cloudpickle.dumps((each.schedule, callbacks, each.seed))
            for key, each in missing.items()
        }
        yield from train_on(executor, experiment, tasks)
        return
    for key, each in missing.items():
        try:
            own = cloudpickle.loads(callbacks)
            run = experiment.run(each.schedule, callbacks=own, seed=each.seed)
        except Exception as error:
            raise RunFailed(key, error) from error
        yield key, record_of(run, each.rates)


def _asked_runs(
    experiment: Experiment,
    schedules: Sequence[Schedule],
    seeds: Sequence[int],
    callbacks: Callbacks,
) -> dict[str, list[_AskedRun]]:
    """All runs asked for, by their keys; a schedule that cannot work is found here."""
    asked: dict[str, list[_AskedRun]] = {}
    for i, schedule in enumerate(schedules):
        rates = experiment.preview(schedule)
        callbacks_with_schedule(schedule, callbacks)
        for j, seed in enumerate(seeds):
            key = key_of(schedule, rates, seed, callbacks)
            asked.setdefault(key, []).append(_AskedRun((i, j), schedule, rates, seed))
    return asked


def _as_schedules(schedules: Any) -> tuple[Schedule, ...]:
    """Take a grid, row by row, for the list of what is in it."""
    if isinstance(schedules, np.ndarray) and schedules.ndim:
        return tuple(schedules.ravel().tolist())
    single = isinstance(schedules, str | bytes | Mapping) or callable(schedules)
    if single or not hasattr(schedules, "__iter__") or isinstance(schedules, np.ndarray):
        raise ValueError(
            "`schedules` must be a list of learning rates and schedules, or a grid of them. "
            f"Received: {schedules!r}. For a single one: experiment.run({schedules!r})."
        )
    flat: list[Schedule] = []
    for item in schedules:
        nested = isinstance(item, list | tuple) or (isinstance(item, np.ndarray) and item.ndim)
        flat += _as_schedules(item) if nested else [item]
    if not flat:
        raise ValueError("`schedules` must hold at least one. Received: none. Give [0.01, 0.1].")
    return tuple(flat)


def _as_seeds(seeds: int | Sequence[int], first: int) -> tuple[int, ...]:
    if not isinstance(seeds, Sequence | np.ndarray | range) or isinstance(seeds, str | bytes):
        return tuple(range(first, first + as_whole_number(seeds, "seeds", 1)))
    whole = tuple(as_whole_number(seed, "seeds", 0) for seed in seeds)
    if not whole or len(set(whole)) < len(whole):
        raise ValueError(
            "`seeds` must be how many, or one or more different seeds. "
            f"Received: seeds={seeds!r}. seeds=3 trains each schedule from three starts."
        )
    return whole


def _check_executor(executor: Executor | None) -> None:
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            '`executor` must start its processes with "spawn": TensorFlow does not survive a '
            f"fork, and a sweep would wait forever. Received: {type(executor).__name__} with "
            '"fork". Make it so: ProcessPoolExecutor('
            'mp_context=multiprocessing.get_context("spawn")).'
        )


def _without_model(callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
    """A copy without the model that it last saw, which is not to travel with it."""
    copied = copy.copy(callback)
    keras.callbacks.Callback.set_model(copied, None)
    return copied
