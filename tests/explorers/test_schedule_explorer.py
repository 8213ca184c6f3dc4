"""A choice of schedules: each is the Keras one, each trains as planned, each comes out as code."""

import csv
import doctest
import html
import io
import math
import subprocess
import sys

from lrlab.backend import keras

import numpy as np
import pytest
from small import SOON, data, model, printed_by

import lrlab
from lrlab import Experiment, OneCycle, ScheduleExplorer, StepDecay
from lrlab.explorers import schedule, schedule_kinds
from lrlab.explorers.schedule_kinds import KINDS, Plan, in_steps
from lrlab.optimizers import SGDWithMomentumSchedule
from lrlab.schedules import Cyclical, InverseSquareRoot, WarmupStableDecay

EPOCHS, BATCHES = 6, 5
ks = keras.optimizers.schedules
DATA = data()
# For six epochs of five batches: something happens within them.
SETTINGS = {
    "initial_learning_rate": 0.5,
    "epochs_per_drop": 2,
    "decay_epochs": 4,
    "first_decay_epochs": 2,
    "warmup_epochs": 2,
    "half_cycle_epochs": 2,
    "boundaries": (2, 4),
    "patience": 1,
    "min_delta": 0.1,
}
# By hand, from the documentation of each: the rate in the first step of epoch 0, 1, ..., 5.
COSINE = [(1 + np.cos(np.pi * part)) / 2 for part in (0, 1 / 4, 1 / 2, 3 / 4, 1)]
BY_HAND = {
    "constant": [0.5] * 6,
    "step": [0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
    "exponential": [0.5 * 0.5 ** (epoch / 4) for epoch in range(6)],
    "polynomial": [0.01 + 0.49 * max(1 - epoch / 4, 0) for epoch in range(6)],
    "inverse time": [0.5 / (1 + 0.5 * epoch / 4) for epoch in range(6)],
    "piecewise": [0.5, 0.5, 0.03, 0.03, 0.01, 0.01],
    "cosine": [0.5 * part for part in (*COSINE, 0)],
    "cosine with restarts": [0.5, 0.25, 0.5, 0.25, 0.5, 0.25],
    "warm-up": [0.5, 0.75, *(1.0 * part for part in COSINE[:4])],
    "warm-up, stable, decay": [0, 0.5, 1, 0.75, 0.5, 0.25],
    "inverse square root": [0, 0.5, *(np.sqrt(2 / epoch) for epoch in range(2, 6))],
    "cyclical": [0.5, 0.75, 1, 0.75, 0.5, 0.75],
    "one-cycle": [OneCycle(1.0, EPOCHS)(epoch) for epoch in range(6)],
    "ReduceLROnPlateau": [0.5] * 6,
}
KERAS = {
    "exponential": ks.ExponentialDecay(0.5, 20, 0.5),
    "polynomial": ks.PolynomialDecay(0.5, 20, 0.01),
    "inverse time": ks.InverseTimeDecay(0.5, 20, 0.5),
    "piecewise": ks.PiecewiseConstantDecay([9, 19], [0.5, 0.03, 0.01]),
    "cosine": ks.CosineDecay(0.5, 20),
    "cosine with restarts": ks.CosineDecayRestarts(0.5, 10, t_mul=1.0),
    "warm-up": ks.CosineDecay(0.5, 20, warmup_target=1.0, warmup_steps=10),
    "warm-up, stable, decay": WarmupStableDecay(1.0, 10, 0, 20),
    "inverse square root": InverseSquareRoot(1.0, 10),
    "cyclical": Cyclical(0.5, 1.0, 10),
    "one-cycle": OneCycle(1.0, EPOCHS).to_keras(BATCHES),
}


def names_of(plan, step):
    """What stands in a formula: the arguments, with times in steps, and what comes of them."""
    values = dict(plan.arguments)
    names = values | in_steps(values, BATCHES) | {"step": max(step, 1e-9)}
    names |= {"epoch": step // BATCHES, "min": min, "max": max, "sum": sum, "abs": abs}
    names |= {"low": 0.5, "high": 1.0, "left": 30 - step, "cycle": step // 10}
    if plan.kind == "piecewise":
        names |= {"values": [0.5, 0.03, 0.01], "boundaries": [9, 19]}
    if plan.kind == "one-cycle":
        up = step < 7.5
        names |= {"start": 1 / 25, "end": 1, "done": step / 7.5} if up else {}
        names |= {} if up else {"start": 1, "end": 1e-5, "done": (step - 7.5) / 22.5}
    else:
        again = plan.kind == "cosine with restarts"
        names["done"] = step % 10 / 10 if again else min(step / 20, 1)
    return names


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, tuple(DATA.values()), epochs=EPOCHS, batch_size=8)


@pytest.fixture(scope="module")
def explorer(experiment):
    made = ScheduleExplorer(experiment, **SETTINGS)
    yield made
    made.stop()
    made.wait(SOON)


@pytest.fixture(autouse=True)
def _as_first(request):
    if "explorer" in request.fixturenames:
        request.getfixturevalue("explorer").reset()


def shown(explorer):
    return [name for name, c in explorer._controls.items() if c.layout.display != "none"]


def test_the_examples_in_the_docstrings_run():
    for module in (schedule, schedule_kinds):
        assert doctest.testmod(module).failed == 0


def test_the_controls_are_there_before_tensorflow_is_loaded():
    code = (
        "import sys, lrlab\n"
        "explorer = lrlab.ScheduleExplorer()\n"
        "for kind in explorer.kind.options:\n"
        "    explorer.kind.value = kind\n"
        "    explorer.settings()\n"
        "assert not {'keras', 'tensorflow'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestControls:
    def test_each_is_an_argument_of_the_class(self, explorer):
        arguments = set(ScheduleExplorer.__init__.__kwdefaults__)
        assert set(explorer._controls) == arguments - {"schedule"} | {"kind"}

    @pytest.mark.parametrize("kind", KINDS)
    def test_those_of_the_schedule_are_shown_and_no_others(self, explorer, kind):
        explorer.kind.value = kind
        assert sorted(shown(explorer)) == sorted(["kind", *KINDS[kind].arguments, "epochs"])

    def test_every_control_belongs_to_a_schedule(self, explorer):
        used = {name for kind in KINDS.values() for name in kind.arguments}
        assert used == set(explorer._controls) - {"kind", "epochs"}

    def test_each_says_what_it_does(self, explorer):
        for control in explorer._controls.values():
            assert control.description
            assert control.tooltip

    def test_the_first_schedule_can_be_chosen(self, experiment):
        explorer = ScheduleExplorer(experiment, schedule="cosine", decay_epochs=40)
        assert explorer.kind.value == "cosine"
        assert explorer.settings() == Plan(
            "cosine", (("initial_learning_rate", 0.1), ("decay_epochs", 40), ("alpha", 0.0))
        )
        explorer.stop()
        explorer.wait(SOON)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("schedule", "cosines"),
            ("initial_learning_rate", 0),
            ("min_lr", 0),
            ("decay_epochs", 0),
            ("decay_epochs", 2.5),
            ("cooldown", -1),
            ("decay_rate", 1.5),
            ("decay_factor", 0),
            ("t_mul", 0.5),
            ("alpha", "none"),
            ("div", np.inf),
            ("boundaries", (5,)),
            ("boundaries", (7, 3)),
            ("boundaries", (0, 3)),
        ],
    )
    def test_a_first_value_that_cannot_work_is_refused(self, experiment, name, value):
        with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}=.*\. \w+"):
            ScheduleExplorer(experiment, **{name: value})


