"""Parallel coordinates of a sweep, drawn by Altair: an axis a setting, and a line for each run.

Where a notebook can draw Vega-Lite itself, as JupyterLab can, the lines answer the pointer and a
slider, without a kernel and without a network. Elsewhere it is a still picture.
"""

from __future__ import annotations

import io
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from PIL import Image

from lrlab.figures.ink import PAGE, THEMES, Theme, check_theme, counted, number_text
from lrlab.figures.picture import WIDTH, Picture
from lrlab.figures.sweeps import in_words, value_label
from lrlab.figures.vega import alt, vl_convert

__all__ = ["ParallelCoordinates", "parallel_coordinates"]

_JUPYTER = "application/vnd.vegalite.v5+json"  # what JupyterLab, Notebook 7 and VS Code draw
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_VERSION = "5.21"  # of Vega-Lite, with which the still picture is drawn
_HEIGHT = 320  # pixels
_FEW = 8  # values that are all written beside an axis
_RATIO = 20  # of the highest to the lowest value; from there on an axis is logarithmic
_APART = 0.07  # of an axis, by which lines of the same value are spread
_BEYOND = 1.12  # of an axis, where diverged runs end; below it, what has no such setting
_LINE = 17  # pixels, of a title
_NONE = "none"
_BEST, _TRAINED, _DIVERGED, _STOPPED = "among the best", "trained", "diverged", "stopped early"


