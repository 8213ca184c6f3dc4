"""Make docs/explorer.png, the README's picture: an explorer in a real JupyterLab, after some use.

Usage: python tools/make_readme_picture.py [--chromium /usr/bin/chromium]
"""

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from lab import Notebook, browsing, serving  # type: ignore[import-not-found]  # noqa: E402

TARGET = REPOSITORY / "docs" / "explorer.png"
WIDTH = 776  # pixels in the page: the explorer's controls and picture
CELL = """
import lrlab
explorer = lrlab.StepDecayExplorer()
explorer
"""
PINNED = ((0.01, 0.1, 5), (1.6, 0.5, 5))
SHOWN = (0.5, 0.5, 5)
SET = """
explorer.initial_learning_rate.value, explorer.decay_factor.value = {0}, {1}
explorer.epochs_per_drop.value = {2}
explorer.wait()
"""


def picture(chromium: str) -> Image.Image:
    """Return what the page shows."""
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
        for settings in PINNED:
            notebook.ask(SET.format(*settings) + "explorer.pin()")
        before = explorer.png()
        notebook.ask(SET.format(*SHOWN))
        explorer.wait_for_picture(other_than=before)
        page.wait_for_timeout(500)  # let the page settle for its portrait
        box = explorer.root.bounding_box()
        assert box
        png = page.screenshot(clip={**box, "width": min(WIDTH, box["width"])})
    return Image.open(io.BytesIO(png))


def main(arguments: list[str]) -> int:
    """Store the picture, with a palette: it has few colours."""
    parser = argparse.ArgumentParser(description="Make the README's picture.")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args(arguments)
    if options.chromium is None:
        parser.error("no chromium found; name one with --chromium")
    TARGET.parent.mkdir(exist_ok=True)
    picture(options.chromium).convert("RGB").quantize(128).save(TARGET, optimize=True)
    print(f"{TARGET.relative_to(REPOSITORY)}: {TARGET.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
