"""What a learner feels: from the key press to the painted picture, and pictures a second in a drag.

Usage: python benchmarks/browser.py [--presses 40] [--seconds 5] [--chromium /usr/bin/chromium]

A real JupyterLab, headless Chromium and the kernel share this machine's processors. Every picture
is that of a complete retraining (digits, MLP 64-32-10, 15 epochs, validation each epoch), but for
those of the quadratic explorer, which has no network.

Playwright opens the notebook and then lets go of the browser: it has each message between page and
server reported to it, which costs the page and the processors some 6 ms a picture.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from lab import QUIET, Lab, Notebook, serving

# Key presses are measured with the first of them alone in the page.
EXPLORERS = (
    *("LearningRateExplorer", "StepDecayExplorer", "ScheduleExplorer"),
    *("OptimizerExplorer", "QuadraticExplorer", "DrawnScheduleExplorer"),
)
CELLS = [
    "import lrlab\nexplorers = {}",
    *(f"explorers[{name!r}] = lrlab.{name}()\nexplorers[{name!r}]" for name in EXPLORERS),
]
RETRAININGS = "complete retrainings a second while dragging"
PAUSE = 0.1  # seconds between a picture and the next key press
# A key press counts from its event, so waiting for a busy page counts. A picture is painted when
# Chromium says that it has rendered it (https://w3c.github.io/element-timing/). A slow run shows
# pictures on its way, "in 9 epochs of 15": the last one counts.
LISTEN = """(() => {
  const image = document.querySelector('img.lrlab-picture');
  window.pictures = 0;
  window.presses = [];
  const finished = () => !/epochs? of/.test(image.alt);
  image.closest('.lrlab-explorer').addEventListener('keydown',
    ({ timeStamp }) => presses.push({ pressed: timeStamp }), true);
  image.addEventListener('load', () => {
    pictures += 1;
    const press = presses.at(-1);
    if (press && finished()) press.loaded ??= performance.now() - press.pressed;
  });
  image.setAttribute('elementtiming', 'picture');
  new PerformanceObserver((list) => {
    const press = presses.at(-1);
    const { renderTime } = list.getEntries().at(-1);
    if (press?.loaded && renderTime > press.pressed + press.loaded)
      press.painted ??= renderTime - press.pressed;
  }).observe({ type: 'element' });
})()"""
ASK = """(async (code) => {
  const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
  const request = kernel.requestExecute({ code, store_history: false });
  const texts = [];
  request.onIOPub = ({ content }) => texts.push(content.text ?? content.evalue ?? '');
  await request.done;
  return texts.join('');
})"""


class DevTools:
    """A bare connection to a page of Chromium."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as reply:
            (page,) = [target for target in json.load(reply) if target["type"] == "page"]
        address = page["webSocketDebuggerUrl"]
        self._socket = websocket.create_connection(address, suppress_origin=True, timeout=60)
        self._numbers = itertools.count()
        # Playwright had the page believe so; a page without focus takes no keys.
        self.send("Page.bringToFront")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def send(self, method: str, **parameters: Any) -> Any:
        """Have something done, and return what came of it."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (reply := json.loads(self._socket.recv())).get("id") != number:
            pass
        return reply["result"]

    def evaluate(self, script: str) -> Any:
        """Return what a script in the page comes to."""
        options = {"awaitPromise": True, "returnByValue": True}
        return self.send("Runtime.evaluate", expression=script, **options)["result"].get("value")

    def press(self, key: str) -> None:
        """Press an arrow key, as a person does."""
        code = {"ArrowLeft": 37, "ArrowRight": 39}[key]
        key_down = {"type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", **key_down)

    def mouse(self, kind: str, x: float, y: float, *, held: bool = True) -> None:
        """Move the mouse, with the left button held or not, or press or release that."""
        left = {"button": "left"} if held or kind == "mouseReleased" else {}
        left |= {} if kind == "mouseMoved" else {"clickCount": 1}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=int(held), **left)


def measure(chromium: str, presses: int = 40, seconds: float = 5.0) -> dict[str, float]:
    """Return milliseconds from key press to picture, and pictures and retrainings a second."""
    with (
        # A process of Chromium may write into its profile for a moment after the browser has ended.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        _running(chromium, Path(folder) / "profile") as port,
        serving(Path(folder)) as lab,
    ):
        _open(port, lab)
        page = DevTools(port)
        page.evaluate(LISTEN)
        _press(page, 6)  # the first drawings are slower
        figures = _press(page, presses) | _drag(page, 0, seconds)
        _run_the_others(page)
        for number, name in enumerate(EXPLORERS[1:], 1):
            figures[f"{RETRAININGS}, {name}"] = _drag(page, number, seconds)[RETRAININGS]
        return figures


@contextmanager
def _running(chromium: str, profile: Path) -> Iterator[int]:
    """Run a browser, and yield the port on which it listens for DevTools."""
    options = [f"--user-data-dir={profile}", "--remote-debugging-port=0", "--window-size=1280,1000"]
    browser = subprocess.Popen(
        [chromium, "--headless", *QUIET, *options, "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (port := profile / "DevToolsActivePort").exists():
            if time.monotonic() > deadline:
                raise TimeoutError("Chromium did not start in 60 seconds.")
            time.sleep(0.1)
        yield int(port.read_text().split()[0])
    finally:
        browser.terminate()
        browser.wait()


def _open(port: int, lab: Lab) -> None:
    """Open a notebook with an explorer, and put the keyboard's focus on its slider."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        page = browser.contexts[0].pages[0]
        notebook = Notebook(page, lab, lab.write("benchmark.ipynb", CELLS))
        for _ in range(2):
            notebook.command("notebook:run-cell-and-select-next")
            notebook.wait_until_idle()
        explorer = notebook.explorer()
        explorer.wait_for_picture(seconds=120)
        notebook.wait_until_idle()
        explorer.slider("learning rate").focus()
        browser.close()  # the connection; the browser stays


