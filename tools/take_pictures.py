"""Take pictures of every explorer in a real JupyterLab: light, dark, in a wide and a narrow window.

Usage: python tools/take_pictures.py FOLDER [--only DecayMapExplorer] [--chromium /usr/bin/chromium]
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from lab import EVERY_KIND, Notebook, browsing, serving  # type: ignore[import-not-found]  # noqa: E402

WINDOWS = {"wide": (1280, 720), "narrow": (700, 720)}  # pixels
MAKE = {
    "StepDecayExplorer": "initial_learning_rate=0.5, decay_factor=0.5",
    "DrawnScheduleExplorer": "learning_rates=[0.02, 0.1, 0.5, 1, 1, 1, 0.5, 0.3, 0.2, 0.1, 0.05]",
    "LandscapeExplorer": "landscape='two minima', steps=30",
    "QuadraticExplorer": "learning_rate=1.9",
    "SharpnessExplorer": "patients",
    "FineTuningExplorer": "scans, (keras.layers.Dense(10), digits.x_val, digits.y_val)",
    "OptimizerExplorer": "optimizer='Adam'",
}
SET_UP = """import lrlab
from lrlab.backend import keras
data = lrlab.data.diabetes()
patients = lrlab.Experiment(
    lambda: lrlab.models.linear(data), data, batch_size=len(data.x_train), epochs=100
)
digits = lrlab.data.digits()
scans = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)"""
WAIT = """explorer.step(15) if hasattr(explorer, 'step') else None
explorer.wait()
explorer.pin()"""


@contextmanager
def notebooks(chromium: str, kinds: Sequence[str]) -> Iterator[Iterator[tuple[str, Notebook]]]:
    """Open a notebook for each kind of explorer, with one of them in it that has trained."""
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing(chromium) as browser,
        serving(Path(folder)) as lab,
    ):

        def each() -> Iterator[tuple[str, Notebook]]:
            for kind in kinds:
                cells = [SET_UP, f"explorer = lrlab.{kind}({MAKE.get(kind, '')})\nexplorer"]
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                with Notebook(page, lab, lab.write(f"{kind}.ipynb", cells)) as notebook:
                    notebook.run_all()
                    notebook.explorer().root.wait_for()
                    notebook.ask(WAIT)
                    yield kind, notebook

        yield each()


def take(notebook: Notebook, kind: str, folder: Path) -> None:
    """Store a picture of the window for each size and theme, and of the whole explorer below it."""
    for theme in ("Light", "Dark"):
        notebook.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        for name, (width, height) in WINDOWS.items():
            notebook.page.set_viewport_size({"width": width, "height": height})
            notebook.explorer().root.evaluate("(explorer) => explorer.scrollIntoView()")
            notebook.page.wait_for_timeout(1500)  # for a picture of that width and theme
            path = folder / f"{kind}-{name}-{theme.lower()}.png"
            notebook.page.screenshot(path=path)
            notebook.page.set_viewport_size({"width": width, "height": 1600})
            notebook.page.wait_for_timeout(500)
            notebook.explorer().root.screenshot(path=path.with_stem(f"{path.stem}-whole"))


def main(arguments: list[str]) -> int:
    """Store the pictures in a folder."""
    parser = argparse.ArgumentParser(description="Take pictures of every explorer.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=EVERY_KIND, action="append")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args(arguments)
    if options.chromium is None:
        parser.error("no chromium found; name one with --chromium")
    options.folder.mkdir(parents=True, exist_ok=True)
    with notebooks(options.chromium, options.only or list(EVERY_KIND)) as opened:
        for kind, notebook in opened:
            take(notebook, kind, options.folder)
            print(kind)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
