"""What `check` says of any exercise; tests/course has those of the notebooks."""

import doctest

import pytest

from lrlab import exercises
from lrlab.exercises import Feedback, check


def test_an_unknown_exercise_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match=r"'00-rate', .*'03-sch.*\. Received: exercise='01-x'"):
        check("01-x", ...)


def test_feedback_says_what_it_is():
    assert repr(Feedback("00-rate", True, "Well.")) == "Exercise 00-rate: right. Well."
    assert repr(Feedback("00-rate", False, "Lower.")) == "Exercise 00-rate: not right yet. Lower."
    assert Feedback("00-rate", True, "")
    assert Feedback("00-rate", False, "Lower.")._repr_markdown_().endswith("Lower.")


def test_the_example_runs():
    assert doctest.testmod(exercises).failed == 0
