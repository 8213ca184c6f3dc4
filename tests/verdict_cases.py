"""Small trainings to be judged, and how well they learned by numbers that no verdict uses.

Rates at the edge of stability are chaotic, so the table names every verdict that seeds 0, 1 and 2
get. What must hold whatever they get is `broken_law`.
"""

import functools

from lrlab.backend import keras

import numpy as np
from keras import layers, losses
from sklearn import datasets
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from lrlab import Experiment

_GUESSING = 0.02  # of balanced accuracy or R2, more than one answer for all samples has
_SOMETHING = 0.1  # a best run of less has learned nothing, and no other can be held to it


def loaded(name):
    return getattr(datasets, f"load_{name}")(return_X_y=True)


def scaled(x):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)


def images(scale):
    x, y = loaded("digits")
    return x[:700].reshape(-1, 8, 8, 1) * scale, y[:700]


def digits(scale):
    x, y = loaded("digits")
    return x[:700] * scale, y[:700]


def one_hot(data):
    x, y = data
    return x, np.eye(10, dtype="float32")[y]


def nines(scale):
    x, y = digits(scale)
    return x, (y == 9).astype(int)


def few_malignant():
    """A class in fourteen, another has all others."""
    x, y = loaded("breast_cancer")
    kept = np.random.default_rng(0).permutation([*np.flatnonzero(y), *np.flatnonzero(y == 0)[:27]])
    return x[kept], y[kept]


def rare(scale):
    x, y = datasets.make_classification(
        900, 10, n_informative=6, weights=[0.92], class_sep=1.5, flip_y=0, random_state=0
    )
    return x * scale + scale, y


def three_amounts(scale):
    x, y = datasets.make_regression(400, 8, n_targets=3, noise=5, random_state=0)
    return x * scale, (y / y.std(axis=0)).astype("float32")


def three_labels():
    x = np.random.default_rng(0).normal(size=(600, 6))
    return x, np.stack([x[:, 0] > 0, x[:, 1] > 0.5, x[:, 2] - x[:, 3] > 0], axis=1).astype(
        "float32"
    )


def diabetes(scale_x, scale_y):
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    return scaled(x) if scale_x else x, (scaled(y) if scale_y else y).astype("float32")


def friedman():
    x, y = datasets.make_friedman1(500, noise=0.5, random_state=0)
    return scaled(x), y.astype("float32")


def of_scaled(data):
    return scaled(data[0]), data[1]


DATA = {
    "digits": lambda: digits(1 / 16),
    "digits to 16": lambda: digits(1),
    "digits to 255": lambda: digits(255 / 16),
    "digits, one-hot": lambda: one_hot(digits(1 / 16)),
    "digits to 255, one-hot": lambda: one_hot(digits(255 / 16)),
    "images": lambda: images(1 / 16),
    "images to 255": lambda: images(255 / 16),
    "nines": lambda: nines(1 / 16),
    "nines to 255": lambda: nines(255 / 16),
    "wine": lambda: of_scaled(loaded("wine")),
    "wine as it is": lambda: loaded("wine"),
    "cancer": lambda: of_scaled(loaded("breast_cancer")),
    "cancer as it is": lambda: loaded("breast_cancer"),
    "few malignant": lambda: of_scaled(few_malignant()),
    "few malignant as it is": few_malignant,
    "iris": lambda: of_scaled(loaded("iris")),
    "iris as it is": lambda: loaded("iris"),
    "rare": lambda: rare(1),
    "rare, not scaled": lambda: rare(60),
    "three labels": three_labels,
    "three amounts": lambda: three_amounts(1),
    "three amounts, not scaled": lambda: three_amounts(40),
    "diabetes": lambda: diabetes(True, True),
    "diabetes, amounts as they are": lambda: diabetes(True, False),
    "diabetes as it is": lambda: diabetes(False, False),
    "friedman": friedman,
}


def network(*hidden, last=None, units=None, activation="relu", regularizer=None):
    """Builds what suits the data: softmax for classes, no activation for amounts."""

    def build(x, y):
        classes = np.issubdtype(y.dtype, np.integer)
        outputs = units or (int(y.max()) + 1 if classes else y[0].size)
        dense = [
            layers.Dense(n, activation, kernel_regularizer=regularizer and regularizer())
            for n in hidden
        ]
        head = layers.Dense(outputs, last or ("softmax" if classes else None))
        return keras.Sequential([keras.Input(x.shape[1:]), *dense, head])

    return build


