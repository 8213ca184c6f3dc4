"""The page without a kernel: what it holds equals what an experiment gives, and nothing harms."""

import dataclasses
import itertools
import math
import random
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

from lrlab.backend import keras

import numpy as np
import pytest
from exported import (
    FACTORS,
    GRID,
    INTERVALS,
    RATES,
    REGRESSION,
    experiment,
    numbers_of,
    page_of,
    positions,
    sweep_over,
)

from lrlab import StepDecay, export_html

EVIL = "</script><img src=x onerror=alert(1)><!-- & \"'"


@pytest.fixture(scope="module")
def sweep():
    return sweep_over(GRID)


@pytest.fixture(scope="module")
def exported(sweep, tmp_path_factory):
    return export_html(sweep, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def page(exported):
    return page_of(exported)


@pytest.fixture(scope="module")
def diverging():
    return sweep_over(REGRESSION, "diabetes")


class Elements(HTMLParser):
    """The elements of a page, and every address that one would load."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.texts.append(data)


class TestNumbers:
    def test_every_position_shows_what_the_experiment_gives(self, page):
        for place, row in positions(page):
            run = experiment().run(StepDecay(*map(float, place)))
            assert row["numbers"] == numbers_of(run), place
            assert (row["verdict"], row["reason"]) == (run.verdict, run.reason)
            for name, key in (("training", "loss"), ("validation", "val_loss")):
                np.testing.assert_allclose(row[name][1:], run.history[key], rtol=1e-3)
            np.testing.assert_allclose(row["rate"][1:], run.history["learning_rate"], rtol=1e-3)
        assert page["names"] == ["accuracy", "loss", "validation accuracy", "validation loss"]

    def test_curves_begin_with_the_untrained_model(self, page, sweep):
        for row in page["rows"]:
            assert row["training"][0] == pytest.approx(sweep.runs[0].start_loss, rel=1e-3)
            assert row["validation"][0] is None
            assert row["rate"][0] == row["rate"][1]
            assert {len(row[name]) for name in ("training", "validation", "rate")} == {4}

    def test_the_filled_in_code_is_the_runs_at_twenty_positions(self, page):
        cut = page["code"]
        for place, _ in random.Random(5).sample(list(positions(page)), 20):
            code = "".join(itertools.chain(*zip(cut, [*place, ""], strict=True)))
            assert code == experiment().code(StepDecay(*map(float, place)))

    def test_the_order_of_the_runs_does_not_matter(self, exported, sweep, tmp_path):
        backwards = SimpleNamespace(runs=sweep.runs[::-1])
        assert export_html(backwards, tmp_path / "b.html").read_bytes() == exported.read_bytes()

    def test_sliders_have_every_value_in_words(self, page):
        words = {slider["name"]: slider["words"] for slider in page["sliders"]}
        assert words == {
            "first rate": ["0.001", "0.05", "0.3", "1"],
            "decay factor": ["times 0.1", "times 0.5", "1, no drop"],
            "epochs per drop": ["1 epoch", "2 epochs"],
        }

    def test_the_chart_is_told_in_words(self, page):
        told = {place: row["alt"] for place, row in positions(page)}
        assert "The learning rate is 0.3 throughout." in told["0.3", "1.0", "1"]
        assert "falls from 1 to 0.25 in 2 steps" in told["1.0", "0.5", "1"]

    def test_plain_rates_have_one_slider(self, tmp_path):
        page = page_of(export_html(sweep_over([0.1, 0.01]), tmp_path / "rates.html"))
        (slider,) = page["sliders"]
        assert (slider["name"], slider["numbers"]) == ("learning rate", ["0.01", "0.1"])
        for ((rate,), row), given in zip(positions(page), (0.01, 0.1), strict=True):
            assert row["numbers"] == numbers_of(experiment().run(given))
            assert page["code"][0] + rate + page["code"][1] == experiment().code(given)


class TestDivergence:
    def test_what_is_lost_is_null_and_said_in_words(self, diverging, tmp_path):
        page = page_of(export_html(diverging, tmp_path / "page.html"))
        run = next(run for run in diverging.runs if run.schedule == StepDecay(10.0, 1.0, 1))
        (row,) = (row for place, row in positions(page) if place == ("10.0", "1.0", "1"))
        assert run.verdict == row["verdict"] == "diverged"
        lost = [not math.isfinite(loss) for loss in run.history["loss"]]
        assert any(lost)
        assert [loss is None for loss in row["training"][1:]] == lost
        assert row["end"] == lost.index(True)
        assert row["diverged"]
        assert row["alt"].startswith("The run diverged")

    def test_regression_has_no_accuracy(self, diverging, tmp_path):
        page = page_of(export_html(diverging, tmp_path / "page.html"))
        assert page["names"] == ["loss", "validation loss"]

    def test_no_value_leaves_the_numbers_that_json_has(self, sweep, tmp_path):
        histories = {"loss": [1e308, math.inf, math.nan], "val_loss": [-math.inf, 2.0, math.nan]}
        run = dataclasses.replace(
            sweep.runs[0], history={**sweep.runs[0].history, **histories}, start_loss=math.nan
        )
        page = page_of(export_html(SimpleNamespace(runs=[run]), tmp_path / "page.html"))
        (row,) = page["rows"]
        assert row["training"] == [None] * 4
        assert row["validation"] == [None, None, 2.0, None]
        assert row["end"] == 0

    def test_a_run_that_explodes_does_not_flatten_the_others(self, sweep, tmp_path):
        exploded = dataclasses.replace(
            sweep.runs[0], history={**sweep.runs[0].history, "loss": [2.0, 1e6, 1e20]}
        )
        runs = [exploded, *sweep.runs[1:]]
        page = page_of(export_html(SimpleNamespace(runs=runs), tmp_path / "page.html"))
        (top,) = {scale["domain"][1] for scale in loss_scales(page)}
        assert top < 30
        assert page["rows"][0]["training"][-1] == pytest.approx(10 * top)


def loss_scales(page):
    encodings = [layer["encoding"] for layer in page["charts"]["loss"]["layer"]]
    return [each["y"]["scale"] for each in encodings if "scale" in each["y"]]


class TestAxes:
    def test_the_loss_has_a_logarithmic_axis_where_decades_matter(self, page, sweep, tmp_path):
        assert {scale.get("type") for scale in loss_scales(page)} == {None}
        low = {**sweep.runs[0].history, "loss": [1.0, 0.1, 0.001]}
        runs = [dataclasses.replace(sweep.runs[0], history=low), *sweep.runs[1:]]
        page = page_of(export_html(SimpleNamespace(runs=runs), tmp_path / "page.html"))
        assert {scale["type"] for scale in loss_scales(page)} == {"log"}
        assert all(scale["domain"][0] < 0.001 for scale in loss_scales(page))

    def test_limits_hold_every_run(self, page, sweep):
        (low, high) = loss_scales(page)[0]["domain"]
        for run in sweep.runs:
            assert low <= min(run.history["loss"]) <= max(run.history["loss"]) <= high
        low, high = page["charts"]["learning-rate"]["encoding"]["y"]["scale"]["domain"]
        assert low < 1e-5 < 1 < high


class TestFile:
    def test_nothing_is_loaded_from_anywhere(self, exported):
        found = Elements(exported.read_text("utf-8"))
        assert found.addresses == ["data:,"]
        style = exported.read_text("utf-8").partition("<style>")[2].partition("</style>")[0]
        assert "url(" not in style
        assert "@import" not in style

    def test_no_text_becomes_markup(self, sweep, exported, tmp_path):
        def with_evil(run):
            history = {f"val_{EVIL}": [1.0, 1.0, 1.0], **run.history}
            return dataclasses.replace(
                run, history=history, write_code=lambda: f"# {EVIL}\n{run.code}"
            )

        evil = SimpleNamespace(runs=[with_evil(run) for run in sweep.runs])
        path = export_html(evil, tmp_path / "page.html", title=EVIL)
        ours, theirs = (Elements(each.read_text("utf-8")) for each in (path, exported))
        assert ours.tags == theirs.tags
        assert ours.texts.count(EVIL) == 2  # as title and as heading
        page = page_of(path)
        assert page["code"][0].startswith(f"# {EVIL}\n")
        assert page["names"][0] == f"validation {EVIL}"

    def test_a_full_grid_stays_below_three_megabytes(self, sweep, tmp_path):
        """25 x 11 x 5 positions of 15 epochs, the digits of whose numbers are random."""
        draw = np.random.default_rng(0).lognormal
        rates, factors = np.geomspace(1e-3, 10, 25).tolist(), np.linspace(0.05, 1, 11).tolist()
        names = ("accuracy", "loss", "val_accuracy", "val_loss")
        start, end = sweep.runs[0].code.split("return 0.001 * 0.1 ** (epoch // 1)")

        def run(schedule):
            history = {name: draw(size=15).tolist() for name in names}
            history["learning_rate"] = [schedule(epoch) for epoch in range(15)]
            line = "return {!r} * {!r} ** (epoch // {!r})"
            code = start + line.format(*dataclasses.astuple(schedule)) + end
            steps = np.repeat(history["learning_rate"], 45)
            return dataclasses.replace(
                sweep.runs[0],
                schedule=schedule,
                history=history,
                learning_rates=steps,
                write_code=lambda: code,
            )

        grid = itertools.product(rates, factors, (1, 2, 3, 5, 10))
        runs = [run(StepDecay(*place)) for place in grid]
        path = export_html(SimpleNamespace(runs=runs), tmp_path / "page.html")
        assert len(page_of(path)["rows"]) == 1375
        assert path.stat().st_size < 3_000_000

    def test_without_altair_it_is_said_what_to_install(self):
        code = "import sys; sys.modules['altair'] = None\nfrom lrlab import export_html"
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
        )
        assert 'pip install "lrlab[export]"' in result.stderr.splitlines()[-1]


class TestRefusals:
    def refusal(self, runs, tmp_path):
        with pytest.raises(ValueError, match="Received: ") as caught:
            export_html(SimpleNamespace(runs=runs), tmp_path / "page.html")
        assert not (tmp_path / "page.html").exists()
        return str(caught.value)

    def test_missing_positions_are_named(self, sweep, tmp_path):
        words = self.refusal(sweep.runs[:1] + sweep.runs[2:-1], tmp_path)
        first, last = (RATES[0], FACTORS[0], INTERVALS[1]), (RATES[-1], FACTORS[-1], INTERVALS[-1])
        assert f"without 2 of 24: StepDecay{first}, StepDecay{last}. " in words

    def test_many_missing_positions_are_counted(self, sweep, tmp_path):
        words = self.refusal([sweep.runs[0], sweep.runs[-1]], tmp_path)
        assert "without 6 of 8: " in words
        assert words.count("StepDecay(") == 5
        assert ", …. " in words

    def test_two_runs_of_a_position(self, sweep, tmp_path):
        words = self.refusal([*sweep.runs, sweep.runs[0]], tmp_path)
        assert "2 runs of StepDecay(0.001, 0.1, 1)" in words

    @pytest.mark.parametrize(
        ("schedule", "named"),
        [
            (0.1, "StepDecay, float"),
            (lambda epoch: 0.1, "StepDecay, function"),
            (keras.optimizers.schedules.CosineDecay(0.1, 10), "CosineDecay, StepDecay"),
        ],
    )
    def test_other_schedules(self, sweep, tmp_path, schedule, named):
        other = dataclasses.replace(sweep.runs[0], schedule=schedule)
        assert f"schedules of type {named}. " in self.refusal([*sweep.runs, other], tmp_path)

    def test_no_runs(self, tmp_path):
        assert "lrlab.sweep(" in self.refusal([], tmp_path)

    def test_what_is_no_sweep(self, tmp_path):
        with pytest.raises(ValueError, match="Received: float"):
            export_html(0.1, tmp_path / "page.html")

    def test_programs_that_differ_by_more(self, sweep, tmp_path):
        other = dataclasses.replace(sweep.runs[-1], write_code=lambda: "import torch")
        words = self.refusal([*sweep.runs[:-1], other], tmp_path)
        assert "another one at 1.0, 1.0, 2." in words
