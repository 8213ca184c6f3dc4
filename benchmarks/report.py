"""From figures to `RESULTS.md`, to the table in the README and to the plot."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.goals import GOALS, HEADLINE, Goal, added
from benchmarks.start import AGAIN
from benchmarks.timing import FIT, KEPT, LIMIT, PLAIN, RUN, Figures, ratios
from benchmarks.typed import FASTEST

START, END = "<!-- bench:start -->", "<!-- bench:end -->"
SIDES = (PLAIN, KEPT, FIT, RUN, LIMIT)
_BUSY = 15  # percent of all cores, from which others disturb
_COLOURS = {PLAIN: "#9a9a9a", KEPT: "#c9a46a", FIT: "#2a7fb8", RUN: "#0b4f83", LIMIT: "#5aa469"}


def time_text(seconds: float) -> str:
    """Write seconds with three digits, in the unit that suits them."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(seconds) * factor >= 1 or unit == "µs":
            return f"{number_text(seconds * factor)} {unit}"
    raise AssertionError("unreachable")


def number_text(value: float) -> str:
    """Write a number with three digits, and no exponent."""
    if value and abs(value) < 100:
        text = f"{value:.3g}"
        return f"{value:.4f}" if "e" in text else text
    return f"{value:,.0f}"


def spread_text(values: Sequence[float], unit: str = "") -> str:
    """Write the median, and the least and the greatest behind it."""
    low, middle, high = min(values), statistics.median(values), max(values)
    if unit == "s":
        return f"{time_text(middle)} ({time_text(low)} to {time_text(high)})"
    return f"{number_text(middle)}{unit} ({number_text(low)} to {number_text(high)})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table whose first column is words."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


# --- the sections of RESULTS.md -------------------------------------------------------------------


def value_text(goal: Goal, value: float) -> str:
    """Write a number with the unit of a goal."""
    return f"{number_text(value)}{goal.unit}"


def target_text(goal: Goal) -> str:
    """Write what is to be reached."""
    return f"{goal.kind} {value_text(goal, goal.target)}"


def machine_text(machine: Figures) -> str:
    """Write which machine that is."""
    return f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"


def versions_text(machine: Figures) -> str:
    """Write which versions it has measured."""
    return ", ".join(f"{name} {number}" for name, number in machine["versions"].items())


