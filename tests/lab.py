"""A real JupyterLab in a real Chromium: for the browser tests, the benchmark, the README's picture.

with browsing(chromium) as browser, serving(folder) as lab:
    notebook = Notebook(browser.new_page(), lab, lab.write("try.ipynb", ["import lrlab", ...]))
    notebook.run_all()
    notebook.explorer().slider("learning rate").press("ArrowRight")
"""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from lrlab.server import KEPT_IN

REPOSITORY = Path(__file__).resolve().parent.parent
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SECONDS_TO_START = 60

RATE = "learning rate"
# What anywidget says in the console of a page that is slow; `lrlab.widgets` makes up for it.
GIVEN_UP = "[anywidget] Failed to initialize model."
# Every explorer with a slider of its own; what MAKE does not name is given the experiment `tiny`.
EVERY_KIND = {
    "LearningRateExplorer": RATE,
    "StepDecayExplorer": "first rate",
    "ScheduleExplorer": "first rate",
    "DrawnScheduleExplorer": "epochs",
    "LearningRateDialExplorer": RATE,
    "RangeTestExplorer": "smoothing",
    "QuadraticExplorer": RATE,
    "LandscapeExplorer": RATE,
    "OptimizerExplorer": RATE,
    "DecayMapExplorer": "first rate",
    "LearningRateMapExplorer": RATE,
    "SharpnessExplorer": RATE,
    "FineTuningExplorer": "body rate",
}
MAKE = {
    "QuadraticExplorer": "",
    "LandscapeExplorer": "",
    "DecayMapExplorer": "tiny, initial_learning_rates=[0.1, 0.5], decay_factors=[0.5, 1.0]",
    "LearningRateMapExplorer": "tiny, learning_rates=[0.1, 0.5], momenta=[0, 0.9]",
    "ScheduleExplorer": "tiny, schedule='piecewise'",
    "SharpnessExplorer": "full_batch, every=2",
    "FineTuningExplorer": "tiny, (keras.layers.Dense(2), points.x_val, points.y_val)",
}
TINY = """import lrlab
from lrlab.backend import keras
points = lrlab.data.moons()
settings = {"epochs": 3, "batch_size": 80}
tiny = lrlab.Experiment(lambda: lrlab.models.mlp(points, (4,)), points, **settings)
settings["batch_size"] = 800
full_batch = lrlab.Experiment(lambda: lrlab.models.mlp(points, (4,), "tanh"), points, **settings)"""

# What runs, if a page takes the name of a metric, or what an exercise quotes, for a tag.
ACTS = "<img src=x onerror='window.acted=1'>"
ACTING = [
    f"""import keras
acts = "{ACTS}"
metric = keras.metrics.SparseCategoricalAccuracy(name=acts)
lrlab.LearningRateExplorer(lrlab.Experiment(tiny.build_model, points, metrics=[metric]))""",
    "lrlab.check('03-schedule', lambda epoch: type('A', (), {'__repr__': lambda _: acts})())",
    "lrlab.exercises.Score(None, False, f'You said `{acts}`, {acts} and [a link](javascript:0).')",
    "reasons = {f'`{acts}`': 'No.', acts: 'Yes.', 'a third': 'No.'}\n"
    "prediction = lrlab.predict(f'What of `{acts}`?', reasons, right=acts)\nprediction",
]


