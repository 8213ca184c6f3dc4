"""Explorers without a browser: a control moves, a real model retrains, the view says so."""

import base64
import csv
import inspect
import io
import math
import threading
import types
from contextlib import closing

from lrlab.backend import keras

import numpy as np
import psutil
import pytest
import traitlets
from PIL import Image
from small import SOON, arguments_of, button, data, made, model, until

import lrlab
from lrlab import Experiment, LearningRateExplorer, StepDecay, StepDecayExplorer
from lrlab.explorers import run_explorer as base

PNG = b"\x89PNG"
PLACES = {"start_x", "start_y"}  # arguments that may well be -1
EVERY_KIND = sorted(name for name in lrlab.__all__ if name.endswith("Explorer"))
DATA = tuple(data().values())
X = DATA[0]


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, DATA, epochs=6, batch_size=8)


@pytest.fixture(scope="module")
def full_batch():
    return Experiment(model, DATA, epochs=6, batch_size=40)


@pytest.fixture
def constant(experiment):
    with made(LearningRateExplorer, experiment, learning_rate=0.1) as explorer:
        explorer.wait(SOON)
        yield explorer


@pytest.fixture
def decay(experiment):
    with made(StepDecayExplorer, experiment, initial_learning_rate=0.5) as explorer:
        explorer.wait(SOON)
        yield explorer


def resident_megabytes():
    """The memory of this process now."""
    return psutil.Process().memory_info().rss / 2**20


def readout(explorer):
    return explorer._picture.words


class Gate(keras.layers.Layer):
    """Lets one training step through at a time, as a model does that takes long."""

    def __init__(self):
        super().__init__()
        self.reached, self.open = threading.Semaphore(0), threading.Semaphore(0)
        self.closed = False

    def call(self, inputs, training=False):
        import tensorflow as tf

        def wait(values):
            if self.closed:
                self.reached.release()
                assert self.open.acquire(timeout=SOON)
            return values

        outputs = tf.numpy_function(wait, [inputs], "float32") if training else inputs
        return tf.ensure_shape(outputs, inputs.shape)

    def compute_output_shape(self, shape):
        return shape


@pytest.fixture
def slow():
    """An experiment that waits in every step for the test while its gate is closed."""
    gate = Gate()

    def gated():
        return keras.Sequential([keras.Input((3,)), gate, keras.layers.Dense(2, "softmax")])

    experiment = Experiment(gated, DATA, epochs=50, batch_size=20)
    experiment.run(0.1)  # compiled, with the gate open
    vars(experiment.model)["_lrlab_program"]._seconds_a_sample = 1.0  # and known to be slow
    gate.closed = True
    yield experiment, gate
    gate.closed = False
    for _ in range(1000):
        gate.open.release()


