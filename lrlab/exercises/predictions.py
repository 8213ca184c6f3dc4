"""A question with choices, answered before running and scored afterwards, with no server.

A widget of its own: ipywidgets' radio buttons give their group no name, and a page takes their
arrow keys. JupyterQuiz, the quiz library that is well kept, draws a page with a random id, so its
output is never the same twice, and no answer ever reaches Python to be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from lrlab.exercises.answers import note_prediction
from lrlab.exercises.card import as_card, as_html
from lrlab.exercises.judging import Question

__all__ = ["Prediction", "Score"]

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Score:
    """What became of a prediction. It is true if the prediction was right.

    Attributes:
        answer: What was predicted; None if nothing was.
        right: Whether it was right.
        words: What to tell.
        done: How many questions of the notebook are done, in words.
    """

    answer: str | None
    right: bool
    words: str
    done: str = ""

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        if self.answer is None:
            return as_card("open", "Your prediction", self.words, self.done)
        if self.right:
            return as_card("right", "Right (your prediction)", self.words, self.done)
        return as_card("wrong", "Not right (your prediction)", self.words, self.done)


class Prediction(anywidget.AnyWidget):
    """A question and its choices; nothing is chosen at first.

    Args:
        about: What is asked, and what is right.
        name: That of the question in the course; none for one of your own.
        progress: Says how many questions are done, once this one has been scored.

    Example:
        >>> reasons = {"yes": "A step is rate times gradient.", "no": "They double."}
        >>> prediction = Prediction(Question("Twice the rate: longer steps?", reasons, "yes"))
        >>> prediction.score()
        Not answered yet: choose above, then run this cell again.
        >>> prediction.answer = "yes"
        >>> prediction.score()
        You predicted “yes”, and that is right. A step is rate times gradient.
    """

    _esm = (_STATIC / "prediction.js").read_text(encoding="utf-8")
    _css = (_STATIC / "prediction.css").read_text(encoding="utf-8")
    question = traitlets.Unicode().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)  # its place among the choices; -1 for none
    scored = traitlets.Bool().tag(sync=True)

    def __init__(
        self, about: Question, name: str = "", progress: Callable[[], str] = lambda: ""
    ) -> None:
        self._about, self._name, self._progress = about, name, progress
        super().__init__(question=about.words, labels=list(about.reasons))

    @property
    def answer(self) -> str | None:
        """The choice made, or None. It stays as it is once it has been scored."""
        return None if self.chosen < 0 else str(self.labels[self.chosen])

    @answer.setter
    def answer(self, choice: str) -> None:
        if choice not in self.labels:
            raise ValueError(f"The answer must be one of {self.labels}. Received: {choice!r}.")
        if not self.scored:
            self.chosen = self.labels.index(choice)

    def score(self) -> Score:
        """Compare the answer with the right one; from then on it cannot be changed."""
        reasons, right, answer = self._about.reasons, self._about.right, self.answer
        note_prediction(self._about.words, answer, right, name=self._name)
        if answer is None:
            words = "Not answered yet: choose above, then run this cell again."
            return Score(None, False, words, self._progress())
        self.scored = True  # a prediction is made before the result is known
        if answer == right:
            words = f"You predicted “{right}”, and that is right. {reasons[right]}"
        else:
            words = (
                f"You predicted “{answer}”. {reasons[answer]} Right is “{right}”: {reasons[right]}"
            )
        return Score(answer, answer == right, words, self._progress())

    def __repr__(self) -> str:
        return f"Prediction: {self.answer or 'not answered yet'}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, about = super()._repr_mimebundle_(**kwargs) or ({}, {})
        choices = "".join(f"<li>{as_html(choice)}</li>" for choice in self.labels)
        # For wherever there is no kernel: GitHub, nbviewer, nbconvert.
        bundle["text/html"] = f"<b>{as_html(self.question)}</b><ul>{choices}</ul>"
        return bundle, about
