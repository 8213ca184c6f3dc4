"""Run code in a fresh Jupyter kernel of this Python, as a notebook would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import start_new_kernel

from benchmarks.timing import REPOSITORY

SECONDS_TO_ANSWER = 600


class Kernel:
    """A running kernel that answers in JSON."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ask(self, code: str) -> Any:
        """Execute a cell and return what it prints last, which is JSON."""
        lines: list[str] = []

        def listen(message: Any) -> None:
            if message["msg_type"] == "stream":
                lines.append(message["content"]["text"])

        reply = self._client.execute_interactive(
            code, output_hook=listen, timeout=SECONDS_TO_ANSWER, allow_stdin=False
        )["content"]
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply["traceback"]))
        return json.loads("".join(lines).strip().rpartition("\n")[2])


@contextmanager
def fresh_kernel() -> Iterator[Kernel]:
    """Start a kernel, wait until it is ready, and end it afterwards."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {name: v for name, v in os.environ.items() if name != "LRLAB_WAIT"}
    manager, client = start_new_kernel(
        kernel_name="python3",
        env=environment | {"PYTHONPATH": path},
        stderr=subprocess.DEVNULL,  # an error in a cell comes with its reply
    )
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
