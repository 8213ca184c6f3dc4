"""A drill: training curves without a name, each to be given its verdict."""

from __future__ import annotations

import math
import os
import random
from typing import TYPE_CHECKING, Any

from lrlab.exercises.judging import Question
from lrlab.exercises.predictions import QuickQuestion
from lrlab.figures.ink import DASHES, FONT, STILL, number_text
from lrlab.figures.picture import address_of

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run
    from lrlab.figures import Picture

__all__ = ["VerdictDrill"]

_LOOKS = {  # what the training loss does, by verdict
    "too low": "falls smoothly and still falls at the end",
    "good": "falls, then levels off",
    "noisy": "falls, but jumps up between epochs",
    "stuck": "goes up and down at first, then stays flat at a high value",
    "diverged": "grows without limit",
}
_LOWEST, _HIGHEST = 1e-4, 10.0  # rates
_TRIES = 12  # trainings at most for a curve with the verdict that was drawn
_SHOWN = 3.0  # how often the first loss, or that of guessing, a picture is high


class VerdictDrill(QuickQuestion):
    """Shows the training loss of a run, and asks for its verdict, again and again.

    Each curve is that of a new training. Experiment, rate and start are drawn at random, so that
    each verdict comes up about as often as the others.

    Args:
        experiments: What is trained.

    Attributes:
        asked: How many curves were given a verdict.
        passed: How many of them the right one.

    Example:
        >>> import lrlab
        >>> points = lrlab.data.moons()
        >>> tiny = lrlab.Experiment(lambda: lrlab.models.mlp(points, (4,)), points, epochs=3)
        >>> VerdictDrill(tiny)
        VerdictDrill: 0 of 0 right
    """

    _OPEN = "Choose a verdict first."

    def __init__(self, *experiments: Experiment) -> None:
        if not experiments:
            raise ValueError(
                "A drill needs an experiment or more to train. Received: none. Write "
                "lrlab.VerdictDrill(experiment)."
            )
        self._experiments = experiments
        self._random = random.Random(0 if os.environ.get("LRLAB_WAIT") == "1" else None)
        self._seen: dict[str, tuple[Experiment, float]] = {}
        self.asked = self.passed = 0
        super().__init__(self._new_question(), "", lambda: f"{self.passed} of {self.asked} right")
        self._show()

    def _new_question(self) -> Question:
        wanted = self._random.choice(list(_LOOKS))
        for _ in range(_TRIES):
            experiment, rate = self._draw(wanted)
            self._run = run = experiment.run(rate, seed=self._random.randrange(1000))
            self._seen[run.verdict] = experiment, rate
            if run.verdict == wanted:
                break
        about = f"{run.reason} It is {experiment.dataset.name!r}, at {number_text(rate)}."
        reasons = {
            verdict: about if verdict == run.verdict else f"That would be a loss that {looks}."
            for verdict, looks in _LOOKS.items()
        }
        return Question("What is the verdict on this training?", reasons, run.verdict)

    def _draw(self, wanted: str) -> tuple[Experiment, float]:
        """Draw what to train: near a rate that had this verdict, if one was seen, or anything."""
        if seen := self._seen.get(wanted):
            experiment, rate = seen
            near = rate * 2 ** self._random.uniform(-1, 1)
            return experiment, min(max(near, _LOWEST), _HIGHEST)
        rate = _LOWEST * (_HIGHEST / _LOWEST) ** self._random.random()
        return self._random.choice(self._experiments), rate

    def _show(self) -> None:
        picture = _curve(self._run)
        self.picture = address_of(picture.png)
        self.alt = picture.alt

    def _press(self) -> None:
        if self.scored:
            self._about = self._new_question()
            self._show()
            self.chosen, self.scored, self.said, self.button = -1, False, "", "Check"
        else:
            super()._press()
            self.button = "Next curve" if self.answer else "Check"

    def _note(self, answer: str) -> None:
        """Count it: no curve is asked twice."""
        if not self.scored:
            self.asked += 1
            self.passed += answer == self._about.right

    def __repr__(self) -> str:
        return f"VerdictDrill: {self.passed} of {self.asked} right"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, about = super()._repr_mimebundle_(**kwargs)
        bundle["text/html"] += f'<img alt="{self.alt}" src="{self.picture}">'
        return bundle, about


def _curve(run: Run) -> Picture:
    """Draw the training loss of a run, beside that of guessing; in words, number by number."""
    from lrlab.figures import Picture
    from lrlab.figures.comparisons import new_panels

    losses = [run.start_loss, *run.history["loss"]]
    levels = [level for level in (run.start_loss, run.chance) if math.isfinite(level)]
    within = levels + [loss for loss in losses if loss <= _SHOWN * max(levels)]
    low, high = min(within), max(within)
    figure, (axes,) = new_panels(300)
    drawn = [min(loss, 2 * high) if math.isfinite(loss) else math.nan for loss in losses]
    axes.plot(drawn, color=STILL["training"], lw=2.5, marker="o", ms=4)
    style = {"color": STILL["text"], "va": "top", **FONT}
    guessing, lost = "", [epoch for epoch, loss in enumerate(losses) if not math.isfinite(loss)]
    if math.isfinite(run.chance):
        axes.axhline(run.chance, color=STILL["text"], ls=DASHES, lw=1.2)
        axes.text(len(losses) - 1, run.chance, "guessing ", ha="right", **style)
        guessing = f" Guessing has {number_text(run.chance)}."
    if lost:
        axes.text(lost[0], high, " from here on no number", **style)
    room = 0.15 * (high - low or high)  # one level, and no loss that is a number
    axes.set(xlim=(0, len(losses) - 1), ylim=(low - room, high + room))
    axes.set(xlabel="epoch", ylabel="training loss")
    said = ", ".join(number_text(loss) if math.isfinite(loss) else "no number" for loss in losses)
    words = f"The training loss at the start and after each epoch: {said}.{guessing}"
    return Picture.of(figure, words)
