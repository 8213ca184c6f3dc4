from .by_hand import Steered as Steered
from .experiment import Experiment as Experiment
from .experiment import Run as Run

__all__: list[str]
