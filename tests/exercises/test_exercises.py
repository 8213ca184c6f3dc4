"""What `check` says of any exercise; tests/course has those of the notebooks."""

import doctest

import pytest

from lrlab import exercises
from lrlab.exercises import Feedback, Score, check
from lrlab.exercises.markdown import as_markdown


def test_an_unknown_exercise_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match=r"'00-rate', .*'03-sch.*\. Received: exercise='01-x'"):
        check("01-x", ...)


def test_feedback_says_what_it_is():
    assert repr(Feedback("00-rate", True, "Well.")) == "Exercise 00-rate: right. Well."
    assert repr(Feedback("00-rate", False, "Lower.")) == "Exercise 00-rate: not right yet. Lower."
    assert Feedback("00-rate", True, "")
    assert Feedback("00-rate", False, "Lower.")._repr_markdown_().endswith("Lower.")


def test_what_is_quoted_is_no_tag():
    said = check("03-schedule", lambda epoch: print)
    assert "it returned <built-in function print>." in repr(said)
    assert "it returned &lt;built-in function print>." in said._repr_markdown_()
    assert Score(None, False, "a < b & c")._repr_markdown_() == "a &lt; b &amp; c"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("`rate` is **0.1** -> 1", "`rate` is **0.1** -> 1"),
        ("\\`<b>\\`", "\\<code>&lt;b&gt;&#92;</code>"),
        ("`a<b` `c`", "<code>a&lt;b</code> `c`"),
        ("`x[0][1] < *p`", "<code>x&#91;0&#93;&#91;1&#93; &lt; &#42;p</code>"),
        ("[a](javascript:b)", "[a&#93;(javascript:b)"),
        ("[a]: javascript:b", "[a&#93;: javascript:b"),
        ("[0.1, 0.5]", "[0.1, 0.5]"),
    ],
)
def test_markdown_shows_words_as_they_read(words, shown):
    assert as_markdown(words).replace("&gt;", ">") == shown.replace("&gt;", ">")


def test_the_example_runs():
    assert doctest.testmod(exercises.markdown).failed == 0
    assert doctest.testmod(exercises).failed == 0