class TestTraining:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_planned_rates_are_those_worked_out_by_hand(self, explorer, kind):
        explorer.kind.value = kind
        explorer.wait(SOON)
        planned = explorer.intended(explorer.settings())
        assert planned.shape == (EPOCHS * BATCHES,)
        assert planned[::BATCHES] == pytest.approx(BY_HAND[kind], rel=1e-5, abs=1e-7)

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ReduceLROnPlateau"])
    def test_the_recorded_rates_are_the_planned_ones(self, explorer, kind):
        explorer.kind.value = kind
        run = explorer.wait(SOON)
        assert run.learning_rates == pytest.approx(explorer.intended(explorer.settings()), rel=1e-6)

    @pytest.mark.parametrize("kind", KERAS)
    def test_where_keras_has_the_schedule_it_is_keras_s(self, explorer, kind):
        explorer.kind.value = kind
        made = explorer.wait(SOON).schedule
        assert type(made) is type(KERAS[kind])
        assert made.get_config() == KERAS[kind].get_config()

    @pytest.mark.parametrize("kind", KERAS)
    def test_the_run_is_that_of_the_experiment(self, explorer, experiment, kind):
        explorer.kind.value = kind
        assert explorer.wait(SOON).history == experiment.run(KERAS[kind]).history

    def test_step_decay_is_that_of_lrlab(self, explorer, experiment):
        explorer.kind.value = "step"
        assert explorer.wait(SOON).history == experiment.run(StepDecay(0.5, 0.5, 2)).history

    def test_a_stable_part_fills_the_training(self, explorer):
        explorer.kind.value = "warm-up, stable, decay"
        explorer.decay_epochs.value = 1
        run = explorer.wait(SOON)
        assert run.schedule.stable_steps == 15
        assert run.learning_rates[::BATCHES] == pytest.approx([0, 0.5, 1, 1, 1, 1])

    def test_one_cycle_moves_the_momentum_if_that_is_ticked(self, explorer, experiment):
        explorer.kind.value = "one-cycle"
        without = explorer.wait(SOON)
        explorer.cycle_momentum.value = True
        run, cycle = explorer.wait(SOON), OneCycle(1.0, EPOCHS)
        assert run.schedule.get_config() == cycle.to_keras(BATCHES).get_config()
        plain = keras.models.clone_model(experiment.untrained())
        plain.set_weights(experiment.untrained().get_weights())
        optimizer = SGDWithMomentumSchedule(cycle.to_keras(BATCHES), cycle.momentum(BATCHES))
        plain.compile(optimizer, "sparse_categorical_crossentropy")
        x, y = DATA["x_train"], DATA["y_train"]
        settings = {"epochs": EPOCHS, "batch_size": 8, "shuffle": False, "verbose": 0}
        losses = plain.fit(x, y, **settings).history["loss"]
        assert run.history["loss"] == pytest.approx(losses, rel=1e-5)
        assert run.history["loss"] != pytest.approx(without.history["loss"], rel=1e-2)
        assert repr(explorer).startswith("ScheduleExplorer: one-cycle 1, up 25%, momentum -> ")
        assert explorer.experiment is explorer.experiment is not experiment
        assert "lrlab" not in explorer.code
        printed = printed_by(explorer.code, build_model=model, **DATA)
        assert printed["loss"] == pytest.approx(run.final["loss"], abs=1e-4)
        explorer.cycle_momentum.value = False
        assert explorer.wait(SOON).history == without.history

    def test_on_a_plateau_the_recorded_rate_leaves_the_planned_one(self, explorer, experiment):
        explorer.kind.value = "ReduceLROnPlateau"
        run = explorer.wait(SOON)
        callback = keras.callbacks.ReduceLROnPlateau(
            factor=0.5, patience=1, min_delta=0.1, min_lr=1e-4
        )
        expected = experiment.run(0.5, callbacks=[callback])
        assert run.history == expected.history
        assert run.final["learning_rate"] < explorer.intended(explorer.settings())[-1] == 0.5
        assert explorer._picture.alt.endswith(" The intended rate is 0.5 throughout.")

    @pytest.mark.parametrize("kind", KINDS)
    def test_its_schedule_gives_the_run_again(self, explorer, experiment, kind):
        explorer.kind.value = kind
        run = explorer.wait(SOON)
        again = experiment.run(run.schedule).history
        for name, values in run.history.items():
            assert again[name] == pytest.approx(values, rel=1e-6), name

    def test_every_movement_retrains(self, explorer):
        for kind, row in KINDS.items():
            explorer.kind.value = kind
            for name in row.arguments:
                before, control = explorer.wait(SOON), explorer._controls[name]
                settings = explorer.settings()
                if name in ("staircase", "cycle_momentum"):
                    control.value = not control.value
                elif name == "boundaries":
                    control.value = (1, 5)
                elif name in ("alpha", "cooldown"):
                    control.value = 1 - control.value
                else:
                    twice = 2 * control.value
                    control.value = twice if twice <= control.max else control.value / 2
                run = explorer.wait(SOON)
                assert run is not before
                assert explorer.shown().settings == explorer.settings() != settings

    def test_a_control_of_another_schedule_that_moves_does_no_harm(self, explorer):
        explorer.kind.value = "constant"
        run = explorer.wait(SOON)
        explorer.patience.value = 5
        assert explorer.wait(SOON).history == run.history


