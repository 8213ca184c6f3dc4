"""Parallel coordinates: each line where its settings are, and no early number for a last one."""

import io
import json
import math
import subprocess
import sys

import pytest
import vl_convert
from PIL import Image

from lrlab.figures.ink import PAGE, THEMES
from lrlab.figures.parallel import parallel_coordinates

JUPYTER = "application/vnd.vegalite.v5+json"
LOSSES = [0.4, 0.1, 0.2, math.inf, 0.8]
POINTS = [
    ({"schedule": "constant", "initial_learning_rate": rate, "optimizer": name, **more}, [loss])
    for rate, name, more, loss in zip(
        (0.001, 0.01, 0.1, 1.0, 0.01),
        ("SGD", "SGD", "SGD", "SGD", "Adam"),
        ({"momentum": 0.0}, {"momentum": 0.9}, {"momentum": 0.0}, {"momentum": 0.9}, {}),
        LOSSES,
        strict=True,
    )
]


def draw(points=POINTS, by="val_loss", stopped=None, **options):
    return parallel_coordinates(points, by, 9, stopped or {}, **{"highest": False, **options})


def data(picture, key):
    """The rows of the chart that have such a key."""
    sets = picture.chart.to_dict()["datasets"].values()
    return [row for rows in sets for row in rows if key in row]


def rows(picture):
    """The places of each line by axis, and what is said of it."""
    given = data(picture, "setting")
    lines = {}
    for row in given:
        lines.setdefault(row["setting"], {})[row["axis"]] = row["place"]
    return lines, {row["setting"]: (row["kind"], row["words"], row["rank"]) for row in given}


def near(place):
    return pytest.approx(place, abs=0.04)


def test_rates_are_on_a_logarithmic_axis_and_words_are_steps():
    lines, told = rows(draw())
    assert list(lines[0]) == [
        "first rate",
        "optimizer",
        "momentum",
        "validation loss after 9 epochs",
    ]
    assert [lines[i]["first rate"] for i in range(5)] == [
        near(place) for place in (0, 1 / 3, 2 / 3, 1, 1 / 3)
    ]
    assert lines[1]["first rate"] < lines[4]["first rate"]  # of the same value the best is lowest
    assert [lines[i]["optimizer"] for i in (0, 4)] == [near(0), near(1)]
    assert lines[4]["momentum"] < -0.05  # it has none
    losses = [lines[i]["validation loss after 9 epochs"] for i in range(5)]
    assert losses == [
        pytest.approx(place, abs=1e-4)
        for place in (math.log(4) / math.log(8), 0, math.log(2) / math.log(8), 1.12, 1)
    ]
    assert told[3][0] == "diverged"
    assert told[1][1:] == (
        "first rate 0.01, optimizer SGD, momentum 0.9, validation loss after 9 epochs 0.1",
        1,
    )


def test_what_was_stopped_early_has_no_place_on_the_last_axis():
    points = [*POINTS, ({**POINTS[0][0], "initial_learning_rate": 0.003}, [])]
    picture = draw(points, stopped={5: 2})
    lines, told = rows(picture)
    assert list(lines[5]) == ["first rate", "optimizer", "momentum"]
    assert told[5][0] == "stopped early"
    assert told[5][1].endswith("stopped early, after 2 epochs")
    assert "1 setting stopped early: no such value" in picture.alt
    assert 5 not in rows(draw(points))[0]  # it was interrupted, and is missing


def test_it_says_in_words_what_it_shows():
    picture = draw()
    assert repr(picture) == picture.alt == picture.chart.to_dict()["description"]
    assert picture.alt == (
        "Parallel coordinates of 5 settings, a line each: first rate from 0.001 to 1, optimizer "
        "SGD or Adam, momentum 0 or 0.9 or none; validation loss after 9 epochs from 0.1 to 0.8. "
        "The best, 0.1, is at first rate 0.01, optimizer SGD, momentum 0.9. The best 4 have first "
        "rate from 0.001 to 0.1, optimizer SGD or Adam, momentum 0.9 or 0 or none. 1 diverged."
    )


def test_of_accuracies_the_highest_is_the_best():
    points = [(settings, [0.5 + i / 10]) for i, (settings, _) in enumerate(POINTS)]
    picture = draw(points, "val_accuracy", highest=True)
    assert "The best, 0.9, is at first rate 0.01, optimizer Adam" in picture.alt
    assert rows(picture)[1][4][2] == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_colours_are_those_of_all_pictures(theme):
    picture = draw(theme=theme)
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    assert image.getpixel((2, 2)) == pytest.approx(
        tuple(bytes.fromhex(THEMES[theme]["background"][1:])), abs=2
    )
    written = json.dumps(picture.chart.to_dict())
    for colour in (THEMES[theme]["validation"], THEMES[theme]["training"], PAGE[theme]["bad"]):
        assert colour in written


def test_jupyter_gets_what_it_draws_itself_and_others_a_picture():
    bundle, about = draw()._repr_mimebundle_()
    assert bundle.keys() == {JUPYTER, "image/png", "text/plain"}
    assert about["image/png"]["alt"] == bundle["text/plain"]
    assert "v5" in bundle[JUPYTER]["$schema"]
    assert "http" not in json.dumps(bundle[JUPYTER]).replace(bundle[JUPYTER]["$schema"], "")
    vl_convert.vegalite_to_svg(bundle[JUPYTER] | {"width": 300}, vl_version="5.21")


def test_a_saved_page_needs_no_network(tmp_path):
    path = tmp_path / "page.html"
    draw().save(path)
    assert "<script src" not in path.read_text()
    assert "how many of the best stand out" in path.read_text()


def test_many_values_have_few_ticks():
    points = [
        ({"initial_learning_rate": 10.0 ** (i / 10), "decay_factor": i / 30}, [1.0 + i])
        for i in range(31)
    ]
    ticks = data(draw(points), "tick")
    assert [row["tick"] for row in ticks if row["axis"] == "first rate"] == [
        *("1", "5.01", "31.6", "158", "1e3")
    ]


@pytest.mark.parametrize(
    "points",
    [
        [],
        POINTS[:1],
        [({"a": 1, "b": 2}, [0.1]), ({"a": 2, "b": 2}, [0.1])],
        [({"a": 1, "b": 2}, [math.inf]), ({"a": 2, "b": 3}, [])],
    ],
)
def test_one_setting_is_no_parallel_coordinates(points):
    with pytest.raises(ValueError, match=r"two settings or more.*Received: \d such runs over"):
        draw(points)


def test_an_unknown_theme_is_named():
    with pytest.raises(ValueError, match="theme='grey'"):
        draw(theme="grey")


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
def test_without_the_extra_it_is_said_what_to_install(missing):
    code = f"import sys; sys.modules[{missing!r}] = None\nimport lrlab.figures.parallel"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert 'pip install "lrlab[export]"' in result.stderr.splitlines()[-1]