class TestDefaultExperiment:
    def test_the_controls_do_not_wait_for_it(self, experiment, monkeypatch):
        """It has to load TensorFlow first."""
        made_by = []

        def default():
            made_by.append(threading.current_thread())
            return experiment

        monkeypatch.setattr(base, "default_experiment", default)
        with made(LearningRateExplorer) as explorer:
            assert explorer.wait(SOON).verdict
            assert explorer.experiment.model is experiment.model
            assert threading.current_thread() not in made_by

    def test_it_is_one_for_all(self):
        threads = [threading.Thread(target=base.default_experiment) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
        assert base._digits_and_mlp.cache_info().misses == 1


class TestControls:
    def test_they_are_named_as_the_arguments_of_the_class(self, constant, decay):
        assert constant.learning_rate.value == pytest.approx(0.1)
        assert decay.initial_learning_rate.value == pytest.approx(0.5)
        assert (decay.decay_factor.value, decay.epochs_per_drop.value) == (0.1, 5)
        assert set(decay._controls) <= set(StepDecayExplorer.__init__.__kwdefaults__)
        assert decay.schedule() == StepDecay(decay.initial_learning_rate.value, 0.1, 5)

    def test_they_stand_first_in_the_box(self, decay):
        first, second, third = decay.children[:3]
        assert [first, second, third] == [
            decay.initial_learning_rate,
            decay.decay_factor,
            decay.epochs_per_drop,
        ]

    def test_an_unknown_attribute_is_an_attribute_error(self, constant):
        with pytest.raises(AttributeError, match=r"'LearningRateExplorer' has no.*'decay_factor'"):
            constant.decay_factor  # noqa: B018

    @pytest.mark.parametrize("rate", [1e-6, 500.0])
    def test_a_first_value_beyond_the_usual_range_widens_the_slider(self, experiment, rate):
        with made(LearningRateExplorer, experiment, learning_rate=rate) as explorer:
            assert explorer.learning_rate.value == pytest.approx(rate)

    def test_first_values_may_be_ints_and_numpy_numbers(self, experiment):
        with made(LearningRateExplorer, experiment, learning_rate=1) as explorer:
            assert explorer.learning_rate.value == 1.0
        with made(
            StepDecayExplorer,
            experiment,
            initial_learning_rate=np.float32(0.5),
            decay_factor=1,
            epochs_per_drop=np.int64(40),
        ) as explorer:
            assert explorer.schedule() == StepDecay(0.5, 1.0, 40)

    @pytest.mark.parametrize(
        "settings",
        [
            {"initial_learning_rate": 0},
            {"initial_learning_rate": math.nan},
            {"decay_factor": 1.5},
            {"epochs_per_drop": 2.5},
        ],
    )
    def test_first_values_that_cannot_work_are_refused_at_the_door(self, experiment, settings):
        (name,) = settings
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            StepDecayExplorer(experiment, **settings)

    @pytest.mark.parametrize("wrong", [DATA, 0.1, "digits", Experiment])
    def test_what_is_no_experiment_is_refused(self, wrong):
        with pytest.raises(ValueError, match=r"takes a lrlab\.Experiment"):
            LearningRateExplorer(wrong)

    @pytest.mark.parametrize("kind", EVERY_KIND)
    def test_no_first_value_is_taken_that_is_none(self, experiment, full_batch, kind):
        """Neither text nor None, nor -1 or two and a half where that cannot be meant."""
        given = arguments_of(kind, full_batch if kind == "SharpnessExplorer" else experiment)
        parameters = inspect.signature(getattr(lrlab, kind)).parameters
        given = dict(zip(parameters, given, strict=False))
        for name, parameter in parameters.items():
            none_is_the_default = parameter.default is None
            for wrong in ("x", -1, 2**0.5 * 1000j, [None], *([None] * (not none_is_the_default))):
                taken = wrong == -1 and name in PLACES
                if name != "experiment" and not taken:
                    with pytest.raises(ValueError, match=r"must .*Received: .*\. \S+"):
                        getattr(lrlab, kind)(**given | {name: wrong})


class TestAssignedValues:
    @pytest.mark.parametrize("kind", EVERY_KIND)
    def test_what_a_control_cannot_take_is_refused_and_it_stays_where_it_was(
        self, experiment, full_batch, kind
    ):
        given = arguments_of(kind, full_batch if kind == "SharpnessExplorer" else experiment)
        with made(getattr(lrlab, kind), *given) as explorer:
            for control in explorer._controls.values():
                before = control.value
                below = () if control.name in PLACES else (-1,)
                for wrong in ("x", None, math.nan, *below, 1e6, [0.1]):
                    with pytest.raises(ValueError, match=r"must be .* Received: .*Try "):
                        control.value = wrong
                assert control.value == before

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("initial_learning_rate", 0, r"'first rate' must be a number from 0.0001 to 10.*Try"),
            ("initial_learning_rate", 20, r"Received: 20. Try 10. A new explorer whose first val"),
            ("decay_factor", 1.5, r"'decay factor' must be a number from 0.05 to 1, .* Try 1\."),
            ("decay_factor", 0, r"Received: 0. Try 0.05\."),
            ("epochs_per_drop", 0, r"'epochs per drop' must be a whole number from 1 to 15, "),
            ("epochs_per_drop", 2.5, r"Received: 2.5. Try 2\."),
        ],
    )
    def test_the_rule_what_was_received_and_what_to_do(self, decay, name, value, message):
        schedule, runs = decay.schedule(), len(decay.runs)
        with pytest.raises(ValueError, match=message):
            getattr(decay, name).value = value
        assert decay.schedule() == schedule
        decay.wait(SOON)
        assert len(decay.runs) == runs
        decay.decay_factor.value = 0.7
        assert decay.wait(SOON).schedule == decay.schedule() != schedule

    def test_ints_and_numpy_numbers_are_taken(self, decay):
        decay.initial_learning_rate.value = 1
        decay.decay_factor.value = np.float32(0.25)
        decay.epochs_per_drop.value = np.int64(3)
        assert decay.wait(SOON).schedule == StepDecay(1.0, 0.25, 3)
        decay.epochs_per_drop.value = 4.0
        assert type(decay.epochs_per_drop.value) is int

    def test_a_page_can_move_a_slider_whatever_it_held(self, constant):
        constant.learning_rate.set_state({"value": 0.5})
        assert constant.wait(SOON).schedule == 0.5

    @pytest.mark.parametrize("wrong", [math.nan, -1, "x", 1e6])
    def test_it_is_refused_however_it_comes(self, constant, wrong):
        before = constant.learning_rate.value
        with pytest.raises(ValueError, match="'learning rate' must be a number from"):
            constant.learning_rate.set_trait("value", wrong)
        other = traitlets.HasTraits()
        other.add_traits(value=traitlets.Any(before))
        traitlets.dlink((other, "value"), (constant.learning_rate, "value"))
        with pytest.raises(ValueError, match="'learning rate' must be a number from"):
            other.value = wrong
        with (
            pytest.raises(ValueError, match="'learning rate' must be a number from"),
            constant.learning_rate.hold_trait_notifications(),
        ):
            constant.learning_rate.value = wrong
        assert constant.learning_rate.value == before


