"""Whatever the controls of an explorer allow: a run, a verdict, a picture, and code that runs."""

import contextlib
import io
import math
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small import SOON, arguments_of, data, made, model, printed_by

import lrlab
from lrlab import Experiment
from lrlab.experiment.verdicts import Verdict
from lrlab.explorers.run_explorer import REPEATABLE

pytestmark = pytest.mark.usefixtures("without_xla")

FEW = settings(max_examples=max(2, settings.default.max_examples // 7))
VERDICTS = set(get_args(Verdict))
GIVEN = data()
SMALL = {
    "DecayMapExplorer": {"initial_learning_rates": [0.01, 0.5, 5.0], "decay_factors": [0.3, 1.0]},
    "LearningRateMapExplorer": {
        "learning_rates": [0.01, 0.5],
        "momenta": [0.0, 0.9],
        "batch_sizes": [8, 16],
        "weight_decays": [0.0, 0.01],
        "epochs": [2, 4],
        "decay_factors": [0.5, 1.0],
    },
    "RangeTestExplorer": {"seeds": 1},
}
TRAINS_ONCE = [
    "DrawnScheduleExplorer",
    "FineTuningExplorer",
    "LearningRateDialExplorer",
    "LearningRateExplorer",
    "LearningRateMapExplorer",
    "OptimizerExplorer",
    "ScheduleExplorer",
    "SharpnessExplorer",
    "StepDecayExplorer",
    "DecayMapExplorer",
]


@cache
def experiment(batch_size):
    return Experiment(model, tuple(GIVEN.values()), epochs=4, batch_size=batch_size)


def explorer_of(kind):
    trained = experiment(40 if kind == "SharpnessExplorer" else 8)
    return made(getattr(lrlab, kind), *arguments_of(kind, trained), **SMALL.get(kind, {}))


def takes(control, value):
    try:
        control._check(value)
    except ValueError:
        return False
    return True


def values_of(control):
    """Any value that this control takes: at a stop, or between two where it has such."""
    kind = type(control).__name__
    if kind == "_Checkbox":
        return st.booleans()
    if kind == "_Choice":
        return st.sampled_from(control.options)
    if kind == "_Several":
        return st.lists(st.sampled_from(control.options), unique=True, min_size=1, max_size=3)
    stops = st.sampled_from(control.stops)
    if kind == "Drawing":
        return st.lists(stops, min_size=len(control.value) * 4, max_size=len(control.value) * 4)
    if np.iterable(control.value):
        return st.lists(stops, min_size=2, max_size=2, unique=True).map(sorted)
    first, second = control.stops[:2]
    if takes(control, first + 0.37 * (second - first)):
        return stops | st.floats(control.min, control.max)
    if takes(control, first + 1):
        return st.integers(int(control.min), int(control.max))
    return stops


def move(draws, explorer):
    controls = explorer._controls.items()
    explorer.move(**{name: draws.draw(values_of(control), name) for name, control in controls})


def check_what_is_shown(explorer):
    assert explorer.error is None, explorer.error
    assert not explorer.stale
    Image.open(io.BytesIO(explorer.picture)).verify()
    assert explorer._picture.alt.strip()
    assert explorer._picture.words.strip()
    assert explorer.result()
    explorer.pin()
    assert explorer.pins[-1][0].strip()
    assert len(explorer.pins_csv.splitlines()) == 2


@pytest.mark.parametrize("kind", TRAINS_ONCE)
@FEW
@given(draws=st.data())
def test_a_run_a_verdict_a_picture_and_code_with_the_same_numbers(kind, draws):
    with explorer_of(kind) as explorer:
        move(draws, explorer)
        if kind == "LearningRateDialExplorer":
            explorer.step(draws.draw(st.integers(1, explorer.epochs.value), "steps"))
        run = explorer.wait(SOON)
        check_what_is_shown(explorer)
        assert run.verdict in VERDICTS
        assert run.reason
        assert run.verdict in explorer.pins_csv
        assert "lrlab" not in explorer.code
        printed = printed_by(explorer.code, build_model=model, **GIVEN)
    assert {"loss", "val_loss"} <= set(printed) <= set(run.final)
    for name, value in printed.items():
        if run.verdict in REPEATABLE:  # what others come to is decided by rounding
            assert value == pytest.approx(run.final[name], rel=1e-3, abs=1e-3), name


@FEW
@given(draws=st.data())
def test_a_range_test_and_code_with_the_same_losses_or_why_there_is_none(draws):
    with explorer_of("RangeTestExplorer") as explorer:
        move(draws, explorer)
        measured = explorer.wait(SOON)
        of_the_rate = explorer.setting.value == "learning_rate"
        if of_the_rate and explorer.lowest.value >= explorer.highest.value:
            assert "must be below" in explorer._picture.words
            return
        check_what_is_shown(explorer)
        if not of_the_rate:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile(explorer.code, "program", "exec"), {"build_model": model, **GIVEN})  # noqa: S102
            rows = [line.rsplit(maxsplit=2)[-2:] for line in said.getvalue().splitlines()]
            printed = {float(value.rstrip(":")): float(loss) for value, loss in rows}
            assert printed.keys() == measured.middles.keys()
            if explorer.learning_rate.value <= 0.02:  # 1 in effect, at most: no chaos
                assert printed == pytest.approx(measured.middles, rel=1e-3, abs=1e-3)
            return
        names = {"build_model": model, **GIVEN}
        exec(compile(explorer.code, "program", "exec"), names)  # noqa: S102
    test = names["range_test"]
    count = min(len(test.losses), len(measured.losses))
    before = int(np.argmax(np.asarray(measured.losses[:count]) > 5)) or count  # it is chaos then
    assert test.learning_rates[:count] == pytest.approx(measured.learning_rates[:count])
    assert test.losses[:before] == pytest.approx(measured.losses[:before], rel=1e-3)


@FEW
@given(draws=st.data())
def test_a_descent_and_code_with_the_same_steps(draws):
    with explorer_of("QuadraticExplorer") as explorer:
        move(draws, explorer)
        descent = explorer.wait(SOON)
        check_what_is_shown(explorer)
        printed = printed_by(explorer.code)
    expected = descent.losses[-1]
    if math.isfinite(expected) and expected < 1e30:
        assert printed["loss"] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@FEW
@given(draws=st.data())
def test_a_race_and_code_with_the_same_losses(draws):
    with explorer_of("LandscapeExplorer") as explorer:
        move(draws, explorer)
        race = explorer.wait(SOON)
        check_what_is_shown(explorer)
        assert len(race) == len(explorer.optimizers.value)
        printed = printed_by(explorer.code)
    assert set(printed) == {journey.optimizer for journey in race}
    for journey in race:
        beside = replace(journey, learning_rate=journey.learning_rate * (1 + 1e-5))
        ends = journey.losses[-1], beside.losses[-1]
        if np.isfinite(ends).all() and ends[1] == pytest.approx(ends[0], rel=1e-3, abs=1e-4):
            assert printed[journey.optimizer] == pytest.approx(ends[0], rel=1e-2, abs=1e-3)


def test_every_explorer_is_tried():
    others = {"LandscapeExplorer", "QuadraticExplorer", "RangeTestExplorer"}
    assert {name for name in lrlab.__all__ if name.endswith("Explorer")} == {*TRAINS_ONCE, *others}
