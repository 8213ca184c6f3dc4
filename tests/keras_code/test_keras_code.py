"""The code of a run is plain Keras that gives the run's numbers, and reads as if by hand."""

import contextlib
import functools
import inspect
import io
import math
import re
import subprocess
import sys

from lrlab.backend import keras

import numpy as np
import pytest
import small
from keras import layers
from small import all_without_lrlab, without_lrlab

from lrlab import Experiment, OneCycle, StepDecay, data, models
from lrlab.keras_code.source import _KEPT_AS

pytestmark = pytest.mark.usefixtures("without_xla")
ks = keras.optimizers.schedules
cb = keras.callbacks
EPOCHS = 3
_random = np.random.default_rng(0)
X = _random.normal(size=(40, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
DATA = (X, LABELS, X[:10], LABELS[:10])
GIVEN = dict(zip(("x_train", "y_train", "x_val", "y_val"), DATA, strict=True))


def halves_later(epoch, lr):
    # Nearly, by a module that it uses.
    if epoch < 1:
        return lr
    return lr * math.exp(-0.7)


def own_model():
    class Own(layers.Dense):
        pass

    return keras.Sequential([keras.Input((3,)), Own(4, "relu"), layers.Dense(2, "softmax")])


def with_dropout():
    hidden = [layers.Dense(8, "relu"), layers.Dropout(0.3, seed=3), layers.Dropout(0.2)]
    head = layers.Dense(2, "softmax", kernel_regularizer=keras.regularizers.L2(1e-3))
    return keras.Sequential([keras.Input((2,)), *hidden, head])


def compiled():
    model = models.mlp(data.moons())
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="right")]
    model.compile(keras.optimizers.RMSprop(ks.CosineDecay(0.1, 5), rho=0.8), LOSS, metrics=metrics)
    return model


LOSS = keras.losses.SparseCategoricalCrossentropy(ignore_class=7)
PLATEAU = lambda: [  # noqa: E731
    cb.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05, min_lr=1e-3),
    cb.EarlyStopping("val_loss", patience=2, min_delta=0.01, restore_best_weights=True),
    cb.TerminateOnNaN(),
]

# name -> (data, model, settings, schedule, callbacks)
MOONS = ("moons", models.mlp)
CASES = {
    "a constant": (*MOONS, {}, 0.1, None),
    "step decay": (*MOONS, {}, StepDecay(0.5, 0.3, 2), None),
    "a lambda": (*MOONS, {}, lambda epoch: 0.3 / (1 + epoch), None),
    "staircase": (*MOONS, {}, ks.ExponentialDecay(0.5, 10, 0.8, staircase=True), None),
    "cosine": (*MOONS, {}, ks.CosineDecay(0.0, 60, warmup_target=0.5, warmup_steps=10), None),
    "piecewise": (*MOONS, {}, ks.PiecewiseConstantDecay([20, 40], [0.5, 0.1, 0.05]), None),
    "one cycle": (*MOONS, {}, OneCycle(0.5, EPOCHS).to_keras(25), None),
    "one cycle by the epoch": (*MOONS, {}, OneCycle(0.5, EPOCHS), None),
    "callbacks": (*MOONS, {"epochs": 8}, 0.5, PLATEAU),
    "step decay and callbacks": (*MOONS, {"epochs": 8}, StepDecay(0.5, 0.5, 3), PLATEAU),
    "adam": (
        *MOONS,
        {"optimizer": keras.optimizers.Adam(0.7, beta_1=0.5, epsilon=1e-4, amsgrad=True)},
        0.02,
        None,
    ),
    "adamw": (
        *MOONS,
        {"optimizer": keras.optimizers.AdamW(weight_decay=0.1, clipnorm=0.5)},
        StepDecay(0.03, 0.5, 1),
        None,
    ),
    "momentum": (
        *MOONS,
        {"optimizer": keras.optimizers.SGD(momentum=0.9, nesterov=True), "batch_size": 50},
        0.03,
        None,
    ),
    "digits": ("digits", models.mlp, {"seed": 5}, 0.1, None),
    "cnn": ("digits", models.cnn, {"epochs": 1}, 0.05, None),
    "spirals": ("spirals", lambda d: models.mlp(d, (16, 8), "tanh"), {}, 0.3, None),
    "regression": ("diabetes", models.mlp, {}, 0.02, None),
    "a huber loss": (
        "diabetes",
        models.linear,
        {"loss": keras.losses.Huber(), "metrics": ["mae", keras.metrics.R2Score()]},
        0.02,
        None,
    ),
    "dropout": ("moons", lambda d: with_dropout(), {}, 0.2, None),
    "a compiled model": ("moons", lambda d: compiled(), {}, 0.01, None),
}


