"""The command `lrlab`: copy and open the course, look at an installation, report what came back."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import lrlab
from lrlab.course.copying import copy_course

__all__ = ["main"]

_JUPYTER = Path(__file__).parent / "jupyter"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for, and return the status that it ends with."""
    parser = argparse.ArgumentParser(
        prog="lrlab", description="The course on learning rates in Keras."
    )
    parser.add_argument("--version", action="version", version=f"lrlab {lrlab.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    lab = commands.add_parser(
        "lab",
        help="copy the notebooks into a folder and open JupyterLab there",
        description="Copy the notebooks into DIR, unless they are there, and open JupyterLab. "
        "A file that you changed is kept. Any other option goes to JupyterLab: --no-browser "
        "--port=9999",
    )
    lab.add_argument("folder", nargs="?", default="lrlab-course", metavar="DIR")

    copy = commands.add_parser("copy", help="copy the notebooks into a folder, and no more")
    copy.add_argument("folder", metavar="DIR")

    page = commands.add_parser("page", help="make one HTML file whose sliders need no Python")
    page.add_argument("--to", default="step_decay.html", metavar="FILE")

    commands.add_parser("check-install", help="say whether all is there, and what to do if not")

    report = commands.add_parser("report", help="read what students handed in: HTML and CSV")
    report.add_argument("folder", metavar="DIR", help="the files of lrlab.save_answers")
    report.add_argument("--to", default="report", metavar="DIR", help="default: report")

    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        return _do(options, others)
    except (ValueError, ImportError, OSError) as error:  # they say what to do
        print(f"lrlab {options.command}: {error}", file=sys.stderr)
        return 2


def _do(options: argparse.Namespace, others: Sequence[str]) -> int:
    # Each loads what it needs, and no more.
    if options.command == "check-install":
        from lrlab.course.installation import findings

        good = True
        for finding in findings():
            print(finding, flush=True)
            good &= finding.good
        return 0 if good else 1
    if options.command == "page":
        from lrlab.course.page import make_page

        print(make_page(options.to))
    elif options.command == "report":
        from lrlab.course.report import write_report

        print(write_report(options.folder, options.to))
    else:
        copied = copy_course(options.folder)
        print(copied, flush=True)
        if options.command == "lab":
            _open(copied.folder, others)
    return 0


def _open(folder: Path, others: Sequence[str]) -> None:
    """Run JupyterLab in this process, on this machine only, until it is ended."""
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise ImportError(
            f'JupyterLab is missing ({error}). Install it: pip install "lrlab[cpu,lab]"'
        ) from None
    # This Python's kernel, even where a "python3" kernel is registered for the user.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # JupyterLab's question about news would cover the page on its first start.
    paths = filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(_JUPYTER)])
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(paths)
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.root_dir": str(folder),
        # Small messages leave at once, small models train faster.
        "ServerApp.jpserver_extensions": "lrlab.server=True",
        "LabApp.default_url": "/lab/tree/00_start_here.ipynb",
    }
    # JupyterLab asks root for this; in a container one is root.
    as_root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    given = [f"--{name}={value}" for name, value in settings.items()]
    LabApp.launch_instance([*given, *as_root, *others])
