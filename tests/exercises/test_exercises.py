"""What `check` says of any exercise; tests/course has those of the notebooks."""

import doctest
import re

import pytest

from lrlab import exercises
from lrlab.exercises import Feedback, Score, check
from lrlab.exercises.card import as_html
from lrlab.exercises.judging import JUDGES, exercise


def test_an_unknown_exercise_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match=r"'00-rate', .*'03-sch.*\. Received: exercise='01-x'"):
        check("01-x", ...)


def test_feedback_says_what_it_is():
    assert repr(Feedback("00-rate", True, "Well.")) == "Exercise 00-rate: right. Well."
    assert repr(Feedback("00-rate", False, "Lower.")) == "Exercise 00-rate: not right yet. Lower."
    assert Feedback("00-rate", True, "")
    assert not Feedback("00-rate", False, "Lower.")


def test_right_or_wrong_has_a_sign_and_words_beside_its_colour():
    cards = [Feedback("00-rate", passed, "So.")._repr_html_() for passed in (True, False, None)]
    for card, sign, word in zip(
        cards, "✓✗…", ("Right", "Not right yet", "Not answered"), strict=True
    ):
        assert f">{sign}</span> {word}" in card
        assert "So." in card
    colours = [re.search("solid (.+?);", card)[1] for card in cards]
    assert len(set(colours)) == 3
    assert all(colour.startswith("var(--jp-") for colour in colours)  # it follows the page's theme


def test_of_a_solution_is_said_that_it_passes_and_no_more():
    right, wrong = (lambda epoch: 0.8 * 0.5 ** (epoch // 4)), (lambda epoch: 0.8)
    passing = check("03-schedule", right, solution=True)
    assert repr(passing) == "Exercise 03-schedule: the solution passes."
    assert passing._repr_html_() is None
    assert passing.message == check("03-schedule", right).message
    failing = check("03-schedule", wrong, solution=True)
    assert repr(failing) == repr(check("03-schedule", wrong))


def test_a_judge_is_found_by_its_name_and_stays_a_function(monkeypatch):
    monkeypatch.setitem(JUDGES, "99-even", None)

    @exercise("99-even")
    def even(answer):
        return f"{answer} is."

    assert JUDGES["99-even"] is even
    assert check("99-even", 2).message == even(2) == "2 is."


def test_what_is_quoted_is_no_tag():
    said = check("03-schedule", lambda epoch: print)
    assert "it returned <built-in function print>." in repr(said)
    assert "it returned &lt;built-in function print&gt;." in said._repr_html_()
    assert "a &lt; b &amp; c" in Score(None, False, "a < b & c")._repr_html_()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("`rate` is 0.1", "<code>rate</code> is 0.1"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("`a<b` `c`", "<code>a&lt;b</code> <code>c</code>"),
        ("<img src='x'>", "&lt;img src=&#x27;x&#x27;&gt;"),
        ("[a](javascript:b) **c**", "[a](javascript:b) **c**"),
    ],
)
def test_html_shows_words_as_they_read(words, shown):
    assert as_html(words) == shown


def test_the_example_runs():
    assert doctest.testmod(exercises.card).failed == 0
    assert doctest.testmod(exercises).failed == 0
