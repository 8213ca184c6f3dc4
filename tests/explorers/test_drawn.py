"""A schedule that is drawn: the rates are those of the handles, in the page, in Keras, as code."""

import csv
import io

from lrlab.backend import keras

import numpy as np
import pytest
from small import SOON, data, made, model, printed_by

from lrlab import DrawnScheduleExplorer, Experiment
from lrlab.schedules import RatesByEpoch

EPOCHS = 6
DRAWN = (0.5, 1.0, 0.6, 0.2, 0.05, 0.01)


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, tuple(data().values()), epochs=EPOCHS, batch_size=8)


@pytest.fixture
def explorer(experiment):
    with made(DrawnScheduleExplorer, experiment, learning_rates=DRAWN) as explorer:
        explorer.wait(SOON)
        yield explorer


def from_the_page(explorer, places):
    """What a pointer in the page leaves behind."""
    explorer.learning_rates.set_state({"value": places})


def in_the_page(explorer):
    return explorer.learning_rates.get_state("value")["value"]


def assert_over_the_rates(explorer):
    """That a page, which knows no figure, puts the handles where this has its rates."""
    figure, drawing = explorer._figures["curves"], explorer.learning_rates
    left, top, width, height = np.array(drawing.box) * [*explorer.size, *explorer.size]
    first, last, low, high = drawing.limits
    for across, rate in in_the_page(explorer):
        x = left + width * (across - first) / (last - first)
        y = top + height * np.log(high / rate) / np.log(high / low)
        place = figure._place(figure._rate_axes, across, rate)
        assert (x, explorer.size[1] - y) == pytest.approx(place, abs=0.01)


class TestTraining:
    def test_a_run_is_that_of_keras_with_a_scheduler_of_the_rates_drawn(self, explorer, experiment):
        run = explorer.wait(SOON)
        trained = experiment.untrained()
        trained.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        x, y, x_val, y_val = data().values()
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: DRAWN[epoch])
        settings = {"epochs": EPOCHS, "batch_size": 8, "shuffle": False, "verbose": 0}
        plain = trained.fit(x, y, validation_data=(x_val, y_val), callbacks=[scheduler], **settings)
        for name in ("loss", "val_loss"):
            assert run.history[name] == pytest.approx(plain.history[name], abs=1e-5)
        assert run.history["learning_rate"] == pytest.approx(DRAWN)
        assert run.schedule == RatesByEpoch(DRAWN)

    def test_the_code_is_a_list_and_a_scheduler_and_prints_the_numbers(self, explorer):
        run, code = explorer.wait(SOON), explorer.code
        assert "learning_rates = [0.5, 1.0, 0.6, 0.2, 0.05, 0.01]" in code
        assert "keras.callbacks.LearningRateScheduler(lambda epoch: learning_rates[epoch])" in code
        assert "lrlab" not in code
        printed = printed_by(code, build_model=model, **data())
        for name in ("loss", "val_loss"):
            assert printed[name] == pytest.approx(run.final[name], abs=1e-4)

    def test_the_experiment_takes_the_schedule_of_a_run_again(self, explorer, experiment):
        run = explorer.wait(SOON)
        assert experiment.run(run.schedule).history == run.history


