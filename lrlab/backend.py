"""The one door to Keras and TensorFlow: quiet at start-up, clear when something is missing.

Every module of lrlab that needs them writes ``from lrlab.backend import keras, tf``.
"""

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

__all__ = ["keras", "tf"]

# What TensorFlow's C++ side writes to file descriptor 2 as it starts, whatever TF_CPP_MIN_LOG_LEVEL
# says. Anything else that arrives there meanwhile is passed on.
_START_UP_LINE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IWE]\d{4} \d\d:\d\d:[\d.]+ +\d+ \S+:\d+\] "
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IWE] "
    rb"|To enable the following instructions: "
    rb"|Skipping registering GPU devices"
)

# Its libraries that do so as they are loaded, half a second in which Python runs no other thread.
# In the rest of the import, some seconds, others may have something to say.
_LOUD_LIBRARIES = (
    "python/platform/_pywrap_cpu_feature_guard",
    "python/profiler/internal/_pywrap_profiler_plugin",
)


def _missing_tensorflow(error: ImportError) -> ImportError:
    return ImportError(
        "lrlab trains Keras models on TensorFlow, and TensorFlow is not installed here. Install it "
        'with: pip install "lrlab[cpu]" (or "lrlab[gpu]" for an NVIDIA card).',
        name=error.name,
    )


def _check_backend(backend: str, where: str) -> None:
    if backend != "tensorflow":
        raise ImportError(
            "lrlab needs Keras's TensorFlow backend. "
            f'Received: {where} = "{backend}". Start a fresh Python (in Jupyter: restart the '
            'kernel) with KERAS_BACKEND unset or "tensorflow".'
        )


@contextmanager
def _without_start_up_lines() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, then pass on all but start-up lines.

    An error inside the block passes on every line: it may be the explanation.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        real_stderr = os.dup(2)
    except OSError:  # there is no stderr to keep clean, as under pythonw
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        succeeded = False
        try:
            yield
            succeeded = True
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(real_stderr, 2)
            os.close(real_stderr)
            held.seek(0)
            for line in held:
                if not (succeeded and _START_UP_LINE.match(line)):
                    os.write(2, line)


def _load_loud_libraries() -> None:
    """Load them ahead of the import, which finds them in memory and so writes nothing."""
    found = None if "tensorflow" in sys.modules else find_spec("tensorflow")
    for folder in (found and found.submodule_search_locations) or ():
        for name in _LOUD_LIBRARIES:
            # What is wrong with one, the import says.
            with suppress(OSError), _without_start_up_lines():
                ctypes.CDLL(str(Path(folder, name + EXTENSION_SUFFIXES[-1])))


# Both variables are how Keras and TensorFlow want to be told, once, before their import. They stay,
# so that a process started from here does alike, and whoever has set one keeps it.
# At module level rather than in a function: Python's import lock then makes the second of two
# threads wait for the first, and a type checker sees two modules.
if "keras" in sys.modules:
    import keras  # another thread may still be loading it: this waits

    _check_backend(keras.config.backend(), "keras.config.backend()")
else:
    _check_backend(os.environ.setdefault("KERAS_BACKEND", "tensorflow"), "KERAS_BACKEND")
# XLA announces its first compilation, whenever that is, at level 0.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

_load_loud_libraries()
try:
    import tensorflow as tf  # isort: skip - Keras would say less plainly that it is missing

    import keras
except ModuleNotFoundError as error:
    if error.name != "tensorflow":
        raise
    raise _missing_tensorflow(error) from None

# Where `lrlab.server` asks for it. XLA reads its flags when it first compiles, and ends the process
# at one that it does not know: this release of TensorFlow knows these.
_flags = os.environ.get("LRLAB_XLA_FLAGS")
if _flags and tf.__version__.startswith("2.21."):
    os.environ.setdefault("XLA_FLAGS", _flags)

with _without_start_up_lines():
    # The first look for devices is what reports a missing CUDA library.
    tf.config.list_physical_devices()
