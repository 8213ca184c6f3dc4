"""What a student answered in this notebook, kept in memory and saved to a file to be handed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["done", "note_exercise", "note_prediction", "save_answers"]

_PREDICTIONS: dict[str, dict[str, Any]] = {}  # by question
_EXERCISES: dict[str, dict[str, Any]] = {}  # by the name of the exercise
_DONE: set[str] = set()  # names of predictions that were answered, of exercises that were passed


def note_prediction(question: str, answer: str | None, right: str, name: str = "") -> None:
    """Note a prediction that was scored; the first answer counts."""
    if _PREDICTIONS.get(question, {}).get("answer") is None:
        noted = {"prediction": name, "question": question, "answer": answer, "right": right}
        _PREDICTIONS[question] = noted
    if answer is not None:
        _DONE.add(name)


def note_exercise(exercise: str, passed: bool | None, message: str) -> None:
    """Note an answer that was checked; the last one counts, and how many were wrong before it."""
    wrong_before = _EXERCISES.get(exercise, {}).get("wrong_answers", 0)
    _EXERCISES[exercise] = {
        "exercise": exercise,
        "passed": passed,
        "message": message,
        "wrong_answers": wrong_before + (passed is False),
    }
    if passed:
        _DONE.add(exercise)


def done() -> frozenset[str]:
    """Return the names of the predictions that were answered and the exercises that were passed."""
    return frozenset(_DONE)


def save_answers(path: str | Path, *, name: str = "") -> Path:
    """Save the predictions that were scored and the exercises that were checked so far.

    Args:
        path: A JSON file; one that is there is replaced.
        name: Who hands it in.

    Returns:
        The path of the file. It holds `name`, `predictions` (prediction, question, answer,
        right) and `exercises` (exercise, passed, message, wrong_answers).

    Raises:
        ValueError: If nothing was answered in this kernel yet.

    Example:
        >>> import tempfile
        >>> note_prediction("Is 2 above 1?", "yes", "yes")
        >>> saved = save_answers(Path(tempfile.mkdtemp()) / "answers.json", name="Ada")
        >>> json.loads(saved.read_text())["predictions"][0]["answer"]
        'yes'
    """
    if not _PREDICTIONS and not _EXERCISES:
        raise ValueError(
            "There is nothing to save: no prediction was scored and no exercise checked since this "
            f"kernel started. Received: path={str(path)!r}. Answer one and run its cell first."
        )
    answers = {
        "name": name,
        "predictions": list(_PREDICTIONS.values()),
        "exercises": [_EXERCISES[exercise] for exercise in sorted(_EXERCISES)],
    }
    path = Path(path)
    path.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
