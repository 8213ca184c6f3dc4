"""The questions of `06_steering_by_hand`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lrlab.course.hints import Slips, as_run, compare_rates, find_slip
from lrlab.exercises.judging import Hint, exercise, prediction, quick
from lrlab.schedules import RatesByEpoch

_EPOCHS = 15
FIXED_LOSS = 0.1167  # the validation loss of StepDecay(0.8, 0.5, 5); a test holds it to that
_WANTED = 0.13  # a validation loss
_LOW, _HIGH = 0.2, 0.3
_EDGE, _BROKEN = 1.0, 1.0  # what a rate beyond the edge breaks stays above this training loss


prediction(
    "06-turned-down",
    "3 epochs at 2.0 have taught the network nothing. You turn the rate down to 0.1 for the "
    "12 epochs that are left. The loss …",
    {
        "falls as if it had begun at 0.1": "The start is not the same: the weights are wrecked.",
        "stays far above, from every start": (
            "Hardly a hidden unit still answers to any digit, and no rate brings the others back."
        ),
        "catches up by the end, or nearly": (
            "Units that are 0 for every digit have no gradient, so they never catch up."
        ),
    },
    right="stays far above, from every start",
)
quick(
    "06-quick-epochs",
    "12 epochs are done. How many does `fit(..., initial_epoch=12, epochs=15)` train?",
    {
        "15": "`epochs` says where it ends.",
        "3": "It begins with epoch 12 and ends before epoch 15.",
        "27": "Nothing is added.",
    },
    right="3",
)
quick(
    "06-quick-dead",
    "Too high a rate has made a `relu` unit 0 for every sample. What brings it back?",
    {
        "a lower rate": "Its gradient is 0, and any rate times 0 is 0.",
        "more epochs": "Nothing moves its weights.",
        "only a new start": "New first weights have a gradient again.",
    },
    right="only a new start",
)
quick(
    "06-quick-cooldown",
    "From notebook 05: where nothing improves, how many epochs does `cooldown=1` add?",
    {
        "none": "A cooldown adds one epoch less than its value.",
        "one": "The epoch in which it ends is counted already.",
        "two": "It never adds more than its value.",
    },
    right="none",
)


@exercise("06-reach")
def _reach(answer: Any) -> str:
    otherwise = "Give a run that was steered by hand: explorer.wait()."
    run = as_run(answer, otherwise)
    if not isinstance(run.schedule, RatesByEpoch):
        raise Hint(otherwise)
    rates, loss = run.schedule.rates, run.final["val_loss"]
    if len(rates) < _EPOCHS:
        raise Hint(f"It has done {len(rates)} of {_EPOCHS} epochs. Press Go on.")
    if max(rates) > _EDGE and not run.final["loss"] < _BROKEN:
        raise Hint("The training is broken: it began too high. Start again, lower.")
    if loss <= _WANTED:
        return f"By hand {loss:.4f}, by the fixed schedule {FIXED_LOSS:.4f}."
    result = f"By hand {loss:.4f}, and {_WANTED} or less is wanted."
    if max(rates) < _LOW:
        raise Hint(f"{result} All your rates are low: use 0.5 first, to get ahead.")
    if rates[-1] > _HIGH:
        raise Hint(f"{result} The last rate is {rates[-1]:.2g}: turn it down before the end.")
    high = sum(rate >= _LOW for rate in rates)
    raise Hint(f"{result} The rate was high in {high} epochs. Try another number of them.")


@exercise("06-moves")
def _moves(answer: Any) -> str:
    compare_rates(answer, _by(2, 10), _EPOCHS, _SLIPS, "Epochs count from 0.")
    return "0.1 in epochs 0 and 1, 0.5 in 2 to 9, 0.05 from 10 on."


@exercise("06-slip")
def _slip(answer: Any) -> str:
    find_slip(
        answer,
        3,
        {
            1: "a callback of your own is such a class.",
            2: "Keras calls it when an epoch is over, with the number of that epoch.",
            4: "assigning sets the rate of the epochs that follow.",
            5: "it is compiled with a rate of 0.5.",
            6: "it trains 15 epochs, and calls `Dial` after each.",
        },
    )
    return "Epochs count from 0: when epoch 12 is over, 13 are done. Write `if epoch == 11`."


def _by(first: int, second: int) -> Callable[[int], float]:
    return lambda epoch: 0.1 if epoch < first else 0.5 if epoch < second else 0.05


_SLIPS: Slips = (
    (_by(3, 11), "epochs count from 0, so `<=` lets each part last an epoch too long."),
    (_by(2, 8), "8 epochs that follow the first 2 end before epoch 2 + 8, not before epoch 8."),
    (lambda epoch: 0.5 if epoch < 10 else 0.05, "the first test that is true decides."),
)
