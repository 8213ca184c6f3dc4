"""The examples in the docstrings of all figures."""

import doctest
import importlib
import pkgutil

import pytest

from lrlab import figures


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(figures.__path__)])
def test_the_examples_in_the_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(f"lrlab.figures.{name}")).failed == 0
