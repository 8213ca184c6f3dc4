from .by_epoch import OneCycle as OneCycle
from .by_epoch import RatesByEpoch as RatesByEpoch
from .by_epoch import StepDecay as StepDecay
from .by_step import Cyclical as Cyclical
from .by_step import InverseSquareRoot as InverseSquareRoot
from .by_step import OneCycleSchedule as OneCycleSchedule
from .by_step import WarmupStableDecay as WarmupStableDecay
from .rates import Schedule as Schedule
from .rates import is_keras_schedule as is_keras_schedule
from .rates import needs_rate as needs_rate
from .rates import preview as preview

__all__: list[str]
