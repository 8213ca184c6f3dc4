"""Fair comparisons: runs alike in start and batches, which differ by their learning rate alone."""

from lrlab.experiment.by_hand import Steered
from lrlab.experiment.experiment import Experiment, Run

__all__ = ["Experiment", "Run", "Steered"]
