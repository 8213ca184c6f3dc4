"""A prediction: asked, recorded, scored; the same every time where nobody answers."""

import doctest

import pytest

from lrlab.exercises import Score, ask, predict, predictions
from lrlab.exercises.judging import QUESTIONS

REASONS = {"lower": "It is shorter.", "higher": "It is longer."}


@pytest.fixture
def prediction():
    return predict("Which is <it>?", REASONS, right="lower")


def test_unanswered_it_is_the_same_every_time(prediction):
    assert prediction.answer is None
    assert repr(prediction) == "Prediction: not answered yet"
    score = prediction.score()
    assert repr(score) == "Not answered yet: choose above, then run this cell again."
    assert not score
    assert score == predict("Another?", REASONS, right="higher").score()


def test_a_right_answer_gets_its_reason(prediction):
    prediction.answer = "lower"
    score = prediction.score()
    assert score
    assert score == Score("lower", True, repr(score))
    assert repr(score) == "You predicted “lower”, and that is right. It is shorter."
    assert ">✓</span> Right" in score._repr_html_()


def test_a_wrong_answer_gets_its_own_reason_and_the_right_one(prediction):
    prediction.answer = "higher"
    score = prediction.score()
    assert not score
    assert score.answer == "higher"
    assert score.words == "You predicted “higher”. It is longer. Right is “lower”: It is shorter."
    assert ">✗</span> Not right" in score._repr_html_()


def test_a_click_on_a_choice_is_the_answer(prediction):
    prediction.chosen = 1  # as the page does
    assert prediction.answer == "higher"
    assert repr(prediction) == "Prediction: higher"


def test_an_answer_may_change_until_it_is_scored(prediction):
    prediction.answer = "higher"
    prediction.answer = "lower"
    prediction.score()
    prediction.answer = "higher"
    assert prediction.answer == "lower"
    assert prediction.scored


def test_scoring_too_early_leaves_it_open(prediction):
    prediction.score()
    assert not prediction.scored


def test_stored_without_a_kernel_the_question_and_its_choices_can_be_read(prediction):
    bundle, _ = prediction._repr_mimebundle_()
    assert bundle["text/html"] == (
        "<b>Which is &lt;it&gt;?</b><ul><li>lower</li><li>higher</li></ul>"
    )
    assert bundle["text/plain"] == "Prediction: not answered yet"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_code_between_backticks_is_shown_as_code():
    reasons = {"`None`": "So it does.", "an error": "No."}
    prediction = predict("What does `f(a < b)` give?", reasons, right="`None`")
    assert prediction._repr_mimebundle_()[0]["text/html"] == (
        "<b>What does <code>f(a &lt; b)</code> give?</b>"
        "<ul><li><code>None</code></li><li>an error</li></ul>"
    )
    prediction.answer = "`None`"
    assert prediction.score()
    assert "You predicted “<code>None</code>”" in prediction.score()._repr_html_()


@pytest.mark.parametrize("choices", [{}, {"one": "Yes."}, ["one", "two"], "yes or no"])
def test_choices_that_are_none_are_refused(choices):
    with pytest.raises(ValueError, match=r"dictionary of two or more choices.*Received: choices="):
        predict("Which?", choices, right="one")


@pytest.mark.parametrize("right", ["equal", None])
def test_the_right_choice_must_be_one(right):
    with pytest.raises(ValueError, match=r"must be one of 'lower', 'higher'\. Received: right='"):
        predict("Which?", REASONS, right=right)


def test_an_answer_that_is_no_choice_is_refused(prediction):
    with pytest.raises(ValueError, match=r"must be one of .*'lower', 'higher'.*Received: 'equal'"):
        prediction.answer = "equal"


def test_a_question_that_this_version_lacks_is_of_another():
    for name in ("00-nothing", "99-a-later-notebook", "What do you think?"):
        with pytest.raises(
            ValueError, match=f"'00-decay', .*Received: question='{name[:4]}"
        ) as said:
            predict(name)
        assert "another version of lrlab" in str(said.value)


def test_each_question_of_the_notebooks_can_be_asked_and_answered():
    with pytest.raises(ValueError, match="must be one of"):
        predict("")  # which loads all
    for name, question in QUESTIONS.items():
        prediction = (ask if question.quick else predict)(name)
        prediction.answer = question.right
        assert prediction.score(), name


def test_the_right_choice_is_not_always_the_last():
    for quick in (False, True):
        asked = [question for question in QUESTIONS.values() if question.quick is quick]
        places = [list(question.reasons).index(question.right) for question in asked]
        assert all(0 < places.count(place) <= len(places) / 2 for place in range(3)), places


def test_each_choice_has_a_reason_of_its_own_and_none_is_much_longer_than_the_others():
    for name, question in QUESTIONS.items():
        assert all(question.reasons.values()), name
        assert len({*question.reasons.values()}) == len(question.reasons), name
        others = max(len(choice) for choice in question.reasons if choice != question.right)
        assert len(question.right) <= 2 * others + 10, name


class TestQuickQuestion:
    @pytest.fixture
    def question(self):
        return ask("Which is it?", REASONS, right="lower")

    def test_its_button_says_what_is_right_and_the_first_answer_stays(self, question):
        question.pressed += 1
        assert "Not answered yet: choose one first." in question.said
        question.chosen = 1
        assert not question.said.count("Right is")
        question.pressed += 1
        assert "You said “higher”. It is longer. Right is “lower”: It is shorter." in question.said
        assert question.scored
        question.answer = "lower"
        question.pressed += 1
        assert "You said “higher”" in question.said

    def test_before_that_the_page_knows_nothing_of_what_is_right(self, question):
        state = str(question.get_state(question.keys))
        assert not [reason for reason in REASONS.values() if reason in state]

    def test_one_that_was_answered_before_says_so_at_once(self, monkeypatch):
        monkeypatch.setattr(predictions, "earlier_answer", {"kept": "higher"}.get)
        about = predictions.Question("Which is it?", REASONS, "lower")
        assert "Right is “lower”" in predictions.QuickQuestion(about, "kept").said
        assert predictions.QuickQuestion(about, "another").said == ""

    def test_the_page_has_all_that_it_shows_and_nothing_else(self, question):
        shown = {"question", "labels", "chosen", "scored", "button", "pressed", "said"}
        traits = question.class_own_traits() | predictions.Prediction.class_own_traits()
        own = {name for name in traits if not name.startswith("_")}
        assert own == shown | {"picture", "alt"}
        assert own <= {*question.keys}

    def test_its_heading_is_not_that_of_a_prediction(self, question):
        question.answer = "lower"
        assert "Right (your answer)" in question.score()._repr_html_()


def test_the_example_runs():
    assert doctest.testmod(predictions).failed == 0
