"""What is the same in every process is found again in a file; what would change a run is not."""

import copy
import importlib
import json
import subprocess
import sys
import threading

from lrlab.backend import keras

import numpy as np
import pandas as pd
import pytest
from keras import layers
from small_sweeps import DATA, LABELS, X, experiment_of, net, quietly
from test_sweeps import (
    Constant,
    Halves,
    SlowsDown,
    Weighted,
    trained,  # noqa: F401 - a fixture
)

import lrlab
from lrlab import Experiment, StepDecay
from lrlab.sweeps.same import header_of, key_of
from lrlab.training import program

kc, ks = keras.callbacks, keras.optimizers.schedules


@pytest.fixture(scope="module", autouse=True)
def _without_xla():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "uses_xla", lambda model: False)
        yield


@pytest.fixture(scope="module")
def experiment():
    return experiment_of()


def closed_over(value):
    return lambda epoch, rate: rate * value


def key(rate=0.1, seed=0, callbacks=(), steps=6):
    rates = np.full(steps, rate) if isinstance(rate, float) else lrlab.preview(rate, 2, 3)
    return key_of(rate, rates, seed, callbacks)


def wired(*, crossed=False):
    """Nested, with a layer of Keras's that has layers of its own, and with code in it."""
    inputs = keras.Input((3,))
    twice = layers.Lambda(lambda x: 2 * x)(inputs)
    one, other = layers.Dense(3)(inputs), layers.Dense(3)(twice)
    both = keras.ops.subtract(other, one) if crossed else keras.ops.subtract(one, other)
    rows = layers.Bidirectional(layers.LSTM(2))(layers.Reshape((3, 1))(both))
    return keras.Sequential([keras.Model(inputs, rows), layers.Dense(2, "softmax")])


class Own:
    def __init__(self, value):
        self.value = value


class Keeps(keras.callbacks.Callback):
    def __init__(self, value):
        super().__init__()
        self.value = value


def callbacks_alike():
    return [
        kc.EarlyStopping(patience=3),
        Halves(0.5),
        SlowsDown(step=2.0),
        kc.LearningRateScheduler(closed_over(3)),
        kc.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        Keeps(np.arange(6.0).reshape(2, 3)),
        Keeps({"a": {1, 2}, "b": (None, 1.5, np.inf), "c": StepDecay(0.1), "d": Own(2)}),
        Keeps(threading.Lock()),
        Keeps(keras.metrics.MeanSquaredError()),
    ]


class TestHeader:
    @pytest.mark.parametrize("build", [net, wired])
    def test_an_experiment_made_again_has_the_same(self, build):
        assert header_of(experiment_of(build)) == header_of(experiment_of(build))

    def test_training_does_not_change_it(self, experiment):
        before = header_of(experiment)
        experiment.run(0.3)
        assert header_of(experiment) == before

    def test_another_process_gives_the_same_and_the_same_keys(self, repository):
        code = (
            "import json, test_same as t\n"
            "keys = [t.key(callbacks=[each]) for each in t.callbacks_alike()]\n"
            "t.experiment_of()  # what Keras counts up is elsewhere by now\n"
            "print(json.dumps([t.header_of(t.experiment_of(t.wired)), keys]))"
        )
        here = [header_of(experiment_of(wired)), [key(callbacks=[c]) for c in callbacks_alike()]]
        # Of Python's hashes, which decide about the order in a set; the one here is drawn.
        said = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": f"{repository}:{repository}/tests", "PYTHONHASHSEED": "1"},
            cwd=repository / "tests" / "sweeps",
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(said.stdout) == here

    @pytest.mark.parametrize(
        ("changed", "name"),
        [
            (lambda: experiment_of(dataset=(X * 1.0001, *DATA[1:])), "data"),
            (lambda: experiment_of(dataset=(X.astype("float64"), *DATA[1:])), "data"),
            (lambda: experiment_of(dataset=(*DATA[:3], 1 - LABELS[:9])), "data"),
            (lambda: experiment_of(lambda: net(5)), "model"),
            (lambda: experiment_of(lambda: net(4, "tanh")), "model"),
            (lambda: experiment_of(seed=1), "first weights"),
            (lambda: experiment_of(optimizer="adam"), "optimizer"),
            (lambda: experiment_of(optimizer=keras.optimizers.SGD(momentum=0.5)), "optimizer"),
            (lambda: experiment_of(loss=keras.losses.SparseCategoricalCrossentropy()), "loss"),
            (lambda: experiment_of(loss=Weighted(1.0)), "loss"),
            (lambda: experiment_of(metrics=[]), "metrics"),
            (lambda: experiment_of(metrics=[Constant(1.0)]), "metrics"),
            (lambda: experiment_of(epochs=3), "epochs"),
            (lambda: experiment_of(batch_size=8), "batch size"),
        ],
    )
    def test_of_another_experiment_it_is_another(self, experiment, changed, name):
        there, here = header_of(experiment), header_of(changed())
        assert there[name] != here[name]

    def test_it_knows_how_layers_are_wired_and_what_they_are_closed_over(self):
        def loss_of(power):
            return lambda labels, outputs: keras.ops.abs(labels - outputs) ** power

        assert header_of(experiment_of(wired)) != header_of(
            experiment_of(lambda: wired(crossed=True))
        )
        first, second, again = (experiment_of(loss=loss_of(p), metrics=[]) for p in (1, 2, 1))
        assert header_of(first)["loss"] != header_of(second)["loss"]
        assert header_of(first) == header_of(again)

    def test_of_another_version_of_a_package_it_is_another(self, experiment, monkeypatch):
        before = header_of(experiment)
        monkeypatch.setattr(np, "__version__", "0.1")
        after = header_of(experiment)
        assert {name for name in before if before[name] != after[name]} == {"the version of numpy"}


