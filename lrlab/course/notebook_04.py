"""The questions of `04_schedules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lrlab.course.hints import as_letters, first_wrong
from lrlab.exercises.judging import Hint, exercise, prediction, quick
from lrlab.schedules import is_keras_schedule, preview

prediction(
    "04-zero",
    "When does the learning rate reach 0?",
    {
        "At the end of training": "15 steps are 15 batches. An epoch has three times as many.",
        "Within the first epoch": "15 steps are 15 batches, a third of an epoch.",
        "Never": "It is 0 from step 15 on, and nothing warns of it.",
    },
    right="Within the first epoch",
)


@exercise("04-order")
def _order(answer: Any) -> str:
    """Of schedules with a mean rate of 0.33, 0.25, 0.14 and 0.08, from the highest."""
    order = as_letters(answer, "BDCA")
    if order == "BDCA":
        return "The longer the rate stays high, the lower the loss. With A it is 0 after 5 epochs."
    if order[-1] != "A":
        raise Hint("A is at 0 after 5 of the 15 epochs. What can it learn in the other ten?")
    if order.index("C") < order.index("D"):
        raise Hint("C is halved every 3 epochs, from the first on. How long does D stay high?")
    raise Hint(
        "With a power of 0.5, B stays high until shortly before the end. Sketch it beside D."
    )


quick(
    "04-quick-steps",
    "640 samples, batches of 32, 10 epochs. For a `CosineDecay` over all of them, "
    "`decay_steps` is …",
    {
        "10": "That is half an epoch, which has 20 batches.",
        "200": "An epoch has 20 batches, and there are 10 epochs.",
        "6400": "Count batches, not samples.",
    },
    right="200",
)
quick(
    "04-quick-high",
    "Two schedules begin at the same rate and end at the same. Which one ended lower here?",
    {
        "the one whose rate stayed high longer": "The loss followed the mean rate.",
        "the one whose rate fell early": "Most was still to be learned when its rate was low.",
        "neither: only the ends count": "The losses differed by a third.",
    },
    right="the one whose rate stayed high longer",
)
quick(
    "04-quick-drops",
    "From notebook 03: what does `epoch // 5` count in `0.8 * 0.5 ** (epoch // 5)`?",
    {
        "the epochs since the last drop": "That would be `epoch % 5`.",
        "the epochs that are left": "It knows nothing of the end.",
        "the drops so far": "It is 0 in epochs 0 to 4, then 1, then 2.",
    },
    right="the drops so far",
)


@exercise("04-decay-steps")
def _decay_steps(answer: Any) -> str:
    """Of 12 epochs with 32 batches each."""
    from lrlab.backend import keras

    decay = keras.optimizers.schedules.CosineDecay
    slips = {
        "12 is the number of epochs. It counts batches.": decay(0.5, 12),
        "32 batches are one epoch. There are 12 of them.": decay(0.5, 32),
        "12 × 1000 counts samples. It counts batches.": decay(0.5, 12_000),
        "The last, smaller batch of an epoch counts too: 1000 / 32, rounded up.": decay(0.5, 372),
        "1000 / 32 is no whole number. An epoch has 32 batches, the last one smaller.": decay(
            0.5, 375
        ),
    }
    _compare(answer, decay(0.5, 12 * 32), 12, 32, slips)
    return "decay_steps is 12 epochs × 32 batches = 384."


@exercise("04-warm-up")
def _warm_up(answer: Any) -> str:
    """10 epochs with 20 batches each, the first 2 of them to warm up."""
    from lrlab.backend import keras

    decay = keras.optimizers.schedules.CosineDecay
    warm = {"warmup_target": 1.0, "warmup_steps": 40}
    slips = {
        "Without `warmup_target` Keras ignores `warmup_steps`.": decay(0.1, 160),
        "Without `warmup_steps` the warm-up has no length.": decay(0.1, 160, warmup_target=1.0),
        "`decay_steps` begins after the warm-up: 8 epochs are left.": decay(0.1, 200, **warm),
        "Without a warm-up it begins at the highest rate.": decay(1.0, 200),
        "Count batches and not epochs, 20 an epoch.": decay(
            0.1, 8, warmup_target=1.0, warmup_steps=2
        ),
        "The first rate is 0.1, and 1.0 the one after the warm-up.": decay(1.0, 160, **warm),
    }
    _compare(answer, decay(0.1, 160, **warm), 10, 20, slips)
    return "It rises to 1.0 in 40 steps and falls to 0 in 160."


def _compare(
    answer: Any, right: Any, epochs: int, steps_per_epoch: int, slips: Mapping[str, Any]
) -> None:
    """Hold the rates of all steps against the right ones, and against those of usual slips."""
    if not is_keras_schedule(answer):
        words = "Give a schedule object, such as keras.optimizers.schedules.CosineDecay(...)."
        if callable(answer):
            words += " A function of the epoch changes the rate only once an epoch."
        raise Hint(words)
    given, wanted = (preview(s, epochs, steps_per_epoch) for s in (answer, right))
    step = first_wrong(given, wanted, rtol=1e-3, atol=1e-6)
    if step is None:
        return
    hints = (
        hint
        for hint, slip in slips.items()
        if np.allclose(given, preview(slip, epochs, steps_per_epoch), rtol=1e-3, atol=1e-6)
    )
    raise Hint(
        f"In step {step} (epoch {step // steps_per_epoch}) your rate is {given[step]:.4g} and "
        f"should be {wanted[step]:.4g}. {next(hints, '')}".rstrip()
    )