@pytest.fixture(scope="module")
def runs():
    experiments, runs = {}, {}
    for case, (of, build, settings, schedule, callbacks) in CASES.items():
        dataset, settings = getattr(data, of)(), {"epochs": EPOCHS, **settings}
        key = repr((of, build, settings))
        if key not in experiments:
            experiments[key] = Experiment(lambda b=build, d=dataset: b(d), dataset, **settings)
        runs[case] = experiments[key].run(schedule, callbacks=callbacks() if callbacks else ())
    return runs


def numbers(printed):
    """The numbers that a program prints, `name: 0.1234` a line, by name."""
    found = small.numbers(printed)
    assert len(found) == len(printed.splitlines()), printed
    return found


def assert_prints(printed, run):
    found = numbers(printed)
    assert {"loss", "val_loss"} <= set(found)
    expected = {name: run.final[name] for name in found}
    assert found == pytest.approx(expected, abs=1e-4)
    assert set(run.final) - set(found) <= {"learning_rate"}


def executed(code, **given):
    """What a program prints that is run here, with what it takes as given."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "program", "exec"), {"__name__": "__main__", **given})  # noqa: S102
    return printed.getvalue()


def formatted(code):
    """The code as Ruff would have it, with its default settings."""
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(ruff, input=code, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def printed(runs, tmp_path_factory):
    """What all programs print, one after the other, in a fresh Python without lrlab."""
    programs = {case: run.code for case, run in runs.items()}
    return all_without_lrlab(programs, tmp_path_factory.mktemp("programs"))


class TestCompletePrograms:
    @pytest.mark.parametrize("case", CASES)
    def test_without_lrlab_it_prints_the_numbers_of_the_run(self, case, runs, printed):
        assert_prints(printed[case], runs[case])

    def test_it_runs_as_a_script(self, runs, tmp_path):
        (tmp_path / "program.py").write_text(runs["step decay"].code)
        assert_prints(without_lrlab(["program.py"], tmp_path), runs["step decay"])

    @pytest.mark.parametrize("case", CASES)
    def test_it_takes_nothing_as_given(self, case, runs):
        assert "given" not in runs[case].code
        assert "lrlab" not in runs[case].code

    def test_it_is_formatted_as_ruff_would_have_it(self, runs):
        for case, run in runs.items():
            assert formatted(run.code) == run.code, case

    @pytest.mark.parametrize("case", CASES)
    def test_it_fits_88_columns(self, case, runs):
        assert max(map(len, runs[case].code.splitlines())) <= 88

    @pytest.mark.parametrize("case", CASES)
    def test_its_imports_stand_together_above_all_else(self, case, runs):
        above, _, below = runs[case].code.partition("\n\n")
        is_import = re.compile("^(import|from) ", re.MULTILINE)
        assert len(is_import.findall(above)) == len(above.splitlines()) > 1
        assert not is_import.findall(below)

    def test_the_rate_stands_where_it_belongs(self, runs):
        assert "keras.optimizers.SGD(learning_rate=0.1)" in runs["a constant"].code
        assert "0.5 * 0.3 ** (epoch // 2)" in runs["step decay"].code
        assert "LearningRateScheduler(schedule)" in runs["step decay"].code
        assert "learning_rate" not in runs["step decay"].code
        assert "learning_rate=keras.optimizers.schedules.PiecewiseConstantDecay(" in (
            runs["piecewise"].code
        )

    def test_settings_at_their_defaults_are_left_out(self, runs):
        adam = Experiment(own_model, DATA, optimizer="adam").code(1)
        assert "optimizer=keras.optimizers.Adam(learning_rate=1.0)," in adam
        assert "callbacks" not in runs["a constant"].code

    def test_a_schedule_is_written_with_all_its_settings(self):
        experiment = Experiment(own_model, DATA, epochs=EPOCHS)
        for schedule in (
            ks.ExponentialDecay(0.5, 10, 0.8),
            ks.PolynomialDecay(0.5, 50, end_learning_rate=0.01, power=2.0, cycle=True),
            ks.InverseTimeDecay(0.5, 7, 0.3, staircase=True),
            ks.CosineDecayRestarts(0.5, 20, t_mul=3.0, m_mul=0.8, alpha=0.1),
            ks.CosineDecay(0.01, 60, alpha=0.2, warmup_target=0.5, warmup_steps=10),
        ):
            code = experiment.code(schedule)
            assert formatted(code) == code
            (call,) = re.findall(r"    optimizer=(.*),\n    loss", code, re.DOTALL)
            optimizer = eval(call, {"keras": keras})  # noqa: S307
            assert type(optimizer._learning_rate) is type(schedule)
            assert optimizer._learning_rate.get_config() == schedule.get_config()

    @pytest.mark.parametrize("cycle", [OneCycle(), OneCycle(0.1 + 0.2, 7, 0.314, 3.3, 1e4 / 3)])
    def test_one_cycle_is_written_as_a_class_that_does_the_same(self, cycle):
        experiment = Experiment(own_model, DATA, epochs=EPOCHS)
        schedule = cycle.to_keras(steps_per_epoch=45)
        code = experiment.code(schedule)
        assert formatted(code) == code
        assert max(map(len, code.splitlines())) <= 88
        (definition,) = re.findall(r"^class OneCycle.*?(?=^keras)", code, re.DOTALL | re.MULTILINE)
        known = {"keras": keras}
        exec(definition, known)  # noqa: S102
        for step in range(0, 16 * 45, 7):
            assert float(known["OneCycleSchedule"]()(step)) == float(schedule(step))

    def test_a_function_of_the_epoch_is_written_as_a_table(self):
        experiment = Experiment(own_model, DATA, epochs=30)
        code = experiment.code(lambda epoch: 0.3 / (1 + epoch))
        assert formatted(code) == code
        (table,) = re.findall(r"learning_rates = (\[.*?\])\n", code, re.DOTALL)
        assert eval(table) == [0.3 / (1 + epoch) for epoch in range(30)]  # noqa: S307

    def test_a_schedule_can_say_how_it_is_written(self):
        """Whoever adds one need not touch what writes the code."""

        class Halving:
            def __call__(self, epoch):
                return 0.5 / 2**epoch

            def as_plain_keras(self):
                return "def halving(epoch):\n    return 0.5 / 2**epoch", "halving"

        run = Experiment(own_model, DATA, epochs=EPOCHS).run(Halving())
        assert "LearningRateScheduler(halving)" in run.code
        assert formatted(run.code) == run.code
        assert_prints(executed(run.code, build_model=own_model, **GIVEN), run)

    def test_a_class_that_changes_the_rates_does_not_say_what_it_inherits(self):
        class Higher(StepDecay):
            def __call__(self, epoch):
                return 2 * super().__call__(epoch)

        code = Experiment(own_model, DATA, epochs=2).code(Higher(0.1, 0.5, 1))
        assert "learning_rates = [0.2, 0.1]" in code

    @pytest.mark.parametrize("callbacks", [[], [cb.ReduceLROnPlateau(patience=0, factor=0.5)]])
    @pytest.mark.parametrize("schedule", [halves_later, lambda epoch, lr: lr * 0.5])
    def test_a_function_of_epoch_and_rate_is_written_as_it_is(self, schedule, callbacks):
        experiment = Experiment(own_model, DATA, epochs=EPOCHS, optimizer=keras.optimizers.SGD(0.2))
        run = experiment.run(schedule, callbacks=callbacks)
        assert "Takes as given: build_model, x_train, y_train, x_val, y_val." in run.code
        assert "SGD(learning_rate=0.2)" in run.code
        assert formatted(run.code) == run.code
        assert_prints(executed(run.code, build_model=own_model, **GIVEN), run)

    @pytest.mark.parametrize("schedule", [lambda epoch, lr: lr * keras.ops.exp(-0.1)])
    def test_a_rate_that_keras_would_refuse_is_made_a_float(self, schedule):
        run = Experiment(own_model, DATA, epochs=EPOCHS).run(schedule)
        assert "float((lambda epoch, lr: lr * keras.ops.exp(-0.1))(epoch, rate))" in run.code
        assert_prints(executed(run.code, build_model=own_model, **GIVEN), run)

    def test_a_function_that_needs_more_than_its_lines_is_given(self):
        factor = 0.5

        def closed(epoch, lr):
            return lr * factor

        def of_the_module(epoch, lr):
            return lr / EPOCHS

        def with_default(epoch, lr, *, more=EPOCHS):
            return lr / more

        experiment = Experiment(own_model, DATA, epochs=1)
        for schedule in (closed, of_the_module, with_default, functools.partial(closed)):
            assert "LearningRateScheduler(schedule)" in experiment.code(schedule)

    @pytest.mark.parametrize("rate", [1, np.float32(0.5), np.array(1.0)])
    def test_a_rate_of_any_type_is_written_as_a_float(self, rate):
        code = Experiment(own_model, DATA, epochs=1).code(rate)
        assert f"SGD(learning_rate={float(rate)})," in code

    def test_it_says_why_it_does_not_shuffle(self, runs):
        for run in runs.values():
            before, _, _ = run.code.partition("    shuffle=False,\n")
            assert "True is right there.\n" in before[-40:]


def seeds_anew():
    keras.utils.set_random_seed(42)
    return models.mlp(data.moons(), (8,))


def sets_weights():
    model = models.mlp(data.moons(), (8,))
    model.layers[0].set_weights([np.full((2, 8), 0.1), np.zeros(8)])
    return model


def makes_a_layer_that_it_does_not_use():
    layers.Dense(3).build((None, 2))
    return models.mlp(data.moons(), (8,))


def shares_an_initializer():
    same = keras.initializers.GlorotUniform()
    hidden = [layers.Dense(8, "relu", kernel_initializer=same) for _ in range(2)]
    return keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(2, "softmax")])


def freezes():
    model = models.mlp(data.moons(), (8,))
    model.layers[0].trainable = False
    return model


def without_input():
    return keras.Sequential([layers.Dense(8, "relu"), layers.Dense(2, "softmax")])


def in_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = models.mlp(data.moons(), (8,))
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    return model


class TestWhatBuildModelDoes:
    def program(self, build, schedule=0.1, **settings):
        run = Experiment(build, data.moons(), epochs=2, **settings).run(schedule)
        assert formatted(run.code) == run.code
        return run

    @pytest.mark.parametrize(
        "build",
        [seeds_anew, sets_weights, makes_a_layer_that_it_does_not_use, shares_an_initializer],
    )
    def test_more_than_stacking_layers_is_taken_as_given(self, build):
        run = self.program(build)
        assert run.code.startswith("# Takes as given: build_model, x_train,")
        moons = data.moons()
        given = {name: getattr(moons, name) for name in GIVEN}
        assert_prints(executed(run.code, build_model=build, **given), run)

    @pytest.mark.parametrize("build", [freezes, without_input])
    def test_what_layers_say_of_themselves_is_written(self, build):
        run = self.program(build)
        assert "given" not in run.code
        assert_prints(executed(run.code), run)

    def test_the_source_is_tried_once_a_seed(self):
        """For it is asked for at every movement of a slider."""
        built = []

        def build():
            built.append(True)
            return models.mlp(data.moons())

        experiment = Experiment(build, data.moons(), epochs=1)
        first = experiment.code(0.1)
        count = len(built)
        for rate in (0.1, 0.2, StepDecay()):
            experiment.code(rate)
            experiment.variant(optimizer="adam").code(rate)
        # The variant builds its own model, and no more.
        assert len(built) == count + 1
        assert experiment.code(0.1) == first
        experiment.code(0.1, seed=1)
        assert len(built) == count + 2

    @pytest.mark.parametrize(
        "schedule", [0.1, StepDecay(0.1, 0.5, 1), ks.ExponentialDecay(0.1, 3, 0.5)]
    )
    def test_a_scaled_loss_has_its_rate_in_the_optimizer_within(self, schedule):
        run = self.program(in_mixed_precision, schedule)
        assert "keras.optimizers.LossScaleOptimizer(" in run.code
        assert_prints(executed(run.code), run)


class OneCycleSchedule(ks.LearningRateSchedule):
    """By chance called as one of lrlab's, and without settings that Keras could store."""

    def __call__(self, step):
        return 0.4 / (keras.ops.cast(step, "float32") + 1)


