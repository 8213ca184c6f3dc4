"""The range-test explorer: the test, its suggestion, and full trainings to judge it by."""

import contextlib
import csv
import doctest
import io
import re
import subprocess
import sys
import threading

from lrlab.backend import keras

import numpy as np
import pytest
from small import SOON, data, made, model

from lrlab import Experiment, LearningRateRangeTest, RangeTestExplorer, explorers
from lrlab.callbacks.suggestion import suggest
from lrlab.figures import Measured, describe_range_test

GIVEN = data(44)
DATA = tuple(GIVEN.values())
X, LABELS, *_ = DATA


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, DATA, epochs=4, batch_size=8)


@contextlib.contextmanager
def finished(experiment, **settings):
    """An explorer that has done all its work."""
    given = {"lowest": 0.01, "highest": 10.0, "seeds": 2}
    with made(RangeTestExplorer, experiment, **(given | settings)) as explorer:
        explorer.wait(SOON)
        yield explorer


@pytest.fixture
def explorer(experiment):
    with finished(experiment) as explorer:
        yield explorer


@pytest.fixture
def trained(experiment, monkeypatch):
    """The (rate, seed) of every training from now on, tests aside."""
    follow, trained = experiment.follow, []

    def noted(schedule, *, callbacks=(), seed=None):
        if not callbacks:
            trained.append((schedule, seed))
        return follow(schedule, callbacks=callbacks, seed=seed)

    monkeypatch.setattr(experiment, "follow", noted)
    return trained


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(explorers.range_test).failed == 0


def formatted(code):
    """The code as Ruff would have it, with its default settings."""
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(ruff, input=code, capture_output=True, text=True, check=True).stdout


