"""The decay map: a real training stands behind each cell, and each is made once."""

import doctest
import io
import math
import threading

from lrlab.backend import keras

import numpy as np
import pytest
from PIL import Image
from small import SOON, data, made, model, printed_by

import lrlab
from lrlab import DecayMapExplorer, Experiment, StepDecay
from lrlab.explorers import decay_map, maps

DATA = tuple(data().values())
X = DATA[0]
RATES, FACTORS = [0.01, 0.1, 1.0], [0.1, 0.5]


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, DATA, epochs=6, batch_size=8)


def map_of(experiment, **settings):
    given = {"initial_learning_rates": RATES, "decay_factors": FACTORS, "epochs_per_drop": 2}
    return made(DecayMapExplorer, experiment, **(given | settings))


@pytest.fixture
def explorer(experiment):
    with map_of(experiment) as explorer:
        explorer.wait(SOON)
        yield explorer


@pytest.fixture
def trained(experiment, monkeypatch):
    """Every schedule that is trained from now on, and how many were so at once."""
    follow, trained, active = experiment.follow, [], []

    def noted(schedule):
        trained.append(schedule)
        active.append(schedule)
        assert len(active) == 1
        try:
            yield from follow(schedule)
        finally:
            active.pop()

    monkeypatch.setattr(experiment, "follow", noted)
    return trained


def press(explorer, *keys):
    for key in keys:
        explorer.told({"key": f"Arrow{key}"})


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(decay_map).failed == 0


class TestMap:
    def test_each_cell_is_the_last_validation_loss_of_that_step_decay(self, explorer, experiment):
        expected = [
            [experiment.run(StepDecay(rate, factor, 2)).final["val_loss"] for factor in FACTORS]
            for rate in RATES
        ]
        assert np.array_equal(explorer.values, expected)
        assert len(explorer.runs) == 6

    def test_the_chosen_cell_is_trained_first_then_a_coarse_grid_then_finer_ones(
        self, experiment, trained
    ):
        rates, factors = [0.1, 0.2, 0.3, 0.4, 0.5], [0.2, 0.4, 0.6]
        with map_of(experiment, initial_learning_rates=rates, decay_factors=factors) as explorer:
            explorer.wait(SOON)
        rows = [rates.index(schedule.initial_learning_rate) for schedule in trained]
        columns = [factors.index(schedule.decay_factor) for schedule in trained]
        cells = list(zip(rows, columns, strict=True))
        assert cells[:2] == [(0, 0), (4, 0)]  # the first one is chosen: nearest to 0.01 and 0.1
        assert {*cells[2:6]} == {(0, 2), (2, 0), (2, 2), (4, 2)}
        assert len(set(cells)) == len(cells) == 15

    @pytest.mark.parametrize(("best", "last"), [((0, 0), (4, 2)), ((4, 0), (0, 2))])
    def test_of_a_grid_the_cells_near_to_the_best_so_far_come_first(self, explorer, best, last):
        """The corners of a map of 5 by 3 are made; the next grid has four cells more."""
        rates, factors = [0.1, 0.2, 0.3, 0.4, 0.5], [0.2, 0.4, 0.6]
        worse, better = sorted(explorer.runs, key=lambda run: -run.final["val_loss"])[::5]
        large = DecayMapExplorer(
            explorer.experiment, initial_learning_rates=rates, decay_factors=factors
        )
        for row in (0, 4):
            run = better if (row, 0) == best else worse
            large._made[StepDecay(rates[row], factors[0], 5)] = run
        cells = [
            (rates.index(cell.initial_learning_rate), factors.index(cell.decay_factor))
            for cell in large._missing()
        ]
        assert {*cells[:4]} == {(0, 2), (2, 0), (2, 2), (4, 2)}
        assert cells[3] == last

    def test_settings_are_put_in_order(self, experiment):
        with map_of(
            experiment, initial_learning_rates=[1, 0.1, 1.0], decay_factors=[1]
        ) as explorer:
            assert explorer.initial_learning_rate.stops == [0.1, 1.0]
            explorer.wait(SOON)
            assert explorer.values.shape == (2, 1)

    def test_what_diverged_is_infinite_in_the_map(self):
        line = Experiment(
            lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]),
            (X, X[:, :1], X[:10], X[:10, :1]),
            epochs=20,
            batch_size=8,
        )
        with map_of(line, initial_learning_rates=[0.01, 9.0], decay_factors=[1.0]) as explorer:
            explorer.wait(SOON)
            assert explorer.values[1, 0] == np.inf
            assert np.isfinite(explorer.values[0, 0])
            assert "1 of them diverged" in explorer._picture.alt
            assert repr(explorer).startswith("DecayMapExplorer: 2 of 2 runs -> best 0.01, constant")

    def test_another_interval_is_another_map_and_going_back_trains_nothing(self, explorer, trained):
        before = explorer.values
        explorer.epochs_per_drop.value = 3
        explorer.wait(SOON)
        assert {schedule.epochs_per_drop for schedule in trained} == {3}
        assert len(trained) == 6
        assert not np.array_equal(explorer.values, before)
        explorer.epochs_per_drop.value = 2
        explorer.wait(SOON)
        assert len(trained) == 6
        assert np.array_equal(explorer.values, before)


