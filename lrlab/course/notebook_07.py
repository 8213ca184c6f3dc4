"""The questions of `07_finding_a_learning_rate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrlab.course.hints import as_run, call, find_slip, first_wrong
from lrlab.exercises.judging import Hint, exercise, prediction, quick

_BATCHES = np.array([2.5, 2.0, 3.0, 1.0, 1.5])  # each batch's own loss
_MEANS = np.cumsum(_BATCHES) / np.arange(1, 6)
_WANTED = 0.01
_EDGE = 0.05  # a rate beyond it may end with any verdict


prediction(
    "07-suggestion",
    "The rate rises from 0.0001 to 0.1 in 100 batches. Compared with the best rate for a "
    "whole training on digits, the suggestion is …",
    {
        "at least ten times too low": "Where the test stopped, the loss was still falling.",
        "about right": "It would be, had the test gone on until the loss rises.",
        "at least ten times too high": "At a tenth of 0.1 nothing has gone wrong yet.",
    },
    right="at least ten times too low",
)
quick(
    "07-quick-lowest",
    "In a range test the smoothed loss is lowest at a rate of 1. Which rate do you try first?",
    {
        "1": "There the loss is about to rise: it is at the edge.",
        "0.1": "A tenth of it keeps clear of the edge. Then try its neighbours.",
        "0.01": "That is safe, and slow: a tenth is enough room.",
    },
    right="0.1",
)
quick(
    "07-quick-stops",
    "A range test ends, and its loss is still falling. What do you do?",
    {
        "test up to a higher rate": "The lowest loss of this test is only where it stopped.",
        "take a tenth of the last rate": "The last rate says nothing: a higher one may be good.",
        "take the last rate": "Whole trainings may go well far above it. Test on.",
    },
    right="test up to a higher rate",
)
quick(
    "07-quick-verdict",
    "From notebook 02: a loss falls smoothly, and as fast at the end as before. The verdict is …",
    {
        "good": "A good one levels off in the epochs that it has.",
        "noisy": "A noisy one jumps up between epochs.",
        "too low": "Longer steps would have come further in the same time.",
    },
    right="too low",
)


@exercise("07-losses")
def _losses(answer: Any) -> str:
    if not callable(answer):
        raise Hint("Give the function itself: check(..., own_losses), with no parentheses.")
    losses = call(lambda: np.asarray(answer(_MEANS.tolist()), dtype=float))
    if losses.shape != _MEANS.shape:
        raise Hint(f"It must return a loss a batch: from 5 means it made shape {losses.shape}.")
    if np.allclose(losses, _BATCHES):
        return "From the running means 2.5, 2.25, 2.5 it made the losses 2.5, 2, 3."
    if np.allclose(losses, _MEANS):
        raise Hint("It returns the means as they are.")
    if np.allclose(losses[1:], np.diff(_MEANS)):
        raise Hint(
            "It subtracts the means. Subtract the sums: a mean times how many batches it is over."
        )
    if np.allclose(losses[1:], np.diff(_MEANS * np.arange(5))):
        raise Hint("The mean after the first batch is over 1 batch, not over 0.")
    batch = first_wrong(losses, _BATCHES)
    raise Hint(
        f"From the means {_MEANS.round(3).tolist()} your loss of batch {batch}, counted from 0, is "
        f"{losses[batch]:.4g} and should be {_BATCHES[batch]:.4g}. The sum over k batches is k "
        "times their mean."
    )


@exercise("07-pick")
def _pick(answer: Any) -> str:
    run = as_run(answer)
    if callable(run.schedule):
        raise Hint("Run it with one number: with_adam.run(your pick).")
    start = f"At {run.schedule:.1g} the training is {run.verdict}"
    if run.verdict in ("noisy", "stuck", "diverged"):
        raise Hint(f"{start}: the rate is too high. A tenth of where the loss is lowest?")
    loss = run.final["val_loss"]
    if loss >= _WANTED:
        words = f"{start}, and its validation loss, {loss:.2g}, is not below {_WANTED}"
        if run.schedule > _EDGE:
            raise Hint(f"{words}: the rate is too high. A tenth of where the loss is lowest?")
        raise Hint(f"{words}. Test higher rates, until the loss rises.")
    return f"{start}, and its validation loss is below {_WANTED}."


@exercise("07-slip")
def _slip(answer: Any) -> str:
    find_slip(
        answer,
        3,
        {
            1: "the lists begin empty, before the first step.",
            2: "a hundred steps are enough here.",
            4: "assigning sets the rate of the next step.",
            5: "`train_on_batch` returns the loss of this batch.",
            6: "a tenth of the rate at the lowest loss is the usual pick.",
            7: "it puts the weights back, as it should.",
        },
    )
    return "The second rate is already 0.1: all that is between is left out. Multiply by a factor."
