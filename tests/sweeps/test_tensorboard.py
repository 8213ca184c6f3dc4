"""What is written for TensorBoard, read back by TensorBoard itself."""

import math
import re
import subprocess
import sys
from dataclasses import replace

from lrlab.backend import keras

import numpy as np
import pytest
from keras import layers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util.tensor_util import make_ndarray

from lrlab import Experiment, StepDecay, Sweep, sweep

pytestmark = pytest.mark.usefixtures("without_xla")
_random = np.random.default_rng(0)
X = _random.normal(size=(40, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
SCHEDULES = [0.01, StepDecay(0.5, 0.5, 2), StepDecay(0.5, 0.1, 2), 1e9]


def net():
    return keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax")])


@pytest.fixture(scope="module")
def experiment():
    return Experiment(net, (X, LABELS, X[:9], LABELS[:9]), epochs=4, batch_size=16)


@pytest.fixture(scope="module")
def found(experiment):
    return sweep(experiment, SCHEDULES, variants=[{}, {"batch_size": 8}], progress=False)


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("board") / "runs"
    found.to_tensorboard(folder)
    return folder


def scalars(folder):
    """The values of each tag of epochs, in their order."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    found = {}
    for tag in filter(re.compile("epoch_").match, events.Tags()["tensors"]):
        values = events.Tensors(tag)
        assert [event.step for event in values] == list(range(len(values)))
        found[tag] = [float(make_ndarray(event.tensor_proto)) for event in values]
    return found


def hparams(folder):
    """What the plugin HParams finds in the events of a folder itself."""
    contents = []
    for path in sorted(folder.glob("events.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "hparams"
                content = plugin_data_pb2.HParamsPluginData()
                content.ParseFromString(value.metadata.plugin_data.content)
                contents.append(content)
    return contents


def told(folder):
    (begin,) = [c.session_start_info for c in hparams(folder) if c.HasField("session_start_info")]
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in begin.hparams.items()}


def runs(folder):
    return sorted(path for path in folder.iterdir() if path.is_dir())


def test_each_run_has_its_curves_and_its_row(found, folder):
    places = runs(folder)
    assert len(places) == len(found.runs) == 8
    for place, run, row in zip(places, found.runs, found.rows(), strict=True):
        train, validation = scalars(place / "train"), scalars(place / "validation")
        for name, values in run.history.items():
            group = validation if name.startswith("val_") else train
            tag = f"epoch_{name.removeprefix('val_')}"
            np.testing.assert_array_equal(group[tag], np.float32(values))
        assert train.keys() == {"epoch_loss", "epoch_accuracy", "epoch_learning_rate"}
        settings = {n: v for n, v in row.items() if not n.startswith("final_")}
        assert told(place) == settings
    assert places[1].name == "001_StepDecay_0.5,_0.5,_2_,_batch_size_16_seed_0"
    assert told(places[3])["verdict"] == "diverged"


def test_the_table_is_told_its_columns_and_numbers(folder):
    (content,) = hparams(folder)
    columns = {info.name for info in content.experiment.hparam_infos}
    assert columns == {
        *("schedule", "initial_learning_rate", "decay_factor", "epochs_per_drop"),
        *("batch_size", "seed", "verdict"),
    }
    metrics = {(m.name.group, m.name.tag): m.display_name for m in content.experiment.metric_infos}
    assert metrics == {
        ("train", "epoch_loss"): "loss",
        ("train", "epoch_accuracy"): "accuracy",
        ("validation", "epoch_loss"): "val_loss",
        ("validation", "epoch_accuracy"): "val_accuracy",
    }


def test_plain_keras_writes_the_same_curves_below_the_same_names(folder, experiment, tmp_path):
    model = experiment.untrained()
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.SGD(0.01), loss, metrics=["accuracy"])
    settings = {"epochs": 4, "batch_size": 16, "shuffle": False, "verbose": 0}
    board = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    model.fit(X, LABELS, validation_data=(X[:9], LABELS[:9]), callbacks=[board], **settings)
    for group in ("train", "validation"):
        ours, keras_own = scalars(runs(folder)[0] / group), scalars(tmp_path / group)
        for tag in ("epoch_loss", "epoch_accuracy"):
            np.testing.assert_allclose(ours[tag], keras_own[tag], rtol=1e-5)


def test_a_run_that_was_stopped_early_has_no_row(experiment, tmp_path):
    halved = sweep(experiment, SCHEDULES, halving=2, progress=False)
    halved.to_tensorboard(tmp_path / "new")
    places = runs(tmp_path / "new")
    assert len(places) == 4
    lengths = [len(scalars(place / "train")["epoch_loss"]) for place in places]
    assert [bool(hparams(place)) for place in places] == [length == 4 for length in lengths]
    assert sorted(lengths) == [2, 2, 4, 4]


def test_every_seed_is_a_run(experiment, tmp_path):
    sweep(experiment, SCHEDULES[:1], seeds=[3, 5], progress=False).to_tensorboard(tmp_path)
    assert [told(place)["seed"] for place in runs(tmp_path)] == [3, 5]


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_there_is_left_alone(found, tmp_path, there):
    place = tmp_path / "runs"
    kept = place
    if there == "folder":
        place.mkdir()
        kept = place / "mine.txt"
    kept.write_text("mine")
    with pytest.raises(ValueError, match=r"new or an empty one.*Nothing was written"):
        found.to_tensorboard(place)
    assert kept.read_text() == "mine"
    assert sorted(tmp_path.rglob("*")) == sorted({place, kept})


def test_nor_is_it_written_twice(found, folder):
    before = sorted(folder.rglob("*"))
    with pytest.raises(ValueError, match="new or an empty one"):
        found.to_tensorboard(folder)
    assert sorted(folder.rglob("*")) == before


def test_without_tensorboard_it_is_said_what_to_install():
    code = "import sys; sys.modules['tensorboard'] = None\nimport lrlab.sweeps.tensorboard"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert 'pip install "lrlab[tensorboard]"' in result.stderr.splitlines()[-1]


def test_losses_that_are_no_numbers_are_written_as_they_are(experiment, tmp_path):
    (run,) = sweep(experiment, [0.1], progress=False).runs
    losses = [0.7, math.inf, math.nan, math.nan]
    run = replace(run, history=run.history | {"loss": losses})
    Sweep(experiment, (0.1,), (0,), {(0, 0): run}).to_tensorboard(tmp_path)
    (place,) = runs(tmp_path)
    np.testing.assert_array_equal(scalars(place / "train")["epoch_loss"], np.float32(losses))
