"""Handles over a step decay and a piecewise schedule: sliders follow, and training does."""

import numpy as np
import pytest
from small import SOON, data, made, model, printed_by

from lrlab import Experiment, ScheduleExplorer, StepDecayExplorer
from lrlab.explorers.schedule_kinds import KINDS

EPOCHS, BATCHES = 6, 5
PIECEWISE = {
    "schedule": "piecewise",
    "initial_learning_rate": 0.5,
    "middle_learning_rate": 0.2,
    "end_learning_rate": 0.05,
    "boundaries": (2, 4),
}
STEPS = {"initial_learning_rate": 0.5, "decay_factor": 0.5, "epochs_per_drop": 2}


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, tuple(data().values()), epochs=EPOCHS, batch_size=8)


@pytest.fixture
def piecewise(experiment):
    with made(ScheduleExplorer, experiment, **PIECEWISE) as explorer:
        explorer.wait(SOON)
        yield explorer


def pull(explorer, which, epoch, rate):
    """What a pointer in the page leaves behind."""
    places = [list(place) for place in explorer.over_rates.value]
    places[which] = [epoch, rate]
    explorer.over_rates.set_state({"pulled": [which], "value": places})


def rates_of(explorer):
    return explorer.wait(SOON).learning_rates[::BATCHES].tolist()


def test_each_boundary_has_a_handle_where_its_rate_begins(piecewise):
    handles = piecewise.over_rates
    assert handles.names == ["starting rate", "first boundary", "second boundary"]
    assert handles.moves == ["y", "xy", "xy"]
    assert handles.value == [[1, 0.5], [2, 0.2], [4, 0.05]]
    rates = rates_of(piecewise)
    for epoch, rate in handles.value:
        assert rates[int(epoch)] == pytest.approx(rate)


def test_they_stand_where_the_figure_has_the_rates(piecewise):
    figure, handles = piecewise._figures["curves"], piecewise.over_rates
    left, top, width, height = np.array(handles.box) * [*piecewise.size, *piecewise.size]
    first, last, low, high = handles.limits
    for epoch, rate in handles.value:
        x = left + width * (epoch - first) / (last - first)
        y = top + height * np.log(high / rate) / np.log(high / low)
        place = figure._place(figure._rate_axes, epoch, rate)
        assert (x, piecewise.size[1] - y) == pytest.approx(place, abs=0.01)


@pytest.mark.parametrize(
    ("which", "epoch", "rate", "rates"),
    [
        (0, 1, 1.0, [1, 1, 0.2, 0.2, 0.05, 0.05]),
        (1, 3, 0.1, [0.5, 0.5, 0.5, 0.1, 0.05, 0.05]),
        (1, 6, 0.2, [0.5, 0.5, 0.5, 0.2, 0.05, 0.05]),  # no further than before the other
        (1, 0, 0.2, [0.5, 0.2, 0.2, 0.2, 0.05, 0.05]),  # nor than after an epoch
        (2, 5, 0.01, [0.5, 0.5, 0.2, 0.2, 0.2, 0.01]),
        (2, 0, 0.05, [0.5, 0.5, 0.2, 0.05, 0.05, 0.05]),
    ],
)
def test_pulling_one_trains_once_with_its_epoch_and_rate(piecewise, which, epoch, rate, rates):
    runs = len(piecewise.runs)
    pull(piecewise, which, epoch, rate)
    assert rates_of(piecewise) == pytest.approx(rates)
    assert len(piecewise.runs) == runs + 1
    assert not piecewise.stale
    assert piecewise.over_rates.value == piecewise._places(), "it comes back where it may not go"


def test_several_that_come_in_one_message_are_all_taken(piecewise):
    """A page merges what it sends while the kernel is at work."""
    state = {"pulled": [2, 1, 0], "value": [[1, 1.0], [3, 0.1], [5, 0.01]]}
    piecewise.over_rates.set_state(state)
    assert rates_of(piecewise) == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01])


def test_the_sliders_follow_and_the_code_does(piecewise):
    pull(piecewise, 2, 5, 0.01)
    assert piecewise.boundaries.value == (2, 5)
    assert piecewise.end_learning_rate.value == 0.01
    run, code = piecewise.wait(SOON), piecewise.code
    assert "PiecewiseConstantDecay(" in code
    assert "[9, 24]" in code
    printed = printed_by(code, build_model=model, **data())
    assert printed["val_loss"] == pytest.approx(run.final["val_loss"], abs=1e-4)


def test_the_handles_follow_the_sliders(piecewise):
    piecewise.boundaries.value = (1, 3)
    assert piecewise.over_rates.value == [[0.5, 0.5], [1, 0.2], [3, 0.05]]
    piecewise.epochs.value = 2
    assert piecewise.over_rates.value[2] == [2, 0.05], "past the training, at its end"
    piecewise.reset()
    assert piecewise.over_rates.value == [[1, 0.5], [2, 0.2], [4, 0.05]]


def test_schedules_without_handles_show_none(piecewise):
    for kind, row in KINDS.items():
        piecewise.kind.value = kind
        assert len(piecewise.over_rates.value) == len(row.handles)
        assert len(piecewise.over_rates.names) == len(row.handles)
    assert [kind for kind, row in KINDS.items() if row.handles] == ["step", "piecewise"]


@pytest.mark.parametrize("kind", [StepDecayExplorer, ScheduleExplorer])
def test_a_step_decay_is_pulled_by_its_first_rate_and_its_first_drop(experiment, kind):
    with made(kind, experiment, **STEPS) as explorer:
        assert explorer.over_rates.value == [[1, 0.5], [2, 0.25]]
        pull(explorer, 0, 1, 1.0)
        assert rates_of(explorer) == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25])
        pull(explorer, 1, 3, 0.2)
        assert rates_of(explorer) == pytest.approx([1, 1, 1, 0.2, 0.2, 0.2])
        assert (explorer.decay_factor.value, explorer.epochs_per_drop.value) == (0.2, 3)
        places = [[1.5, 0.5], [3, 0.2]]  # the page has not been told yet where the drop is now
        explorer.over_rates.set_state({"pulled": [0], "value": places})
        assert rates_of(explorer) == pytest.approx([0.5] * 3 + [0.1] * 3)
        pull(explorer, 0, 1, 1.0)
        pull(explorer, 1, 3, 5.0)  # a drop goes down
        assert explorer.decay_factor.value == 1
        assert explorer.over_rates.value == [[1.5, 1.0], [3, 1.0]]
