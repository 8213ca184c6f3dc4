"""Explorers: controls beside a picture; every movement of a slider retrains a real Keras model.

For one of your own: `RunExplorer` (or `Explorer`, where there is no training), what it shows as a
`Frame`, and the sliders of `lrlab.explorers.controls`.
"""

from lrlab.explorers.controls import number_slider, rate_slider
from lrlab.explorers.decay_map import DecayMapExplorer
from lrlab.explorers.dial import LearningRateDialExplorer
from lrlab.explorers.drawn import DrawnScheduleExplorer
from lrlab.explorers.explorer import Explorer
from lrlab.explorers.fine_tuning import FineTuningExplorer
from lrlab.explorers.frame import Frame
from lrlab.explorers.landscape import LandscapeExplorer
from lrlab.explorers.learning_rate import LearningRateExplorer
from lrlab.explorers.optimizers import OptimizerExplorer
from lrlab.explorers.quadratic import QuadraticExplorer
from lrlab.explorers.range_test import RangeTestExplorer
from lrlab.explorers.rate_map import LearningRateMapExplorer
from lrlab.explorers.run_explorer import RunExplorer
from lrlab.explorers.schedule import ScheduleExplorer
from lrlab.explorers.sharpness import SharpnessExplorer
from lrlab.explorers.step_decay import StepDecayExplorer

__all__ = [
    "DecayMapExplorer",
    "DrawnScheduleExplorer",
    "Explorer",
    "FineTuningExplorer",
    "Frame",
    "LandscapeExplorer",
    "LearningRateDialExplorer",
    "LearningRateExplorer",
    "LearningRateMapExplorer",
    "OptimizerExplorer",
    "QuadraticExplorer",
    "RangeTestExplorer",
    "RunExplorer",
    "ScheduleExplorer",
    "SharpnessExplorer",
    "StepDecayExplorer",
    "number_slider",
    "rate_slider",
]
