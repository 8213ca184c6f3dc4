"""The best first: what is trained, what is dropped, and what is said of it; and variants."""

import math
from concurrent.futures import Future

from lrlab.backend import keras

import numpy as np
import pytest
from keras import layers

from lrlab import Experiment, OneCycle, StepDecay
from lrlab.sweeps import sweep
from lrlab.sweeps import workers as _workers

pytestmark = pytest.mark.usefixtures("without_xla")
_random = np.random.default_rng(0)
X = _random.normal(size=(40, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
RATES = [float(rate) for rate in np.geomspace(1e-4, 1.0, 9)]
EPOCHS = 9
trained = []  # an entry an epoch, whoever trains it in this process


class Counts(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        trained.append(epoch)


class Stops(keras.callbacks.Callback):
    """As Ctrl-C does, after so many epochs of all runs."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_end(self, epoch, logs=None):
        trained.append(epoch)
        if len(trained) == self.after:
            raise KeyboardInterrupt


class OneWorker:
    """An executor that works at once, in this process, through the pickles that travel."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


def slow_warm_up(epoch):
    """The best of all in the end, and the worst at first."""
    return 1e-5 if epoch < 3 else 1.0


@pytest.fixture(scope="module")
def experiment():
    def net():
        return keras.Sequential(
            [keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2, "softmax")]
        )

    return Experiment(net, (X, LABELS, X[:9], LABELS[:9]), epochs=EPOCHS, batch_size=16)


@pytest.fixture(autouse=True)
def nothing_trained():
    trained.clear()


def quietly(experiment, schedules, **options):
    return sweep(experiment, schedules, **{"progress": False, **options})


def counts(found):
    return [(rung.epochs, len(rung.losses), len(rung.kept)) for rung in found.rungs]


class TestHalving:
    def test_each_rung_has_a_third_of_the_settings_and_three_times_the_epochs(self, experiment):
        found = quietly(experiment, RATES, halving=3, callbacks=[Counts()])
        assert counts(found) == [(3, 9, 3), (9, 3, 3)]
        assert len(trained) == found.epochs_trained == 9 * 3 + 3 * 9
        found = quietly(experiment, RATES, halving=2)
        assert counts(found) == [(2, 9, 5), (3, 5, 3), (5, 3, 2), (9, 2, 2)]
        for rung in found.rungs:
            dropped = [rung.losses[i] for i in rung.dropped]
            assert max(rung.losses[i] for i in rung.kept) <= min(dropped, default=math.inf)

    @pytest.mark.parametrize("callbacks", [[], [keras.callbacks.ReduceLROnPlateau(patience=1)]])
    def test_what_is_trained_is_the_whole_run_or_its_first_epochs(self, experiment, callbacks):
        cosine = keras.optimizers.schedules.CosineDecay(0.5, 27)
        kinds = [cosine, OneCycle(1.0, 27), 1.0, 0.2, StepDecay(0.5, 0.5, 2), 1e-4, 1e-3, 3e-4, 1e9]
        if callbacks:  # Keras refuses it beside a schedule
            kinds = [kind for kind in kinds if kind not in kinds[:2]]
        whole = quietly(experiment, kinds, callbacks=callbacks)
        found = quietly(experiment, kinds, callbacks=callbacks, halving=3)
        assert 0 < len(found.found) < len(kinds) == len(found.found) + len(found.stopped)
        for index, run in found.found.items():
            other = whole.found[index]
            assert run.history == other.history
            np.testing.assert_array_equal(run.learning_rates, other.learning_rates)
            assert (run.verdict, run.code) == (other.verdict, other.code)
        for index, run in found.stopped.items():
            epochs = len(run.history["loss"])
            beginning = {name: v[:epochs] for name, v in whole.found[index].history.items()}
            assert repr(run.history) == repr(beginning)  # NaN is NaN
            np.testing.assert_array_equal(
                run.learning_rates, whole.found[index].learning_rates[: epochs * 3]
            )
            assert epochs < EPOCHS
            assert f"epochs={epochs}," in run.code

    def test_an_early_loss_is_nowhere_given_for_a_final_one(self, experiment):
        grid = [StepDecay(rate, factor, 3) for rate in RATES[::2] for factor in (0.5, 1.0)]
        found = quietly(experiment, grid, halving=3)
        assert counts(found) == [(1, 10, 4), (3, 4, 2), (9, 2, 2)]
        assert len(found.runs) == len(found.rows()) == 2
        assert not found.complete
        assert "2 of 10 cells are filled" in found.heat_map().alt
        lines = found.summary()
        assert sorted(line["epochs"] for line in lines) == [1] * 6 + [3] * 2 + [9] * 2
        for line in lines:
            assert math.isnan(line["val_loss_mean"]) == (line["epochs"] < 9)
        assert found.best() in found.runs

    def test_a_dropped_late_starter_is_named_and_more_epochs_spare_it(self, experiment):
        schedules = [1e-4, 1e-3, slow_warm_up, 0.01, 0.02, 0.03]
        whole = quietly(experiment, schedules)
        assert whole.best().schedule is slow_warm_up
        found = quietly(experiment, schedules, halving=3)
        assert found.best().schedule is not slow_warm_up
        (row,) = [row for row in found.dropped() if row["schedule"] == "slow_warm_up"]
        assert (row["rung"], row["epochs"]) == (1, 3)
        assert row["val_loss_then"] == found.stopped[2, 0].final["val_loss"] > row["highest_kept"]
        words = str(found)
        assert "rung 1: 6 settings, 3 epochs; 2 went on, with val_loss up to " in words
        assert "36 epochs trained; all to the end are 54." in words
        assert "4 of 6 settings were not trained to the end. A late starter" in words
        assert repr(found).startswith("Sweep(2 of 6 settings trained to the end, lowest val_loss")
        assert found._repr_mimebundle_()[0]["text/plain"] == words
        rates = quietly(experiment, RATES, halving=3)
        alt = rates._repr_mimebundle_()[1]["image/png"]["alt"]
        assert "at 3 learning rates" in alt
        assert "6 of 9 settings were not trained to the end." in alt
        spared = quietly(experiment, schedules, halving=3, min_epochs=6)
        assert counts(spared) == [(6, 6, 2), (9, 2, 2)]
        assert spared.best().schedule is slow_warm_up

    def test_a_setting_is_dropped_by_the_mean_over_its_seeds(self, experiment):
        found = quietly(experiment, RATES, seeds=3, halving=3, callbacks=[Counts()])
        first, _ = found.rungs
        assert len(trained) == found.epochs_trained == 3 * (9 * 3 + 3 * 9)
        means = {
            i: np.mean([first.runs[i, j].final["val_loss"] for j in range(3)]) for i in range(9)
        }
        assert first.losses == pytest.approx(means)
        assert first.kept == sorted(sorted(means, key=means.get)[:3])
        assert found.found.keys() == {(i, j) for i in first.kept for j in range(3)}

    def test_what_diverged_never_goes_on(self, experiment):
        found = quietly(experiment, [1e9, 1e10, 1e11, 0.1], halving=2)
        assert counts(found) == [(5, 4, 1), (9, 1, 1)]
        assert "3 of 4 settings were not trained" in str(found)
        none = quietly(experiment, [1e9, 1e10, 1e11], halving=2)
        assert (len(none.runs), len(none.dropped())) == (0, 3)
        assert math.isnan(none.dropped()[0]["highest_kept"])
        assert repr(none) == "Sweep(0 of 3 settings trained to the end)"

    def test_what_cannot_be_told_apart_yet_goes_on_together(self, experiment):
        factors = [0.1, 0.3, 0.5, 0.7, 1.0]
        grid = [StepDecay(rate, factor, 4) for rate in (0.01, 0.1, 1.0) for factor in factors]
        found = quietly(experiment, grid, halving=3)
        assert counts(found) == [(1, 15, 5), (3, 5, 5), (9, 5, 5)]
        assert [run.schedule for run in found.runs] == grid[10:]
        assert found.epochs_trained == 15 * 1 + 5 * 3 + 5 * 9

    def test_without_callbacks_nothing_is_trained_ahead(self, experiment, monkeypatch):
        """All epochs of a run are one call, so a short run has to be asked for."""
        asked, run = [], Experiment.run

        def counted(self, *arguments, **options):
            asked.append(self.epochs)
            return run(self, *arguments, **options)

        monkeypatch.setattr(Experiment, "run", counted)
        found = quietly(experiment, RATES, halving=3)
        assert asked == [3] * 9 + [9] * 3
        assert sum(asked) == found.epochs_trained

    def test_few_settings_are_all_trained_to_the_end(self, experiment):
        found = quietly(experiment, RATES[:3], halving=3)
        assert found.complete
        assert "not trained" not in str(found)
        assert quietly(experiment, RATES[:3]).rungs == ()

    def test_a_worker_stops_early_too(self, experiment):
        _workers._experiments.clear()
        here = quietly(experiment, RATES, halving=3)
        there = quietly(experiment, RATES, halving=3, executor=OneWorker(), callbacks=[Counts()])
        assert len(trained) == 54
        assert str(there) == str(here)
        for index, run in there.stopped.items():
            assert run.final["val_loss"] == here.stopped[index].final["val_loss"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"halving": 1}, "`halving` must be a whole number of at least 2"),
            ({"halving": 2.5}, "`halving` must be a whole number of at least 2"),
            ({"halving": 3, "min_epochs": 0}, "`min_epochs` must be a whole number of at least 1"),
            ({"halving": 3, "min_epochs": 10}, "Received: min_epochs=10, halving=3, of 9 epochs"),
            ({"min_epochs": 2}, "Received: min_epochs=2, halving=None"),
        ],
    )
    def test_what_cannot_work_is_said_at_the_door(self, experiment, options, words):
        with pytest.raises(ValueError, match=words):
            quietly(experiment, RATES, callbacks=[Counts()], **options)
        assert trained == []


