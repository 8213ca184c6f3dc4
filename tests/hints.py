"""What the tests of exercises share."""

from lrlab.exercises import check


def hint(exercise, answer):
    """The message of a wrong answer."""
    feedback = check(exercise, answer)
    assert feedback.passed is False, feedback
    assert not feedback
    return feedback.message
