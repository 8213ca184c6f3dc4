"""A question with choices, answered and scored in a notebook, with no server.

A widget of its own: ipywidgets' radio buttons give their group no name, and a page takes their
arrow keys. JupyterQuiz, the quiz library that is well kept, draws a page with a random id, so its
output is never the same twice, and no answer ever reaches Python to be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import traitlets

from lrlab.exercises.answers import earlier_answer, note_prediction
from lrlab.exercises.card import as_card, as_html
from lrlab.exercises.judging import Question
from lrlab.widgets import Widget

__all__ = ["Prediction", "QuickQuestion", "Score"]

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Score:
    """What became of an answer. It is true if that was right.

    Attributes:
        answer: What was chosen; None if nothing was.
        right: Whether it was right.
        words: What to tell.
        done: How many questions of the notebook are done, in words.
        what: What the answer is, such as "your prediction".
    """

    answer: str | None
    right: bool
    words: str
    done: str = ""
    what: str = "your prediction"

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        if self.answer is None:
            return as_card("open", self.what.capitalize(), self.words, self.done)
        if self.right:
            return as_card("right", f"Right ({self.what})", self.words, self.done)
        return as_card("wrong", f"Not right ({self.what})", self.words, self.done)


class Prediction(Widget):
    """A question and its choices; nothing is chosen at first.

    One of the course that was answered before, as the file beside the notebook says, shows that
    answer.

    Args:
        about: What is asked, with its choices.
        name: Its name, if it is one of the notebooks.
        progress: Says how many questions of the notebook are done.

    Attributes:
        answer: The choice that was made, or None.
        scored: Whether the answer was scored; then it can no longer be changed.

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
    button = traitlets.Unicode().tag(sync=True)  # what it says; a prediction has none
    pressed = traitlets.Int().tag(sync=True)  # how often it was
    said = traitlets.Unicode().tag(sync=True)  # of the answer, as HTML
    picture = traitlets.Unicode().tag(sync=True)  # that the question is about, as a data URI
    alt = traitlets.Unicode().tag(sync=True)  # what it shows

    _YOU, _WHAT = "You predicted", "your prediction"
    _OPEN = "Not answered yet: choose above, then run this cell again."

    def __init__(
        self, about: Question, name: str = "", progress: Callable[[], str] = lambda: ""
    ) -> None:
        self._about, self._name, self._progress = about, name, progress
        super().__init__(question=about.words, labels=list(about.reasons))
        earlier = earlier_answer(name)
        if earlier in about.reasons:
            self.chosen, self.scored = list(about.reasons).index(str(earlier)), True

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
        if answer is None:
            return Score(None, False, self._OPEN, self._progress(), self._WHAT)
        self._note(answer)
        self.scored = True  # a prediction is made before the result is known
        if answer == right:
            words = f"{self._YOU} “{right}”, and that is right. {reasons[right]}"
        else:
            words = (
                f"{self._YOU} “{answer}”. {reasons[answer]} Right is “{right}”: {reasons[right]}"
            )
        return Score(answer, answer == right, words, self._progress(), self._WHAT)

    def _note(self, answer: str) -> None:
        note_prediction(self._about.words, answer, self._about.right, name=self._name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.answer or 'not answered yet'}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, about = super()._repr_mimebundle_(**kwargs) or ({}, {})
        choices = "".join(f"<li>{as_html(choice)}</li>" for choice in self.labels)
        # For wherever there is no kernel: GitHub, nbviewer, nbconvert.
        bundle["text/html"] = f"<b>{as_html(self.question)}</b><ul>{choices}</ul>"
        return bundle, about


class QuickQuestion(Prediction):
    """A question that is answered on the spot: its button says what is right, and why.

    Example:
        >>> reasons = {"yes": "A step is rate times gradient.", "no": "They double."}
        >>> question = QuickQuestion(Question("Twice the rate: longer steps?", reasons, "yes"))
        >>> question
        QuickQuestion: not answered yet
        >>> question.answer = "no"
        >>> question.score()
        You said “no”. They double. Right is “yes”: A step is rate times gradient.
    """

    _YOU, _WHAT = "You said", "your answer"
    _OPEN = "Not answered yet: choose one first."

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self.button = "Check"
        if self.scored:
            self._press()
        self.observe(lambda _: self._press(), "pressed")

    def _press(self) -> None:
        self.said = self.score()._repr_html_()
