"""Change lrlab in one place at a time, and count how many of the changes a test notices.

Usage: make mutants ARGS="--count 300 --seed 0 --workers 2"

1. The tests run once, and coverage.py writes down which of them run which line.
2. A seed chooses mutants: a `<` that becomes `<=`, an `and` that becomes `or`, a call left out.
3. Each is tried in a copy of the repository, with tests that run its line, the nearest first.

A mutant that no test notices has survived. All is kept in build/mutants, so that a run that was
ended goes on where it was; remove that folder to begin again.
"""

import argparse
import ast
import gc
import importlib
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
BUILD = REPOSITORY / "build" / "mutants"
ROOMS = ("schedules", "training", "experiment", "keras_code", "exercises")
KILLED = ("killed", "timeout")
TESTS = sorted(
    f"tests/{path.name}"
    for path in (REPOSITORY / "tests").iterdir()
    if (path.is_dir() or path.name.startswith("test_"))
    and path.name not in ("__pycache__", "notebooks", "project")
)
_COPIED = (
    *("lrlab", "tests", "notebooks", "docs", "tools", "benchmarks", "conftest.py"),
    *("pyproject.toml", "constraints.txt", "README.md", "CONTRIBUTING.md", "hatch_build.py"),
)

# What takes long to load and is none of ours; nbval is a plugin of the tests.
_LOADED_BEFORE = (
    *("tensorflow", "keras", "matplotlib.figure", "ipywidgets", "sklearn.datasets"),
    *("scipy.optimize", "nbval.plugin", "pytest"),
)

_OTHER_COMPARISON = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_OTHER_OPERATOR = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
}


@dataclass(frozen=True)
class Mutant:
    """One place of a file, by the bytes that are exchanged, and what stands there instead."""

    path: str
    line: int
    first_line: int  # of the statement
    start: int
    end: int
    new: str


