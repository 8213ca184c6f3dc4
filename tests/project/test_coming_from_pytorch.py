"""The page for those who come from PyTorch: a block gives the rates of its scheduler's formula."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

from lrlab.backend import keras, tf

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "coming_from_pytorch.md"
SETTINGS, *SECTIONS = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
CODE = {text.split("\n", 1)[0]: BLOCK.search(text)[1] for text in SECTIONS}

RATE, EPOCHS, TOTAL, WARM_UP = 0.1, 15, 675, 45


def cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def with_restarts(epoch):
    length = 3
    while epoch >= length:
        epoch, length = epoch - length, length * 2
    return cosine(RATE, 0.001, epoch / length)


def one_cycle(step):
    top = 0.3 * TOTAL - 1
    if step <= top:
        return cosine(RATE / 25, RATE, step / top)
    return cosine(RATE, RATE / 25 / 1e4, (step - top) / (TOTAL - 1 - top))


def triangular(step):
    cycle = math.floor(1 + step / 200)
    return 0.01 + 0.09 * max(0.0, 1 - abs(step / 100 - 2 * cycle + 1))


def warmed_up(after):
    return lambda step: RATE * (step / WARM_UP if step < WARM_UP else after(step))


def stable_then_down(step):
    gone = step - WARM_UP - 450
    return 1.0 if gone < 0 else cosine(1, 0, gone / 180) if gone < 180 else 0.0


BY_EPOCH = {
    "StepLR": lambda epoch: RATE * 0.1 ** (epoch // 5),
    "MultiStepLR": lambda epoch: RATE * (1 if epoch < 6 else 0.1 if epoch < 12 else 0.01),
    "ConstantLR": lambda epoch: RATE / 2 if epoch < 4 else RATE,
    "LinearLR": lambda epoch: RATE * (0.1 + (1.0 - 0.1) * min(5, epoch) / 5),
    "ExponentialLR": lambda epoch: RATE * 0.9**epoch,
    "PolynomialLR": lambda epoch: RATE * (1 - min(15, epoch) / 15) ** 2,
    "CosineAnnealingLR": lambda epoch: cosine(RATE, 0.001, epoch / 15),
    "CosineAnnealingWarmRestarts": with_restarts,
    "LambdaLR": lambda epoch: RATE * 0.95**epoch,
    "MultiplicativeLR": lambda epoch: RATE * 0.95**epoch,
}
BY_STEP = {
    "OneCycleLR": one_cycle,
    "CyclicLR": triangular,
    "get_constant_schedule_with_warmup": warmed_up(lambda step: 1),
    "get_linear_schedule_with_warmup": warmed_up(lambda step: (TOTAL - step) / (TOTAL - WARM_UP)),
    "get_cosine_schedule_with_warmup": warmed_up(
        lambda step: cosine(1, 0, (step - WARM_UP) / (TOTAL - WARM_UP))
    ),
    "get_inverse_sqrt_schedule": warmed_up(lambda step: 1 / math.sqrt(step / WARM_UP)),
    "get_wsd_schedule": warmed_up(stable_then_down),
}


def made_by(name):
    """What a section's block makes, in a namespace of its own."""
    names = {}
    exec(BLOCK.search(SETTINGS)[1], names)  # noqa: S102 - a page of our own
    assert (names["learning_rate"], names["epochs"], names["total_steps"]) == (RATE, EPOCHS, TOTAL)
    exec(CODE[name], names)  # noqa: S102
    return names


def optimizer_alone():
    return SimpleNamespace(optimizer=SimpleNamespace(learning_rate=RATE))


def test_every_section_is_compared():
    assert {*CODE} == {*BY_EPOCH, *BY_STEP, "ReduceLROnPlateau"}


@pytest.mark.parametrize("name", BY_EPOCH)
def test_the_rate_of_each_epoch(name):
    callback, model, rates = made_by(name)["callback"], optimizer_alone(), []
    assert isinstance(callback, keras.callbacks.LearningRateScheduler)
    callback.set_model(model)
    for epoch in range(EPOCHS):
        callback.on_epoch_begin(epoch)
        rates.append(model.optimizer.learning_rate)
    np.testing.assert_allclose(rates, [BY_EPOCH[name](e) for e in range(EPOCHS)], rtol=1e-5)


@pytest.mark.parametrize("name", BY_STEP)
def test_the_rate_of_each_step(name):
    schedule = made_by(name)["schedule"]
    assert isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    rates = [float(schedule(step)) for step in range(TOTAL)]
    np.testing.assert_allclose(rates, [*map(BY_STEP[name], range(TOTAL))], rtol=1e-4, atol=1e-8)


def test_the_momentum_of_each_step_of_one_cycle():
    """PyTorch: a cosine from 0.95 to 0.85 as the rate rises, and one back; Keras's velocity."""
    names = made_by("OneCycleLR")
    (section,) = (text for text in SECTIONS if text.startswith("OneCycleLR"))
    exec(BLOCK.findall(section)[1], names)  # noqa: S102 - a page of our own
    top = 0.3 * TOTAL - 1
    momenta = [
        cosine(0.95, 0.85, step / top)
        if step <= top
        else cosine(0.85, 0.95, (step - top) / (TOTAL - 1 - top))
        for step in range(TOTAL)
    ]
    np.testing.assert_allclose(
        [float(names["Momentum"]()(step)) for step in range(TOTAL)], momenta, rtol=1e-5
    )
    weight, expected, velocity = keras.Variable(0.0), 0.0, 0.0
    names["optimizer"].build([weight])

    @tf.function
    def update():
        names["optimizer"].apply([keras.ops.ones(())], [weight])

    for step in range(300):
        update()
        velocity = momenta[step] * velocity - one_cycle(step)
        expected += velocity
    assert float(weight) == pytest.approx(expected, rel=1e-4)


def test_a_plateau_is_cut_in_the_same_epochs():
    """PyTorch: once more than ten epochs have brought nothing, of `threshold=0`."""
    callback, model = made_by("ReduceLROnPlateau")["callback"], optimizer_alone()
    callback.set_model(model)
    callback.on_train_begin()
    losses = [1.0, 0.5, *[0.6] * 12, 0.4, *[0.5] * 30]
    rate, best, bad = RATE, math.inf, 0
    for epoch, loss in enumerate(losses):
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        if bad > 10:
            rate, bad = rate * 0.1, 0
        callback.on_epoch_end(epoch, {"loss": loss})
        assert model.optimizer.learning_rate == pytest.approx(rate)
    assert rate == pytest.approx(RATE * 1e-3)
