"""The harness notes how much memory a notebook takes, and one that takes too much is red."""

import re
import sys

import nbformat
import pytest
from nbval_memory import MOST

pytest_plugins = ["pytester"]

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="shared memory is counted on Linux alone"
)

KEEPS = "kept = bytearray(b'1') * 60_000_000"
CHILD = f"""import subprocess, sys
line = "{KEEPS}; print(len(kept), flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", line], stdin=-1, stdout=-1)
_ = child.stdout.readline()"""
ENDS = "_ = child.communicate(b'\\n')"


@pytest.fixture
def run(pytester, monkeypatch, repository):
    """Run a notebook of such cells, and another, and read off the closing lines what it takes."""
    monkeypatch.setenv("PYTHONPATH", f"{repository / 'tests'}")

    def run(*cells: str) -> tuple[pytest.RunResult, int]:
        folder = pytester.mkdir(f"with_{len(cells)}_cells")
        for name, sources in (("notebook", cells), ("others", ["kept = None"])):
            notebook = nbformat.v4.new_notebook()
            notebook.cells = [
                nbformat.v4.new_code_cell(source, execution_count=count)
                for count, source in enumerate(sources, start=1)
            ]
            nbformat.write(notebook, folder / f"{name}.ipynb")
        (folder / "pytest.ini").write_text("[pytest]")
        options = ("-p", "nbval_memory", "--nbval", "--nbval-current-env")
        result = pytester.runpytest_subprocess(*options, folder)
        return result, int(re.search(r"^ *(\d+) notebook$", result.stdout.str(), re.MULTILINE)[1])

    return run


def test_the_closing_lines_count_the_kernel_and_its_children(run):
    alone, little = run("kept = None")
    with_child, more = run(CHILD, ENDS)
    alone.assert_outcomes(passed=2)
    with_child.assert_outcomes(passed=3)
    assert little + 60 < more < little + 160


def test_a_notebook_that_takes_too_much_is_red_and_the_next_one_runs(run):
    result, peak = run(f"kept = bytearray(b'1') * {MOST}_000_000")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines([f"*notebook takes {peak} MB, more than {MOST}*"])