class TestTheTest:
    def test_it_is_that_of_the_callback_in_plain_keras(self, explorer):
        keras.utils.set_random_seed(0)
        plain = model()
        plain.compile("sgd", "sparse_categorical_crossentropy")
        test = LearningRateRangeTest(0.01, 10.0, steps=24)  # 4 epochs of 6 batches
        plain.fit(X, LABELS, 8, 4, shuffle=False, callbacks=[test], verbose=0)
        measured = explorer.measured
        assert measured.learning_rates == pytest.approx(test.learning_rates)
        assert measured.losses == pytest.approx(test.losses, rel=1e-5)
        assert measured.smoothed == pytest.approx(test.smoothed(0.8), rel=1e-5)
        assert measured.suggestion == pytest.approx(test.suggestion)

    def test_each_seed_has_its_own_and_each_rule(self, explorer, experiment):
        tests = []
        for seed in (0, 1):
            tests.append(LearningRateRangeTest(0.01, 10.0, steps=24))
            experiment.run(0.01, callbacks=tests[-1:], seed=seed)
        for rule, rates in explorer.measured.suggestions.items():
            assert rates == pytest.approx([test.suggestions[rule] for test in tests])
        assert explorer.measured.by_rule in explorer._picture.words
        assert explorer.measured.by_rule in explorer._picture.alt

    @pytest.mark.parametrize("scale", ["log", "linear"])
    def test_it_can_look_at_validation_data_every_so_many_updates(self, experiment, scale):
        with finished(experiment, scale=scale, monitor="val_loss", every=4, seeds=1) as explorer:
            measured = explorer.measured
            x_val, y_val = experiment.dataset.x_val, experiment.dataset.y_val
            keras.utils.set_random_seed(0)
            plain, losses = model(), []
            plain.compile("sgd", "sparse_categorical_crossentropy")
            rates = (np.linspace if scale == "linear" else np.geomspace)(0.01, 10, 6)
            for update, rate in enumerate(np.repeat(rates, 4)[: 4 * len(measured.losses)]):
                batch = slice(update % 6 * 8, update % 6 * 8 + 8)
                plain.optimizer.learning_rate = float(rate)
                plain.train_on_batch(X[batch], LABELS[batch])
                if update % 4 == 3:
                    losses.append(plain.evaluate(x_val, y_val, verbose=0))
            assert measured.losses == pytest.approx(losses, rel=1e-4)
            assert measured.learning_rates == pytest.approx(rates[: len(losses)])
            assert "smoothed validation loss" in explorer._picture.alt
            axes = explorer._figures["rates"]._axes
            assert axes.get_xscale() == scale
            assert axes.get_xlim() == ((0, 10) if scale == "linear" else (1e-4, 10))
            names = {"build_model": model, **GIVEN}
            exec(compile(explorer.code, "program", "exec"), names)  # noqa: S102
            assert names["range_test"].losses == pytest.approx(measured.losses, rel=1e-4)
            assert formatted(explorer.code) == explorer.code
            linear = ", linear" * (scale == "linear")
            assert explorer.label(explorer.settings()) == (
                f"0.01 to 10{linear}, validation loss, smoothing 0.8"
            )

    def test_smoothing_changes_the_suggestion_alone(self, explorer, trained):
        before = explorer.measured
        explorer.smoothing.value = 0.2
        after = explorer.wait(SOON)
        assert after.losses.tolist() == before.losses.tolist()
        rates, reason = suggest(after.learning_rates, after.losses, 0.2)
        assert after.suggestion == rates["minimum"]
        assert reason in explorer._picture.words
        assert trained == [], "what is trained is kept"

    def test_other_epochs_leave_the_test_and_train_the_rates_for_longer(self, experiment):
        with finished(experiment, steps=10) as explorer:
            before = explorer.measured
            explorer.epochs.value = 6
            after = explorer.wait(SOON)
            assert after.losses.tolist() == before.losses.tolist()
            assert after.final.keys() == before.final.keys()
            assert after.final != before.final
            assert explorer._figures["rates"].final_name == "validation loss after 6 epochs"
            explorer.pin()
            assert explorer.pins[-1][0] == "0.01 to 10, smoothing 0.8, 6 epochs"
            for rate, losses in after.final.items():
                run = experiment.variant(epochs=6).run(rate)
                lost = run.verdict == "diverged"
                assert lost or losses[0] == pytest.approx(run.final["val_loss"])
            explorer.epochs.value = 4
            assert explorer.wait(SOON).final == before.final

    def test_a_slow_test_says_how_far_it_is(self, explorer, monkeypatch):
        said = []
        monkeypatch.setattr(explorers.range_test, "_SECONDS_A_STEP", 0)
        explorer._picture.observe(lambda change: said.append(change.new), "words")
        explorer.highest.value = 1.0
        explorer.wait(SOON)
        steps = [f"Testing, step {step} of 24" for step in range(1, 25)]
        assert [words for words in said if "Testing, step" in words] == steps * 2, "from two starts"

    def test_where_the_ends_have_crossed_the_code_says_so(self, explorer):
        explorer.lowest.value = 10.0
        explorer._code_toggle.value = True
        words = "# ValueError: The lowest rate must be below the highest"
        assert explorer._code_view.value.startswith(words)
        explorer.lowest.value = 0.01
        assert explorer._code_view.value == explorer.code
        explorer.lowest.value = 10.0
        assert explorer._code_view.value.startswith(words)

    def test_a_pin_keeps_the_settings_and_what_they_led_to(self, explorer):
        first = explorer.measured
        explorer.pin()
        explorer.smoothing.value = 0.5
        second = explorer.wait(SOON)
        explorer.pin()
        assert [label for label, _ in explorer.pins] == [
            "0.01 to 10, smoothing 0.8",
            "0.01 to 10, smoothing 0.5",
        ]
        rows = list(csv.DictReader(io.StringIO(explorer.pins_csv)))
        assert [float(row["smoothing"]) for row in rows] == [0.8, 0.5]
        for row, measured in zip(rows, (first, second), strict=True):
            assert (float(row["lowest"]), float(row["highest"])) == (0.01, 10)
            assert row["suggestion"] == ("" if (s := measured.suggestion) is None else repr(s))
            assert float(row["best"]) == measured.best
        assert len(explorer._pin_table.rows) == 2
        explorer.clear_pins()
        assert explorer._pin_table.rows == []

    @pytest.mark.parametrize("smoothing", [2, -1, None, "x"])
    def test_a_smoothing_that_cannot_work_is_refused(self, experiment, smoothing):
        with pytest.raises(ValueError, match=r"`smoothing` must be a number from 0 to 0.98"):
            RangeTestExplorer(experiment, smoothing=smoothing)

    def test_other_ends_test_anew_and_train_only_what_is_new(self, explorer, trained):
        explorer.highest.value = 1.0
        measured = explorer.wait(SOON)
        assert measured.learning_rates[-1] == pytest.approx(1.0)
        assert max(measured.final) == 1.0
        assert trained == []
        explorer.lowest.value = 0.001
        assert explorer.wait(SOON).learning_rates[0] == pytest.approx(0.001)
        assert {rate for rate, _ in trained} == {0.001, 0.00178, 0.00316, 0.00562}

    def test_the_code_makes_the_same_test(self, explorer):
        explorer.smoothing.value = 0.5
        measured = explorer.wait(SOON)
        names = {"build_model": model, **GIVEN}
        exec(compile(explorer.code, "program", "exec"), names)  # noqa: S102
        test = names["range_test"]
        assert "lrlab" not in explorer.code
        assert formatted(explorer.code) == explorer.code
        assert test.learning_rates == pytest.approx(measured.learning_rates)
        assert test.losses == pytest.approx(measured.losses, rel=1e-5)
        assert names["smoothed"] == pytest.approx(measured.smoothed, rel=1e-5)
        assert names["rate"] / 10 == pytest.approx(measured.suggestion)
        keras.utils.set_random_seed(0)
        for weights, first in zip(names["model"].get_weights(), model().get_weights(), strict=True):
            np.testing.assert_array_equal(weights, first)

    def test_so_it_does_without_an_input_layer_and_with_accumulated_gradients(self):
        def bare():
            return keras.Sequential(
                [keras.layers.Dense(5, "relu"), keras.layers.Dense(2, "softmax")]
            )

        optimizer = keras.optimizers.Adam(gradient_accumulation_steps=4)
        experiment = Experiment(bare, DATA, optimizer=optimizer, epochs=4, batch_size=8)
        explorer = RangeTestExplorer(experiment, lowest=0.01, highest=1.0, steps=100)
        steps = explorer.work(explorer.settings())
        test = next(part.shown for part in steps if not isinstance(part, str) and part is not None)
        steps.close()
        assert test.learning_rates == pytest.approx(np.geomspace(0.01, 1, 6))  # of 24 batches
        names = {"build_model": bare, **GIVEN}
        exec(compile(explorer.code, "program", "exec"), names)  # noqa: S102
        assert names["range_test"].learning_rates == pytest.approx(test.learning_rates)
        assert names["range_test"].losses == pytest.approx(test.losses, rel=1e-5)
        keras.utils.set_random_seed(0)
        fresh = bare()
        fresh(X[:1])
        for ours, first in zip(names["model"].get_weights(), fresh.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, first)
        for state in names["model"].optimizer.variables:
            assert "learning_rate" in state.path or not state.numpy().any(), state.path


