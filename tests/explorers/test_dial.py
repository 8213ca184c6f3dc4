"""The dial: a training that is steered by hand, and what is left of the moves."""

import doctest
import threading
import time

import pytest
from small import SOON, button, data, made, model, printed_by, until

from lrlab import Experiment, LearningRateDialExplorer, LearningRateExplorer, explorers
from lrlab.experiment import Steered
from lrlab.schedules import RatesByEpoch

GIVEN = data(44)  # batches of 8 leave a last one of 4
DATA = tuple(GIVEN.values())
X, LABELS, *_ = DATA
MOVES = [0.5, 0.5, 0.1, 1.0, 0.1, 0.01]


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, DATA, epochs=6, batch_size=8)


def dial_of(experiment, **settings):
    return made(LearningRateDialExplorer, experiment, **settings)


@pytest.fixture
def dial(experiment):
    with dial_of(experiment, learning_rate=0.5, epochs_per_second=30) as explorer:
        explorer.wait(SOON)
        yield explorer


def moved(explorer, moves):
    """Train an epoch at each of these rates."""
    for rate in moves:
        explorer.learning_rate.value = rate
        explorer.step()
    return explorer.wait(SOON)


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(explorers.dial).failed == 0


class TestMoves:
    def test_nothing_is_trained_before_somebody_says_so(self, dial):
        assert dial.wait(SOON) is None
        assert dial._picture.value[:4] == b"\x89PNG"
        assert "Press Go on" in dial._picture.words
        assert repr(dial) == "LearningRateDialExplorer: 0 epochs trained by hand"

    def test_turning_the_dial_restarts_nothing_and_trains_nothing(self, dial):
        before = moved(dial, MOVES[:2])
        for rate in MOVES:
            dial.learning_rate.value = rate
            dial.epochs_per_second.value = 2
        assert dial.wait(SOON) is before

    def test_every_epoch_has_the_rate_that_the_dial_showed(self, dial):
        run = moved(dial, MOVES)
        assert run.history["learning_rate"] == MOVES
        assert dial.schedule() == RatesByEpoch(tuple(MOVES))
        assert list(dial.runs) == [run]

    def test_it_can_be_turned_while_it_trains(self, dial):
        button(dial, "Go on").click()
        until(lambda: len(dial.schedule().rates) >= 2)
        dial.learning_rate.value = 0.05
        run = dial.wait(SOON)
        rates = run.history["learning_rate"]
        turned = rates.index(0.05)
        assert turned >= 1
        assert rates == [0.5] * turned + [0.05] * (6 - turned)

    def test_the_moves_replayed_give_the_same_numbers(self, dial, experiment):
        run = moved(dial, MOVES)
        replayed = experiment.run(dial.schedule())
        for name, values in replayed.history.items():
            assert run.history[name] == pytest.approx(values, rel=1e-6), name

    @pytest.mark.parametrize("epochs", [3, 6])
    def test_the_code_gives_the_same_numbers_also_of_a_training_under_way(self, dial, epochs):
        run = moved(dial, MOVES[:epochs])
        found = printed_by(dial.code, build_model=model, **GIVEN)
        assert set(found) == set(run.final)
        for name, value in found.items():
            assert value == pytest.approx(run.final[name], abs=1e-4), name

    def test_before_the_first_epoch_the_code_has_the_rate_of_the_dial(self, dial):
        assert "learning_rate=0.5" in dial.code

    def test_and_it_follows_the_dial_where_it_is_shown(self, dial):
        dial._code_toggle.value = True
        dial.learning_rate.value = 0.25
        assert "learning_rate=0.25" in dial._code_view.value
        assert dial._code_view.value == dial.code

    def test_a_slow_epoch_is_said_to_train(self, dial, monkeypatch):
        said = []
        monkeypatch.setattr(explorers.run_explorer, "SLOW_EPOCH", 0)
        dial._picture.observe(lambda change: said.append(change.new), "words")
        moved(dial, MOVES[:3])
        assert [words for words in said if words.startswith("Training")] == [
            "Training, epoch 2 of 6",
            "Training, epoch 3 of 6",
        ]


