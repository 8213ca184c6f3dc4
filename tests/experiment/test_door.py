"""Odd data: what an experiment takes trains as plain Keras does, what it does not it says why."""

from lrlab.backend import keras

import joblib
import numpy as np
import pytest
from experiments import LABELS, X, dense, logits
from keras import layers

import lrlab
from lrlab import Experiment, StepDecay
from lrlab.sweeps.same import header_of

ONE_HOT = np.eye(3)[LABELS]
AMOUNT = X[:, :1] * 2 + 1
MANY = (X[:, :3] > 0).astype(float)
SETTINGS = {"epochs": 3, "batch_size": 16}


def ending_in(units, activation=None):
    def build():
        return keras.Sequential([keras.Input((4,)), layers.Dense(units, activation)])

    return build


def two_inputs():
    first, second = keras.Input((4,), name="first"), keras.Input((1,), name="second")
    merged = layers.Dropout(0.2)(layers.Concatenate()([first, second]))
    return keras.Model([first, second], layers.Dense(3, "softmax")(merged))


class OwnInputs(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = layers.Dense(3, "softmax")

    def call(self, parts):
        return self.last(keras.ops.concatenate([parts["first"], parts["second"]], axis=-1))


def two_outputs():
    inputs = keras.Input((4,))
    heads = [layers.Dense(1, name="amount"), layers.Dense(3, "softmax", name="kind")]
    return keras.Model(inputs, [head(inputs) for head in heads])


def cut(data, rows):
    return keras.tree.map_structure(lambda array: array[:rows], data)


def made(build, x, y, **settings):
    return Experiment(build, (x, y, cut(x, 20), cut(y, 20)), **SETTINGS, **settings)


def plain_keras(build, x, y, loss, metrics):
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=metrics)
    held_out = cut(x, 20), cut(y, 20)
    options = {**SETTINGS, "validation_data": held_out, "shuffle": False, "verbose": 0}
    return model.fit(x, y, **options).history


SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"
IN_A_DICT = {"first": X, "second": X[:, 0]}
RECOGNISED = {
    "one-hot rows": (dense, X, ONE_HOT, CATEGORICAL, ["accuracy"]),
    "one-hot whole numbers": (dense, X, ONE_HOT.astype(int), CATEGORICAL, ["accuracy"]),
    "one-hot rows, logits": (
        logits,
        X,
        ONE_HOT,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        ["accuracy"],
    ),
    "shares": (dense, X, 0.8 * ONE_HOT + 0.2 / 3, CATEGORICAL, ["accuracy"]),
    "whole floats": (dense, X, LABELS.astype("float32"), SPARSE, ["accuracy"]),
    "a column of whole floats": (dense, X, LABELS[:, None] * 1.0, SPARSE, ["accuracy"]),
    "zeros and ones": (
        ending_in(1, "sigmoid"),
        X,
        (LABELS > 0) * 1.0,
        "binary_crossentropy",
        ["accuracy"],
    ),
    "several classes at once": (
        ending_in(3, "sigmoid"),
        X,
        MANY,
        "binary_crossentropy",
        ["binary_accuracy"],
    ),
    "zeros and ones, no activation": (ending_in(1), X, (LABELS > 0) * 1.0, "mse", None),
    "shares of one": (ending_in(1, "sigmoid"), X, LABELS / 3, "mse", None),
    "amounts": (ending_in(1), X, AMOUNT, "mse", None),
    "a row of amounts": (ending_in(1), X, AMOUNT[:, 0], "mse", None),
    "inputs in a dict": (two_inputs, IN_A_DICT, LABELS, SPARSE, ["accuracy"]),
    "inputs in a list": (two_inputs, [*IN_A_DICT.values()], LABELS, SPARSE, ["accuracy"]),
    "a subclass that takes a dict": (
        OwnInputs,
        {"first": X, "second": X[:, :1]},
        ONE_HOT,
        CATEGORICAL,
        ["accuracy"],
    ),
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_the_loss_and_the_metrics_are_those_for_such_targets(name):
    build, x, y, loss, metrics = RECOGNISED[name]
    compiled = made(build, x, y).compile_arguments
    if isinstance(loss, str):
        assert compiled["loss"] == loss
    else:
        assert compiled["loss"].get_config() == loss.get_config()
    assert compiled.get("metrics") == metrics


@pytest.mark.parametrize(
    ("name", "classes"),
    [("whole floats", 3), ("a column of whole floats", 3), ("zeros and ones", 2)],
)
def test_floats_that_are_class_numbers_are_whole_numbers_from_then_on(name, classes):
    build, x, y, _, _ = RECOGNISED[name]
    dataset = made(build, x, y).dataset
    assert (dataset.task, dataset.classes) == ("classification", classes)
    for labels, given in ((dataset.y_train, y), (dataset.y_val, y[:20])):
        assert labels.dtype == "int64"
        np.testing.assert_array_equal(labels, given)


def a_class_an_instant():
    return keras.Sequential([keras.Input((2, 2)), layers.Dense(3, "softmax")])


def test_a_class_an_instant_trains_as_plain_keras_does():
    x, y = X.reshape(-1, 2, 2), np.column_stack([LABELS, LABELS[::-1]]).astype("float32")
    run = made(a_class_an_instant, x, y, loss=SPARSE).run(0.1)
    plain = plain_keras(a_class_an_instant, x, y, SPARSE, None)
    np.testing.assert_allclose(run.history["val_loss"], plain["val_loss"], rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(75,\) and outputs of shape \(None, 2, 3\)"):
        made(a_class_an_instant, x, LABELS, loss=SPARSE)
    with pytest.raises(ValueError, match=r"Labels must lie in 0\.\.2.*from 1\.0 to 3"):
        made(a_class_an_instant, x, y + 1, loss=SPARSE)


@pytest.mark.parametrize(
    "name",
    ["one-hot rows", "whole floats", "several classes at once", "a subclass that takes a dict"],
)
def test_what_is_recognised_trains_as_plain_keras_with_that_loss(name):
    build, x, y, loss, metrics = RECOGNISED[name]
    experiment = made(build, x, y)
    run, plain = experiment.run(0.1), plain_keras(build, x, y, loss, metrics)
    assert set(run.history) == {*plain, "learning_rate"}
    for key, values in plain.items():
        np.testing.assert_allclose(run.history[key], values, rtol=1e-5, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("kind", [list, dict])
def test_several_targets_train_as_plain_keras_does(kind):
    targets, losses = {"amount": AMOUNT, "kind": LABELS}, {"amount": "mse", "kind": SPARSE}
    if kind is list:
        targets, losses = [*targets.values()], [*losses.values()]
    run = made(two_outputs, X, targets, loss=losses).run(0.1)
    plain = plain_keras(two_outputs, X, targets, losses, None)
    np.testing.assert_allclose(run.history["val_loss"], plain["val_loss"], rtol=1e-5)
    assert set(run.history) == {*plain, "learning_rate"}


@pytest.mark.parametrize(
    ("build", "y", "settings", "says"),
    [
        (dense, LABELS + 1.0, {}, r"whole numbers, here from 0 to 2. Received: targets such as 3"),
        (dense, LABELS - 0.5, {}, "targets such as .*np.unique.*no activation"),
        (dense, -1.0 * LABELS, {}, "targets such as -1"),
        (dense, AMOUNT, {}, "A softmax tells classes apart"),
        (dense, 2 * ONE_HOT, {}, "adds up to 1.*a sigmoid"),
        (dense, ONE_HOT - 1 / 3, {}, "adds up to 1"),
        (dense, np.eye(2)[LABELS % 2], {}, r"y_train.shape=\(75, 2\) and outputs of .*3"),
        (ending_in(1, "sigmoid"), np.eye(2)[LABELS % 2], {}, r"Pass y.argmax\(axis=1\)"),
        (ending_in(3), AMOUNT, {}, r"mean_squared_error.*\(75, 1\) and outputs of shape \(None, 3"),
        (ending_in(3), AMOUNT[:, 0], {}, r"\(75,\) and outputs of shape \(None, 3"),
        (ending_in(1), X, {}, r"\(75, 4\) and outputs of shape \(None, 1"),
        (ending_in(3), AMOUNT, {"loss": keras.losses.Huber()}, "the loss huber compares"),
        (dense, LABELS, {"loss": CATEGORICAL}, "take the loss sparse_categorical"),
        (dense, LABELS, {"loss": "mse"}, "mean_squared_error"),
        (dense, ONE_HOT, {"loss": SPARSE}, "take the loss categorical"),
        (dense, LABELS + 0.5, {"loss": SPARSE}, "Classes are whole numbers"),
        (dense, LABELS + 1.0, {"loss": SPARSE}, r"Labels must lie in 0\.\.2"),
        (two_outputs, [AMOUNT, LABELS], {}, r"Received: y_train\[0\], y_train\[1\]. Give `loss=`"),
    ],
)
def test_targets_that_a_model_cannot_learn(build, y, settings, says):
    with pytest.raises(ValueError, match=says):
        made(build, X, y, **settings)


def test_a_loss_of_ones_own_may_compare_what_it_likes():
    """Of three quantiles, for one."""

    def pinball(y, outputs):
        error = y - outputs
        return keras.ops.mean(keras.ops.maximum(0.5 * error, -0.5 * error), axis=-1)

    assert len(made(ending_in(3), X, AMOUNT, loss=pinball).run(0.1).history["loss"]) == 3


@pytest.mark.parametrize(
    ("build", "x", "says"),
    [
        (two_inputs, {"first": X, "third": X}, "a dict of first, third .*the inputs first, second"),
        (dense, {"first": X, "second": X}, "a dict of first, second for a model"),
        (dense, [X, X], "2 arrays for a model with the inputs"),
        (OwnInputs, {"first": X}, "the inputs of its own"),
    ],
)
def test_inputs_that_a_model_does_not_take(build, x, says):
    with pytest.raises(ValueError, match=says):
        made(build, x, LABELS)


@pytest.mark.parametrize("make", [lrlab.models.mlp, lrlab.models.linear, lrlab.models.cnn])
def test_the_small_models_have_one_input(make):
    dataset = lrlab.data.as_dataset((IN_A_DICT, LABELS, IN_A_DICT, LABELS))
    with pytest.raises(ValueError, match="one input and one output"):
        make(dataset)


@pytest.fixture(scope="module")
def two_in():
    return made(two_inputs, IN_A_DICT, LABELS)


class TestSeveralInputs:
    def test_the_code_takes_them_as_they_were_given(self, two_in):
        run, given = two_in.run(StepDecay(0.2, 0.5, 1)), {}
        held_out = cut(IN_A_DICT, 20), LABELS[:20]
        given = {"x_train": IN_A_DICT, "y_train": LABELS, "x_val": held_out[0]}
        scope = {"build_model": two_inputs, "y_val": held_out[1], **given}
        exec(run.code, scope)  # noqa: S102
        last = scope["history"].history["val_loss"][-1]
        assert run.final["val_loss"] == pytest.approx(last, rel=1e-5)

    def test_a_sweep_takes_up_its_file(self, two_in, tmp_path):
        path = tmp_path / "runs.jsonl"
        lrlab.sweep(two_in, [0.1, 0.2], path=path, progress=False)
        before = path.read_text()
        lrlab.sweep(made(two_inputs, IN_A_DICT, LABELS), [0.1, 0.2], path=path, progress=False)
        assert path.read_text() == before
        other = made(two_inputs, {**IN_A_DICT, "second": X[:, 1]}, LABELS)
        with pytest.raises(ValueError, match="data"):
            lrlab.sweep(other, [0.1], path=path, progress=False)

    def test_an_explorer_draws_the_curves_and_no_plane(self, two_in):
        explorer = lrlab.LearningRateExplorer(two_in)
        explorer.run()
        assert explorer.wait(60).final["loss"] > 0

    def test_the_sharpness_is_that_of_the_same_numbers_in_one_array(self):
        model = two_inputs()
        model.compile("sgd", SPARSE)
        in_one = keras.Sequential([keras.Input((5,)), layers.Dense(3, "softmax")])
        in_one.compile("sgd", SPARSE)
        in_one.set_weights(model.get_weights())
        parts = {"first": X, "second": X[:, :1]}
        expected = lrlab.sharpness(in_one, np.column_stack([*parts.values()]), LABELS)
        assert lrlab.sharpness(model, parts, LABELS) == pytest.approx(expected, rel=1e-3)


def test_arrays_that_are_changed_afterwards_change_neither_runs_nor_what_is_said_of_them():
    x, y = X.copy(), LABELS.copy()
    experiment = made(dense, x, y)
    expected, header = experiment.run(0.1).history, header_of(experiment)
    x[:], y[:] = 0, 2
    assert experiment.run(0.1).history == expected
    assert experiment.run(0.1, seed=1).start_loss != pytest.approx(np.log(3), rel=1e-3)
    assert header_of(experiment) == header
    assert header["data"] == joblib.hash([X, LABELS, X[:20], LABELS[:20]])
    assert experiment.variant(optimizer="adam", batch_size=10).run(0.01).verdict
    np.testing.assert_array_equal(experiment.dataset.x_train, X)
