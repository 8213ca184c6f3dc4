"""Small data sets that ship inside scikit-learn or are drawn from a seed: nothing is downloaded.

Each is shuffled once, at the split, so that every run sees the same batches in the same order. The
lines that make it are written once: they run here, and they are what a learner takes home.
"""

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

__all__ = ["Dataset", "as_dataset", "diabetes", "digits", "moons", "spirals"]

Arrays: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Task: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Training and validation samples, and what is to be learned from them.

    Attributes:
        name: What to call it, for instance in a title.
        x_train: Inputs, shape `(training samples, *input_shape)`; a read-only view, not a copy.
        y_train: Targets. For classification whole numbers from 0 to `classes - 1`, shape
            `(training samples,)`; for regression numbers, shape `(training samples, ...)`.
        x_val: Inputs held out for validation, shape `(validation samples, *input_shape)`.
        y_val: Their targets.
        task: "classification" or "regression".
        classes: The number of classes; None for regression.
        code: Lines of NumPy and scikit-learn that make the same four arrays, bit for bit; empty
            when they are not known.

    Raises:
        ValueError: If the arrays do not fit together, are empty, or hold anything but finite
            numbers, or if labels are not whole numbers from 0 to `classes - 1`.

    Example:
        >>> x = np.linspace(-1, 1, 10).reshape(-1, 1)
        >>> Dataset("parabola", x[:8], x[:8] ** 2, x[8:], x[8:] ** 2, task="regression")
        Dataset('parabola': regression, 8 training and 2 validation samples of shape (1,))
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    task: Task
    classes: int | None = None
    code: str = ""

    def __post_init__(self) -> None:
        for field in ("x_train", "y_train", "x_val", "y_val"):
            array = np.asarray(getattr(self, field)).view()
            array.flags.writeable = False
            object.__setattr__(self, field, array)
            _check_numbers(field, array)
        for part in ("train", "val"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if len(x) != len(y):
                raise ValueError(
                    f"x_{part} and y_{part} must hold one row a sample each. Received: "
                    f"{len(x)} rows in x_{part}, {len(y)} in y_{part}. Cut them alike."
                )
        for letter in ("x", "y"):
            train, val = getattr(self, f"{letter}_train"), getattr(self, f"{letter}_val")
            if train.shape[1:] != val.shape[1:]:
                raise ValueError(
                    f"A sample must have one shape in training and validation. Received: "
                    f"{letter}_train.shape={train.shape}, {letter}_val.shape={val.shape}. "
                    "Reshape one of them."
                )
        if self.x_train.ndim < 2:
            raise ValueError(
                "x_train must have a row a sample and a column a feature. Received: "
                f"x_train.shape={self.x_train.shape}. For a single feature: x.reshape(-1, 1)."
            )
        _check_task(self)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample, as `keras.Input` takes it."""
        return self.x_train.shape[1:]

    @property
    def outputs(self) -> int:
        """How many numbers a model has to give for one sample."""
        return self.classes or math.prod(self.y_train.shape[1:])

    def __repr__(self) -> str:
        classes = f" into {self.classes} classes" if self.classes else ""
        return (
            f"Dataset({self.name!r}: {self.task}{classes}, {len(self.x_train)} training and "
            f"{len(self.x_val)} validation samples of shape {self.input_shape})"
        )


def _check_numbers(field: str, array: np.ndarray) -> None:
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"{field} must hold at least one sample. Received: {field}.shape={array.shape}. "
            "A validation part may be small, but not empty."
        )
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
        raise ValueError(
            f"{field} must be an array of numbers. Received: {field}.dtype={array.dtype}. "
            'Encode categories as numbers and convert with .astype("float32").'
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{field} must hold finite numbers only. Received: {(~np.isfinite(array)).sum()} "
            "values that are NaN or infinite. Drop those samples or fill them in."
        )


def _check_task(dataset: Dataset) -> None:
    classes = dataset.classes
    if dataset.task == "regression":
        if classes is not None:
            raise ValueError(f"Regression has no classes. Received: classes={classes}. Use None.")
        return
    if dataset.task != "classification":
        raise ValueError(
            f'task must be "classification" or "regression". Received: task={dataset.task!r}.'
        )
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(
            f"Classification needs a whole number of classes, 2 or more. Received: {classes=}."
        )
    for field, labels in (("y_train", dataset.y_train), ("y_val", dataset.y_val)):
        if math.prod(labels.shape[1:]) != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                "Labels must be one whole number a sample. Received: "
                f"{field}.shape={labels.shape}, {field}.dtype={labels.dtype}. "
                'From one-hot rows: y.argmax(axis=1); from floats: y.astype("int64").'
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(
                f"Labels must count from 0 to {classes - 1}, one for each of {classes} classes. "
                f"Received: {field} from {labels.min()} to {labels.max()}. Renumber them with "
                "np.unique(y, return_inverse=True)[1], or, if they are amounts to predict "
                '(regression), pass y.astype("float32").'
            )


def as_dataset(dataset: Dataset | Sequence[Any]) -> Dataset:
    """Take a `Dataset` as it is and make one of `(x_train, y_train, x_val, y_val)`.

    Args:
        dataset: A `Dataset`, or four arrays. Targets of whole numbers (or booleans) are labels to
            classify, targets of floats are amounts to predict.

    Raises:
        ValueError: If it is neither, or as `Dataset` says.

    Example:
        >>> x = np.linspace(-1, 1, 10).reshape(-1, 1)
        >>> as_dataset((x[:8], x[:8, 0] > 0, x[8:], x[8:, 0] > 0))
        Dataset('your data': classification into 2 classes, 8 training and 2 validation samples of shape (1,))
    """  # noqa: E501 - the repr is one line
    if isinstance(dataset, Dataset):
        return dataset
    if not isinstance(dataset, tuple | list) or len(dataset) != 4:
        length = f" of length {len(dataset)}" if isinstance(dataset, tuple | list) else ""
        raise ValueError(
            "dataset must be a lrlab Dataset or a tuple (x_train, y_train, x_val, y_val). "
            f"Received: {type(dataset).__name__}{length}. Hold some samples out for validation."
        )
    x_train, y_train, x_val, y_val = (np.asarray(array) for array in dataset)
    y_train, y_val = (y.astype("int64") if y.dtype == bool else y for y in (y_train, y_val))
    if not (np.issubdtype(y_train.dtype, np.integer) and y_train.size):
        return Dataset("your data", x_train, y_train, x_val, y_val, task="regression")
    classes = max(2, int(y_train.max()) + 1)
    return Dataset("your data", x_train, y_train, x_val, y_val, "classification", classes)


def _built_in(name: str, make: Callable[[], Arrays], task: Task) -> Dataset:
    """Run `make` and keep its body, without the final return, as the data set's code."""
    source = textwrap.dedent(inspect.getsource(make))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    first, last = function.body[0].lineno, function.body[-1].lineno
    body = textwrap.dedent("\n".join(source.splitlines()[first - 1 : last - 1]))
    arrays = make()
    classes = int(arrays[1].max()) + 1 if task == "classification" else None
    return Dataset(name, *arrays, task=task, classes=classes, code=body.strip() + "\n")


def _digits() -> Arrays:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, y = (x / 16).astype("float32"), y.astype("int64")
    x_train, x_val, y_train, y_val = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    return x_train, y_train, x_val, y_val


def _moons() -> Arrays:
    from sklearn.datasets import make_moons
    from sklearn.model_selection import train_test_split

    x, y = make_moons(1000, noise=0.2, random_state=0)
    x, y = x.astype("float32"), y.astype("int64")
    x_train, x_val, y_train, y_val = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    return x_train, y_train, x_val, y_val


def _spirals() -> Arrays:
    import numpy as np
    from sklearn.model_selection import train_test_split

    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 400)
    radius = rng.uniform(0.1, 1.0, 1200)
    turns = y / 3 + 0.6 * radius + rng.normal(scale=0.04, size=1200)
    x = radius * np.array([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
    x = x.T.astype("float32")
    x_train, x_val, y_train, y_val = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    return x_train, y_train, x_val, y_val


def _diabetes() -> Arrays:
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    x, y = load_diabetes(return_X_y=True, scaled=False)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, random_state=0)
    # Scale by the training part alone: the validation part stays unseen.
    x_mean, x_std = x_train.mean(axis=0), x_train.std(axis=0)
    y_mean, y_std = y_train.mean(), y_train.std()
    x_train, x_val = ((part - x_mean) / x_std for part in (x_train, x_val))
    y_train, y_val = ((part - y_mean) / y_std for part in (y_train, y_val))
    x_train, x_val = x_train.astype("float32"), x_val.astype("float32")
    y_train, y_val = y_train.astype("float32"), y_val.astype("float32")
    return x_train, y_train, x_val, y_val


@functools.cache
def digits() -> Dataset:
    """1797 scans of handwritten digits, to be told apart: 64 pixels from 0 to 1, 10 classes.

    Inputs are float32 of shape `(1437, 64)` and `(360, 64)`: the 8x8 scans row by row, the
    original 0 to 16 divided by 16. A fifth of every class is held out.
    Source: https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html

    Example:
        >>> digits().x_train.shape, digits().y_val.shape
        ((1437, 64), (360,))
    """
    return _built_in("digits", _digits, "classification")


@functools.cache
def moons() -> Dataset:
    """1000 points of the plane in two interleaved, noisy half circles: 2 classes.

    Inputs are float32 of shape `(800, 2)` and `(200, 2)`, between about -2 and 3. The classes
    overlap a little, so no model gets every point right.
    Source: https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_moons.html

    Example:
        >>> moons()
        Dataset('moons': classification into 2 classes, 800 training and 200 validation samples of shape (2,))
    """  # noqa: E501 - the repr is one line
    return _built_in("moons", _moons, "classification")


@functools.cache
def spirals() -> Dataset:
    """1200 points of the plane on three noisy spiral arms: 3 classes.

    Inputs are float32 of shape `(960, 2)` and `(240, 2)`, within the unit circle or close to it.
    A linear model cannot separate the arms; a network needs a good learning rate to.

    Example:
        >>> spirals().classes, spirals().x_train.shape
        (3, (960, 2))
    """
    return _built_in("spirals", _spirals, "classification")


@functools.cache
def diabetes() -> Dataset:
    """442 patients: predict how their diabetes progresses in a year (regression).

    Inputs are float32 of shape `(353, 10)` and `(89, 10)`: age, sex, body mass index, blood
    pressure and six blood values; targets have shape `(353,)` and `(89,)`. Inputs and targets are
    standardised with mean and standard deviation of the *training* part, so a mean squared error
    of 1 is what always guessing the training mean gives.
    Source: https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_diabetes.html

    Example:
        >>> diabetes().task, diabetes().outputs
        ('regression', 1)
    """
    return _built_in("diabetes", _diabetes, "regression")
