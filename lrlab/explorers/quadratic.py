"""A bowl: why a step can be too long, and what a narrow valley does to every learning rate."""

from __future__ import annotations

import html
import threading
from collections import deque
from functools import partial
from typing import Any

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import choice, epochs_slider, number_slider, rate_slider
from lrlab.explorers.explorer import Panel
from lrlab.explorers.pins import Pinning, Row
from lrlab.explorers.worker import Job, Superseded
from lrlab.figures.bowl import BowlFigure, describe
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


class QuadraticExplorer(Pinning[Descent], Panel):
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
        self.runs: deque[Descent] = deque(maxlen=1000)
        self._drawing = threading.Lock()
        self._figures: dict[int, BowlFigure] = {}
        controls = {
            "landscape": choice("landscape", landscape, _STARTS, "One weight, or two"),
            "learning_rate": rate_slider("learning rate", as_learning_rate(learning_rate)),
            "momentum": number_slider(
                *("momentum", momentum, 0, 0.95),
                "The share of the last step that is made again",
                name="momentum",
            ),
            "curvature": number_slider(
                *("curvature λ", curvature, 0.5, 4),
                "How steep the bowl is: the second derivative of the loss",
                name="curvature",
            ),
            "condition_number": number_slider(
                *("condition number", condition_number, 1, 100),
                "How many times flatter the valley is along than across",
                name="condition_number",
            ),
            "steps": epochs_slider(
                *("steps", steps, 100), "How many steps of gradient descent", name="steps"
            ),
        }
        Pinning.__init__(self)
        Panel.__init__(self, controls, buttons=self._pin_buttons(), below=[self._pin_table])
        self.landscape.observe(self._show_controls, "value")
        self._show_controls()

    def descent(self) -> Descent:
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

    def job(self) -> Job:
        """Return the drawing of the present descent."""
        return partial(self._descend, self.descent())

    def wait(self, timeout: float | None = None) -> Descent | None:
        """Wait until the picture is drawn, and return the descent that it shows, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        if not self._worker.wait(timeout):
            raise TimeoutError(f"The picture was not drawn after {timeout} seconds.")
        return self.shown()

    @property
    def code(self) -> str:
        """The plain Keras program that takes the same steps."""
        descent = self.descent()
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

    def theme_changed(self) -> None:
        """Draw again: the page has become dark or light."""
        with self._drawing:
            self._figures.clear()
        if self.runs:
            self._draw(self.runs[-1])

    def shown(self) -> Descent | None:
        """Return the descent that is drawn."""
        return self.runs[-1] if self.runs else None

    def pin_label(self, shown: Descent) -> str:
        """Return the learning rate, and the momentum if there is any."""
        momentum = f", {shown.momentum:.2g}" if shown.momentum else ""
        return f"{shown.learning_rate:.3g}{momentum}"

    def pin_row(self, kept: Descent) -> Row:
        """Return the bowl, and where the descent ended on it."""
        return {
            "curvature": kept.curvatures[-1],
            "flattest": kept.curvatures[0],
            "momentum": kept.momentum,
            "steps": kept.steps,
            "limit": kept.limit,
            "loss": float(kept.losses[-1]),
            "verdict": kept.outcome,
            "reason": kept.reason,
        }

    def draw_pins(self) -> None:
        """Draw again, with the pinned paths as they are now."""
        if self.runs:
            self._draw(self.runs[-1])

    def _descend(self, descent: Descent, superseded: Superseded) -> None:
        try:
            verdict = f'<b class="lrlab-{_KINDS[descent.outcome]}">{descent.outcome}</b>'
            final = f"loss after {descent.steps} steps <b>{descent.losses[-1]:.4g}</b>"
            self._draw(descent, f"{final}<br>{verdict}: {html.escape(descent.reason)}")
            self.error = None
            self.runs.append(descent)
        except Exception as error:  # noqa: BLE001 - a picture that fails is read as words
            self.report(error)

    def _draw(self, descent: Descent, words: str | None = None) -> None:
        weights = len(descent.start)
        with self._drawing:
            if weights not in self._figures:
                self._figures[weights] = BowlFigure(weights, theme=self.theme)
            pinned = [(label, kept) for label, kept in self.pins if len(kept.start) == weights]
            self._figures[weights].draw(descent, pinned)
            self.show(self._figures[weights].png(), describe(descent), words)

    def _show_controls(self, change: Any = None) -> None:
        hidden = self.landscape.value == "parabola"
        self.condition_number.layout.display = "none" if hidden else None
