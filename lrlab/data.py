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
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from lrlab.checks import as_arrays, check_kind, named_arrays

__all__ = ["Dataset", "as_dataset", "diabetes", "digits", "moons", "spirals", "wave"]

Arrays: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Task: TypeAlias = Literal["classification", "regression", "several targets"]
# One array, or a dict or a tuple of several.
Data: TypeAlias = Any
_FIELDS = ("x_train", "y_train", "x_val", "y_val")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Training and validation samples, and what is to be learned from them.

    The arrays are copies that nobody can change, so that all runs see what the data set shows; an
    array that cannot be changed already is taken as it is.

    Attributes:
        name: What to call it, for instance in a title.
        x_train: Inputs, shape `(training samples, *input_shape)`; for a model with several inputs
            a dict or a tuple of arrays.
        y_train: Targets. For classification whole numbers from 0 to `classes - 1`, shape
            `(training samples,)`, or one-hot rows, shape `(training samples, classes)`; for
            regression numbers, shape `(training samples, ...)`; for several targets a dict or a
            tuple of arrays.
        x_val: Inputs held out for validation, shape `(validation samples, *input_shape)`.
        y_val: Their targets.
        task: "classification", "regression" or "several targets".
        classes: The number of classes; None for other tasks.
        code: Lines of NumPy and scikit-learn that make the same four arrays, bit for bit; empty
            when they are not known.

    Raises:
        ValueError: If the arrays do not fit together, are empty, or hold anything but finite
            numbers, or if labels are neither whole numbers from 0 to `classes - 1` nor one-hot.

    Example:
        >>> x = np.linspace(-1, 1, 10).reshape(-1, 1)
        >>> Dataset("parabola", x[:8], x[:8] ** 2, x[8:], x[8:] ** 2, task="regression")
        Dataset('parabola': regression, 8 training and 2 validation samples of shape (1,))
    """

    name: str
    x_train: Data
    y_train: Data
    x_val: Data
    y_val: Data
    task: Task
    classes: int | None = None
    code: str = ""

    def __post_init__(self) -> None:
        for field in _FIELDS:
            object.__setattr__(self, field, as_arrays(getattr(self, field), field))
        for part in ("train", "val"):
            _check_lengths(self._named(f"x_{part}") | self._named(f"y_{part}"))
        for letter in ("x", "y"):
            _check_shapes(self._named(f"{letter}_train"), self._named(f"{letter}_val"), letter)
        if isinstance(self.x_train, np.ndarray) and self.x_train.ndim < 2:
            raise ValueError(
                "x_train must have a row a sample and a column a feature. Received: "
                f"x_train.shape={self.x_train.shape}. For a single feature: x.reshape(-1, 1)."
            )
        _check_task(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come out of a pickle with arrays that nobody can change, as it went in."""
        vars(self).update(state)
        for field in _FIELDS:
            for array in self._named(field).values():
                array.flags.writeable = False

    def _named(self, field: str) -> dict[str, np.ndarray]:
        return named_arrays(getattr(self, field), field)

    @property
    def samples(self) -> int:
        """The number of training samples."""
        return len(next(iter(self._named("x_train").values())))

    @property
    def input_shape(self) -> Any:
        """The shape of one sample, as `keras.Input` takes it; of several inputs that of each."""
        if isinstance(self.x_train, dict):
            return {name: array.shape[1:] for name, array in self.x_train.items()}
        if isinstance(self.x_train, tuple):
            return tuple(array.shape[1:] for array in self.x_train)
        return self.x_train.shape[1:]

    @property
    def outputs(self) -> int:
        """How many numbers a model has to give for one sample."""
        if self.task == "several targets":
            raise ValueError(
                "Several targets have no one number of outputs. Received: "
                f"{', '.join(self._named('y_train'))}. Write a model with an output for each."
            )
        return self.classes or math.prod(self.y_train.shape[1:])

    @property
    def labels(self) -> np.ndarray:
        """The class of each training sample, shape `(training samples,)`."""
        if self.task != "classification":
            raise ValueError(f"Only classification has labels. Received: task={self.task!r}.")
        y: np.ndarray = self.y_train
        return y.argmax(axis=1) if is_one_hot(y) else y.ravel()

    def __repr__(self) -> str:
        classes = f" into {self.classes} classes" if self.classes else ""
        return (
            f"Dataset({self.name!r}: {self.task}{classes}, {self.samples} training and "
            f"{len(next(iter(self._named('x_val').values())))} validation samples of shape "
            f"{self.input_shape})"
        )


def is_one_hot(labels: np.ndarray) -> bool:
    """Tell whether each row of at least two columns is a 1 among zeros."""
    return (
        labels.ndim == 2
        and labels.shape[1] > 1
        and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())
    )


