"""The questions of `00_start_here`."""

from __future__ import annotations

from typing import Any

from lrlab.course.hints import as_run, describe_accuracy
from lrlab.exercises.judging import Hint, exercise, prediction

prediction(
    "00-decay",
    "Train 15 epochs at 0.01, or divide that rate by ten every five epochs. With the "
    "division, the share of digits read correctly at the end is …",
    {
        "higher": "Smaller steps help a training that is nearly done, and this one is not.",
        "about the same": "The rate falls after 5 epochs, when most is still to be learned.",
        "much lower": "At 0.01 training is already too slow. Decay makes it slower still.",
    },
    right="much lower",
)


@exercise("00-rate")
def _rate(answer: Any) -> str:
    run = as_run(answer)
    if callable(run.schedule):
        raise Hint("Run it with one number, such as the slider shows, and no schedule.")
    return describe_accuracy(run, f"With {run.schedule}")
