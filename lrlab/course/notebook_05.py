"""The questions of `05_reacting_to_training`."""

from __future__ import annotations

from typing import Any

import numpy as np

import lrlab
from lrlab.course.hints import as_letters, as_run
from lrlab.exercises.judging import Hint, exercise, prediction, quick

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
quick(
    "05-quick-stop",
    "`EarlyStopping` and `ReduceLROnPlateau` watch the same loss. Which one must wait longer?",
    {
        "`ReduceLROnPlateau`": "Then training ends before a cut.",
        "`EarlyStopping`": "A lower rate needs some epochs to show what it is worth.",
        "neither": "Then training stops as the rate is cut.",
    },
    right="`EarlyStopping`",
)
quick(
    "05-quick-again",
    "The rate was cut to 0.002. You call `fit` once more. At which rate does it begin?",
    {
        "at 0.002": "The optimizer keeps the rate that it was given last.",
        "at the rate of `compile`": "Nobody sets it back but you.",
        "at 0.002 times `factor`": "A cut comes only after a plateau.",
    },
    right="at 0.002",
)
quick(
    "05-quick-last",
    "From notebook 04: which argument of `CosineDecay` says where the rate ends?",
    {
        "`end_learning_rate`": "That one belongs to `PolynomialDecay`.",
        "`decay_rate`": "That one belongs to `ExponentialDecay`.",
        "`alpha`": "It is the last rate as a share of the first.",
    },
    right="`alpha`",
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


@exercise("05-order")
def _order(answer: Any) -> str:
    order = as_letters(answer, "DBCA")
    if order.index("D") > order.index("B") or order.index("C") > order.index("A"):
        raise Hint("With the same `min_delta` the shorter patience cuts first.")
    if order != "DBCA":
        raise Hint(
            "Which is the last epoch that beats the best by more than 0.01, and which by more than "
            "0.0001, the default? `patience` counts from there."
        )
    return (
        "Epoch 2 is the last that is better by more than 0.01, and epoch 7 by more than 0.0001. "
        "So D cuts after epoch 4, B after 6, C after 9 and A after 11."
    )


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
