"""How long each notebook of the course takes from top to bottom, against `import keras`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.kernels import IMPORT_KERAS, fresh_kernel
from benchmarks.timing import REPOSITORY, Figures, measured_alone, seconds

# More than these take a quarter of an hour, and say little more.
_REPEATS = 3


def measure(repeats: int) -> Figures:
    """Return, by notebook, the seconds of all its cells, and of the import beside each repeat."""
    return {
        path.stem: _beside_keras(code_of(path), min(repeats, _REPEATS))
        for path in sorted(REPOSITORY.glob("notebooks/*.ipynb"))
    }


def code_of(path: Path) -> list[str]:
    """Return the code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _beside_keras(cells: list[str], repeats: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"notebook": [], "import keras": []}
    for _ in range(repeats):
        with fresh_kernel() as kernel:
            taken["import keras"].append(kernel.ask(IMPORT_KERAS))
        # As in `make notebooks`, a cell with an explorer ends when its first run does.
        with fresh_kernel(LRLAB_WAIT="1") as kernel:
            taken["notebook"].append(sum(seconds(lambda: kernel.run(cell)) for cell in cells))  # noqa: B023
    return taken


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
