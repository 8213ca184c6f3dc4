"""A real Dask scheduler and two worker processes: the same numbers, and none lost with a worker."""

import json
import os
import signal

from lrlab._tensorflow import keras

import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from keras import layers

from lrlab import Experiment, StepDecay
from lrlab.sweeps import sweep

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


@pytest.fixture(scope="module")
def experiment():
    def net():
        # With a Dropout no worker compiles with XLA, which takes longer than all of these runs.
        inner = [layers.Dropout(0.0), layers.Dense(2, "softmax")]
        return keras.Sequential([keras.Input((3,)), *inner])

    return Experiment(net, (X, LABELS, X[:9], LABELS[:9]), epochs=2, batch_size=16)


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
    keys = [json.loads(line)["lrlab_run"] for line in path.read_text().splitlines()]
    assert len(set(keys)) == len(keys) == len(RATES)
    assert_same(found.runs, sweep(experiment, RATES, progress=False).runs)
