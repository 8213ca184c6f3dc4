"""The report of the benchmarks, from made-up figures whose ratios are known by hand."""

import copy
import json
import re
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from benchmarks import notebooks, report, side_by_side
from benchmarks.goals import (
    CNN,
    DRAGGED,
    GOALS,
    HEADLINE,
    LONG_NOTEBOOKS,
    PAINTED,
    RETRAININGS,
    SMALL,
)
from benchmarks.start import AGAIN
from benchmarks.timing import FIT, KEPT, LIMIT, PLAIN, RUN, fitted, interleaved, ratios
from benchmarks.typed import TYPED

MACHINE = {
    "versions": {"Python": "3.12.0", "Keras": "3.15.1"},
    "processor": "A processor",
    "cores": 2,
    "system": "Linux",
    "busy": 1.0,
    "repeats": 5,
}
# Of two repeats, the second is twice as slow on all sides, so that every ratio is the same in both.
SECONDS = {PLAIN: 2.0, KEPT: 1.5, FIT: 0.015, RUN: 0.01, LIMIT: 0.008}


def _case(scale: float = 1.0) -> dict:
    return {
        "size": {"parameters": 2410, "samples": 1437, "epochs": 15},
        "first": dict.fromkeys(SECONDS, 3.0),
        "times": {side: [scale * s, 2 * scale * s] for side, s in SECONDS.items()},
        "differences": {KEPT: 0.0, FIT: 2e-7, RUN: 2e-7, LIMIT: 6e-8},
    }


def _browser(painted: float) -> dict:
    words = (PAINTED.format("median"), PAINTED.format("90th percentile"), RETRAININGS)
    others = {f"{RETRAININGS}, {name}": 20.0 + n for n, name in enumerate(DRAGGED)}
    return dict(zip(words, (painted, painted + 5, 30.0), strict=True)) | others


def _kernels(count: int, cores: float) -> dict[str, list[float]]:
    one = {"first curve": 4.0, "movements a second": 40.0, "cores": cores}
    return {k: [v] * count for k, v in (one | {"resident": 900.0, "proportional": 512.0}).items()}


@pytest.fixture
def results() -> dict:
    grows = {"sizes": [1, 10], "first": [1.0, 1.0], "times": [[0.2], [1.1]]}
    return {
        "retrain": {HEADLINE: _case(), CNN: _case(), SMALL: _case(0.1)},
        "typed": {
            "first": dict.fromkeys(TYPED, 1.0),
            "times": {name: [0.02 + 0.01 * n, 0.04 + 0.02 * n] for n, name in enumerate(TYPED)},
            "alone": {side: [{HEADLINE: 0.02, SMALL: 0.004}] for side in ("asked for", "not")},
        },
        "grid": {
            "runs": 63,
            "plain runs a repeat": 3,
            "first": {RUN: 3.0},
            "times": {RUN: [1.0, 1.0], PLAIN: [100.0, 120.0]},
        },
        "sweep": {
            "runs": 275,
            "first": 9.0,
            "times": [6.0, 10.0],
            "workers": {
                "runs": 40,
                "seconds of work": 60.0,
                "first": {"1": 12.0, "2": 14.0},
                "times": {"1": [40.0, 80.0], "2": [25.0, 50.0]},
            },
        },
        "live_plot": {
            "epochs": 10,
            "first": {"no picture": 1.0, "lrlab.LivePlot": 1.5, "livelossplot": 5.0},
            "times": {
                "no picture": [1.0, 1.0],
                "lrlab.LivePlot": [1.1, 1.1],
                "livelossplot": [4.0, 6.0],
            },
            "hooks": {"lrlab.LivePlot": [0.01], "livelossplot": [0.3]},
        },
        "frame": {
            "first": {"train": 1.0, "draw": 0.1, "encode": 0.01},
            "times": {"train": [0.02], "draw": [0.004], "encode": [0.003]},
            "bytes": [12000, 13000],
            "browser": [_browser(35.0), _browser(39.0), _browser(80.0)],
        },
        "start": {
            "imports": {"lrlab": [0.02], "keras": [3.0]},
            "kernels": {
                "controls": [0.5],
                "first curve": [4.5],
                "import keras": [3.0],
                AGAIN: [3.3],
            },
            "TensorFlow loaded before the controls": False,
            "megabytes": {"0": 700.0, "1000": 712.0},
        },
        "growth": {"epochs": grows | fitted([1, 10], [0.2, 1.1])},
        "classroom": {
            "alone": _kernels(1, cores=0.5),
            "together": _kernels(4, cores=0.4),
            "row": {"first curve": [4.0] * 20, "processes left": 0, "megabytes left": 12.0},
        },
        "notebooks": {
            name: {"notebook": [seconds, 2 * seconds], "import keras": [3.0, 6.0]}
            for name, seconds in {"00_one": 12.0, "13_two": 21.0, "14_fine_tuning": 30.0}.items()
        },
    }