class TestHandles:
    def test_each_epoch_has_one_in_its_middle_with_a_name(self, explorer):
        drawing = explorer.learning_rates
        assert in_the_page(explorer) == [[k + 0.5, rate] for k, rate in enumerate(DRAWN)]
        assert drawing.names == [f"epoch {k}" for k in range(1, EPOCHS + 1)]
        assert "arrow keys" in drawing.description

    def test_moving_some_trains_once_with_their_rates(self, explorer):
        runs = len(explorer.runs)
        places = in_the_page(explorer)
        places[1][1], places[4][1] = 0.3, 0.4
        from_the_page(explorer, places)
        run = explorer.wait(SOON)
        assert run.history["learning_rate"] == pytest.approx([0.5, 0.3, 0.6, 0.2, 0.4, 0.01])
        assert len(explorer.runs) == runs + 1
        assert not explorer.stale

    def test_they_stand_where_the_figure_has_its_rates(self, explorer):
        assert_over_the_rates(explorer)

    def test_they_stand_there_in_a_narrow_picture_and_beside_a_longer_pin(self, explorer):
        explorer.pin()
        explorer.epochs.value = 3
        explorer.wait(SOON)
        assert explorer.learning_rates.limits[:2] == [0, EPOCHS]
        before = explorer.learning_rates.box
        explorer._picture.set_state({"room": 380})
        assert explorer.learning_rates.box != before
        assert_over_the_rates(explorer)

    def test_other_epochs_keep_what_is_drawn(self, explorer):
        explorer.epochs.value = 4
        assert explorer.wait(SOON).history["learning_rate"] == pytest.approx(DRAWN[:4])
        assert len(in_the_page(explorer)) == len(explorer.learning_rates.names) == 4
        runs = len(explorer.runs)
        explorer.epochs.value = 8
        run = explorer.wait(SOON)
        assert run.history["learning_rate"] == pytest.approx([*DRAWN, 0.01, 0.01])
        assert len(in_the_page(explorer)) == 8
        assert len(explorer.runs) == runs + 1

    def test_of_many_epochs_one_stands_for_several(self):
        explorer = DrawnScheduleExplorer(learning_rates=np.linspace(1, 0.1, 130), epochs=130)
        drawing = explorer.learning_rates
        assert drawing.names[:2] == ["epoch 1 to 3", "epoch 4 to 6"]
        assert drawing.names[-1] == "epoch 130"
        assert len(drawing.names) == len(in_the_page(explorer)) == 44
        places, before = in_the_page(explorer), drawing.value
        assert places[1][0] == 4.5
        places[1][1] = 0.005
        from_the_page(explorer, places)
        assert drawing.value == (*before[:3], *[0.005] * 3, *before[6:])


class TestKeeping:
    def test_reset_draws_the_first_rates_again(self, explorer):
        explorer.learning_rates.value = [0.1] * EPOCHS
        explorer.reset()
        assert explorer.wait(SOON).schedule == RatesByEpoch(DRAWN)
        assert [rate for _, rate in in_the_page(explorer)] == list(DRAWN)

    def test_a_pin_says_first_highest_and_last_rate_and_the_file_all_of_them(self, explorer):
        explorer.pin()
        explorer.learning_rates.value = [0.1] * EPOCHS
        explorer.wait(SOON)
        explorer.pin()
        assert [label for label, _ in explorer.pins] == ["0.5 … 1 … 0.01", "0.1"]
        (first, second) = csv.DictReader(io.StringIO(explorer.pins_csv))
        assert first["learning_rates"] == "0.5 1 0.6 0.2 0.05 0.01"
        assert second["learning_rates"] == " ".join(["0.1"] * EPOCHS)

    def test_the_picture_says_in_words_how_the_rate_goes(self, explorer):
        assert "learning rate" in explorer._picture.alt
        assert repr(explorer).startswith("DrawnScheduleExplorer: 0.5 … 1 … 0.01 -> ")


@pytest.mark.parametrize("wrong", [[], [0.1, 20], [1e-5], 0.1, "0.1", ["a"]])
def test_what_cannot_be_drawn_is_refused_at_the_door(experiment, wrong):
    with pytest.raises(ValueError, match=r"`learning_rates` must be .*Received: .*Try "):
        DrawnScheduleExplorer(experiment, learning_rates=wrong)


def test_fewer_rates_than_epochs_are_refused_once_it_is_made(explorer):
    with pytest.raises(ValueError, match=r"one an epoch, here 6 or more\. .*Try .* \* 6"):
        explorer.learning_rates.value = [0.1] * 5
    assert explorer.learning_rates.value == DRAWN
