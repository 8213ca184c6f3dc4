"""The questions of `10_edge_of_stability`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrlab.course.hints import as_run
from lrlab.exercises.judging import Hint, exercise, prediction

_START = 3.19  # the sharpness of the network of the notebook before its first step
_NEAR = 0.25  # how far from the limit, as a share of it, still counts as near


prediction(
    "10-sharpness",
    "Train 600 full-batch steps at a rate of 0.5. The sharpness will …",
    {
        "fall, as the training finds a flat place": "Only where it begins above the limit.",
        "rise to about 4 and hover there": "It overshoots a little, is thrown back, and hovers.",
        "rise past 4, and the training explodes": "A bowl would; a network's curvature gives way.",
    },
    right="rise to about 4 and hover there",
)


@exercise("10-above")
def _above(answer: Any) -> str:
    run = as_run(answer)
    if callable(run.schedule):
        raise Hint("Run it with one number, and no schedule.")
    if "sharpness" not in run.history:
        raise Hint("Nothing measured the sharpness: give the run callbacks=[trace].")
    rate = float(run.schedule)
    ratios = np.array(run.history["sharpness"]) * rate / 2
    if ratios[0] <= 1:
        raise Hint(f"With {rate} it begins below the limit. Try a higher rate.")
    end = np.median(ratios[-(len(ratios) // 4 + 1) :])
    if not np.isfinite(end):
        raise Hint(f"With {rate} the training is lost. Try a lower rate.")
    if abs(end - 1) > _NEAR:
        raise Hint(f"With {rate} it ends at {end:.1f} times the limit. Train longer, or go lower.")
    return f"With {rate} it begins above the limit, comes down, and ends near it."


@exercise("10-limit")
def _limit(answer: Any) -> str:
    try:
        rate = float(answer)
    except (TypeError, ValueError):
        raise Hint("Give a number.") from None
    if math.isclose(rate, 2 / _START, rel_tol=0.02):
        return f"2 divided by a sharpness of {2 / rate:.2f} is {rate:.3f}."
    if math.isclose(rate, _START, rel_tol=0.02):
        raise Hint("That is the sharpness. The limit of the rate is 2 divided by it.")
    if math.isclose(rate, 1 / _START, rel_tol=0.02):
        raise Hint("A step of 1/sharpness leads to the bottom; up to 2/sharpness it is stable.")
    raise Hint("Compile the new network with the loss 'mse', and divide 2 by its sharpness.")
