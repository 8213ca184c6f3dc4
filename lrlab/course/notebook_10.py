"""The questions of `10_edge_of_stability`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrlab.course.hints import as_function, as_run, call
from lrlab.exercises.judging import Hint, exercise, prediction, quick

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
quick(
    "10-quick-limit",
    "The sharpness is 8. Full-batch steps are stable below a rate of …",
    {
        "0.125": "A step of 1/8 leads to the bottom. It is stable up to twice that.",
        "0.25": "The limit is 2 divided by the sharpness.",
        "0.5": "At 0.5 the sharpness could be 4 at most.",
    },
    right="0.25",
)
quick(
    "10-quick-half",
    "Take half the rate, and train for long enough. The sharpness then hovers at a value …",
    {
        "half as high": "The limit is 2/rate, and that grows as the rate falls.",
        "as high as before": "The network has no sharpness of its own: the rate decides.",
        "twice as high": "Half the rate has twice the limit, and training sharpens up to it.",
    },
    right="twice as high",
)
quick(
    "10-quick-bowl",
    "From notebook 01: a bowl of curvature 1, and a rate of 1.5. What do the steps do?",
    {
        "They swing across, and come nearer": "1.5 is between 1/λ and 2/λ.",
        "They swing across, and go further away": "That begins above 2/λ = 2.",
        "They come down on one side": "That ends at 1/λ = 1. Longer steps cross the bottom.",
    },
    right="They swing across, and come nearer",
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


@exercise("10-line")
def _line(answer: Any) -> str:
    function = as_function(answer, "highest")
    found = [call(function, sharpness) for sharpness in (4.0, 10.0)]
    if any(not isinstance(rate, float) for rate in found):
        raise Hint(f"It must return a float. From a sharpness of 4.0 it made {found[0]!r}.")
    if np.allclose(found, [0.5, 0.2]):
        return "A sharpness of 4 allows rates below 0.5, one of 10 rates below 0.2."
    words = f"From a sharpness of 4 it makes {found[0]:.4g}"
    if np.allclose(found, [0.25, 0.1]):
        raise Hint(
            f"{words}. Such a step leads to the bottom: twice as long a one is still stable."
        )
    if np.allclose(found, [2.0, 5.0]):
        raise Hint(f"{words}. The other way round: the sharper, the lower the rate.")
    raise Hint(f"{words}, and it should be 0.5.")