class TestRetraining:
    def test_a_control_that_moves_retrains(self, constant):
        before = len(constant.runs)
        constant.learning_rate.value = 0.5
        run = constant.wait(SOON)
        assert len(constant.runs) == before + 1
        assert run is constant.runs[-1]
        assert run.history["learning_rate"] == pytest.approx([constant.learning_rate.value] * 6)

    def test_the_run_is_that_of_the_experiment(self, constant, experiment):
        expected = experiment.run(constant.learning_rate.value)
        assert constant.wait(SOON).history == expected.history

    def test_every_control_of_step_decay_retrains(self, decay):
        decay.initial_learning_rate.value = 1.0
        decay.decay_factor.value = 0.5
        decay.epochs_per_drop.value = 2
        run = decay.wait(SOON)
        assert run.schedule == StepDecay(1.0, 0.5, 2)
        assert run.history["learning_rate"] == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25])

    def test_a_thousand_changes_end_on_the_last_one_and_never_train_twice_at_once(
        self, constant, monkeypatch
    ):
        training, most = [], []
        follow = constant.experiment.follow

        def counted(schedule):
            training.append(1)
            most.append(len(training))
            try:
                yield from follow(schedule)
            finally:
                training.pop()

        monkeypatch.setattr(constant.experiment, "follow", counted)
        for step in range(1000):
            constant.learning_rate.value = 10 ** (-3 + step / 500)
        last = constant.learning_rate.value
        assert constant.wait(SOON).schedule == last
        assert set(most) == {1}
        assert training == []
        assert f"<b>{constant.runs[-1].final['loss']:.4g}</b>" in readout(constant)

    def test_the_readout_has_the_numbers_the_verdict_and_why(self, constant):
        run = constant.wait(SOON)
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert f"<b>{run.final[name]:.4g}</b>" in readout(constant)
        assert f">{run.verdict}</b>: {run.reason}" in readout(constant)
        assert "val_" not in readout(constant)

    def test_each_run_draws_another_picture_with_words_for_it(self, constant):
        picture = constant._picture.value
        words = constant._picture.alt
        constant.learning_rate.value = 1.0
        constant.wait(SOON)
        assert picture[:4] == constant._picture.value[:4] == PNG
        assert constant._picture.value != picture
        assert constant._picture.alt != words

    def test_two_explorers_share_one_experiment(self, experiment):
        with (
            made(LearningRateExplorer, experiment, learning_rate=0.1) as first,
            made(StepDecayExplorer, experiment, initial_learning_rate=0.5) as second,
        ):
            for step in range(20):
                first.learning_rate.value = 0.1 + step / 100
                second.decay_factor.value = 0.1 + step / 40
            runs = first.wait(SOON), second.wait(SOON)
            for run, explorer in zip(runs, (first, second), strict=True):
                assert run.schedule == explorer.schedule()
                assert run.history == experiment.run(run.schedule).history

    def test_regression_has_no_accuracy_to_show(self):
        x = X[:, :1]
        trainings = Experiment(
            lambda: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
            (x, 2 * x, x[:10], 2 * x[:10]),
            epochs=5,
        )
        with made(LearningRateExplorer, trainings, learning_rate=0.1) as explorer:
            run = explorer.wait(SOON)
            assert "accuracy" not in readout(explorer)
            assert f"validation loss <b>{run.final['val_loss']:.4g}</b>" in readout(explorer)
            assert repr(explorer).startswith("LearningRateExplorer: 0.1 -> val_loss=")

    def test_five_hundred_retrainings_hardly_take_memory(self, constant):
        for step in range(50):  # whatever grows at first has grown
            constant.learning_rate.value = 0.01 + step / 1000
            constant.wait(SOON)
        before = resident_megabytes()
        for step in range(500):
            constant.learning_rate.value = 0.1 + step / 1000
            constant.wait(SOON)
        assert len(constant.runs) > 500
        assert resident_megabytes() - before < 30

    def test_it_keeps_a_limited_number_of_runs(self, constant):
        assert constant.runs.maxlen == 1000

    def test_without_arguments_it_trains_the_digits(self):
        with made(LearningRateExplorer) as explorer, made(StepDecayExplorer) as other:
            assert explorer.experiment is other.experiment, "compiled once for all"
            assert explorer.experiment.dataset.name == "digits"
            assert explorer.experiment.epochs == 15
            assert explorer.learning_rate.value == pytest.approx(0.01)
            assert other.schedule() == StepDecay()
            explorer.learning_rate.value = 0.1
            assert explorer.wait(SOON).verdict == "good"


