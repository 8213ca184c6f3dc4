"""Runs of one experiment differ by their learning rate alone, and are what Keras itself gives."""

import gc
import random
import resource
import threading
import tracemalloc

from lrlab.backend import keras, tf

import numpy as np
import pytest
from keras import layers
from keras.src.random.seed_generator import global_seed_generator

import lrlab
from lrlab import Experiment, StepDecay
from lrlab.explorers.run_explorer import outcome
from lrlab.training import program as _compiled

ks = keras.optimizers.schedules
_random = np.random.default_rng(0)
X = _random.normal(size=(75, 4)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)
DATA = (X, LABELS, X[:20], LABELS[:20])  # batches of 16 leave a last one of 11
EPOCHS, STEPS = 5, 5
USES_XLA = _compiled.uses_xla


def dense():
    hidden = [layers.Dense(8, "relu"), layers.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((4,)), *hidden])


def with_state():
    """What a run could leak into the next one: seeds and statistics."""
    inner = [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((4,)), *inner, layers.Dense(3, "softmax")])


def logits():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3)])


def compiled(optimizer, metrics=("accuracy",)):
    def build():
        model = dense()
        model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=list(metrics))
        return model

    return build


def experiment_of(build=dense, dataset=DATA, **settings):
    return Experiment(build, dataset, **{"epochs": EPOCHS, "batch_size": 16, **settings})


@pytest.fixture(scope="module", autouse=True)
def _without_xla():
    """Which takes longer to compile than these runs take; what they show is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_compiled, "uses_xla", lambda model: False)
        yield


@pytest.fixture
def with_xla(monkeypatch):
    monkeypatch.setattr(_compiled, "uses_xla", USES_XLA)


@pytest.fixture(scope="module")
def experiment():
    return experiment_of()


def plain_keras(build=dense, *, optimizer=None, callbacks=(), seed=0, loss=None, **settings):
    """The same training without lrlab: build, compile, fit."""
    keras.utils.set_random_seed(seed)
    model = build()
    if not model.compiled:
        loss = loss or "sparse_categorical_crossentropy"
        model.compile(optimizer, loss, metrics=["accuracy"])
    arguments = {"epochs": EPOCHS, "batch_size": 16, "shuffle": False, "verbose": 0, **settings}
    history = model.fit(X, LABELS, validation_data=DATA[2:], callbacks=list(callbacks), **arguments)
    return history.history, model.get_weights()


def assert_same(run, experiment, plain):
    history, weights = plain
    assert set(run.history) == {*history, "learning_rate"}
    for name, values in history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-5, atol=1e-5, err_msg=name)
    for ours, theirs in zip(experiment.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


class HalvesEachEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2


def without_input():
    return keras.Sequential([layers.Dense(8, "relu"), layers.Dense(3, "softmax")])


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.last, self.hidden = layers.Dense(3, "softmax"), layers.Dense(8, "relu")

    def call(self, x):
        return self.last(self.hidden(x))


class Noise(layers.Layer):
    """Draws from Keras's global generator."""

    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.5) if training else x


def noisy():
    return keras.Sequential([keras.Input((4,)), Noise(), layers.Dense(3, "softmax")])


class AutoEncoder(keras.Model):
    """Makes its loss in its own steps, as the variational one in Keras's examples does."""

    def __init__(self):
        super().__init__()
        self.code, self.tracker = layers.Dense(4), keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return self.code(x)

    def train_step(self, batch):
        x, _ = batch
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x) - x) ** 2)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def test_step(self, batch):
        self.tracker.update_state(keras.ops.mean((self(batch[0]) - batch[0]) ** 2))
        return {"loss": self.tracker.result()}


def auto_encoder(kind=AutoEncoder):
    def build():
        model = kind()
        model.compile(keras.optimizers.SGD(0.1))
        return model

    return build


class GrowsEachBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) + 0.01


