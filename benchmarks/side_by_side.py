"""What several machines have measured, side by side: the goals, a column a machine.

`machines.json` keeps the runs, one a machine, and `MACHINES.md` is written from it.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.goals import GOALS, Goal
from benchmarks.report import (
    machine_text,
    table,
    target_text,
    time_text,
    value_text,
    versions_text,
)
from benchmarks.timing import Figures

FOLDER = Path(__file__).resolve().parent
FIRST = "first"  # the machine of RESULTS.md and of the README
_SPEED = "how fast the machine is: `import keras`"


def shown(results: Figures, goals: Sequence[Goal] = GOALS) -> dict[str, str]:
    """Return what was measured of each goal, in words; bold where the goal was not reached."""
    kernels = results.get("start", {}).get("kernels", {})
    taken = kernels.get("import keras")
    found = {_SPEED: time_text(statistics.median(taken))} if taken else {}
    for goal in goals:
        value = goal.measured(results)
        if value is not None:
            text = value_text(goal, value)
            found[goal.what] = text if goal.reached(results) else f"**{text}**"
    return found


def page(machines: Mapping[str, Mapping[str, Any]], goals: Sequence[Goal] = GOALS) -> str:
    """Return MACHINES.md."""
    wanted_of = {_SPEED: ""} | {goal.what: target_text(goal) for goal in goals}
    rows = [
        (what, wanted, *(each["shown"].get(what, "") for each in machines.values()))
        for what, wanted in wanted_of.items()
    ]
    lines = [
        f"- *{name}*: {machine_text(machine)}; {machine['repeats']} repeats, others used up to "
        f"{machine['busy']:.0f} % of it. {versions_text(machine)}."
        + (f" With the code of {machine['code']}." if "code" in machine else "")
        for name, machine in ((name, each["machine"]) for name, each in machines.items())
    ]
    return (
        "# Machines side by side\n\nWritten by `make bench`; do not edit. Medians; what misses its "
        f"goal is bold. [RESULTS.md](RESULTS.md) has all figures of the {FIRST} machine. "
        'Add yours: `make bench ARGS="--machine NAME"`.\n\n'
        f"{table(('', 'goal', *machines), rows)}\n\n" + "\n".join(lines) + "\n"
    )


def keep(name: str, results: Figures, machine: Figures, folder: Path = FOLDER) -> None:
    """Keep what a machine has measured, in place of what it had, and write the page again."""
    kept = folder / "machines.json"
    machines = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    machines[name] = {"machine": machine, "shown": shown(results)}
    kept.write_text(json.dumps(machines, indent=1) + "\n", encoding="utf-8")
    (folder / "MACHINES.md").write_text(page(machines), encoding="utf-8")