def _run_the_others(page: DevTools) -> None:
    """Run the cells of the other explorers, and wait until each has its first picture."""
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-below')")
    shown = f"""[...document.querySelectorAll('img.lrlab-picture')].filter(
      ({{ src }}) => src.startsWith('data:image/png')).length === {len(EXPLORERS)}"""
    deadline = time.monotonic() + 120
    while not page.evaluate(shown):
        if time.monotonic() > deadline:
            raise TimeoutError("Not all explorers have shown a picture in 120 seconds.")
        time.sleep(0.5)


def _press(page: DevTools, presses: int) -> dict[str, float]:
    """Press an arrow key, wait for the picture and a little more, and again."""
    page.evaluate("presses = []")
    for press in range(presses):
        page.press("ArrowRight" if press < presses / 2 else "ArrowLeft")
        deadline = time.monotonic() + 30
        time.sleep(PAUSE)  # asking at once would take the processors from the picture
        while page.evaluate("presses.at(-1)?.painted === undefined"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Key press {press + 1} was followed by no picture in 30 s.")
            time.sleep(PAUSE)
    times = page.evaluate("presses")
    figures: dict[str, float] = {}
    for kind, words in (("loaded", "in the page"), ("painted", "painted")):
        took = sorted(time[kind] for time in times)
        figures[f"key press to picture {words}, median ms"] = statistics.median(took)
        figures[f"key press to picture {words}, 90th percentile ms"] = took[
            math.ceil(0.9 * len(took)) - 1
        ]
    return figures


def _drag(page: DevTools, number: int, seconds: float) -> dict[str, float]:
    """Drag the rate back and forth between 0.01 and 0.3; the kernel counts the runs it finished.

    The mouse reports 60 places a second, as many as the page looks at. Where a schedule is drawn,
    it goes to and fro over all epochs, and up and down.
    """
    explorer = f"explorers['{EXPLORERS[number]}']"
    finished = f'{ASK}("{explorer}.wait(); print(len({explorer}.runs))")'
    root = f"document.querySelectorAll('.lrlab-explorer')[{number}]"
    draws = page.evaluate(f"{root}.querySelector('.lrlab-swept') !== null")
    handle = f"[...{root}.querySelectorAll('.lrlab-handle')].find((handle) => handle.offsetParent)"
    held = f"{root}.querySelector('.lrlab-swept')" if draws else handle
    page.evaluate(f"{held}.scrollIntoView({{ block: 'center' }})")
    runs = int(page.evaluate(finished))
    box = page.evaluate(f"{held}.getBoundingClientRect().toJSON()")
    y = box["y"] + box["height"] / 2
    left, width = box["x"] + 10, box["width"] - 20  # from the middle of a round handle
    at = 0.5 if draws else page.evaluate(f"{handle}.value / {handle}.max")
    page.mouse("mouseMoved", left + width * at, y, held=False)
    page.mouse("mousePressed", left + width * at, y)
    page.evaluate("pictures = 0")
    start = time.perf_counter()
    for move in range(round(60 * seconds)):
        # Of the track, which has 50 stops: a new one each move.
        place = abs((move * 0.02) % 0.6 - 0.3) + 0.4
        if draws:  # the rates lie between 0.01 and 0.3 there, too
            y = box["y"] + box["height"] * (0.45 + 0.15 * math.sin(move / 7))
            place = abs((move * 0.023) % 2 - 1)
        page.mouse("mouseMoved", x := left + place * width, y)
        time.sleep(max(0.0, start + (move + 1) / 60 - time.perf_counter()))
    took = time.perf_counter() - start
    pictures = page.evaluate("pictures")
    page.mouse("mouseReleased", x, y, held=False)
    size = "atob(document.querySelector('img.lrlab-picture').src.split(',')[1]).length"
    return {
        "pictures a second while dragging": pictures / took,
        RETRAININGS: (int(page.evaluate(finished)) - runs) / took,
        "bytes a picture": page.evaluate(size),
    }


def main(arguments: list[str]) -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Measure the explorer in a real browser.")
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to drag")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args(arguments)
    if options.chromium is None:
        parser.error("no chromium found; name one with --chromium")
    figures = measure(options.chromium, options.presses, options.seconds)
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
