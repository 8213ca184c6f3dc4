"""A bowl: why a step can be too long, and what a narrow valley does to every learning rate."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import choice, epochs_slider, number_slider, rate_slider
from lrlab.explorers.explorer import Explorer
from lrlab.explorers.frame import Frame, Work
from lrlab.figures.bowl import BowlFigure, describe_bowl
from lrlab.quadratic import Descent

_STARTS = {"parabola": (1.25,), "valley": (1.6, 1.0)}
_KINDS = {
    "converges": "good",
    "slow": "too-low",
    "oscillates": "noisy",
    "diverges": "diverged",
}
_SUM = "keras.ops.sum(curvature * weight**2) / 2"
_CODE = """\
import keras
import tensorflow as tf

curvature = {curvature}
weight = keras.Variable({start})
optimizer = keras.optimizers.SGD(learning_rate={rate!r}{momentum})

for step in range({steps}):
    with tf.GradientTape() as tape:
        loss = {loss}
    gradient = tape.gradient(loss, weight.value)
    optimizer.apply([gradient], [weight])

print("weight:", keras.ops.convert_to_numpy(weight))
print("loss:", float({loss}))
"""


class QuadraticExplorer(Explorer[Descent]):
    """Gradient descent on a parabola or in a valley, redrawn as a slider moves.

    The loss is curvature * weight² / 2, so a step multiplies the weight by
    1 - learning_rate * curvature: it diverges where that is below -1, beyond 2 / curvature.

    Args:
        landscape: "parabola", with one weight, or "valley", with two.
        learning_rate: Where the slider of the learning rate starts.
        momentum: As for `keras.optimizers.SGD`, from 0 to 0.95.
        curvature: The (larger) second derivative of the loss, λ, from 0.5 to 4.
        condition_number: How many times flatter the valley is along than across, from 1 to 100.
        steps: How many steps of gradient descent.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.QuadraticExplorer(learning_rate=2.1)
        >>> explorer.wait().outcome
        'diverges'
        >>> explorer.learning_rate.value = 1.0  # 1 / λ: there in a single step
        >>> explorer.wait().path[1].tolist()
        [0.0]
    """

    unfinished = "The picture was not drawn"

    def __init__(
        self,
        *,
        landscape: str = "parabola",
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        curvature: float = 1.0,
        condition_number: float = 10.0,
        steps: int = 20,
    ) -> None:
        steep = "How steep the bowl is: the second derivative of the loss"
        flat = "How many times flatter the valley is along than across"
        again = "The share of the last step that is made again"
        controls = [
            choice("landscape", landscape, _STARTS, "One weight, or two"),
            rate_slider("learning_rate", learning_rate),
            number_slider("momentum", momentum, 0, 0.95, again),
            number_slider("curvature", curvature, 0.5, 4, steep, "curvature λ"),
            number_slider("condition_number", condition_number, 1, 100, flat),
            epochs_slider("steps", steps, 100, "How many steps of gradient descent"),
        ]
        super().__init__(controls)
        self.landscape.observe(self._show_controls, "value")
        self._show_controls()

    def settings(self) -> Descent:
        """Return the descent that the controls stand for.

        Raises:
            ValueError: If the learning rate is not a finite number above 0.
        """
        λ, landscape = self.curvature.value, self.landscape.value
        flat = λ / self.condition_number.value
        return Descent(
            (λ,) if landscape == "parabola" else (flat, λ),
            _STARTS[landscape],
            as_learning_rate(self.learning_rate.value),
            self.momentum.value,
            self.steps.value,
        )

    def work(self, settings: Descent) -> Work[Descent]:
        """Show the descent."""
        self.runs.append(settings)
        verdict = f'<b class="lrlab-{_KINDS[settings.outcome]}">{settings.outcome}</b>'
        final = f"loss after {settings.steps} steps <b>{settings.losses[-1]:.4g}</b>"
        words = f"{final}<br>{verdict}: {html.escape(settings.reason)}"
        yield Frame(settings, words, always=True)

    def draw(self, settings: Descent, shown: Descent) -> tuple[bytes, str]:
        """Draw the bowl, and the steps on it."""
        weights = len(shown.start)
        look = {"size": self.size, "theme": self.theme}
        figure = self.figure(f"{weights} weights", BowlFigure, weights, **look)
        figure.draw(shown, [pin for pin in self.pins if len(pin[1].start) == weights])
        return figure.png(), describe_bowl(shown)

    @property
    def code(self) -> str:
        """The plain Keras program that takes the same steps."""
        descent = self.settings()
        one = len(descent.start) == 1
        return _CODE.format(
            curvature=descent.curvatures[0] if one else list(descent.curvatures),
            start=descent.start[0] if one else list(descent.start),
            loss="curvature * weight**2 / 2" if one else _SUM,
            rate=descent.learning_rate,
            momentum=f", momentum={descent.momentum!r}" if descent.momentum else "",
            steps=descent.steps,
        )

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if not self.runs:
            return "stopped"
        last = self.runs[-1]
        shape = "parabola" if len(last.start) == 1 else "valley"
        return (
            f"{shape}, rate {last.learning_rate:.3g} of {last.limit:.3g}, "
            f"momentum {last.momentum:g} -> loss={last.losses[-1]:.3g}, {last.outcome}"
        )

    def label(self, settings: Descent) -> str:
        """Return the learning rate, and the momentum if there is any."""
        momentum = f", momentum {settings.momentum:.2g}" if settings.momentum else ""
        return f"{settings.learning_rate:.3g}{momentum}"

    def row(self, settings: Descent, shown: Descent) -> Mapping[str, Any]:
        """Return the bowl, and where the descent ended on it."""
        return {
            "curvature": shown.curvatures[-1],
            "flattest": shown.curvatures[0],
            "momentum": shown.momentum,
            "steps": shown.steps,
            "limit": shown.limit,
            "loss": float(shown.losses[-1]),
            "verdict": shown.outcome,
            "reason": shown.reason,
        }

    def _show_controls(self, change: Any = None) -> None:
        hidden = self.landscape.value == "parabola"
        self.condition_number.layout.display = "none" if hidden else None
