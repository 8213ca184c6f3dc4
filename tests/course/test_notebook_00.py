"""The exercise of `00_start_here`."""

import dataclasses

import numpy as np
from hints import hint

import lrlab
from lrlab.exercises import check


class TestRate:
    def test_a_good_rate_passes(self, run):
        assert check("00-rate", run(0.5)).message == "With 0.5 the validation accuracy is 0.956."

    def test_too_low_a_rate(self, run):
        assert hint("00-rate", run(0.01)) == (
            "With 0.01 the validation accuracy is 0.794, and 0.95 is wanted. Try a higher rate."
        )

    def test_too_high_a_rate(self, run):
        assert "With 2.0 the training is stuck: the rate is too high." in hint("00-rate", run(2.0))

    def test_too_high_a_rate_whatever_the_verdict(self, run):
        """At the edge of stability a training may end with any, as on another processor."""
        chaotic = dataclasses.replace(run(0.01), learning_rates=np.full(15 * 45, 1.5))
        assert chaotic.verdict == "too low"
        assert "Try a lower rate." in hint("00-rate", chaotic)

    def test_a_schedule_is_no_rate(self, run):
        assert "no schedule" in hint("00-rate", run(lrlab.StepDecay(1.0, 0.5, 5)))