def _verdicts(results: dict) -> dict[str, bool | None]:
    return {goal.what: goal.reached(results) for goal in GOALS}


def test_every_ratio_is_that_of_one_repeat():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    assert report.spread_text([3.0, 1.0, 2.5], "x") == "2.5x (1 to 3)"


def test_goals_are_judged_on_medians(results):
    text = report.goals_section(results)
    assert "| at least 100x | 133x | yes |" in text  # 2 s / 0.015 s
    assert "| at least 100x | 200x | yes |" in text
    assert "| at most 1.5x | 1.88x | **no** |" in text  # 0.015 s / 0.008 s
    assert "| at most 1.5x | 1.25x | yes |" in text
    assert "| at most 1.2x | 1.5x | **no** |" in text  # 0.03 s / 0.02 s
    assert "| at most 0.3 ms | 0.15 ms | yes |" in text  # of 0.0015 s and 0.003 s, in 15 epochs
    assert "| at most 40 ms | 39 ms | yes |" in text
    assert "| at least 80x | 110x | yes |" in text
    assert "| at most 8 s | 8 s | yes |" in text
    assert "| at least 1.6x | 1.6x | yes |" in text  # 40 s / 25 s, 80 s / 50 s
    assert "| at most 0.05x | 0.0267x | yes |" in text  # 10 ms of 300 and of 500
    assert "| at most 1.4x | 1.5x | **no** |" in text
    assert "| at most 30 MB | 12 MB | yes |" in text
    assert "| at most 6.8x | 7x | **no** |" in text  # 21 s / 3 s; another takes longer, and may
    assert "| at most 13.6x | 10x | yes |" in text


def test_one_slow_side_of_one_model_counts(results):
    (goal,) = [goal for goal in GOALS if "any benchmarked model" in goal.what]
    assert goal.reached(results)
    results["retrain"][CNN]["times"][RUN] = [1.6, 3.2]
    assert goal.reached(results) is False


def test_two_workers_are_judged_on_a_minute_of_work_only(results):
    (goal,) = [goal for goal in GOALS if "two warm workers" in goal.what]
    results["sweep"]["workers"]["seconds of work"] = 20.0
    assert goal.reached(results) is False


def test_controls_that_wait_for_tensorflow_miss_the_goal(results):
    late = copy.deepcopy(results)
    results["start"]["kernels"]["first curve"] = late["start"]["kernels"]["first curve"] = [3.3]
    late["start"]["TensorFlow loaded before the controls"] = True
    differing = [what for what, yes in _verdicts(late).items() if yes != _verdicts(results)[what]]
    assert len(differing) == 1
    assert "controls there before TensorFlow" in differing[0]


def test_what_was_not_measured_is_said_so(results):
    del results["start"]
    results["frame"]["browser"] = []
    text = report.page(results, MACHINE)
    assert text.count("not measured") == 7
    assert "No Chromium was found" in text
    assert "## Start" not in text


def test_the_page_has_both_sides_with_their_spread_and_first_run(results):
    text = report.page(results, MACHINE)
    assert "A processor, 2 cores, Linux" in text
    assert "Python 3.12.0, Keras 3.15.1" in text
    assert f"| {PLAIN} | 3 s | 3 s (2 s to 4 s) | 1x (1 to 1) |" in text
    assert f"| {FIT} | 3 s | 22.5 ms (15 ms to 30 ms) | 133x (133 to 133) |" in text
    assert "busy" not in text
    assert "trial" not in text


def test_each_notebook_stands_beside_an_import_of_keras(results):
    text = report.page(results, MACHINE)
    assert "| `00_one` | 18 s (12 s to 24 s) | 4.5 s (3 s to 6 s) | 4x (4 to 4) |" in text


