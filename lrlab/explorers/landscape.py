"""Landscapes of two weights, and a race of optimizers on them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import (
    button,
    choice,
    epochs_slider,
    number_slider,
    rate_slider,
    several,
)
from lrlab.explorers.explorer import Explorer
from lrlab.explorers.frame import Frame, Layout, Work
from lrlab.figures.landscape import REACH, LandscapeFigure, describe_race
from lrlab.landscapes import LANDSCAPES, OPTIMIZERS, Journey

Race: TypeAlias = tuple[Journey, ...]

_HIGH = 580  # pixels, of a narrow picture
_KEYS = {
    "ArrowRight": (0.1, 0),
    "ArrowLeft": (-0.1, 0),
    "ArrowUp": (0, 0.1),
    "ArrowDown": (0, -0.1),
}
_CODE = """\
import keras
import tensorflow as tf
from keras import ops


def loss(weights):
    x, y = weights[0], weights[1]
    return {formula}


optimizers = {{
{optimizers}
}}
for name, optimizer in optimizers.items():
    weights = keras.Variable({start!r})
    for step in range({steps}):
        with tf.GradientTape() as tape:
            value = loss(weights)
        gradient = tape.gradient(value, weights.value)
        optimizer.apply([gradient], [weights])
    print(f"{{name}}: {{float(loss(weights)):.6f}}")
"""


class LandscapeExplorer(Explorer[Race]):
    """A race of optimizers on a landscape of two weights, redrawn as a slider moves.

    A click on the landscape sets the start, as do the arrow keys; Step goes a step further. Arrows
    at an optimizer say what is in it: a thick one its velocity or its scaled step, which has made
    its last step, and a thin one the step that the gradient alone would make.

    Args:
        landscape: "bowl", "valley", "saddle", "plateau" or "two minima".
        optimizers: Some of "SGD", "momentum", "RMSprop" and "Adam", as Keras has them.
        learning_rate: Where the slider of the rate starts, which is that of all.
        momentum: Of "momentum" alone, from 0 to 0.95.
        start_x: Where they start, from -2 to 2.
        start_y: The same up and down, from -1.5 to 1.5.
        steps: How many steps.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.LandscapeExplorer(landscape="saddle", start_y=0.0, steps=200)
        >>> {journey.optimizer: round(float(journey.losses[-1]), 2) for journey in explorer.wait()}
        {'SGD': 0.25, 'momentum': 0.25, 'Adam': 0.25}
    """

    hint = "The landscape: arrow keys move the start"
    unfinished = "The picture was not drawn"

    def __init__(
        self,
        *,
        landscape: str = "valley",
        optimizers: Sequence[str] = ("SGD", "momentum", "Adam"),
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        start_x: float = 1.6,
        start_y: float = 1.0,
        steps: int = 20,
    ) -> None:
        again = "The share of the last step that is made again"
        controls = [
            choice("landscape", landscape, LANDSCAPES, "What the loss of two weights looks like"),
            several("optimizers", optimizers, OPTIMIZERS, "Who takes part in the race"),
            rate_slider("learning_rate", learning_rate),
            number_slider("momentum", momentum, 0, 0.95, again),
            number_slider("start_x", start_x, -REACH[0], REACH[0], "The first weight at the start"),
            number_slider("start_y", start_y, -REACH[1], REACH[1], "The second one"),
            epochs_slider("steps", steps, 200, "How many steps", least=0),
        ]
        step = button("Step", "Go one step further", self.step)
        super().__init__(controls, buttons=[step])

    def step(self) -> None:
        """Go one step further."""
        self.steps.value = min(self.steps.value + 1, self.steps.max)

    def told(self, content: dict[str, Any]) -> None:
        """Take a click or a key from the page."""
        super().told(content)
        place = None
        if "key" in content:
            x, y = _KEYS[content["key"]]
            place = round(self.start_x.value + x, 2), round(self.start_y.value + y, 2)
        elif "x" in content and "race" in self._figures:
            place = self._figures["race"].place_at(content["x"], content["y"])
        if place is not None:
            x, y = (max(-far, min(at, far)) for at, far in zip(place, REACH, strict=True))
            self.move(start_x=x, start_y=y)

    def layouts(self) -> dict[int, Layout]:
        """Return the layouts: in a narrow one the losses stand below the landscape."""
        wide, *narrow = super().layouts().values()
        return {wide.width: wide} | {n.width: n._replace(height=_HIGH) for n in narrow}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the figure in pixels."""
        return self._laid_out.width, self._laid_out.height

    def settings(self) -> Race:
        """Return the journeys that the controls stand for.

        Raises:
            ValueError: If nobody takes part.
        """
        if not self.optimizers.value:
            raise ValueError(
                "`optimizers` must be one or more. Received: none. Choose one in the list."
            )
        start = float(self.start_x.value), float(self.start_y.value)
        rate, momentum = as_learning_rate(self.learning_rate.value), self.momentum.value
        return tuple(
            Journey(self.landscape.value, name, start, rate, momentum, self.steps.value)
            for name in self.optimizers.value
        )

    def work(self, settings: Race) -> Work[Race]:
        """Show the race."""
        self.runs.append(settings)
        ends = [f"{j.optimizer} <b>{j.losses[-1]:.4g}</b>" for j in settings]
        words = f"loss after step <b>{settings[0].steps}</b>: {', '.join(ends)}"
        words += f"<br>loss = {html.escape(LANDSCAPES[settings[0].landscape].formula)}"
        yield Frame(settings, words, always=True)

    def draw(self, settings: Race, shown: Race) -> tuple[bytes, str]:
        """Draw the landscape, and the ways that the optimizers go on it."""
        figure = self.figure("race", LandscapeFigure, size=self.size, theme=self.theme)
        figure.draw(shown)
        return figure.png(), describe_race(shown)

    @property
    def code(self) -> str:
        """The plain Keras program that takes the same steps."""
        race = self.settings()
        given = {"rate": race[0].learning_rate, "momentum": race[0].momentum}
        lines = [
            f'    "{journey.optimizer}": keras.optimizers.'
            f"{OPTIMIZERS[journey.optimizer].format(**given)},"
            for journey in race
        ]
        return _CODE.format(
            formula=LANDSCAPES[race[0].landscape].formula,
            optimizers="\n".join(lines),
            start=list(race[0].start),
            steps=race[0].steps,
        )

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if not self.runs:
            return "stopped"
        race = self.runs[-1]
        ends = ", ".join(f"{j.optimizer} {j.losses[-1]:.3g}" for j in race)
        return f"{self.label(race)}, {race[0].steps} steps -> {ends}"

    def label(self, settings: Race) -> str:
        """Return the landscape and the rate."""
        return f"{settings[0].landscape}, {settings[0].learning_rate:.3g}"

    def row(self, settings: Race, shown: Race) -> Mapping[str, Any]:
        """Return the start, and the loss of each optimizer at the end."""
        x, y = shown[0].start
        losses = {f"{j.optimizer} loss": float(j.losses[-1]) for j in shown}
        return {"x": x, "y": y, "steps": shown[0].steps, **losses}
