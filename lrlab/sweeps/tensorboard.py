"""The runs of a sweep for TensorBoard: curves as Keras writes them, and its HParams table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrlab.backend import tf

if TYPE_CHECKING:
    from lrlab.experiment.run import Run

try:
    from tensorboard.plugins.hparams import api as hp
except ImportError as error:
    raise ImportError(
        "to_tensorboard() writes with the package tensorboard, which is not installed here. "
        f'Received: {error}. Install it: pip install "lrlab[tensorboard]"'
    ) from None

__all__ = ["write_runs"]


def write_runs(
    folder: Path, whole: Mapping[str, tuple[Mapping[str, Any], Run]], stopped: Mapping[str, Run]
) -> None:
    """Write a folder a run, with scalars, and for whole ones their row of the HParams table.

    Args:
        folder: Where; made if it is not there.
        whole: The settings and the run, by what to call it.
        stopped: Those that did not come to their end: the last value of theirs is no last one.

    Raises:
        ValueError: If there is something in the folder.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(
            "`folder` must be a new or an empty one: TensorBoard would show what is there as runs "
            f"of this sweep. Received: folder={str(folder)!r}. Nothing was written."
        )
    runs = {name: run for name, (_, run) in whole.items()} | dict(stopped)
    settings = {name: _told(values, run) for name, (values, run) in whole.items()}
    columns = dict.fromkeys(column for told in settings.values() for column in told)
    metrics = sorted({key for run in runs.values() for key in run.history} - {"learning_rate"})
    with tf.summary.create_file_writer(str(folder)).as_default():
        hp.hparams_config(
            hparams=[hp.HParam(column) for column in columns],
            metrics=[hp.Metric(_tag(key), group=_group(key), display_name=key) for key in metrics],
        )
    for name, run in runs.items():
        place = folder / _file_name(name)
        if name in settings:
            with tf.summary.create_file_writer(str(place)).as_default():
                hp.hparams(settings[name], trial_id=name)
        for group in ("train", "validation"):
            with tf.summary.create_file_writer(str(place / group)).as_default():
                for key, values in run.history.items():
                    for epoch, value in enumerate(values if _group(key) == group else ()):
                        tf.summary.scalar(_tag(key), value, step=epoch)


def _told(settings: Mapping[str, Any], run: Run) -> dict[str, Any]:
    return {**settings, "seed": run.seed, "verdict": run.verdict}


def _tag(key: str) -> str:
    """As `keras.callbacks.TensorBoard` calls it, and below the folder where it puts it."""
    return f"epoch_{key.removeprefix('val_')}"


def _group(key: str) -> str:
    return "validation" if key.startswith("val_") else "train"


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.=,-]+", "_", name).strip("_")