class TestChoosing:
    def test_the_sliders_choose_the_cell_whose_curves_are_shown(
        self, explorer, experiment, trained
    ):
        explorer.initial_learning_rate.value, explorer.decay_factor.value = 1.0, 0.5
        run = explorer.wait(SOON)
        assert run.schedule == StepDecay(1.0, 0.5, 2)
        assert f"<b>{run.final['val_loss']:.4g}</b>" in explorer._curves_picture.words
        assert "falls from 1 to 0.25 in 2 steps" in explorer._curves_picture.alt
        assert "Chosen is first rate 1 and decay factor 0.5: " in explorer._picture.alt
        assert trained == []

    def test_arrow_keys_move_by_a_cell_and_stop_at_the_edge(self, explorer):
        press(explorer, "Up", "Right")
        assert explorer.schedule() == StepDecay(0.1, 0.5, 2)
        press(explorer, "Up", "Up", "Up", "Right")
        assert explorer.schedule() == StepDecay(1.0, 0.5, 2)
        press(explorer, "Left", "Left", "Down")
        assert explorer.schedule() == StepDecay(0.1, 0.1, 2)
        assert explorer.wait(SOON).schedule == explorer.schedule()

    def test_a_click_chooses_the_cell_under_it(self, explorer, trained):
        def click(x, y):
            explorer.told({"x": x, "y": y})
            return explorer.wait(SOON).schedule

        assert click(0.2, 0.2) == StepDecay(1.0, 0.1, 2)
        assert click(0.8, 0.8) == StepDecay(0.01, 0.5, 2)
        assert click(0.01, 0.01) == StepDecay(0.01, 0.5, 2)
        assert trained == []

    def test_so_it_does_in_a_narrow_page(self, explorer):
        pictures = explorer._picture, explorer._curves_picture
        explorer._picture.room = 380
        for picture in pictures:
            assert picture.width == Image.open(io.BytesIO(picture.value)).width == 380
        explorer.told({"x": 90 / 380, "y": 0.2})
        assert explorer.wait(SOON).schedule == StepDecay(1.0, 0.1, 2)
        explorer.told({"x": 0.7, "y": 0.7})
        assert explorer.wait(SOON).schedule == StepDecay(0.01, 0.5, 2)
        explorer._picture.room = 760
        assert [picture.width for picture in pictures] == [760, 760]

    def test_a_chosen_cell_that_is_missing_is_trained_next(self, experiment, trained):
        with map_of(experiment) as explorer:
            explorer.stop()
            explorer.wait(SOON)
            explorer._made.clear()
            trained.clear()
            press(explorer, "Up", "Up", "Right")
            explorer.wait(SOON)
            first = next(s for s in trained if s == StepDecay(1.0, 0.5, 2))
            assert trained.index(first) <= 2
            assert not np.isnan(explorer.values).any()

    def test_reset_goes_back_to_the_first_cell(self, explorer):
        press(explorer, "Up", "Right")
        explorer.reset()
        assert explorer.wait(SOON).schedule == StepDecay(0.01, 0.1, 2)

    def test_a_pin_is_the_run_of_the_chosen_cell(self, explorer):
        press(explorer, "Up")
        explorer.pin()
        ((words, run),) = explorer.pins
        assert words == "0.1, × 0.1 every 2"
        assert run is explorer.wait(SOON)


