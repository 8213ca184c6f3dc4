"""The questions of `00_start_here`."""

from __future__ import annotations

from typing import Any

from lrlab.course.hints import as_run, compare_rates, describe_accuracy
from lrlab.exercises.judging import Hint, exercise, prediction, quick

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


quick(
    "00-quick-drops",
    "`0.01 * 0.1 ** (epoch // 5)`: how often has the rate dropped in epoch 12, counted from 0?",
    {
        "once": "12 // 5 is 2: the drops come with epoch 5 and with epoch 10.",
        "twice": "12 // 5 is 2, so the rate is 0.01 × 0.1 × 0.1 = 0.0001.",
        "twelve times": "`//` counts whole fives. One drop every epoch would be `** epoch`.",
    },
    right="twice",
)
quick(
    "00-quick-overwritten",
    "`SGD(learning_rate=0.5)` trains with a `LearningRateScheduler` whose function returns 0.01 in "
    "epoch 0. The rate of the first step is …",
    {
        "0.01": "The callback sets the rate before the first step of each epoch.",
        "0.5": "It was 0.5 until the callback set it, before the first step.",
        "0.005": "The callback does not multiply: what its function returns is the rate.",
    },
    right="0.01",
)


@exercise("00-line")
def _line(answer: Any) -> str:
    slips = [
        (lambda epoch: 0.1 * 0.5**epoch, "it halves every epoch. Count whole fours."),
        (
            lambda epoch: 0.1 * 0.5 ** (epoch / 4),
            "`/` makes it fall a little every epoch. `//`, without remainder, counts whole drops.",
        ),
        (lambda epoch: 0.1 * 0.5 ** (epoch % 4), "`%` is the remainder: it begins again at 0."),
        (lambda epoch: 0.1 * 0.5 ** (epoch // 5), "it halves every 5 epochs."),
    ]
    compare_rates(
        answer,
        lambda epoch: 0.1 * 0.5 ** (epoch // 4),
        12,
        slips,
        "The power must be how many drops are due.",
    )
    return "0.1 in epochs 0 to 3, then 0.05, and 0.025 from epoch 8 on."
