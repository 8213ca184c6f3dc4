"""Keras objects -> source that builds them again, initial weights included."""

import math
import random
import re
import subprocess
import sys

from lrlab.backend import keras

import numpy as np
import pytest
from keras import layers

from lrlab import data, models
from lrlab.keras_code.source import (
    Name,
    put_in_brackets,
    source,
    source_of_compile,
    source_of_model,
    source_of_schedule,
)
from lrlab.optimizers import SGDWithMomentumSchedule


def run(code):
    """What the learner does with the code."""
    return eval(code, {"keras": keras, "layers": layers})  # noqa: S307


def without_names(config):
    if isinstance(config, dict):
        return {key: without_names(value) for key, value in config.items() if key != "name"}
    return [without_names(value) for value in config] if isinstance(config, list) else config


def many_settings():
    return keras.Sequential(
        [
            keras.Input((8, 3)),
            layers.LSTM(4, return_sequences=True),
            layers.Conv1D(
                4,
                3,
                strides=2,
                kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "uniform"),
                bias_constraint="non_neg",
            ),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(0.2),
            layers.Flatten(name="flat"),
            layers.Rescaling(1 / 255),
            keras.Sequential([layers.Dense(5, kernel_regularizer="l2"), layers.Dropout(0.5)]),
            layers.Dense(3, activation="softmax", use_bias=False, trainable=False),
        ]
    )


BUILDERS = [
    lambda: models.linear(data.diabetes()),
    lambda: models.mlp(data.digits()),
    lambda: models.mlp(data.digits(), (16, 8), "gelu"),
    lambda: models.cnn(data.digits()),
    keras.Sequential,
    lambda: keras.Sequential([keras.Input((2,)), layers.Dense(3, dtype="float64")]),
    lambda: keras.Sequential([keras.Input(batch_shape=(4, 2), dtype="int32"), layers.Flatten()]),
    many_settings,
]


class TestCode:
    @pytest.mark.parametrize("build", BUILDERS)
    def test_it_rebuilds_an_equal_model(self, build):
        model = build()
        rebuilt = run(source_of_model(model))
        assert without_names(rebuilt.get_config()) == without_names(model.get_config())

    @pytest.mark.parametrize("build", BUILDERS)
    def test_the_same_seed_gives_the_same_initial_weights(self, build):
        code = source_of_model(build())
        keras.utils.set_random_seed(3)
        expected = build().get_weights()
        keras.utils.set_random_seed(3)
        for weights, again in zip(expected, run(code).get_weights(), strict=True):
            np.testing.assert_array_equal(weights, again)

    @pytest.mark.parametrize("build", BUILDERS)
    def test_it_fits_88_columns(self, build):
        assert max(map(len, source_of_model(build()).splitlines())) <= 88

    def test_it_leaves_out_defaults(self):
        assert source_of_model(models.cnn(data.digits())) == (
            "keras.Sequential(\n"
            "    [\n"
            "        keras.Input(shape=(64,)),\n"
            "        layers.Reshape((8, 8, 1)),\n"
            '        layers.Conv2D(16, (3, 3), padding="same", activation="relu"),\n'
            "        layers.MaxPooling2D(),\n"
            '        layers.Conv2D(32, (3, 3), padding="same", activation="relu"),\n'
            "        layers.Flatten(),\n"
            '        layers.Dense(10, activation="softmax"),\n'
            "    ]\n"
            ")"
        )

    def test_a_long_layer_is_broken_over_lines_as_ruff_does(self):
        dense = layers.Dense(64, "relu", kernel_initializer="he_normal", bias_initializer="ones")
        assert source_of_model(keras.Sequential([dense])) == (
            "keras.Sequential(\n"
            "    [\n"
            "        layers.Dense(\n"
            "            64,\n"
            '            activation="relu",\n'
            "            kernel_initializer=keras.initializers.HeNormal(),\n"
            "            bias_initializer=keras.initializers.Ones(),\n"
            "        ),\n"
            "    ]\n"
            ")"
        )

    def test_it_draws_nothing_from_the_random_state(self):
        model = models.mlp(data.moons())
        state = random.getstate()
        source_of_model(model)
        assert random.getstate() == state

    def test_an_unbuilt_model_has_no_input_in_its_code(self):
        assert "Input" not in source_of_model(keras.Sequential([layers.Dense(2)]))

    def test_a_list_of_cells_is_written_as_what_keras_makes_of_it(self):
        model = keras.Sequential([layers.RNN([layers.LSTMCell(2), layers.LSTMCell(3)])])
        cells = type(model.layers[0].cell).__name__
        written = f"layers.RNN(layers.{cells}([layers.LSTMCell(2), layers.LSTMCell(3)]))"
        assert "".join(source_of_model(model).split()).count("".join(written.split())) == 1

    def test_what_cannot_be_written_is_said(self):
        class Mine(layers.Dense):
            pass

        class NoSettings(layers.Layer):
            def __init__(self, size):
                super().__init__()

        shared = layers.Dense(4)
        inputs = keras.Input((2,))
        for model, says in [
            (keras.Model(inputs, layers.Dense(1)(inputs)), "type Functional"),
            (type("Special", (keras.Sequential,), {})(), "type Special"),
            (keras.Sequential([Mine(3)]), "Received: Mine"),
            (keras.Sequential([NoSettings(3)]), "Received: .*NoSettings"),
            (keras.Sequential([layers.Lambda(lambda x: x)]), "A lambda has no source"),
            (keras.Sequential([layers.Dense(2, activation=lambda x: x)]), "A lambda"),
            (keras.Sequential([layers.Normalization()]), "Normalization layer learned by adapt"),
            (keras.Sequential([keras.Input((4,)), shared, shared]), "used twice"),
            (keras.Sequential([layers.Bidirectional(layers.LSTM(2))]), "A Bidirectional layer"),
        ]:
            with pytest.raises(ValueError, match=says):
                source_of_model(model)


