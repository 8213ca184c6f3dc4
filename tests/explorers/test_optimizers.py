"""The optimizer explorer: Keras's own optimizers and defaults, compiled once each, raced fairly."""

import doctest
import inspect
import subprocess
import sys
import threading
from types import SimpleNamespace

from lrlab.backend import keras

import numpy as np
import pytest
from small import SOON, data, made, model, printed_by

import lrlab
from lrlab import Experiment, OptimizerExplorer
from lrlab.explorers import optimizers
from lrlab.explorers.optimizers import OPTIMIZERS, Settings
from lrlab.explorers.pins import Pin

pytestmark = pytest.mark.usefixtures("without_xla")
DATA = tuple(data().values())
X, LABELS, *_ = DATA


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, DATA, epochs=4, batch_size=8)


@pytest.fixture(scope="module")
def kept(experiment):
    with made(OptimizerExplorer, experiment) as explorer:
        yield explorer


@pytest.fixture
def explorer(kept):
    """One for all tests, so that each optimizer is compiled once; as it is at first."""
    kept.clear_pins()
    kept.reset()
    kept.wait(SOON)
    return kept


@pytest.fixture
def still(experiment, monkeypatch):
    """One whose controls train nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(OptimizerExplorer, "run", lambda panel: None)
        yield OptimizerExplorer(experiment)


@pytest.fixture
def counted(explorer, monkeypatch):
    """The settings of every training from now on; fails where two are at once."""
    follow, trained, active = explorer.follow, [], []

    def noted(settings):
        trained.append(settings)
        active.append(settings)
        assert len(active) == 1
        try:
            yield from follow(settings)
        finally:
            active.pop()

    monkeypatch.setattr(explorer, "follow", noted)
    return trained


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(optimizers).failed == 0


def test_the_controls_are_there_before_tensorflow_is_loaded():
    code = (
        "import sys, lrlab\n"
        "explorer = lrlab.OptimizerExplorer()\n"
        "for name in explorer.optimizer.options:\n"
        "    explorer.optimizer.value = name\n"
        "    explorer.settings()\n"
        "assert not {'keras', 'tensorflow'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestSettings:
    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_the_usual_ones_are_the_defaults_of_keras(self, name):
        usual = Settings.keras_defaults(name)
        cls = OPTIMIZERS[name].name
        defaults = inspect.signature(getattr(keras.optimizers, cls)).parameters
        assert usual.learning_rate == defaults["learning_rate"].default
        assert usual.weight_decay == (defaults["weight_decay"].default or 0.0)
        assert ("momentum" in defaults) == (OPTIMIZERS[name].momentum is not None)
        if name != "SGD Nesterov":  # which does nothing without momentum
            assert usual.momentum == (defaults["momentum"].default if "momentum" in defaults else 0)
        made = usual.as_optimizer()
        assert type(made) is getattr(keras.optimizers, cls)
        assert getattr(made, "nesterov", False) is (name == "SGD Nesterov")

    def test_what_is_set_reaches_the_optimizer(self):
        made = Settings("SGD Nesterov", 0.5, momentum=0.8, weight_decay=0.01).as_optimizer()
        config = made.get_config()
        assert config["momentum"] == 0.8
        assert config["weight_decay"] == 0.01
        assert config["nesterov"] is True
        assert config["learning_rate"] == pytest.approx(0.5)

    def test_adamw_without_weight_decay_is_told_so(self):
        assert Settings("AdamW", 0.1, weight_decay=0.0).as_optimizer().weight_decay == 0.0

    def test_words_leave_out_the_usual(self):
        assert str(Settings.keras_defaults("AdamW")) == "AdamW 0.001"
        assert str(Settings("Adam", 0.003, weight_decay=0.01)) == "Adam 0.003, weight decay 0.01"


class TestControls:
    def test_each_is_an_argument_of_the_class(self, still):
        arguments = set(OptimizerExplorer.__init__.__kwdefaults__)
        assert set(still._controls) == arguments - {"racers"}

    def test_they_begin_as_keras_does_with_the_batches_of_the_experiment(self, still):
        assert still.settings() == Settings("SGD", 0.01, 0.0, 0.0, 8, 4)

    def test_first_values_between_the_notches_get_one(self, experiment):
        settings = {"momentum": 0.7, "weight_decay": 0.2, "batch_size": 10, "learning_rate": 0.5}
        with made(OptimizerExplorer, experiment, **settings) as explorer:
            assert explorer.settings() == Settings("SGD", 0.5, 0.7, 0.2, 10, 4)

    def test_another_optimizer_begins_with_its_own_defaults(self, still):
        for name in OPTIMIZERS:
            still.optimizer.value = name
            assert still.settings() == Settings.keras_defaults(name, batch_size=8, epochs=4)

    def test_an_optimizer_comes_back_as_it_was_left(self, still):
        still.learning_rate.value, still.momentum.value = 0.5, 0.9
        still.optimizer.value = "Adam"
        assert still.settings() == Settings("Adam", 0.001, batch_size=8, epochs=4)
        still.optimizer.value = "SGD"
        assert still.settings() == Settings("SGD", 0.5, 0.9, batch_size=8, epochs=4)

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_momentum_is_disabled_where_there_is_none(self, still, name):
        still.optimizer.value = name
        assert still.momentum.disabled is (name not in ("SGD", "SGD Nesterov", "RMSprop"))

    def test_changing_the_optimizer_is_one_training(self, explorer, counted):
        explorer.optimizer.value = "Adam"
        assert explorer.wait(SOON).schedule == 0.001
        assert explorer.shown().settings == Settings("Adam", 0.001, batch_size=8, epochs=4)
        assert len(counted) == 1

    def test_reset_puts_all_back(self, still):
        still.optimizer.value = "Adam"
        still.batch_size.value = 16
        still.reset()
        assert still.settings() == Settings("SGD", 0.01, batch_size=8, epochs=4)
        assert not still.momentum.disabled
        still.optimizer.value = "Adam"
        assert still.settings() == Settings("Adam", 0.001, batch_size=8, epochs=4)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("optimizer", "adam"),
            ("learning_rate", 0),
            ("momentum", 1.5),
            ("momentum", "much"),
            ("weight_decay", -1),
            ("weight_decay", np.inf),
            ("batch_size", 0),
            ("racers", ["SGD", "adam"]),
        ],
    )
    def test_a_first_value_that_cannot_work_is_refused(self, experiment, name, value):
        with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}=.*\. \w+"):
            OptimizerExplorer(experiment, **{name: value})


# The optimizer written by hand, beside the settings of the explorer that stand for it.
BY_HAND = [
    ({"learning_rate": 0.1}, lambda: keras.optimizers.SGD(0.1)),
    ({"momentum": 0.9}, lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
    (
        {"optimizer": "SGD Nesterov"},
        lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    ),
    ({"optimizer": "RMSprop", "momentum": 0.5}, lambda: keras.optimizers.RMSprop(momentum=0.5)),
    (
        {"optimizer": "Adam", "learning_rate": 0.01, "weight_decay": 0.1, "batch_size": 16},
        lambda: keras.optimizers.Adam(0.01, weight_decay=0.1),
    ),
    ({"optimizer": "AdamW"}, lambda: keras.optimizers.AdamW(0.001, weight_decay=0.004)),
]


def move(explorer, settings):
    for name, value in settings.items():
        getattr(explorer, name).value = value
    return explorer.wait(SOON)


class TestTraining:
    @pytest.mark.parametrize(("settings", "optimizer"), BY_HAND)
    def test_it_and_its_code_give_the_numbers_of_plain_keras(self, explorer, settings, optimizer):
        run = move(explorer, settings)
        keras.utils.set_random_seed(0)
        plain = model()
        plain.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        size = settings.get("batch_size", 8)
        settled = {"validation_data": DATA[2:], "shuffle": False, "verbose": 0}
        history = plain.fit(X, LABELS, size, 4, **settled).history
        printed = printed_by(explorer.code, build_model=model, **data())
        for name, values in history.items():
            assert run.history[name] == pytest.approx(values, abs=1e-5)
            assert printed[name] == pytest.approx(values[-1], abs=1e-4)

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_the_code_is_formatted_and_names_the_optimizer(self, still, name):
        still.optimizer.value = name
        code = still.code
        assert f"optimizer=keras.optimizers.{OPTIMIZERS[name].name}(" in code
        assert "lrlab" not in code
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
        result = subprocess.run(ruff, input=code, capture_output=True, text=True, check=True)
        assert result.stdout == code

    def test_new_settings_compile_once_and_a_new_rate_never(self, explorer):
        explorer.batch_size.value = 16
        explorer.wait(SOON)
        variant = explorer.experiment.variant(optimizer="sgd", batch_size=16)
        program = vars(variant.model)["_lrlab_program"]
        traces = program.traces
        for rate in (0.02, 0.5, 0.03):
            explorer.learning_rate.value = rate
            explorer.wait(SOON)
        explorer.batch_size.value = 8
        explorer.wait(SOON)
        explorer.batch_size.value = 16
        assert explorer.wait(SOON)
        assert explorer.shown().settings.batch_size == 16
        assert explorer.experiment.variant(optimizer="sgd", batch_size=16) is variant
        assert vars(variant.model)["_lrlab_program"] is program
        assert program.traces == traces

    def test_it_says_what_it_compiles(self, still):
        words = "Compiling for Lion, batch size 7, once …"
        assert still.compiling(Settings("Lion", 0.1, batch_size=7, epochs=4)) == words

    def test_it_does_not_say_so_again(self, explorer):
        explorer.learning_rate.value = 0.02
        explorer.wait(SOON)
        assert explorer.compiling(explorer.settings()) == ""

    def test_a_storm_ends_with_the_last_settings_and_one_run_at_a_time(self, explorer, counted):
        """`counted` fails as soon as two run at once."""
        for k in range(1000):
            explorer.learning_rate.value = 0.01 + k / 1000
            if k % 100 == 50:
                explorer.optimizer.value = ("Adam", "SGD")[k // 100 % 2]
        explorer.optimizer.value = "SGD"
        explorer.learning_rate.value = 0.25
        assert explorer.wait(SOON).schedule == 0.25
        assert explorer.shown().settings == Settings("SGD", 0.25, batch_size=8, epochs=4)
        assert explorer.error is None
        assert repr(explorer).startswith("OptimizerExplorer: SGD 0.25, batch 8 -> ")

    def test_the_loss_of_a_model_that_is_compiled_already_is_kept(self):
        def regression():
            line = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            line.compile("adam", keras.losses.Huber(0.5))
            return line

        line = Experiment(regression, (X, X[:, :1], X[:10], X[:10, :1]), epochs=2, batch_size=8)
        with made(OptimizerExplorer, line, learning_rate=0.1) as explorer:
            run = explorer.wait(SOON)
            keras.utils.set_random_seed(0)
            plain = regression()
            plain.compile(keras.optimizers.SGD(0.1), keras.losses.Huber(0.5))
            expected = plain.fit(X, X[:, :1], 8, 2, shuffle=False, verbose=0).history["loss"]
            assert run.history["loss"] == pytest.approx(expected, abs=1e-5)
            assert "accuracy" not in run.final

    def test_other_epochs_train_the_same_for_longer_whatever_the_optimizer(self, explorer):
        short = explorer.wait(SOON)
        explorer.epochs.value = 6
        longer = explorer.wait(SOON)
        assert longer.history["loss"][:4] == short.history["loss"]
        assert len(longer.history["loss"]) == 6
        assert "epochs=6" in explorer.code
        explorer.pin()
        assert explorer.pins[-1][0] == "SGD 0.01, batch 8, 6 epochs"
        explorer.optimizer.value = "Adam"
        assert len(explorer.wait(SOON).history["loss"]) == explorer.epochs.value == 6

    def test_a_race_at_other_epochs_takes_no_run_of_the_first_ones(self, explorer):
        explorer.racers.value = ("SGD", "Adam")
        explorer.race()
        explorer.wait(SOON)
        explorer.epochs.value = 5
        explorer.race()
        explorer.wait(SOON)
        assert {len(run.history["loss"]) for run in explorer.best.values()} == {5}
        assert len(explorer.runs[-1].history["loss"]) == 5


class TestRace:
    def test_each_is_pinned_at_the_rate_of_its_lowest_validation_loss(self, explorer, counted):
        explorer.racers.value = ("SGD", "Adam")
        explorer._tried.clear()
        explorer.race()
        explorer.wait(SOON)
        assert explorer.error is None
        assert list(explorer.best) == ["SGD", "Adam"]
        for name, best in explorer.best.items():
            tried = {s.learning_rate: r for s, r in explorer._tried.items() if s.optimizer == name}
            losses = {rate: run.final["val_loss"] for rate, run in tried.items()}
            rate = min(losses, key=losses.get)
            assert best.schedule == rate
            assert best is tried[rate]
            at_the_edge = rate in (min(losses), max(losses))
            assert not at_the_edge or rate in (1e2, 1e-6, 1e1, 1e-7)  # eight half decades away
            assert (
                f"<b>{explorer._best[0 if name == 'SGD' else 1].label}</b>"
                in explorer._picture.words
            )
        assert [run for _, run in explorer.pins] == list(explorer.best.values())
        assert repr(explorer).startswith("OptimizerExplorer: 2 raced, first is ")

    def test_it_says_how_far_it_is(self, explorer):
        said = []
        explorer._tried.clear()
        explorer._picture.observe(lambda change: said.append(change.new), "words")
        explorer.race()
        explorer.wait(SOON)
        explorer._picture.unobserve_all("words")
        first = "Race, optimizer 1 of 2, rate 2 of 4 or more: SGD at 0.03, epoch 1 of "
        assert any(words.startswith(first) for words in said)
        assert any(words.startswith("Race, optimizer 2 of 2, rate ") for words in said)

    def test_where_all_diverged_none_is_called_the_best(self, explorer):
        final = {"val_loss": 1e9, "loss": 1e9}
        best = [
            Pin(
                f"{name} 0.1", Settings(name, 0.1), SimpleNamespace(final=final, verdict="diverged")
            )
            for name in ("SGD", "Adam")
        ]
        words = optimizers._race_in_words(best)
        assert words == "All diverged, at every rate that was tried: SGD, Adam."
        explorer._best, explorer._raced = best, True
        assert repr(explorer) == "OptimizerExplorer: 2 raced, all diverged"
        best[1].shown.verdict = "good"
        words = optimizers._race_in_words(best)
        assert "<b>SGD 0.1</b> (diverged at every rate)" in words
        assert words.index("Adam") < words.index("SGD")

    def test_a_pin_that_is_pressed_as_a_race_exchanges_its_pins_is_kept(self, explorer):
        explorer.race()
        explorer.wait(SOON)
        presses = []

        class Best(list):
            def __contains__(self, pin):  # the race looks for the pins of the last one
                if not presses:
                    presses.append(threading.Thread(target=explorer.pin))
                    presses[0].start()
                    presses[0].join(0.3)
                return super().__contains__(pin)

        explorer._best = Best(explorer._best)
        explorer.race()
        explorer.wait(SOON)
        presses[0].join(SOON)
        assert len(explorer.pins) == 1 + len(explorer.best)

    def test_a_race_again_trains_nothing_again_and_pins_once(self, explorer, counted):
        explorer.race()
        explorer.wait(SOON)
        pins = list(explorer.pins)
        counted.clear()
        explorer.race()
        explorer.wait(SOON)
        assert counted == []
        assert explorer.pins == pins

    def test_it_takes_the_momentum_that_an_optimizer_was_left_with(self, explorer):
        explorer.momentum.value = 0.5
        explorer.race()
        explorer.wait(SOON)
        assert explorer._best[0].settings.momentum == 0.5
        assert explorer._best[0].settings.batch_size == 8

    def test_the_rates_go_on_where_the_best_is_at_the_edge(self, explorer):
        def search(loss):
            tried = {}
            for place in optimizers._search(tried):
                value = loss(place)
                run = SimpleNamespace(final={"val_loss": value, "loss": value}, verdict="good")
                tried[place] = Pin("", None, run)
            return sorted(tried)

        assert search(lambda place: abs(place - 1.5)) == [0, 1, 2, 3]
        assert search(lambda place: abs(place - 5)) == [0, 1, 2, 3, 4, 5, 6]
        assert search(lambda place: abs(place + 2)) == [-3, -2, -1, 0, 1, 2, 3]
        assert search(lambda place: -place) == list(range(9))

    def test_one_is_no_race(self, explorer, counted):
        explorer.racers.value = ("Adam",)
        explorer.race()
        explorer.wait(SOON)
        assert "Choose two or more" in explorer._picture.words
        assert counted == []
        explorer.racers.value = ("SGD", "Adam")

    def test_a_slider_that_moves_ends_it(self, explorer):
        explorer._tried.clear()
        explorer.race()
        explorer.learning_rate.value = 0.3
        assert explorer.wait(SOON).schedule == 0.3
        assert explorer.shown().settings == Settings("SGD", 0.3, batch_size=8, epochs=4)
        assert repr(explorer).startswith("OptimizerExplorer: SGD 0.3, batch 8 -> ")

    def test_what_was_chosen_just_before_is_trained_too_and_shown(self, explorer):
        explorer.optimizer.value = "RMSprop"
        explorer.race()
        run = explorer.wait(SOON)
        assert explorer.shown().settings == explorer.settings()
        assert (explorer.shown().shown, run.schedule) == (run, 0.001)
        assert list(explorer.best) == ["SGD", "Adam"]
        assert not explorer.stale
        explorer.optimizer.value = "SGD"
        explorer.wait(SOON)

    def test_an_error_is_read(self, explorer, monkeypatch):
        def broken(settings):
            raise RuntimeError("out of memory on purpose")

        explorer._tried.clear()
        monkeypatch.setattr(explorer, "follow", broken)
        explorer.race()
        explorer.wait(SOON)
        assert "RuntimeError: out of memory on purpose" in explorer._picture.words


def test_the_public_name_is_this_class():
    assert lrlab.OptimizerExplorer is OptimizerExplorer
