"""Every run starts from the same weights, state and random seeds, in a model built from a seed."""

import random
import threading

from lrlab.backend import keras, tf

import numpy as np
import pytest
from experiments import (
    EPOCHS,
    GrowsEachBatch,
    HalvesEachEpoch,
    Subclass,
    X,
    compiled,
    dense,
    experiment_of,
    noisy,
    program_of,
    with_state,
    without_input,
)
from keras import layers
from keras.src.random.seed_generator import global_seed_generator
from tensorflow.python.eager import context

import lrlab
from lrlab.experiment import experiment as experiments
from lrlab.experiment.start import build_from_seed
from lrlab.training.internals import put_back_random_states, random_states

ks = keras.optimizers.schedules


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
            dense,
            with_state,
            compiled(lambda: keras.optimizers.Adam(0.1)),
            without_input,
            Subclass,
            noisy,
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
        traces = program_of(experiment).traces
        for seed in range(4):
            experiment.run(0.1, seed=seed)
        assert program_of(experiment).traces == traces

    def test_the_starts_of_some_seeds_are_kept_and_those_of_others_made_again(self, monkeypatch):
        monkeypatch.setattr(experiments, "_STARTS_KEPT", 2)
        experiment = experiment_of(optimizer="adam")
        histories = [experiment.run(0.1, seed=seed).history for seed in range(1, 5)]
        assert list(experiment._starts) == [0, 3, 4]
        experiment.run(0.1, seed=3)
        assert experiment.run(0.1, seed=1).history == histories[0]
        assert list(experiment._starts) == [0, 3, 1]
        first, other = experiment._starts[0], experiment._starts[1]
        slots = [a is b for a, b in zip(first.state, other.state, strict=True)]
        weights = len(experiment.model.trainable_weights)
        assert sum(slots) >= 2 * weights, "Adam's are zero, whatever the seed"
        assert program_of(experiment).state.put_back.experimental_get_tracing_count() == 1

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


def by_hand(shape, dtype=None):
    return 0.1 * np.random.normal(size=shape)  # noqa: NPY002 - as somebody may write it


def with_initializer(initializer):
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer=initializer)])


def seeding_itself():
    keras.utils.set_random_seed(3)
    return dense()


def with_weights():
    model = dense()
    model.set_weights([random.random() + weights for weights in model.get_weights()])
    return model


KERASS_OWN = [dense, with_state, without_input, noisy, Subclass]
THEIR_OWN = [
    lambda: with_initializer(by_hand),
    lambda: with_initializer(lambda shape, dtype=None: tf.random.normal(shape)),
    with_weights,
    seeding_itself,
]


class TestFromSeed:
    @pytest.mark.parametrize("build", [*KERASS_OWN, *THEIR_OWN])
    @pytest.mark.parametrize("seed", [0, 5])
    def test_the_weights_are_those_after_set_random_seed(self, build, seed):
        ours = build_from_seed(build, seed, X)
        keras.utils.set_random_seed(seed)
        plain = build()
        plain(X[:1])  # for the weights of one that is unbuilt
        assert len(ours.variables) == len(plain.variables) > 0
        for one, other in zip(ours.variables, plain.variables, strict=True):
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("build", KERASS_OWN)
    def test_no_generator_of_the_process_moves_even_for_a_while(self, build):
        def states():
            tf_seed = context.global_seed()
            return random.getstate(), repr(np.random.get_state()), tf_seed  # noqa: NPY002

        def watching():
            seen.append(states())
            model = build()
            seen.append(states())
            return model

        tf.random.set_seed(11)
        seen = [states()]
        build_from_seed(watching, 5, X)
        twice = build in (Subclass, noisy)  # to see whether a class of one's own draws elsewhere
        assert len(seen) == (5 if twice else 3)
        experiment = experiment_of(watching)
        experiment.run(0.1, seed=3)
        assert experiment.untrained()
        seen.append(states())
        assert seen == seen[:1] * len(seen)

    def test_what_another_thread_draws_meanwhile_is_what_it_would_draw(self):
        def draw():
            drawn.append((random.random(), np.random.random()))  # noqa: NPY002

        def build():
            worker = threading.Thread(target=draw)
            worker.start()
            worker.join()
            return dense()

        keras.utils.set_random_seed(1)
        expected = [(random.random(), np.random.random()) for _ in range(4)]  # noqa: NPY002
        keras.utils.set_random_seed(1)
        drawn = []
        for seed in (0, 5):
            build_from_seed(build, seed, X)
        assert drawn == expected

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_what_another_thread_seeds_meanwhile_stays_seeded(self, number):
        """In whichever of the builds that it takes to see what a model draws from."""

        def seed_them():
            keras.utils.set_random_seed(123)

        def build():
            model = with_initializer(by_hand)
            if len(built) == number:
                cell = threading.Thread(target=seed_them)
                cell.start()
                cell.join()
            built.append(model)
            return model

        built = []
        ours = build_from_seed(build, 5, X)
        of_python, of_numpy = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
        assert len(built) == (3 if number < 2 else 4)
        seed_them()
        if number == 0:
            with_initializer(by_hand)  # as the second build did
        assert of_numpy == repr(np.random.get_state())  # noqa: NPY002
        if number < 2:  # the last build has Keras draw from Python's, before it and after
            assert of_python == random.getstate()
        keras.utils.set_random_seed(5)
        np.testing.assert_array_equal(ours.variables[0], with_initializer(by_hand).variables[0])

    def test_seeds_are_told_apart_by_what_they_lead_to(self, monkeypatch):
        monkeypatch.setattr("lrlab.training.internals._RENEWALS", 100)
        before = random_states()
        for drawn in (0, 1, 623, 624, 10_000):
            keras.utils.set_random_seed(7)
            np.random.random(drawn)  # noqa: NPY002
            random.getrandbits(32 * drawn)
            put_back_random_states(before, 8)
            assert random_states() != before
            put_back_random_states(before, 7)
            assert random_states() == before

    @pytest.mark.parametrize("build", THEIR_OWN)
    def test_generators_that_a_model_draws_from_or_seeds_itself_are_put_back(self, build):
        def states():
            return random.getstate(), repr(np.random.get_state())  # noqa: NPY002

        before = states()
        build_from_seed(build, 0, X)
        assert states() == before


class TestBuildModel:
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
