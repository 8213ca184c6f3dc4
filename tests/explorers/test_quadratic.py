"""Gradient descent on a bowl: numbers by hand, numbers of Keras, and what the picture shows."""

import contextlib
import csv
import doctest
import io
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import lrlab
from lrlab import QuadraticExplorer, explorers
from lrlab.figures import describe_bowl

SOON = 60  # seconds


@pytest.fixture
def explorer():
    made = QuadraticExplorer()
    made.wait(SOON)
    return made


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(explorers.quadratic).failed == 0


class TestExplorer:
    def test_it_takes_no_tensorflow(self):
        code = (
            "import sys, lrlab\n"
            "explorer = lrlab.QuadraticExplorer(landscape='valley')\n"
            "explorer.wait()\n"
            "assert not {'keras', 'tensorflow'} & sys.modules.keys()"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_the_controls_are_named_as_the_arguments(self, explorer):
        assert set(explorer._controls) == set(QuadraticExplorer.__init__.__kwdefaults__)
        assert all(control.tooltip for control in explorer._controls.values())

    def test_every_control_draws_again(self, explorer):
        explorer.landscape.value = "valley"
        for name in ("learning_rate", "momentum", "curvature", "condition_number", "steps"):
            before, picture = explorer.wait(SOON), explorer._picture.value
            control = explorer._controls[name]
            control.value = 2 * control.value or 0.5
            assert explorer.wait(SOON) != before
            assert explorer._picture.value != picture

    def test_the_condition_number_is_shown_for_a_valley_only(self, explorer):
        assert explorer.condition_number.layout.display == "none"
        explorer.landscape.value = "valley"
        assert explorer.condition_number.layout.display is None
        assert explorer.wait(SOON).curvatures == pytest.approx((0.1, 1.0))

    def test_the_readout_has_the_loss_the_verdict_and_why(self, explorer):
        explorer.learning_rate.value = 2.1
        descent = explorer.wait(SOON)
        words = explorer._picture.words
        assert f"<b>{descent.losses[-1]:.4g}</b>" in words
        assert f">diverges</b>: {descent.reason}" in words
        assert explorer._picture.alt == describe_bowl(descent)

    def test_repr_is_a_line_with_settings_and_result(self, explorer):
        assert repr(explorer) == (
            "QuadraticExplorer: parabola, rate 0.1 of 2, momentum 0 -> loss=0.0115, slow"
        )

    def test_reset_puts_the_controls_back(self, explorer):
        first = explorer.settings()
        explorer.landscape.value, explorer.momentum.value = "valley", 0.5
        explorer.reset()
        assert explorer.wait(SOON) == first

    def test_pinned_paths_are_drawn_listed_and_taken_away(self, explorer):
        explorer.learning_rate.value = 0.5
        explorer.wait(SOON)
        plain = explorer._picture.value
        explorer.pin()
        with_pin = explorer._picture.value
        assert with_pin != plain
        (row,) = csv.DictReader(io.StringIO(explorer.pins_csv))
        assert row["settings"] == "0.5"
        assert float(row["loss"]) == explorer.runs[-1].losses[-1]
        assert row["verdict"] == explorer.runs[-1].outcome
        explorer.landscape.value = "valley"  # where a path on a parabola has no place
        valley = explorer.wait(SOON) and explorer._picture.value
        explorer.clear_pins()
        assert explorer._picture.value == valley
        explorer.landscape.value = "parabola"
        explorer.wait(SOON)
        assert explorer._picture.value == plain

    def test_a_dark_page_gets_a_dark_picture(self, explorer):
        explorer._picture.dark = True
        shown = np.asarray(Image.open(io.BytesIO(explorer._picture.value)).convert("RGB"))
        assert (shown[0, 0] == 17).all()

    def test_a_rate_that_cannot_work_is_explained(self, explorer):
        with pytest.raises(ValueError, match="'learning rate' must be a number from "):
            explorer.learning_rate.value = math.nan
        assert explorer.wait(SOON).learning_rate == explorer.learning_rate.value

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("landscape", "hill"),
            ("learning_rate", 0),
            ("momentum", 1),
            ("curvature", 0),
            ("condition_number", 0.5),
            ("steps", 0),
        ],
    )
    def test_a_first_value_that_cannot_work_is_refused(self, name, value):
        with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}="):
            QuadraticExplorer(**{name: value})


class TestCode:
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"learning_rate": 1.9, "curvature": 0.75, "steps": 7},
            {"learning_rate": 2.1, "momentum": 0.0},
            {"momentum": 0.9},
            {"landscape": "valley", "learning_rate": 1.8},
            {"landscape": "valley", "momentum": 0.5, "condition_number": 33, "steps": 50},
        ],
    )
    def test_it_is_plain_keras_that_gives_the_same_numbers(self, settings):
        explorer = QuadraticExplorer(**settings)
        descent, code = explorer.wait(SOON), explorer.code
        assert "lrlab" not in code
        into, known = io.StringIO(), {}
        with contextlib.redirect_stdout(into):
            exec(compile(code, "program", "exec"), known)  # noqa: S102
        weights = np.atleast_1d(known["weight"].numpy())
        assert weights == pytest.approx(descent.path[-1], rel=1e-4, abs=1e-6)
        (loss,) = re.findall(r"^loss: (\S+)$", into.getvalue(), re.MULTILINE)
        assert float(loss) == pytest.approx(descent.losses[-1], rel=1e-4, abs=1e-6)
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
        result = subprocess.run(ruff, input=code, capture_output=True, text=True, check=True)
        assert result.stdout == code


def test_the_public_name_is_this_class():
    assert lrlab.QuadraticExplorer is QuadraticExplorer
