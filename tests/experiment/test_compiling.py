"""What a model is compiled with, by default or by its builder, and which one is refused."""

from lrlab.backend import keras

import numpy as np
import pytest
from experiments import (
    LABELS,
    AutoEncoder,
    HalvesEachEpoch,
    Subclass,
    X,
    assert_same,
    auto_encoder,
    compiled,
    dense,
    experiment_of,
    logits,
    plain_keras,
)
from keras import layers

from lrlab.experiment.compiling import classes_of

ks = keras.optimizers.schedules


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

    @pytest.mark.parametrize(
        ("last", "loss", "above", "below"),
        [
            (keras.ops.sigmoid, "binary_crossentropy", 0.6, 0.4),  # nothing says what it gives
            ("sigmoid", "binary_crossentropy", 0.6, 0.4),
            (None, "from_logits", 0.2, -0.2),
        ],
        ids=["a function", "an activation", "logits"],
    )
    def test_one_output_stands_for_a_class_by_what_it_gives(self, last, loss, above, below):
        def build():
            activation = layers.Lambda(last) if callable(last) else layers.Activation(last)
            return keras.Sequential([keras.Input((4,)), layers.Dense(1), activation])

        y = (X[:, 0] > 0).astype("int64")
        model = experiment_of(build, (X, y, X, y)).model
        logits = getattr(model.loss, "from_logits", False)
        assert logits == (loss == "from_logits")
        outputs = np.array([[above], [below], [np.nan]])
        assert classes_of(outputs, model).tolist() == [1, 0, -1]

    def test_probabilities_of_0_and_1_are_no_logits(self):
        """As of a sigmoid that nothing names, on inputs that are not scaled."""

        def build():
            last = layers.Lambda(keras.ops.sigmoid)
            return keras.Sequential([keras.Input((4,)), layers.Dense(1), last])

        x, y = 1e4 * X, (X[:, 0] > 0).astype("int64")
        experiment = experiment_of(build, (x, y, x, y))
        assert {0.0, 1.0} <= set(experiment.untrained()(x).numpy().ravel().tolist())
        assert experiment.compile_arguments["loss"] == "binary_crossentropy"

    def test_several_outputs_stand_for_the_class_of_the_greatest(self):
        outputs = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, np.inf, 0.2]])
        assert classes_of(outputs, experiment_of(dense).model).tolist() == [1, 0, -1]

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


class TestCheck:
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
