"""What cannot work is said at the door: the rule, what was received, what to do."""

import pytest

from lrlab.checks import as_learning_rate, as_whole_number


class TestChecks:
    @pytest.mark.parametrize(
        "check",
        [lambda: as_learning_rate("x", "speed"), lambda: as_whole_number("x", "speed", 2)],
    )
    def test_a_message_names_the_rule_the_value_and_the_cure(self, check):
        with pytest.raises(ValueError, match=r"^`speed` must be .*Received: speed='x'\. \w+.*\.$"):
            check()

    @pytest.mark.parametrize(
        ("value", "least", "cure"), [(2.5, 1, 2), (0, 1, 1), ("x", 1, 1), (-3, 0, 0)]
    )
    def test_a_whole_number_is_suggested(self, value, least, cure):
        with pytest.raises(ValueError, match=f"epochs={cure}"):
            as_whole_number(value, "epochs", least)
