"""A problem so small that a training takes milliseconds, and explorers that are put away."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time

from lrlab.backend import keras

import numpy as np

SOON = 60  # seconds after which something that should happen at once has not happened
X = np.random.default_rng(0).normal(size=(44, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")


def data(samples=40):
    """The arrays, by the names that a program takes: of 44, batches of 8 leave a smaller one."""
    x, labels = X[:samples], LABELS[:samples]
    return {"x_train": x, "y_train": labels, "x_val": x[:10], "y_val": labels[:10]}


def model():
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((3,)), *layers])


def arguments_of(kind, experiment):
    """What an explorer of this kind is made of."""
    if kind == "FineTuningExplorer":
        data = experiment.dataset
        return [experiment, (keras.layers.Dense(2), data.x_val, data.y_val.ravel() > 0)]
    return [] if kind in ("QuadraticExplorer", "LandscapeExplorer") else [experiment]


@contextlib.contextmanager
def made(kind, *args, **settings):
    """An explorer that has begun, and that has stopped when the test is over."""
    explorer = kind(*args, **settings)
    explorer.begin()
    try:
        yield explorer
    finally:
        explorer.stop()
        explorer.wait(SOON)


def until(condition):
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def button(explorer, words):
    """The button with these words."""
    (found,) = [
        widget
        for row in explorer.children
        for widget in getattr(row, "children", ())
        if getattr(widget, "description", "") == words
    ]
    return found


def printed_by(code, **given):
    """The numbers that a program prints, by their names."""
    into = io.StringIO()
    with contextlib.redirect_stdout(into):
        exec(compile(code, "program", "exec"), {"__name__": "__main__", **given})  # noqa: S102
    return numbers(into.getvalue())


def numbers(printed):
    """The numbers of the lines `name: 0.1234` that a program has printed, by name."""
    found = re.findall(r"^(\w+): (\S+)$", printed, re.MULTILINE)
    return {name: float(value) for name, value in found}


RUN_ALL = """
import contextlib, io, json, sys
with contextlib.suppress(ModuleNotFoundError):
    import lrlab
assert "lrlab" not in sys.modules, "lrlab must be out of reach"
printed = {}
for name, code in json.load(sys.stdin).items():
    into = io.StringIO()
    with contextlib.redirect_stdout(into):
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    printed[name] = into.getvalue()
print(json.dumps(printed))
"""


def without_lrlab(arguments, tmp_path, **more):
    """Run a fresh Python that cannot import lrlab."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(tmp_path / "shadow")}
    (tmp_path / "shadow" / "lrlab").mkdir(parents=True)
    blocked = "raise ModuleNotFoundError('lrlab is out of reach', name='lrlab')\n"
    (tmp_path / "shadow" / "lrlab" / "__init__.py").write_text(blocked)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
        **more,
    ).stdout


def all_without_lrlab(programs, tmp_path):
    """What each of some programs prints, by name, one after the other in one such Python."""
    return json.loads(without_lrlab(["-c", RUN_ALL], tmp_path, input=json.dumps(programs)))
