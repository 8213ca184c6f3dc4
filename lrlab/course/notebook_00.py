"""The exercise of `00_start_here`."""

from __future__ import annotations

from typing import Any

from lrlab.course.hints import as_run, describe_accuracy
from lrlab.exercises.judging import Hint, exercise


@exercise("00-rate")
def _rate(answer: Any) -> str:
    run = as_run(answer)
    if callable(run.schedule):
        raise Hint("Run it with one number, such as the slider shows, and no schedule.")
    return describe_accuracy(run, f"With {run.schedule}")