def _check_lengths(arrays: dict[str, np.ndarray]) -> None:
    (first, rows), *others = ((name, len(array)) for name, array in arrays.items())
    for name, length in others:
        if length != rows:
            several = "[" in first + name
            way = "Each array of a list is an input; for a list of rows: np.stack(x)."
            raise ValueError(
                f"{first} and {name} must hold one row a sample each. Received: {rows} rows in "
                f"{first}, {length} in {name}. {way if several else 'Cut them alike.'}"
            )


def _check_shapes(train: dict[str, np.ndarray], val: dict[str, np.ndarray], letter: str) -> None:
    shapes, others = ([array.shape[1:] for array in part.values()] for part in (train, val))
    names, other_names = ({name.partition("[")[2] for name in part} for part in (train, val))
    if shapes != others or names != other_names:
        received = [f"{name}.shape={array.shape}" for name, array in (train | val).items()]
        raise ValueError(
            "A sample must have one shape in training and validation. Received: "
            f"{', '.join(received)}. Reshape one of them."
        )


def _check_task(dataset: Dataset) -> None:
    classes, several = dataset.classes, not isinstance(dataset.y_train, np.ndarray)
    if dataset.task not in get_args(Task) or several != (dataset.task == "several targets"):
        raise ValueError(
            f"task must be one of {', '.join(get_args(Task))}, and several targets are that. "
            f"Received: task={dataset.task!r}, targets {', '.join(dataset._named('y_train'))}."
        )
    if dataset.task != "classification":
        if classes is not None:
            raise ValueError(
                f"{dataset.task.capitalize()} has no classes. Received: {classes=}. Use None."
            )
        return
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(
            f"Classification needs a whole number of classes, 2 or more. Received: {classes=}."
        )
    for field, labels in (("y_train", dataset.y_train), ("y_val", dataset.y_val)):
        if is_one_hot(labels) and labels.shape[1] == classes:
            continue
        if math.prod(labels.shape[1:]) != 1 or labels.dtype.kind not in "iu":
            raise ValueError(
                "Labels must be one whole number a sample, or one-hot rows. Received: "
                f"{field}.shape={labels.shape}, {field}.dtype={labels.dtype}, for {classes} "
                'classes. From floats: y.astype("int64"). Where several classes hold at once, '
                'pass y.astype("float32").'
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
        dataset: A `Dataset`, or four arrays; for several inputs or targets dicts or lists of
            arrays. Targets of whole numbers (or booleans), and one-hot rows of any numbers, are
            labels to classify, other targets of floats are amounts to predict.

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
        parts = dataset if isinstance(dataset, tuple | list) else [dataset]
        for part in parts:
            check_kind(part, "dataset")
        length = f" of length {len(parts)}" if parts is dataset else ""
        raise ValueError(
            "dataset must be a lrlab Dataset or a tuple (x_train, y_train, x_val, y_val). "
            f"Received: {type(dataset).__name__}{length}. Hold some samples out for validation."
        )
    given = dict(zip(_FIELDS, dataset, strict=True))
    arrays = {name: as_arrays(part, name) for name, part in given.items()}
    train, val = arrays["y_train"], arrays["y_val"]
    task: Task = "classification"
    classes = None
    if not (isinstance(train, np.ndarray) and isinstance(val, np.ndarray)):
        task = "several targets"
    elif is_one_hot(train) and is_one_hot(val):
        classes = train.shape[1]
    elif train.dtype.kind in "biu":
        classes = max(2, int(train.max()) + 1)
    else:
        task = "regression"
    for name, array in arrays.items():
        if name.startswith("y_") and classes and array.dtype == bool:
            arrays[name] = array.astype("int64")
    return Dataset("your data", **arrays, task=task, classes=classes)


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


def _wave() -> Arrays:
    import numpy as np
    from sklearn.model_selection import train_test_split

    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, size=(1000, 1))
    y = np.sin(np.pi * x[:, 0]) + rng.normal(scale=0.2, size=1000)
    x, y = x.astype("float32"), y.astype("float32")
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, random_state=0)
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


@functools.cache
def wave() -> Dataset:
    """1000 points along a sine with noise: predict the height from one input (regression).

    Inputs are float32 of shape `(800, 1)` and `(200, 1)`, from -1 to 1; targets have shape `(800,)`
    and `(200,)`. The noise has a standard deviation of 0.2, so no model gets its mean squared error
    much below 0.04. With one input, an explorer draws what the model has fitted.

    Example:
        >>> wave()
        Dataset('wave': regression, 800 training and 200 validation samples of shape (1,))
    """
    return _built_in("wave", _wave, "regression")