class TestWords:
    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("constant", "6 epochs × 5 batches = 30 steps"),
            ("step", "a drop every 2 epochs × 5 batches = 10 steps"),
            ("exponential", "decay_steps = 4 epochs × 5 batches = 20"),
            ("piecewise", "boundaries = 2 × 5 batches − 1 = 9 and 4 × 5 batches − 1 = 19"),
            ("cosine with restarts", "first_decay_steps = 2 epochs × 5 batches = 10"),
            ("warm-up", "warmup_steps = 2 epochs × 5 batches = 10, decay_steps = 4 epochs × 5"),
            ("warm-up, stable, decay", "decay_steps = 4 epochs × 5 batches = 20, stable_steps = 0"),
            ("cyclical", "half_cycle_steps = 2 epochs × 5 batches = 10"),
            ("one-cycle", "up for 0.25 × 6 epochs × 5 batches = 7.5 steps"),
            ("ReduceLROnPlateau", "once an epoch, that is every 5 batches"),
        ],
    )
    def test_lines_below_the_sliders_say_how_many_steps_the_epochs_are(self, explorer, kind, words):
        explorer.kind.value = kind
        explorer.wait(SOON)
        line = explorer.children[len(explorer._controls) + 1]  # after the buttons
        assert words in line.value

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ReduceLROnPlateau"])
    def test_the_formula_gives_the_rates(self, explorer, kind):
        """Computed as it is written, in the names that it says."""
        explorer.kind.value = kind
        explorer.wait(SOON)
        plan = explorer.settings()
        assert html.escape(f"rate = {KINDS[kind].formula}") in explorer._formula.value
        rates = [
            eval(KINDS[kind].formula, vars(math) | names_of(plan, step))  # noqa: S307
            for step in range(EPOCHS * BATCHES)
            if kind != "warm-up" or step <= 10
        ]
        planned = explorer.intended(plan)[: len(rates)]
        assert rates == pytest.approx(planned, rel=1e-5, abs=1e-7)
        assert (kind == "constant") == (len({round(rate, 9) for rate in rates}) == 1)

    def test_so_it_gives_the_momentum_of_one_cycle_where_that_moves(self, explorer):
        explorer.move(kind="one-cycle", cycle_momentum=True)
        explorer.wait(SOON)
        assert "by the same formula from 0.95 to 0.85 and back" in explorer._formula.value
        formula = KINDS["one-cycle"].formula
        momentum = explorer.settings().optimizer(EPOCHS, BATCHES).momentum_schedule
        for step, start, end, done in ((3, 0.95, 0.85, 3 / 7.5), (15, 0.85, 0.95, 7.5 / 22.5)):
            names = vars(math) | {"start": start, "end": end, "done": done}
            computed = eval(formula, names)  # noqa: S307 - our own formula
            assert float(momentum(step)) == pytest.approx(computed, rel=1e-5)

    def test_one_epoch_is_not_called_epochs(self):
        plan = Plan("cosine", (("initial_learning_rate", 0.5), ("decay_epochs", 1)))
        assert plan.in_steps(EPOCHS, BATCHES) == "decay_steps = 1 epoch × 5 batches = 5"

    def test_pins_that_differ_in_a_later_argument_can_be_told_apart(self, explorer):
        explorer.clear_pins()
        explorer.kind.value = "ReduceLROnPlateau"
        explorer.wait(SOON)
        explorer.pin()
        explorer.min_lr.value = 0.12345
        explorer.wait(SOON)
        explorer.pin()
        explorer.pin()
        plain, other, again = [label for label, _ in explorer.pins]
        assert plain == "plateau 0.5, × 0.5 after 1"
        assert other == again == "plateau 0.5, × 0.5 after 1, min lr 0.12345"
        first, second, _ = csv.DictReader(io.StringIO(explorer.pins_csv))
        assert second["kind"] == "ReduceLROnPlateau"
        different = {
            name for name in KINDS["ReduceLROnPlateau"].arguments if first[name] != second[name]
        }
        assert different == {"min_lr"}
        assert second["min_lr"] == "0.12345"
        assert "min lr" in explorer._pin_table.columns
        explorer.clear_pins()
        explorer.min_lr.value = 1e-4

    def test_a_pin_and_the_repr_have_the_kind_in_words(self, explorer):
        explorer.kind.value = "cosine with restarts"
        explorer.wait(SOON)
        explorer.pin()
        assert explorer.pins[-1][0] == "restarts 0.5, first after 2"
        assert repr(explorer).startswith("ScheduleExplorer: restarts 0.5, first after 2 -> ")
        explorer.clear_pins()

    @pytest.mark.parametrize("kind", KINDS)
    def test_repr_stays_within_110_characters(self, kind):
        epochs = ("epochs", "patience", "cooldown", "drop")
        long = {name: 123 if name.endswith(epochs) else 0.123 for name in KINDS[kind].arguments}
        long |= {name: 0.00123 for name in long if "learning_rate" in name or "warmup_t" in name}
        values = [*(long | {"boundaries": (12, 123)} if "boundaries" in long else long).items()]
        line = f"ScheduleExplorer: {Plan(kind, tuple(values))} -> "
        assert len(line) + len("val_accuracy=1.234e+17, val_loss=1.234e+17, too low") <= 110

    def test_the_picture_has_the_plan_in_its_legend(self, explorer):
        explorer.wait(SOON)
        assert explorer._figures["curves"]._has_intended


