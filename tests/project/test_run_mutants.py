"""The changes that `make mutants` tries."""

import ast
import importlib.util
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("run_mutants", REPOSITORY / "tools/run_mutants.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

SOURCE = '''
"""A docstring."""
__all__ = ["f"]

def f(a: "int", ready=True) -> "int":
    """A docstring, too."""
    if not a < 1.5 and ready:
        print("é", a)
    if a is not None:
        raise ValueError(f"Received: {a + 1}.")
    return -a // 2
'''


def changed(source: bytes, mutant) -> str:
    return (source[: mutant.start] + mutant.new.encode() + source[mutant.end :]).decode()


def test_each_place_is_changed_alone_and_words_for_people_are_left():
    source = SOURCE.encode()
    found = {
        changed(source, mutant).splitlines()[mutant.line - 1].strip()
        for mutant in tool.Places("f.py", source).mutants
    }
    assert found == {
        "def f(a: \"int\", ready=False) -> \"int\":",
        "if (not (not a < 1.5 and ready)):",
        "if not a < 1.5 or ready:",
        "if (a < 1.5) and ready:",
        "if not a <= 1.5 and ready:",
        "if not a < (1.5 + 1) and ready:",
        "pass",
        "print('éXX', a)",
        "if (not (a is not None)):",
        "if a is None:",
        "return None",
        "return -a / 2",
        "return (a) // 2",
        "return -a // (2 + 1)",
    }  # fmt: skip


def test_every_mutant_of_lrlab_is_python():
    sources = {}
    mutants = tool.all_mutants()
    for mutant in mutants[::10]:
        source = sources.setdefault(mutant.path, (REPOSITORY / mutant.path).read_bytes())
        ast.parse(changed(source, mutant))
    assert len(mutants) > 2000


def test_the_table_counts_what_ended_in_a_red_test():
    ends = [("training", "killed")] * 8 + [("training", "survived"), ("schedules", "timeout")]
    rows = list(tool.table(ends))
    assert rows[2].startswith("| schedules | 1 | 1 | 100% |")
    assert rows[3].startswith("| training | 9 | 8 | 89% |")
    assert rows[4].startswith("| all | 10 | 9 | 90% | 60% to 98% |")


@pytest.mark.parametrize(("killed", "tried"), [(0, 10), (5, 10), (10, 10)])
def test_an_interval_holds_the_share_and_is_one(killed, tried):
    low, high = tool.interval(killed, tried)
    assert -1e-9 <= low <= killed / tried <= high + 1e-9 <= 1 + 2e-9
