from .results import Sweep as Sweep
from .sweep import SweepError as SweepError
from .sweep import sweep as sweep

__all__: list[str]
