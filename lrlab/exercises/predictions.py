"""A question with choices, answered before running and scored afterwards, with no server.

Plain ipywidgets: JupyterQuiz, the quiz library that is well kept, draws a page with a random id, so
its output is never the same twice, and no answer ever reaches Python to be recorded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

from lrlab.exercises.answers import note_prediction
from lrlab.exercises.markdown import as_markdown

__all__ = ["Prediction", "Score", "predict"]


@dataclass(frozen=True)
class Score:
    """What became of a prediction. It is true if the prediction was right.

    Attributes:
        answer: What was predicted; None if nothing was.
        right: Whether it was right.
        words: What to tell.
    """

    answer: str | None
    right: bool
    words: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.words

    def _repr_markdown_(self) -> str:
        return as_markdown(self.words)


class Prediction(ipywidgets.VBox):
    """A question and its choices; nothing is chosen at first.

    Args:
        question: What to ask, a sentence or two; `code` stands between backticks.
        choices: The possible answers, two or more, all different.

    Raises:
        ValueError: If there are fewer than two choices, or two alike.

    Example:
        >>> prediction = Prediction("Twice the rate: are the first steps longer?", ["yes", "no"])
        >>> prediction.score("yes", {"yes": "A step is rate times gradient.", "no": "They double."})
        Not answered yet: choose above, then run this cell again.
        >>> prediction.answer = "yes"
        >>> prediction.score("yes", {"yes": "A step is rate times gradient.", "no": "They double."})
        You predicted “yes”, and that is right. A step is rate times gradient.
    """

    def __init__(self, question: str, choices: Sequence[str]) -> None:
        if isinstance(choices, str) or len(set(choices)) < 2 or len(set(choices)) < len(choices):
            raise ValueError(
                f"`choices` must be two or more different answers. Received: choices={choices!r}."
            )
        self.question, self.choices = question, tuple(choices)
        self._radio = ipywidgets.RadioButtons(
            options=[(_without_backticks(choice), choice) for choice in self.choices],
            value=None,
            layout={"width": "auto"},
        )
        self._radio.tooltip = _without_backticks(question)
        words = ipywidgets.HTML(f"<b>{_as_html(question)}</b>")
        super().__init__([words, self._radio])

    @property
    def answer(self) -> str | None:
        """The choice made, or None. It stays as it is once it has been scored."""
        value: str | None = self._radio.value
        return value

    @answer.setter
    def answer(self, choice: str) -> None:
        if choice not in self.choices:
            raise ValueError(f"The answer must be one of {self.choices}. Received: {choice!r}.")
        if not self._radio.disabled:
            self._radio.value = choice

    def score(self, right: str, reasons: Mapping[str, str]) -> Score:
        """Hold the answer against the right one.

        Args:
            right: The right choice.
            reasons: For every choice, why it is right or wrong.

        Raises:
            ValueError: If `right` or the keys of `reasons` are not the choices.
        """
        if right not in self.choices or set(reasons) != set(self.choices):
            raise ValueError(
                f"`right` must be one of {self.choices} and `reasons` must give a reason for each. "
                f"Received: right={right!r} and reasons for {tuple(reasons)}."
            )
        note_prediction(self.question, self.answer, right)
        if self.answer is None:
            return Score(None, False, "Not answered yet: choose above, then run this cell again.")
        self._radio.disabled = True  # a prediction is made before the result is known
        if self.answer == right:
            words = f"You predicted “{right}”, and that is right. {reasons[right]}"
            return Score(right, True, words)
        words = f"You predicted “{self.answer}”. {reasons[self.answer]} Right is “{right}”: "
        return Score(self.answer, False, words + reasons[right])

    def __repr__(self) -> str:
        return f"Prediction: {self.answer or 'not answered yet'}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        choices = "".join(f"<li>{_as_html(choice)}</li>" for choice in self.choices)
        # For wherever there is no kernel: GitHub, nbviewer, nbconvert.
        bundle["text/html"] = f"<b>{_as_html(self.question)}</b><ul>{choices}</ul>"
        return bundle


def _as_html(words: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(words))


def _without_backticks(words: str) -> str:
    """For radio buttons and tooltips, which show no HTML."""
    return re.sub("`([^`]+)`", r"\1", words)


def predict(question: str, choices: Sequence[str]) -> Prediction:
    """Ask for a prediction, see `Prediction`."""
    return Prediction(question, choices)