class TestStopping:
    def test_stop_ends_a_slow_run_within_an_epoch(self, slow):
        experiment, gate = slow
        with made(LearningRateExplorer, experiment, learning_rate=0.1) as explorer:
            assert gate.reached.acquire(timeout=SOON)  # in the first step of two
            button(explorer, "Stop").click()
            gate.open.release()
            assert gate.reached.acquire(timeout=SOON)  # in the second
            gate.open.release()
            assert explorer.wait(SOON) is None
            assert not gate.reached.acquire(blocking=False), "a third step, of another epoch, began"
            assert "Stopped" in readout(explorer)
            assert len(explorer.runs) == 0

    def test_a_newer_setting_ends_a_slow_run_within_an_epoch(self, slow):
        experiment, gate = slow
        with made(LearningRateExplorer, experiment, learning_rate=0.1) as explorer:
            explorer._worker._PATIENCE_SECONDS = 0
            assert gate.reached.acquire(timeout=SOON)
            explorer.learning_rate.value = 0.5
            gate.closed = False
            gate.open.release()
            assert explorer.wait(SOON).schedule == explorer.learning_rate.value
            assert len(explorer.runs) == 1

    def test_a_storm_of_changes_in_a_slow_run_leaves_one_run_at_the_last_setting(self, slow):
        experiment, gate = slow
        with made(LearningRateExplorer, experiment, learning_rate=0.1) as explorer:
            explorer._worker._PATIENCE_SECONDS = 0
            assert gate.reached.acquire(timeout=SOON)  # in its first step
            for step in range(300):
                explorer.learning_rate.value = 10 ** (-3 + step / 100)
            gate.closed = False
            gate.open.release()
            assert explorer.wait(SOON).schedule == explorer.learning_rate.value
            assert len(explorer.runs) == 1  # nothing queued up

    def test_wait_says_that_it_took_too_long(self, slow):
        experiment, gate = slow
        with made(LearningRateExplorer, experiment) as explorer:
            assert gate.reached.acquire(timeout=SOON)
            with pytest.raises(TimeoutError, match=r"not done after 0.01 seconds"):
                explorer.wait(0.01)
            assert repr(explorer) == "LearningRateExplorer: training"
            gate.closed = False
            gate.open.release()
            assert explorer.wait(SOON) is explorer.runs[-1]

    def test_stop_without_a_run_changes_nothing(self, constant):
        before = readout(constant)
        constant.stop()
        assert readout(constant) == before


class TestProgress:
    def test_a_slow_model_is_said_to_train_before_its_first_epoch_is_done(self, slow, monkeypatch):
        experiment, gate = slow
        monkeypatch.setattr(base, "SLOW_EPOCH", 0)
        gate.closed = False
        with made(LearningRateExplorer, experiment, learning_rate=0.1) as explorer:
            explorer.wait(SOON)
            gate.closed = True
            explorer.learning_rate.value = 0.5
            assert gate.reached.acquire(timeout=SOON)  # in its first step
            assert readout(explorer) == "Training, epoch 1 of 50"
            gate.closed = False
            gate.open.release()

    def test_a_fast_model_is_not(self, constant):
        said = []
        constant.learning_rate.value = 0.2  # compiled by now, whoever was first
        constant.wait(SOON)
        constant._epoch_seconds = 0.001
        constant._picture.observe(lambda change: said.append(change.new), "words")
        constant.learning_rate.value = 0.5
        constant.wait(SOON)
        assert said
        assert not any(words.startswith("Training") for words in said)


