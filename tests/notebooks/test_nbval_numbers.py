"""The notebook harness: what it lets pass, what it stops, and that it is really in place."""

import nbformat
import pytest
from nbval_numbers import same_output

pytest_plugins = ["pytester"]

PICTURE = '<img alt="0.5" src="data:image/png;base64,iVB+/2=">'


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("loss 0.12345", "loss 0.123451"),
        ("loss 2.3026 after 15 epochs", "loss 2.3027 after 15 epochs"),
        ("1e-13", "1.0004e-13"),
        ("-0.5", "-0.50001"),
        ("0.1-0.5", "0.10001-0.50001"),
        ("accuracy 1", "accuracy 0.99999"),
        ("[0.5, 0.25]", "[0.5, 0.25001]"),
        ("0.012s, 40.5x, 3.25%.", "0.012s, 40.51x, 3.2501%."),
        ("nan inf -inf", "nan inf -inf"),
        ('<img alt="0.5" src="data:image/png;base64,iVB+/1=">', PICTURE),
    ],
)
def test_the_last_digits_of_a_number_may_differ(stored, new):
    assert same_output(stored, new)
    assert same_output(new, stored)


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("factor 0.8", "factor 0.799"),
        ("loss 0.123", "loss 0.124"),
        ("0.5", "-0.5"),
        ("0.0", "0.0000001"),
        ("1e-13", "1e-12"),
        ("verdict good", "verdict noisy"),
        ("loss 0.5", "Loss 0.5"),
        ("0.5  0.25", "0.5 0.25"),
        ("15 epochs", "16 epochs"),
        ("1437 samples", "1438 samples"),
        ("Keras 3.15.1", "Keras 3.15.2"),
        ("dense_1", "dense_2"),
        ("0.1-0.5", "0.1-0.6"),
        ("loss nan", "loss 0.5"),
        ("loss nan", "loss inf"),
        ("inf", "-inf"),
        ("1e999", "2e999"),
        ("0.5 0.25", "0.5"),
        ("0.5", "0.5 0.5"),
        ("", "0.5"),
        ('<img alt="0.6" src="data:image/png;base64,iVB+/2=">', PICTURE),
    ],
)
def test_anything_else_may_not(stored, new):
    assert not same_output(stored, new)
    assert not same_output(new, stored)


def run_notebook(pytester: pytest.Pytester, *cells: tuple[str, str]) -> pytest.RunResult:
    """Run one notebook of ``(source, stored stdout)`` cells under the harness.

    In a folder below, for pytester puts the current one on every import path.
    """
    notebook = nbformat.v4.new_notebook()
    for count, (source, stored) in enumerate(cells, start=1):
        output = nbformat.v4.new_output("stream", name="stdout", text=stored)
        notebook.cells.append(
            nbformat.v4.new_code_cell(source, execution_count=count, outputs=[output])
        )
    folder = pytester.path / "project" / "notebooks"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "notebook.ipynb")
    (pytester.path / "project" / "pytest.ini").write_text("[pytest]")
    return pytester.runpytest_subprocess(
        "-p", "nbval_numbers", "--nbval", "--nbval-current-env", folder
    )


@pytest.fixture
def harness(pytester, monkeypatch, repository):
    monkeypatch.setenv("PYTHONPATH", str(repository / "tests"))
    return pytester


def test_a_notebook_is_compared_with_its_stored_output(harness):
    result = run_notebook(
        harness,
        ("print('loss', 0.123451)", "loss 0.12345\n"),
        ("print('factor', 0.799)", "factor 0.8\n"),
        ("print('good')", "noisy\n"),
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*factor 0.8*", "*factor 0.799*"])


def test_a_kernel_waits_for_runs_and_finds_the_package_beside_the_notebooks(harness):
    package = harness.path / "project" / "lrlab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("origin = 'this checkout'")
    result = run_notebook(
        harness,
        ("import os; print(os.environ['LRLAB_WAIT'])", "1\n"),
        ("import lrlab; print(lrlab.origin)", "this checkout\n"),
    )
    result.assert_outcomes(passed=2)
