"""The questions of `11_the_map`."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import lrlab
from lrlab.course.hints import find_slip
from lrlab.exercises.judging import Hint, exercise, prediction, quick
from lrlab.schedules import StepDecay

_ROW, _INTERVAL, _FACTORS, _STARTS = 0.3, 5, 5, 3
_WANTED = 0.2


prediction(
    "11-best-factor",
    "The rate drops every 5 epochs. From low first rates to the highest that trains well, the"
    " best factor …",
    {
        "falls from 1": "The longer the steps, the more is gained from shorter ones later.",
        "stays the same": "No factor suits both ends: what hurts at 0.1 helps at 0.8.",
        "rises towards 1": "The other way round: long steps gain most from shorter ones.",
    },
    right="falls from 1",
)
quick(
    "11-quick-neighbours",
    "Cell A ends at 0.118, right below the wall. Cell B ends at 0.125, and so do its neighbours. "
    "Which do you take for new data?",
    {
        "B": "On new data the wall may stand lower, and B has room.",
        "A": "It is lower here, and stands beside cells that break.",
        "the one between them": "What counts is the room around it, not the middle.",
    },
    right="B",
)
quick(
    "11-quick-path",
    "A sweep with `path` is done. You add a first rate to the grid, and run it again. What trains?",
    {
        "all of it": "Runs that are in the file are read, not trained.",
        "the new row": "The other runs are found in the file.",
        "nothing": "The new row is not in the file yet.",
    },
    right="the new row",
)
quick(
    "11-quick-drops",
    "From notebook 03: `StepDecay(0.8, 0.5, 5)`. What is the rate in epoch 10, counted from 0?",
    {
        "0.8": "It dropped in epochs 5 and 10.",
        "0.4": "That is the rate of epochs 5 to 9.",
        "0.2": "10 // 5 is 2, and 0.8 × 0.5 × 0.5 is 0.2.",
    },
    right="0.2",
)


@exercise("11-row")
def _row(answer: Any) -> str:
    decays = _decays(answer)
    if others := [decay for decay in decays if decay.initial_learning_rate != _ROW]:
        raise Hint(
            f"The row is that of {_ROW}. One of your first rates is "
            f"{others[0].initial_learning_rate:.4g}: write StepDecay({_ROW}, factor, {_INTERVAL})."
        )
    if others := [decay for decay in decays if decay.epochs_per_drop != _INTERVAL]:
        raise Hint(f"Drop every {_INTERVAL} epochs. One of yours is {others[0].epochs_per_drop}.")
    factors = {decay.decay_factor for decay in decays}
    if 1.0 not in factors:
        raise Hint("Without a factor of 1 there is no run without decay to compare with.")
    if min(factors) > 0.1:
        raise Hint(f"Your lowest factor is {min(factors):.4g}. Go down to 0.1.")
    if len(factors) < _FACTORS:
        raise Hint(f"You have {len(factors)} factors. Take {_FACTORS} or more.")
    lines = _means(answer)
    best = min(lines, key=lambda decay: lines[decay])
    without = next(loss for decay, loss in lines.items() if decay.decay_factor == 1)
    return (
        f"In the mean of {len(answer.seeds)} starts the factor {best.decay_factor:.4g} ends "
        f"lowest, at {lines[best]:.3f}; without decay it is {without:.3f}."
    )


@exercise("11-safe")
def _safe(answer: Any) -> str:
    decays = _decays(answer)
    rates = sorted(decay.initial_learning_rate for decay in decays)
    if len(rates) != 3 or not all(math.isclose(b, 2 * a) for a, b in pairwise(rates)):
        words = ", ".join(f"{rate:.4g}" for rate in rates)
        raise Hint(f"Sweep over three first rates, each twice the last. Yours are {words}.")
    if len({(decay.decay_factor, decay.epochs_per_drop) for decay in decays}) > 1:
        raise Hint("Take one decay factor and one interval, the same for all three.")
    lines = _means(answer)
    _, middle, high = sorted(decays, key=lambda decay: decay.initial_learning_rate)
    worst = max(decays, key=lambda decay: lines[decay])
    if lines[worst] >= _WANTED:
        words = f"At {worst.initial_learning_rate:.4g} the mean validation loss is "
        if worst == high:
            raise Hint(f"{words}too high: that is beyond the wall. Choose a lower first rate.")
        raise Hint(
            f"{words}{lines[worst]:.3f}, and below {_WANTED} is wanted. Choose a higher first "
            "rate, or a factor nearer to 1."
        )
    return (
        f"First rate {middle.initial_learning_rate:.4g}, factor {middle.decay_factor:.4g}: from "
        f"half of that rate to twice as much the loss stays below {_WANTED}."
    )


def _decays(answer: Any) -> tuple[StepDecay, ...]:
    """The step decays of a sweep from enough starts of which no run is missing."""
    if not isinstance(answer, lrlab.Sweep):
        raise Hint("Give the sweep itself: lrlab.sweep(experiment, [...], seeds=3).")
    if not all(isinstance(schedule, StepDecay) for schedule in answer.schedules):
        raise Hint("Sweep over step decays: lrlab.StepDecay(first rate, factor, interval).")
    if len(answer.seeds) < _STARTS:
        raise Hint("One start can be luck. Write seeds=3.")
    if not answer.complete:
        raise Hint("The sweep was interrupted. Run it again to its end.")
    return answer.schedules  # type: ignore[return-value]


def _means(sweep: lrlab.Sweep) -> dict[Any, float]:
    """The mean validation loss of each step decay; infinity where a run diverged."""
    means = (line["val_loss_mean"] for line in sweep.summary())
    return {
        decay: math.inf if math.isnan(mean) else mean
        for decay, mean in zip(sweep.schedules, means, strict=True)
    }


@exercise("11-slip")
def _slip(answer: Any) -> str:
    find_slip(
        answer,
        1,
        {
            2: "each first rate is tried.",
            3: "each factor is tried with each rate.",
            4: "a new optimizer for each training is as it should be.",
            5: "the rate is multiplied by the factor every 5 epochs.",
            6: "it trains, but look at which weights it begins with.",
        },
    )
    return "One model for all: each training goes on where the last one ended. Build it inside."