class TestErrors:
    @pytest.fixture
    def failing(self, experiment, monkeypatch):
        """A switch that makes trainings fail, after an epoch."""
        switch = types.SimpleNamespace(on=False)
        follow = experiment.follow

        def sometimes(schedule):
            with closing(follow(schedule)) as runs:
                yield next(runs)
                if switch.on:
                    raise RuntimeError("out of <memory> on purpose")
                yield from runs

        monkeypatch.setattr(experiment, "follow", sometimes)
        return switch

    def test_an_error_in_training_is_read_and_earlier_runs_stay(self, failing, constant):
        constant.pin()
        runs, pins, picture = list(constant.runs), list(constant.pins), constant._picture.value
        failing.on = True
        constant.learning_rate.value = 0.5
        constant.wait(SOON)
        assert "RuntimeError: out of &lt;memory&gt; on purpose" in readout(constant)
        assert isinstance(constant.error, RuntimeError)
        assert repr(constant) == "LearningRateExplorer: RuntimeError"
        assert list(constant.runs) == runs
        assert constant.pins == pins
        assert constant._picture.value[:4] == picture[:4] == PNG
        failing.on = False
        constant.learning_rate.value = 0.2
        assert constant.wait(SOON).schedule == constant.learning_rate.value
        assert constant.error is None
        assert "RuntimeError" not in readout(constant)

    def test_an_error_while_drawing_is_read_too(self, constant, monkeypatch):
        def broken(*args, **options):
            raise RuntimeError("no ink")

        with monkeypatch.context() as patch:
            patch.setattr(base, "describe", broken)
            constant.learning_rate.value = 0.5
            constant.wait(SOON)
            assert "RuntimeError: no ink" in readout(constant)
        constant.learning_rate.value = 0.2
        assert constant.wait(SOON).schedule == constant.learning_rate.value

    def test_a_model_that_fails_when_it_is_trained(self):
        class Broken(keras.layers.Layer):
            def call(self, inputs, training=False):
                if training:
                    raise RuntimeError("no such thing")
                return inputs

            def compute_output_shape(self, shape):
                return shape

        def broken():
            return keras.Sequential([Broken(), keras.layers.Dense(2, "softmax")])

        with made(LearningRateExplorer, Experiment(broken, DATA)) as explorer:
            assert explorer.wait(SOON) is None
            assert "no such thing" in readout(explorer)
            explorer.pin()
            explorer.clear_pins()
            assert explorer.pins == []

    def test_the_words_of_an_error_come_without_the_colours_that_keras_has_for_a_terminal(
        self, constant, monkeypatch
    ):
        def broken(schedule):
            raise ValueError("Exception encountered when calling \x1b[1mDense.call()\x1b[0m.")

        monkeypatch.setattr(constant.experiment, "follow", broken)
        constant.learning_rate.value = 0.5
        constant.wait(SOON)
        assert readout(constant) == ("ValueError: Exception encountered when calling Dense.call().")

    def test_a_diverged_run_is_drawn_and_told(self, experiment):
        x = X * 100
        trainings = Experiment(
            lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]),
            (x, x[:, :1], x[:10], x[:10, :1]),
            epochs=30,
        )
        with made(LearningRateExplorer, trainings, learning_rate=10) as explorer:
            assert explorer.wait(SOON).verdict == "diverged"
            assert explorer._picture.value[:4] == PNG
            assert repr(explorer) == "LearningRateExplorer: 10 -> diverged"
            explorer.pin()
            assert len(explorer.pins) == 1


