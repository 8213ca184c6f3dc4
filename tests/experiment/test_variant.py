"""An experiment with another optimizer or batch size, kept for the next time."""

from lrlab.backend import keras

import numpy as np
import pytest
from experiments import compiled, experiment_of, plain_keras, program_of


class TestVariant:
    def test_it_is_the_same_experiment_with_another_optimizer_and_batch_size(self):
        first = experiment_of(seed=3)
        variant = first.variant(optimizer=keras.optimizers.Adam(0.5), batch_size=20)
        written = experiment_of(optimizer="adam", batch_size=20, seed=3)
        assert variant.run(0.01).history == written.run(0.01).history
        assert (first.batch_size, variant.batch_size, variant.steps_per_epoch) == (16, 20, 4)

    def test_a_model_compiled_already_keeps_its_loss_and_metrics(self):
        metrics = (keras.metrics.SparseCategoricalAccuracy("right"),)
        variant = experiment_of(compiled(keras.optimizers.SGD, metrics)).variant(optimizer="adam")
        assert type(variant.model.optimizer) is keras.optimizers.Adam
        expected, _ = plain_keras(compiled(lambda: keras.optimizers.Adam(0.01), metrics))
        history = variant.run(0.01).history
        assert {"right", "val_right"} <= history.keys()
        for name, values in expected.items():
            assert history[name] == pytest.approx(values, abs=1e-5)

    def test_the_first_one_is_as_it_was(self, experiment):
        before = experiment.run(0.1)
        experiment.variant(optimizer="adam").run(0.01)
        assert experiment.run(0.1).history == before.history
        assert type(experiment.model.optimizer) is keras.optimizers.SGD

    def test_the_same_settings_make_the_same_one_whatever_the_rate(self, experiment):
        made = [
            experiment.variant(optimizer=keras.optimizers.SGD(rate, momentum=0.9), batch_size=20)
            for rate in (0.1, 0.5)
        ]
        assert made[0] is made[1]
        others = [
            experiment.variant(optimizer=keras.optimizers.SGD(momentum=0.5), batch_size=20),
            experiment.variant(optimizer=keras.optimizers.SGD(momentum=0.9), batch_size=21),
            experiment.variant(optimizer=keras.optimizers.Adam(), batch_size=20),
            experiment.variant(optimizer=type("Own", (keras.optimizers.Adam,), {})()),
        ]
        assert len({id(each) for each in [*made, *others]}) == 5

    def test_neither_does_the_rate_within_a_scaled_loss_matter(self, experiment):
        """Keras counts up the names of the optimizers within, too."""
        one, same, other = (
            experiment.variant(
                optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(rate, momentum))
            )
            for rate, momentum in ((0.1, 0.9), (0.2, 0.9), (0.1, 0.5))
        )
        assert one is same is not other

    def test_settings_may_hold_arrays(self, experiment):
        class Own(keras.optimizers.SGD):
            def __init__(self, learning_rate=0.1, scales=(1.0, 2.0), **settings):
                super().__init__(learning_rate, **settings)
                self.scales = np.array(scales)

            def get_config(self):
                return super().get_config() | {"scales": self.scales}

        one, same, other = (
            experiment.variant(optimizer=Own(scales=scales))
            for scales in ((1.0, 2.0), (1.0, 2.0), (1.0, 3.0))
        )
        assert one is same is not other

    def test_the_experiments_own_settings_make_itself(self, experiment):
        assert experiment.variant(optimizer="sgd") is experiment
        assert experiment.variant(optimizer="sgd", batch_size=16) is experiment
        assert experiment.variant(optimizer="adam") is not experiment

    def test_it_is_compiled_once(self):
        experiment = experiment_of()
        variant = experiment.variant(optimizer="adam")
        assert not variant.has_run
        variant.run(0.1)
        assert experiment.variant(optimizer="adam").has_run
        program = program_of(variant)
        traces = program.traces
        experiment.variant(optimizer="adam").run(0.2)
        assert program_of(variant) is program
        assert program.traces == traces

    def test_what_guessing_costs_is_worked_out_once(self, experiment, monkeypatch):
        run = experiment.run(0.1)
        monkeypatch.setattr("lrlab.experiment.experiment.best_constant_loss", None)
        for settings in ({"optimizer": "lion"}, {"optimizer": "sgd", "batch_size": 7}):
            assert experiment.variant(**settings).run(0.1).chance == run.chance

    def test_only_so_many_are_kept(self, experiment, monkeypatch):
        monkeypatch.setattr("lrlab.experiment.variants._KEPT", 2)
        first, *_, last = [
            experiment.variant(optimizer="sgd", batch_size=size) for size in (5, 10, 20)
        ]
        assert len(experiment._variants._kept) == 2
        assert experiment.variant(optimizer="sgd", batch_size=20) is last
        assert experiment.variant(optimizer="sgd", batch_size=5) is not first

    @pytest.mark.parametrize("size", [0, 2.5, [8]])
    def test_a_batch_size_that_is_none_is_refused(self, experiment, size):
        with pytest.raises(ValueError, match="batch_size"):
            experiment.variant(optimizer="sgd", batch_size=size)

    def test_they_take_turns(self, experiment):
        variant = experiment.variant(optimizer="adam")
        unfinished = experiment.follow(0.1)
        next(unfinished)
        with pytest.raises(RuntimeError, match="one run at a time"):
            variant.run(0.1)
        unfinished.close()

    def test_an_optimizer_that_does_not_exist_is_refused(self, experiment):
        with pytest.raises(ValueError, match="sdg"):
            experiment.variant(optimizer="sdg")


