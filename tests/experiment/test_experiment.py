"""Runs of one experiment are what Keras itself gives, one at a time and compiled once."""

import gc
import resource
import threading
import tracemalloc
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor, wait

from lrlab.backend import keras

import numpy as np
import pytest
import small
from experiments import (
    EPOCHS,
    LABELS,
    STEPS,
    GrowsEachBatch,
    HalvesEachEpoch,
    Subclass,
    X,
    assert_same,
    auto_encoder,
    dense,
    experiment_of,
    noisy,
    plain_keras,
    program_of,
    with_state,
    without_input,
)
from keras import layers
from small import SOON

from lrlab import Experiment, StepDecay
from lrlab.experiment.turns import Turns, waiting

ks = keras.optimizers.schedules


class TestEqualsKeras:
    @pytest.mark.parametrize(
        "build", [dense, with_state, without_input, Subclass, noisy, auto_encoder()]
    )
    @pytest.mark.parametrize("rate", [0.1])
    def test_with_a_number(self, build, rate):
        experiment = experiment_of(build)
        run = experiment.run(rate)
        assert_same(run, experiment, plain_keras(build, optimizer=keras.optimizers.SGD(rate)))
        assert run.history["learning_rate"] == pytest.approx([rate] * EPOCHS)

    def test_with_a_function_of_the_epoch(self, experiment):
        decay = StepDecay(0.5, 0.3, 2)
        scheduler = keras.callbacks.LearningRateScheduler(decay)
        plain = plain_keras(optimizer="sgd", callbacks=[scheduler])
        run = experiment.run(decay)
        assert_same(run, experiment, plain)
        assert run.history["learning_rate"] == pytest.approx(plain[0]["learning_rate"])

    def test_with_a_schedule_of_keras(self, experiment):
        run = experiment.run(ks.CosineDecay(0.5, EPOCHS * STEPS))
        optimizer = keras.optimizers.SGD(ks.CosineDecay(0.5, EPOCHS * STEPS))
        assert_same(run, experiment, plain_keras(optimizer=optimizer))
        assert run.learning_rates[0] == pytest.approx(0.5)
        assert run.history["learning_rate"][-1] == pytest.approx(
            0.5 * (1 + np.cos(np.pi * 24 / 25)) / 2, rel=1e-5
        )

    @pytest.mark.parametrize("plateau", [False, True])
    def test_with_a_function_of_epoch_and_rate(self, plateau):
        """It starts from the optimizer's, and goes on from what a callback has made of it."""

        def callbacks():
            cut = keras.callbacks.ReduceLROnPlateau("loss", 0.1, patience=1, min_delta=0.5)
            return [cut] * plateau

        def decay(epoch, rate):
            return rate if epoch < 1 else rate * 0.7

        scheduler = keras.callbacks.LearningRateScheduler(decay)
        plain = plain_keras(
            optimizer=keras.optimizers.SGD(0.4), callbacks=[scheduler, *callbacks()]
        )
        experiment = experiment_of(optimizer=keras.optimizers.SGD(0.4))
        experiment.run(0.1)  # which leaves the optimizer with another rate
        run = experiment.run(decay, callbacks=callbacks())
        assert_same(run, experiment, plain)
        # With ReduceLROnPlateau, Keras writes its rate down before the cut at an epoch's end.
        assert run.history["learning_rate"][:2] == pytest.approx(plain[0]["learning_rate"][:2])
        assert run.history["learning_rate"][:2] == pytest.approx([0.4, 0.28])

    @pytest.mark.parametrize("make", [HalvesEachEpoch, GrowsEachBatch])
    def test_with_a_callback_that_sets_the_rate(self, experiment, make):
        plain = plain_keras(optimizer=keras.optimizers.SGD(0.1), callbacks=[make()])
        assert_same(experiment.run(0.1, callbacks=[make()]), experiment, plain)

    def test_with_a_function_and_a_callback(self, experiment):
        def callbacks():
            return [keras.callbacks.ReduceLROnPlateau("loss", 0.1, patience=1, min_delta=0.5)]

        decay = StepDecay(0.5, 0.3, 2)
        scheduler = keras.callbacks.LearningRateScheduler(decay)
        plain = plain_keras(optimizer="sgd", callbacks=[scheduler, *callbacks()])
        assert_same(experiment.run(decay, callbacks=callbacks()), experiment, plain)

    def test_with_early_stopping_that_restores_weights(self, experiment):
        def callbacks():
            return [
                keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=1, min_delta=0.1),
                keras.callbacks.EarlyStopping(
                    "val_loss", patience=2, min_delta=0.2, restore_best_weights=True
                ),
            ]

        plain = plain_keras(
            optimizer=keras.optimizers.SGD(0.1), callbacks=callbacks(), epochs=EPOCHS
        )
        run = experiment.run(0.1, callbacks=callbacks())
        assert_same(run, experiment, plain)
        assert run.history["learning_rate"] == pytest.approx(plain[0]["learning_rate"])
        assert len(run.history["loss"]) < EPOCHS, "nothing was stopped"

    def test_with_an_optimizer_that_has_settings(self):
        optimizer = keras.optimizers.Adam(beta_1=0.5, epsilon=1e-3, clipnorm=0.1)
        experiment = experiment_of(optimizer=optimizer)
        plain = plain_keras(
            optimizer=keras.optimizers.Adam(0.03, beta_1=0.5, epsilon=1e-3, clipnorm=0.1)
        )
        assert_same(experiment.run(0.03), experiment, plain)

    def test_with_what_a_callback_adds_to_the_logs(self, experiment):
        class Adds(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                logs["epoch_squared"] = epoch**2

        run = experiment.run(0.1, callbacks=[Adds()])
        assert run.history["epoch_squared"] == [0, 1, 4, 9, 16]

    def test_with_a_test_step_of_its_own(self):
        class Own(keras.Sequential):
            def test_step(self, batch):
                x, _y = batch
                return {"spread": keras.ops.max(self(x)) - keras.ops.min(self(x))}

        def build():
            return Own([keras.Input((4,)), layers.Dense(3, "softmax")])

        experiment = experiment_of(build)
        plain = plain_keras(build, optimizer=keras.optimizers.SGD(0.1))
        assert "val_spread" in plain[0]
        assert_same(experiment.run(0.1), experiment, plain)

    def test_with_xla_and_optimizers_with_state(self, with_xla):
        experiment = experiment_of(optimizer=keras.optimizers.Adam())
        run = experiment.run(StepDecay(0.05, 0.5, 2))
        assert program_of(experiment).xla
        scheduler = keras.callbacks.LearningRateScheduler(StepDecay(0.05, 0.5, 2))
        assert_same(run, experiment, plain_keras(optimizer="adam", callbacks=[scheduler]))


class TestFollow:
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"schedule": "nonsense"}, "finite number above 0"),
            ({"schedule": lambda: 0.1}, "function of the epoch"),
            ({"schedule": lambda epoch: -1.0}, "not negative"),
            ({"callbacks": "nonsense"}, "list of keras.callbacks.Callback"),
            ({"callbacks": [keras.callbacks.History]}, "list of keras.callbacks.Callback"),
            ({"seed": -1}, "`seed` must be a whole number"),
        ],
    )
    def test_what_cannot_work_is_said_before_it_is_iterated(self, experiment, wrong, says):
        with pytest.raises(ValueError, match=says):
            experiment.follow(**{"schedule": 0.1} | wrong)

    def test_it_shows_each_epoch_and_then_the_whole(self, experiment):
        *parts, whole = experiment.follow(StepDecay(0.5, 0.5, 1))
        assert [len(part.history["loss"]) for part in parts] == [1, 2, 3, 4, 5]
        assert [part.learning_rates.size for part in parts] == [5, 10, 15, 20, 25]
        assert parts[0].history["loss"] == whole.history["loss"][:1]
        assert parts[0].history["learning_rate"] == [0.5]
        assert whole.history == experiment.run(StepDecay(0.5, 0.5, 1)).history

    @pytest.mark.parametrize("callbacks", [[], [HalvesEachEpoch()]])
    def test_closing_it_early_spoils_nothing(self, experiment, callbacks):
        expected = experiment.run(0.1).history
        runs = experiment.follow(0.5, callbacks=callbacks)
        next(runs)
        runs.close()
        assert experiment.run(0.1).history == expected

    def test_closing_it_early_ends_the_training_for_callbacks(self, experiment):
        ended = []
        ends = keras.callbacks.LambdaCallback(on_train_end=lambda logs: ended.append(True))
        runs = experiment.follow(0.5, callbacks=[ends])
        next(runs)
        assert not ended
        runs.close()
        assert ended == [True]

    def test_a_second_run_beside_an_unfinished_one_is_refused(self, experiment):
        """One thread would wait for itself, for ever."""
        expected = experiment.run(0.1).history
        runs = experiment.follow(0.5)
        next(runs)
        with pytest.raises(RuntimeError, match="is unfinished"):
            experiment.run(0.1)
        runs.close()
        assert experiment.run(0.1).history == expected

    def test_another_thread_waits_for_an_unfinished_one_and_says_so(self, experiment, monkeypatch):
        monkeypatch.setattr("lrlab.experiment.turns._SECONDS_TO_WARNING", 0.0)
        expected = experiment.run(0.1).history
        half = experiment.follow(0.5)
        next(half)

        def waits_until_it_is_closed():
            with ThreadPoolExecutor() as pool:
                run = pool.submit(experiment.run, 0.1)
                assert wait([run], 0.5).not_done
                half.close()
                return run.result(SOON)

        with pytest.warns(UserWarning, match="is unfinished"):
            run = waits_until_it_is_closed()
        assert run.history == expected

    def test_a_thread_that_waits_for_one_that_works_says_nothing(self, experiment):
        turns, asked, waits = Turns(), [], threading.Event()

        def ask(rested):
            asked.append(rested)
            waits.set()

        def take():
            with waiting(ask), turns.take():
                pass

        with turns.take():
            thread = threading.Thread(target=take)
            thread.start()
            assert waits.wait(SOON)
        thread.join(SOON)
        assert set(asked) == {0.0}

    def test_memory_grows_by_the_epoch_and_not_by_its_square(self):
        """Each epoch has numbers of some 300 bytes; 600 copies of a history would take 12 MB."""
        long = Experiment(small.model, tuple(small.data().values()), epochs=600, batch_size=40)
        long.run(0.1)
        tracemalloc.start()
        try:
            long.run(0.1)
            assert tracemalloc.get_traced_memory()[1] < 600 * 2000
        finally:
            tracemalloc.stop()

    def test_an_error_in_a_callback_spoils_nothing(self, experiment):
        class Fails(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise RuntimeError("on purpose")

        expected = experiment.run(0.1).history
        with pytest.raises(RuntimeError, match="on purpose"):
            experiment.run(0.5, callbacks=[Fails()])
        assert experiment.run(0.1).history == expected

    def test_threads_that_share_an_experiment_get_right_answers(self, experiment):
        rates = [0.1, 0.2, 0.3, 0.4]
        expected = [experiment.run(rate).history for rate in rates]
        found = {}

        def work(rate):
            found[rate] = [experiment.run(rate).history for _ in range(5)]

        threads = [threading.Thread(target=work, args=(rate,)) for rate in rates]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert found == {r: [h] * 5 for r, h in zip(rates, expected, strict=True)}


class TestCompiledOnce:
    def test_twenty_runs_of_all_kinds_trace_each_function_once(self, with_xla, monkeypatch):
        monkeypatch.setattr("lrlab.training.shared._lenders", OrderedDict())
        experiment = experiment_of(optimizer="adam")
        plateau = keras.callbacks.ReduceLROnPlateau
        experiment.run(0.1)
        program = program_of(experiment)
        assert program.traces == 1
        for step in range(7):
            experiment.run(0.01 * (step + 1))
            experiment.run(StepDecay(0.1, 0.5, step + 1))
            experiment.run(ks.CosineDecay(0.1, step + 2))
        assert program.traces == 1
        experiment.run(0.1, callbacks=[plateau()])
        with_callbacks = program.traces
        for step in range(7):
            experiment.run(0.01 * (step + 1), callbacks=[plateau(patience=step + 1)])
            experiment.run(StepDecay(0.1, 0.5, step + 1), callbacks=[plateau()])
        assert program.traces == with_callbacks
        assert program_of(experiment) is program

    def test_many_experiments_are_no_reason_for_a_warning(self, caplog):
        for seed in range(7):
            experiment_of(epochs=1, seed=seed).run(0.1)
        assert not caplog.records

    def test_two_hundred_runs_need_no_more_memory(self, experiment):
        def run_many(count):
            for step in range(count):
                schedule = (0.01, StepDecay(0.1, 0.5, 2))[step % 2]
                experiment.run(schedule)
            gc.collect()

        run_many(20)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            run_many(200)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 1e6
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident < 30_000  # kilobytes


class TestArguments:
    def test_no_optimizer_is_refused(self):
        with pytest.raises(ValueError, match=r"Received: optimizer=None. Try optimizer=\"sgd\""):
            experiment_of(optimizer=None)

    def test_labels_are_checked_without_an_input_layer_too(self):
        with pytest.raises(ValueError, match=r"Labels must lie in 0\.\.2.*from 1 to 3"):
            experiment_of(without_input, (X, LABELS + 1, X, LABELS + 1))

    @pytest.mark.parametrize("name", ["epochs", "batch_size"])
    @pytest.mark.parametrize("value", [0, -1, 2.5, "5", None, True])
    def test_counts_must_be_whole_numbers(self, name, value):
        with pytest.raises(ValueError, match=f"`{name}` must be a whole number of at least 1"):
            experiment_of(**{name: value})

    @pytest.mark.parametrize("value", [-1, 0.5, "0", None])
    def test_a_seed_must_be_a_whole_number(self, value):
        with pytest.raises(ValueError, match="`seed` must be a whole number of at least 0"):
            experiment_of(seed=value)

    def test_whole_numbers_of_any_type_will_do(self, experiment):
        other = experiment_of(epochs=np.int64(EPOCHS), batch_size=16.0, seed=np.int32(0))
        assert other.run(0.1).history == experiment.run(0.1).history

    def test_a_list_of_lists_will_do_for_data(self, experiment):
        lists = [X.tolist(), LABELS.tolist(), X[:20].tolist(), LABELS[:20].tolist()]
        assert experiment_of(dataset=lists).run(0.1).history == experiment.run(0.1).history

    @pytest.mark.parametrize(
        ("dataset", "says"),
        [
            ((X, LABELS[:-1], X, LABELS), "75 rows in x_train, 74 in y_train"),
            ((X, LABELS, X, LABELS[:-1]), "75 rows in x_val, 74 in y_val"),
            ((X[:0], LABELS[:0], X, LABELS), "x_train must hold at least one sample"),
            ((X, LABELS, X[:0], LABELS[:0]), "x_val must hold at least one sample"),
            ((X, LABELS), "tuple of length 2"),
            (X, "must be a lrlab Dataset or a tuple"),
            ((X, LABELS + 1, X, LABELS + 1), r"Labels must lie in 0\.\.2.*from 1 to 3"),
        ],
    )
    def test_data_that_cannot_be_trained_on(self, dataset, says):
        with pytest.raises(ValueError, match=says):
            experiment_of(dataset=dataset)

    def test_a_batch_may_be_larger_than_the_data(self):
        run = experiment_of(batch_size=1000).run(0.1)
        assert run.learning_rates.shape == (EPOCHS,)
