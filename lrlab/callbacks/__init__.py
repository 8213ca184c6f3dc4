"""Ordinary Keras callbacks, one a file, that serve in plain `model.fit` as well."""

from lrlab.callbacks.live_plot import LivePlot
from lrlab.callbacks.range_test import LearningRateRangeTest
from lrlab.callbacks.sharpness import SharpnessTrace, sharpness

__all__ = ["LearningRateRangeTest", "LivePlot", "SharpnessTrace", "sharpness"]
