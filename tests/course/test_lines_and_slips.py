"""Exercises of another kind: complete a line, find the slip, order the curves."""

import pytest
from hints import hint

from lrlab.exercises import check, curves

RIGHT = {
    "00-line": lambda epoch: 0.1 * 0.5 ** (epoch // 4),
    "02-order": "CADB",
    "07-slip": 3,
    "10-line": lambda sharpness: 2 / sharpness,
    "11-slip": 1,
    "12-slip": 3,
    "14-line": ".*block2/.*",
}


@pytest.mark.parametrize(("exercise", "answer"), RIGHT.items())
def test_the_right_answer_passes(exercise, answer):
    assert check(exercise, answer)


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        ("00-line", lambda epoch: 0.1 * 0.5**epoch, "it halves every epoch"),
        ("00-line", lambda epoch: 0.1 * 0.5 ** (epoch / 4), "`//`, without remainder"),
        ("00-line", lambda epoch: 0.1 * 0.5 ** (epoch % 4), "`%` is the remainder"),
        ("00-line", lambda epoch: 0.1 * 0.5 ** (epoch // 5), "halves every 5 epochs"),
        ("00-line", lambda epoch: 0.1, "how many drops are due"),
        ("00-line", 0.1, "Give the function itself"),
        ("02-order", "BDAC", "Begin with the lowest"),
        ("02-order", ["B", "C", "A", "D"], "At a low rate it would creep"),
        ("02-order", "CBAD", "Which curve shows that?"),
        ("02-order", "ACDB", "falls faster"),
        ("02-order", "ABC", "four letters once each"),
        ("02-order", 3, "four letters once each"),
        ("10-line", lambda sharpness: 1 / sharpness, "twice as long a one is still stable"),
        ("10-line", lambda sharpness: sharpness / 2, "the sharper, the lower"),
        ("10-line", lambda sharpness: 3 / sharpness, "it should be 0.5"),
        ("10-line", lambda sharpness: None, "must return a float"),
        ("10-line", 2.0, "Give the function itself"),
        ("14-line", "block2/.*", "does not match `sequential/body/block2/kernel`. The whole path"),
        ("14-line", ".*block2.*", "It matches `sequential/body/block20/kernel`"),
        ("14-line", ".*", "It matches `sequential/body/block1/kernel`"),
        ("14-line", "head", "does not match `sequential/body/block2/kernel`."),
        ("14-line", "*block2", "It is no pattern"),
        ("14-line", 2, "Give the pattern as a string"),
    ],
)
def test_each_mistake_has_its_hint(exercise, answer, words):
    assert words in hint(exercise, answer)


@pytest.mark.parametrize(("exercise", "lines"), [("07-slip", 7), ("11-slip", 6), ("12-slip", 5)])
def test_of_each_line_without_a_slip_is_said_what_it_does(exercise, lines):
    others = [line for line in range(1, lines + 1) if line != RIGHT[exercise]]
    said = [hint(exercise, line) for line in others]
    assert [words.split(":")[0] for words in said] == [f"Line {line} is right" for line in others]
    assert len({*said}) == len(said)
    for answer in (0, lines + 1, "3rd", None):
        assert hint(exercise, answer) == f"Give the number of a line, from 1 to {lines}."


def test_the_words_of_the_curves_tell_them_apart_and_name_no_rate():
    said = curves("02-order").alt
    assert [f"{name}: " in said for name in "ABCD"] == [True] * 4
    assert "rate" not in said
    assert "B: is flat from the second epoch on, and high." in said
