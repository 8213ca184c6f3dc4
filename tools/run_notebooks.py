"""Run the notebooks and store their outputs: the pictures a reader sees, the lines nbval compares.

Usage: python tools/run_notebooks.py [notebooks/00_start_here.ipynb ...]; without names, all.
"""

import argparse
import os
import sys
import time
import uuid
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import lrlab

REPOSITORY = Path(__file__).resolve().parent.parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# What a reader of the file needs, the version of lrlab it belongs to, and nothing of the machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
    "lrlab": {"version": lrlab.__version__},
}


def run(path: Path) -> None:
    """Run one notebook in a fresh kernel and store it; one that fails is left as it was."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=120,
        resources={"metadata": {"path": str(path.parent)}},
        # Stored widget state makes nbconvert prefer a view that needs the network.
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.update(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for number, output in enumerate(cell.get("outputs", [])):
            if view := output.get("data", {}).get(WIDGET_VIEW):
                # A model's id is random, and would be a difference in every new run.
                view["model_id"] = uuid.uuid5(uuid.NAMESPACE_OID, f"{cell.id}/{number}").hex
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    paths = parser.parse_args(arguments).notebooks or sorted(REPOSITORY.glob("notebooks/*.ipynb"))

    os.environ["LRLAB_WAIT"] = "1"  # a stored picture is that of a finished run
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this Python's kernel, not one of the user's
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])
    )

    failures = 0
    for path in paths:
        start = time.perf_counter()
        try:
            run(path)
        except CellExecutionError as error:
            failures += 1
            print(f"{path.name}: FAILED, left as it was\n{error}", file=sys.stderr)
        else:
            seconds = time.perf_counter() - start
            print(f"{path.name}: {seconds:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
