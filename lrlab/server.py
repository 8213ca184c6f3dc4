"""An extension of the Jupyter server: small messages leave at once, small models train faster.

Installing lrlab does not switch it on, `make lab` and Binder do. Elsewhere::

    jupyter lab --ServerApp.jpserver_extensions=lrlab.server=True

A server's socket holds a small message back until the page has confirmed the one before (Nagle's
algorithm), and what it has no answer to a page confirms late, under Linux after 40 ms. So whoever
drags a slider waits for the kernel's "busy" and "idle" longer than a training takes.

XLA plans the parts of a small model's step so that several cores could share them, and hands each
to a thread, which takes longer than the part itself. Its flags belong to a whole process, so they
are not lrlab's to set: here the server asks for them, and its kernels set them as they load lrlab.

A new kernel compiles all over again what the one before it had compiled, most of the time of a
first training. So under Linux the server has a folder for it, with the oldest programs removed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

# The name under which `lrlab.backend` is asked for them, in its environment.
ASKED_FOR = "LRLAB_XLA_FLAGS"
XLA_FLAGS = (
    "--xla_cpu_enable_concurrency_optimized_scheduler=false "
    "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=32768"
)
# And the name of the folder; where it is empty, nothing is kept.
KEPT_IN = "LRLAB_XLA_CACHE"
_MOST = 500 * 2**20  # bytes of programs, of some 0.8 MB each
_FREE = 2**30  # bytes on the disk, below which nothing is kept


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Have connections opened without delay, and kernels set XLA's flags and keep its programs."""
    os.environ.setdefault(ASKED_FOR, XLA_FLAGS)
    if KEPT_IN not in os.environ:  # or whoever has set it wants another folder, or none
        os.environ[KEPT_IN] = _folder_of_programs()
    settings = server.web_app.settings
    name = "kernel_websocket_connection_class"
    settings[name] = _without_delay(settings[name])


def _folder_of_programs(most: int = _MOST, free: int = _FREE) -> str:
    """Return the folder, after the oldest of too many programs are gone; empty without room."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lrlab", "programs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        programs = [(path, path.stat()) for path in folder.glob("*/*.pb")]
        for path, about in sorted(programs, key=lambda each: each[1].st_mtime, reverse=True):
            most -= about.st_size
            if most < 0:
                path.unlink()
        return str(folder) if shutil.disk_usage(folder).free >= free else ""
    except OSError:  # one that cannot be read or written, or another server removes the same
        return ""


def _without_delay(connection: type[Any]) -> type[Any]:
    """Return the class of connections that the server uses, but for the delay."""

    class WithoutDelay(connection):
        def connect(self) -> Any:
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return WithoutDelay
