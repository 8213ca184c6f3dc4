"""Numbers and arrays as people give them, made into what Keras takes, or a clear ValueError."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_learning_rate(value: Any, name: str = "learning_rate") -> float:
    """Return a learning rate as a Python float: Keras's optimizers refuse an int or np.float32.

    Raises:
        ValueError: Unless it is a finite number above 0.
    """
    rate = as_number(value)
    if not 0 < rate < math.inf:
        raise ValueError(
            f"`{name}` must be a finite number above 0. Received: {name}={value!r}. "
            "0.01 is a usual start for SGD, 0.001 for Adam."
        )
    return rate


def as_number(value: Any) -> float:
    """A Python, NumPy or tensor number as a float, NaN for anything else."""
    if isinstance(value, bool | np.bool_ | str | bytes | list | tuple) or np.ndim(value) != 0:
        return math.nan
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        return math.nan


def as_whole_number(value: Any, name: str, least: int) -> int:
    """Return a whole number as a Python int.

    Raises:
        ValueError: Unless it is a whole number of at least `least`.
    """
    number = as_number(value)
    if not (least <= number < math.inf and number == int(number)):
        near = max(least, int(number)) if math.isfinite(number) else least
        raise ValueError(
            f"`{name}` must be a whole number of at least {least}. Received: {name}={value!r}. "
            f"Try {name}={near}."
        )
    return int(number)


def as_arrays(value: Any, name: str) -> Any:
    """Return data as arrays that nobody else can change: one, or a dict or a tuple of several.

    What is one already stays as it is. A list or tuple of arrays is several inputs or targets, as
    for `model.fit`; one of numbers, or of lists of numbers, is one array.

    Raises:
        ValueError: Unless all are arrays of finite numbers with a row a sample, at least one.
    """
    if isinstance(value, Mapping) and value:
        return {key: _as_array(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple) and any(map(_is_array, value)):
        parts = tuple(_as_array(part, f"{name}[{index}]") for index, part in enumerate(value))
        return parts if len(parts) > 1 else parts[0]
    return _as_array(value, name)


def named_arrays(data: Any, name: str) -> dict[str, np.ndarray]:
    """Return the arrays of what `as_arrays` returns by what to call them, `x_train['age']`."""
    if isinstance(data, dict):
        return {f"{name}[{key!r}]": part for key, part in data.items()}
    if isinstance(data, tuple):
        return {f"{name}[{index}]": part for index, part in enumerate(data)}
    return {name: data}


# What people also keep data in: an attribute that tells it, its name, and the way to arrays.
_OTHERS = (
    (
        "as_numpy_iterator",
        "a tf.data.Dataset",
        "Take its arrays out: x, y = map(np.concatenate, zip(*dataset.as_numpy_iterator())) for "
        "one that is batched and ends.",
    ),
    ("num_batches", "a PyDataset", "Collect its batches: np.concatenate([x for x, y in batches])."),
    ("__next__", "a generator", "Collect what it yields: np.concatenate([x for x, y in batches])."),
    ("row_splits", "a ragged tensor", "Fill its rows up to one length: x.to_tensor()."),
    ("toarray", "a sparse matrix", "Write out its zeros: x.toarray()."),
    ("dense_shape", "a sparse tensor", "Write out its zeros: tf.sparse.to_dense(x)."),
)
_WAYS = {
    "c": "Split them: np.stack([x.real, x.imag], axis=-1).",
    "M": 'Count from a day: (x - x.min()) / np.timedelta64(1, "D").',
    "m": 'Divide by a unit: x / np.timedelta64(1, "D").',
}


def check_kind(value: Any, name: str) -> None:
    """Raise a ValueError for what holds data in another way than as arrays."""
    for attribute, kind, way in _OTHERS:
        if hasattr(value, attribute):
            raise ValueError(f"{name} must be given as arrays of numbers. Received: {kind}. {way}")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"{name} must be an array without gaps. Received: one with masked values, which "
            "Keras would train on. Drop those samples, or fill them in: x.filled(0)."
        )


def _is_array(value: Any) -> bool:
    return len(getattr(value, "shape", ())) > 0


def _as_array(value: Any, name: str) -> np.ndarray:
    check_kind(value, name)
    if isinstance(value, np.ndarray) and value.flags.owndata and not value.flags.writeable:
        array = value
    else:
        try:
            array = np.array(value)
        except ValueError:
            raise ValueError(
                f"{name} must be an array of numbers, its rows of one length. Received: rows of "
                "several lengths. Fill them up: keras.utils.pad_sequences(x)."
            ) from None
    if array.dtype.kind not in "biuf":
        columns = [
            str(c) for c in getattr(value, "columns", ()) if value[c].dtype.kind not in "biuf"
        ]
        what = f"dtype={array.dtype}" if array.ndim else type(value).__name__
        what += f" with other things in {', '.join(columns)}" if columns else ""
        way = 'Encode categories as numbers and convert with .astype("float32").'
        way = way if array.ndim else "Pass an array, a row a sample."
        raise ValueError(
            f"{name} must be an array of numbers. Received: {what}. "
            + _WAYS.get(array.dtype.kind, way)
        )
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"{name} must hold at least one sample. Received: {name}.shape={array.shape}. "
            "A validation part may be small, but not empty."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must hold finite numbers only. Received: {(~np.isfinite(array)).sum()} "
            "values that are NaN or infinite. Drop those samples or fill them in."
        )
    if array.dtype.itemsize > 8:  # a long double, which Keras does not know
        array = array.astype("float64")
    array.flags.writeable = False
    return array
