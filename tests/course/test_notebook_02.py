"""The exercises of `02_setting_the_learning_rate`, and what it says of Keras."""

import keras
import numpy as np
import pytest
from hints import hint, one_weight

from lrlab.exercises import check


class TestVerdicts:
    def test_one_of_each_passes_in_any_order(self, run):
        assert check("02-verdicts", [run(0.3), run(2.0), run(0.001)])

    @pytest.mark.parametrize(
        ("rates", "words"),
        [
            ((0.3, 2.0), "Your runs are good, stuck. For 'too low' try a lower rate."),
            ((0.001, 2.0, 2.0), "For 'good' try another rate."),
            ((0.001, 0.01, 0.3), "For 'stuck' try a higher rate."),
            ((), "For 'stuck' try a higher rate."),
        ],
    )
    def test_a_missing_one_is_named(self, run, rates, words):
        assert words in hint("02-verdicts", [run(rate) for rate in rates])

    def test_a_single_run_is_no_list(self, run):
        assert hint("02-verdicts", run(0.3)) == "Give a list of three runs."


def assigned(model):
    model.optimizer.learning_rate = model.optimizer.learning_rate / 2


def returned(model):
    return model.optimizer.learning_rate / 2


def old_name(model):
    model.optimizer.lr = float(model.optimizer.learning_rate) / 2


def compiled_anew(model):
    rate = float(model.optimizer.learning_rate) / 2
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=rate), loss="mse")


def always_the_same(model):
    model.optimizer.learning_rate = 0.4


class TestChange:
    def test_assigning_passes(self):
        assert check("02-change", assigned)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (returned, "did not change. Assign to `model.optimizer.learning_rate`"),
            (old_name, "`optimizer.lr` is no setting in Keras 3"),
            (compiled_anew, "a new optimizer"),
            (always_the_same, "did not change"),
            (lambda model: model.learning_rate, "It raises AttributeError"),
            (0.4, "the function itself"),
        ],
    )
    def test_each_mistake_has_its_hint(self, answer, words):
        assert words in hint("02-change", answer)


class TestWhatTheNotebookSaysOfKeras:
    def test_compiling_with_a_new_optimizer_loses_the_state_and_assigning_a_rate_keeps_it(self):
        model = one_weight("adam")
        model.train_on_batch(np.ones((4, 1)), np.ones((4, 1)))
        model.optimizer.learning_rate = 0.1
        assert int(model.optimizer.iterations) == 1
        model.compile(keras.optimizers.Adam(learning_rate=0.1), loss="mse")
        assert int(model.optimizer.iterations) == 0
