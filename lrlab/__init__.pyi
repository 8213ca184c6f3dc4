"""Every public name, once: `__init__.py` loads them by this list, and type checkers read it."""

from . import callbacks as callbacks
from . import data as data
from . import exercises as exercises
from . import experiment as experiment
from . import explorers as explorers
from . import export as export
from . import figures as figures
from . import keras_code as keras_code
from . import models as models
from . import optimizers as optimizers
from . import schedules as schedules
from . import sweeps as sweeps
from . import training as training
from .callbacks import LearningRateLog as LearningRateLog
from .callbacks import LearningRateRangeTest as LearningRateRangeTest
from .callbacks import LivePlot as LivePlot
from .callbacks import SharpnessTrace as SharpnessTrace
from .callbacks import next_fit as next_fit
from .callbacks import sharpness as sharpness
from .exercises import VerdictDrill as VerdictDrill
from .exercises import ask as ask
from .exercises import check as check
from .exercises import predict as predict
from .exercises import progress as progress
from .exercises import save_answers as save_answers
from .experiment import Experiment as Experiment
from .experiment import Run as Run
from .explorers import DecayMapExplorer as DecayMapExplorer
from .explorers import DrawnScheduleExplorer as DrawnScheduleExplorer
from .explorers import FineTuningExplorer as FineTuningExplorer
from .explorers import LandscapeExplorer as LandscapeExplorer
from .explorers import LearningRateDialExplorer as LearningRateDialExplorer
from .explorers import LearningRateExplorer as LearningRateExplorer
from .explorers import LearningRateMapExplorer as LearningRateMapExplorer
from .explorers import OptimizerExplorer as OptimizerExplorer
from .explorers import QuadraticExplorer as QuadraticExplorer
from .explorers import RangeTestExplorer as RangeTestExplorer
from .explorers import ScheduleExplorer as ScheduleExplorer
from .explorers import SharpnessExplorer as SharpnessExplorer
from .explorers import StepDecayExplorer as StepDecayExplorer
from .export import export_html as export_html
from .schedules import OneCycle as OneCycle
from .schedules import StepDecay as StepDecay
from .schedules import preview as preview
from .sweeps import Sweep as Sweep
from .sweeps import sweep as sweep
from .training import fit as fit

__version__: str
__all__: list[str]