class TestPins:
    def test_a_pin_keeps_the_label_of_its_run(self, constant):
        button(constant, "Pin").click()
        kept = constant.runs[-1]
        constant.learning_rate.value = 1.0
        constant.wait(SOON)
        assert constant.pins == [("0.1", kept)]
        constant.pin()
        assert [label for label, _ in constant.pins] == ["0.1", "1"]

    def test_a_pin_has_the_label_of_the_run_that_it_keeps_whatever_the_slider_says_by_now(
        self, constant, monkeypatch
    ):
        monkeypatch.setattr(constant, "run", lambda: None)
        constant.learning_rate.value = 1.0
        constant.pin()
        assert constant.pins[0][0] == "0.1"

    def test_a_pin_after_stop_keeps_the_run_in_the_picture_and_the_plane_beside_it(
        self, monkeypatch
    ):
        monkeypatch.setattr(LearningRateExplorer, "frames_per_second", math.inf)
        points = lrlab.data.moons()
        trainings = Experiment(lambda: lrlab.models.mlp(points, (4,)), points, epochs=3)
        with made(LearningRateExplorer, trainings, learning_rate=0.01) as explorer:
            explorer.wait(SOON)
            finished = explorer._picture.alt
            stopped = iter([False, False, True])  # after the words and an epoch
            explorer._do(1.0, explorer.work(1.0), 1.0, lambda: next(stopped))
            shown, words = explorer._picture.alt, readout(explorer)
            assert shown != finished
            explorer.pin()
            ((label, run),) = explorer.pins
            assert (label, len(run.history["loss"])) == ("1", 1)
            assert explorer._picture.alt == shown
            assert readout(explorer) == words
            explorer._picture.dark = True
            assert explorer._picture.alt == shown
            assert explorer.wait(SOON).schedule == 0.01, "the last one that was finished"

    def test_the_model_is_asked_once_what_it_answers_at_the_end(self, monkeypatch):
        monkeypatch.setattr(LearningRateExplorer, "frames_per_second", 1e-3)
        points = lrlab.data.moons()
        trainings = Experiment(lambda: lrlab.models.mlp(points, (4,)), points, epochs=3)
        ask, asked = trainings.classes_at, []
        trainings.classes_at = lambda x: asked.append(x) or ask(x)
        with made(LearningRateExplorer, trainings, learning_rate=0.1) as explorer:
            run = explorer.wait(SOON)
            assert explorer._answers[0] is run
        assert len(asked) == 1

    def test_a_pin_of_step_decay_has_all_three_settings(self, decay):
        decay.pin()
        assert decay.pins[0][0] == f"{decay.initial_learning_rate.value:.3g}, × 0.1 every 5"

    def test_pins_are_drawn_and_taken_away(self, constant):
        plain = constant._picture.value
        constant.pin()
        with_pin = constant._picture.value
        assert with_pin != plain
        button(constant, "Clear pins").click()
        assert constant.pins == []
        assert constant._picture.value == plain

    def test_the_loss_axis_becomes_logarithmic_and_linear_again(self, constant):
        constant.pin()
        linear, runs = constant._picture.value, len(constant.runs)
        constant.log_scale.value = True
        logarithmic = constant._picture.value
        assert logarithmic != linear
        assert constant._figures["curves"].panels[0].axes.get_yscale() == "log"
        constant.log_scale.value = False
        assert constant._picture.value == linear
        assert len(constant.runs) == runs, "nothing is trained for it"
        constant.log_scale.value = True
        constant.learning_rate.value = 0.2
        constant.wait(SOON)
        assert constant._figures["curves"].panels[0].axes.get_yscale() == "log"
        constant.reset()
        constant.wait(SOON)
        assert constant._picture.value == logarithmic

    def test_a_button_draws_a_metric_instead_of_the_loss(self, experiment):
        top_k = "sparse_top_k_categorical_accuracy"
        metrics = Experiment(model, DATA, epochs=6, batch_size=8, metrics=["accuracy", top_k])
        with made(LearningRateExplorer, metrics, learning_rate=0.1) as explorer:
            run = explorer.wait(SOON)
            explorer.pin()
            losses, said = explorer._picture.value, explorer._picture.alt
            assert explorer.metrics == ("loss", "accuracy", top_k)
            accuracy, other = explorer._metric_buttons.children
            assert (accuracy.description, other.description) == (
                "accuracy",
                top_k.replace("_", " "),
            )
            accuracy.value = True
            assert explorer.metric == "accuracy"
            assert explorer._picture.value != losses
            (panel,) = explorer._figures["curves"].panels
            assert panel._train.get_ydata().tolist() == run.history["accuracy"]
            assert len(explorer._figures["curves"]._pinned) == 1, "pins follow"
            low, high = min(run.history["val_accuracy"]), max(run.history["val_accuracy"])
            assert "Training accuracy goes from" in explorer._picture.alt
            assert f"its lowest is {low:.3g}, its highest {high:.3g}." in explorer._picture.alt
            other.value = True
            assert (explorer.metric, accuracy.value) == (top_k, False)
            other.value = False
            assert explorer.metric == "loss"
            assert (explorer._picture.value, explorer._picture.alt) == (losses, said)
            assert len(explorer.runs) == 1, "nothing is trained for it"
            with pytest.raises(ValueError, match="Received: metric='auc'"):
                explorer.metric = "auc"

    def test_it_may_be_logarithmic_from_the_start(self, experiment):
        with made(LearningRateExplorer, experiment) as explorer:
            explorer.log_scale.value = True
            explorer.wait(SOON)
            assert explorer._figures["curves"].panels[0].axes.get_yscale() == "log"

    def test_a_table_has_settings_final_numbers_and_verdict_of_each(self, constant):
        table = constant._pin_table
        assert table.rows == []
        constant.pin()
        constant.learning_rate.value = 1.0
        run = constant.wait(SOON)
        constant.pin()
        *_, last = table.rows
        assert [row[0] for row in table.rows] == ["0.1", "1"]
        assert table.columns[0] == "settings"
        assert table.columns[-1] == "verdict"
        assert last[table.columns.index("val loss")] == f"{run.final['val_loss']:.4g}"
        assert last[-1] == run.verdict
        constant.clear_pins()
        assert table.rows == []

    def test_the_table_can_be_saved_with_all_digits_and_the_reason(self, decay):
        decay.pin()
        decay.decay_factor.value = 0.9
        run = decay.wait(SOON)
        decay.pin()
        _, row = csv.DictReader(io.StringIO(decay.pins_csv))
        assert decay._pin_table.csv == decay.pins_csv
        assert row["settings"] == decay.label(run.schedule)
        assert row["epochs"] == "6"
        assert {name: float(row[name]) for name in run.final} == run.final
        assert (row["verdict"], row["reason"]) == (run.verdict, run.reason)

    def test_reset_puts_the_controls_back_and_keeps_pins(self, decay):
        first = decay.schedule()
        decay.pin()
        decay.decay_factor.value, decay.epochs_per_drop.value = 0.7, 2
        button(decay, "Reset").click()
        assert decay.schedule() == first
        assert decay.wait(SOON).schedule == first
        assert len(decay.pins) == 1