def cnn(x, y):
    inner = [layers.Conv2D(6, 3, strides=2, activation="relu"), layers.Flatten()]
    head = layers.Dense(int(y.max()) + 1, "softmax")
    return keras.Sequential([keras.Input(x.shape[1:]), *inner, head])


def focal():
    """A cross-entropy in which the rarer class weighs more."""
    return losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.9)


def balanced(y_true, y_pred):
    """A cross-entropy in which the first class, nine in ten samples, weighs a ninth."""
    rows = losses.sparse_categorical_crossentropy(y_true, y_pred)
    first = keras.ops.cast(keras.ops.reshape(y_true, (-1,)) == 0, "float32")
    return rows * (1 - first * 8 / 9)


NETWORKS = {
    "linear": (network(), {}),
    "mlp": (network(16), {}),
    "tanh": (network(16, activation="tanh"), {}),
    "regularized": (network(16, regularizer=lambda: keras.regularizers.L2(0.01)), {}),
    "cnn": (cnn, {}),
    "logits": (network(16, last="linear"), {}),
    "sigmoid": (network(16, last="sigmoid", units=1), {}),
    "a logit": (network(16, last="linear", units=1), {}),
    "focal": (network(16, last="sigmoid", units=1), {"loss": focal}),
    "balanced": (network(16), {"loss": lambda: balanced}),
    "one-hot": (network(16, last="softmax"), {"loss": lambda: "categorical_crossentropy"}),
    "smoothed": (
        network(16, last="softmax"),
        {"loss": lambda: losses.CategoricalCrossentropy(label_smoothing=0.1)},
    ),
    "sigmoids": (network(16, last="sigmoid"), {"loss": lambda: "binary_crossentropy"}),
    "absolute": (network(16), {"loss": lambda: "mae"}),
    "huber": (network(16), {"loss": lambda: "huber"}),
}

# (data, network, optimizer) -> {rate: the verdicts that it may get}.
TABLE = {
    ("digits to 16", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "noisy or stuck",
        3: "stuck",
    },
    ("digits to 16", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low or good",
        0.1: "stuck",
        1: "stuck",
    },
    ("digits to 255", "mlp", "sgd"): {0.0001: "too low", 0.01: "stuck", 0.1: "stuck", 3: "stuck"},
    ("digits to 255", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "stuck",
        1: "stuck",
    },
    ("wine", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low",
        3: "good or diverged",
    },
    ("wine as it is", "mlp", "sgd"): {
        0.0001: "too low or noisy",
        0.01: "stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("wine as it is", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "noisy",
        0.1: "noisy or stuck",
        1: "stuck",
    },
    ("cancer", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "too low or good",
        0.1: "good",
        3: "diverged",
    },
    ("cancer as it is", "mlp", "sgd"): {
        0.0001: "too low or noisy",
        0.01: "stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("cancer as it is", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "stuck",
        1: "stuck",
    },
    ("iris", "mlp", "adam"): {0.0001: "too low", 0.01: "too low", 0.1: "good", 1: "noisy"},
    ("iris as it is", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "too low or good",
        0.1: "too low or good",
        3: "stuck",
    },
    ("iris as it is", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low or good",
        0.1: "too low or good",
        1: "noisy or stuck",
    },
    ("nines", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low or good",
        3: "noisy or stuck",
    },
    ("nines to 255", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "noisy or stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("nines to 255", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low or good or noisy",
        0.1: "stuck",
        1: "stuck",
    },
    ("few malignant", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low or good",
        0.1: "good or noisy",
        1: "noisy",
    },
    ("few malignant as it is", "mlp", "sgd"): {
        0.0001: "too low or noisy",
        0.01: "noisy",
        0.1: "stuck",
        3: "stuck",
    },
    ("few malignant as it is", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "noisy or stuck",
        1: "stuck",
    },
    ("rare", "mlp", "sgd"): {0.0001: "too low", 0.01: "too low", 0.1: "good", 3: "noisy"},
    ("rare", "mlp", "adam"): {0.0001: "too low", 0.01: "too low", 0.1: "noisy", 1: "noisy"},
    ("rare, not scaled", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "good or noisy",
        0.1: "noisy or stuck",
        3: "diverged",
    },
    ("rare, not scaled", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low or noisy",
        1: "good or noisy",
    },
    ("diabetes, amounts as they are", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low or good",
        1: "too low or good or noisy",
    },
    ("diabetes as it is", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low",
        1: "noisy or diverged",
    },
    ("friedman", "mlp", "sgd"): {0.0001: "too low", 0.01: "good", 0.1: "diverged", 3: "diverged"},
    ("three amounts", "mlp", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "good",
        3: "diverged",
    },
    ("three amounts", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "good",
        0.1: "good",
        1: "noisy or stuck",
    },
    ("three amounts, not scaled", "mlp", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low",
        1: "noisy",
    },
    ("digits to 255", "linear", "sgd"): {
        0.0001: "too low",
        0.01: "noisy",
        0.1: "noisy",
        3: "diverged",
    },
    ("wine as it is", "linear", "adam"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "too low or noisy",
        1: "noisy",
    },
    ("cancer as it is", "linear", "adam"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "too low or noisy",
        1: "noisy",
    },
    ("images", "cnn", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low",
        3: "noisy or stuck",
    },
    ("images to 255", "cnn", "sgd"): {
        0.0001: "too low",
        0.01: "too low or stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("images to 255", "cnn", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "stuck",
        1: "stuck",
    },
    ("digits to 255", "tanh", "sgd"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "stuck",
        3: "diverged",
    },
    ("digits to 255", "regularized", "sgd"): {
        0.0001: "too low",
        0.01: "stuck",
        0.1: "noisy or diverged",
        3: "noisy or diverged",
    },
    ("digits to 255", "logits", "sgd"): {
        0.0001: "too low",
        0.01: "stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("cancer as it is", "sigmoid", "adam"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "stuck",
        1: "stuck",
    },
    ("cancer as it is", "a logit", "sgd"): {
        0.0001: "noisy or too low",
        0.01: "stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("few malignant", "focal", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low or good",
        1: "noisy",
    },
    ("rare", "balanced", "sgd"): {
        0.0001: "too low",
        0.01: "too low or good",
        0.1: "good",
        3: "noisy",
    },
    ("rare, not scaled", "balanced", "adam"): {
        0.0001: "too low",
        0.01: "too low or noisy",
        0.1: "too low or good or noisy",
        1: "noisy or stuck",
    },
    ("digits to 255, one-hot", "one-hot", "sgd"): {
        0.0001: "too low",
        0.01: "stuck",
        0.1: "stuck",
        3: "stuck",
    },
    ("digits, one-hot", "smoothed", "adam"): {
        0.0001: "too low",
        0.01: "good",
        0.1: "good",
        1: "stuck",
    },
    ("three labels", "sigmoids", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low",
        3: "good",
    },
    ("diabetes", "absolute", "sgd"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "good",
        3: "noisy or stuck",
    },
    ("diabetes as it is", "absolute", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "too low",
        1: "noisy",
    },
    ("diabetes, amounts as they are", "huber", "adam"): {
        0.0001: "too low",
        0.01: "too low",
        0.1: "good",
        1: "noisy",
    },
}