class TestSource:
    @pytest.mark.parametrize(
        "value",
        ['"', "'", "\\", "\\'\"", "\n\t\0", "é", "a\"b'c", 1, 1.5, None, True, (1,), (1, "b"), []],
    )
    def test_a_plain_value_means_itself(self, value):
        assert eval(source(value, 0)) == value  # noqa: S307

    def test_text_stands_in_double_quotes(self):
        assert source("relu", 0) == '"relu"'

    def test_a_dict_of_plain_values_means_itself(self):
        value = {"a": 1, "b": [1, 2], "long": ["word" * 9, "word" * 9]}
        assert eval(source(value, 0)) == value  # noqa: S307
        assert source({"a": 1}, 0) == '{"a": 1}'

    def test_what_has_several_lines_is_put_on_lines_of_its_own(self):
        assert put_in_brackets("[", ["f(\n        1\n    )", "2"], "]") == (
            "[\n    f(\n        1\n    ),\n    2,\n]"
        )
        assert put_in_brackets("[", ["1", "2"], "]") == "[1, 2]"

    @pytest.mark.parametrize("kind", ["sparse", "ragged", "optional"])
    def test_an_input_keeps_what_it_takes(self, kind):
        code = source_of_model(keras.Sequential([keras.Input((3,), **{kind: True}), layers.ReLU()]))
        assert f"keras.Input(shape=(3,), {kind}=True)" in code


def halves_and_more(epoch, rate):
    return rate / 2 * math.exp(-0.1) * float(np.cos(0.1))