class TestFile:
    def test_what_was_stopped_early_is_there_again_and_the_rest_is_trained(
        self, experiment, tmp_path
    ):
        path = tmp_path / "runs.jsonl"
        with pytest.warns(UserWarning, match="Interrupted: 5 of 12 runs have finished"):
            part = quietly(experiment, RATES, halving=3, path=path, callbacks=[Stops(17)])
        assert (len(part.runs), counts(part)) == (0, [(3, 5, 9)])
        assert part.dropped() == []
        content = path.read_bytes()
        again = quietly(experiment, RATES, halving=3, path=path, callbacks=[Stops(17)])
        # One epoch to see that the file is of this experiment, four runs, and three to the end.
        assert len(trained) == 17 + 1 + 4 * 3 + 3 * 9
        assert path.read_bytes().startswith(content)
        assert str(again) == str(quietly(experiment, RATES, halving=3))

    def test_a_file_of_a_whole_sweep_has_all_that_halving_asks_for(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        for callbacks in ([], [keras.callbacks.ReduceLROnPlateau(patience=1)]):
            quietly(experiment, RATES, path=path, callbacks=callbacks)
            content = path.read_bytes()
            found = quietly(experiment, RATES, halving=3, path=path, callbacks=callbacks)
            assert path.read_bytes() == content
            fresh = quietly(experiment, RATES, halving=3, callbacks=callbacks)
            assert str(found) == str(fresh)
            for index, run in fresh.stopped.items():
                assert found.stopped[index].history == run.history
                assert found.stopped[index].verdict == run.verdict
                np.testing.assert_array_equal(
                    found.stopped[index].learning_rates, run.learning_rates
                )

    def test_and_a_whole_sweep_takes_no_beginning_for_a_run(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, RATES, halving=3, path=path)
        content = path.read_bytes()
        found = quietly(experiment, RATES, path=path)
        assert path.read_bytes().startswith(content)
        whole = quietly(experiment, RATES)
        assert [run.history for run in found.runs] == [run.history for run in whole.runs]


class TestVariants:
    VARIANTS = ({}, {"batch_size": 8}, {"optimizer": keras.optimizers.SGD(momentum=0.9)})

    def test_all_schedules_are_trained_with_each(self, experiment):
        found = quietly(experiment, RATES[:2], variants=self.VARIANTS, seeds=2)
        assert len(found.runs) == 3 * 2 * 2
        for (i, seed), run in found.found.items():
            variant = experiment.variant(**self.VARIANTS[i // 2])
            other = variant.run(RATES[i % 2], seed=seed)
            assert (run.history, run.code) == (other.history, other.code)
        told = [(row["batch_size"], row["momentum"], row["seed"]) for row in found.rows()[::2]]
        assert told == [(16, 0, 0), (16, 0, 0), (8, 0, 0), (8, 0, 0), (16, 0.9, 0), (16, 0.9, 0)]
        assert "optimizer" not in found.rows()[0]  # SGD, all of them
        best = quietly(experiment, RATES[-1:], variants=[{}, self.VARIANTS[2]])
        assert repr(best).endswith(("at 1, momentum 0)", "at 1, momentum 0.9)"))

    def test_a_setting_of_one_optimizer_alone_is_no_column(self, experiment):
        found = quietly(experiment, [0.01], variants=[{}, {"optimizer": "adam"}])
        assert [row["optimizer"] for row in found.rows()] == ["SGD", "Adam"]
        assert not {"beta_1", "momentum", "batch_size"} & found.rows()[1].keys()

    def test_pictures_are_over_the_settings_of_variants_too(self, experiment):
        found = quietly(experiment, RATES[-2:], variants=[{"batch_size": b} for b in (8, 16, 40)])
        assert "2 values of first rate" in found.heat_map().alt
        assert "3 values of batch size from 8 to 40" in found.heat_map().alt
        assert "at 2 learning rates" in found.u_curve(batch_size=8).alt

    def test_halving_compares_them_all(self, experiment):
        found = quietly(experiment, RATES[::3], variants=self.VARIANTS, halving=3)
        assert counts(found) == [(3, 9, 3), (9, 3, 3)]
        assert {i for i, _ in found.found} == set(found.rungs[0].kept)

    def test_the_file_keeps_them_apart(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        plain = quietly(experiment, RATES[:2], path=path)
        found = quietly(experiment, RATES[:2], path=path, variants=self.VARIANTS)
        assert [run.history for run in found.runs[:2]] == [run.history for run in plain.runs]
        assert len(path.read_text().splitlines()) == 1 + 2 * 3
        content = path.read_bytes()
        options = {"path": path, "variants": self.VARIANTS, "executor": OneWorker()}
        again = quietly(experiment, RATES[:2], **options)
        assert path.read_bytes() == content
        assert [run.history for run in again.runs] == [run.history for run in found.runs]

    def test_a_worker_trains_them_too(self, experiment):
        _workers._experiments.clear()
        options = {"variants": self.VARIANTS, "halving": 3}
        here = quietly(experiment, RATES[::3], **options)
        there = quietly(experiment, RATES[::3], executor=OneWorker(), **options)
        assert [run.history for run in there.runs] == [run.history for run in here.runs]

    @pytest.mark.parametrize(
        ("variants", "words"),
        [
            ([{"epochs": 3}], "experiment.variant"),
            ({"batch_size": 3}, "must be a list of dicts"),
            (["adam"], "must be a list of dicts"),
            ([{}, {"batch_size": 16}], "differ from one another"),
            ([{"batch_size": 0}], "`batch_size` must be a whole number"),
        ],
    )
    def test_what_cannot_work_is_said_at_the_door(self, experiment, variants, words):
        with pytest.raises(ValueError, match=words):
            quietly(experiment, RATES, variants=variants, callbacks=[Counts()])
        assert trained == []
