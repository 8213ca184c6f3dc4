"""Answers that a student hands in: what was predicted and checked, in a file."""

import doctest
import json
import os
import sys
from types import SimpleNamespace

import pytest

import lrlab
from lrlab.exercises import answers, known
from lrlab.exercises.judging import QUESTIONS

QUESTION = "Twice the rate: are the first steps longer?"
REASONS = {"yes": "A step is rate times gradient.", "no": "They double."}


@pytest.fixture(autouse=True)
def nothing_answered(monkeypatch):
    monkeypatch.setattr(answers, "_MEMORY", {"predictions": [], "exercises": []})
    monkeypatch.setattr(answers, "_TROUBLE", [])


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """The folder of a notebook whose kernel this is; a function that starts the kernel again."""
    shell = SimpleNamespace(kernel=None, starting_dir=str(tmp_path))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.delenv("LRLAB_WAIT", raising=False)

    def restart():
        monkeypatch.setattr(answers, "_MEMORY", {"predictions": [], "exercises": []})
        monkeypatch.setattr(answers, "_TROUBLE", [])

    return restart


def answer(choice, name="00-decay"):
    prediction = lrlab.predict(name)
    prediction.answer = choice
    return prediction.score()


def names():
    return [*known(), *QUESTIONS]


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
    lrlab.check("03-schedule", lambda epoch: 0.4)
    lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4))
    lrlab.check("03-schedule", lambda epoch: 0.1, solution=True)  # not the student's
    (exercise,) = saved(tmp_path / "answers.json")["exercises"]
    assert (exercise["exercise"], exercise["passed"]) == ("03-schedule", True)
    assert exercise["wrong_answers"] == 2
    assert "0.8 in epochs 0 to 3" in exercise["message"]


def test_what_is_said_of_an_answer_counts_the_questions_of_its_notebook_that_are_done():
    """As many as 03 has; one of 06 counts for the course."""
    total, course = sum(name[:2] == "03" for name in names()), len(names())
    said, prediction = [lrlab.check("03-schedule", ...)], lrlab.predict("03-which-number")
    said.append(prediction.score())
    prediction.answer = "the interval"
    said.append(prediction.score())  # wrong, and done: the first answer counts
    said.append(lrlab.check("03-schedule", lambda epoch: 0.8))
    lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4), solution=True)
    lrlab.check("06-moves", lambda epoch: 0.1 if epoch < 2 else 0.5 if epoch < 10 else 0.05)
    said.append(lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4)))
    said.append(lrlab.check("03-schedule", lambda epoch: 0.8))  # what is done stays done
    counted = [f"{k} of {total} questions of this notebook done" for k in (0, 0, 1, 1, 2, 2)]
    for place, others in ((2, 1), (3, 1), (4, 3), (5, 3)):
        counted[place] += f"; {others} of {course} of the course"
    assert [one.done for one in said] == counted
    assert counted[-1] in said[-1]._repr_html_()
    assert counted[-1] not in repr(said[-1])


def test_without_an_answer_nothing_is_noted():
    lrlab.predict("00-decay").score()
    lrlab.check("03-schedule", ...)
    assert answers._MEMORY == {"predictions": [], "exercises": []}


