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
# To be asked of a kernel: the seconds of the import with which other times are compared.
IMPORT_KERAS = """
import json, time
began = time.perf_counter()
import keras
print(json.dumps(time.perf_counter() - began))
"""


class Kernel:
    """A running kernel that answers in JSON."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ask(self, code: str) -> Any:
        """Execute a cell and return what it prints last, which is JSON."""
        return json.loads(self.run(code).strip().rpartition("\n")[2])

    def run(self, code: str) -> str:
        """Execute a cell and return what it prints."""
        lines: list[str] = []

        def listen(message: Any) -> None:
            if message["msg_type"] == "stream":
                lines.append(message["content"]["text"])

        reply = self._client.execute_interactive(
            code, output_hook=listen, timeout=SECONDS_TO_ANSWER, allow_stdin=False
        )["content"]
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply["traceback"]))
        return "".join(lines)


@contextmanager
def fresh_kernel(**variables: str) -> Iterator[Kernel]:
    """Start a kernel, with such environment variables, and end it afterwards."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {name: v for name, v in os.environ.items() if name != "LRLAB_WAIT"}
    manager, client = start_new_kernel(
        kernel_name="python3",
        env=environment | {"PYTHONPATH": path} | variables,
        stderr=subprocess.DEVNULL,  # an error in a cell comes with its reply
    )
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
