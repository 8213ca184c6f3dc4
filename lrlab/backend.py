"""The one door to Keras and TensorFlow: quiet at start-up, clear when something is missing.

Every module of lrlab that needs them writes ``from lrlab.backend import keras, tf``.
"""

import ctypes
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

__all__ = ["forget_programs", "keras", "tf"]

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
_PROCESSOR = Path("/proc/cpuinfo")  # under Linux


def _what_programs_are_for() -> str:
    """Name what XLA compiles for; it finds a program again by what the program computes alone."""
    about = _PROCESSOR.read_text(errors="replace").splitlines()
    able_to = [line for line in about if line.lower().startswith(("flags", "features"))]
    settings = {k: v for k, v in os.environ.items() if k.startswith(("XLA_", "TF_", "ONEDNN_"))}
    told = tf.__version__, len(able_to), able_to[:1], sorted(settings.items())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _keep_programs(folder: str) -> Path | None:
    """Have XLA keep what it compiles, for later kernels; return where, None if it does not."""
    keep = "--tf_xla_persistent_cache_directory="
    # A process that was started from here finds the setting, and may have others that count.
    if os.environ.get("TF_XLA_FLAGS", "").startswith(f"{keep}{folder}"):
        del os.environ["TF_XLA_FLAGS"]
    if "TF_XLA_FLAGS" in os.environ or not _PROCESSOR.exists() or re.search(r"\s", folder):
        return None
    path = Path(folder, _what_programs_are_for())
    os.environ["TF_XLA_FLAGS"] = f"{keep}{path} --tf_xla_persistent_cache_read_only=false"
    return path


def forget_programs() -> bool:
    """Remove what XLA has kept for later kernels: it may be damaged. Tell whether there was any."""
    if _kept_in is None or not _kept_in.exists():
        return False
    shutil.rmtree(_kept_in, ignore_errors=True)
    return True


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
# XLA announces its first compilation, whenever that is, at level 0, and at level 2 that a program
# which it has kept is not text.
_keep_in = os.environ.get("LRLAB_XLA_CACHE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if _keep_in else "1")

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
_kept_in: Path | None = None
if (_flags or _keep_in) and tf.__version__.startswith("2.21."):
    if _flags:
        os.environ.setdefault("XLA_FLAGS", _flags)
    if _keep_in:
        _kept_in = _keep_programs(_keep_in)

with _without_start_up_lines():
    # The first look for devices is what reports a missing CUDA library.
    tf.config.list_physical_devices()
