"""Explorers: controls beside a picture; every movement of a slider retrains a real Keras model."""

from lrlab.explorers.decay_map import DecayMapExplorer
from lrlab.explorers.dial import LearningRateDialExplorer
from lrlab.explorers.learning_rate import LearningRateExplorer
from lrlab.explorers.optimizers import OptimizerExplorer
from lrlab.explorers.quadratic import QuadraticExplorer
from lrlab.explorers.range_test import RangeTestExplorer
from lrlab.explorers.schedule import ScheduleExplorer
from lrlab.explorers.sharpness import SharpnessExplorer
from lrlab.explorers.step_decay import StepDecayExplorer

__all__ = [
    "DecayMapExplorer",
    "LearningRateDialExplorer",
    "LearningRateExplorer",
    "OptimizerExplorer",
    "QuadraticExplorer",
    "RangeTestExplorer",
    "ScheduleExplorer",
    "SharpnessExplorer",
    "StepDecayExplorer",
]