class TestSchedule:
    def test_the_modules_of_a_function_have_the_names_that_it_calls_them_by(self):
        definition, rate, (callback,) = source_of_schedule(halves_and_more, 3, [], 0.2)
        names = {}
        exec("\n".join(definition), names)  # noqa: S102
        assert names["halves_and_more"](0, 0.4) == halves_and_more(0, 0.4)
        imports = [line for line in definition if line.startswith("import ")]
        assert sorted(imports) == ["import math", "import numpy as np"]
        assert (rate, "halves_and_more" in callback) == (0.2, True)

    def test_one_of_the_epoch_is_a_list_below_an_empty_line(self):
        definition, rate, callbacks = source_of_schedule(lambda epoch: 0.1 / 2**epoch, 3, [])
        assert definition[0] == ""
        assert definition[-1] == "learning_rates = [0.1, 0.05, 0.025]"
        assert rate is None  # which the optimizer need not be given
        assert callbacks == [
            "keras.callbacks.LearningRateScheduler(lambda epoch: learning_rates[epoch])"
        ]

    def test_one_without_a_source_is_said_to_be_given(self):
        given = []
        schedule = eval("lambda epoch, rate: rate / 2")  # noqa: S307 - nobody finds its text
        _, _, (callback,) = source_of_schedule(schedule, 3, given)
        assert given == ["schedule"]
        assert "schedule" in callback


class Still(keras.optimizers.schedules.LearningRateSchedule):
    """One of somebody's own, without settings."""

    def __call__(self, step):
        return 0.9


class TestCompile:
    def test_whatever_its_length_a_line_is_broken_where_ruff_breaks_it(self):
        """At the last letter that fits 88 columns, and at the next one."""
        programs, momentum = [], SGDWithMomentumSchedule(momentum_schedule=Still())
        for letters in range(10, 80):
            rate, name = Name("r" * letters), "n" * letters
            for optimizer in (keras.optimizers.SGD(momentum=0.9), momentum):
                metrics = {"one": [name, "mae"], "b": "mae"}
                arguments = {
                    "optimizer": optimizer,
                    "loss": {name: "mse", "b": "mae"},
                    "metrics": metrics,
                }
                code = source_of_compile(arguments, rate, [])
                programs.append(code[code.index("model.compile(") :])
        code = "\n".join([*programs, ""])
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
        joined = re.sub(r",(?=\s*[])}])", "", code)  # a last comma would keep apart what fits
        said = subprocess.run(ruff, input=joined, capture_output=True, text=True, check=True)
        assert said.stdout == code

    def test_a_momentum_schedule_without_a_source_is_said_to_be_given(self):
        given, schedule = [], Still()
        optimizer = SGDWithMomentumSchedule(momentum_schedule=schedule)
        code = source_of_compile({"optimizer": optimizer, "loss": "mse"}, 0.1, given)
        assert given == ["momentum_schedule"]
        names = {"keras": keras, "momentum_schedule": schedule}
        exec(code[: code.index("model.compile(")], names)  # noqa: S102
        assert names["MomentumSGD"]().momentum_schedule is schedule

    @pytest.mark.parametrize("rate", [None, 0.3])
    @pytest.mark.parametrize(
        "optimizer",
        [
            keras.optimizers.SGD(0.75, momentum=0.9),
            keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.75, momentum=0.9)),
        ],
    )
    def test_an_optimizer_gets_the_rate_or_that_of_its_class(self, optimizer, rate):
        code = source_of_compile({"optimizer": optimizer, "loss": "mse"}, rate, [])
        assert "0.75" not in code
        assert ("learning_rate=0.3" in code) == (rate is not None)
        assert "momentum=0.9" in code

    @pytest.mark.parametrize("rate", [None, 0.3])
    def test_so_does_one_whose_momentum_follows_a_schedule(self, rate):
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.2, 0.1])
        optimizer = SGDWithMomentumSchedule(momentum_schedule=schedule)
        code = source_of_compile({"optimizer": optimizer, "loss": "mse"}, rate, [], schedule)
        last = code[code.index("model.compile(") :]
        assert ("learning_rate=0.3" in last) == (rate is not None)
        assert "momentum=1.0" in last
        names = {"keras": keras}
        exec(code.removesuffix(last), names)  # noqa: S102
        momentum = names["MomentumSGD"](momentum=1.0).momentum_schedule
        assert [float(momentum(step)) for step in (0, 2, 3)] == [np.float32(0.2)] * 2 + [
            np.float32(0.1)
        ]
