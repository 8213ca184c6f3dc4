"""A real Dask scheduler and two worker processes: the same numbers, and none lost with a worker."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context

from lrlab.backend import keras

import cloudpickle
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from keras import layers

from lrlab import Experiment, StepDecay
from lrlab.sweeps import sweep
from lrlab.sweeps import workers as _workers

pytestmark = pytest.mark.long

_random = np.random.default_rng(0)
X = _random.normal(size=(60, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
RATES = np.geomspace(0.01, 1, 60).tolist()


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def experiment_of():
    def net():
        # With a Dropout no worker compiles with XLA, which takes longer than all of these runs.
        inner = [layers.Dropout(0.0), layers.Dense(2, "softmax")]
        return keras.Sequential([keras.Input((3,)), *inner])

    return Experiment(net, (X, LABELS, X[:9], LABELS[:9]), epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def experiment():
    return experiment_of()


class Waits(keras.callbacks.Callback):
    """Says so, and keeps its run going until there is a file of that name."""

    def __init__(self, until):
        super().__init__()
        self.until = until

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0 and float(self.model.optimizer.learning_rate) > 0.5:
            print("waiting\n", end="", flush=True)  # one write, for two processes write
            while not self.until.exists():
                time.sleep(0.01)


def pool_of_processes():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def ignore_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def dask_as_documented():
    client = Client(
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=None,
        )
    )
    client.run(ignore_interrupts)
    return client.get_executor()


def learn(pickled, folder, _):
    """In a worker: know the experiment, and stay busy until the other one does too."""
    _workers._experiment_named(hashlib.sha256(pickled).hexdigest(), pickled)
    (folder / f"known to {os.getpid()}").touch()
    while len([*folder.glob("known to *")]) < 2:
        time.sleep(0.01)


def is_interrupted(executor, until):
    """What a person does: start a sweep, stop it, start another one on the same workers."""
    experiment = experiment_of()
    with executor:
        pickled = cloudpickle.dumps(experiment)
        # Else one of them may have all runs, and the other one none to be interrupted in.
        for told in [executor.submit(learn, pickled, until.parent, k) for k in range(2)]:
            told.result()
        first = sweep(
            experiment,
            [0.6, 0.7, 0.01, 0.02],
            callbacks=[Waits(until)],
            executor=executor,
            progress=False,
        )
        until.touch()
        second = sweep(experiment, [0.1, 0.2, 0.3], executor=executor, progress=False)
    print(first.complete, second.complete, flush=True)


@pytest.mark.parametrize("make", [pool_of_processes, dask_as_documented])
def test_after_a_stop_button_the_workers_are_there_for_the_next_sweep(repository, tmp_path, make):
    """Jupyter and a terminal interrupt the whole group of processes."""
    code = (
        "import sys, pathlib, test_sweeps_dask as t\n"
        "if __name__ == '__main__':\n"
        f"    t.is_interrupted(t.{make.__name__}(), pathlib.Path(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "until")],
        env=os.environ | {"PYTHONPATH": f"{repository}:{repository / 'tests' / 'sweeps'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert [process.stdout.readline() for _ in range(2)] == ["waiting\n"] * 2
        os.killpg(process.pid, signal.SIGINT)
        said, complaints = process.communicate(timeout=300)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert said.splitlines()[-1:] == ["False True"], complaints
    assert "Interrupted: 0 of 4 runs have finished" in complaints
    assert process.returncode == 0, complaints


def assert_same(runs, expected):
    for run, other in zip(runs, expected, strict=True):
        assert (run.schedule, run.seed) == (other.schedule, other.seed)
        assert run.history.keys() == other.history.keys()
        for name, values in other.history.items():
            np.testing.assert_allclose(run.history[name], values, rtol=1e-5, atol=1e-5)


def test_a_cluster_gives_the_numbers_of_this_process(client, experiment):
    schedules = [0.1, StepDecay(0.5, 0.5, 1), lambda epoch: 0.3 / (1 + epoch)]
    found = sweep(experiment, schedules, seeds=2, executor=client.get_executor(), progress=False)
    assert_same(found.runs, sweep(experiment, schedules, seeds=2, progress=False).runs)
    assert found.runs[0].code == experiment.run(0.1).code


def test_a_worker_killed_in_mid_sweep_loses_no_run_and_none_comes_twice(
    client, experiment, tmp_path
):
    path, seen = tmp_path / "runs.jsonl", []
    victim, *others = client.run(os.getpid).values()
    assert others

    def kill_at_the_third(run):
        seen.append(run.schedule)
        if len(seen) == 3:
            os.kill(victim, signal.SIGKILL)

    found = sweep(
        experiment,
        RATES,
        executor=client.get_executor(),
        path=path,
        on_run=kill_at_the_third,
        progress=False,
    )
    assert victim not in client.run(os.getpid).values()
    assert [run.schedule for run in found.runs] == RATES
    assert sorted(seen) == RATES
    keys = [json.loads(line)["lrlab_run"] for line in path.read_text().splitlines()[1:]]
    assert len(set(keys)) == len(keys) == len(RATES)
    assert_same(found.runs, sweep(experiment, RATES, progress=False).runs)