@dataclass(frozen=True)
class ParallelCoordinates(Picture):
    """The picture, what it shows in words, and the Altair chart that it is.

    Attributes:
        chart: An `altair.LayerChart`, to be changed further or saved in other formats.
    """

    chart: Any = field(repr=False, compare=False)

    __repr__ = Picture.__repr__

    def save(self, path: str | PathLike[str]) -> None:
        """Write a page that needs no network, or a picture, as the name ends: .html, .svg, .png."""
        self.chart.save(path, inline=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        # HTML would go before Vega-Lite.
        data, about = super()._repr_mimebundle_(include, exclude)
        del data["text/html"]
        specification = self.chart.to_dict() | {"$schema": _SCHEMA}
        # As wide as the page, where Vega-Embed's own style makes it as wide as the slider.
        style = ".vega-embed, .vega-embed .chart-wrapper { display: block; width: 100%; }"
        options = {"embed_options": {"renderer": "svg", "actions": False, "defaultStyle": style}}
        return data | {_JUPYTER: specification}, about | {_JUPYTER: options}


@dataclass(frozen=True)
class _Axis:
    """One of the axes: what it is of, and where on it a value stands, from 0 to 1."""

    name: str
    places: Mapping[Any, float]
    ticks: Mapping[str, float]

    @classmethod
    def of(cls, name: str, values: Sequence[Any], *, logarithmic: bool = False) -> _Axis:
        """Of numbers a scale, of words steps in the order in which they came."""
        told = [value for value in dict.fromkeys(values) if value is not None]
        if any(isinstance(value, str) for value in told):
            places = {value: k / max(1, len(told) - 1) for k, value in enumerate(told)}
            return cls(name, places, {str(value): place for value, place in places.items()})
        told.sort()
        low, high = told[0], told[-1]
        logarithmic = low > 0 and (logarithmic or high >= _RATIO * low)
        scale = math.log if logarithmic else float
        width = scale(high) - scale(low) or 1.0
        places = {value: (scale(value) - scale(low)) / width for value in told}
        shown = told
        if len(told) > _FEW:
            near = [k / (_FEW // 2) for k in range(_FEW // 2 + 1)]
            shown = [min(told, key=lambda value: abs(places[value] - at)) for at in near]
        ticks = {number_text(value): places[value] for value in shown}
        if None in values:
            places, ticks = places | {None: 1 - _BEYOND}, ticks | {_NONE: 1 - _BEYOND}
        return cls(name, places, ticks)


def parallel_coordinates(
    points: Sequence[tuple[Mapping[str, Any], Sequence[float]]],
    by: str,
    epochs: int,
    stopped: Mapping[int, int],
    *,
    highest: bool,
    theme: Theme = "light",
) -> ParallelCoordinates:
    """Draw a line for each setting, through its values, to the mean of its numbers.

    Lines with the same value of a setting are spread a little, the best lowest. A run that was
    stopped early has no last number: its line ends before that axis.

    Args:
        points: Of each setting its values by name, and a number from each seed, infinite where
            training diverged; none where it did not come to its end.
        by: What the numbers are, a key of the history.
        epochs: After how many epochs.
        stopped: Those that were stopped early, by index, and after how many epochs.
        highest: Whether the highest number is the best.
        theme: "light" or "dark".

    Raises:
        ValueError: If fewer than two settings vary, or none was trained to the end.
    """
    check_theme(theme)
    label = value_label(by, epochs)
    means = {i: sum(each) / len(each) for i, (_, each) in enumerate(points) if each}
    whole = {i: mean for i, mean in means.items() if math.isfinite(mean)}
    seen = {name: [each.get(name) for each, _ in points] for s, _ in points for name in s}
    varying = [name for name, values in seen.items() if len(set(values)) > 1]
    if len(varying) < 2 or not whole:
        raise ValueError(
            "Parallel coordinates are of two settings or more, with a run that did not diverge. "
            f"Received: {len(whole)} such runs over {', '.join(varying) or 'nothing'}. Look at "
            "u_curve() or rows() instead."
        )
    axes = [
        _Axis.of(in_words(name), seen[name], logarithmic=name.endswith("learning_rate"))
        for name in varying
    ]
    last = _Axis.of(label, list(whole.values()), logarithmic=not highest)
    order = sorted(whole, key=lambda i: whole[i], reverse=highest)
    ranks = {i: rank for rank, i in enumerate(order, 1)}
    drawn = [*order, *(i for i in means if i not in whole), *stopped]
    rows: list[dict[str, Any]] = []
    for name, axis in zip(varying, axes, strict=True):
        sharing: dict[Any, list[int]] = {}
        for i in drawn:
            sharing.setdefault(seen[name][i], []).append(i)
        for value, lines in sharing.items():
            for k, i in enumerate(lines):
                apart = _APART * ((k + 0.5) / len(lines) - 0.5)
                rows.append({"setting": i, "axis": axis.name, "place": axis.places[value] + apart})
    for i, mean in means.items():
        rows.append(
            {"setting": i, "axis": label, "place": last.places[mean] if i in whole else _BEYOND}
        )
    lost = len(means) - len(whole)
    if lost:
        last = _Axis(label, last.places, {**last.ticks, _DIVERGED: _BEYOND})
    for row in rows:
        i = row["setting"]
        row["place"] = round(row["place"], 4)
        told = [f"{axis.name} {_text(seen[n][i])}" for n, axis in zip(varying, axes, strict=True)]
        kind = _TRAINED if i in whole else _DIVERGED if i in means else _STOPPED
        if i in stopped:
            told.append(f"{_STOPPED}, after {counted(stopped[i], 'epoch')}")
        else:
            told.append(f"{label} {_text(means[i])}" if i in whole else _DIVERGED)
        row |= {"words": ", ".join(told), "kind": kind, "rank": ranks.get(i, len(points))}
    best = min(5, len(whole))
    chart = _chart(rows, [*axes, last], best, len(whole), theme)
    words = _describe(axes, [seen[name] for name in varying], whole, order[:best], label)
    words += f" {lost} diverged." * bool(lost)
    words += (
        f" {counted(len(stopped), 'setting')} stopped early: no such value, and no place on the "
        "last axis."
    ) * bool(stopped)
    chart = chart.properties(description=words)
    file, small = chart.properties(width=WIDTH - 150).to_dict() | {"$schema": _SCHEMA}, io.BytesIO()
    png = vl_convert.vegalite_to_png(file, vl_version=_VERSION, scale=2)
    Image.open(io.BytesIO(png)).convert("RGB").quantize(255).save(small, "png", optimize=True)
    return ParallelCoordinates(small.getvalue(), words, chart)


def _chart(
    rows: Sequence[Mapping[str, Any]], axes: Sequence[_Axis], best: int, most: int, theme: Theme
) -> Any:
    ink = THEMES[theme]
    names = [axis.name for axis in axes]
    # A title a word a line where there are many: each has little room.
    titles = {
        name: textwrap.wrap(name, 8 if len(names) > 3 else 16, break_long_words=False)
        for name in names
    }
    lines_of = f"({json.dumps(titles)})[datum.label]"
    room = _LINE * max(map(len, titles.values()))
    plain: dict[str, Any] = {"domain": False, "ticks": False, "title": None, "labelAngle": 0}
    x = alt.X("axis:N").sort(names)
    x = x.axis(**plain, orient="top", labelPadding=room, labelBaseline="top", labelExpr=lines_of)
    x = x.scale(type="point", padding=0.35)
    y = alt.Y("place:Q").axis(None).scale(domain=(1 - _BEYOND - 0.02, _BEYOND + 0.02), nice=False)
    kinds = [_BEST, _TRAINED, _DIVERGED, _STOPPED]
    kinds = [k for k in kinds if k in (_BEST, _TRAINED) or any(row["kind"] == k for row in rows)]
    look = {
        _BEST: (ink["validation"], [1, 0], 3),
        _TRAINED: (ink["training"], [1, 0], 1),
        _DIVERGED: (PAGE[theme]["bad"], [6, 3], 1.5),
        _STOPPED: (ink["faint"], [2, 3], 1),
    }
    colours, dashes, widths = (list(each) for each in zip(*(look[k] for k in kinds), strict=True))
    legend = alt.Legend(orient="bottom", title=None, symbolType="stroke", symbolSize=600, columns=2)
    slider = alt.param("best", value=best, bind=alt.binding_range(
        min=1, max=most, step=1, name="how many of the best stand out "
    ))  # fmt: skip
    over = alt.selection_point(
        "over", fields=["setting"], on="pointerover", clear="pointerout", nearest=True, empty=False
    )
    base = (
        alt.Chart(alt.NamedData("settings"))
        .transform_calculate(state=f"datum.rank <= best ? '{_BEST}' : datum.kind")
        .transform_calculate(depth="-datum.rank")
        .encode(x, y, detail=["setting:N", "depth:Q"])
    )
    lines = base.mark_line(interpolate="monotone").encode(
        alt.Color("state:N").scale(domain=kinds, range=colours).legend(legend),
        alt.StrokeDash("state:N").scale(domain=kinds, range=dashes).legend(legend),
        alt.StrokeWidth("state:N").scale(domain=kinds, range=widths).legend(legend),
        opacity=alt.condition(f"datum.state == '{_TRAINED}'", alt.value(0.6), alt.value(1)),
    )
    chosen = base.mark_line(interpolate="monotone", strokeWidth=4).transform_filter(over)
    points = base.mark_point(opacity=0, size=80).encode(tooltip="words:N").add_params(over)
    ticks = [
        {"axis": axis.name, "place": place, "tick": word}
        for axis in axes
        for word, place in axis.ticks.items()
    ]
    labels = alt.Chart(alt.NamedData("ticks")).encode(x, y, text="tick:N")
    written = []
    for inside, align, dx in (("!=", "right", -8), ("==", "left", 8)):  # of the last axis beside it
        some = labels.transform_filter(f"datum.axis {inside} {json.dumps(names[-1])}")
        place: dict[str, Any] = {"align": align, "dx": dx, "fontSize": 12}
        paper: dict[str, Any] = {"stroke": ink["background"], "strokeWidth": 5, "opacity": 0.8}
        written += [some.mark_text(**place, **paper), some.mark_text(**place, color=ink["text"])]
    return (
        alt.layer(
            lines,
            chosen.encode(color=alt.value(ink["text"])),
            *written,
            points,
        )
        .add_params(slider)
        .properties(datasets={"settings": list(rows), "ticks": ticks})
        .properties(width="container", height=_HEIGHT, background=ink["background"], padding=10)
        .configure(font="DejaVu Sans, system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(labelColor=ink["text"], labelFontSize=13, grid=True, gridColor=ink["faint"])
        .configure_legend(labelColor=ink["text"], labelFontSize=13)
    )


def _describe(
    axes: Sequence[_Axis],
    values: Sequence[Sequence[Any]],
    whole: Mapping[int, float],
    best: Sequence[int],
    label: str,
) -> str:
    """In words: the axes, the best line, and where the best ones go."""

    def along(lines: Sequence[int]) -> str:
        return ", ".join(
            f"{axis.name} {_range([each[i] for i in lines])}"
            for axis, each in zip(axes, values, strict=True)
        )

    first = best[0]
    return (
        f"Parallel coordinates of {counted(len(values[0]), 'setting')}, a line each: "
        f"{along(range(len(values[0])))}; {label} {_range(list(whole.values()))}. "
        f"The best, {number_text(whole[first])}, is at {along([first])}. "
        f"The best {len(best)} have {along(best)}."
    )


def _range(values: Sequence[Any]) -> str:
    told = dict.fromkeys(values)
    if len(told) > 1 and not any(value is None or isinstance(value, str) for value in told):
        return f"from {_text(min(told))} to {_text(max(told))}"
    return " or ".join(map(_text, told))


def _text(value: Any) -> str:
    return _NONE if value is None else value if isinstance(value, str) else number_text(value)
