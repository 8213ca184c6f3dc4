"""Drag a learning rate, watch a real Keras model retrain.

``import lrlab`` is quick: a public name loads what it needs, TensorFlow for one, when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrlab import (
        callbacks,
        data,
        exercises,
        experiment,
        explorers,
        figures,
        keras_code,
        models,
        predictions,
        range_test,
        schedules,
        steering,
        training,
    )
    from lrlab._sharpness import SharpnessTrace, sharpness
    from lrlab.callbacks import LivePlot
    from lrlab.exercises import check
    from lrlab.experiment import Experiment, Run
    from lrlab.explorers import (
        LearningRateDialExplorer,
        LearningRateExplorer,
        QuadraticExplorer,
        RangeTestExplorer,
        ScheduleExplorer,
        SharpnessExplorer,
        StepDecayExplorer,
    )
    from lrlab.predictions import predict
    from lrlab.range_test import LearningRateRangeTest
    from lrlab.schedules import OneCycle, StepDecay, preview
    from lrlab.training import fit

__version__ = "0.1.0"

_MODULE_OF = {
    "Experiment": "experiment",
    "LearningRateDialExplorer": "explorers",
    "LearningRateExplorer": "explorers",
    "LearningRateRangeTest": "range_test",
    "LivePlot": "callbacks",
    "OneCycle": "schedules",
    "QuadraticExplorer": "explorers",
    "RangeTestExplorer": "explorers",
    "Run": "experiment",
    "ScheduleExplorer": "explorers",
    "SharpnessExplorer": "explorers",
    "SharpnessTrace": "_sharpness",
    "StepDecay": "schedules",
    "StepDecayExplorer": "explorers",
    "check": "exercises",
    "fit": "training",
    "predict": "predictions",
    "preview": "schedules",
    "sharpness": "_sharpness",
}

__all__ = [
    "Experiment",
    "LearningRateDialExplorer",
    "LearningRateExplorer",
    "LearningRateRangeTest",
    "LivePlot",
    "OneCycle",
    "QuadraticExplorer",
    "RangeTestExplorer",
    "Run",
    "ScheduleExplorer",
    "SharpnessExplorer",
    "SharpnessTrace",
    "StepDecay",
    "StepDecayExplorer",
    "callbacks",
    "check",
    "data",
    "exercises",
    "experiment",
    "explorers",
    "figures",
    "fit",
    "keras_code",
    "models",
    "predict",
    "predictions",
    "preview",
    "range_test",
    "schedules",
    "sharpness",
    "steering",
    "training",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _MODULE_OF:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
