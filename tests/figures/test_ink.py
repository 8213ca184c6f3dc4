"""Colours have one place, which fills the pages, and can be read; numbers are written there."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import lrlab
from lrlab.experiment.verdicts import Verdict
from lrlab.explorers.widgets import PictureView as PictureWidget
from lrlab.figures import ink
from lrlab.figures.ink import PAGE, STILL, THEMES, css_variables, result_text

PACKAGE = Path(lrlab.__file__).parent
SHEETS = {
    "explorer": PictureWidget._css,
    "exported page": (PACKAGE / "export" / "export.html").read_text("utf-8"),
}

every_theme = pytest.mark.parametrize("theme", THEMES)


def luminance(colour):
    """As WCAG 2 defines it."""
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@every_theme
def test_words_can_be_read_on_the_page(theme):
    paper = {"light": "#ffffff", "dark": "#111111"}[theme]  # JupyterLab's
    assert THEMES[theme]["background"] == paper
    words = {"text": THEMES[theme]["text"], "faint": THEMES[theme]["faint"], **PAGE[theme]}
    del words["paper"]
    for name, colour in words.items():
        assert contrast(colour, paper) >= 4.5, name
    assert contrast(THEMES[theme]["text"], PAGE[theme]["paper"]) >= 4.5


@every_theme
def test_what_has_no_paper_can_be_read_on_either_page(theme):
    paper = THEMES[theme]["background"]
    assert contrast(STILL["text"], paper) >= 4
    for colour in (STILL["training"], STILL["validation"], STILL["faint"], *STILL["pins"]):
        assert contrast(colour, paper) >= 3


@every_theme
def test_the_pages_are_filled_with_every_colour_that_they_use(theme):
    for name, prefix in (("explorer", "lrlab-"), ("exported page", "")):
        used = set(re.findall(rf"var\((--{prefix}[\w-]+)\)", SHEETS[name]))
        given = set(re.findall(r"(--[\w-]+):", css_variables(theme, prefix)))
        assert used
        assert used <= given, name
    assert css_variables(theme, "lrlab-") in SHEETS["explorer"]


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_verdict_has_a_colour_on_a_page(sheet):
    for verdict in get_args(Verdict):
        assert re.search(rf"\.(lrlab-)?{verdict.replace(' ', '-')}\b.*{{ color: var", SHEETS[sheet])


def test_no_other_file_has_a_colour_of_its_own():
    """But what stands in for a colour of JupyterLab's, and black or white on a coloured cell."""
    files = [path for kind in ("py", "css", "html", "js") for path in PACKAGE.rglob(f"*.{kind}")]
    for path in {*files} - {Path(ink.__file__)}:
        text = re.sub(r"var\(--jp-[\w-]+, #\w+\)", "", path.read_text("utf-8"))
        assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", text)) <= {"#000000", "#ffffff"}, path


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.123456, "0.1235"), ([0.25, 1 / 3], "[0.25, 0.3333]"), (np.ones((1, 2)), "[[1, 1]]")],
)
def test_a_result_of_several_numbers_is_written_as_a_list(value, words):
    assert result_text(value) == words