@dataclass(frozen=True)
class Lab:
    """A server that answers.

    Attributes:
        url: Where, with a slash at the end.
        token: What it asks for.
        folder: What it shows: notebooks that are put there can be opened.
        tree: Where in its address a notebook is found.
    """

    url: str
    token: str
    folder: Path
    tree: str = "lab/tree"

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Store a notebook with such code cells and return its name."""
        code = [nbformat.v4.new_code_cell(source) for source in cells]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / name)
        return name


_TREES = {"jupyterlab": "lab/tree", "notebook": "notebooks"}


@contextmanager
def serving(folder: Path, application: str = "jupyterlab") -> Iterator[Lab]:
    """Run JupyterLab with this Python's kernel; it keeps all its files in the folder given.

    The application may be "notebook" as well, Jupyter Notebook 7, which shows a notebook alone.
    """
    home, notebooks = folder / "jupyter", folder / "notebooks"
    notebooks.mkdir(parents=True)
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    # Otherwise a question about news covers the page.
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    environment = os.environ | {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this Python's kernel, not one of the user's
        KEPT_IN: str(home / "programs"),
        "JUPYTER_TOKEN": (token := secrets.token_hex(16)),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])
        ),
    }
    command = [
        *(sys.executable, "-m", application, "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={notebooks}"),
        "--ServerApp.jpserver_extensions=lrlab.server=True",  # as `make lab` has it
        # The page's commands (run all, restart, change the theme) can then be called by name.
        *("--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"),
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    log = folder / "jupyterlab.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            url = _address(server, home / "runtime", log)
            yield Lab(url, token, notebooks, _TREES[application])
        finally:
            server.terminate()  # it ends its kernels, too
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Wait until the server has written down where it listens."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                return str(json.loads(path.read_text())["url"])
            except ValueError:  # half written
                pass
        time.sleep(0.05)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")


@contextmanager
def serving_voila(folder: Path, cells: Sequence[str]) -> Iterator[str]:
    """Run Voila, which shows what such cells give as a page, and yield its address."""
    Lab("", "", folder).write("explorers.ipynb", cells)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    token, log = secrets.token_hex(16), folder / "voila.log"
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
        voila = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            _wait_until_it_answers(f"http://127.0.0.1:{port}/voila/static/", voila, log)
            yield f"http://127.0.0.1:{port}/?token={token}"
        finally:
            voila.terminate()
            voila.wait(30)


def _wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
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


@contextmanager
def browsing(chromium: str) -> Iterator[Browser]:
    """Run a browser that stays off the network."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