@functools.cache
def parts(name):
    x, y = DATA[name]()
    whole = np.issubdtype(y.dtype, np.integer)
    cut = train_test_split(x, y, test_size=0.3, stratify=y if whole else None, random_state=0)
    x_train, x_val, y_train, y_val = cut
    return x_train.astype("float32"), y_train, x_val.astype("float32"), y_val


def experiment_of(data, model, optimizer, seed=0):
    arrays = parts(data)
    build, settings = NETWORKS[model]
    compiled = {name: make() for name, make in settings.items()}
    return Experiment(
        lambda: build(*arrays[:2]),
        arrays,
        optimizer=optimizer,
        epochs=8,
        metrics=[],
        seed=seed,
        **compiled,
    )


def skill(experiment):
    """How much better than guessing the model answers: in balanced accuracy, or in R2."""
    x, y = experiment.dataset.x_val, experiment.dataset.y_val
    answers = np.asarray(experiment.model(x))
    if not np.isfinite(answers).all():
        return 0.0
    if np.isin(y, [0.0, 1.0]).all() and y.ndim == 2 and (y.sum(axis=1) != 1).any():
        pairs = zip(y.T, answers.T > 0.5, strict=True)
        return float(np.mean([balanced_accuracy_score(*pair) - 0.5 for pair in pairs]))
    if y.ndim == 2 and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if np.issubdtype(y.dtype, np.integer):
        classes = len(np.unique(y))
        return balanced_accuracy_score(y, experiment.classes_at(x)) - 1 / classes
    return r2_score(y, answers.reshape(y.shape).clip(-1e9, 1e9))


def broken_law(verdict, skill, best):
    """Tell which law a verdict breaks: no run that guesses is good, none that learned is stuck.

    To have learned is to be at least halfway from guessing to the best run of the case.
    """
    if verdict == "good" and skill <= _GUESSING:
        return "guesses, and is good"
    if verdict == "stuck" and best > _SOMETHING and skill >= best / 2:
        return "has learned, and is stuck"
    return ""