class TestCode:
    def test_it_is_the_program_of_the_present_settings(self, decay, experiment):
        decay.decay_factor.value = 0.5
        assert decay.code == experiment.code(StepDecay(decay.initial_learning_rate.value, 0.5, 5))
        assert "* 0.5 ** (epoch // 5)" in decay.code

    def test_it_shows_at_a_click_and_follows_the_controls(self, constant):
        view, toggle = constant._code_view, constant._code_toggle
        assert not view.shown
        toggle.value = True
        assert view.shown
        assert view.value == constant.code
        constant.learning_rate.value = 0.5
        assert f"learning_rate={constant.learning_rate.value!r}" in view.value
        assert view.value == constant.code
        toggle.value = False
        assert not view.shown

    def test_where_there_is_none_the_view_says_why(self, experiment):
        class Mine(keras.optimizers.SGD):
            pass

        def get_config(self):
            raise NotImplementedError("no \x1b[1mconfig\x1b[0m\nof mine")

        with made(LearningRateExplorer, experiment) as explorer:
            explorer.wait(SOON)
            kind = type("Mine", (type(explorer),), {"code": property(get_config)})
            explorer.__class__ = kind
            explorer._code_toggle.value = True
            shown = explorer._code_view.value
            assert shown == "# NotImplementedError: no config\n# of mine"
            explorer.learning_rate.value = 0.5
            assert explorer.wait(SOON).schedule == 0.5