def goals_section(results: Figures, goals: Sequence[Goal] = GOALS) -> str:
    """Hold what was measured against what was wanted."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = []
    for goal in goals:
        value = goal.measured(results)
        shown = "" if value is None else value_text(goal, value)
        rows.append((goal.what, target_text(goal), shown, words[goal.reached(results)]))
    return "## Goals\n\n" + table(("", "goal", "measured", "reached"), rows)


def retrain_section(retrain: Figures) -> str:
    """One table a model."""
    parts = [
        "## Retrain\n\n"
        "From the same weights to the end, on the same batches, with validation each epoch and "
        "`verbose=0`. *Build, compile, fit* is a new Keras model each time, without "
        "`clear_session`. *Kept compiled* is `fit` again on one model. The limit is the same "
        "mathematics as one `jax.jit` program with a `lax.scan` over batches and epochs. A ratio "
        "is that of the two times of one repeat. The last column is the greatest difference from "
        "*build, compile, fit* in any number of the history; for the limit, in the last losses."
    ]
    for name, case in retrain.items():
        times, size = case["times"], case["size"]
        rows = [
            (
                side,
                time_text(case["first"][side]),
                spread_text(times[side], "s"),
                spread_text(ratios(times[PLAIN], times[side]), "x"),
                spread_text(ratios(times[KEPT], times[side]), "x"),
                spread_text(ratios(times[side], times[LIMIT]), "x"),
                f"{case['differences'].get(side, 0):.1g}",
            )
            for side in SIDES
        ]
        settings = ", ".join(f"{number_text(value)} {key}" for key, value in size.items())
        faster = "faster than " + PLAIN, "faster than kept compiled", "time / limit's"
        header = ("", "first run", "warm", *faster, "differs by")
        epoch = ", ".join(
            f"{side} {time_text(statistics.median(times[side]) / size['epochs'])}" for side in SIDES
        )
        parts.append(f"### {name}\n\n{settings}.\n\n{table(header, rows)}\n\nAn epoch: {epoch}.")
    return "\n\n".join(parts)


def typed_section(typed: Figures) -> str:
    """What people type, against the fastest that can be typed; and the flags of XLA."""
    times = typed["times"]
    rows = [
        (
            name,
            time_text(typed["first"][name]),
            spread_text(taken, "s"),
            spread_text(ratios(taken, times[FASTEST]), "x"),
        )
        for name, taken in times.items()
    ]
    alone = typed["alone"]
    cases = alone["asked for"][0]
    flags = [
        (side, *(spread_text([one[case] for one in runs], "s") for case in cases))
        for side, runs in alone.items()
    ]
    return (
        f"## What people type\n\n`lrlab.fit` ({HEADLINE}, 15 epochs, validation each epoch), each "
        "against the fastest arguments, which the table above is of. A callback's hooks are "
        "Python, which has to be called between two epochs: Keras's own take a part of it.\n\n"
        + table(("", "first fit", "warm", "time / fastest"), rows)
        + "\n\nAll of this page is measured as in a kernel of `make lab`, whose server asks lrlab "
        "for two flags of XLA (`lrlab.server`). `Experiment.run` in a Python of its own, in turn "
        "with them and without:\n\n" + table(("flags", *cases), flags)
    )


def grid_section(grid: Figures) -> str:
    """The nine rates and seven factors."""
    times, first = grid["times"], grid["first"]
    runs, part = grid["runs"], grid["plain runs a repeat"]
    rows = [
        ("plain Keras loop", "", spread_text(times[PLAIN], "s"), ""),
        (
            RUN,
            time_text(first[RUN]),
            spread_text(times[RUN], "s"),
            spread_text(ratios(times[PLAIN], times[RUN]), "x"),
        ),
    ]
    return (
        f"## {runs} step decays, one after another\n\n{HEADLINE}, 9 rates x 7 factors. The plain "
        "loop builds, compiles and fits a model a position, with `LearningRateScheduler`; "
        f"{part} positions a repeat, others each time, were measured and multiplied by "
        f"{number_text(runs / part)}.\n\n" + table(("", "first grid", "grid", "faster"), rows)
    )


def sweep_section(sweep: Figures) -> str:
    """The larger grid, and the second worker."""
    workers = sweep["workers"]
    times = workers["times"]
    rows = [
        (
            count,
            time_text(workers["first"][count]),
            spread_text(taken, "s"),
            spread_text(ratios(times["1"], taken), "x"),
        )
        for count, taken in times.items()
    ]
    return (
        f"## A sweep\n\n`lrlab.sweep` over {sweep['runs']} step decays, 25 rates x 11 factors, in "
        f"this process ({HEADLINE}, 15 epochs): first {time_text(sweep['first'])}, then "
        f"{spread_text(sweep['times'], 's')}.\n\nAnd over {workers['runs']} rates on a local Dask "
        "cluster, workers of one compute thread each (digits, CNN, 5 epochs). The first sweep, of "
        "four runs a worker, has the start of TensorFlow and the compilation in it.\n\n"
        + table(("workers", "first, 4 runs a worker", "warm", "faster than one"), rows)
    )


def live_plot_section(results: Figures) -> str:
    """LivePlot against livelossplot."""
    topic = results["live_plot"]
    ours, theirs = "lrlab.LivePlot", "livelossplot"
    alone, epochs = topic["first"]["no picture"], topic["epochs"]
    rows = [
        (
            name,
            time_text((topic["first"][name] - alone) / epochs),
            spread_text(added(results, name), "s"),
            spread_text(topic["hooks"][name], "s"),
        )
        for name in (theirs, ours)
    ]
    ratio = spread_text(ratios(added(results, ours), added(results, theirs)), "x")
    return (
        "## A live plot\n\nIn a real kernel, each drawing every epoch for real: what it adds to an "
        "epoch of the same fit without it, its start and its last picture included, and what its "
        "`on_epoch_end` alone takes. The fit is one of 15 epochs that sleep 100 ms each, so that "
        "noise does not hide the difference. livelossplot is `PlotLossesKeras()` with its "
        "defaults (two charts and a table of extremes); `LivePlot()` draws loss and rate.\n\n"
        + table(("", "first fit", "added an epoch", "in `on_epoch_end`"), rows)
        + f"\n\n{ours}'s cost over livelossplot's: {ratio}."
    )


def frame_section(frame: Figures) -> str:
    """The parts of a frame, and the browser."""
    rows = [
        (name, time_text(frame["first"][name]), spread_text(taken, "s"))
        for name, taken in frame["times"].items()
    ]
    whole = [sum(parts) for parts in zip(*frame["times"].values(), strict=True)]
    rows.append(("all three", time_text(sum(frame["first"].values())), spread_text(whole, "s")))
    text = (
        "## A frame\n\nIn the kernel, mean of 20 frames a repeat, each a complete retraining "
        f"({HEADLINE}) at another rate. A picture is {spread_text(frame['bytes'])} bytes.\n\n"
        + table(("", "first", "warm"), rows)
    )
    sessions = frame["browser"]
    if not sessions:
        return text + "\n\nNo Chromium was found, so nothing was measured in a browser."
    painted = [(name, spread_text([each[name] for each in sessions])) for name in sessions[0]]
    return (
        f"{text}\n\nIn a real JupyterLab, page and kernel on the same cores: fresh sessions, "
        f"{len(sessions)} of them; each gives one median and one 90th percentile. That no frame is "
        "blank is a test's matter (`tests/explorers/test_browser.py`).\n\n"
        + table(("", "measured"), painted)
    )


def start_section(start: Figures) -> str:
    """Imports, fresh kernels, memory."""
    imports, kernels = start["imports"], start["kernels"]
    keras = kernels["import keras"]
    rows = [
        ("`import lrlab`", spread_text(imports["lrlab"], "s"), ""),
        ("`import keras`", spread_text(imports["keras"], "s"), ""),
        ("`import keras` in a fresh kernel", spread_text(keras, "s"), "1x"),
    ]
    for name in ("controls", "first curve", AGAIN):
        ratio = spread_text(ratios(kernels[name], keras), "x")
        words = f"fresh kernel to the explorer's {name}"
        rows.append((words, spread_text(kernels[name], "s"), ratio))
    when = "before" if start["TensorFlow loaded before the controls"] else "after"
    memory = start["megabytes"]
    megabytes = table(
        ("retrainings after the first", *(f"{int(count):,}" for count in memory)),
        [("resident memory, MB", *map(number_text, memory.values()))],
    )
    return (
        "## Start and memory\n\nEach import and each kernel is a fresh process, in turn. The first "
        "curve includes compiling, training and drawing. TensorFlow was loaded "
        f"{when} the controls were there.\n\n{table(('', 'time', 'to `import keras`'), rows)}\n\n"
        f"In the last of these kernels the slider was then moved again and again:\n\n{megabytes}"
    )


def notebooks_section(notebooks: Figures) -> str:
    """The notebooks of the course, each beside an import of Keras."""
    rows = [
        (
            f"`{name}`",
            spread_text(taken["notebook"], "s"),
            spread_text(taken["import keras"], "s"),
            spread_text(ratios(taken["notebook"], taken["import keras"]), "x"),
        )
        for name, taken in notebooks.items()
    ]
    return (
        "## The notebooks\n\nAll cells of each, from top to bottom in a fresh kernel, imports "
        "and compilations included, and `import keras` in another beside it.\n\n"
        + table(("", "all cells", "`import keras`", "to `import keras`"), rows)
    )


def growth_section(growth: Figures) -> str:
    """Time against what grows."""
    rows = []
    for name, figures in growth.items():
        points = ", ".join(
            f"{number_text(size)}: {time_text(statistics.median(taken))}"
            for size, taken in zip(figures["sizes"], figures["times"], strict=True)
        )
        slope, constant = time_text(figures["slope"] * 1000), time_text(figures["constant"])
        first, exponent = time_text(figures["first"][0]), number_text(figures["exponent"])
        rows.append((name, points, constant, slope, exponent, first))
    header = ("", "warm medians", "constant", "per 1,000", "exponent", "first run, smallest")
    return (
        f"## Growth\n\n`Experiment.run`, {HEADLINE} but for what grows. Fitted to the medians: "
        "time = constant + slope x size, every point counting alike in relative terms, and the "
        "exponent of a power of the size (1 is proportional; less where the constant counts). "
        "More parameters are a wider hidden layer.\n\n" + table(header, rows)
    )


def classroom_section(classroom: Figures) -> str:
    """Kernels side by side and one after another, and a class of 300."""
    alone, together, row = (classroom[name] for name in ("alone", "together", "row"))
    count = len(together["first curve"])
    units = {
        "first curve": "s",
        "movements a second": "",
        "cores": "",
        "resident": "",
        "proportional": "",
    }
    words = {
        "resident": "resident memory, MB",
        "proportional": "memory, shared pages counted once, MB",
        "cores": "cores while dragging",
    }
    rows = [
        (words.get(name, name), spread_text(alone[name], unit), spread_text(together[name], unit))
        for name, unit in units.items()
    ]
    memory, cores = max(together["proportional"]), statistics.median(alone["cores"])
    first = row["first curve"]
    return (
        "## A classroom\n\nKernels of Jupyter, each with the explorer of step decay: its first "
        "curve, and a hand on its slider that moves as soon as the last picture is there, in all "
        f"at the same time.\n\n{table(('', 'one kernel', f'{count} side by side'), rows)}\n\n"
        f"A class of 300 with a notebook open each: {300 * memory / 1024:.0f} GB of memory. "
        f"If one in ten drags at any moment: {30 * cores:.0f} cores.\n\n"
        f"{len(first)} kernels one after another, started, used and ended: first curve after "
        f"{spread_text(first, 's')}, the last one after {time_text(first[-1])}. Left behind: "
        f"{row['processes left']} of their processes, and {row['megabytes left']:+.0f} MB of the "
        "machine's memory in use, with whatever else went on there."
    )


def page(results: Figures, machine: Figures) -> str:
    """Return RESULTS.md."""
    head = (
        "# Benchmarks\n\nWritten by `make bench`; do not edit. A cell is a median, and the least "
        "and the greatest of the repeats in brackets. The sides of a comparison take turns in one "
        "process or one run; whatever is short is the mean of up to ten calls a repeat. *First* "
        "is the first time in that process: building and compilation included, though not "
        "TensorFlow's own start. Other machines: [MACHINES.md](MACHINES.md).\n\n"
        f"{machine_text(machine)}; other programs used up to {machine['busy']:.0f} % of it before "
        f"a topic. {versions_text(machine)}."
    )
    if machine["repeats"] < 5:
        head += f"\n\n**A trial with {machine['repeats']} repeats only.**"
    if machine["busy"] > _BUSY:
        head += "\n\n**The machine was busy with something else: don't rely on these figures.**"
    sections: dict[str, Callable[[], str]] = {
        "retrain": lambda: retrain_section(results["retrain"]),
        "typed": lambda: typed_section(results["typed"]),
        "grid": lambda: grid_section(results["grid"]),
        "sweep": lambda: sweep_section(results["sweep"]),
        "live_plot": lambda: live_plot_section(results),
        "frame": lambda: frame_section(results["frame"]),
        "start": lambda: start_section(results["start"]),
        "growth": lambda: growth_section(results["growth"]),
        "classroom": lambda: classroom_section(results["classroom"]),
        "notebooks": lambda: notebooks_section(results["notebooks"]),
    }
    written = [write() for topic, write in sections.items() if topic in results]
    return "\n\n".join([head, goals_section(results), *written]) + "\n"


# --- the README and its plot ----------------------------------------------------------------------


def headline(results: Figures, machine: Figures) -> str:
    """Return the tables for the README."""
    case = results["retrain"][HEADLINE]
    times = case["times"]
    names = {FIT: "`lrlab.fit`", RUN: "`Experiment.run`", KEPT: "`model.fit`, model kept compiled"}
    names |= {PLAIN: "plain Keras: build, compile, `fit`", LIMIT: "the limit: one JAX program"}
    rows = [
        (
            names[side],
            time_text(case["first"][side]),
            time_text(statistics.median(times[side])),
            f"{number_text(statistics.median(ratios(times[PLAIN], times[side])))}x",
        )
        for side in SIDES
    ]
    epochs = case["size"]["epochs"]
    typed = results["typed"]["times"]
    typed_rows = [
        (
            name if name.startswith("the") else f"`{name}`",
            time_text(statistics.median(taken)),
            f"{number_text(statistics.median(ratios(taken, typed[FASTEST])))}x",
        )
        for name, taken in typed.items()
    ]
    return (
        f"One training ({HEADLINE}, {epochs} epochs, validation each epoch) on "
        f"{machine['processor']}, {machine['cores']} cores:\n\n"
        + table(("", "first run, compilation included", "every later run", "faster"), rows)
        + "\n\nWhat people type takes longer, because callbacks are called between two epochs:\n\n"
        + table(("`lrlab.fit` with", "every later run", "to the fastest"), typed_rows)
        + "\n\n![Time of a retraining for four models, on a logarithmic axis: plain Keras, lrlab, "
        "and the limit.](docs/benchmarks.png)\n\n"
        "Medians; spreads, other models and everything else that was measured are in "
        "[benchmarks/RESULTS.md](benchmarks/RESULTS.md), made by `make bench`."
    )


def with_headline(text: str, new: str) -> str:
    """Return the README's text with what stands between the markers replaced, if it has them."""
    between = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)
    return between.sub(lambda match: f"{START}\n{new}\n{END}", text, count=1)


