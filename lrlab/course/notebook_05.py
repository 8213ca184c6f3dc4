"""The questions of `05_reacting_to_training`."""

from __future__ import annotations

from typing import Any

import numpy as np

import lrlab
from lrlab.course.hints import as_run
from lrlab.exercises.judging import Hint, exercise, prediction

_FIRST, _WANTED, _MOST_CUTS, _SHORT, _LONG = 0.05, 0.03, 2, 15, 40


prediction(
    "05-how-often",
    "With these defaults, how often is the rate cut in this training of 15 epochs?",
    {
        "never": "It waits 10 epochs from the last one that was better, and training is over.",
        "once": "The loss creeps down for some epochs, and 10 more are too many.",
        "three times or more": "Cuts are at least 10 epochs apart.",
    },
    right="never",
)


@exercise("05-cuts")
def _cuts(answer: Any) -> str:
    run, cuts = _reacting(answer)
    rates = run.history["learning_rate"]
    if len(rates) != _SHORT:
        raise Hint(f"It trained {len(rates)} epochs, not {_SHORT}. Use experiment.run(...).")
    if not cuts:
        raise Hint(
            "The rate was never cut. A loss that creeps down counts as better until `min_delta` is "
            "larger than its steps, and `patience` counts from then."
        )
    if len(cuts) > _MOST_CUTS:
        raise Hint(
            f"The rate was cut {len(cuts)} times, down to {rates[-1]:.2g}. `min_lr` ends the cuts, "
            "`cooldown` spaces them."
        )
    return _low_enough(run, f"With {_times(len(cuts))}, the first after {cuts[0]} epochs,")


@exercise("05-together")
def _together(answer: Any) -> str:
    run, cuts = _reacting(answer)
    epochs = len(run.history["loss"])
    if "EarlyStopping" not in run.code:
        raise Hint("Nothing stops this training. Give EarlyStopping beside ReduceLROnPlateau.")
    if f"epochs={_LONG}," not in run.code:
        raise Hint(f"Use longer.run(...), which allows {_LONG} epochs.")
    if epochs >= _LONG:
        raise Hint(
            f"It trained all {epochs} epochs. EarlyStopping needs a shorter `patience`, or a "
            "`min_delta` that a creeping loss does not reach."
        )
    if not cuts:
        raise Hint(
            f"It stopped after {epochs} epochs, before a lower rate was tried. EarlyStopping needs "
            "more patience than ReduceLROnPlateau."
        )
    return _low_enough(run, f"With {_times(len(cuts))} and a stop after {epochs} epochs")


def _reacting(answer: Any) -> tuple[lrlab.Run, list[int]]:
    """The run, and after how many epochs its rate was cut each time."""
    run = as_run(answer)
    if run.schedule != _FIRST:
        raise Hint(f"Start at {_FIRST}, with no schedule: experiment.run(0.05, callbacks=[...]).")
    rates = np.array(run.history["learning_rate"])
    return run, (np.flatnonzero(rates[1:] < rates[:-1]) + 1).tolist()


def _low_enough(run: lrlab.Run, start: str) -> str:
    result = f"{start} the validation loss is {run.final['val_loss']:.4f}"
    if run.final["val_loss"] > _WANTED:
        raise Hint(
            f"{result}, and {_WANTED} is wanted. Cut earlier, or leave more epochs at the lower "
            "rates."
        )
    return f"{result}."


def _times(cuts: int) -> str:
    return "one cut" if cuts == 1 else f"{cuts} cuts"