class TestEpochs:
    def test_a_longer_one_begins_as_the_first_did_and_compiles_nothing(self, experiment):
        short = experiment.run(0.1)
        program = experiment.model._lrlab_program
        traces = program.traces
        longer = experiment.variant(epochs=2 * experiment.epochs)
        assert longer.epochs == longer.preview(0.1).size // longer.steps_per_epoch
        run = longer.run(0.1)
        assert len(run.history["loss"]) == 2 * len(short.history["loss"])
        assert run.history["loss"][: len(short.history["loss"])] == short.history["loss"]
        assert f"epochs={longer.epochs}" in run.code
        assert longer.model is experiment.model
        assert experiment.run(0.1).history == short.history
        assert program.traces == traces

    def test_beyond_its_room_a_schedule_still_gives_every_step_its_rate(self, experiment):
        far = experiment.variant(epochs=9 * experiment.epochs)
        decay = keras.optimizers.schedules.ExponentialDecay(0.1, far.steps_per_epoch, 0.9)
        run = far.run(decay)
        ends = slice(far.steps_per_epoch - 1, None, far.steps_per_epoch)
        assert run.history["learning_rate"] == pytest.approx(far.preview(decay)[ends])
        schedule = {"learning_rate": decay}
        plain, _ = plain_keras(optimizer=keras.optimizers.SGD(**schedule), epochs=far.epochs)
        assert run.history["loss"] == pytest.approx(plain["loss"], abs=1e-5)

    def test_it_shares_the_variants_and_is_one_itself(self, experiment):
        longer = experiment.variant(epochs=experiment.epochs + 1)
        adam = experiment.variant(optimizer="adam")
        assert longer.variant(optimizer="adam").model is adam.model
        assert longer.variant(optimizer="adam").epochs == longer.epochs
        assert longer.variant(epochs=experiment.epochs).epochs == experiment.epochs
        assert experiment.variant(epochs=experiment.epochs + 1) is longer
        assert experiment.variant(epochs=None) is experiment
        for epochs in (0.5, 0):
            with pytest.raises(ValueError, match="`epochs` must be a whole number"):
                experiment.variant(epochs=epochs)
