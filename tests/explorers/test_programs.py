"""The programs of explorers give the numbers shown, in a fresh Python that cannot import lrlab."""

import pytest
from small import SOON, all_without_lrlab, made, numbers

import lrlab
from lrlab import (
    DrawnScheduleExplorer,
    Experiment,
    LandscapeExplorer,
    LearningRateMapExplorer,
    ScheduleExplorer,
)


@pytest.fixture(scope="module")
def experiment():
    moons = lrlab.data.moons()
    return Experiment(lambda: lrlab.models.mlp(moons, (4,)), moons, epochs=3, batch_size=80)


@pytest.fixture(scope="module")
def shown(experiment):
    """Of each explorer the program, and the numbers that it shows."""
    programs, expected = {}, {}
    with made(DrawnScheduleExplorer, experiment, learning_rates=[0.5, 1.0, 0.2]) as drawn:
        drawn.learning_rates.set_state({"value": [[0.5, 0.5], [1.5, 0.8], [2.5, 0.05]]})
        expected["a drawn schedule"] = drawn.wait(SOON).final
        programs["a drawn schedule"] = drawn.code
    with made(ScheduleExplorer, experiment, schedule="piecewise", boundaries=(1, 2)) as pieces:
        state = {"pulled": [1], "value": [[0.5, 0.1], [1, 0.8], [2, 0.01]]}
        pieces.over_rates.set_state(state)
        expected["dragged boundaries"] = pieces.wait(SOON).final
        programs["dragged boundaries"] = pieces.code
    axes = {"learning_rates": [0.05, 0.5], "momenta": [0.0, 0.9]}
    with made(LearningRateMapExplorer, experiment, **axes) as cells:
        cells.wait(SOON)
        cells.move(learning_rate=0.5, momentum=0.9)
        expected["a map's cell"] = cells.wait(SOON).final
        assert cells.values[1, 1] == expected["a map's cell"]["val_loss"]
        programs["a map's cell"] = cells.code
    with made(LandscapeExplorer, optimizers=["SGD", "momentum", "RMSprop", "Adam"]) as race:
        race.move(landscape="two minima", learning_rate=0.05, start_x=0.7, steps=12)
        ends = {journey.optimizer: float(journey.losses[-1]) for journey in race.wait(SOON)}
        expected["a landscape's race"], programs["a landscape's race"] = ends, race.code
    return programs, expected


@pytest.fixture(scope="module")
def printed(shown, tmp_path_factory):
    return all_without_lrlab(shown[0], tmp_path_factory.mktemp("programs"))


@pytest.mark.parametrize(
    "what", ["a drawn schedule", "dragged boundaries", "a map's cell", "a landscape's race"]
)
def test_in_a_fresh_python_without_lrlab_the_program_prints_the_numbers_shown(what, shown, printed):
    expected, found = shown[1][what], numbers(printed[what])
    assert len(expected) >= 4
    names = expected if "learning_rate" in found else expected.keys() - {"learning_rate"}
    assert found == pytest.approx({name: expected[name] for name in names}, abs=1e-4)
