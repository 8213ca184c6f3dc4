"""What of the model itself can stand beside its curves: a plane, a fitted curve, or images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lrlab.data import is_one_hot
from lrlab.figures.fitted import FittedFigure
from lrlab.figures.plane import SIZE, BoundaryFigure
from lrlab.figures.samples import SamplesFigure

if TYPE_CHECKING:
    from lrlab.figures.ink import Theme

__all__ = ["SIZE", "ModelFigure", "SamplesFigure", "kind_for", "new_model_figure"]

ModelFigure: TypeAlias = BoundaryFigure | FittedFigure | SamplesFigure


def kind_for(experiment: Any) -> type[ModelFigure] | None:
    """Return what suits the data of an experiment; None is the default one, on digits."""
    if experiment is None:
        return SamplesFigure
    data = getattr(experiment, "dataset", None)
    if data is None or data.task == "several targets" or not isinstance(data.input_shape, tuple):
        return None
    shape, classes = data.input_shape, data.classes
    if BoundaryFigure.suits(shape, classes):
        return BoundaryFigure
    if FittedFigure.suits(shape, data.outputs, classes):
        return FittedFigure
    return SamplesFigure if SamplesFigure.suits(shape, classes) else None


def new_model_figure(experiment: Any, theme: Theme) -> ModelFigure:
    """Return such a figure for the data of an experiment, which suit it."""
    data, kind = experiment.dataset, kind_for(experiment)
    if kind is SamplesFigure:
        labels = data.y_val.argmax(axis=1) if is_one_hot(data.y_val) else data.y_val
        return SamplesFigure(data.x_val, labels, theme=theme)
    if kind is FittedFigure:
        return FittedFigure(data.x_train, data.y_train, theme=theme)
    return BoundaryFigure(data.x_train, data.labels, theme=theme)
