"""The harness notes how much memory a notebook takes, and one that takes too much is red."""

import re
import sys

import nbformat
import pytest

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
    """Run a notebook of such cells, and read what it takes off the closing lines."""
    monkeypatch.setenv("PYTHONPATH", f"{repository / 'tests'}")

    def run(*cells: str) -> tuple[pytest.RunResult, int]:
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [
            nbformat.v4.new_code_cell(cell, execution_count=count)
            for count, cell in enumerate(cells, start=1)
        ]
        folder = pytester.mkdir(f"with_{len(cells)}_cells")
        nbformat.write(notebook, folder / "notebook.ipynb")
        (folder / "pytest.ini").write_text("[pytest]")
        options = ("-p", "nbval_memory", "--nbval", "--nbval-current-env")
        result = pytester.runpytest_subprocess(*options, folder)
        return result, int(re.search(r"^ *(\d+) notebook$", result.stdout.str(), re.MULTILINE)[1])

    return run


def test_the_closing_lines_count_the_kernel_and_its_children(run):
    alone, little = run("kept = None")
    with_child, more = run(CHILD, ENDS)
    alone.assert_outcomes(passed=1)
    with_child.assert_outcomes(passed=2)
    assert little + 60 < more < little + 160


def test_a_notebook_that_takes_too_much_is_red(run):
    result, peak = run("kept = bytearray(b'1') * 1_000_000_000")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*notebook takes {peak} MB, more than 900*"])
