"""What the tests of several notebooks ask for."""

import pytest

import lrlab


@pytest.fixture(scope="session")
def experiment():
    """The one with which most notebooks begin."""
    digits = lrlab.data.digits()
    return lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)


@pytest.fixture(scope="session")
def run(experiment):
    """Runs of that experiment; none is trained twice."""
    runs = {}

    def cached(schedule):
        if schedule not in runs:
            runs[schedule] = experiment.run(schedule)
        return runs[schedule]

    return cached
