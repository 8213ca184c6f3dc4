"""Ordinary Keras callbacks, one a file, that serve in plain `model.fit` as well."""

from lrlab.callbacks.learning_rate_log import LearningRateLog
from lrlab.callbacks.live_plot import LivePlot
from lrlab.callbacks.next_fit import NextFit, next_fit
from lrlab.callbacks.range_test import LearningRateRangeTest
from lrlab.callbacks.sharpness import SharpnessTrace, sharpness

__all__ = [
    "LearningRateLog",
    "LearningRateRangeTest",
    "LivePlot",
    "NextFit",
    "SharpnessTrace",
    "next_fit",
    "sharpness",
]
