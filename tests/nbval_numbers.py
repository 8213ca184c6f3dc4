"""nbval, strict about text and tolerant about the last digits of numbers.

An exact comparison fails on a processor with another instruction set; replacing numbers by a
placeholder before comparing would hide a wrong decay factor. So text must be equal character for
character, and a number in it must be equal to a relative 1e-3. Pictures are not compared, in HTML
as little as nbval compares them elsewhere; their text alternatives are.
"""

import json
import math
import os
import re
from collections.abc import Iterator
from unittest import mock

import pytest
from nbval.plugin import IPyNbCell

RELATIVE_TOLERANCE = 1e-3

# A number that stands by itself: not the 2 of conv2d, not a part of the version 3.15.1, and with
# the minus of -0.5 but not that of the range 0.1-0.5.
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\d|\.\d)")
_PICTURE = re.compile(r"(?<=data:image/png;base64,)[\w+/=]+")


def same_output(left: str, right: str) -> bool:
    """Whether two texts are equal but for the last digits of the numbers in them.

    Integers are counts (epochs, samples) and must be equal. There is no absolute tolerance: rates
    as small as 1e-13 are printed, so no difference is small by itself.
    """
    left, right = _PICTURE.sub("", left), _PICTURE.sub("", right)
    if _NUMBER.split(left) != _NUMBER.split(right):
        return False
    pairs = zip(_NUMBER.findall(left), _NUMBER.findall(right), strict=True)
    return all(_same_number(a, b) for a, b in pairs)


def _same_number(left: str, right: str) -> bool:
    if left == right:
        return True
    if not any(mark in left + right for mark in ".eE"):
        return False
    a, b = float(left), float(right)
    return math.isfinite(a) and math.isfinite(b) and math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE)


class Output(str):
    """A text of a cell's output, which nbval compares with ``!=``."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return same_output(self, other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other


def _tolerant(sanitize):
    def wrapped(cell, value):
        value = sanitize(cell, value)
        if isinstance(value, dict):  # a chart
            value = json.dumps(value, sort_keys=True)
        return Output(value) if isinstance(value, str) else value

    return wrapped


def pytest_configure(config: pytest.Config) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(IPyNbCell, "sanitize", _tolerant(IPyNbCell.sanitize))
    config.add_cleanup(patch.undo)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Give a notebook's kernel, which starts in the set-up of its first cell, its environment."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    environment = {
        # A stored picture or line is that of a finished run; see DESIGN.
        "LRLAB_WAIT": "1",
        # The lrlab beside the notebooks, whichever is installed: a changed copy must turn red.
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(item.config.rootpath), os.environ.get("PYTHONPATH")])
        ),
    }
    with mock.patch.dict(os.environ, environment):
        return (yield)
