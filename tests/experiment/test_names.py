"""Layers and metrics have the names of a first build, whatever was built before."""

import threading

from lrlab.backend import keras

import pytest
from experiments import LABELS, X
from keras import layers
from small import printed_by

import lrlab
from lrlab import Experiment
from lrlab.training.internals import first_names, name_counts

POSITIVE = (LABELS > 0).astype("int64")
DATA = dict(zip(("x_train", "y_train", "x_val", "y_val"), (X, POSITIVE, X, POSITIVE), strict=True))
KEYS = {"auc", "auc_1", "loss", "val_auc", "val_auc_1", "val_loss", "learning_rate"}


def sigmoid():
    return keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")])


def two_areas():
    return [keras.metrics.AUC(), keras.metrics.AUC(curve="PR", num_thresholds=20)]


def compiled():
    model = sigmoid()
    model.compile("sgd", "binary_crossentropy", metrics=two_areas())
    return model


def made(kind):
    if kind == "compiled":
        return Experiment(compiled, tuple(DATA.values()), epochs=3)
    return Experiment(sigmoid, tuple(DATA.values()), epochs=3, metrics=two_areas())


@pytest.fixture(scope="module", params=["compiled", "given"])
def experiment(request):
    two_areas()  # as in a cell that is run again
    return made(request.param)


def test_a_history_has_the_names_of_a_first_build(experiment):
    assert set(experiment.run(0.1).history) == KEYS
    assert [layer.name for layer in experiment.untrained().layers] == ["dense"]


def test_a_variant_made_in_another_thread_has_them_too(experiment):
    found = []

    def work():
        found.append(experiment.variant(optimizer="adam").run(0.01))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert set(found[0].history) == KEYS


def test_names_of_ones_own_are_counted_on_as_if_nothing_had_been_built(experiment):
    before = name_counts()
    _ = experiment.run(0.1).code
    experiment.untrained()
    assert {name: name_counts().get(name) for name in ("auc", "dense")} == {
        name: before.get(name) for name in ("auc", "dense")
    }


def test_a_plateau_of_such_a_metric_fires(experiment):
    """An area cannot rise above 1, nor by 2."""
    plateau = keras.callbacks.ReduceLROnPlateau("val_auc", 0.5, patience=0, min_delta=2, mode="max")
    run = experiment.run(0.4, callbacks=[plateau])
    assert run.history["learning_rate"] == pytest.approx([0.4, 0.4, 0.2])


def test_the_code_has_them_and_gives_the_numbers(experiment):
    run = experiment.run(0.1)
    assert 'keras.metrics.AUC(name="auc")' in run.code
    assert 'keras.metrics.AUC(num_thresholds=20, curve="PR", name="auc_1")' in run.code
    assert max(map(len, run.code.splitlines())) <= 88
    printed = printed_by(run.code, build_model=sigmoid if "build" in run.code else None, **DATA)
    for name, value in printed.items():
        assert value == pytest.approx(run.final[name], abs=1e-4)


@pytest.mark.parametrize("kind", ["compiled", "given"])
def test_a_file_is_taken_up_again_by_an_experiment_made_anew(kind, tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    lrlab.sweep(made(kind), [0.1, 0.2], path=path, progress=False)
    again = made(kind)
    found = lrlab.sweep(again, [0.1, 0.2, 0.4], path=path, progress=False)
    assert len(path.read_text().splitlines()) == 1 + 3  # what they are of, and the runs
    assert set(found.best("val_auc").history) == KEYS


def test_names_that_were_given_stay():
    metrics = [keras.metrics.AUC(name=name) for name in ("mine", "auc_900", "area_1")]
    experiment = Experiment(sigmoid, tuple(DATA.values()), epochs=1, metrics=metrics)
    assert set(experiment.run(0.1).history) >= {"mine", "auc_900", "area_1"}
    assert [metric.name for metric in metrics] == ["mine", "auc_900", "area_1"]


def test_a_layer_made_elsewhere_may_have_a_first_name():
    """As the body of a network that was trained before; its name would be used twice."""
    inputs = keras.Input((4,))
    with first_names():
        body = keras.Model(inputs, layers.Dense(8, "relu")(inputs))

    def build():
        return keras.Model(body.input, layers.Dense(1, "sigmoid")(body.output))

    assert len(Experiment(build, tuple(DATA.values()), epochs=1).run(0.1).history["loss"]) == 1
