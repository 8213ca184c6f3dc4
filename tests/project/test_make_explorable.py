"""`make explorable`: the page of a grid of trainings, and what it says when it is done."""

import importlib.util
import re

import pytest
from exported import numbers_of, page_of, positions

import lrlab


@pytest.fixture
def tool(repository, monkeypatch):
    path = repository / "tools" / "make_explorable.py"
    spec = importlib.util.spec_from_file_location("make_explorable", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert len(tool.RATES) * len(tool.FACTORS) * len(tool.INTERVALS) == 25 * 11 * 5
    for name, few in {"RATES": [0.1, 0.5], "FACTORS": (0.5, 1.0), "INTERVALS": (5,)}.items():
        monkeypatch.setattr(tool, name, few)
    return tool


def test_each_position_of_its_page_is_a_default_training(tool, tmp_path, capsys):
    target = tmp_path / "new folder" / "page.html"
    assert tool.main(["--to", str(target)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"page\.html: \d\.\d\d MB, 4 trainings in \d+ s, written in \d+ s\n", said)
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    rows = dict(positions(page_of(target)))
    assert [*rows] == [(r, f, "5") for r in ("0.1", "0.5") for f in ("0.5", "1.0")]
    run = experiment.run(lrlab.StepDecay(0.5, 0.5, 5))
    assert rows["0.5", "0.5", "5"]["numbers"] == numbers_of(run)
    assert len(rows["0.5", "0.5", "5"]["training"]) == 1 + 15
