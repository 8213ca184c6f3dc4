from .by_hand import Steered as Steered
from .experiment import Experiment as Experiment
from .run import Run as Run

__all__: list[str]
