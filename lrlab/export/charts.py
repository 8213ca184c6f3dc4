"""The charts of an exported page, in Altair: loss, and learning rate, on the same epoch axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrlab.figures.history import can_be_drawn
from lrlab.figures.ink import rounded
from lrlab.figures.vega import alt, vl_convert

__all__ = ["Limits", "bundle", "charts"]

_DECADES = 30  # with the untrained loss and the best one further apart, the axis is logarithmic
_DEEPEST = 1e-6  # of the top of an axis; lower values leave it
_MARK = 90  # area in square pixels
_CROSS = "M-.6,-.6L.6,.6M.6,-.6L-.6,.6"
_FONT = "system-ui, sans-serif"
_NAMES = ["training", "validation"]


@dataclass(frozen=True)
class Limits:
    """What the axes of all positions show, so that nothing jumps from one to the next."""

    epochs: int
    loss: tuple[float, float]
    logarithmic: bool
    rate: tuple[float, float]

    @classmethod
    def of(cls, histories: Sequence[Mapping[str, Sequence[float]]], start_loss: float) -> Limits:
        """Those that fit some histories; the losses, where they begin to explode, not in full."""

        def all_of(*names: str) -> np.ndarray:
            parts = [history.get(name, ()) for history in histories for name in names]
            values = np.concatenate([np.asarray(part, float) for part in parts])
            drawn: np.ndarray = values[can_be_drawn(values)]
            return drawn

        losses, rates = all_of("loss", "val_loss"), all_of("learning_rate")
        known = start_loss > 0 and can_be_drawn(start_loss)
        start = start_loss if known else max(losses, default=1.0)
        lowest, highest = min(losses, default=start), max(losses, default=start)
        logarithmic = bool(0 < _DECADES * lowest < start)
        if logarithmic:
            loss = (
                max(lowest, _DEEPEST * start) / 1.1,
                1.1 * max(1.2 * start, min(highest, 10 * start)),
            )
        else:
            loss = min(0.0, 1.1 * lowest), 1.3 * start if start > 0 else 1.0
        rate = max(min(rates), _DEEPEST * max(rates)) / 1.5, max(rates) * 1.5
        longest = max(len(history["loss"]) for history in histories)
        return cls(longest, _three_digits(loss), logarithmic, _three_digits(rate))


def _three_digits(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    return rounded(low, 3), rounded(high, 3)


def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, as `Chart.to_html(inline=True)` takes them."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def charts(sliders: Mapping[str, int], limits: Limits) -> dict[str, Any]:
    """Two Vega-Lite specifications, for the data set `rows` that the page gives them.

    Args:
        sliders: How many positions each range input of the page has, by its id.
        limits: Those of the axes.
    """
    position = "0"
    for name, count in sliders.items():
        position = f"({position} * {count} + toNumber({name}))"
    # A little room on the right, or a mark at the end would make its chart the narrower one.
    x = alt.X("epoch:Q").scale(domain=(0, 1.03 * limits.epochs), nice=False)
    base = (
        alt.Chart(alt.NamedData("rows"), width="container")
        # A position is a row with its curves as arrays: one row is taken, then spread out.
        .transform_filter(f"datum.position == {position}")
        .transform_calculate(epoch="sequence(length(datum.training))")
        .transform_flatten(["epoch", *_NAMES, "rate"])
    )
    bound = [
        alt.param(name=name, value="0", bind=alt.BindDirect(element=f"#{name}")) for name in sliders
    ]
    return {
        "loss": _finished(_loss(base, x, limits), bound, 250),
        "learning-rate": _finished(_rate(base, x, limits), bound, 130),
    }


def _loss(base: Any, x: Any, limits: Limits) -> Any:
    low, top = limits.loss
    colours = alt.Scale(domain=_NAMES, range=[f"var(--{name})" for name in _NAMES])
    dashes = alt.Scale(domain=_NAMES, range=[[1, 0], [9, 5]])
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolSize=900)
    if limits.logarithmic:
        y = alt.Y("loss:Q").scale(type="log", domain=limits.loss, nice=False)
        y = y.axis(**_Y_AXIS, values=_ticks(low, top, few=4))
    else:
        y = alt.Y("loss:Q").scale(domain=limits.loss, nice=False).axis(**_Y_AXIS, tickCount=5)
    lines = base.transform_fold(_NAMES, as_=["curve", "loss"]).encode(
        x.axis(labels=False, title=None, tickMinStep=1),
        y.title("loss"),
        alt.Color("curve:N").scale(colours).legend(legend),
    )
    there = lines.transform_filter("isValid(datum.loss)")
    beyond = there.transform_filter(f"datum.loss > {top}")
    last = there.transform_filter("datum.epoch == datum.end")
    broken = last.transform_filter(f"datum.diverged && datum.curve == '{_NAMES[0]}'")
    # Where the loss is above the axis, the break is marked at its upper edge.
    broken = broken.transform_calculate(loss=f"min(datum.loss, {top})")
    ends = last.transform_filter(f"!datum.diverged && datum.loss <= {top}")
    shape = alt.expr(f"datum.curve == '{_NAMES[0]}' ? 'circle' : 'diamond'")
    mark = {"filled": True, "size": _MARK, "opacity": 1}
    ink = alt.value("var(--text)")
    return alt.layer(
        lines.mark_line(clip=True, strokeWidth=2.5).encode(
            alt.StrokeDash("curve:N").scale(dashes).legend(legend)
        ),
        ends.mark_point(shape=shape, **mark),
        beyond.mark_point(shape="triangle-up", **mark).encode(color=ink, y=alt.value(6)),
        broken.mark_point(shape=_CROSS, strokeWidth=3, size=2 * _MARK, opacity=1).encode(color=ink),
    )


def _rate(base: Any, x: Any, limits: Limits) -> Any:
    y = alt.Y("rate:Q").scale(type="log", domain=limits.rate, nice=False)
    return base.mark_line(interpolate="step-before", clip=True, strokeWidth=2.5).encode(
        x.axis(title="epoch", tickMinStep=1, format="d"),
        y.title("learning rate").axis(**_Y_AXIS, values=_ticks(*limits.rate, few=1)),
        color=alt.value("var(--rate)"),
    )


def _ticks(low: float, high: float, few: int) -> list[float]:
    """Powers of ten between two limits, with a few of them their double and fivefold as well."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) - 1 <= few else (1,)
    apart = -(-len(decades) // 6)
    ticks = [float(f"{n}e{decade}") for decade in decades[::-apart] for n in steps]
    return [tick for tick in sorted(ticks) if low <= tick <= high]


# Both charts give their labels the same room, so that their epochs stand below one another.
_Y_AXIS: dict[str, Any] = {
    "minExtent": 48,
    "maxExtent": 48,
    "labelExpr": "format(datum.value, datum.value && (abs(datum.value) < 1e-3 "
    "|| abs(datum.value) >= 1e5) ? '~e' : '~g')",
}


def _finished(chart: Any, bound: Sequence[Any], height: int) -> dict[str, Any]:
    faint = {"gridColor": "var(--grid)", "domainColor": "var(--faint)", "tickColor": "var(--faint)"}
    text = {"labelColor": "var(--text)", "titleColor": "var(--text)"}
    size = {"labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal"}
    specification: dict[str, Any] = (
        chart.add_params(*bound)
        .properties(width="container", height=height, background="transparent")
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(**faint, **text, **size)
        .configure_legend(labelColor=text["labelColor"], labelFontSize=14)
        .to_dict()
    )
    return specification
