"""Make the pictures of README and docs from a real JupyterLab: one explorer dragged, then all.

Written are docs/drag.gif, which moves, docs/explorer.png, its last picture with its table, a still
of every explorer in docs/explorers/, and there in films/ what moves, light and dark.

Usage: python tools/make_pictures.py [--only films] [--film map] [--chromium /usr/bin/chromium]
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, product
from pathlib import Path

from films import FILMS, POINTER, in_page, slide
from PIL import Image
from playwright.sync_api import Locator
from take_pictures import SET_UP, notebooks

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from lab import (  # type: ignore[import-not-found]  # noqa: E402
    EVERY_KIND,
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
COLOURS = 64


BLANK = ".lrlab-explorer { min-height: 1150px; }"  # what is said below a picture may grow
# Set before the first cell, so that nothing is drawn twice.
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def shot(explorer: Locator) -> Image.Image:
    """Return what the page shows of an explorer."""
    box = explorer.bounding_box()
    assert box
    box["width"] = min(WIDTH, box["width"])
    return Image.open(io.BytesIO(explorer.page.screenshot(clip=box))).convert("RGB")


def filmed(root: Locator, act: Iterator[int], last: Locator) -> tuple[list[Image.Image], list[int]]:
    """Return the pictures of what is done, down to a last part, each with how long it stays."""
    pictures: list[Image.Image] = []
    stays: list[int] = []
    height = 0.0
    for stay in act:
        height = max(height, in_page(last, down=1)[1] - in_page(root, down=0)[1])
        picture = shot(root)
        if pictures and picture.tobytes() == pictures[-1].tobytes():
            stays[-1] = max(stay, stays[-1])
        else:
            pictures.append(picture)
            stays.append(stay)
    return [picture.crop((0, 0, picture.width, int(height))) for picture in pictures], stays


def in_few_colours(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return pictures of a size in the same colours, so that a file needs less for what changes."""
    (width, height), some = pictures[0].size, pictures[::4]
    together = Image.new("RGB", (width, height * len(some)))
    for number, picture in enumerate(some):
        together.paste(picture, (0, height * number))
    palette = together.quantize(COLOURS)
    few = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures)
    return [picture.convert("RGB") for picture in few]


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
        act = chain.from_iterable(slide(explorer.root, *each) for each in DRAGS)
        pictures, times = filmed(explorer.root, act, explorer.readout)
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
        shot(explorer.root).quantize(128).save(DOCS / "explorer.png", optimize=True)


def of_every_explorer(chromium: str) -> None:
    """Store a still of each, without the table of what is pinned."""
    (DOCS / "explorers").mkdir(exist_ok=True)
    with notebooks(chromium, list(EVERY_KIND)) as opened:
        for kind, notebook in opened:
            notebook.page.set_viewport_size({"width": 1280, "height": 1600})
            notebook.ask("explorer.clear_pins() if hasattr(explorer, 'clear_pins') else None")
            notebook.page.wait_for_timeout(1500)
            path = DOCS / "explorers" / f"{kind}.png"
            shot(notebook.explorer().root).quantize(64).save(path, optimize=True)


def of_films(chromium: str, names: Sequence[str], themes: Sequence[str]) -> None:
    """Store what moves, light and dark, without loss: where little changes it is the smallest."""
    (DOCS / "explorers" / "films").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing(chromium) as browser,
        serving(Path(folder)) as lab,
    ):
        for theme, name in product(themes, names):
            film = FILMS[name]
            page = browser.new_page(viewport={"width": 1280, "height": 1600})
            cells = [SET_UP, f"THEME = {theme!r}\n{film.lines}"]
            with Notebook(page, lab, lab.write(f"{name}.ipynb", cells)) as notebook:
                notebook.command("apputils:change-theme", theme=THEMES[theme])
                page.wait_for_timeout(1500)
                page.evaluate(POINTER)
                page.add_style_tag(content=BLANK)
                notebook.run_all()
                root = page.locator(film.place)
                root.wait_for()
                page.wait_for_timeout(1000)  # for a picture in the colours of the page
                pictures, stays = filmed(root, film.act(root), root.locator(film.last).first)
                first, *rest = in_few_colours(pictures)
                first.save(
                    DOCS / "explorers" / "films" / f"{name}-{theme}.webp",
                    save_all=True,
                    append_images=rest,
                    duration=stays,
                    loop=0,
                    lossless=True,
                    method=4,
                )
                print(f"{name}, {theme}: {len(stays)} pictures, {sum(stays) / 1000:.1f} s")


def main(arguments: list[str]) -> int:
    """Store the pictures, with a palette: they have few colours."""
    parser = argparse.ArgumentParser(description="Make the pictures of README and docs.")
    parser.add_argument("--only", choices=("drag", "explorers", "films"))
    parser.add_argument("--film", choices=FILMS, action="append")
    parser.add_argument("--theme", choices=THEMES, action="append")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args(arguments)
    if options.chromium is None:
        parser.error("no chromium found; name one with --chromium")
    if options.only in (None, "drag"):
        of_a_drag(options.chromium)
    if options.only in (None, "explorers"):
        of_every_explorer(options.chromium)
    if options.only in (None, "films"):
        of_films(options.chromium, options.film or [*FILMS], options.theme or [*THEMES])
    for path in sorted({DOCS / "drag.gif", DOCS / "explorer.png", *DOCS.glob("explorers/**/*.*")}):
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
