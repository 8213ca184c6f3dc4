"""Runs in processes: the same numbers, little sent for each, and clear words when one dies."""

import json
import os
import pickle
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from types import SimpleNamespace

from lrlab.backend import keras

import cloudpickle
import numpy as np
import pytest
from keras import layers

import lrlab
from lrlab import Experiment, StepDecay
from lrlab.sweeps import SweepError, sweep
from lrlab.sweeps import workers as _workers

_random = np.random.default_rng(0)
X = _random.normal(size=(200, 30)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
SCHEDULES = [0.01, StepDecay(0.5, 0.5, 1), lambda epoch: 0.3 / (1 + epoch), 1e9]


@pytest.fixture(scope="module")
def experiment():
    def net():
        # With a Dropout no worker compiles with XLA, which takes longer than all of these runs.
        inner = [layers.Dropout(0.0), layers.Dense(2, "softmax")]
        return keras.Sequential([keras.Input((30,)), *inner])

    return Experiment(net, (X, LABELS, X[:9], LABELS[:9]), epochs=2, batch_size=32)


@pytest.fixture(scope="module")
def processes():
    """They start TensorFlow once for all tests."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


class Weighing:
    """Passes on what is submitted, and weighs it as it would travel."""

    def __init__(self, executor):
        self.executor, self.bytes = executor, []

    def submit(self, function, *arguments):
        self.bytes.append(len(pickle.dumps((function, arguments))))
        return self.executor.submit(function, *arguments)


class OneWorker:
    """Works at once, in this process, and forgets all it knows whenever it is told to."""

    def __init__(self, forget_at=()):
        self.calls, self.forget_at = 0, forget_at

    def submit(self, function, *arguments):
        if self.calls in self.forget_at:
            _workers._experiments.clear()
        self.calls += 1
        future = Future()
        future.set_result(function(*arguments))
        return future


class Dies(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if float(self.model.optimizer.learning_rate) > 0.2:
            os._exit(1)


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if float(self.model.optimizer.learning_rate) > 0.2:
            raise RuntimeError("too fast for me")


def assert_same(runs, expected):
    assert [run.schedule for run in runs] == [run.schedule for run in expected]
    for run, other in zip(runs, expected, strict=True):
        assert run.history.keys() == other.history.keys()
        if other.verdict != "diverged":
            for name, values in other.history.items():
                np.testing.assert_allclose(run.history[name], values, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(run.learning_rates, other.learning_rates)
        assert (run.verdict, run.code, run.seed) == (other.verdict, other.code, other.seed)


def test_processes_give_the_numbers_of_this_one_in_the_order_asked(experiment, processes):
    seen = []
    found = sweep(
        experiment, SCHEDULES, seeds=2, executor=processes, on_run=seen.append, progress=False
    )
    assert_same(found.runs, sweep(experiment, SCHEDULES, seeds=2, progress=False).runs)
    assert {id(run) for run in seen} == {id(run) for run in found.runs}


def test_a_run_is_small_once_the_workers_have_the_experiment(experiment, processes):
    whole = len(cloudpickle.dumps(experiment))
    assert whole > X.nbytes
    first, second = Weighing(processes), Weighing(processes)
    rates = np.geomspace(0.01, 1, 40)
    sweep(experiment, rates, executor=first, progress=False)
    sweep(experiment, rates, seeds=2, executor=second, progress=False)
    assert sum(weight > whole for weight in first.bytes) <= 4  # about once a worker
    assert all(weight < 1000 for weight in first.bytes if weight < whole)
    again = [weight for weight in second.bytes if weight < 1000]
    assert len(again) >= 80
    assert sum(weight > whole for weight in second.bytes) <= 2


def test_a_worker_that_forgets_is_told_again(experiment):
    _workers._experiments.clear()
    # The first four calls learn that it lacks the experiment, the next one brings it.
    executor = Weighing(OneWorker(forget_at=(7,)))
    found = sweep(experiment, [0.1, 0.2, 0.3, 0.4], executor=executor, progress=False)
    assert_same(found.runs, [experiment.run(rate) for rate in (0.1, 0.2, 0.3, 0.4)])
    assert sum(weight > X.nbytes for weight in executor.bytes) == 2


def test_no_two_calls_are_alike():
    """Dask would answer the second with what was said to the first: that it knows nothing."""
    calls = []

    class Forgets(OneWorker):
        def submit(self, function, *arguments):
            calls.append(arguments)
            return super().submit(
                lambda *_: _workers._LacksExperiment("a") if len(calls) < 7 else {}
            )

    assert dict(_workers.train_on(Forgets(), "experiment", {"a": b"", "b": b""})) == {
        "a": {},
        "b": {},
    }
    assert len(set(calls)) == len(calls)


def test_a_worker_keeps_the_experiments_that_it_used_last(monkeypatch):
    monkeypatch.setattr(_workers, "_experiments", {})
    for name in "abcde":
        assert _workers._experiment_named(name, None) is None
        assert _workers._experiment_named(name, cloudpickle.dumps(name)) == name
        assert _workers._experiment_named("a", None) == "a"
    assert [*_workers._experiments] == ["c", "d", "e", "a"]


def test_a_worker_computes_in_one_thread_unless_told_otherwise(monkeypatch):
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setenv(names[0], "3")
    monkeypatch.delenv(names[1], raising=False)
    _workers._compute_in_one_thread()
    assert [os.environ[name] for name in names] == ["3", "1"]


def test_a_child_that_has_loaded_tensorflow_computes_in_one_thread_too(monkeypatch):
    """Its script imported lrlab, outside of the `if` that docs/sweeps.md speaks of."""
    limits = {}
    threads = {
        f"set_{kind}_op_parallelism_threads": partial(limits.__setitem__, kind)
        for kind in ("intra", "inter")
    }
    loaded = SimpleNamespace(config=SimpleNamespace(threading=SimpleNamespace(**threads)))
    monkeypatch.setitem(sys.modules, "tensorflow", loaded)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "3")
    _workers._compute_in_one_thread()
    assert limits == {}  # here other threads may train
    monkeypatch.setattr(_workers, "multiprocessing", SimpleNamespace(parent_process=object))
    _workers._compute_in_one_thread()
    assert limits == {"intra": 1}

    def too_late(count):
        raise RuntimeError("Intra op parallelism cannot be modified after initialization.")

    loaded.config.threading.set_intra_op_parallelism_threads = too_late
    _workers._compute_in_one_thread()


@pytest.mark.parametrize("model", [lrlab.models.mlp, lrlab.models.cnn])
def test_models_of_lrlab_give_the_same_numbers_in_a_process(processes, model):
    digits = lrlab.data.digits()
    data = (digits.x_train[:256], digits.y_train[:256], digits.x_val[:64], digits.y_val[:64])
    experiment = Experiment(lambda: model(digits), data, epochs=2)
    found = sweep(experiment, [0.1], executor=processes, progress=False)
    assert_same(found.runs, [experiment.run(0.1)])


def test_processes_that_fork_are_refused(experiment):
    """TensorFlow would wait for ever for threads that were not copied."""
    with (
        ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool,
        pytest.raises(ValueError, match=r'ProcessPoolExecutor with "fork"\. .*spawn'),
    ):
        sweep(experiment, [0.1], executor=pool, progress=False)


def test_what_was_answered_before_a_run_failed_is_not_lost():
    class FailsAtB:
        def submit(self, function, name, pickled, task, once):
            future = Future()
            if task == b"b":
                future.set_exception(OSError("no more"))
            else:
                future.set_result({"task": task})
            return future

    coming = _workers.train_on(FailsAtB(), "experiment", {"a": b"a", "b": b"b", "c": b"c"})
    found = [next(coming), next(coming)]
    assert found == [("a", {"task": b"a"}), ("c", {"task": b"c"})]
    with pytest.raises(_workers.RunFailed) as caught:
        next(coming)
    assert caught.value.key == "b"
    assert isinstance(caught.value.__cause__, OSError)


def test_a_run_that_raises_in_a_process_is_named(experiment, processes, tmp_path):
    path = tmp_path / "runs.jsonl"
    with pytest.raises(SweepError, match=r"run with 0\.5 and seed 0 .*too fast for me"):
        sweep(
            experiment,
            [0.01, 0.5],
            callbacks=[Fails()],
            executor=processes,
            path=path,
            progress=False,
        )
    assert sweep(experiment, [0.01], executor=processes, progress=False).complete  # it goes on


def test_a_process_that_dies_is_told_with_its_run(experiment, tmp_path):
    path = tmp_path / "runs.jsonl"
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(SweepError, match="BrokenProcessPool") as caught,
    ):
        sweep(
            experiment,
            [0.01, 0.02, 0.5, 0.03],
            callbacks=[Dies()],
            executor=pool,
            path=path,
            progress=False,
        )
    kept = [run.schedule for run in caught.value.sweep.runs]
    assert 0.01 in kept
    assert 0.5 not in kept
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert sorted(line["schedule"] for line in lines) == sorted(f"{rate:g}" for rate in kept)
