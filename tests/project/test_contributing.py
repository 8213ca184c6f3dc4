"""CONTRIBUTING.md: its picture of the house is the house."""

import re

import pytest
from test_imports import MAY_IMPORT, PACKAGE, room_of, rooms_imported_by


@pytest.fixture(scope="module")
def lines(repository):
    """The rooms on each line of the picture, from the top."""
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    return [re.findall(r"\b\w+\b", line[:42]) for line in picture.splitlines()]


def test_each_room_stands_in_it_once(lines):
    assert sorted(room for line in lines for room in line) == sorted({*MAY_IMPORT} - {"__init__"})


def test_each_room_imports_only_what_stands_below_it(lines):
    depth = {room: number for number, line in enumerate(lines) for room in line}
    for path in PACKAGE.glob("**/*.py"):
        room = room_of(path)
        for other in rooms_imported_by(path) & depth.keys():
            assert depth[other] > depth[room], f"{path} imports {other}"