class WithoutConfig(OneCycleSchedule):
    """So most people write one."""


@keras.saving.register_keras_serializable("tests")
class WithConfig(OneCycleSchedule):
    """Which Keras could store and find again, but no program without this file."""

    def get_config(self):
        return {}


class RaisesInConfig(OneCycleSchedule):
    def get_config(self):
        raise AttributeError("on purpose")


class TestOwnThings:
    def given_by(self, code):
        first, _, _ = code.partition("\n")
        assert first.startswith("# Takes as given: "), code
        return first.removeprefix("# Takes as given: ").removesuffix(".").split(", ")

    def check(self, run, **own):
        names = ["x_train", "y_train", "x_val", "y_val", *own]
        assert sorted(self.given_by(run.code)) == sorted(names)
        assert formatted(run.code) == run.code
        assert_prints(executed(run.code, **GIVEN, **own), run)

    def test_own_model_and_data(self):
        run = Experiment(own_model, DATA, epochs=EPOCHS).run(StepDecay(0.3, 0.5, 1))
        self.check(run, build_model=own_model)

    def test_own_model_on_built_in_data(self):
        moons = data.moons()

        def build():
            inputs = keras.Input((2,))
            return keras.Model(inputs, layers.Dense(2, "softmax")(inputs))

        run = Experiment(build, moons, epochs=EPOCHS).run(0.1)
        names = ("x_train", "y_train", "x_val", "y_val")
        given = {name: getattr(moons, name) for name in names}
        assert set(self.given_by(run.code)) == {"build_model", *given}
        assert_prints(executed(run.code, build_model=build, **given), run)

    def test_own_loss_metric_and_schedule(self):
        def loss(y_true, y_pred):
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * 2

        class Halving(ks.LearningRateSchedule):
            def __call__(self, step):
                return 0.4 / (keras.ops.cast(step, "float32") + 1)

            def get_config(self):
                return {}

        experiment = Experiment(own_model, DATA, epochs=EPOCHS, loss=loss, metrics=["accuracy"])
        schedule = Halving()
        run = experiment.run(schedule)
        assert "loss=loss," in run.code
        assert "learning_rate=schedule" in run.code
        self.check(run, build_model=own_model, loss=loss, schedule=schedule)

    def test_a_loss_that_keras_does_not_store_in_full(self):
        """Of a Huber loss its config has no delta."""
        rows = np.eye(2)[LABELS]
        arrays = (X, rows, X[:10], rows[:10])
        experiment = Experiment(own_model, arrays, epochs=1, loss=keras.losses.Huber(0.5))
        assert "loss=loss," in experiment.code(0.1)

    @pytest.mark.parametrize(
        "schedule", [0.1, StepDecay(0.3, 0.5, 1), ks.ExponentialDecay(0.1, 3, 0.5)]
    )
    def test_own_optimizer(self, schedule):
        class Slow(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient, variable, learning_rate / 2)

        run = Experiment(own_model, DATA, epochs=EPOCHS, optimizer=Slow()).run(schedule)
        usual = Experiment(own_model, DATA, epochs=EPOCHS).run(schedule)
        assert run.final["loss"] != usual.final["loss"]
        self.check(run, build_model=own_model, optimizer=Slow())

    def test_own_callbacks(self):
        class HalveTheRate(cb.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2

        run = Experiment(own_model, DATA, epochs=EPOCHS).run(0.5, callbacks=[HalveTheRate()])
        assert "callbacks=[halve_the_rate]," in run.code
        self.check(run, build_model=own_model, halve_the_rate=HalveTheRate())

    def test_two_callbacks_of_one_class_have_two_names(self):
        class Adds(cb.Callback):
            def __init__(self, amount):
                super().__init__()
                self.amount = amount

            def on_epoch_end(self, epoch, logs=None):
                rate = float(self.model.optimizer.learning_rate)
                self.model.optimizer.learning_rate = rate + self.amount

        callbacks = [Adds(0.1), Adds(0.2)]
        run = Experiment(own_model, DATA, epochs=EPOCHS).run(0.1, callbacks=callbacks)
        self.check(run, build_model=own_model, adds=callbacks[0], adds_2=callbacks[1])

    def test_built_in_callbacks_that_hold_functions(self):
        callbacks = [
            cb.LearningRateScheduler(lambda epoch: 0.3 / (epoch + 1)),
            cb.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        ]
        run = Experiment(own_model, DATA, epochs=EPOCHS).run(0.1, callbacks=callbacks)
        assert "<" not in run.code.replace("\n", "")
        names = ("learning_rate_scheduler", "lambda_callback")
        self.check(run, build_model=own_model, **dict(zip(names, callbacks, strict=True)))

    @pytest.mark.parametrize("kind", [OneCycleSchedule, WithoutConfig, WithConfig, RaisesInConfig])
    def test_a_schedule_of_ones_own_class(self, kind):
        run = Experiment(own_model, DATA, epochs=EPOCHS).run(kind())
        assert "learning_rate=schedule" in run.code
        self.check(run, build_model=own_model, schedule=kind())

    def test_a_loss_and_a_metric_without_settings(self):
        class Loss(keras.losses.Loss):
            def call(self, labels, outputs):
                return keras.losses.sparse_categorical_crossentropy(labels, outputs)

            def get_config(self):
                raise NotImplementedError

        class Metric(keras.metrics.SparseCategoricalAccuracy):
            def get_config(self):
                raise NotImplementedError

        settings = {"loss": Loss(), "metrics": [Metric(name="right")]}
        run = Experiment(own_model, DATA, epochs=EPOCHS, **settings).run(0.1)
        self.check(run, build_model=own_model, loss=Loss(), metrics=[Metric(name="right")])

    def test_a_callback_that_holds_arrays(self):
        class Keeps(cb.Callback):
            def __init__(self, values=X, min_delta=0.1):
                super().__init__()
                self.values, self.min_delta = values, None

        run = Experiment(own_model, DATA, epochs=EPOCHS).run(0.1, callbacks=[Keeps(np.zeros(3))])
        self.check(run, build_model=own_model, keeps=Keeps())


class TestCallbacks:
    def code(self, *callbacks):
        experiment = Experiment(own_model, DATA, epochs=1)
        code = experiment.code(0.1, callbacks)
        assert formatted(code) == code
        return code

    def test_arguments_that_differ_from_their_defaults_are_written(self):
        code = self.code(cb.EarlyStopping(patience=3), cb.CSVLogger("log.csv", separator=";"))
        assert "keras.callbacks.EarlyStopping(patience=3)," in code
        assert 'keras.callbacks.CSVLogger(filename="log.csv", separator=";"),' in code

    @pytest.mark.parametrize(
        ("cls", "arguments", "name"),
        [
            (cb.ModelCheckpoint, {"initial_value_threshold": 0.3}, "model_checkpoint"),
            (cb.TensorBoard, {"profile_batch": (2, 4)}, "tensor_board"),
        ],
    )
    def test_one_that_keeps_an_argument_to_itself_is_named_as_given(self, cls, arguments, name):
        """Without the argument it would be written as another callback."""
        assert f"callbacks=[{name}]," in self.code(cls("a.keras", **arguments))

    def test_one_that_could_is_written_where_it_does_not(self):
        code = self.code(cb.ModelCheckpoint("a.keras", save_best_only=True), cb.TensorBoard("here"))
        assert 'keras.callbacks.ModelCheckpoint(filepath="a.keras", save_best_only=True),' in code
        assert 'keras.callbacks.TensorBoard(log_dir="here"),' in code

    def test_every_argument_but_these_two_can_be_read_from_a_callback(self):
        made = {
            "BackupAndRestore": ("a",),
            "CSVLogger": ("a",),
            "LearningRateScheduler": (float,),
            "ModelCheckpoint": ("a.keras",),
        }
        needs_more = {"CallbackList", "OrbaxCheckpoint"}  # a model, and the package Orbax
        unkept = {
            (kind, name)
            for kind, cls in vars(cb).items()
            if isinstance(cls, type) and kind not in needs_more
            for name, parameter in inspect.signature(cls).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and not hasattr(cls(*made.get(kind, ())), _KEPT_AS.get(name, name))
        }
        assert unkept == {
            ("ModelCheckpoint", "initial_value_threshold"),
            ("TensorBoard", "profile_batch"),
        }

    def test_a_used_callback_is_written_as_it_was_made(self):
        callback = cb.EarlyStopping("val_accuracy", min_delta=0.25, patience=1)
        experiment = Experiment(own_model, DATA, epochs=2)
        before = experiment.code(0.1, [callback])
        assert experiment.run(0.1, callbacks=[callback]).code == before
        assert "min_delta=0.25" in before

    @pytest.mark.parametrize("name", ['it\'s "here"', "two\nlines", "back\\slash", "' + bad + '"])
    def test_text_with_quotes_and_newlines_is_safe(self, name):
        code = Experiment(own_model, DATA, epochs=1).code(0.1, [cb.CSVLogger(name)])
        (call,) = re.findall(r"CSVLogger\(filename=(.*?)\)\]?,$", code, re.MULTILINE)
        assert eval(call) == name  # noqa: S307
        compile(code, "program", "exec")