def plot(results: Figures, path: Path) -> None:
    """Draw the warm time of a retraining, the spread, and the first run as a hollow mark."""
    cases = results["retrain"]
    figure = Figure(figsize=(9, 4.6), dpi=100, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    width = 0.8 / len(SIDES)
    for group, case in enumerate(cases.values()):
        for number, side in enumerate(SIDES):
            taken, place = case["times"][side], group + (number - (len(SIDES) - 1) / 2) * width
            middle = statistics.median(taken)
            axes.bar(place, middle, 0.92 * width, color=_COLOURS[side])
            axes.vlines(place, min(taken), max(taken), color="black", linewidth=1)
            first, top = case["first"][side], max(taken)
            axes.plot(place, first, "o", mfc="white", mec="black", mew=0.8, ms=4.5)
            if 0.5 * top < first < 4 * top:  # the number would hide the circle
                top = max(top, first)
            words = time_text(middle).replace(" ", "\n")
            axes.annotate(
                words, (place, top), (0, 4), textcoords="offset points", ha="center", fontsize=7
            )
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.2, high * 2.5)
    sizes = [f"{name}\n{case['size']['epochs']} epochs" for name, case in cases.items()]
    axes.set_xticks(range(len(cases)), sizes, fontsize=9)
    axes.yaxis.set_major_formatter(lambda value, _: time_text(value))
    axes.set_ylabel("time of a retraining (lower is better)")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=_COLOURS[side], label=side) for side in SIDES]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=len(SIDES), frameon=False, fontsize=9
    )
    axes.set_title("bars: warm median; lines: least to greatest; circles: first run", fontsize=9)
    figure.savefig(path, pil_kwargs={"optimize": True})
