"""A name means one question for good: a notebook of another version is told so, not misjudged."""

import hashlib
import re
from pathlib import Path

import nbformat
import pytest

import lrlab
from lrlab.exercises import known
from lrlab.exercises.judging import JUDGES
from lrlab.exercises.judging import QUESTIONS as PREDICTIONS

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

# What each exercise asks, as a digest of its words and of the cell to fill in. A row stays for
# good, when its exercise is gone too: somebody still has the notebook. It may change with the words
# as long as the same answers are right.
QUESTIONS = {
    "00-rate": "bdaf78de",
    "00-line": "8794d0ad",
    "01-step": "ada68c8f",
    "01-limit": "a16add04",
    "01-order": "a6dc7a6e",
    "02-verdicts": "8d585c92",
    "02-change": "43ac6f83",
    "02-order": "dac19c8b",
    "03-schedule": "1b564af5",
    "03-one-number": "1bbd283f",
    "03-slip": "a6ae7965",
    "04-decay-steps": "6a382e37",
    "04-warm-up": "98b588d9",
    "04-order": "7af3c25d",
    "05-cuts": "bfb7276c",
    "05-together": "fcc7d0e3",
    "05-order": "82c1f64c",
    "06-beat": "6fd534f1",
    "06-reach": "d4627913",
    "06-moves": "ba726660",
    "06-slip": "bd488c06",
    "07-losses": "b80fcc3b",
    "07-pick": "d4d33150",
    "07-slip": "253bdf40",
    "08-rate-for": "b5609cca",
    "08-large-batch": "dfdf4392",
    "08-order": "a5dbec45",
    "09-schedule": "fa7d92d0",
    "09-half-life": "40a25317",
    "09-line": "6c981dfd",
    "10-above": "7cc00e91",
    "10-limit": "047a905c",
    "10-line": "c596f6b8",
    "11-row": "ada34419",
    "11-safe": "dad7a18d",
    "11-slip": "77be8d8a",
    "12-diabetes": "62929d39",
    "12-challenge": "67b7bdf4",
    "12-slip": "9e61124d",
    "13-script": "23d88231",
    "13-which": "a98a014d",
    "14-keep": "f8d886a6",
    "14-schedule": "63a462e0",
    "14-quick": "a0ecc3e7",
    "14-line": "e8f55054",
}


def questions_asked():
    """By the notebooks as they are: the name of each exercise, and the digest of what it asks."""
    asked, words = {}, ""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                words = cell.source
            elif stub := re.search(r'lrlab\.check\("(.+)", answer\)', cell.source):
                digest = hashlib.sha256((words + cell.source).encode()).hexdigest()
                asked[stub[1]] = digest[:8]
    return asked


def test_the_notebooks_ask_every_exercise_and_no_other():
    assert sorted(questions_asked()) == known()


@pytest.mark.parametrize(("function", "quick"), [("predict", False), ("ask", True)])
def test_the_notebooks_ask_for_every_prediction_and_quick_question_and_no_other(function, quick):
    known()  # which loads all
    texts = [path.read_text(encoding="utf-8") for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    call = rf'lrlab\.{function}\(\\"(.+?)\\"\)'
    asked = [name for text in texts for name in re.findall(call, text)]
    assert sorted(asked) == sorted(n for n, asked in PREDICTIONS.items() if asked.quick is quick)


def test_no_name_is_that_of_two_questions():
    assert not {*known()} & {*PREDICTIONS}


@pytest.mark.parametrize(("exercise", "digest"), questions_asked().items())
def test_a_name_means_the_same_question_as_before(exercise, digest):
    assert QUESTIONS.get(exercise) == digest, (
        f"The words of {exercise} are not those of before. Are other answers right now? Then give "
        "it a name that is not in QUESTIONS, in its notebook and at its judge. In any case write "
        f'down "{digest}" here for its name.'
    )


class TestAnotherVersion:
    def test_an_exercise_that_this_version_lacks_is_of_another(self):
        words = f"another version of lrlab than {lrlab.__version__}, which is installed here"
        for name in ("03-a-later-question", "99-a-later-notebook"):
            with pytest.raises(ValueError, match=f"'{name}'.* {re.escape(words)}"):
                lrlab.check(name, 0.1)

    def test_a_question_that_became_another_is_not_judged_and_the_others_are(self, monkeypatch):
        """As if lrlab were a later one, whose 03-schedule asks something else by another name."""
        assert "03-schedule" in known()
        monkeypatch.setattr(lrlab, "__version__", "0.2.0")
        monkeypatch.setitem(JUDGES, "03-new-schedule", JUDGES["03-schedule"])
        monkeypatch.delitem(JUDGES, "03-schedule")
        with pytest.raises(ValueError, match=r"'03-new-schedule', .* than 0\.2\.0, which is inst"):
            lrlab.check("03-schedule", lambda epoch: 0.8 * 0.5 ** (epoch // 4))
        assert lrlab.check("08-rate-for", lambda size, momentum: 0.1 * size / 64 * (1 - momentum))