def test_all_cells_of_a_notebook_are_run_in_turn(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    words = {"cell_type": "markdown", "source": ["not run"]}
    code = [{"cell_type": "code", "source": ["a = 1\n", "a"]}, {"cell_type": "code", "source": []}]
    (tmp_path / "notebooks" / "00_one.ipynb").write_text(json.dumps({"cells": [words, *code]}))
    asked: list[str] = []

    @contextmanager
    def kernel(**variables):
        asked.append(str(variables))
        yield SimpleNamespace(run=asked.append, ask=lambda code: 3.0)

    monkeypatch.setattr(notebooks, "REPOSITORY", tmp_path)
    monkeypatch.setattr(notebooks, "fresh_kernel", kernel)
    (taken,) = notebooks.measure(5).values()
    assert asked == ["{}", "{'LRLAB_WAIT': '1'}", "a = 1\na", ""] * 3
    assert taken["import keras"] == [3.0] * 3
    assert len(taken["notebook"]) == 3


def test_the_notebooks_that_may_take_longer_are_notebooks(repository):
    assert all((repository / "notebooks" / f"{name}.ipynb").is_file() for name in LONG_NOTEBOOKS)


def test_a_class_is_worked_out_from_what_was_measured(results):
    text = report.page(results, MACHINE)
    assert "|  | one kernel | 4 side by side |" in text
    assert "A class of 300 with a notebook open each: 150 GB of memory." in text  # 300 x 512 MB
    assert "If one in ten drags at any moment: 15 cores." in text  # 30 x 0.5
    assert "20 kernels one after another" in text
    assert "Left behind: 0 of their processes, and +12 MB" in text


def test_a_trial_and_a_busy_machine_are_said_so(results):
    text = report.page(results, MACHINE | {"busy": 60.0, "repeats": 2})
    assert "A trial with 2 repeats only" in text
    assert "The machine was busy" in text


def test_machines_stand_side_by_side_and_each_is_kept_once(results, tmp_path):
    """Another machine leaves the first one's column alone; the same one again takes its place."""
    slow = copy.deepcopy(results)
    slow["start"]["kernels"]["import keras"] = [9.0]
    for name, figures in (("first", results), ("slow", results), ("slow", slow)):
        side_by_side.keep(name, figures, MACHINE, tmp_path)
    text = (tmp_path / "MACHINES.md").read_text()
    assert "|  | goal | first | slow |" in text
    assert "`import keras` |  | 3 s | 9 s |" in text
    assert "| at most 1.5x | 1.25x | 1.25x |" in text  # Experiment.run to the limit
    assert "| at most 1.5x | **1.88x** | **1.88x** |" in text  # lrlab.fit, which misses it
    assert text.count("- *slow*: A processor, 2 cores, Linux; 5 repeats") == 1


def test_what_a_machine_has_not_measured_is_left_empty(results, tmp_path):
    del results["frame"], results["start"]
    side_by_side.keep("first", results, MACHINE, tmp_path)
    text = (tmp_path / "MACHINES.md").read_text()
    assert "`import keras` |  |  |" in text
    assert "| complete retrainings a second while dragging | at least 25 |  |" in text


def test_the_page_of_machines_is_that_of_what_is_kept():
    kept = json.loads((side_by_side.FOLDER / "machines.json").read_text())
    assert side_by_side.FIRST in kept
    assert (side_by_side.FOLDER / "MACHINES.md").read_text() == side_by_side.page(kept)


def test_the_first_machine_is_that_of_the_results():
    """A run of everything writes both."""
    kept = json.loads((side_by_side.FOLDER / "machines.json").read_text())
    results = (side_by_side.FOLDER / "RESULTS.md").read_text()
    for what, measured in kept[side_by_side.FIRST]["shown"].items():
        number = measured.strip("*")
        assert re.search(
            rf"^\| {re.escape(what)} \| [^|]+ \| {re.escape(number)} \|", results, re.M
        ) or ("import keras" in what and f"| `import keras` | {number}" in results)


def test_the_readme_gets_the_table_between_the_markers_and_nowhere_else(results):
    table = report.headline(results, MACHINE)
    text = f"before\n{report.START}\nold\n{report.END}\nafter\n"
    new = report.with_headline(text, table)
    assert new == f"before\n{report.START}\n{table}\n{report.END}\nafter\n"
    assert report.with_headline(new, table) == new
    assert "| `lrlab.fit` | 3 s | 22.5 ms | 133x |" in table
    assert "| `verbose=1` | 90 ms | 3x |" in table  # 0.06 s / 0.02 s, and both twice as slow


def test_a_readme_without_markers_stays_as_it_is(results):
    assert report.with_headline("no markers\n", "table") == "no markers\n"


def test_the_plot_is_a_small_png(results, tmp_path):
    report.plot(results, tmp_path / "plot.png")
    png = (tmp_path / "plot.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 80_000


def test_a_straight_line_is_fitted_as_one():
    fit = fitted([1, 10, 100], [2.5, 7.0, 52.0])
    assert fit["slope"] == pytest.approx(0.5)
    assert fit["constant"] == pytest.approx(2.0)


def test_sides_take_turns():
    calls: list[str] = []
    sides = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    times = interleaved(sides, 2, before={"a": lambda: calls.append("-")}, at_least=0)
    assert "".join(calls) == "-ab-ab"
    assert {name: len(taken) for name, taken in times.items()} == {"a": 2, "b": 2}
