"""The questions of `03_step_decay`."""

from __future__ import annotations

from typing import Any

from lrlab.course.hints import Slips, as_run, compare_rates, describe_accuracy, find_slip
from lrlab.exercises.judging import Hint, exercise, prediction, quick
from lrlab.schedules import StepDecay

prediction(
    "03-which-number",
    "First rate 0.01, factor 0.1, interval 5: the network learns too little. You may change "
    "one of the three numbers, as far as you like. Which one can fix it?",
    {
        "the first rate": "It is the highest rate of all. If it is too low, all are.",
        "the decay factor, up to 1": "A factor of 1 leaves the rate at 0.01, which is too low.",
        "the interval": "At 15 no drop is left, and the rate stays at 0.01, which is too low.",
    },
    right="the first rate",
)


@exercise("03-schedule")
def _schedule(answer: Any) -> str:
    otherwise = "Epochs count from 0, so the first drop comes in epoch 4."
    compare_rates(answer, lambda epoch: 0.8 * 0.5 ** (epoch // 4), 12, _SLIPS, otherwise)
    return "0.8 in epochs 0 to 3, 0.4 in 4 to 7, 0.2 in 8 to 11."


_SLIPS: Slips = (
    (
        lambda epoch: 0.8 * 0.5 ** (epoch / 4),
        "`/` makes it fall a little every epoch. `//`, division without remainder, counts whole "
        "drops.",
    ),
    (
        lambda epoch: 0.8 * 0.5 * (epoch // 4),
        "the number of drops is an exponent. Write `**`, a power, between factor and drops.",
    ),
    (
        lambda epoch: 0.8 * 0.5 ** (epoch % 4),
        "`%` is the remainder, which starts again every 4 epochs. `//` counts the drops.",
    ),
    (
        lambda epoch: 0.8 * 0.5**epoch,
        "it halves every epoch. Divide the epoch by the interval, with `//`.",
    ),
)


@exercise("03-one-number")
def _one_number(answer: Any) -> str:
    run, default = as_run(answer), StepDecay()
    decay = run.schedule
    if not isinstance(decay, StepDecay):
        raise Hint("Run it with a lrlab.StepDecay: experiment.run(lrlab.StepDecay(...)).")
    changed = [name for name in vars(default) if getattr(decay, name) != getattr(default, name)]
    if len(changed) != 1:
        raise Hint(f"Change one number. You changed {' and '.join(changed) or 'none'}.")
    if changed != ["initial_learning_rate"]:
        raise Hint(f"With another {changed[0]} the rate still never exceeds 0.01: too low here.")
    return describe_accuracy(run, f"From {decay.initial_learning_rate}")


@exercise("03-slip")
def _slip(answer: Any) -> str:
    find_slip(
        answer,
        2,
        {
            1: "with two arguments, the second is the present rate.",
            3: "half of the present rate is meant, once every five epochs.",
            4: "in all other epochs the rate stays.",
            5: "the schedule builds on this rate.",
            6: "the callback calls the schedule at the start of each epoch.",
            7: "it trains 15 epochs, counted from 0.",
        },
    )
    return "0 % 5 is 0, too: it halves before the first epoch. Write `if epoch and epoch % 5 == 0`."


quick(
    "03-quick-drops",
    "`StepDecay(0.8, 0.5, 5)`: what is the rate in epoch 10, counted from 0?",
    {
        "0.4": "10 // 5 is 2: the rate has been halved twice.",
        "0.2": "10 // 5 is 2, and 0.8 × 0.5 × 0.5 is 0.2.",
        "0.1": "The third drop comes with epoch 15.",
    },
    right="0.2",
)
quick(
    "03-quick-batches",
    "Every step looks at all samples. The rate is good, and the loss still falls when "
    "training ends. What does a step decay do?",
    {
        "it makes training slower": (
            "There is no noise of batches to calm. Shorter steps only arrive later."
        ),
        "it lets the weights settle": "Without noise they settle by themselves.",
        "it gets a lower loss": "With batches of 4 it did. Here it has no noise to work against.",
    },
    right="it makes training slower",
)
quick(
    "03-quick-assign",
    "From notebook 02: you assign `model.optimizer.learning_rate = 0.1` between two calls of "
    "`fit`. What is left to do?",
    {
        "compile again": "That is needed for another loss or another optimizer, not for a rate.",
        "build a new model": "The weights would be lost.",
        "nothing": "The next step uses the new rate.",
    },
    right="nothing",
)