class TestSameStart:
    @pytest.mark.parametrize("build", [dense, with_state, noisy])
    def test_a_run_is_the_same_to_the_last_bit_whatever_came_between(self, build, with_xla):
        experiment = experiment_of(build, optimizer="adam")
        first = experiment.run(0.01)
        weights = experiment.model.get_weights()
        experiment.run(1.0)
        experiment.run(ks.CosineDecay(0.5, 20))
        experiment.run(0.3, callbacks=[HalvesEachEpoch()])
        again = experiment.run(0.01)
        assert again.history == first.history
        assert (again.start_loss, again.moved) == (first.start_loss, first.moved)
        for now, then in zip(experiment.model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(now, then)

    def test_it_starts_from_the_start_after_a_run_that_diverged(self, experiment):
        first = experiment.run(0.1)
        assert experiment.run(1e20).verdict == "diverged"
        assert experiment.run(0.1).history == first.history

    def test_another_seed_is_another_start(self, experiment):
        assert experiment_of(seed=1).run(0.1).history != experiment.run(0.1).history

    @pytest.mark.parametrize(
        "build",
        [
            *(dense, with_state, compiled(lambda: keras.optimizers.Adam(0.1))),
            *(without_input, Subclass, noisy),
        ],
    )
    def test_a_run_from_another_seed_is_that_of_an_experiment_with_it(self, build):
        experiment = experiment_of(build)
        before, other = experiment.run(0.1), experiment.run(0.1, seed=3)
        expected = experiment_of(build, seed=3).run(0.1)
        assert other.history == expected.history
        assert (other.start_loss, other.code) == (expected.start_loss, expected.code)
        assert other.moved == pytest.approx(expected.moved)
        assert experiment.run(0.1).history == before.history

    def test_runs_from_other_seeds_trace_nothing(self, experiment):
        experiment.run(0.1)
        traces = vars(experiment.model)["_lrlab_program"].traces
        for seed in range(4):
            experiment.run(0.1, seed=seed)
        assert vars(experiment.model)["_lrlab_program"].traces == traces

    def test_an_equal_experiment_gives_equal_runs(self, experiment):
        assert experiment_of().run(0.1).history == experiment.run(0.1).history

    def test_seeding_between_two_kinds_of_run_changes_neither(self):
        """A callback brings other functions, which are traced only then."""
        experiment = experiment_of(noisy)
        first = experiment.run(0.1)
        keras.utils.set_random_seed(5)
        watched = [experiment.run(0.1, callbacks=[GrowsEachBatch()]) for _ in range(2)]
        assert watched[0].history == watched[1].history
        assert experiment.run(0.1).history == first.history

    def test_a_resumed_run_leaves_the_next_one_whole(self, experiment, tmp_path):
        class Interrupts(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 2:
                    raise InterruptedError

        first = experiment.run(0.1)
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        with pytest.raises(InterruptedError):
            experiment.run(0.1, callbacks=[Interrupts(), backup])
        resumed = experiment.run(0.1, callbacks=[backup])
        assert 0 < len(resumed.history["loss"]) < EPOCHS
        assert experiment.run(0.1).history == first.history

    def test_the_random_state_of_python_and_numpy_is_left_alone(self):
        keras.random.normal(())  # so that Keras has a generator

        def states():
            return global_seed_generator(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002

        before = states()
        run = experiment_of(with_state).run(0.1)
        assert run.code
        assert run.reason
        assert states() == before


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
        assert vars(experiment.model)["_lrlab_program"].xla
        scheduler = keras.callbacks.LearningRateScheduler(StepDecay(0.05, 0.5, 2))
        assert_same(run, experiment, plain_keras(optimizer="adam", callbacks=[scheduler]))


class TestRates:
    def test_a_value_an_epoch_and_a_rate_a_step(self, experiment):
        for schedule in (0.1, StepDecay(), ks.CosineDecay(0.5, 20)):
            run = experiment.run(schedule)
            assert run.schedule is schedule
            assert run.learning_rates.shape == (EPOCHS * STEPS,)
            assert {len(values) for values in run.history.values()} == {EPOCHS}
            assert list(run.history)[-1] == "learning_rate"
            assert {"loss", "accuracy", "val_loss", "val_accuracy"} < set(run.history)

    def test_the_rate_of_an_epoch_is_that_of_its_last_step(self, experiment):
        run = experiment.run(ks.PiecewiseConstantDecay([3, 8], [0.5, 0.25, 0.125]))
        # Steps 0 to 3, 4 to 8 and the rest, five an epoch.
        assert run.learning_rates.tolist() == [0.5] * 4 + [0.25] * 5 + [0.125] * 16
        assert run.history["learning_rate"] == [0.25, 0.125, 0.125, 0.125, 0.125]

    def test_a_callback_that_changes_the_rate_each_epoch_is_written_down(self, experiment):
        run = experiment.run(0.8, callbacks=[HalvesEachEpoch()])
        expected = [0.8, 0.4, 0.2, 0.1, 0.05]
        assert run.history["learning_rate"] == pytest.approx(expected)
        assert run.learning_rates == pytest.approx(np.repeat(expected, STEPS))

    def test_a_callback_that_changes_the_rate_each_batch_is_written_down(self, experiment):
        run = experiment.run(0.1, callbacks=[GrowsEachBatch()])
        expected = 0.1 + 0.01 * np.arange(EPOCHS * STEPS)
        assert run.learning_rates == pytest.approx(expected, rel=1e-5)
        assert run.history["learning_rate"] == pytest.approx(expected[4::5], rel=1e-5)

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_run_that_stops_early_has_what_was_trained(self, experiment, at_once):
        class Stops(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch == 2

        others = [] if at_once else [GrowsEachBatch()]
        for schedule in (0.1, StepDecay(), *([ks.CosineDecay(0.5, 20)] if at_once else [])):
            run = experiment.run(schedule, callbacks=[Stops(), *others])
            assert run.learning_rates.shape == (3 * STEPS,)
            assert {len(values) for values in run.history.values()} == {3}

    @pytest.mark.parametrize("rate", [1, np.float32(0.5), np.int64(1), np.array(0.5)])
    @pytest.mark.parametrize("callbacks", [[], [keras.callbacks.EarlyStopping(patience=9)]])
    def test_a_rate_of_any_type(self, experiment, rate, callbacks):
        run = experiment.run(rate, callbacks=callbacks)
        assert run.history["learning_rate"] == [float(rate)] * EPOCHS
        assert run.history["loss"] == experiment.run(float(rate)).history["loss"]

    def test_a_function_may_return_an_int(self, experiment):
        for callbacks in ([], [keras.callbacks.EarlyStopping(patience=9)]):
            run = experiment.run(lambda epoch: 1, callbacks=callbacks)
            assert run.history["learning_rate"] == [1.0] * EPOCHS

    @pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True])
    def test_what_is_no_rate_is_refused_and_nothing_is_spoilt(self, experiment, rate):
        with pytest.raises(ValueError, match=r"finite number above 0.*Received: learning_rate="):
            experiment.run(rate)
        assert len(experiment.run(0.1).history["loss"]) == EPOCHS

    def test_a_schedule_object_and_a_callback_that_sets_the_rate_exclude_each_other(
        self, experiment
    ):
        for callback in (
            keras.callbacks.ReduceLROnPlateau(),
            keras.callbacks.LearningRateScheduler(StepDecay()),
        ):
            with pytest.raises(ValueError, match=r"exclude each other.*Received: CosineDecay and"):
                experiment.run(ks.CosineDecay(0.5, 20), callbacks=[callback])

    def test_one_callback_needs_no_list(self, experiment):
        run = experiment.run(0.8, callbacks=HalvesEachEpoch())
        assert run.history["learning_rate"][1] == pytest.approx(0.4)

    def test_what_is_no_callback_is_refused(self, experiment):
        with pytest.raises(ValueError, match=r"keras\.callbacks\.Callback.*Received: str"):
            experiment.run(0.1, callbacks=["EarlyStopping"])


class TestRun:
    def test_start_loss_is_that_of_the_untrained_model(self, experiment):
        keras.utils.set_random_seed(0)
        model = dense()
        model.compile("sgd", "sparse_categorical_crossentropy")
        expected = model.evaluate(X, LABELS, verbose=0)
        assert experiment.run(0.1).start_loss == pytest.approx(expected, rel=1e-5)

    def test_moved_is_a_share_of_the_first_weights(self, experiment):
        keras.utils.set_random_seed(0)
        first = np.concatenate([w.ravel() for w in dense().get_weights()])
        run = experiment.run(0.5)
        last = np.concatenate([w.ravel() for w in experiment.model.get_weights()])
        expected = np.linalg.norm(last - first) / np.linalg.norm(first)
        assert run.moved == pytest.approx(expected, rel=1e-5)

    def test_a_metric_of_several_numbers_is_shown_as_a_list(self):
        one_hot = np.eye(3, dtype="float32")[LABELS]
        run = experiment_of(
            dataset=(X, one_hot, X[:20], one_hot[:20]),
            loss="categorical_crossentropy",
            metrics=[keras.metrics.F1Score()],
        ).run(0.1)
        scores = ", ".join(f"{score:.4g}" for score in run.final["f1_score"])
        assert scores.count(",") == 2
        assert f"Run(f1_score=[{scores}], loss=" in repr(run)
        assert f"<b>[{scores}]</b>" in outcome(run)

    def test_repr_is_one_line(self, experiment):
        run = experiment.run(0.1)
        assert repr(run).startswith(f"Run(accuracy={run.final['accuracy']:.4g}, loss=")
        assert repr(run).endswith(f"verdict={run.verdict!r})")
        assert "\n" not in repr(run)

    def test_a_run_keeps_its_numbers_when_the_next_one_trains(self, experiment):
        run = experiment.run(0.1)
        history = {name: list(values) for name, values in run.history.items()}
        rates = run.learning_rates.copy()
        experiment.run(ks.CosineDecay(0.9, 20))
        assert run.history == history
        np.testing.assert_array_equal(run.learning_rates, rates)


class TestFollow:
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
    def test_twenty_runs_of_all_kinds_trace_each_function_once(self, with_xla):
        experiment = experiment_of(optimizer="adam")
        plateau = keras.callbacks.ReduceLROnPlateau
        experiment.run(0.1)
        program = vars(experiment.model)["_lrlab_program"]
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
        assert vars(experiment.model)["_lrlab_program"] is program

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


class TestModelAndOptimizer:
    def test_a_compiled_model_keeps_its_own_settings(self):
        metrics = ["sparse_categorical_crossentropy", "accuracy"]
        build = compiled(lambda: keras.optimizers.SGD(momentum=0.9), metrics)
        experiment = experiment_of(build)
        run = experiment.run(0.05)
        history, _ = plain_keras(
            compiled(lambda: keras.optimizers.SGD(0.05, momentum=0.9), metrics)
        )
        assert set(metrics) < set(history)
        for name, values in history.items():
            np.testing.assert_allclose(run.history[name], values, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("also", [{"loss": "mse"}, {"metrics": ["mae"]}, {"optimizer": "adam"}])
    def test_a_compiled_model_and_settings_as_well_are_refused(self, also):
        with pytest.raises(ValueError, match="compiled model keeps its own"):
            experiment_of(compiled(lambda: "sgd"), **also)

    def test_a_compiled_model_may_have_a_schedule_in_its_optimizer(self, experiment):
        build = compiled(lambda: keras.optimizers.SGD(ks.ExponentialDecay(0.9, 1, 0.1)))
        scheduled = experiment_of(build)
        assert scheduled.run(0.1).history == experiment.run(0.1).history
        cosine = ks.CosineDecay(0.5, 20)
        assert scheduled.run(cosine).history == experiment.run(cosine).history
        callbacks = [HalvesEachEpoch()]
        assert (
            scheduled.run(0.1, callbacks=callbacks).history
            == experiment.run(0.1, callbacks=callbacks).history
        )

    def test_a_scaled_loss_may_have_a_schedule_in_the_optimizer_within(self, experiment):
        scaled = keras.optimizers.LossScaleOptimizer
        build = compiled(lambda: scaled(keras.optimizers.SGD(ks.ExponentialDecay(0.9, 1, 0.1))))
        found = experiment_of(build)
        assert float(found.model.optimizer.initial_scale) == 2.0**15
        for schedule in (0.1, ks.CosineDecay(0.5, 20)):
            losses = experiment.run(schedule).history["loss"]
            # Scaling by a power of two rounds nothing.
            assert found.run(schedule).history["loss"] == pytest.approx(losses, rel=1e-6)

    def test_an_optimizer_is_copied_and_serves_two_experiments(self):
        optimizer = keras.optimizers.SGD(0.123, momentum=0.9)
        one, two = experiment_of(optimizer=optimizer), experiment_of(optimizer=optimizer)
        assert one.run(0.1).history == two.run(0.1).history
        one.run(0.5)
        assert not optimizer.built
        assert int(optimizer.iterations) == 0
        assert float(optimizer.learning_rate) == pytest.approx(0.123)

    def test_a_loss_that_needs_logits_is_the_default_where_the_model_gives_them(self):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        plain = plain_keras(logits, optimizer=keras.optimizers.SGD(0.1), loss=loss)
        experiment = experiment_of(logits)
        assert_same(experiment.run(0.1), experiment, plain)

    @pytest.mark.parametrize(
        ("last", "is_logits"),
        [
            (lambda: [keras.Sequential([keras.Input((8,)), layers.Dense(3)])], True),
            (lambda: [keras.Sequential([keras.Input((8,)), layers.Dense(3, "softmax")])], False),
            (lambda: [layers.Dense(3), layers.Reshape((3,))], True),
            (lambda: [layers.Dense(3, "softmax"), layers.Reshape((3,))], False),
            (lambda: [layers.Dense(3), layers.Softmax()], False),
        ],
    )
    def test_the_default_loss_is_for_what_the_model_gives(self, last, is_logits):
        def build():
            hidden = keras.Sequential([keras.Input((4,)), layers.Dense(8, "tanh")])
            return keras.Sequential([keras.Input((4,)), hidden, *last()])

        experiment = experiment_of(build)
        outputs = experiment.untrained()(X).numpy()
        if is_logits:
            outputs = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        expected = -np.log(outputs[np.arange(len(X)), LABELS]).mean()
        assert experiment.run(0.1).start_loss == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("activation", [None, "softmax"])
    def test_the_default_loss_of_a_subclass_is_for_what_it_gives(self, activation):
        class Own(Subclass):
            def __init__(self):
                super().__init__()
                self.last = layers.Dense(3, activation)

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
        expected = float(loss(LABELS, experiment_of(Own).untrained()(X)))
        assert experiment_of(Own).run(0.1).start_loss == pytest.approx(expected, rel=1e-5)

    def test_several_outputs_have_no_default_loss(self):
        def build():
            inputs = keras.Input((4,))
            return keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(3)(inputs)])

        with pytest.raises(ValueError, match=r"several outputs.*2 outputs. Give `loss=`"):
            experiment_of(build)

    @pytest.mark.parametrize("activation", ["sigmoid", None])
    def test_one_output_tells_two_classes_apart(self, activation):
        y = (X[:, 0] > 0).astype("int64")

        def single():
            return keras.Sequential([keras.Input((4,)), layers.Dense(1, activation)])

        experiment = experiment_of(single, (X, y, X, y))
        run = experiment.run(0.5)
        probability = experiment.model.predict(X, verbose=0)[:, 0].astype(float)
        if activation is None:
            probability = 1 / (1 + np.exp(-probability))
        likelihood = np.where(y == 1, probability, 1 - probability)
        assert run.final["val_loss"] == pytest.approx(-np.log(likelihood).mean(), rel=1e-4)
        assert run.final["val_accuracy"] == pytest.approx(((probability > 0.5) == y).mean())

    def test_one_output_cannot_tell_three_classes_apart(self):
        says = r"one output tells two classes apart.*3 classes.*for amounts to predict pass floats"
        with pytest.raises(ValueError, match=says):
            experiment_of(lambda: keras.Sequential([keras.Input((4,)), layers.Dense(1)]))

    def test_regression_is_judged_by_its_mean_squared_error(self):
        y = X[:, :1] * 2
        experiment = experiment_of(
            lambda: keras.Sequential([keras.Input((4,)), layers.Dense(1)]), (X, y, X, y)
        )
        run = experiment.run(0.1)
        assert set(run.history) == {"loss", "val_loss", "learning_rate"}
        error = experiment.model.predict(X, verbose=0) - y
        assert run.final["val_loss"] == pytest.approx((error**2).mean(), rel=1e-4)

    def test_own_loss_and_metrics_are_taken(self):
        def squared(y_true, y_pred):
            return keras.ops.mean(keras.ops.square(y_pred), axis=-1)

        run = experiment_of(loss=squared, metrics=[]).run(0.1)
        assert set(run.history) == {"loss", "val_loss", "learning_rate"}
        assert 1 / 9 <= run.final["loss"] <= 1 / 3, "probabilities of three classes"


class TestArguments:
    def test_no_optimizer_is_refused(self, experiment):
        for make in (experiment_of, experiment.variant):
            with pytest.raises(
                ValueError, match=r"Received: optimizer=None. Try optimizer=\"sgd\""
            ):
                make(optimizer=None)

    def test_labels_are_checked_without_an_input_layer_too(self):
        with pytest.raises(ValueError, match=r"Labels must lie in 0\.\.2.*from 1 to 3"):
            experiment_of(without_input, (X, LABELS + 1, X, LABELS + 1))

    @pytest.mark.parametrize(
        ("compiling", "reason"),
        [({"run_eagerly": True}, "run_eagerly=True"), ({"steps_per_execution": 2}, "steps_per_ex")],
    )
    def test_a_model_that_must_loop_itself_is_refused(self, compiling, reason):
        def build():
            model = dense()
            model.compile("sgd", "sparse_categorical_crossentropy", **compiling)
            return model

        with pytest.raises(ValueError, match=f"one compiled call.*because of {reason}.*lrlab.fit"):
            experiment_of(build)

    def test_a_model_with_a_fit_of_its_own_is_refused(self):
        class Own(keras.Sequential):
            def fit(self, *args, **kwargs):
                return super().fit(*args, **kwargs)

        with pytest.raises(ValueError, match="because of a `fit` of its own"):
            experiment_of(lambda: Own([keras.Input((4,)), layers.Dense(3)]))

    def test_a_loss_made_in_train_step_needs_a_test_step(self):
        class OnlyTrains(AutoEncoder):
            test_step = keras.Model.test_step

        with pytest.raises(ValueError, match=r"needs a `test_step`.*OnlyTrains compiled without"):
            experiment_of(auto_encoder(OnlyTrains))

    def test_build_model_must_need_no_argument(self):
        with pytest.raises(ValueError, match=r"needs no argument.*Wrap it: lambda"):
            experiment_of(lrlab.models.mlp)

    @pytest.mark.parametrize("wrong", [None, "mlp", 3])
    def test_build_model_must_be_a_function(self, wrong):
        with pytest.raises(ValueError, match="`build_model` must be a function"):
            experiment_of(wrong)

    def test_a_model_is_no_function_that_builds_one(self):
        with pytest.raises(ValueError, match=r"a model itself.*Wrap it: lambda"):
            experiment_of(dense())

    @pytest.mark.parametrize("returned", [None, layers.Dense(3)])
    def test_build_model_must_return_a_model(self, returned):
        with pytest.raises(ValueError, match=r"must return a keras.Model.*which returned"):
            experiment_of(lambda: returned)

    def test_an_error_inside_build_model_is_not_disguised(self):
        with pytest.raises(TypeError, match="unsupported operand"):
            experiment_of(lambda: layers.Dense(3 + None))

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
        program = vars(variant.model)["_lrlab_program"]
        traces = program.traces
        experiment.variant(optimizer="adam").run(0.2)
        assert vars(variant.model)["_lrlab_program"] is program
        assert program.traces == traces

    def test_only_so_many_are_kept(self, experiment, monkeypatch):
        monkeypatch.setattr("lrlab.experiment.experiment._VARIANTS_KEPT", 2)
        first, *_, last = [
            experiment.variant(optimizer="sgd", batch_size=size) for size in (5, 10, 20)
        ]
        assert len(experiment._variants) == 2
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