class TestStopping:
    def test_nothing_says_any_more_that_the_chosen_cell_is_being_trained(
        self, experiment, monkeypatch
    ):
        first, go_on = threading.Event(), threading.Event()
        follow = experiment.follow

        def slowly(schedule):
            for run in follow(schedule):
                yield run
                first.set()
                assert go_on.wait(SOON)

        monkeypatch.setattr(experiment, "follow", slowly)
        monkeypatch.setattr(DecayMapExplorer, "frames_per_second", math.inf)
        with map_of(experiment) as explorer:
            assert first.wait(SOON)
            assert explorer._curves_picture.words == "Training the chosen cell …"
            explorer.stop()
            go_on.set()
            explorer.wait(SOON)
            assert explorer._curves_picture.words == "This cell is not trained yet."
            assert explorer._picture.words == explorer.stopped

    def test_another_cell_than_the_one_in_training_is_not_drawn_as_it(self, explorer, experiment):
        run, other = explorer.runs[0], StepDecay(0.1, 0.5, 2)
        explorer._made.clear()
        explorer._unfinished = other, run
        assert explorer.schedule() != other
        explorer.redraw()
        assert explorer._curves_picture.words == "This cell is not trained yet."

    def test_stop_leaves_the_rest_empty_and_a_choice_goes_on(self, experiment, monkeypatch):
        follow, reached, go = experiment.follow, threading.Event(), threading.Event()

        def held(schedule):
            for run in follow(schedule):
                reached.set()
                assert go.wait(SOON)
                yield run

        monkeypatch.setattr(experiment, "follow", held)
        with map_of(experiment) as explorer:
            assert reached.wait(SOON)
            explorer.stop()
            go.set()
            assert explorer.wait(SOON) is None
            assert np.isnan(explorer.values).all()
            assert explorer._picture.words == "Stopped. Choose an empty cell to go on."
            press(explorer, "Up")
            explorer.wait(SOON)
            assert not np.isnan(explorer.values).any()

    def test_that_it_has_stopped_stays_to_be_read(self, explorer, experiment, monkeypatch):
        """A picture that is on its way as Stop is pressed leaves the words alone."""
        drawing, go = threading.Event(), threading.Event()
        heat_map = explorer._figures["map"]
        draw = heat_map.draw

        def held(*args):
            drawing.set()
            assert go.wait(SOON)
            draw(*args)

        def endless(schedule):
            for run in experiment.follow(schedule):
                while not go.is_set():
                    yield run

        monkeypatch.setattr(explorer, "follow", endless)
        explorer.epochs_per_drop.value = 3
        monkeypatch.setattr(heat_map, "draw", held)
        press(explorer, "Up")
        assert drawing.wait(SOON)
        explorer.stop()
        go.set()
        explorer.wait(SOON)
        assert explorer._picture.words == explorer.stopped

    def test_a_slow_one_is_said_to_train_before_its_first_epoch_is_done(
        self, explorer, experiment, monkeypatch
    ):
        reached, go = threading.Event(), threading.Event()
        follow = experiment.follow

        def held(schedule):
            reached.set()
            assert go.wait(SOON)
            yield from follow(schedule)

        monkeypatch.setattr(maps, "SLOW_EPOCH", 0)
        monkeypatch.setattr(experiment, "follow", held)
        explorer.epochs_per_drop.value = 3
        assert reached.wait(SOON)
        explorer._view.wait(SOON)
        words = explorer._picture.words
        go.set()
        assert words == "Run 1 of 6 (epoch 1 of 6)"

    def test_a_storm_ends_with_the_last_settings_and_one_run_at_a_time(self, explorer, trained):
        """`trained` fails as soon as two run at once."""
        for k in range(1000):
            explorer.epochs_per_drop.value = 1 + k % 5
            press(explorer, ("Up", "Right", "Down", "Left")[k % 4])
        explorer.epochs_per_drop.value = 6
        explorer.initial_learning_rate.value, explorer.decay_factor.value = 0.1, 0.5
        assert explorer.wait(SOON).schedule == StepDecay(0.1, 0.5, 6)
        assert explorer.error is None
        assert not np.isnan(explorer.values).any()
        assert "first rate 0.1 and decay factor 0.5" in explorer._picture.alt
        assert len(set(trained)) <= 36

    def test_an_error_is_read_and_the_runs_before_it_stay(self, explorer, experiment, monkeypatch):
        def broken(schedule):
            raise RuntimeError("out of memory on purpose")

        values = explorer.values
        monkeypatch.setattr(experiment, "follow", broken)
        explorer.epochs_per_drop.value = 5
        explorer.wait(SOON)
        assert "RuntimeError: out of memory on purpose" in explorer._picture.words
        explorer.epochs_per_drop.value = 2
        explorer.wait(SOON)
        assert np.array_equal(explorer.values, values)