class TestKey:
    def test_made_twice_it_is_the_same(self):
        for one, other in zip(callbacks_alike(), callbacks_alike(), strict=True):
            assert key(callbacks=[one]) == key(callbacks=[other]) == key(callbacks=[copy.copy(one)])

    def test_the_same_rates_are_one_run_unless_a_callback_may_change_them(self):
        assert key(0.1) == key(StepDecay(0.1, 1.0, 1))
        stop = [kc.TerminateOnNaN()]
        assert len({key(0.1), key(0.1, callbacks=stop), key(StepDecay(0.1, 1.0, 1), 0, stop)}) == 3

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"rate": 0.1}, {"rate": 0.1 + 1e-16}),
            ({"rate": StepDecay(0.1)}, {"rate": StepDecay(0.2)}),
            ({"steps": 6}, {"steps": 7}),
            ({"seed": 0}, {"seed": 1}),
        ],
    )
    def test_other_rates_or_seeds_are_another_run(self, one, other):
        assert key(**one) != key(**other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ([kc.EarlyStopping(patience=3)], [kc.EarlyStopping(patience=4)]),
            ([kc.TerminateOnNaN(), Halves(0.5)], [Halves(0.5), kc.TerminateOnNaN()]),
            ([Keeps(1)], [Keeps(1.0)]),
            ([Keeps(1)], [Keeps(True)]),
            ([Keeps("ab")], [Keeps(["a", "b"])]),
            ([Keeps(["ab", "c"])], [Keeps(["a", "bc"])]),
            ([Keeps([[1], 2])], [Keeps([1, [2]])]),
            ([Keeps(np.zeros(4, "float32"))], [Keeps(np.zeros(4, "int32"))]),
            ([Keeps(np.zeros((2, 2)))], [Keeps(np.zeros(4))]),
            ([Keeps(np.zeros(4))], [Keeps(np.array([0, 0, 0, 1e-300]))]),
            ([Keeps(np.array(["a", None], object))], [Keeps(np.array(["b", None], object))]),
            ([Keeps(pd.DataFrame({"a": ["x", "y"]}))], [Keeps(pd.DataFrame({"a": ["x", "z"]}))]),
            ([Keeps(np.random.default_rng(0))], [Keeps(np.random.default_rng(1))]),
            ([Keeps(Own(1))], [Keeps(Own(2))]),
            ([Keeps(Own(1))], [Halves(Own(1))]),
            ([Keeps(StepDecay(0.1))], [Keeps(StepDecay(0.2))]),
            ([Keeps(np.less)], [Keeps(np.greater)]),
            (
                [kc.LearningRateScheduler(closed_over(1))],
                [kc.LearningRateScheduler(closed_over(2))],
            ),
            (
                [kc.LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1))],
                [kc.LearningRateScheduler(lambda epoch, rate: rate / (epoch + 2))],
            ),
            (
                [kc.LearningRateScheduler(lambda epoch, factor=1: factor)],
                [kc.LearningRateScheduler(lambda epoch, factor=2: factor)],
            ),
        ],
    )
    def test_other_settings_of_a_callback_are_another_run(self, one, other):
        assert key(callbacks=one) != key(callbacks=other)


factor = 1.0


def loss_with_a_global(labels, outputs):
    return factor * keras.losses.sparse_categorical_crossentropy(labels, outputs)


def loss_of_a_module(labels, outputs):
    import ours

    return ours.double(keras.losses.sparse_categorical_crossentropy(labels, outputs))


