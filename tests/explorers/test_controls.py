"""Sliders: where they stop, and what may be typed beside them."""

import math

import pytest

from lrlab.explorers import number_slider, rate_slider
from lrlab.explorers.controls import boundaries_slider, epochs_slider, notches


def typed(slider, text, which=0):
    """Type into a box of a slider as a page does, and return its value and its words."""
    slider._take_typed(slider, {"typed": text, "which": which}, [])
    return slider.value, slider.problem


class TestStops:
    @pytest.mark.parametrize("first", [0.01, 1e-12, 3e5])
    def test_a_rate_stops_at_ten_round_numbers_a_decade(self, first):
        slider = rate_slider("learning_rate", first)
        tens = [stop * 10 ** -math.floor(math.log10(stop) + 1e-9) for stop in slider.stops]
        assert tens[:10] == pytest.approx([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8])
        assert tens[::10] == pytest.approx([1] * (len(slider.stops) // 10 + 1))
        assert slider.min <= first <= slider.max
        assert [text for _, text in slider.marks] == [f"{stop:g}" for stop in slider.stops[::10]]

    def test_what_the_notebooks_ask_for_is_a_stop_or_can_be_typed(self):
        slider = rate_slider("learning_rate", 0.01)
        assert {0.03, 0.3, 0.8, 1.2, 3.0} <= set(slider.stops)
        assert typed(slider, "1.6") == (1.6, "")
        assert typed(slider, " 1.25e-2 ") == (0.0125, "")
        assert typed(slider, "0,3") == (0.3, "")

    def test_both_ends_are_stops_even_where_no_step_leads_there(self):
        slider = number_slider("smoothing", 0.8, 0.013, 0.98, "", step=0.25)
        assert slider.stops == [0.013, 0.25, 0.5, 0.75, 0.98]

    def test_a_slider_of_many_epochs_has_gaps(self):
        assert epochs_slider("epochs", 3, 5, "").stops == [1, 2, 3, 4, 5]
        many = epochs_slider("epochs", 3, 5000, "")
        assert many.stops == [1, *range(50, 5001, 50)]
        assert typed(many, "777") == (777, "")


class TestTyping:
    @pytest.mark.parametrize("text", ["", "fast", "nan", "inf", "-1", "0", "100"])
    def test_what_is_no_rate_is_refused_in_words_and_the_value_stays(self, text):
        slider = rate_slider("learning_rate", 0.1)
        value, problem = typed(slider, text)
        assert value == 0.1
        assert problem.startswith("'learning rate' must be a number from 0.0001 to 10, ")
        assert "Received: " in problem

    def test_the_words_go_as_soon_as_the_value_moves(self):
        slider = rate_slider("learning_rate", 0.1)
        typed(slider, "fast")
        slider.value = 0.2
        assert slider.problem == ""
        typed(slider, "fast")
        assert typed(slider, "0.2") == (0.2, "")

    def test_each_of_two_numbers_has_a_box(self):
        slider = boundaries_slider("boundaries", (5, 10), 15)
        assert typed(slider, "12", which=1) == ((5, 12), "")
        value, problem = typed(slider, "13", which=0)
        assert value == (5, 12)
        assert problem.startswith("`boundaries` must be two epochs, the earlier one first.")

    def test_notches_take_nothing_between(self):
        slider = notches("batch_size", 32, [16, 64], "")
        assert typed(slider, "64") == (64, "")
        assert type(slider.value) is int
        assert typed(slider, "50")[1].startswith("'batch size' must be one of [16, 32, 64].")
