"""The values that a picture carries in its file are those that it shows, where it shows them."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lrlab.figures import (
    BoundaryFigure,
    Curves,
    CurvesFigure,
    FittedFigure,
    HeatMap,
    Measured,
    RangeFigure,
    SamplesFigure,
)
from lrlab.figures.bowl import BowlFigure
from lrlab.figures.traces import CHUNK
from lrlab.quadratic import Descent

RUN = Curves({"loss": [1.5, 0.5], "val_loss": [1.8, 0.9]}, np.repeat([0.1, 0.01], 5))


def carried(png):
    """The regions in a PNG file, as its chunk says: names, and a row a point."""
    at, chunks = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length :][:4])[0] == zlib.crc32(body)
        chunks[body[:4]] = body[4:]
        at += length + 12
    content = chunks[CHUNK]
    (length,) = struct.unpack("<I", content[:4])
    points = np.frombuffer(content[4 + length :], "<f4")
    for region in (regions := json.loads(content[4 : 4 + length])):
        for trace in region["traces"]:
            width = 2 + len(trace["names"])
            rows, points = np.split(points, [trace["points"] * width])
            trace["rows"] = rows.reshape(-1, width)
    assert len(points) == 0
    return regions


def drawn(figure, *given):
    figure.draw(*given)
    return figure


def test_every_epoch_has_its_losses_and_its_rate_where_they_are_drawn():
    figure = drawn(CurvesFigure(2, start_loss=2.0), RUN)
    (region,) = carried(figure.png())
    said = {trace["names"][1]: trace["rows"][:, 2:].tolist() for trace in region["traces"]}
    assert said["training loss"] == [[1, 1.5], [2, 0.5]]
    assert np.allclose(said["validation loss"], [[1, 1.8], [2, 0.9]])
    assert np.allclose(said["learning rate"], [[1, 0.1], [2, 0.01]]), "the last of an epoch"
    place = figure.panels[0].axes.transData.transform((1, 1.5))
    assert np.allclose(region["traces"][0]["rows"][0, :2], [place[0], 460 - place[1]])
    left, top, right, bottom = region["box"]
    assert left < place[0] < right
    assert top < 460 - place[1] < bottom


def test_pins_are_told_apart_by_their_labels():
    pinned = Curves(RUN.history, RUN.learning_rates, label="0.3")
    (region,) = carried(drawn(CurvesFigure(2), RUN, [pinned]).png())
    names = [trace["names"][1] for trace in region["traces"]]
    assert len(set(names)) == 6
    assert {"0.3 training", "0.3 learning rate", "training loss"} <= set(names)


def test_a_value_beyond_the_axis_is_said_in_full_and_lies_at_its_edge():
    run = Curves({"loss": [1.0, 50.0, np.nan]}, np.ones(3))
    figure = drawn(CurvesFigure(3, start_loss=2.0), run)
    (region,) = carried(figure.png())
    rows = region["traces"][0]["rows"]
    assert rows[:, 2:].tolist() == [[1, 1], [2, 50]], "what is lost has no place"
    assert rows[1, 1] == pytest.approx(460 - figure.panels[0].axes.bbox.y1)


def test_a_cell_of_a_map_has_both_settings_and_its_value():
    figure = HeatMap([1, 2], [3, 4], row_label="up", column_label="across", value_label="v")
    (region,) = carried(drawn(figure, [[0.5, np.nan], [np.inf, 0.25]]).png())
    (trace,) = region["traces"]
    assert region["nearest"] == "place"
    assert trace["names"] == ["up", "across", "v"]
    assert np.array_equal(
        trace["rows"][:, 2:],
        [[1, 3, 0.5], [1, 4, np.nan], [2, 3, np.inf], [2, 4, 0.25]],
        equal_nan=True,
    )
    for x, y, row, column, _ in trace["rows"]:
        assert figure.cell_at(x / 760, y / 380) == (row - 1, column - 3)


def test_a_step_on_a_bowl_has_its_weight_and_its_loss():
    path, losses = carried(drawn(BowlFigure(1), Descent((1.0,), (1.0,), 0.5, steps=2)).png())
    assert path["traces"][0]["names"] == ["step", "weight", "loss"]
    assert path["traces"][0]["rows"][:, 2:].tolist() == [
        [0, 1, 0.5],
        [1, 0.5, 0.125],
        [2, 0.25, 0.03125],
    ]
    assert losses["traces"][0]["rows"][:, 2:].tolist() == [[0, 0.5], [1, 0.125], [2, 0.03125]]


def test_a_range_test_has_its_losses_and_those_of_the_trainings():
    measured = Measured(*np.array([[0.01, 0.1], [2.0, 1.0], [2.0, 1.5]]), 0.1, {0.1: [0.5, 0.7]})
    (region,) = carried(drawn(RangeFigure(2.0, "final"), measured).png())
    said = {trace["names"][1]: trace["rows"][:, 2:] for trace in region["traces"]}
    assert np.allclose(said["loss of a batch"], [[0.01, 2], [0.1, 1]])
    assert np.allclose(said["smoothed"], [[0.01, 2], [0.1, 1.5]])
    assert np.allclose(said["final"], [[0.1, 0.6]])


def test_long_runs_carry_no_more_points_than_can_be_pointed_at():
    run = Curves({"loss": np.ones(5000)}, np.ones(5000))
    png = drawn(CurvesFigure(5000), run).png()
    (region,) = carried(png)
    assert {trace["points"] for trace in region["traces"]} == {385}
    assert len(png) < 30_000


def test_the_file_is_still_a_picture():
    figure = drawn(CurvesFigure(2), RUN)
    with_values, without = figure.png(), figure.screen.png()
    assert (
        Image.open(io.BytesIO(with_values)).tobytes() == Image.open(io.BytesIO(without)).tobytes()
    )
    assert len(with_values) < len(without) + 1000


def test_a_figure_that_shows_nothing_carries_nothing():
    (region,) = carried(CurvesFigure(2).png())
    assert region["traces"] == []


def test_a_place_in_the_plane_has_its_inputs_and_the_class_that_is_answered_there():
    figure = BoundaryFigure(np.array([[-1.0, -1.0], [1.0, 1.0]]), np.array([0, 1]))
    right = figure.grid[:, 0] > 0
    (region,) = carried(drawn(figure, np.where(figure.grid[:, 1] > 0.5, -1, right)).png())
    (trace,) = region["traces"]
    assert trace["names"] == ["input 1", "input 2", "class"]
    rows = trace["rows"]
    middle = (region["box"][0] + region["box"][2]) / 2
    assert ((rows[:, 0] > middle) == (rows[:, 4] == 1)).all()
    assert ((rows[:, 2] > 0) == (rows[:, 4] == 1)).all()
    assert rows[:, 3].max() <= 0.5, "where nothing is answered nothing is said"
    assert len(rows) > 200


def test_a_fitted_curve_and_its_data_are_said_at_an_input():
    x = np.linspace(-1, 1, 5).reshape(-1, 1)
    figure = FittedFigure(x, 2 * x)
    (region,) = carried(drawn(figure, figure.inputs**2).png())
    said = {trace["names"][1]: trace["rows"][:, 2:] for trace in region["traces"]}
    assert np.allclose(said["the model"][:, 1], said["the model"][:, 0] ** 2, atol=1e-6)
    assert np.allclose(said["data"], np.hstack([x, 2 * x]))


def test_an_image_is_said_with_what_it_is_read_as_and_what_it_is():
    figure = SamplesFigure(np.eye(64)[:4], np.array([7, 7, 3, 5]))
    (region,) = carried(drawn(figure, np.array([7, 1, 3, -1])).png())
    (trace,) = region["traces"]
    assert trace["names"] == ["image", "read as", "is"]
    assert trace["rows"][:, 2:].tolist() == [[0, 7, 7], [2, 3, 3], [1, 1, 7]]
    upper, _, lower = trace["rows"][:, 1]
    assert upper < lower, "what is read wrong stands below"


@pytest.mark.parametrize("below", [False, True])
def test_values_of_two_figures_in_one_file_lie_where_each_is_drawn(below):
    x = np.linspace(-1, 1, 5).reshape(-1, 1)
    curves, model = drawn(CurvesFigure(2, size=(560, 460)), RUN), FittedFigure(x, x)
    model.draw(model.inputs)
    png = curves.png(model, below=below)
    (own,), (others,) = carried(curves.png()), carried(model.png())
    first, second = carried(png)
    assert first["box"] == own["box"], "counted from the top"
    right, down = (90, 460) if below else (560, 0)
    left, top, *_ = others["box"]
    assert second["box"][:2] == [left + right, top + down]
    moved = second["traces"][0]["rows"][:, :2] - others["traces"][0]["rows"][:, :2]
    assert np.allclose(moved, [right, down], atol=1e-3)
    image = Image.open(io.BytesIO(png)).convert("RGB")
    assert image.size == ((560, 920) if below else (940, 460))
    part = image.crop((right, down, right + 380, down + 460))
    alone = Image.open(io.BytesIO(model.png())).convert("RGB")
    assert part.tobytes() == alone.tobytes()
