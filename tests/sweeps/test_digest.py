"""One digest for what is the same, in every process; another for whatever would change a run."""

import copy
import importlib
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pandas as pd
import pytest

from lrlab import StepDecay
from lrlab.sweeps.digest import digest


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


def test_a_class_whose_objects_were_copied_is_the_same():
    class Copied:
        pass

    before = digest(Copied)
    copy.copy(Copied())
    assert digest(Copied) == before


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
        (np.array(["a", None], object), np.array(["b", None], object)),
        (pd.DataFrame({"a": ["x", "y"]}), pd.DataFrame({"a": ["x", "z"]})),
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


def speaks_of_a_global():
    return ours.double(1)  # noqa: F821 - the test puts it there


def imports_it():
    import ours

    return [ours.double(k) for k in range(2)]


def imports_from_it():
    from ours import double

    return double(1)


@pytest.mark.parametrize("function", [speaks_of_a_global, imports_it, imports_from_it])
def test_a_module_of_ones_own_counts_by_what_a_function_uses_of_it(tmp_path, monkeypatch, function):
    def digest_with(text):
        (tmp_path / "ours.py").write_text(text)
        monkeypatch.delitem(sys.modules, "ours", raising=False)
        importlib.invalidate_caches()
        monkeypatch.setitem(globals(), "ours", importlib.import_module("ours"))
        if function is not speaks_of_a_global:
            del sys.modules["ours"]  # nobody has imported it yet
        return digest(function)

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # of a file of the same second and size
    helper = "def helper(x):\n    return {} * x\n"
    double = "def double(x):\n    return helper(x)\n"
    first = digest_with(helper.format(2) + double)
    assert digest_with(helper.format(2) + double + "other = 1\n") == first
    assert digest_with(helper.format(3) + double) != first


def test_modules_that_know_each_other_have_a_digest(tmp_path, monkeypatch):
    (tmp_path / "one.py").write_text("import other\ndef f(): return other.g()\n")
    (tmp_path / "other.py").write_text("import one\ndef g(): return one.other.one.f\n")
    monkeypatch.syspath_prepend(tmp_path)
    one = importlib.import_module("one")
    assert digest(one.f) == digest(one.f)


def test_another_version_of_an_installed_package_is_another_one(monkeypatch):
    before = [digest(np.mean), digest(lambda: np.zeros(1))]
    monkeypatch.setattr(np, "__version__", "0.1")
    after = [digest(np.mean), digest(lambda: np.zeros(1))]
    assert all(one != other for one, other in zip(before, after, strict=True))
