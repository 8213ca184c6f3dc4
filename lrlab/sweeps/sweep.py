"""Many runs of one experiment: here, in processes or on a cluster; and a file to go on from."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, count
from typing import Any

from lrlab.backend import keras

import cloudpickle
import numpy as np
from tqdm.auto import tqdm

from lrlab.checks import as_whole_number
from lrlab.experiment.experiment import Experiment
from lrlab.experiment.pickling import pack
from lrlab.experiment.rates import callbacks_with_schedule
from lrlab.experiment.run import Run
from lrlab.schedules import Schedule
from lrlab.sweeps.halving import Rung, kept_of, rungs_of
from lrlab.sweeps.results import Sweep
from lrlab.sweeps.run_file import Record, RunFile, first_epochs, run_from
from lrlab.sweeps.same import Callbacks, check_first_epoch, header_of, key_of, key_of_variant
from lrlab.sweeps.settings import label_of
from lrlab.sweeps.workers import RunFailed, train_here, train_on

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

    index: tuple[int, int]  # of the setting and of the seed
    schedule: Schedule
    rates: np.ndarray
    seed: int
    experiment: Experiment
    variant: Mapping[str, Any]  # in what it differs from the sweep's, packed


def sweep(
    experiment: Experiment,
    schedules: Any,
    *,
    variants: Sequence[Mapping[str, Any]] = (),
    seeds: int | Sequence[int] = 1,
    halving: int | None = None,
    min_epochs: int = 1,
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
        variants: Settings for `Experiment.variant`, optimizer or batch size or both, with each of
            which all schedules are trained: `[{"batch_size": 16}, {"optimizer": "adam"}]`. `{}` is
            the experiment as it is.
        seeds: From how many starts each is trained, the experiment's seed and those that follow;
            or the seeds themselves.
        halving: The best first. Every setting trains for a few epochs, the best one in `halving`
            of them for `halving` times as many, and so on up to all epochs. A short training is
            the beginning of the whole one: no schedule is squeezed. Settings are compared by
            their validation loss, the mean over the seeds. `sweep.rungs` and `print(sweep)` say
            what was dropped: a late starter may be dropped wrongly.
        min_epochs: With halving, what every setting trains for at least. Let them reach beyond
            what you compare, such as a warm-up or a first drop.
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
            Code is compared by what comes of it: one epoch of a stored run is trained again. On a
            disk that is full the sweep goes on, warns, and writes its runs once there is room.
        on_run: Called with each run, in the order in which they finish; those of the file first.
            With halving also with those that were stopped early, and again with what goes on.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If an argument cannot work, before anything is trained, or if the runs of the
            file are not of this experiment.
        OSError: If the file cannot be begun, before anything is trained.
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
    others = _as_variants(experiment, variants)
    asked = _asked_runs(experiment, others or [({}, experiment)], wanted, starts, callbacks)
    settings: Sequence[int] = range(max(1, len(others)) * len(wanted))
    plan = rungs_of(len(settings), experiment.epochs, halving, min_epochs)
    total = sum(most * len(starts) for most, _ in plan)
    fresh = cloudpickle.dumps([_without_model(callback) for callback in callbacks])
    rungs: list[Rung] = []

    def so_far() -> Sweep:
        found = rungs[-1].runs if rungs and rungs[-1].epochs == experiment.epochs else {}
        trained = [variant for _, variant in others]
        return Sweep(experiment, wanted, starts, found, trained, rungs if halving else ())

    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=total, unit="run", disable=not progress))
        file = None
        if path is not None:
            file = stack.enter_context(closing(RunFile(path, header_of(experiment))))
        work = _Work(experiment, asked, callbacks, fresh, executor, file)
        try:
            for most, epochs in plan:
                if rungs:
                    settings = kept_of(rungs[-1].losses, most)
                    rungs[-1] = replace(rungs[-1], kept=settings)
                    total += (len(settings) - most) * len(starts)
                    bar.total = total
                rungs.append(Rung(epochs, {}, settings))
                for index, run in work.train(settings, epochs):
                    rungs[-1].runs[index] = run
                    bar.update()
                    if on_run is not None:
                        on_run(run)
        except KeyboardInterrupt:
            words = f"Interrupted: {_count(rungs)} of {total} runs have finished."
            warnings.warn(words, stacklevel=2)
        except RunFailed as failed:
            each, error = asked[failed.key][0], failed.__cause__
            kept = f" and in {os.fspath(path)!r}" if path is not None else ""
            raise SweepError(
                f"The run with {label_of(each.schedule)} and seed {each.seed} failed: "
                f"{type(error).__name__}: {error} ({_count(rungs)} of {total} runs had "
                f"finished; they are in this error's `sweep`{kept}.)",
                so_far(),
            ) from error
    return so_far()


def _count(rungs: Sequence[Rung]) -> int:
    return sum(len(rung.runs) for rung in rungs)


@dataclass(frozen=True, eq=False)
class _Work:
    """What there is to train, and what all runs have in common."""

    experiment: Experiment
    asked: Mapping[str, list[_AskedRun]]
    callbacks: Callbacks
    fresh: bytes  # their pickle, from which each run has its own
    executor: Executor | None
    file: RunFile | None
    checked: set[Experiment] = field(default_factory=set)  # to be those of the file

    def train(
        self, settings: Sequence[int], epochs: int
    ) -> Generator[tuple[tuple[int, int], Run], None, None]:
        """Yield the runs of some settings with so many epochs, first those of the file."""
        chosen, asked = set(settings), {}
        for key, runs in self.asked.items():
            if some := [each for each in runs if each.index[0] in chosen]:
                asked[key] = some
        stored = self._stored({key: runs[0] for key, runs in asked.items()}, epochs)
        missing = {key: runs[0] for key, runs in asked.items() if key not in stored}
        with closing(self._trained(missing, epochs)) as trained:
            for key, record in chain(stored.items(), trained):
                for each in asked[key]:
                    yield each.index, self._run(each, record, epochs)

    def _stored(self, asked: Mapping[str, _AskedRun], epochs: int) -> dict[str, Record]:
        """What the file has of these runs or of longer ones; one of each variant is tried."""
        found: dict[str, Record] = {}
        runs: dict[Experiment, list[Run]] = {}
        records = self.file.records if self.file else {}
        for key, each in asked.items():
            trained = each.experiment
            names = (_name(key, longer, each) for longer in range(epochs, trained.epochs + 1))
            if name := next((name for name in names if name in records), None):
                found[key] = records[name]
                if epochs < trained.epochs:
                    found[key] = first_epochs(found[key], epochs, trained.steps_per_epoch)
                runs.setdefault(trained, []).append(self._run(each, found[key], epochs))
        for trained in runs.keys() - self.checked:
            check_first_epoch(trained, runs[trained], cloudpickle.loads(self.fresh))
        self.checked.update(runs)
        return found

    def _run(self, each: _AskedRun, record: Record, epochs: int) -> Run:
        code = partial(
            each.experiment.code, each.schedule, self.callbacks, seed=each.seed, epochs=epochs
        )
        return run_from(record, each.schedule, each.rates, each.seed, code)

    def _trained(
        self, asked: Mapping[str, _AskedRun], epochs: int
    ) -> Generator[tuple[str, Record], None, None]:
        """Train runs, here or elsewhere, and yield the key and the record of each, once stored."""
        if self.executor is None:
            records = self._train_here(asked, epochs)
        else:
            tasks = {
                key: cloudpickle.dumps((each.variant, each.schedule, self.fresh, each.seed, epochs))
                for key, each in asked.items()
            }
            records = train_on(self.executor, self.experiment, tasks)
        with closing(records):
            for key, record in records:
                if self.file:
                    each = asked[key]
                    about = {"schedule": label_of(each.schedule), "seed": each.seed}
                    self.file.append(_name(key, epochs, each), record, about)
                yield key, record

    def _train_here(
        self, asked: Mapping[str, _AskedRun], epochs: int
    ) -> Generator[tuple[str, Record], None, None]:
        for key, each in asked.items():
            try:
                record = train_here(each.experiment, each.schedule, self.fresh, each.seed, epochs)
            except Exception as error:
                raise RunFailed(key, error) from error
            yield key, record


def _name(key: str, epochs: int, each: _AskedRun) -> str:
    """The key in the file; that of a run that was stopped early has its epochs at the end."""
    return key if epochs == each.experiment.epochs else f"{key}-{epochs}"


def _as_variants(
    experiment: Experiment, variants: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Experiment]]:
    """The settings of each variant, and the experiment that it is."""
    given: list[Any] = list(variants)
    if not all(isinstance(v, Mapping) and v.keys() <= {"optimizer", "batch_size"} for v in given):
        raise ValueError(
            "`variants` must be a list of dicts with an optimizer, a batch_size or both. "
            f"Received: variants={variants!r}. Write variants=[{{}}, {{'batch_size': 64}}]; for "
            "other epochs sweep over experiment.variant(epochs=30)."
        )
    others = [(settings, experiment.variant(**settings)) for settings in given]
    if len({id(other) for _, other in others}) < len(others):
        raise ValueError(
            f"`variants` must differ from one another. Received: variants={variants!r}. {{}} is "
            "the experiment as it is."
        )
    return others


def _asked_runs(
    experiment: Experiment,
    variants: Sequence[tuple[Mapping[str, Any], Experiment]],
    schedules: Sequence[Schedule],
    seeds: Sequence[int],
    callbacks: Callbacks,
) -> dict[str, list[_AskedRun]]:
    """All runs asked for, by their keys; a schedule that cannot work is found here."""
    asked: dict[str, list[_AskedRun]] = {}
    settings = count()
    for variant, trained in variants:
        end, packed = key_of_variant(trained, experiment), pack(variant)
        for schedule in schedules:
            rates = trained.preview(schedule)
            callbacks_with_schedule(schedule, callbacks)
            i = next(settings)
            for j, seed in enumerate(seeds):
                key = key_of(schedule, rates, seed, callbacks) + end
                each = _AskedRun((i, j), schedule, rates, seed, trained, packed)
                asked.setdefault(key, []).append(each)
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