class TestTheFileBesideTheNotebook:
    def test_an_answer_survives_the_kernel_and_the_first_one_counts(self, notebook):
        answer("higher")
        notebook()
        again = lrlab.predict("00-decay")
        assert (again.answer, again.scored) == ("higher", True)
        again.answer = "much lower"
        assert not again.score()
        notebook()
        assert lrlab.predict("00-decay").answer == "higher"

    def test_exercises_survive_with_the_number_of_wrong_answers(self, notebook, tmp_path):
        lrlab.check("03-schedule", lambda epoch: 0.8)
        notebook()
        lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4))
        notebook()
        assert answers.done() == {"03-schedule"}
        (exercise,) = saved(tmp_path / "handed-in.json")["exercises"]
        assert (exercise["passed"], exercise["wrong_answers"]) == (True, 1)

    def test_two_notebooks_write_into_one_file(self, notebook, tmp_path):
        answer("higher")
        notebook()
        answer("They end about the same", "02-two-ends")
        notebook()
        assert answers.done() == {"00-decay", "02-two-ends"}
        assert [path.name for path in tmp_path.iterdir()] == [answers.FILE]

    def test_a_question_of_ones_own_is_kept_and_asked_again(self, notebook, tmp_path):
        for choice in ("no", "yes"):
            prediction = lrlab.predict(QUESTION, REASONS, right="yes")
            assert prediction.answer is None
            prediction.answer = choice
            prediction.score()
            notebook()
        assert [p["answer"] for p in saved(tmp_path / "a.json")["predictions"]] == ["no"]

    def test_who_deletes_the_file_begins_again(self, notebook, tmp_path):
        answer("higher")
        (tmp_path / answers.FILE).unlink()
        assert lrlab.predict("00-decay").answer is None
        assert not answers.done()

    def test_nothing_is_written_before_an_answer(self, notebook, tmp_path):
        lrlab.predict("00-decay").score()
        lrlab.ask("00-quick-drops").pressed += 1
        lrlab.check("03-schedule", ...)
        lrlab.check("03-schedule", lambda epoch: 0.8, solution=True)
        assert repr(lrlab.progress()).startswith("No question")
        assert not list(tmp_path.iterdir())

    def test_nothing_is_read_or_written_while_outputs_are_stored(
        self, notebook, tmp_path, monkeypatch
    ):
        answer("higher")
        kept = (tmp_path / answers.FILE).read_bytes()
        notebook()
        monkeypatch.setenv("LRLAB_WAIT", "1")
        assert lrlab.predict("00-decay").answer is None
        answer("much lower")
        assert (tmp_path / answers.FILE).read_bytes() == kept

    def test_nothing_is_written_for_the_visitors_of_a_page(self, notebook, tmp_path, monkeypatch):
        monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.8")
        answer("higher")
        assert not list(tmp_path.iterdir())

    def test_nothing_is_written_outside_a_notebook(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        answer("higher")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"{",
            b"[]",
            b"\xff",
            b"[" * 100_000,
            b'{"predictions": []}',
            b'{"predictions": [1], "exercises": []}',
            b'{"predictions": [{"answer": "no"}], "exercises": []}',
        ],
    )
    def test_a_damaged_file_is_kept_and_said(self, notebook, tmp_path, text):
        (tmp_path / "lrlab-answers-damaged-1.json").write_text("an older one")
        (tmp_path / answers.FILE).write_bytes(text)
        said = answer("higher").done
        assert "is kept as `lrlab-answers-damaged-2.json`, and a new one is begun." in said
        assert (tmp_path / "lrlab-answers-damaged-2.json").read_bytes() == text
        assert (tmp_path / "lrlab-answers-damaged-1.json").read_text() == "an older one"
        notebook()
        assert answers.done() == {"00-decay"}
        assert not answers.trouble()

    def test_a_file_that_is_damaged_while_the_kernel_lives_loses_nothing(self, notebook, tmp_path):
        answer("higher")
        (tmp_path / answers.FILE).write_text("{")
        answer("They end about the same", "02-two-ends")
        notebook()
        assert answers.done() == {"00-decay", "02-two-ends"}

    def test_where_no_file_can_be_had_answers_last_as_long_as_the_kernel(self, notebook, tmp_path):
        (tmp_path / answers.FILE).mkdir()
        said = answer("higher").done
        assert "Your answers last until this kernel ends: `lrlab-answers.json` cannot be" in said
        assert answers.done() == {"00-decay"}
        assert [path.name for path in tmp_path.iterdir()] == [answers.FILE]

    def test_a_write_that_fails_leaves_the_file_as_it_was(self, notebook, tmp_path, monkeypatch):
        answer("higher")
        kept = (tmp_path / answers.FILE).read_bytes()

        def full(self, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(answers.Path, "replace", full)
        said = answer("They end about the same", "02-two-ends").done
        assert "cannot be used (No space left on device)." in said
        assert (tmp_path / answers.FILE).read_bytes() == kept
        assert [path.name for path in tmp_path.iterdir()] == [answers.FILE]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_is_left_alone(self, notebook, tmp_path):
        (tmp_path / answers.FILE).write_text("somebody's")
        (tmp_path / answers.FILE).chmod(0)
        assert "cannot be used" in answer("higher").done
        (tmp_path / answers.FILE).chmod(0o600)
        assert (tmp_path / answers.FILE).read_text() == "somebody's"


class TestProgress:
    def test_says_how_much_of_each_notebook_and_of_the_course_is_done(self, notebook):
        assert lrlab.progress()._repr_html_() is None
        answer("higher")
        done, asked = 1, sum(name[:2] == "00" for name in names())
        lrlab.check("03-schedule", lambda epoch: 0.8)  # wrong, so it is open
        words = f"1 of {len(names())} questions done. 00: {done} of {asked}."
        assert repr(lrlab.progress()) == words
        page = lrlab.progress()._repr_html_()
        assert f"{done} of {asked}" in page
        assert page.count("<progress") == 15
        assert page.index("07 finding") < page.index("01 what is")  # in the order of the path

    def test_says_what_is_the_matter_with_the_file(self, notebook, tmp_path):
        (tmp_path / answers.FILE).write_text("{")
        answer("higher")
        assert "lrlab-answers-damaged-1.json" in lrlab.progress()._repr_html_()