class Notebook:
    """A notebook that is open in a page."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page, self._has_status_bar = page, lab.tree == "lab/tree"
        page.goto(f"{lab.url}{lab.tree}/{name}?token={lab.token}&reset")
        self.wait_until_idle()

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *reason: object) -> None:
        """End the kernel, which would keep its memory, and close the page."""
        if not self.page.is_closed():
            self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
            self.page.close()

    def wait_until_idle(self, seconds: float = 60) -> None:
        """The toolbar says idle too early, the status bar does not; Notebook 7 has none."""
        idle = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
        idle += " === 'idle'"
        if self._has_status_bar:
            idle = "document.querySelector('#jp-main-statusbar')?.innerText.includes('| Idle')"
        self.page.wait_for_function(idle, timeout=1000 * seconds)

    def command(self, name: str, **arguments: Any) -> None:
        """Do what an entry of JupyterLab's menus does, and don't wait for its end."""
        self.page.evaluate(
            "([name, arguments]) => void jupyterapp.commands.execute(name, arguments)",
            [name, arguments],
        )

    def run_all(self) -> None:
        """Run all cells and wait until each has its number."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:run-all-cells")
        self.wait_until_run()

    def restart_and_run_all(self) -> None:
        """The same in a fresh kernel."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:restart-run-all")
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        self.wait_until_run()

    def wait_until_run(self, seconds: float = 240) -> None:
        """Wait for [1], [2], ... at all code cells; a page leaves out those far from its view."""
        self.page.wait_for_function(
            """() => {
              const { widgets } = jupyterapp.shell.currentWidget.content;
              const cells = widgets.map(({ model }) => model).filter(({ type }) => type === 'code');
              if (cells.some(({ outputs }) =>
                [...Array(outputs.length).keys()].some((i) => outputs.get(i).type === 'error')))
                return 'error';
              return cells.every(({ executionCount }, i) => executionCount === i + 1);
            }""",
            timeout=1000 * seconds,
        )
        self.wait_until_idle(seconds)

    def ask(self, code: str) -> str:
        """Have the kernel execute code that is no cell, and return what it prints."""
        return self.page.evaluate(
            """async (code) => {
              const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
              const request = kernel.requestExecute({ code, store_history: false });
              const texts = [];
              request.onIOPub = ({ content }) => texts.push(content.text ?? content.evalue ?? '');
              await request.done;
              return texts.join('').trim();
            }""",
            code,
        )

    def explorer(self, number: int = 0) -> ExplorerInPage:
        """The explorer that stands there in the order of the page."""
        return ExplorerInPage(self.page.locator(".lrlab-explorer").nth(number))

    @property
    def red(self) -> list[str]:
        """What stands in the page as an error or on stderr."""
        kinds = ("stderr", "error")
        selector = ", ".join(f"[data-mime-type='application/vnd.jupyter.{kind}']" for kind in kinds)
        return self.page.locator(selector).all_text_contents()


@contextmanager
def filming(page: Page, place: Locator) -> Iterator[list[Image.Image]]:
    """Collect what the browser paints at a place meanwhile."""
    box = place.bounding_box()
    assert box
    area = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    frames: list[Image.Image] = []
    session = page.context.new_cdp_session(page)

    def keep(event: dict[str, Any]) -> None:
        frames.append(Image.open(io.BytesIO(base64.b64decode(event["data"]))).crop(area))
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 50})
    try:
        yield frames
    finally:
        session.send("Page.stopScreencast")
        session.detach()


class ExplorerInPage:
    """What a person sees of an explorer and can take hold of."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.picture = root.locator("img.lrlab-picture")
        self.readout = root.locator(".lrlab-readout")
        self.code = root.locator("pre")

    def slider(self, name: str) -> Locator:
        """The handle of a slider."""
        return self.root.get_by_role("slider", name=name, exact=True)

    def position(self, name: str) -> str:
        """The number that stands beside a slider."""
        return self.box(name).input_value()

    def box(self, name: str) -> Locator:
        """Where any other value of a slider may be typed."""
        return self.root.get_by_role("textbox", name=f"{name}, any value", exact=True)

    def button(self, name: str) -> Locator:
        """A button by the words on it."""
        return self.root.get_by_role("button", name=name, exact=True)

    def drag(self, name: str, to: float, moves: int = 30) -> None:
        """Drag a slider with the mouse, to 0 (its left end) to 1 (its right end)."""
        slider = self.slider(name)
        slider.scroll_into_view_if_needed()
        now, place = self.on_track(name)
        mouse = slider.page.mouse
        mouse.move(*place(now))
        mouse.down()
        mouse.move(*place(to), steps=moves)
        mouse.up()

    def on_track(self, name: str) -> tuple[float, Callable[[float], tuple[float, float]]]:
        """Where a slider's handle stands, from 0 to 1, and where in the page such a place is."""
        slider = self.slider(name)
        box = slider.bounding_box()
        assert box
        y, half = box["y"] + box["height"] / 2, box["height"] / 2  # of a round handle
        left, width = box["x"] + half, box["width"] - 2 * half
        now: float = slider.evaluate("({ value, max }) => value / max")
        return now, lambda share: (left + width * share, y)

    def png(self) -> bytes:
        """The file that the picture shows."""
        script = """async (image) => {
          const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
          return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''));
        }"""
        return base64.b64decode(self.picture.evaluate(script))

    def wait_for_picture(self, other_than: bytes = b"", seconds: float = 60) -> bytes:
        """Wait for a picture, or for another one, and return its file."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            png = self.png()
            if png.startswith(b"\x89PNG") and png != other_than:
                return png
            time.sleep(0.05)
        raise TimeoutError(f"no new picture in {seconds} s; below it: {self.readout.inner_text()}")
