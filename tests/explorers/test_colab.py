"""A page that passes over what comes between turns: all pictures come within one.

Colab redraws a widget by what is sent while a cell or a handler runs, and not by what a thread
sends between them. This is such a page: it reads what belongs to its own request, and no more.
"""

import os

import pytest
from jupyter_client.manager import start_new_kernel
from lab import REPOSITORY, TINY

SECONDS = 120
COLAB = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')"
MAKE = f"""{COLAB}
{TINY}
explorer = lrlab.LearningRateExplorer(tiny)
print(explorer._picture.model_id, explorer.learning_rate.model_id)"""


class Page:
    """Sends requests to a kernel, and keeps of each what comes in its turn."""

    def __init__(self, client):
        self.client = client

    def run(self, code):
        return self._turn(self.client.execute(code))

    def move(self, model, **state):
        """What a page sends as a widget changes."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        content = {"comm_id": model, "data": data}
        message = self.client.session.msg("comm_msg", content)
        self.client.shell_channel.send(message)
        return self._turn(message["header"]["msg_id"])

    def _turn(self, request):
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            assert message["msg_type"] != "error", message["content"]
            if message["content"].get("execution_state") == "idle":
                return messages
            messages.append(message)


@pytest.fixture(scope="module")
def page():
    manager, client = start_new_kernel(
        kernel_name="python3", env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
    )
    yield Page(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def pictures(messages, model):
    """The files that the messages of a turn give the picture."""
    return [
        message["buffers"][0].tobytes()
        for message in messages
        if message["msg_type"] == "comm_msg"
        and message["content"]["comm_id"] == model
        and ["value"] in message["content"]["data"].get("buffer_paths", [])
    ]


def test_each_turn_ends_with_the_picture_that_it_asked_for(page):
    printed = [m["content"]["text"] for m in page.run(MAKE) if m["msg_type"] == "stream"]
    picture, rate = "".join(printed).split()
    shown = [pictures(page.move(picture, displayed=True), picture)[-1]]
    shown += [pictures(page.move(rate, value=value), picture)[-1] for value in (0.1, 1.0)]
    assert len(set(shown)) == 3
    now = page.run("print(explorer.picture.hex(), explorer.runs[-1].schedule)")
    file, schedule = next(m for m in now if m["msg_type"] == "stream")["content"]["text"].split()
    assert bytes.fromhex(file) == shown[-1]
    assert float(schedule) == 1.0
