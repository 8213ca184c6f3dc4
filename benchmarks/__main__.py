"""Measure everything, and write RESULTS.md, the README's table and docs/benchmarks.png.

Usage: python -m benchmarks [--quick] [--machine NAME] [topic ...]

With topics named, only those are measured, and their part of the report is printed: a report is
of one run. With a machine named, what it has measured is put beside the others in MACHINES.md, and
nothing else is written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report, side_by_side
from benchmarks.machine import busy, machine
from benchmarks.timing import QUICK_REPEATS, REPEATS, REPOSITORY, Figures
from lrlab.server import ASKED_FOR, XLA_FLAGS

TOPICS = (
    *("retrain", "typed", "grid", "sweep", "live_plot", "frame", "start", "growth", "classroom"),
    "notebooks",
)


def measured(topic: str, repeats: int) -> Figures:
    """Measure a topic in a process of its own, as a kernel of `make lab` would run it."""
    print(f"{topic} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{topic}"]
        options = ["--repeats", str(repeats), "--json", str(path)]
        environment = {ASKED_FOR: XLA_FLAGS} | os.environ
        subprocess.run([*command, *options], check=True, cwd=REPOSITORY, env=environment)
        figures: Figures = json.loads(path.read_text())
    print(f"{topic}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return figures


def main() -> int:
    """Measure, then write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", help=f"of {', '.join(TOPICS)}; default: all")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REPEATS} repeats, a trial")
    parser.add_argument("--machine", help="keep the figures as those of another machine, so named")
    options = parser.parse_args()
    for topic in options.topics:
        if topic not in TOPICS:
            parser.error(f"no topic {topic!r}; there are {', '.join(TOPICS)}")
    repeats = QUICK_REPEATS if options.quick else REPEATS
    others, results = [], {}
    for topic in options.topics or TOPICS:
        others.append(busy())
        results[topic] = measured(topic, repeats)
    here = machine() | {"repeats": repeats, "busy": max(others)}
    text = report.page(results, here)
    if options.machine:
        side_by_side.keep(options.machine, results, here)
    if options.machine or options.topics:
        print(text)
        return 0
    side_by_side.keep(side_by_side.FIRST, results, here)
    (REPOSITORY / "benchmarks" / "RESULTS.md").write_text(text, encoding="utf-8")
    (REPOSITORY / "docs").mkdir(exist_ok=True)
    report.plot(results, REPOSITORY / "docs" / "benchmarks.png")
    readme = REPOSITORY / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = report.with_headline(old, report.headline(results, here))
    if new != old:
        readme.write_text(new, encoding="utf-8")
    print(report.goals_section(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
