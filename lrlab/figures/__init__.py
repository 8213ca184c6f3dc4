"""Values made into pixels, and into words for those who cannot see them."""

from lrlab.figures.comparisons import losses_over_epochs, schedules_side_by_side
from lrlab.figures.curves import Curves, CurvesFigure, describe
from lrlab.figures.heat_map import HeatMap
from lrlab.figures.picture import Picture
from lrlab.figures.plane import BoundaryFigure
from lrlab.figures.rates import Measured, RangeFigure
from lrlab.figures.sharpness import SharpnessFigure

__all__ = [
    "BoundaryFigure",
    "Curves",
    "CurvesFigure",
    "HeatMap",
    "Measured",
    "Picture",
    "RangeFigure",
    "SharpnessFigure",
    "describe",
    "losses_over_epochs",
    "schedules_side_by_side",
]
