"""Values made into pixels, and into words for those who cannot see them."""

from lrlab.figures.bowl import BowlFigure, describe_bowl
from lrlab.figures.bowl_map import BowlMap
from lrlab.figures.comparisons import (
    losses_over_epochs,
    schedules_side_by_side,
    spread_over_starts,
)
from lrlab.figures.curves import CurvesFigure
from lrlab.figures.fine_tuning import FineTuningFigure, describe_fine_tuning, old_against_new
from lrlab.figures.fitted import FittedFigure
from lrlab.figures.heat_map import HeatMap
from lrlab.figures.history import Curves, describe
from lrlab.figures.picture import Picture, with_caption, without_caption
from lrlab.figures.plane import BoundaryFigure, describe_boundary
from lrlab.figures.rates import Measured, RangeFigure, describe_range_test
from lrlab.figures.samples import SamplesFigure
from lrlab.figures.sharpness import SharpnessFigure, describe_sharpness

__all__ = [
    "BoundaryFigure",
    "BowlFigure",
    "BowlMap",
    "Curves",
    "CurvesFigure",
    "FineTuningFigure",
    "FittedFigure",
    "HeatMap",
    "Measured",
    "Picture",
    "RangeFigure",
    "SamplesFigure",
    "SharpnessFigure",
    "describe",
    "describe_boundary",
    "describe_bowl",
    "describe_fine_tuning",
    "describe_range_test",
    "describe_sharpness",
    "losses_over_epochs",
    "old_against_new",
    "schedules_side_by_side",
    "spread_over_starts",
    "with_caption",
    "without_caption",
]
