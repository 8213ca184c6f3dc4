"""An extension of the Jupyter server: small messages leave at once, small models train faster.

Installing lrlab does not switch it on, `make lab` and Binder do. Elsewhere::

    jupyter lab --ServerApp.jpserver_extensions=lrlab.server=True

A server's socket holds a small message back until the page has confirmed the one before (Nagle's
algorithm), and what it has no answer to a page confirms late, under Linux after 40 ms. So whoever
drags a slider waits for the kernel's "busy" and "idle" longer than a training takes.

XLA plans the parts of a small model's step so that several cores could share them, and hands each
to a thread, which takes longer than the part itself. Its flags belong to a whole process, so they
are not lrlab's to set: here the server asks for them, and its kernels set them as they load lrlab.
"""

from __future__ import annotations

import os
from typing import Any

# The name under which `lrlab.backend` is asked for them, in its environment.
ASKED_FOR = "LRLAB_XLA_FLAGS"
XLA_FLAGS = (
    "--xla_cpu_enable_concurrency_optimized_scheduler=false "
    "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=32768"
)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Have every connection to a kernel opened without delay, and kernels set XLA's flags."""
    os.environ.setdefault(ASKED_FOR, XLA_FLAGS)
    settings = server.web_app.settings
    name = "kernel_websocket_connection_class"
    settings[name] = _without_delay(settings[name])


def _without_delay(connection: type[Any]) -> type[Any]:
    """Return the class of connections that the server uses, but for the delay."""

    class WithoutDelay(connection):
        def connect(self) -> Any:
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return WithoutDelay
