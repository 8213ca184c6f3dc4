"""The public API, held to a list: no name goes and no argument changes by accident."""

import difflib
import importlib.util

import pytest


@pytest.fixture(scope="module")
def tool(repository):
    spec = importlib.util.spec_from_file_location("list_api", repository / "tools" / "list_api.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_the_public_api_is_the_one_that_is_listed(tool):
    listed = tool.TARGET.read_text(encoding="utf-8").splitlines()
    changes = [line for line in difflib.ndiff(listed, tool.lines()) if line[0] in "+-"]
    assert not changes, "\n".join(
        ["A change of the public API belongs into CHANGELOG.md; then `make api`:", *changes]
    )


def test_the_list_has_names_arguments_and_defaults(tool):
    lines = tool.lines()
    step_decay = "lrlab.StepDecay(initial_learning_rate=0.01, decay_factor=0.1, epochs_per_drop=5)"
    assert step_decay in lines
    assert "lrlab.schedules.StepDecay is lrlab.StepDecay" in lines
    assert any(line.startswith("lrlab.StepDecay.to_keras(self, steps_per_epoch") for line in lines)
    assert len(set(lines)) == len(lines)
    assert not [line for line in lines if " at 0x" in line]


def test_what_a_listed_base_has_stands_there_alone(tool):
    class Base:
        def go(self, far=True):
            """Go."""

    class Derived(Base):
        def stop(self):
            """Stop."""

    Base.__module__ = Derived.__module__ = "lrlab.explorers"
    assert [*tool._members(Derived, {id(Base): "lrlab.Base"})] == ["stop(self)"]
    assert [*tool._members(Derived, {})] == ["stop(self)", "go(self, far=True)"]


def test_a_default_reads_alike_in_each_process(tool):
    def function(a, b=print, c=lambda: 0, d=object(), *, e="x"):  # noqa: B008
        """Take them."""

    assert tool._called(function) == "(a, b=<built-in function print>, c=<lambda>, d=..., *, e='x')"
