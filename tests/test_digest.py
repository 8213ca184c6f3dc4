"""One digest for what is the same, in every process; another for whatever would change a run."""

import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest

from lrlab import StepDecay
from lrlab._digest import digest


def closed_over(value):
    return lambda x: x + value


class Own:
    def __init__(self, value):
        self.value = value
        self.lock = threading.Lock()

    def double(self):
        return 2 * self.value


class Changed(Own):
    def double(self):
        return 3 * self.value


def same_lines():
    array = np.arange(6.0).reshape(2, 3)
    values = [array, {"a": {1, 2}, "b": (None, 1.5)}, StepDecay(0.1), closed_over(3), np.less]
    cycle = []
    cycle.append(cycle)
    return [*values, cycle, Own(2), partial(closed_over, 1), Own(3).double]


def test_the_same_made_twice_has_one_digest():
    assert digest(same_lines()) == digest(same_lines())


def test_another_process_gives_the_same_digest(repository):
    code = "import test_digest as t; print(t.digest(t.same_lines()))"
    paths = f"{repository}:{repository / 'tests'}"
    for seed in ("1", "2"):  # of Python's hashes, which decide about the order in a set
        environment = {"PYTHONPATH": paths, "PYTHONHASHSEED": seed}
        said = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == digest(same_lines())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("ab", ["a", "b"]),
        (["ab", "c"], ["a", "bc"]),
        ([[1], 2], [1, [2]]),
        (np.zeros(4, "float32"), np.zeros(4, "int32")),
        (np.zeros((2, 2)), np.zeros(4)),
        (np.zeros(4), np.array([0, 0, 0, 1e-300])),
        (StepDecay(0.1), StepDecay(0.2)),
        (closed_over(1), closed_over(2)),
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x: x + 1, lambda x: x - 1),
        (lambda x: np.sin(x), lambda x: np.cos(x)),
        (lambda x=1: x, lambda x=2: x),
        (lambda: [y for y in same_lines()], lambda: [y for y in closed_over(1)]),  # noqa: C416
        (Own(1), Own(2)),
        (Own, Changed),
        (Own(1), Changed(1)),
        (partial(closed_over, 1), partial(closed_over, 2)),
        (np.less, np.greater),
        (np.random.default_rng(0), np.random.default_rng(1)),
    ],
)
def test_another_value_has_another_digest(one, other):
    assert digest(one) != digest(other)


def test_a_global_that_a_function_speaks_of_is_part_of_it(monkeypatch):
    def uses():
        return [_of_a_module for _ in range(2)]

    before = digest(uses)
    monkeypatch.setitem(globals(), "_of_a_module", 2)
    assert digest(uses) != before


_of_a_module = 1
