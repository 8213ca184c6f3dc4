"""What a learner feels: from the key press to the painted picture, and pictures a second in a drag.

Usage: python benchmarks/browser.py [--presses 40] [--seconds 5] [--chromium /usr/bin/chromium]

A real JupyterLab, headless Chromium and the kernel share this machine's processors. Every picture
is that of a complete retraining (digits, MLP 64-32-10, 15 epochs, validation each epoch).
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from lab import ExplorerInPage, Notebook, browsing, serving

CELLS = ["import lrlab\nexplorer = lrlab.LearningRateExplorer()\nexplorer"]
RATE = "learning rate"
# The time of a key press is that of its event, so waiting for a busy page counts. A picture is
# painted when the second frame after its load begins: up to a frame (17 ms) later than in truth.
# A slow run shows pictures on its way, "in 9 epochs of 15": the last one counts. Whoever waits is
# told, for asking again and again would have the page draw one frame after the other.
LISTEN = """(image) => {
  window.times = { loads: 0 };
  let pressed = 0, done;
  window.finished = () => new Promise((resolve) => (done = resolve));
  const explorer = image.closest('.lrlab-explorer');
  explorer.addEventListener('keydown', (event) => (pressed = event.timeStamp), true);
  image.addEventListener('load', () => {
    times.loads += 1;
    const loaded = performance.now() - pressed;
    if (!done || /epochs? of/.test(image.alt)) return;
    const tell = done;
    done = undefined;
    requestAnimationFrame(() => requestAnimationFrame(() =>
      tell({ loaded, painted: performance.now() - pressed })));
  });
}"""


def measure(chromium: str, presses: int = 40, seconds: float = 5.0) -> dict[str, float]:
    """Return milliseconds from key press to picture, and pictures and retrainings a second."""
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing(chromium) as browser,
        serving(Path(folder)) as lab,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        notebook = Notebook(page, lab, lab.write("benchmark.ipynb", CELLS))
        notebook.run_all()
        explorer = notebook.explorer()
        explorer.wait_for_picture()
        notebook.wait_until_idle()
        explorer.picture.evaluate(LISTEN)
        _press(explorer, 6)  # the first drawings are slower
        figures = _press(explorer, presses) | _drag(notebook, explorer, seconds)
        return figures | {"bytes a picture": len(explorer.png())}


def _press(explorer: ExplorerInPage, presses: int) -> dict[str, float]:
    """Press an arrow key, wait for the picture, and again."""
    page = explorer.root.page
    times: list[dict[str, float]] = []
    explorer.slider(RATE).focus()
    for press in range(presses):
        page.evaluate("void (window.next = finished())")
        page.keyboard.press("ArrowRight" if press < presses / 2 else "ArrowLeft")
        times.append(page.evaluate("next"))
        page.wait_for_timeout(100)
    figures: dict[str, float] = {}
    for kind, words in (("loaded", "in the page"), ("painted", "painted")):
        took = sorted(time[kind] for time in times)
        figures[f"key press to picture {words}, median ms"] = statistics.median(took)
        figures[f"key press to picture {words}, 90th percentile ms"] = took[
            math.ceil(0.9 * len(took)) - 1
        ]
    return figures


def _drag(notebook: Notebook, explorer: ExplorerInPage, seconds: float) -> dict[str, float]:
    """Drag back and forth between 0.01 and 0.3; the kernel counts the runs that it finished."""
    handle = explorer.slider(RATE)
    box, track = handle.bounding_box(), handle.locator("xpath=../..").bounding_box()
    assert box
    assert track
    page, y = notebook.page, box["y"] + box["height"] / 2
    finished = "print(explorer.wait() and len(explorer.runs))"
    runs = int(notebook.ask(finished))
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.evaluate("times.loads = 0")
    start, moves = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        place = abs((moves * 0.01) % 0.6 - 0.3) + 0.4  # of the track: a new position each move
        page.mouse.move(track["x"] + place * track["width"], y)
        moves += 1
    took = time.perf_counter() - start
    loads = page.evaluate("times.loads")
    page.mouse.up()
    return {
        "slider positions a second while dragging": moves / took,
        "pictures a second while dragging": loads / took,
        "complete retrainings a second while dragging": (int(notebook.ask(finished)) - runs) / took,
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
