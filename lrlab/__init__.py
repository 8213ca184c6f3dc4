"""Drag a learning rate, watch a real Keras model retrain.

``import lrlab`` is quick: a public name loads what it needs, TensorFlow for one, when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrlab import (
        answers,
        callbacks,
        data,
        exercises,
        experiment,
        explorers,
        export,
        figures,
        heat_map,
        keras_code,
        models,
        predictions,
        range_test,
        schedules,
        steering,
        sweeps,
        training,
    )
    from lrlab._sharpness import SharpnessTrace, sharpness
    from lrlab.answers import save_answers
    from lrlab.callbacks import LivePlot
    from lrlab.exercises import check
    from lrlab.experiment import Experiment, Run
    from lrlab.explorers import (
        DecayMapExplorer,
        LearningRateDialExplorer,
        LearningRateExplorer,
        OptimizerExplorer,
        QuadraticExplorer,
        RangeTestExplorer,
        ScheduleExplorer,
        SharpnessExplorer,
        StepDecayExplorer,
    )
    from lrlab.export import export_html
    from lrlab.predictions import predict
    from lrlab.range_test import LearningRateRangeTest
    from lrlab.schedules import OneCycle, StepDecay, preview
    from lrlab.sweeps import Sweep, sweep
    from lrlab.training import fit

__version__ = "0.1.0"

_MODULE_OF = {
    "DecayMapExplorer": "explorers",
    "Experiment": "experiment",
    "LearningRateDialExplorer": "explorers",
    "LearningRateExplorer": "explorers",
    "LearningRateRangeTest": "range_test",
    "LivePlot": "callbacks",
    "OneCycle": "schedules",
    "OptimizerExplorer": "explorers",
    "QuadraticExplorer": "explorers",
    "RangeTestExplorer": "explorers",
    "Run": "experiment",
    "ScheduleExplorer": "explorers",
    "SharpnessExplorer": "explorers",
    "SharpnessTrace": "_sharpness",
    "StepDecay": "schedules",
    "StepDecayExplorer": "explorers",
    "Sweep": "sweeps",
    "check": "exercises",
    "export_html": "export",
    "fit": "training",
    "predict": "predictions",
    "preview": "schedules",
    "save_answers": "answers",
    "sweep": "sweeps",
    "sharpness": "_sharpness",
}

__all__ = [
    "DecayMapExplorer",
    "Experiment",
    "LearningRateDialExplorer",
    "LearningRateExplorer",
    "LearningRateRangeTest",
    "LivePlot",
    "OneCycle",
    "OptimizerExplorer",
    "QuadraticExplorer",
    "RangeTestExplorer",
    "Run",
    "ScheduleExplorer",
    "SharpnessExplorer",
    "SharpnessTrace",
    "StepDecay",
    "StepDecayExplorer",
    "Sweep",
    "answers",
    "callbacks",
    "check",
    "data",
    "exercises",
    "experiment",
    "explorers",
    "export",
    "export_html",
    "figures",
    "fit",
    "heat_map",
    "keras_code",
    "models",
    "predict",
    "predictions",
    "preview",
    "range_test",
    "save_answers",
    "schedules",
    "sharpness",
    "steering",
    "sweep",
    "sweeps",
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
