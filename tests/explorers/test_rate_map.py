"""The map of the rate against another setting: each cell is the training that Keras makes of it."""

from lrlab.backend import keras

import numpy as np
import pytest
from small import SOON, data, made, model, printed_by

from lrlab import Experiment, LearningRateMapExplorer, StepDecay
from lrlab.explorers.rate_map import ACROSS, Cell

RATES, EPOCHS = [0.05, 0.5], 4
GRID = {
    "learning_rates": RATES,
    "momenta": [0, 0.9],
    "batch_sizes": [8, 20],
    "weight_decays": [0, 0.5],
    "epochs": [2, 4],
    "decay_factors": [0.1, 1],
}
USUAL = Cell(0.05, 0.0, 8, 0.0, EPOCHS, 1.0)
# By hand: what goes across, and the cell at its second value but for the decay factor.
MOVED = {
    "momentum": Cell(0.5, 0.9, 8, 0.0, 4, 1.0),
    "batch_size": Cell(0.5, 0.0, 20, 0.0, 4, 1.0),
    "weight_decay": Cell(0.5, 0.0, 8, 0.5, 4, 1.0),
    "epochs": Cell(0.5, 0.0, 8, 0.0, 2, 1.0),
    "decay_factor": Cell(0.5, 0.0, 8, 0.0, 4, 0.1),
}
OTHER_SIDE = {"epochs": 0, "decay_factor": 0}  # the column, if not the second


@pytest.fixture(scope="module")
def experiment(without_xla):
    return Experiment(model, tuple(data().values()), epochs=EPOCHS, batch_size=8)


@pytest.fixture
def explorer(experiment):
    with made(LearningRateMapExplorer, experiment, **GRID) as explorer:
        explorer.wait(SOON)
        yield explorer


def plain_loss(cell):
    """What `fit` comes to, from the same weights."""
    keras.utils.set_random_seed(0)
    trained = model()
    sgd = keras.optimizers.SGD(
        cell.learning_rate, momentum=cell.momentum, weight_decay=cell.weight_decay or None
    )
    trained.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y, x_val, y_val = data().values()
    drops = keras.callbacks.LearningRateScheduler(
        lambda epoch: cell.learning_rate * cell.decay_factor ** (epoch // 2)  # of four epochs
    )
    settings = {"epochs": cell.epochs, "batch_size": cell.batch_size, "callbacks": [drops]}
    past = trained.fit(x, y, validation_data=(x_val, y_val), shuffle=False, verbose=0, **settings)
    return past.history["val_loss"][-1]


class TestCells:
    @pytest.mark.parametrize("across", ACROSS)
    def test_one_is_the_training_of_keras_with_its_settings_and_so_is_its_code(
        self, explorer, across
    ):
        explorer.across.value = across
        explorer.wait(SOON)
        assert explorer.values.shape == (2, 2)
        assert not np.isnan(explorer.values).any()
        column = explorer._controls[across].stops[OTHER_SIDE.get(across, 1)]
        explorer.move(**{"learning_rate": 0.5, across: column})
        run, cell = explorer.wait(SOON), explorer.settings()
        assert cell == MOVED[across]
        assert run.final["val_loss"] == pytest.approx(plain_loss(cell), abs=1e-5)
        assert explorer.values[1, OTHER_SIDE.get(across, 1)] == run.final["val_loss"]
        printed = printed_by(explorer.code, build_model=model, **data())
        assert printed["val_loss"] == pytest.approx(run.final["val_loss"], abs=1e-4)

    def test_it_begins_where_the_experiment_is(self, explorer):
        assert explorer.settings() == USUAL
        assert explorer.values[0, 0] == pytest.approx(plain_loss(USUAL), abs=1e-5)

    def test_what_is_the_same_cell_in_another_map_is_trained_once(self, explorer):
        before = len(explorer.runs)
        explorer.across.value = "epochs"
        explorer.wait(SOON)
        assert len(explorer.runs) == before + 2, "those of two epochs; those of four are there"

    def test_another_value_of_what_does_not_go_across_is_another_map(self, explorer):
        before = explorer.values
        explorer.batch_size.value = 20
        explorer.wait(SOON)
        assert not np.isnan(explorer.values).any()
        assert not (explorer.values == before).any()

    def test_a_decay_drops_after_each_third(self):
        cell = Cell(0.5, 0.0, 8, 0.0, 15, 0.1)
        assert cell.schedule() == StepDecay(0.5, 0.1, 5)

    def test_an_optimizer_without_a_momentum_says_so_and_has_the_other_maps(self):
        adam = Experiment(model, tuple(data().values()), epochs=2, batch_size=8, optimizer="adam")
        with made(LearningRateMapExplorer, adam, **GRID) as explorer:
            explorer.wait(SOON)
            assert "Try weight_decay" in explorer._picture.words
            explorer.across.value = "weight_decay"
            assert explorer.wait(SOON).verdict
            assert "Adam(learning_rate=0.05)" in explorer.code
            explorer.weight_decay.value = 0.5
            assert "weight_decay=0.5" in explorer.code


class TestPicture:
    def test_it_says_what_goes_across_and_a_click_chooses_a_cell(self, explorer):
        assert "2 values of momentum from 0 to 0.9" in explorer._picture.alt
        explorer.told({"x": 0.7, "y": 0.2})
        assert explorer.settings() == MOVED["momentum"]
        explorer.across.value = "epochs"
        explorer.wait(SOON)
        assert "2 values of epochs from 2 to 4" in explorer._picture.alt
        assert "validation loss after the last epoch" in explorer._picture.alt

    def test_repr_and_a_pin_say_rate_and_what_goes_across(self, explorer):
        explorer.told({"key": "ArrowRight"})
        explorer.wait(SOON)
        explorer.pin()
        assert [label for label, _ in explorer.pins] == ["0.05, momentum 0.9"]
        assert repr(explorer).startswith("LearningRateMapExplorer: 4 of 4 runs -> best 0.")

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"momenta": [1.0]}, "`momenta` must be numbers from 0 to 0.99"),
            ({"weight_decays": [-1]}, "`weight_decays` must be numbers from 0 to 1"),
            ({"batch_sizes": [2.5]}, "`batch_sizes` must be a whole number"),
            ({"epochs": []}, "`epochs` must be a list"),
            ({"across": "learning_rate"}, "`across` must be one of"),
        ],
    )
    def test_settings_that_cannot_work_are_refused(self, experiment, settings, message):
        with pytest.raises(ValueError, match=message):
            LearningRateMapExplorer(experiment, **settings)