class TestTheTrainings:
    def test_their_final_losses_are_those_of_the_experiment(self, explorer, experiment):
        final = explorer.measured.final
        assert list(final) == sorted(final)
        assert len(final) == 13  # four a decade from 0.01 to 10
        for rate in (0.01, 0.316, 1.0):
            own = [experiment.run(rate, seed=seed).final["val_loss"] for seed in (0, 1)]
            assert final[rate] == pytest.approx(own)

    def test_stop_keeps_those_that_are_done(self, experiment, monkeypatch):
        reached, go_on = threading.Event(), threading.Event()
        follow, done = experiment.follow, []

        def gated(schedule, *, callbacks=(), seed=None):
            if not callbacks:
                done.append(schedule)
                if len(done) == 4:
                    reached.set()
                    assert go_on.wait(SOON)
            yield from follow(schedule, callbacks=callbacks, seed=seed)

        monkeypatch.setattr(experiment, "follow", gated)
        explorer = RangeTestExplorer(experiment, lowest=0.01, seeds=2)
        explorer.begin()
        assert reached.wait(SOON)
        assert re.search(r"Training \d of 26", explorer._picture.words)
        explorer.stop()
        go_on.set()
        explorer.wait(SOON)
        assert len(done) == 4
        assert "Stopped" in explorer._picture.words
        explorer.smoothing.value = 0.5
        assert len(explorer.wait(SOON).final) == 13
        assert len(done) == 4 + 26 - 3, "three were done, and the one that was stopped is not"


