"""Make the pictures of README and docs from a real JupyterLab: one explorer dragged, then all.

Written are docs/drag.gif, which moves, docs/explorer.png, its last picture with its table, and a
still of every explorer in docs/explorers/.

Usage: python tools/make_pictures.py [--only drag] [--chromium /usr/bin/chromium]
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from take_pictures import notebooks

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from lab import (  # type: ignore[import-not-found]  # noqa: E402
    EVERY_KIND,
    ExplorerInPage,
    Notebook,
    browsing,
    serving,
)

DOCS = REPOSITORY / "docs"
WIDTH = 776  # pixels in the page: the explorer's controls and picture
CELL = """
import lrlab
explorer = lrlab.StepDecayExplorer(initial_learning_rate=0.01, decay_factor=1.0)
explorer
"""
PINNED = ((0.01, 0.1, 5), (1.6, 0.5, 5))
SHOWN = (0.5, 0.5, 5)
SET = """
explorer.initial_learning_rate.value, explorer.decay_factor.value = {0}, {1}
explorer.epochs_per_drop.value = {2}
explorer.wait()
"""
# A slider, where on its track it is dragged to, and in how many moves: from too low to too high,
# back to a good rate, and then less of it every five epochs.
DRAGS = (("first rate", 0.95, 26), ("first rate", 0.62, 10), ("decay factor", 0.3, 12))
FRAME, REST = 110, 1200  # ms that a picture stays, and the last of a drag
COLOURS = 64


def shot(explorer: ExplorerInPage, height: float | None = None) -> Image.Image:
    """Return what the page shows of an explorer, or of its upper part."""
    box = explorer.root.bounding_box()
    clip = {**box, "width": min(WIDTH, box["width"]), "height": height or box["height"]}
    return Image.open(io.BytesIO(explorer.root.page.screenshot(clip=clip))).convert("RGB")


def dragging(explorer: ExplorerInPage, height: float) -> Iterator[tuple[Image.Image, int]]:
    """Drag with the mouse, and return what the page shows of it, each for how long in ms."""
    mouse = explorer.root.page.mouse
    for name, to, moves in DRAGS:
        start, place = explorer.on_track(name)
        mouse.move(*place(start))
        mouse.down()
        for move in range(moves + 1):
            mouse.move(*place(start + (to - start) * move / moves))
            explorer.root.page.wait_for_timeout(250)  # for the training of where it stands now
            yield shot(explorer, height), REST if move == moves else FRAME
        mouse.up()


def of_a_drag(chromium: str) -> None:
    """Store an explorer in use, and after it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing(chromium) as browser,
        serving(Path(folder)) as lab,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 1200})
        notebook = Notebook(page, lab, lab.write("explorer.ipynb", [CELL.strip()]))
        notebook.run_all()
        explorer = notebook.explorer()
        explorer.wait_for_picture()
        notebook.ask("explorer.wait()\nexplorer.pin()")
        page.wait_for_timeout(500)
        height = explorer.readout.bounding_box()
        end = height["y"] + height["height"] - explorer.root.bounding_box()["y"]
        pictures, times = zip(*dragging(explorer, end), strict=True)
        first, *rest = (picture.quantize(COLOURS) for picture in pictures)
        first.save(
            DOCS / "drag.gif",
            save_all=True,
            append_images=rest,
            duration=times,
            loop=0,
            optimize=True,
        )

        notebook.ask("explorer.clear_pins()")
        for settings in PINNED:
            notebook.ask(SET.format(*settings) + "explorer.pin()")
        before = explorer.png()
        notebook.ask(SET.format(*SHOWN))
        explorer.wait_for_picture(other_than=before)
        page.wait_for_timeout(500)  # let the page settle for its portrait
        shot(explorer).quantize(128).save(DOCS / "explorer.png", optimize=True)


def of_every_explorer(chromium: str) -> None:
    """Store a still of each, without the table of what is pinned."""
    (DOCS / "explorers").mkdir(exist_ok=True)
    with notebooks(chromium, list(EVERY_KIND)) as opened:
        for kind, notebook in opened:
            notebook.page.set_viewport_size({"width": 1280, "height": 1600})
            notebook.ask("explorer.clear_pins() if hasattr(explorer, 'clear_pins') else None")
            notebook.page.wait_for_timeout(1500)
            path = DOCS / "explorers" / f"{kind}.png"
            shot(notebook.explorer()).quantize(64).save(path, optimize=True)


def main(arguments: list[str]) -> int:
    """Store the pictures, with a palette: they have few colours."""
    makers = {"drag": of_a_drag, "explorers": of_every_explorer}
    parser = argparse.ArgumentParser(description="Make the pictures of README and docs.")
    parser.add_argument("--only", choices=makers)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args(arguments)
    if options.chromium is None:
        parser.error("no chromium found; name one with --chromium")
    for name in [options.only] if options.only else makers:
        makers[name](options.chromium)
    for path in [DOCS / "drag.gif", DOCS / "explorer.png", *sorted(DOCS.glob("explorers/*.png"))]:
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
