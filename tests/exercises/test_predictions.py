"""A prediction: asked, recorded, scored; the same every time where nobody answers."""

import doctest

import pytest

from lrlab.exercises import Score, predict, predictions

CHOICES = ["lower", "higher"]
REASONS = {"lower": "It is shorter.", "higher": "It is longer."}


@pytest.fixture
def prediction():
    return predict("Which is <it>?", CHOICES)


def test_unanswered_it_is_the_same_every_time(prediction):
    assert prediction.answer is None
    assert repr(prediction) == "Prediction: not answered yet"
    score = prediction.score("lower", REASONS)
    assert repr(score) == "Not answered yet: choose above, then run this cell again."
    assert not score
    assert score == predict("Another?", CHOICES).score("lower", REASONS)


def test_a_right_answer_gets_its_reason(prediction):
    prediction.answer = "lower"
    score = prediction.score("lower", REASONS)
    assert score
    assert score == Score("lower", True, repr(score))
    assert repr(score) == "You predicted “lower”, and that is right. It is shorter."


def test_a_wrong_answer_gets_its_own_reason_and_the_right_one(prediction):
    prediction.answer = "higher"
    score = prediction.score("lower", REASONS)
    assert not score
    assert score.answer == "higher"
    assert score.words == "You predicted “higher”. It is longer. Right is “lower”: It is shorter."


def test_a_click_on_a_choice_is_the_answer(prediction):
    prediction._radio.value = "higher"
    assert prediction.answer == "higher"
    assert repr(prediction) == "Prediction: higher"


def test_an_answer_may_change_until_it_is_scored(prediction):
    prediction.answer = "higher"
    prediction.answer = "lower"
    prediction.score("lower", REASONS)
    prediction.answer = "higher"
    assert prediction.answer == "lower"
    assert prediction._radio.disabled


def test_scoring_too_early_leaves_it_open(prediction):
    prediction.score("lower", REASONS)
    assert not prediction._radio.disabled


def test_stored_without_a_kernel_the_question_and_its_choices_can_be_read(prediction):
    bundle = prediction._repr_mimebundle_()
    assert bundle["text/html"] == (
        "<b>Which is &lt;it&gt;?</b><ul><li>lower</li><li>higher</li></ul>"
    )
    assert bundle["text/plain"] == "Prediction: not answered yet"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_code_between_backticks_is_shown_as_code():
    prediction = predict("What does `f(a < b)` give?", ["`None`", "an error"])
    question, choices = (
        "What does <code>f(a &lt; b)</code> give?",
        ["<code>None</code>", "an error"],
    )
    assert prediction.children[0].value == f"<b>{question}</b>"
    listed = "".join(f"<li>{choice}</li>" for choice in choices)
    assert prediction._repr_mimebundle_()["text/html"] == f"<b>{question}</b><ul>{listed}</ul>"


def test_radio_buttons_show_no_html_so_their_labels_are_plain():
    prediction = predict("What does `f(a < b)` give?", ["`None`", "an error"])
    assert prediction._radio._options_labels == ("None", "an error")
    assert prediction._radio.tooltip == "What does f(a < b) give?"
    prediction._radio.index = 0
    assert prediction.answer == "`None`"
    assert prediction.score("`None`", {"`None`": "So it does.", "an error": "No."})


def test_a_score_is_markdown_so_that_long_lines_wrap(prediction):
    score = prediction.score("lower", REASONS)
    assert score._repr_markdown_() == repr(score)


@pytest.mark.parametrize("choices", [[], ["one"], ["same", "same"], "yes or no"])
def test_choices_that_are_none_are_refused(choices):
    with pytest.raises(ValueError, match=r"two or more different answers\. Received: choices="):
        predict("Which?", choices)


def test_an_answer_that_is_no_choice_is_refused(prediction):
    with pytest.raises(ValueError, match=r"must be one of .*'lower', 'higher'.*Received: 'equal'"):
        prediction.answer = "equal"


@pytest.mark.parametrize(
    ("right", "reasons"), [("equal", REASONS), ("lower", {"lower": "It is shorter."})]
)
def test_every_choice_needs_a_reason(prediction, right, reasons):
    with pytest.raises(ValueError, match="must give a reason for each"):
        prediction.score(right, reasons)


def test_the_example_runs():
    assert doctest.testmod(predictions).failed == 0