class Places(ast.NodeVisitor):
    """All mutants of a file. Messages, annotations, docstrings and decorators have none."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source, self.mutants = path, source, list[Mutant]()
        self._lines = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]
        self._statement = 1
        self.visit(ast.parse(source))

    def _at(self, line: int, column: int) -> int:
        return self._lines[line - 1] + column

    def _start(self, node: Any) -> int:
        return self._at(node.lineno, node.col_offset)

    def _end(self, node: Any) -> int:
        return self._at(node.end_lineno, node.end_col_offset)

    def _add(self, line: int, start: int, end: int, new: str) -> None:
        self.mutants.append(Mutant(self.path, line, self._statement, start, end, new))

    def _exchange(self, node: Any, new: str) -> None:
        self._add(node.lineno, self._start(node), self._end(node), new)

    def _exchange_between(self, left: Any, right: Any, old: str, new: str) -> None:
        """Exchange an operator, which has no place of its own in the tree."""
        after, before = self._end(left), self._start(right)
        word = re.escape(old).replace(r"\ ", r"\s+")
        found = re.search(
            (rf"\b{word}\b" if old[0].isalpha() else word).encode(), self.source[after:before]
        )
        assert found, self.source[after:before]
        self._add(right.lineno, after + found.start(), after + found.end(), new)

    def _text(self, node: Any) -> str:
        return self.source[self._start(node) : self._end(node)].decode()

    def visit(self, node: ast.AST) -> None:
        """Visit it, and know in which statement."""
        if isinstance(node, ast.stmt):
            self._statement = node.lineno
        super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Visit its defaults and its body, without the docstring."""
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self._visit_body(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Visit its body, without the docstring."""
        self._visit_body(node.body)

    def _visit_body(self, body: list[ast.stmt]) -> None:
        for statement in body[ast.get_docstring(ast.Module(body, [])) is not None :]:
            self.visit(statement)

    def visit_Module(self, node: ast.Module) -> None:
        """Visit all but the docstring and `__all__`."""
        self._visit_body(node.body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Visit the value, unless that is a type itself."""
        if node.value and "TypeAlias" not in ast.unparse(node.annotation):
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Visit the value."""
        if ast.unparse(node.targets[0]) != "__all__":
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave the error out; its words are nobody's business here."""
        self._exchange(node, "pass")

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave it alone: it says what is known, to a reader and to mypy."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave it alone: its parts have no places before Python 3.12."""

    def visit_Expr(self, node: ast.Expr) -> None:
        """Leave a call out."""
        if isinstance(node.value, ast.Call):
            self._exchange(node, "pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        """Return None instead."""
        if node.value is not None and ast.unparse(node.value) != "None":
            self._exchange(node.value, "None")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        """Go on instead."""
        self._exchange(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        """Break instead."""
        self._exchange(node, "break")

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        """Do it in the other case."""
        if not (isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)):
            self._exchange(node.test, f"(not ({self._text(node.test)}))")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Take the other value."""
        self.visit_If(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Leave the sign or the `not` out."""
        self._exchange(node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Compare otherwise."""
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            self._exchange_between(left, right, *_OTHER_COMPARISON[type(operator)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Reckon otherwise."""
        if type(node.op) in _OTHER_OPERATOR:
            self._exchange_between(node.left, node.right, *_OTHER_OPERATOR[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Exchange each `and` and `or`."""
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._exchange_between(left, right, old, new)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Take another number, truth or text."""
        match node.value:
            case bool():
                self._exchange(node, str(not node.value))
            case int() | float():
                self._exchange(node, f"({self._text(node)} + 1)")
            case str():
                self._exchange(node, repr(f"{node.value}XX"))


def all_mutants() -> list[Mutant]:
    """Return every mutant of the rooms."""
    return [
        mutant
        for room in ROOMS
        for file in sorted((REPOSITORY / "lrlab" / room).glob("*.py"))
        for mutant in Places(str(file.relative_to(REPOSITORY)), file.read_bytes()).mutants
    ]


# --- which tests run which line -------------------------------------------------------------------

_SECONDS: dict[str, float] = defaultdict(float)
_FAILED: set[str] = set()


def pytest_runtest_logreport(report: Any) -> None:
    """Add up how long a test takes; this file is a plugin of the first run."""
    _SECONDS[report.nodeid] += report.duration
    if report.failed:
        _FAILED.add(report.nodeid)


def pytest_sessionfinish(session: Any) -> None:
    """Write down how long the tests have taken that passed: what fails anyway notices nothing."""
    if hasattr(session.config, "workerinput"):
        return
    passed = {test: taken for test, taken in _SECONDS.items() if test not in _FAILED}
    (BUILD / "seconds.json").write_text(json.dumps(passed), encoding="utf-8")


def measure_coverage(workers: int) -> None:
    """Run the tests once, unless that was done."""
    if (BUILD / "seconds.json").exists():
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    tree = copy_of_repository(0)  # where the mutants will be tried, so that they pass there
    environment = _environment(tree, REPOSITORY / "tools")
    environment["COVERAGE_FILE"] = str(BUILD / "coverage")
    options = ["-p", "run_mutants", "--cov=lrlab", "--cov-context=test", "--cov-report="]
    options += ["-n", str(workers), "--dist", "loadscope", "-m", "not browser and not long"]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, *TESTS],
        check=False, cwd=tree, env=environment,
    )  # fmt: skip


class Covering:
    """Which tests run a line, by what coverage.py wrote down."""

    def __init__(self) -> None:
        from coverage import CoverageData

        self.seconds: dict[str, float] = json.loads((BUILD / "seconds.json").read_text("utf-8"))
        data = CoverageData(str(BUILD / "coverage"))
        data.read()
        self._by_line = {
            str(Path(file).relative_to(BUILD / "tree-0")): {
                line: {context.partition("|")[0] for context in contexts} & self.seconds.keys()
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }

    def tests(self, mutant: Mutant, limit: float) -> list[str]:
        """Return the tests of a mutant's line, the nearest and quickest first, of so many seconds.

        Those of the whole file, where the line runs as that is imported.
        """
        lines = self._by_line.get(mutant.path, {})
        found = (
            lines.get(mutant.line) or lines.get(mutant.first_line) or set().union(*lines.values())
        )
        path = Path(mutant.path)

        def distance(test: str) -> tuple[bool, bool, float, str]:
            near = test.startswith(f"tests/{path.parent.name}/")
            nearest = near and path.stem in test.partition("::")[0]
            return not nearest, not near, self.seconds[test], test

        ordered = sorted(found, key=distance)
        spent = accumulate(self.seconds[test] for test in ordered)
        return [
            test for test, so_far in zip(ordered, spent, strict=True) if so_far <= limit
        ] or ordered[:1]


# --- trying one -----------------------------------------------------------------------------------


def _environment(*folders: Path) -> dict[str, str]:
    """Return an environment in which Python looks into these folders first."""
    path = os.pathsep.join(map(str, folders))
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def copy_of_repository(number: int) -> Path:
    """Make a copy to change."""
    tree = BUILD / f"tree-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in _COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    return tree


class Forking:
    """A Python that has loaded what takes long, and forks for each run of tests in its tree."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._process = subprocess.Popen(
            [sys.executable, "-c", "import run_mutants; run_mutants.fork_for_each_line()"],
            cwd=tree, env=_environment(tree, tree / "tools"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, tests: Iterable[str], seconds: float) -> tuple[str, str]:
        """Return how a run came to its end, and which test failed first."""
        assert self._process.stdin
        assert self._process.stdout
        (self.tree / "chosen.txt").write_text("\n".join(tests), encoding="utf-8")
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        outcome = self._process.stdout.readline().strip()
        said = (self.tree / "said.txt").read_text(encoding="utf-8", errors="replace")
        failed = re.search(
            r"^(?:FAILED|ERROR) (.+?)(?: - (?:[A-Z]|assert ).*)?$", said, re.MULTILINE
        )
        return outcome, failed[1] if failed else ""

    def try_one(self, mutant: Mutant, tests: list[str], seconds: float) -> tuple[str, str]:
        """Run the tests on a mutant."""
        file, source = self.tree / mutant.path, (REPOSITORY / mutant.path).read_bytes()
        file.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
        try:
            return self.run(tests, seconds)
        finally:
            file.write_bytes(source)


def fork_for_each_line() -> None:
    """Load what takes long but not lrlab, then run the tests of chosen.txt for each line read.

    A line is the seconds that they may take; what is written is how they came to an end.
    """
    for name in _LOADED_BEFORE:
        importlib.import_module(name)
    assert threading.active_count() == 1
    assert "lrlab" not in sys.modules
    gc.freeze()  # or each test would go through all that, and copy it
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(said, stream)
            options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={Path.cwd() / 'temp'}"]
            os._exit(int(importlib.import_module("pytest").main([*options, "@chosen.txt"])))
        end, outcome = time.monotonic() + float(line), ""
        while not outcome:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                outcome = "killed" if status else "survived"
            elif time.monotonic() > end:
                outcome = "timeout"
            else:
                time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # and what it has left behind
        if outcome == "timeout":
            os.waitpid(child, 0)
        print(outcome, flush=True)


def try_all(mutants: list[Mutant], workers: int, limit: float, again: bool) -> None:
    """Try those that were not tried yet, and write down what became of each.

    And `again` those that have survived, for which a higher limit means more tests.
    """
    results, ends = BUILD / "results.jsonl", read_results()
    todo = [
        mutant
        for mutant in mutants
        if _name(mutant) not in ends or (again and ends[_name(mutant)] not in KILLED)
    ]
    covering, pythons = Covering(), SimpleQueue[Forking]()
    for number in range(min(workers, len(todo))):
        pythons.put(Forking(copy_of_repository(number)))

    def attempt(mutant: Mutant) -> None:
        tests, python = covering.tests(mutant, limit), pythons.get()
        outcome, by = "no test", ""
        if tests:
            seconds = 60 + 10 * sum(covering.seconds[test] for test in tests)
            outcome, by = python.try_one(mutant, tests, seconds)
        pythons.put(python)
        record = {"mutant": _name(mutant), "outcome": outcome, "tests": len(tests), "by": by}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(outcome, describe(mutant), sep="  ", flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(attempt, todo))
    # Whoever has noticed one has to be content with the code as it is, in such a Python, too.
    by = {record["by"] for record in read_records() if record.get("by")}
    if todo and by and pythons.get().run(sorted(by), 3600)[0] != "survived":
        raise SystemExit(f"Not all of the tests pass without a mutant: {BUILD}/tree-*/said.txt")


def read_records() -> list[dict[str, Any]]:
    """Return what was written down so far."""
    results = BUILD / "results.jsonl"
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return list(map(json.loads, lines))


def read_results() -> dict[str, str]:
    """Return of each mutant its name and its last end."""
    return {record["mutant"]: record["outcome"] for record in read_records()}


def _name(mutant: Mutant) -> str:
    return f"{mutant.path}:{mutant.start}-{mutant.end}:{mutant.new}"


def describe(mutant: Mutant) -> str:
    """Say a mutant in one line."""
    source = (REPOSITORY / mutant.path).read_bytes()
    before = source[: mutant.start].rpartition(b"\n")[2].decode().lstrip()
    old = source[mutant.start : mutant.end].decode()
    after = source[mutant.end :].partition(b"\n")[0].decode()
    return f"{mutant.path}:{mutant.line}  {before}[{old} -> {mutant.new}]{after}"


# --- how many -------------------------------------------------------------------------------------


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %.

    Example:
        >>> [round(end, 3) for end in interval(90, 100)]
        [0.826, 0.945]
    """
    z, share = 1.96, killed / tried
    middle = (share + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z * math.sqrt(share * (1 - share) / tried + z * z / (4 * tried**2)) / (1 + z * z / tried)
    return middle - half, middle + half


def table(ends: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a table, of (room, end) pairs."""
    yield "| room | mutants | killed | share | 95 % interval |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for room in (*ROOMS, "all"):
        of_room = Counter(end for where, end in ends if room in (where, "all"))
        tried = of_room.total()
        if tried:
            killed = sum(of_room[end] for end in KILLED)
            low, high = interval(killed, tried)
            share = f"{killed / tried:.0%} | {low:.0%} to {high:.0%}"
            yield f"| {room} | {tried} | {killed} | {share} |"


def main() -> None:
    """Choose, try, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--workers", type=int, default=2, help="how many at once")
    parser.add_argument("--limit", type=float, default=40.0, help="seconds of tests for each")
    parser.add_argument("--again", action="store_true", help="also try what survived, again")
    arguments = parser.parse_args()
    measure_coverage(arguments.workers)
    everything = all_mutants()
    chosen = random.Random(arguments.seed).sample(everything, min(arguments.count, len(everything)))
    try_all(chosen, arguments.workers, arguments.limit, arguments.again)
    found = read_results()
    ends = [(mutant, found[_name(mutant)]) for mutant in chosen]
    print(f"\n{len(ends)} of {len(everything)} mutants, seed {arguments.seed}\n")
    print("\n".join(table([(Path(mutant.path).parent.name, end) for mutant, end in ends])))
    for mutant, end in ends:
        if end not in KILLED:
            print(f"{end}: {describe(mutant)}")


if __name__ == "__main__":
    main()
