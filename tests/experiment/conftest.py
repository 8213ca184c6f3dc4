"""What the tests of experiments share."""

import pytest
from experiments import experiment_of


@pytest.fixture(scope="module", autouse=True)
def _without_xla(without_xla):
    """What these runs show is the same."""


@pytest.fixture
def with_xla(without_xla, monkeypatch):
    monkeypatch.setattr("lrlab.training.program.uses_xla", without_xla)


@pytest.fixture(scope="module")
def experiment():
    return experiment_of()