class TestWords:
    def test_repr_is_one_line_with_the_best_cell(self, explorer):
        i, j = np.unravel_index(explorer.values.argmin(), explorer.values.shape)
        words = f"DecayMapExplorer: 6 of 6 runs -> best {RATES[i]:g}, × {FACTORS[j]:g} every 2, "
        assert repr(explorer).startswith(words)
        assert len(repr(explorer)) <= 110

    def test_the_page_is_told_what_the_arrow_keys_do(self, explorer):
        assert explorer._picture.hint == "The map: arrow keys choose a cell"
        assert explorer._curves_picture.hint == ""

    def test_dark_pages_get_dark_pictures(self, explorer):
        light = explorer._picture.value, explorer._curves_picture.value
        explorer._picture.dark = True
        explorer.wait(SOON)
        assert explorer._picture.value != light[0]
        assert explorer._curves_picture.value != light[1]

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"initial_learning_rates": []}, "`initial_learning_rates` must be a list"),
            ({"initial_learning_rates": 0.1}, "`initial_learning_rates` must be a list"),
            ({"initial_learning_rates": [0.1, 0]}, "`initial_learning_rates` must be a finite"),
            ({"decay_factors": []}, "`decay_factors` must be a list"),
            ({"decay_factors": [1.5]}, "`decay_factor` must be above 0 and at most 1"),
            ({"epochs_per_drop": 0}, "`epochs_per_drop` must be a whole number"),
        ],
    )
    def test_settings_that_cannot_work_are_refused(self, experiment, settings, message):
        with pytest.raises(ValueError, match=message):
            DecayMapExplorer(experiment, **settings)


@pytest.mark.parametrize("keys", [(), ("Up",), ("Up", "Up", "Right")])
def test_the_code_is_plain_keras_that_gives_the_numbers_of_the_chosen_cell(explorer, keys):
    press(explorer, *keys)
    run = explorer.wait(SOON)
    numbers = printed_by(explorer.code, build_model=model, **data())
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert numbers[name] == pytest.approx(run.final[name], abs=1e-4)


def test_the_public_name_is_this_class():
    assert lrlab.DecayMapExplorer is DecayMapExplorer
