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
from lrlab.experiment.experiment import Experiment, Run
from lrlab.experiment.rates import callbacks_with_schedule
from lrlab.schedules import Schedule, preview
from lrlab.sweeps.results import Sweep, label_of
from lrlab.sweeps.run_file import Record, RunFile, record_of, run_from
from lrlab.sweeps.same import identity_of_experiment, identity_of_run
from lrlab.sweeps.workers import RunFailed, spread

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
class _Place:
    """A run that was asked for: where it stands among the others, and what it is."""

    index: tuple[int, int]  # of the schedule and of the seed
    schedule: Schedule
    rates: np.ndarray
    seed: int
    key: str


def sweep(
    experiment: Experiment,
    schedules: Any,
    *,
    seeds: int | Sequence[int] = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
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
            the same path trains only what is missing there. Whatever changes a run's numbers
            makes it another run: data, model, first weights, optimizer, loss, metrics, epochs,
            batch size, seed, callbacks, rates, and the versions of the packages that it uses.
        on_run: Called with each run, in the order in which they finish; those of the file first.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If an argument cannot work, before anything is trained.
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
    places = _places(experiment, wanted, starts, callbacks)
    fresh = cloudpickle.dumps([_unused(callback) for callback in callbacks])
    of_key: dict[str, list[_Place]] = {}
    for place in places:
        of_key.setdefault(place.key, []).append(place)
    found: dict[tuple[int, int], Run] = {}

    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=len(places), unit="run", disable=not progress))
        file = stack.enter_context(closing(RunFile(path))) if path is not None else None

        def take(key: str, record: Record) -> None:
            for place in of_key[key]:
                run = found[place.index] = run_from(
                    record,
                    schedule=place.schedule,
                    rates=place.rates,
                    seed=place.seed,
                    write_code=partial(experiment.code, place.schedule, callbacks, seed=place.seed),
                )
                bar.update()
                if on_run is not None:
                    on_run(run)

        def result() -> Sweep:
            return Sweep(experiment, wanted, starts, found)

        known = file.records if file else {}
        try:
            for key in filter(known.__contains__, of_key):
                take(key, known[key])
            missing = {key: each[0] for key, each in of_key.items() if key not in known}
            coming = stack.enter_context(closing(_coming(experiment, missing, fresh, executor)))
            for key, record in coming:
                if file:
                    place = missing[key]
                    about = {"schedule": label_of(place.schedule), "seed": place.seed}
                    file.append(key, record, about)
                take(key, record)
        except KeyboardInterrupt:
            words = f"Interrupted: {len(found)} of {len(places)} runs have finished."
            warnings.warn(words, stacklevel=2)
        except RunFailed as failed:
            place, error = of_key[failed.key][0], failed.__cause__
            kept = f" and in {os.fspath(path)!r}" if path is not None else ""
            raise SweepError(
                f"The run with {label_of(place.schedule)} and seed {place.seed} failed: "
                f"{type(error).__name__}: {error} ({len(found)} of {len(places)} runs had "
                f"finished; they are in this error's `sweep`{kept}.)",
                result(),
            ) from error
    return result()


def _coming(
    experiment: Experiment,
    missing: Mapping[str, _Place],
    callbacks: bytes,
    executor: Executor | None,
) -> Generator[tuple[str, Record], None, None]:
    """Train what is missing, here or elsewhere, and yield each run's record."""
    if executor is not None:
        fresh = cloudpickle.loads(callbacks)
        tasks = {
            key: cloudpickle.dumps((place.schedule, fresh, place.seed))
            for key, place in missing.items()
        }
        yield from spread(executor, experiment, tasks)
        return
    for key, place in missing.items():
        try:
            own = cloudpickle.loads(callbacks)
            run = experiment.run(place.schedule, callbacks=own, seed=place.seed)
        except Exception as error:
            raise RunFailed(key) from error
        yield key, record_of(run, place.rates)


def _places(
    experiment: Experiment,
    schedules: Sequence[Schedule],
    seeds: Sequence[int],
    callbacks: Sequence[keras.callbacks.Callback],
) -> list[_Place]:
    """All runs asked for, with their keys; a schedule that cannot work is found here."""
    identity, places = identity_of_experiment(experiment), []
    for i, schedule in enumerate(schedules):
        rates = preview(schedule, experiment.epochs, experiment.steps_per_epoch)
        callbacks_with_schedule(schedule, callbacks)
        for j, seed in enumerate(seeds):
            key = identity_of_run(identity, schedule, rates, seed, callbacks)
            places.append(_Place((i, j), schedule, rates, seed, key))
    return places


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


def _unused(callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
    """A copy without the model that it last saw, which is not to travel with it."""
    copied = copy.copy(callback)
    if isinstance(copied, keras.callbacks.Callback):
        keras.callbacks.Callback.set_model(copied, None)  # some set up more in their own
    return copied
