"""An extension of the Jupyter server: a kernel's small messages leave for the page at once.

Installing lrlab does not switch it on, `make lab` and Binder do. Elsewhere::

    jupyter lab --ServerApp.jpserver_extensions=lrlab.server=True

A server's socket holds a small message back until the page has confirmed the one before (Nagle's
algorithm), and what it has no answer to a page confirms late, under Linux after 40 ms. So whoever
drags a slider waits for the kernel's "busy" and "idle" longer than a training takes.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Have every connection between a page and a kernel opened without delay from now on."""
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