class TestFirstEpoch:
    """Nothing is known of code but what comes of it."""

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "runs.jsonl"

    def refuses(self, experiment, path, words="after one epoch", **options):
        content = path.read_bytes()
        with pytest.raises(ValueError, match=f"had .*{words}.* now: something changed"):
            quietly(experiment, [0.1, 0.2, 1e9], path=path, **options)
        return path.read_bytes() == content

    def test_a_global_that_a_loss_speaks_of(self, path, monkeypatch):
        quietly(experiment_of(loss=loss_with_a_global), [0.1], path=path)
        monkeypatch.setitem(globals(), "factor", 1.01)
        assert self.refuses(experiment_of(loss=loss_with_a_global), path, "before training")
        monkeypatch.setitem(globals(), "factor", 1.0)
        assert quietly(experiment_of(loss=loss_with_a_global), [0.1, 0.2], path=path).complete

    def test_a_module_of_ones_own_counts_by_what_comes_of_it(self, path, tmp_path, monkeypatch):
        def experiment_with(text):
            (tmp_path / "ours.py").write_text(text)
            monkeypatch.delitem(sys.modules, "ours", raising=False)
            importlib.invalidate_caches()
            return experiment_of(loss=loss_of_a_module)

        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)  # of a file of the same size
        helper = "def helper(x):\n    return {} * x\n"
        double = "def double(x):\n    return helper(x)\n"
        quietly(experiment_with(helper.format(2) + double), [0.1], path=path)
        again = experiment_with(helper.format(2) + double + "other = 1\n")
        assert "ours" not in sys.modules  # nobody imports it to compare it
        assert quietly(again, [0.1], path=path).complete
        assert self.refuses(experiment_with(helper.format(3) + double), path, "before training")

    def test_the_code_of_a_model_with_the_same_weights(self, path):
        def build(activation):
            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.hidden, self.last = layers.Dense(4), layers.Dense(2, "softmax")

                def call(self, x):
                    return self.last(activation(self.hidden(x)))

            return Net

        quietly(experiment_of(build(keras.ops.relu)), [0.1], path=path)
        assert quietly(experiment_of(build(keras.ops.relu)), [0.1], path=path).complete
        assert self.refuses(experiment_of(build(keras.ops.tanh)), path, "before training")

    def test_the_code_of_a_training_step(self, path):
        def build(share):
            class Net(keras.Sequential):
                def train_step(self, data):
                    x, y = data
                    return super().train_step((share * x, y))

            return lambda: Net([keras.Input((3,)), layers.Dense(2, "softmax")])

        quietly(experiment_of(build(1.0)), [0.1], path=path)
        assert self.refuses(experiment_of(build(0.9)), path, "accuracy|loss")

    @pytest.mark.parametrize("rates", [[1e9], [1e9, 0.1]])
    def test_one_run_is_enough_and_it_is_a_stable_one(
        self, experiment, path, rates, monkeypatch, request
    ):
        quietly(experiment, rates, path=path)
        followed, follow = [], Experiment.follow

        def watched(self, schedule, **options):
            epochs = follow(self, schedule, **options)
            for run in epochs:
                followed.append((schedule, len(run.history["loss"])))
                yield run

        monkeypatch.setattr(Experiment, "follow", watched)
        assert quietly(experiment, rates, path=path).complete
        assert followed == [(rates[-1], 1)]

    def test_without_a_stable_run_the_loss_before_training_is_compared(self, path):
        quietly(experiment_of(loss=Weighted(1.0)), [1e9], path=path)
        assert quietly(experiment_of(loss=Weighted(1.0)), [1e9], path=path).complete
        assert self.refuses(experiment_of(loss=Weighted(1.1)), path, "before training")

    def test_numbers_of_another_processor_will_do(self, experiment, path):
        quietly(experiment, [0.1], path=path)
        header, line = path.read_text().splitlines()
        for change, taken in ((1.0005, True), (1.002, False)):
            entry = json.loads(line)
            entry["run"]["history"]["val_loss"][0] *= change
            path.write_text(f"{header}\n{json.dumps(entry)}\n")
            if taken:
                assert quietly(experiment, [0.1], path=path).complete
            else:
                assert self.refuses(experiment, path, "val_loss after one epoch")

    @pytest.mark.parametrize(
        ("schedule", "callbacks"),
        [
            (ks.CosineDecay(0.3, 6), []),
            (StepDecay(0.3, 0.5, 1), [Halves(0.5)]),
            (0.3, [kc.LearningRateScheduler(lambda epoch, rate: rate / (1 + epoch))]),
        ],
    )
    def test_it_is_trained_with_its_schedule_seed_and_callbacks(
        self, experiment, path, schedule, callbacks
    ):
        options = {"seeds": [5], "callbacks": callbacks, "path": path}
        first = quietly(experiment, [schedule], **options)
        again = quietly(experiment, [schedule], **options)
        assert again.runs[0].history == first.runs[0].history

    def test_what_is_then_trained_is_what_it_always_was(self, experiment, path):
        quietly(experiment, [0.1], path=path)
        found = quietly(experiment, [0.1, 0.2], path=path, callbacks=[])
        assert found.runs[1].history == experiment.run(0.2).history