class TestOtherSettings:
    @pytest.mark.parametrize("setting", ["momentum", "weight_decay"])
    def test_whole_trainings_at_one_rate_are_those_of_plain_keras(
        self, experiment, setting, monkeypatch
    ):
        values = (0.5, 0.9) if setting == "momentum" else (0.01, 0.5)
        monkeypatch.setitem(explorers.range_settings.VALUES, setting, values)
        with finished(experiment, setting=setting, learning_rate=0.3) as explorer:
            measured = explorer.measured
            assert list(measured.final) == list(values)
            for value in values:
                for seed, loss in enumerate(measured.final[value]):
                    keras.utils.set_random_seed(seed)
                    plain = model()
                    plain.compile(
                        keras.optimizers.SGD(0.3, **{setting: value}),
                        "sparse_categorical_crossentropy",
                    )
                    plain.fit(X, LABELS, 8, 4, shuffle=False, verbose=0)
                    dataset = experiment.dataset
                    own = plain.evaluate(dataset.x_val, dataset.y_val, verbose=0)
                    assert loss == pytest.approx(own, rel=1e-4)
            words, what = explorer._picture.words, setting.replace("_", " ")
            assert f"Trained in full, {what} <b>{measured.best:.2g}</b>" in words
            for value in values:
                assert f"{value:g}: {measured.middles[value]:.3g}" in words
                assert f"{value:g}: {measured.middles[value]:.3g}" in explorer._picture.alt
            assert explorer._figures["rates"]._axes.get_xscale() == (
                "linear" if setting == "momentum" else "log"
            )
            assert repr(explorer) == (
                f"RangeTestExplorer: {what} at a rate of 0.3 -> lowest validation loss at "
                f"{measured.best:g}"
            )
            explorer.pin()
            (row,) = csv.DictReader(io.StringIO(explorer.pins_csv))
            assert (row["setting"], row["suggestion"]) == (setting, "")
            assert float(row["best"]) == measured.best

    @pytest.mark.parametrize("setting", ["momentum", "weight_decay"])
    def test_the_code_trains_at_all_values_from_all_seeds(
        self, experiment, setting, monkeypatch, capsys
    ):
        values = (0.0, 0.5, 0.9) if setting == "momentum" else (0.01, 0.5)
        monkeypatch.setitem(explorers.range_settings.VALUES, setting, values)
        with finished(experiment, setting=setting, seeds=3) as explorer:
            assert formatted(explorer.code) == explorer.code
            exec(compile(explorer.code, "program", "exec"), {"build_model": model, **GIVEN})  # noqa: S102
            said = [line.rsplit(" ", 2)[-2:] for line in capsys.readouterr().out.splitlines()]
            printed = {float(value.rstrip(":")): float(loss) for value, loss in said}
            assert printed == pytest.approx(explorer.measured.middles, abs=2e-4)

    def test_only_the_controls_that_count_are_seen(self, explorer):
        def seen():
            return {n for n, c in explorer._controls.items() if c.layout.display != "none"}

        of_the_test = {"setting", "scale", "monitor", "lowest", "highest", "smoothing", "epochs"}
        assert seen() == of_the_test
        explorer._begun = False  # so that nothing is trained
        explorer.setting.value = "weight_decay"
        assert seen() == {"setting", "learning_rate", "epochs"}
        explorer.setting.value = "learning_rate"
        assert seen() == of_the_test

    def test_an_optimizer_without_momentum_says_so(self):
        adam = Experiment(model, DATA, optimizer="adam", epochs=1, batch_size=8)
        with finished(adam, setting="momentum", seeds=1) as explorer:
            assert "`momentum` must be 0 where the optimizer has none" in explorer._picture.words

    @pytest.mark.parametrize(
        "given",
        [{"setting": "batch_size"}, {"scale": "geometric"}, {"monitor": "accuracy"}],
        ids=str,
    )
    def test_what_is_not_among_the_choices_is_refused(self, experiment, given):
        ((name, value),) = given.items()
        with pytest.raises(ValueError, match=f"`{name}` must be one of .*{value}"):
            RangeTestExplorer(experiment, **given)