class TestWhatANotebookKeeps:
    def test_repr_is_a_line_with_settings_and_result(self, constant):
        run = constant.wait(SOON)
        numbers = f"val_accuracy={run.final['val_accuracy']:.4f}, val_loss="
        assert repr(constant).startswith(f"LearningRateExplorer: 0.1 -> {numbers}")
        assert repr(constant).endswith(f", {run.verdict}")

    def test_repr_stays_within_110_characters(self):
        """Beyond that ipywidgets cuts it, and a notebook would keep half a number."""
        far = X[:, :1] * np.float32(1e17)
        trainings = Experiment(
            lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]),
            (X, far, X[:10], far[:10]),
            epochs=2,
            metrics=[keras.metrics.MeanSquaredError(name="accuracy")],
        )
        settings = {
            "initial_learning_rate": 1.2345678901e-3,
            "decay_factor": 0.123456789012345,
            "epochs_per_drop": 1234567890,
        }
        with made(StepDecayExplorer, trainings, **settings) as explorer:
            assert explorer.wait(SOON).verdict == "too low"
            assert len(repr(explorer)) <= 110
            assert "\n" not in repr(explorer)
            assert repr(explorer).endswith(", too low")

    def test_numbers_that_depend_on_the_processor_stay_out(self, experiment):
        with made(LearningRateExplorer, experiment, learning_rate=1e4) as explorer:
            assert explorer.wait(SOON).verdict not in ("good", "too low")
            assert repr(explorer) == f"LearningRateExplorer: 1e+04 -> {explorer.runs[-1].verdict}"

    def test_a_picture_lies_beside_the_widget(self, constant):
        bundle, about = constant._repr_mimebundle_()
        assert bundle["text/plain"] == repr(constant)
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert base64.b64decode(bundle["image/png"])[:4] == PNG
        assert about["image/png"]["alt"].startswith(constant._picture.alt)

    def test_the_stored_picture_says_how_to_get_the_sliders_and_the_live_one_does_not(
        self, constant
    ):
        """A live page shows the widget, and never the picture beside it."""
        bundle, about = constant._repr_mimebundle_()
        words = "From an earlier run. Run this cell to get the sliders."
        assert about["image/png"]["alt"] == f"{constant._picture.alt} {words}"
        live, stored = (
            Image.open(io.BytesIO(png)).convert("RGB")
            for png in (constant._picture.value, base64.b64decode(bundle["image/png"]))
        )
        assert (stored.width, stored.height) == (live.width, live.height + 26)
        strip = stored.crop((0, live.height, live.width, stored.height))
        assert len(strip.getcolors()) > 2, "there are words in it"

    def test_it_says_what_to_drag_until_a_control_has_moved(self, experiment):
        with made(LearningRateExplorer, experiment) as explorer:
            explorer.wait(SOON)
            assert explorer._picture.words.endswith(f"<br>{explorer.invitation}")
            explorer.learning_rate.value = 0.2
            explorer.wait(SOON)
            assert "validation loss" in explorer._picture.words
            assert explorer.invitation not in explorer._picture.words

    def test_a_live_page_does_not_wait_for_the_first_run(self, slow, monkeypatch):
        monkeypatch.delenv("LRLAB_WAIT", raising=False)
        experiment, gate = slow
        with made(LearningRateExplorer, experiment) as explorer:
            assert gate.reached.acquire(timeout=SOON)
            bundle, _ = explorer._repr_mimebundle_()
            assert bundle["text/plain"] == "LearningRateExplorer: training"
            assert "image/png" not in bundle
            explorer.stop()
            gate.closed = False
            gate.open.release()

    def test_a_stored_notebook_waits_for_it(self, slow, monkeypatch):
        monkeypatch.setenv("LRLAB_WAIT", "1")
        experiment, gate = slow
        with made(LearningRateExplorer, experiment) as explorer:
            assert gate.reached.acquire(timeout=SOON)
            bundles = []
            thread = threading.Thread(target=lambda: bundles.append(explorer._repr_mimebundle_()))
            thread.start()
            assert bundles == []
            gate.closed = False
            gate.open.release()
            thread.join(SOON)
            ((bundle, _),) = bundles
            assert "->" in bundle["text/plain"]
            assert "image/png" in bundle


class TestATrainingOfTheExperimentThatIsUnfinished:
    """An explorer waits for `half = experiment.follow(0.1); next(half)`, and can be stopped."""

    @pytest.fixture
    def half(self, full_batch, monkeypatch):
        monkeypatch.setattr("lrlab.explorers.worker._SECONDS_TO_WORDS", 0.0)
        with closing(full_batch.follow(0.1)) as half:
            next(half)
            yield half

    @pytest.mark.parametrize(
        "kind",
        sorted(
            set(EVERY_KIND) - {"LandscapeExplorer", "LearningRateDialExplorer", "QuadraticExplorer"}
        ),
    )
    def test_it_says_so_and_stop_answers(self, kind, half, full_batch):
        with made(getattr(lrlab, kind), *arguments_of(kind, full_batch)) as explorer:
            until(lambda: "is unfinished (a `follow`" in readout(explorer))
            explorer.stop()
            explorer.wait(SOON)
            assert readout(explorer).startswith("Stopped.")
            assert explorer.error is None
            half.close()
            explorer.run()
            until(lambda: explorer.runs or getattr(explorer, "measured", None))

    def test_newer_settings_are_trained_once_it_is_closed(self, half, full_batch):
        with made(LearningRateExplorer, full_batch) as explorer:
            until(lambda: "is unfinished" in readout(explorer))
            explorer.learning_rate.value = 0.7
            half.close()
            assert explorer.wait(SOON).schedule == explorer.learning_rate.value
            assert len(explorer.runs) == 1


def test_the_public_names_are_these_classes():
    assert lrlab.LearningRateExplorer is LearningRateExplorer
    assert lrlab.StepDecayExplorer is StepDecayExplorer
