"""What watching costs: `lrlab.LivePlot` against livelossplot, in a real kernel.

Both get the same quiet fit: an epoch sleeps 100 ms and trains for some 3 ms, so each of them draws
every epoch, and the cost, the difference to the same fit without a picture, is not lost in noise.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.kernels import fresh_kernel
from benchmarks.timing import Figures, measured_alone, seconds

LIVE_PLOT, LIVELOSSPLOT, NONE = "lrlab.LivePlot", "livelossplot", "no picture"
_SECONDS_AN_EPOCH = 0.1


def measure(repeats: int) -> Figures:
    """Return seconds a fit, and those inside the hooks that run at the end of each epoch."""
    with fresh_kernel() as kernel:
        cell = f"from benchmarks import live_plot; live_plot.print_figures({repeats})"
        figures: Figures = kernel.ask(cell)
        return figures


def print_figures(repeats: int) -> None:
    """Measure in the kernel that calls this, and print the figures as JSON."""
    import lrlab
    from benchmarks.cases import digits_mlp

    case = digits_mlp()
    model = case.compiled()
    rest = _Rest()
    makers: dict[str, Callable[[], Any]] = {
        NONE: _Rest,
        LIVE_PLOT: lrlab.LivePlot,
        LIVELOSSPLOT: _livelossplot,
    }
    times: dict[str, list[float]] = {name: [] for name in makers}
    hooks: dict[str, list[float]] = {name: [] for name in makers if name != NONE}
    lrlab.fit(model, **case.arguments, callbacks=[rest])
    for _ in range(1 + repeats):
        for name, make in makers.items():
            picture = make()
            spent = _timed(picture)
            watching = [rest] if name == NONE else [rest, picture]
            fit = lambda watching=watching: lrlab.fit(model, **case.arguments, callbacks=watching)  # noqa: E731
            times[name].append(seconds(fit))
            if name != NONE:
                hooks[name].append(sum(spent) / len(spent))
    figures = {
        "epochs": case.epochs,
        "first": {name: taken.pop(0) for name, taken in times.items()},
        "times": times,
        "hooks": {name: taken[1:] for name, taken in hooks.items()},
    }
    print("\n" + json.dumps(figures))


class _Rest:
    """Made a Keras callback only where Keras is."""

    def __new__(cls) -> Any:
        from lrlab.backend import keras

        return keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: time.sleep(_SECONDS_AN_EPOCH)
        )


def _livelossplot() -> Any:
    """Its callback for Keras, with its own defaults: two charts and a table of extremes."""
    from livelossplot import PlotLossesKeras

    return PlotLossesKeras()


def _timed(callback: Any) -> list[float]:
    """Note the seconds of each call of the hook that draws."""
    spent: list[float] = []
    draw = callback.on_epoch_end

    def timed(*args: Any, **kwargs: Any) -> None:
        began = time.perf_counter()
        draw(*args, **kwargs)
        spent.append(time.perf_counter() - began)

    callback.on_epoch_end = timed
    return spent


if __name__ == "__main__":
    sys.exit(measured_alone(measure))