class TestCode:
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_plain_keras_that_gives_the_numbers_of_the_run(self, explorer, kind):
        explorer.kind.value = kind
        run = explorer.wait(SOON)
        code = explorer.code
        assert "lrlab" not in code
        names = ", ".join(["build_model", *DATA])
        assert code.startswith(f"# Takes as given: {names}.\n")
        printed = printed_by(code, build_model=model, **DATA)
        for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
            assert printed[name] == pytest.approx(run.final[name], abs=1e-4)

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_formatted(self, explorer, kind):
        explorer.kind.value = kind
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
        code = explorer.code
        result = subprocess.run(ruff, input=code, capture_output=True, text=True, check=True)
        assert result.stdout == code
        assert max(map(len, code.splitlines())) <= 88

    def test_it_follows_the_controls(self, explorer):
        explorer.kind.value = "exponential"
        explorer.staircase.value, explorer.decay_epochs.value = True, 3
        assert "ExponentialDecay(" in explorer.code
        assert "0.5, 15, 0.5, staircase=True" in explorer.code
        explorer.kind.value = "ReduceLROnPlateau"
        assert "keras.callbacks.ReduceLROnPlateau(" in explorer.code
        assert "SGD(learning_rate=0.5)" in explorer.code


def test_the_public_name_is_this_class():
    assert lrlab.ScheduleExplorer is ScheduleExplorer
