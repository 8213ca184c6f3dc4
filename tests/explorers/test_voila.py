"""The explorers as a page of their own: Voila serves a notebook, and its sliders retrain."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from lab import ACTING, ACTS, EVERY_KIND, MAKE, REPOSITORY, TINY, ExplorerInPage, browsing
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = re.compile(r"^.{3000}")  # a picture, not the empty one
FIRST = {
    "LearningRateExplorer": "tiny, learning_rate=0.1",
    "QuadraticExplorer": "learning_rate=0.5",
}
OTHERS = [kind for kind in EVERY_KIND if kind not in FIRST]
CELLS = [
    TINY,
    *(f"lrlab.{kind}({settings})" for kind, settings in FIRST.items()),
    *(f"lrlab.{kind}({MAKE.get(kind, 'tiny')})" for kind in OTHERS),
    *ACTING,
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def page_address(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("voila")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "explorers.ipynb")
    port, token, log = free_port(), secrets.token_hex(16), folder / "voila.log"
    command = [
        *(sys.executable, "-m", "voila", "explorers.ipynb", "--no-browser"),
        *("--Voila.ip=127.0.0.1", f"--port={port}", "--Voila.port_retries=0", f"--token={token}"),
    ]
    environment = os.environ | {
        **{f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")},
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/voila/static/", server, log)
            yield f"http://127.0.0.1:{port}/?token={token}"
        finally:
            server.terminate()
            server.wait(30)


def wait_until_it_answers(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5)
        except urllib.error.HTTPError:
            return  # it answers, if only that there is no such file
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Voila did not start:\n{log.read_text(errors='replace')[-3000:]}")


def test_sliders_retrain_and_redraw_in_a_page_without_a_notebook(chromium, page_address):
    with browsing(chromium) as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_address, timeout=120_000)
        explorers = page.locator(".lrlab-explorer")
        expect(explorers).to_have_count(len(EVERY_KIND) + 1, timeout=120_000)
        training, bowl = (ExplorerInPage(explorers.nth(number)) for number in (0, 1))
        for explorer, words in ((training, "rate is"), (bowl, "learning rate")):
            first, said = explorer.wait_for_picture(seconds=120), explorer.readout.text_content()
            explorer.drag("learning rate", to=0.9)
            position = explorer.position("learning rate")
            assert float(position) > 1
            alt = re.compile(f"{words} {re.escape(position)} ")
            expect(explorer.picture).to_have_attribute("alt", alt, timeout=60_000)
            assert explorer.png() != first
            assert explorer.readout.text_content() != said
        training.button("Show the Keras code").click()
        rate = float(training.position("learning rate"))
        expect(training.code).to_contain_text(f"learning_rate={rate!r}")
        for number, kind in enumerate(OTHERS, len(FIRST)):
            explorer = ExplorerInPage(explorers.nth(number))
            picture = explorer.picture.last
            expect(picture).to_have_attribute("src", LONG, timeout=120_000)
            before = picture.get_attribute("src")
            explorer.slider(EVERY_KIND[kind]).press("ArrowRight")
            if kind == "LearningRateDialExplorer":  # a turn of it trains nothing
                explorer.button("One epoch").click()
            expect(picture).not_to_have_attribute("src", before or "", timeout=60_000)
        acting = ExplorerInPage(explorers.last)
        acting.wait_for_picture(seconds=120)
        expect(acting.readout).to_contain_text(ACTS)
        # Of the explorer and its button, feedback, score, question and two choices.
        expect(page.get_by_text(ACTS)).to_have_count(7)
        assert page.evaluate("window.acted") is None
        assert errors == []
