"""Optimizers that have several rates, start from the weights, or are not the one that trains."""

import re

from lrlab.backend import keras, tf

import numpy as np
import pytest
from experiments import (
    DATA,
    AutoEncoder,
    Subclass,
    assert_same,
    auto_encoder,
    compiled,
    dense,
    experiment_of,
    noisy,
    without_input,
)

from lrlab import Experiment, data, models
from lrlab.experiment.by_hand import Steered
from lrlab.experiment.compiling import copy_optimizer
from lrlab.training.state import starts_from_weights

optimizers = keras.optimizers


def multi(rate=0.1):
    groups = {"dense.*": optimizers.Adam(0.01)}
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(rate), groups))


class TestSeveralRates:
    @pytest.mark.parametrize("optimizer", [multi, lambda: optimizers.LossScaleOptimizer(multi())])
    def test_an_optimizer_with_several_rates_is_refused_at_the_door(self, experiment, optimizer):
        words = r"one learning rate.*Received: a (Multi|LossScale)Optimizer.*model\.fit or lrlab"
        with pytest.raises(ValueError, match=words):
            experiment_of(optimizer=optimizer())
        with pytest.raises(ValueError, match=words):
            experiment_of(compiled(optimizer))
        with pytest.raises(ValueError, match=words):
            experiment.variant(optimizer=optimizer())


def ran_code(experiment, run, build):
    """The losses that the code of a run comes to."""
    x_train, y_train, x_val, y_val = DATA
    names = {"x_train": x_train, "y_train": y_train, "x_val": x_val, "y_val": y_val}
    names |= {"build_model": build}
    exec(run.code, names)  # noqa: S102 - ours
    return names["history"].history, names["model"].get_weights()


class TestStartsFromWeights:
    @pytest.mark.parametrize("build", [dense, without_input, Subclass, noisy])
    def test_its_code_builds_it_first_and_gives_the_same_numbers(self, build):
        experiment = experiment_of(build, optimizer=optimizers.ScheduleFreeAdamW())
        run = experiment.run(0.01)
        assert run.moved < 0.3  # built within the step, its first one alone moves them further
        assert "# ScheduleFreeAdamW starts from the weights" in run.code
        assert_same(run, experiment, ran_code(experiment, run, build))

    def test_its_code_says_why_in_sentences_and_runs_the_model_only_where_it_has_to(self):
        moons, optimizer = data.moons(), optimizers.ScheduleFreeAdamW()
        with_input = Experiment(lambda: models.mlp(moons), moons, epochs=1, optimizer=optimizer)
        without = experiment_of(without_input, optimizer=optimizer)
        for experiment, runs_first in ((with_input, False), (without, True)):
            code = experiment.code(0.01)
            why = code[code.index("# ScheduleFree") : code.index("\nmodel.optimizer.build")]
            assert re.match(r"# ScheduleFree[^.]+ for that:\n# when [^.]+ zeros\.(\n|$)", why)
            assert ("\nmodel(x_train[:1])" in why) == runs_first

    def test_so_it_does_within_a_scaled_loss(self):
        scaled = optimizers.LossScaleOptimizer(optimizers.ScheduleFreeAdamW())
        experiment = experiment_of(optimizer=scaled)
        run = experiment.run(0.01)
        assert "# ScheduleFreeAdamW starts from the weights" in run.code
        assert_same(run, experiment, ran_code(experiment, run, dense))

    def test_keras_loses_the_weights_only_where_we_say_so(self):
        """Built in a graph, as in a step of `model.fit`, against built before."""
        kinds = [
            kind
            for name, kind in vars(optimizers).items()
            if isinstance(kind, type) and issubclass(kind, optimizers.Optimizer)
            if name not in ("Optimizer", "MultiOptimizer", "LossScaleOptimizer")
        ]
        assert len(kinds) > 12
        weight = keras.Variable([[1.0, 2.0], [3.0, 4.0]])
        for kind in kinds:
            before, within = kind(), kind()
            before.build([weight])
            tf.function(lambda: within.built or within.build([weight]), autograph=False)()  # noqa: B023
            lost = any(
                not np.array_equal(ours, theirs)
                for ours, theirs in zip(before.variables, within.variables, strict=True)
            )
            assert starts_from_weights(kind()) == lost, kind

    def test_no_other_code_builds_it_first(self, experiment):
        assert "optimizer.build" not in experiment.code(0.1)
        assert not starts_from_weights(copy_optimizer("adagrad"))


class WithItsOwn(AutoEncoder):
    """Trains with an optimizer of its own, and never asks the one of `compile`."""

    def __init__(self):
        super().__init__()
        self.own = optimizers.SGD(0.1)

    def train_step(self, batch):
        x, _ = batch
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x) - x) ** 2)
        self.own.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


class TestOptimizerOfItsOwn:
    def test_a_rate_that_no_update_had_is_not_passed_off_as_one(self):
        experiment = experiment_of(auto_encoder(WithItsOwn))
        with pytest.raises(ValueError, match=r"made no update.*Received: a WithItsOwn whose"):
            experiment.run(0.1)
        with pytest.raises(ValueError, match="made no update"):
            Steered(experiment).epoch(0.1)

    def test_a_model_that_does_not_move_at_all_may_run(self):
        def frozen():
            model = dense()
            model.trainable = False
            return model

        with pytest.warns(UserWarning, match="any trainable weights"):
            run = experiment_of(frozen).run(0.1)
        assert run.moved == 0


class TestSettings:
    @pytest.mark.parametrize("scaled", [False, True])
    def test_a_callback_that_sets_a_momentum_is_refused_and_undone(self, scaled):
        sgd = optimizers.SGD()
        experiment = experiment_of(optimizer=optimizers.LossScaleOptimizer(sgd) if scaled else sgd)
        optimizer = experiment.model.optimizer
        optimizer = optimizer.inner_optimizer if scaled else optimizer

        class Sets(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                optimizer.momentum = 0.9

        with pytest.raises(ValueError, match=r"compiled before.*Received: .* set momentum=0\.9\."):
            experiment.run(0.1, callbacks=[Sets()])
        assert optimizer.momentum == 0.0
        assert "momentum" not in experiment.run(0.1).code