class TestView:
    def test_the_readout_has_suggestion_reason_and_truth(self, explorer):
        measured = explorer.measured
        assert f"Suggested rate <b>{measured.suggestion:.2g}</b>" in explorer._picture.words
        assert explorer.reason in explorer._picture.words
        assert f"<b>{measured.best:.2g}</b> is best" in explorer._picture.words
        assert explorer._picture.alt == describe_range_test(measured)

    def test_the_best_rate_is_not_called_so_at_the_end_of_what_was_tried(self, explorer):
        final = {0.1: [0.5, 0.7], 0.3: [0.4, 0.2], 1.0: [np.nan, np.nan]}
        losses = np.array([1.0, 1.0])
        for rates, says in (
            ([0.1, 0.3, 1.0], "<b>0.3</b> is best: validation loss 0.3 (median of 2 starts)."),
            ([0.1, 0.3], "<b>0.3</b> ends lowest, but is the highest that was tried: validation"),
            ([0.3, 1.0], "<b>0.3</b> ends lowest, but is the lowest that was tried: validation"),
        ):
            measured = Measured(losses, losses, losses, final={rate: final[rate] for rate in rates})
            assert says in explorer._words(measured, "")
            assert "is best so far: " in explorer._words(measured, "Training 3 of 9")
            assert ("tried" in describe_range_test(measured)) == ("tried" in says)

    @pytest.mark.parametrize(
        ("suggestion", "says"),
        [
            (0.1, ""),
            (0.01, "But a training at 0.01, near the suggested rate, ends at 1.2: believe the"),
            (1.0, "But a training at 1, near the suggested rate, diverges: believe the"),
            (0.0001, "No training was made near the suggested rate."),
            (None, ""),
        ],
    )
    def test_trainings_that_contradict_the_suggestion_are_pointed_out(
        self, explorer, suggestion, says
    ):
        final = {0.01: [1.2, 1.2], 0.1: [0.3, 0.3], 0.3: [0.2, 0.2], 1.0: [np.nan, np.nan]}
        explorer._start_loss = 1.4
        losses = np.ones(24)
        words = explorer._words(Measured(losses, losses, losses, suggestion, final), "")
        assert words.count("<br>") == 1 + bool(says)
        assert says in words
        assert "But" not in explorer._words(
            Measured(losses, losses, losses, suggestion, final), "Training 3 of 9"
        )

    def test_repr_is_one_line(self, explorer):
        assert repr(explorer).startswith("RangeTestExplorer: 0.01 to 10 -> suggests ")
        assert len(repr(explorer)) <= 110

    def test_a_dark_page_gets_a_dark_picture(self, explorer):
        light = explorer._picture.value
        explorer._picture.dark = True
        assert explorer._picture.value != light
        explorer._picture.dark = False
        assert explorer._picture.value == light

    def test_ends_that_cross_are_explained(self, explorer):
        explorer.highest.value = 0.005
        explorer.wait(SOON)
        assert "Move the two apart" in explorer._picture.words
        with pytest.raises(ValueError, match="must be below the highest"):
            RangeTestExplorer(explorer.experiment, lowest=1.0, highest=0.1)

    def test_the_controls_do_not_wait_for_tensorflow(self, experiment, monkeypatch):
        threads = []

        def default():
            threads.append(threading.current_thread())
            return experiment

        monkeypatch.setattr("lrlab.explorers.run_explorer.default_experiment", default)
        with finished(None, seeds=1) as explorer:
            assert explorer.measured.suggestion
        assert threading.current_thread() not in threads

    def test_an_error_in_training_is_read(self, experiment, monkeypatch):
        def broken(*args, **kwargs):
            raise RuntimeError("out of memory on purpose")

        monkeypatch.setattr(experiment, "follow", broken)
        with finished(experiment) as explorer:
            assert "RuntimeError: out of memory on purpose" in explorer._picture.words
            assert repr(explorer) == "RangeTestExplorer: RuntimeError"

    def test_regression_with_rates_that_diverge(self):
        data = (X, X[:, :1], X[:10], X[:10, :1])
        line = Experiment(
            lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]),
            data,
            epochs=30,
            batch_size=8,
        )
        with finished(line, highest=10.0, seeds=1) as explorer:
            assert np.isnan(explorer.measured.final[10.0]).all()
            assert explorer.measured.suggestion < 1
            assert explorer.measured.best < 1
