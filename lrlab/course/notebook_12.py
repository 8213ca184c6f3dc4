"""The questions of `12_your_own_model`, and the experiment of its challenge."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import lrlab
from lrlab.course.hints import find_slip
from lrlab.exercises.judging import Hint, exercise, prediction, quick

_PATIENTS, _RATE = 442, 0.01
_SPREAD = 5.0  # of scaled numbers, whose standard deviation is 1
_WANTED, _SEEDS = 0.45, (1, 2, 3)
_TOO_HIGH = 0.4


prediction(
    "12-default-rate",
    "SGD at its default rate, 0.01, on these wines. The training …",
    {
        "is too slow": "The steps are not too short but far too long.",
        "diverges": "Large targets make large gradients, and those make large steps.",
        "is good": "It would be if the targets were scaled.",
    },
    right="diverges",
)
quick(
    "12-quick-scale",
    "A regression predicts prices in the thousands, and diverges at every usual rate. First you …",
    {
        "scale the targets": "Large targets make large errors, and those make long steps.",
        "train for more epochs": "It would only diverge for longer.",
        "take a smaller network": "Its errors, and so its steps, are as large as before.",
    },
    right="scale the targets",
)
quick(
    "12-quick-starts",
    "From three starts, rate A ends at 0.31, 0.35 and 0.32, and rate B at 0.29, 0.40 and 0.36. "
    "Which one do you take?",
    {
        "B, which has the lowest": "One low loss of three can be luck: B's mean is 0.35.",
        "A, with the lower mean": "Its mean is 0.327 to 0.35, and its starts lie close together.",
        "either, they are the same": "Not quite: the means are 0.327 and 0.35.",
    },
    right="A, with the lower mean",
)
quick(
    "12-quick-none",
    "From notebook 07: the suggestion of a range test is `None`. What does that say?",
    {
        "Every rate is good": "Then the loss would have fallen clearly in the test.",
        "The best rate is 0": "At 0 nothing is learned at all.",
        "The test saw no clear fall": "Test longer, or to other rates: `reason` says which.",
    },
    right="The test saw no clear fall",
)


@exercise("12-diabetes")
def _diabetes(answer: Any) -> str:
    if not isinstance(answer, lrlab.Experiment):
        raise Hint("Give an experiment: lrlab.Experiment(build_model, four arrays).")
    dataset = answer.dataset
    if len(dataset.x_train) + len(dataset.x_val) != _PATIENTS:
        raise Hint(f"Use all {_PATIENTS} patients, some of them for validation.")
    if dataset.task != "regression":
        raise Hint('Whole numbers are taken for classes. Use y.astype("float32").')
    if answer.model.output_shape[-1] != 1:
        raise Hint(f"One amount is wanted. Your model gives {answer.model.output_shape[-1]}.")
    for words, train, val in (
        ("inputs", dataset.x_train, dataset.x_val),
        ("targets", dataset.y_train, dataset.y_val),
    ):
        if np.std(train, axis=0).max() > _SPREAD:
            raise Hint(
                f"The {words} are not scaled. Subtract the mean and divide by the standard "
                "deviation, of the training part alone."
            )
        if np.abs(np.mean(val, axis=0)).max() > _SPREAD:
            raise Hint(f"Scale the validation {words} too, by the numbers of the training part.")
    run = answer.run(_RATE)
    if run.verdict != "good":
        raise Hint(f"At {_RATE} it is {run.verdict}: {run.reason}")
    return f"At {_RATE} it is good: the loss ends at {run.final['val_loss']:.2f}."


@cache
def challenge() -> lrlab.Experiment:
    """Digits whose training labels are wrong in part, 6 epochs, batches of 4.

    One label in five is replaced by a digit that is drawn at random; the validation labels are
    right.
    """
    digits, random = lrlab.data.digits(), np.random.default_rng(0)
    replaced = random.random(len(digits.y_train)) < 0.2
    labels = np.where(replaced, random.integers(0, 10, len(replaced)), digits.y_train)
    arrays = (digits.x_train, labels, digits.x_val, digits.y_val)
    return lrlab.Experiment(lambda: lrlab.models.mlp(digits), arrays, epochs=6, batch_size=4)


@exercise("12-challenge")
def _challenge(answer: Any) -> str:
    if isinstance(answer, lrlab.Run):
        raise Hint("Give the schedule itself, no run: it is trained from other starts.")
    experiment = challenge()
    try:
        rates = experiment.preview(answer)
    except ValueError as error:
        raise Hint(str(error)) from error
    except Exception as error:  # a learner's function may raise anything
        raise Hint(f"It raises {type(error).__name__}: {error}") from error
    runs = [experiment.run(answer, seed=seed) for seed in _SEEDS]
    losses = [run.final["val_loss"] for run in runs]
    result = f"From three other starts the validation loss is {_listed(losses)}"
    if max(losses) <= _WANTED:
        return f"{result}."
    result = f"{result}, and {_WANTED} or less is wanted from each."
    if rates.max() > _TOO_HIGH:
        raise Hint(
            f"{result} The highest rate, {rates.max():.2g}, breaks the network or nearly so."
        )
    if rates.max() < 0.1:
        raise Hint(f"{result} The rate never reaches 0.1: begin higher.")
    if rates[-1] > 0.3 * rates.max():
        raise Hint(f"{result} Wrong labels are noise: let the rate be much lower at the end.")
    raise Hint(f"{result} Try another first rate, or let it fall at another time.")


def _listed(losses: list[float]) -> str:
    return ", ".join(f"{loss:.2f}" for loss in losses)


@exercise("12-slip")
def _slip(answer: Any) -> str:
    find_slip(
        answer,
        3,
        {
            1: "a number for each column, of the training part alone.",
            2: "the training inputs then have mean 0 and standard deviation 1.",
            4: "the numbers of the training targets alone.",
            5: "both parts are scaled by the same numbers.",
        },
    )
    return (
        "Validation data get the numbers of the training part: else the same input means another."
    )
