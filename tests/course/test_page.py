"""`lrlab page`: the page of a grid of trainings, and what it says when it is done."""

import re
import sys

import pytest
from exported import numbers_of, page_of, positions

import lrlab
from lrlab.course import page
from lrlab.course.command import main


@pytest.fixture
def few_positions(monkeypatch):
    assert len(page.RATES) * len(page.FACTORS) * len(page.INTERVALS) == 25 * 11 * 5
    for name, few in {"RATES": [0.1, 0.5], "FACTORS": (0.5, 1.0), "INTERVALS": (5,)}.items():
        monkeypatch.setattr(page, name, few)


def test_each_position_of_its_page_is_a_default_training(few_positions, tmp_path, capsys):
    target = tmp_path / "new folder" / "page.html"
    assert main(["page", "--to", str(target)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"page\.html: \d\.\d\d MB, 4 trainings in \d+ s, written in \d+ s\n", said)
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    rows = dict(positions(page_of(target)))
    assert [*rows] == [(r, f, "5") for r in ("0.1", "0.5") for f in ("0.5", "1.0")]
    run = experiment.run(lrlab.StepDecay(0.5, 0.5, 5))
    assert rows["0.5", "0.5", "5"]["numbers"] == numbers_of(run)
    assert len(rows["0.5", "0.5", "5"]["training"]) == 1 + 15


def test_what_is_missing_is_said_before_anything_is_trained(few_positions, monkeypatch, capsys):
    monkeypatch.delitem(vars(lrlab), "export_html", raising=False)
    export = ("lrlab.export", "lrlab.export.page", "lrlab.export.charts", "lrlab.figures.vega")
    for name in export:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setattr(lrlab, "sweep", lambda *_: pytest.fail("it trains"))
    assert main(["page"]) == 2
    assert 'pip install "lrlab[export]"' in capsys.readouterr().err
