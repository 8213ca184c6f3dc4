"""Answers that a student hands in: what was predicted and checked, in a file."""

import doctest
import json

import pytest

import lrlab
from lrlab.exercises import answers

QUESTION = "Twice the rate: are the first steps longer?"
REASONS = {"yes": "A step is rate times gradient.", "no": "They double."}


@pytest.fixture(autouse=True)
def nothing_answered(monkeypatch):
    monkeypatch.setattr(answers, "_PREDICTIONS", {})
    monkeypatch.setattr(answers, "_EXERCISES", {})
    monkeypatch.setattr(answers, "_DONE", set())


def saved(path, **options):
    return json.loads(lrlab.save_answers(path, **options).read_text(encoding="utf-8"))


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(answers).failed == 0


def test_without_an_answer_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"nothing to save.*Received: path="):
        lrlab.save_answers(tmp_path / "answers.json")
    assert not list(tmp_path.iterdir())


def test_a_prediction_is_saved_with_what_was_right(tmp_path):
    prediction = lrlab.predict(QUESTION, REASONS, right="yes")
    prediction.answer = "no"
    prediction.score()
    kept = saved(tmp_path / "answers.json", name="Zoë")
    assert kept["name"] == "Zoë"
    noted = {"prediction": "", "question": QUESTION, "answer": "no", "right": "yes"}
    assert kept["predictions"] == [noted]


def test_the_first_answer_counts_though_the_cell_is_run_again(tmp_path):
    for choice in (None, "no", "yes"):
        prediction = lrlab.predict(QUESTION, REASONS, right="yes")
        if choice:
            prediction.answer = choice
        prediction.score()
    assert [p["answer"] for p in saved(tmp_path / "a.json")["predictions"]] == ["no"]


def test_an_exercise_is_saved_with_the_number_of_wrong_answers(tmp_path):
    lrlab.check("03-schedule", ...)
    lrlab.check("03-schedule", lambda epoch: 0.8)
    lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4))
    lrlab.check("03-schedule", lambda epoch: 0.1, solution=True)  # not the student's
    (exercise,) = saved(tmp_path / "answers.json")["exercises"]
    assert (exercise["exercise"], exercise["passed"]) == ("03-schedule", True)
    assert exercise["wrong_answers"] == 1
    assert "0.8 in epochs 0 to 3" in exercise["message"]


def test_what_is_said_of_an_answer_counts_the_questions_of_its_notebook_that_are_done():
    """03 has a prediction and two exercises."""
    said, prediction = [lrlab.check("03-schedule", ...)], lrlab.predict("03-which-number")
    said.append(prediction.score())
    prediction.answer = "the interval"
    said.append(prediction.score())  # wrong, and done: the first answer counts
    said.append(lrlab.check("03-schedule", lambda epoch: 0.8))
    lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4), solution=True)
    lrlab.check("06-moves", lambda epoch: 0.1 if epoch < 2 else 0.5 if epoch < 10 else 0.05)
    said.append(lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4)))
    said.append(lrlab.check("03-schedule", lambda epoch: 0.8))  # what is done stays done
    counted = [f"{k} of 3 questions of this notebook done" for k in (0, 0, 1, 1, 2, 2)]
    assert [one.done for one in said] == counted
    assert counted[-1] in said[-1]._repr_html_()
    assert counted[-1] not in repr(said[-1])
