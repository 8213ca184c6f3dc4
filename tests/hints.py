"""What the tests of exercises share."""

from lrlab.backend import keras

from lrlab.exercises import check


def hint(exercise, answer):
    """The message of a wrong answer."""
    feedback = check(exercise, answer)
    assert feedback.passed is False, feedback
    assert not feedback
    return feedback.message


def one_weight(optimizer="sgd", **settings):
    """A compiled Keras model with one input and one output; `settings` are those of its layer."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, **settings)])
    model.compile(optimizer, loss="mse")
    return model
