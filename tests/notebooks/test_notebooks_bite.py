"""A changed number in lrlab turns a notebook red: each test changes a copy of the package.

That another processor does not is seen by `make check-isa`.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# name: (notebook, where in the package, what stands there, what is put there instead)
CHANGES = {
    "decay power": (
        "03_step_decay",
        "schedules/by_epoch.py",
        "** (epoch // self.epochs_per_drop)",
        "** (1 + epoch // self.epochs_per_drop)",
    ),
    "drop interval": (
        "00_start_here",
        "schedules/by_epoch.py",
        "(epoch // self.epochs_per_drop)",
        "(epoch // (self.epochs_per_drop + 1))",
    ),
    "drop interval of the explorer": (
        "03_step_decay",
        "explorers/step_decay.py",
        "epochs_per_drop: int = 5",
        "epochs_per_drop: int = 6",
    ),
    "default rate": (
        "00_start_here",
        "explorers/learning_rate.py",
        "learning_rate: float = 0.01",
        "learning_rate: float = 0.0101",
    ),
    "batch order": (
        "02_setting_the_learning_rate",
        "training/*.py",
        "array[index], whole), rest",
        "array[full - 1 - index], whole), rest",
    ),
    "seed": (
        "02_setting_the_learning_rate",
        "experiment/experiment.py",
        "        seed: int = 0,\n    ) -> None:",
        "        seed: int = 1,\n    ) -> None:",
    ),
    "right answer of an exercise": (
        "03_step_decay",
        "course/notebook_03.py",
        "0.8 * 0.5 ** (epoch // 4)",
        "0.7 * 0.5 ** (epoch // 4)",
    ),
}


def run_notebook(repository: Path, folder: Path, notebook: str) -> subprocess.CompletedProcess[str]:
    """Compare one notebook with its stored outputs, with the lrlab of `folder`."""
    (folder / "notebooks").mkdir()
    for name in ("conftest.py", "pyproject.toml", f"notebooks/{notebook}.ipynb"):
        shutil.copy(repository / name, folder / name)
    (folder / "tests").mkdir()
    for harness in (repository / "tests").glob("nbval_*.py"):
        shutil.copy(harness, folder / "tests")
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "-x", "-q"]
    options += ["-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", "--rootdir", str(folder)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"notebooks/{notebook}.ipynb"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_number_turns_a_notebook_red(change, repository, tmp_path):
    notebook, where, before, after = CHANGES[change]
    # With what Python has compiled: of a file that is as old as it was, it takes that.
    shutil.copytree(repository / "lrlab", tmp_path / "lrlab")
    sources = {path: path.read_text() for path in (tmp_path / "lrlab").glob(where)}
    places = [path for path, source in sources.items() for _ in range(source.count(before))]
    assert len(places) == 1, f"{where} no longer has {before!r} exactly once"
    places[0].write_text(sources[places[0]].replace(before, after))

    done = run_notebook(repository, tmp_path, notebook)

    # Red because an output differs, with cells before it green: not because the copy is broken.
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"mismatch '(text/plain|text/html|text/markdown|stdout)'", done.stdout), (
        done.stdout
    )
    assert re.search(r"1 failed, [1-9]\d* passed", done.stdout), done.stdout
