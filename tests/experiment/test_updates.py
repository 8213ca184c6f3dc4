"""A schedule is read at the optimizer's own count of updates, as Keras does, and not at ours."""

from lrlab.backend import keras, tf

import numpy as np
import pytest
from experiments import (
    DATA,
    EPOCHS,
    LABELS,
    STEPS,
    AutoEncoder,
    GrowsEachBatch,
    X,
    dense,
    experiment_of,
    program_of,
)

ks = keras.optimizers.schedules
DECAY = ks.ExponentialDecay(0.5, 4, 0.5)


class EveryBatch(keras.callbacks.Callback):
    """Notes Keras's count before each batch, and its rate, that of the next update, after it."""

    def on_train_begin(self, logs=None):
        self.counts, self.read = [], []

    def on_train_batch_begin(self, batch, logs=None):
        inner = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        self.counts.append(int(inner._iterations))

    def on_train_batch_end(self, batch, logs=None):
        self.read.append(float(self.model.optimizer.learning_rate))


class ByHalves(AutoEncoder):
    """Makes an update every second batch."""

    def build(self, shape):
        self.code.build(shape)
        self.batches = self.add_weight(dtype="int32", initializer="zeros", trainable=False)

    def update(self, x):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x) - x) ** 2)
        self.tracker.update_state(loss)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)

    def train_step(self, batch):
        self.batches.assign_add(1)
        tf.cond(self.batches.value % 2 == 0, lambda: self.update(batch[0]), lambda: None)
        return {"loss": self.tracker.result()}


class Twice(ByHalves):
    """Makes two updates a batch."""

    def train_step(self, batch):
        self.update(batch[0])
        self.update(batch[0])
        return {"loss": self.tracker.result()}


def of(kind, optimizer=keras.optimizers.SGD):
    def build(rate=0.1):
        model = kind()
        loss = "sparse_categorical_crossentropy" if kind is dense else None
        model.compile(optimizer(rate), loss)
        model.build((None, 4))
        model.optimizer.build(model.trainable_variables)
        return model

    return build


def accumulating(rate):
    return keras.optimizers.SGD(rate, gradient_accumulation_steps=2)


# Scaled by 2**126 and more, a loss is too large for float32, and steps are skipped.
def scaled(rate):
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    return keras.optimizers.LossScaleOptimizer(optimizer, 2.0**126, dynamic_growth_steps=3)


def plain(build, rate=DECAY, callbacks=()):
    """Plain Keras, with the schedule in the optimizer."""
    keras.utils.set_random_seed(0)
    model = build(rate)
    arguments = {"epochs": EPOCHS, "batch_size": 16, "shuffle": False, "verbose": 0}
    model.fit(X, LABELS, validation_data=DATA[2:], callbacks=list(callbacks), **arguments)
    return model


def assert_like(run, experiment, model):
    for name, values in model.history.history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-4, err_msg=name)
    for ours, its in zip(experiment.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, its, rtol=1e-4, atol=1e-5)


BATCHES = np.arange(EPOCHS * STEPS)
# How each trains, how many updates there have been before each batch, and at most in one.
CASES = {
    "an update a batch": (of(dense), BATCHES, 1),
    "an update every second batch": (of(ByHalves), BATCHES // 2, 1),
    "two updates a batch": (of(Twice), 2 * BATCHES, 2),
    "accumulated by Keras": (of(dense, accumulating), BATCHES, 1),
    "some skipped by loss scaling": (of(dense, scaled), None, 1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_schedule_gives_what_it_gives_in_the_optimizer(case):
    build, counts, most = CASES[case]
    experiment, theirs, ours = experiment_of(build), EveryBatch(), EveryBatch()
    model = plain(build, callbacks=[theirs])
    if counts is None:
        assert 3 < theirs.counts[-1] < BATCHES[-1] - 3
    else:
        assert theirs.counts == counts.tolist()
    rates = 0.5 * 0.5 ** (np.array(theirs.counts) / 4)
    for callbacks in ([], [ours]):
        run = experiment.run(DECAY, callbacks=callbacks)
        assert_like(run, experiment, model)
        np.testing.assert_allclose(run.learning_rates, rates, rtol=1e-5)
        np.testing.assert_allclose(run.history["learning_rate"], rates[STEPS - 1 :: STEPS], 1e-5)
    assert experiment._rates.updates_a_step == most
    assert ours.counts == theirs.counts
    np.testing.assert_allclose(ours.read, theirs.read, rtol=1e-5)


def test_a_callback_sees_the_rate_of_the_next_update_as_in_keras(experiment):
    read = []

    def look(epoch, logs):
        read.append(float(experiment.model.optimizer.learning_rate))

    experiment.run(DECAY, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)])
    expected = 0.5 * 0.5 ** (np.arange(1, EPOCHS + 1) * STEPS / 4)
    np.testing.assert_allclose(read, expected, rtol=1e-5)


def test_compiled_with_xla_it_is_the_same(with_xla):
    for case in ("an update a batch", "some skipped by loss scaling"):
        build, _, _ = CASES[case]
        experiment = experiment_of(build)
        assert_like(experiment.run(DECAY), experiment, plain(build))
        assert program_of(experiment).xla


def test_a_number_and_a_function_of_the_epoch_do_not_wait_for_updates():
    build, _, _ = CASES["some skipped by loss scaling"]
    experiment = experiment_of(build)
    assert_like(experiment.run(0.5), experiment, plain(build, 0.5))

    def schedule(epoch):
        return 0.5 * 0.5**epoch

    run = experiment.run(schedule)
    by_epoch = keras.callbacks.LearningRateScheduler(schedule)
    history = plain(build, 0.5, [by_epoch]).history.history
    np.testing.assert_allclose(run.history["loss"], history["loss"], rtol=1e-4)
    np.testing.assert_allclose(run.history["learning_rate"], history["learning_rate"], rtol=1e-6)


def test_a_training_that_a_callback_stops_within_an_epoch_has_the_rates_it_took(experiment):
    class Stops(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    run = experiment.run(DECAY, callbacks=[Stops()])
    np.testing.assert_allclose(run.learning_rates, 0.5 * 0.5 ** (np.arange(3) / 4), rtol=1e-6)
    assert run.history["learning_rate"] == [run.learning_rates[-1]]


def test_all_kinds_of_rates_share_one_program(experiment):
    experiment.run(0.1)
    program = program_of(experiment)
    traces = program.traces
    for schedule in (DECAY, lambda epoch: 0.1, 0.2, ks.CosineDecay(0.5, 20)):
        experiment.run(schedule)
    assert program.traces == traces


def test_a_rate_that_a_callback_sets_is_left_alone_after_a_schedule(experiment):
    experiment.run(DECAY)
    run = experiment.run(0.1, callbacks=[GrowsEachBatch()])
    assert run.learning_rates == pytest.approx(0.1 + 0.01 * np.arange(EPOCHS * STEPS), rel=1e-5)
