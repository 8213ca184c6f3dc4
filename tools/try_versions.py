"""Install lrlab with other versions of what it stands on, where nothing else is, and test it there.

Usage: make versions ARGS="oldest newest --python python3.13 --tests tests/training"

The sets: oldest and pinned (.github/oldest.txt, constraints.txt), newest (what pip takes if nobody
says more), nightly (that, with the nightly builds of Keras and TensorFlow).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from make_release import REPOSITORY, run

SETS: dict[str, tuple[str, ...]] = {
    "oldest": ("-c", ".github/oldest.txt"),
    "pinned": ("-c", "constraints.txt"),
    "newest": (),
    "nightly": (),
}
_ROOMS = ("training", "callbacks", "experiment", "schedules", "keras_code", "figures", "sweeps")
TESTS = [f"tests/{room}" for room in _ROOMS]
# A row of the table in docs/reliability.md.
_ROW = "| {} | {} | {} | {passed:,} | {failed} | {skipped} |"
_SAY = """
import platform
from importlib.metadata import version
from lrlab.backend import keras, tf
print(platform.python_version(), keras.__version__, tf.__version__,
      *map(version, ("numpy", "matplotlib", "ipywidgets", "jupyterlab")), sep=" | ")
"""


def install(versions: str, python: str, folder: Path) -> Path:
    """Make an environment with one of SETS, and return its Python."""
    run(python, "-m", "venv", folder)
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = inside, "-m", "pip", "--disable-pip-version-check", "--quiet"
    run(*pip, "install", *SETS[versions], "-e", ".[cpu,cluster,export,lab,test]")
    if versions == "nightly":
        # Two packages that hold the same files: the nightly one comes after the other is gone.
        run(*pip, "uninstall", "--yes", "keras", "tensorflow-cpu")
        run(*pip, "install", "--pre", "keras-nightly", "tf-nightly-cpu")
    else:
        run(inside.parent / "lrlab", "check-install")
    return inside


def counted(report: Path) -> dict[str, int]:
    """How many tests passed, failed and were skipped, from what pytest has written as JUnit XML."""
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}


def main(arguments: list[str]) -> int:
    """Try the sets that are named, and print a line for each."""
    parser = argparse.ArgumentParser(description="Test lrlab with other versions.")
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET", help=", ".join(SETS))
    parser.add_argument("--python", default=sys.executable, help="default: the one that runs this")
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="FILE")
    options = parser.parse_args(arguments)
    if unknown := {*options.sets} - {*SETS}:
        parser.error(f"a set is one of {', '.join(SETS)}. Received: {', '.join(sorted(unknown))}")

    good = True
    for name in options.sets:
        with tempfile.TemporaryDirectory() as folder:
            inside = install(name, options.python, Path(folder, "environment"))
            report = Path(folder, "tests.xml")
            pytest = inside, "-m", "pytest", "-q", "-m", "not browser", f"--junitxml={report}"
            done = subprocess.run([*pytest, *options.tests], cwd=REPOSITORY, check=False)
            versions, tests = run(inside, "-c", _SAY).strip(), " ".join(options.tests)
            print(_ROW.format(name, versions, tests, **counted(report)), flush=True)
            good &= done.returncode == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