class TestButtons:
    def test_pause_and_go_on(self, experiment):
        with dial_of(experiment, epochs_per_second=2.0) as dial:
            button(dial, "Go on").click()
            until(lambda: dial._now)
            button(dial, "Pause").click()
            paused = dial.wait(SOON)
            done = len(paused.history["loss"])
            assert 0 < done < 6
            assert f"Paused after epoch {done} of 6" in dial._picture.words
            assert repr(dial) == f"LearningRateDialExplorer: {done} epochs trained by hand"
            dial.epochs_per_second.value = 30
            button(dial, "Go on").click()
            run = dial.wait(SOON)
            assert run.history["loss"][:done] == paused.history["loss"]
            assert len(run.history["loss"]) == 6

    def test_one_epoch(self, dial):
        button(dial, "One epoch").click()
        button(dial, "One epoch").click()
        assert len(dial.wait(SOON).history["loss"]) == 2

    def test_a_number_of_epochs_that_cannot_work_is_refused(self, dial):
        with pytest.raises(ValueError, match="`epochs` must be a whole number of at least 1"):
            dial.step(0)

    def test_no_epoch_follows_the_last_one(self, dial):
        dial.step(100)
        run = dial.wait(SOON)
        dial.go_on()
        assert dial.wait(SOON) is run
        assert len(run.history["loss"]) == 6
        assert len(dial.runs) == 1

    def test_start_again_begins_with_the_untrained_model(self, dial):
        first = moved(dial, MOVES[:2])
        button(dial, "Start again").click()
        assert dial.wait(SOON) is None
        assert moved(dial, MOVES[:2]).history == first.history

    def test_start_again_goes_on_if_it_was_going_on(self, experiment):
        with dial_of(experiment, epochs_per_second=10.0) as dial:
            dial.go_on()
            until(lambda: dial._now)
            dial.start_again()
            assert len(dial.wait(SOON).history["loss"]) == 6

    def test_a_pin_keeps_the_training_so_far(self, dial):
        run = moved(dial, MOVES[:3])
        button(dial, "Pin").click()
        assert dial.pins == [("0.5 … 0.1", run)]

    def test_an_epoch_that_is_asked_for_while_it_starts_again_is_trained(self, dial):
        """Also if both buttons are pressed just as the thread is about to train."""
        moved(dial, MOVES[:2])
        pressed, is_due = threading.Event(), dial._is_due

        def is_due_as_somebody_presses():
            if not pressed.is_set():
                pressed.set()
                dial.start_again()
                dial.step()
            return is_due()

        dial._is_due = is_due_as_somebody_presses
        dial.step()
        assert pressed.wait(SOON)
        assert dial.wait(SOON).history["learning_rate"] == [0.5]

    def test_an_epoch_that_had_to_wait_for_its_turn_is_trained_later(self, dial, experiment):
        moved(dial, MOVES[:1])
        half = experiment.follow(0.1)
        next(half)
        dial.step()
        until(lambda: not dial._orders)
        dial.step()  # the thread gives way to this one
        half.close()
        assert dial.wait(SOON).history["learning_rate"] == [0.5] * 3

    def test_start_again_holds_though_it_had_to_wait_for_its_turn(self, dial, experiment):
        moved(dial, MOVES[:1])
        half = experiment.follow(0.1)
        next(half)
        dial.start_again()
        dial.step(2)
        half.close()
        assert dial.wait(SOON).history["learning_rate"] == [0.5] * 2

    def test_the_moves_are_read_once_though_it_begins_anew_meanwhile(self, dial, monkeypatch):
        """What is read of the training so far is there, or nothing is."""
        run = moved(dial, MOVES[:2])
        answers = iter([run])
        kind = type(dial)
        monkeypatch.setattr(kind, "_now", property(lambda self: next(answers, None)), raising=False)
        assert dial.schedule() == RatesByEpoch(tuple(MOVES[:2]))
        for read in (lambda: dial.code == run.code, lambda: dial._epochs_done == 2):
            answers = iter([run])
            assert read()

    def test_speed_is_kept(self, experiment):
        with dial_of(experiment, epochs_per_second=20.0) as dial:
            dial.step()
            dial.wait(SOON)
            began = time.monotonic()
            dial.go_on()
            dial.wait(SOON)
            assert time.monotonic() - began >= 4 / 20  # five epochs, four times between them


def test_while_it_pauses_other_explorers_of_the_experiment_train(dial, experiment):
    moved(dial, MOVES[:2])
    other = LearningRateExplorer(experiment)
    assert other.wait(SOON).verdict


def test_the_controls_do_not_wait_for_tensorflow(experiment, monkeypatch):
    threads = []

    def default():
        threads.append(threading.current_thread())
        return experiment

    monkeypatch.setattr("lrlab.explorers.run_explorer.default_experiment", default)
    with dial_of(None) as dial:
        dial.step()
        assert dial.wait(SOON)
    assert threading.current_thread() not in threads


def test_a_dark_page_gets_a_dark_picture(dial):
    for moves in (0, 1):
        moved(dial, MOVES[:moves])
        light = dial._picture.value
        dial._picture.dark = True
        dark = dial._picture.value
        assert dark != light
        dial._picture.dark = False
        assert dial._picture.value == light


def test_an_error_is_read_and_the_training_so_far_stays(dial, monkeypatch):
    run = moved(dial, MOVES[:2])

    def broken(self, rate):
        raise RuntimeError("out of memory on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(Steered, "epoch", broken)
        dial.go_on()
        assert dial.wait(SOON) is run
        assert "RuntimeError: out of memory on purpose" in dial._picture.words
    dial.step()
    assert len(dial.wait(SOON).history["loss"]) == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"learning_rate": 0}, "`learning_rate` must be a finite number above 0"),
        ({"epochs_per_second": 0}, "`epochs_per_second` must lie between 0.1 and 30"),
    ],
)
def test_first_values_that_cannot_work_are_refused(experiment, settings, says):
    with pytest.raises(ValueError, match=says):
        LearningRateDialExplorer(experiment, **settings)
