"""The exercise of `13_pitfalls`."""

import keras
import pytest
from hints import hint

import lrlab


def script(schedule, *, rate=0.1, epochs=15, history=lambda trained: trained.history):
    def train(x, y):
        model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(learning_rate=rate), loss="mse")
        callbacks = [keras.callbacks.LearningRateScheduler(schedule)] if schedule else []
        return history(model.fit(x, y, epochs=epochs, callbacks=callbacks, verbose=0))

    return train


def halved(epoch):
    return 0.1 * 0.5 ** (epoch // 5)


@pytest.mark.parametrize("history", [lambda trained: trained.history, lambda trained: trained])
def test_the_mended_script_passes(history):
    assert lrlab.check("13-script", script(halved, history=history)).message == (
        "0.1 in epochs 0 to 4, 0.05 in 5 to 9, 0.025 in 10 to 14."
    )


def with_a_line_that_does_nothing(x, y):
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate=0.1), loss="mse")
    model.optimizer.lr = 0.1
    scheduler = keras.callbacks.LearningRateScheduler(halved)
    return model.fit(x, y, epochs=15, callbacks=[scheduler], verbose=0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, y: keras.optimizers.SGD(lr=1), "ValueError: Argument(s) not recognized"),
        (lambda x, y: keras.optimizers.SGD(1), "Look for this message in the table of traps."),
        (script(lambda epoch: None), "`schedule` function should be a float. Got: None Look"),
        (script(None), "no callback sets one"),
        (script(halved, epochs=5), "It trains 5 epochs instead of 15."),
        (
            script(lambda epoch, lr: lr * 0.5 ** (epoch // 5), rate=1.0),
            "In epoch 0 the rate is 1 and should be 0.1: what the schedule returns counts",
        ),
        (
            script(lambda epoch, lr: lr * 0.5 ** (epoch // 5)),
            "In epoch 6 the rate is 0.025 and should be 0.05: it builds on the present rate",
        ),
        (
            script(lambda epoch: 0.1 * 0.5 ** ((epoch + 1) // 5)),
            "In epoch 4 the rate is 0.05 and should be 0.1. Epochs count from 0",
        ),
        (with_a_line_that_does_nothing, "`optimizer.lr` does nothing: take it out."),
        (script(halved, history=lambda trained: None), "It returned None."),
        (None, "Give the function itself"),
    ],
)
def test_each_mistake_has_its_hint(answer, words):
    assert words in hint("13-script", answer)
