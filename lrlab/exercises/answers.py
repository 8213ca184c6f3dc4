"""What a student answered: kept in one file beside the notebooks, and handed in from there."""

from __future__ import annotations

import json
import os
import sys
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from lrlab.files import write_whole

__all__ = [
    "FILE",
    "done",
    "earlier_answer",
    "note_exercise",
    "note_prediction",
    "save_answers",
    "trouble",
]

Answers: TypeAlias = dict[str, list[dict[str, Any]]]

FILE = "lrlab-answers.json"
# What the file holds, by its two lists, and what each entry has.
_SHAPE = {
    "predictions": {"prediction", "question", "answer", "right"},
    "exercises": {"exercise", "passed", "message", "wrong_answers", "done"},
}
# As last seen; all that there is where no file is kept.
_MEMORY: Answers = {name: [] for name in _SHAPE}
_TROUBLE: list[str] = []  # with the file, in words


def note_prediction(question: str, answer: str, right: str, name: str = "") -> None:
    """Note an answer to a prediction or a quick question; the first one counts."""
    answers, path = _load()
    entry = {"prediction": name, "question": question, "answer": answer, "right": right}
    if _key(entry) not in map(_key, answers["predictions"]):
        answers["predictions"].append(entry)
        _store(answers, path)


def note_exercise(exercise: str, passed: bool, message: str) -> None:
    """Note an answer that was checked; the last one counts, and how many were wrong before it."""
    answers, path = _load()
    noted = {entry["exercise"]: entry for entry in answers["exercises"]}
    earlier = noted.get(exercise, {"wrong_answers": 0, "done": False})
    noted[exercise] = {
        "exercise": exercise,
        "passed": passed,
        "message": message,
        "wrong_answers": earlier["wrong_answers"] + (not passed),
        "done": earlier["done"] or passed,
    }
    answers["exercises"] = [noted[name] for name in sorted(noted)]
    _store(answers, path)


def done() -> frozenset[str]:
    """Return the names of the questions that were answered and the exercises that were passed."""
    answers, _ = _load()
    questions = {entry["prediction"] for entry in answers["predictions"]}
    return frozenset(
        questions | {entry["exercise"] for entry in answers["exercises"] if entry["done"]}
    )


def earlier_answer(name: str) -> str | None:
    """Return what the file says was answered to a question of the course."""
    answers, path = _load()
    answered = {entry["prediction"]: entry["answer"] for entry in answers["predictions"]}
    return answered.get(name) if name and path else None


def trouble() -> str:
    """Say what is the matter with the file, if anything is."""
    return " ".join(dict.fromkeys(_TROUBLE))


def save_answers(path: str | Path, *, name: str = "") -> Path:
    """Save the questions that were answered and the exercises that were checked so far.

    Those of all notebooks that stand in one folder, which are kept there in `lrlab-answers.json`.

    Args:
        path: A JSON file; one that is there is replaced.
        name: Who hands it in.

    Returns:
        The path of the file. It holds `name`, `predictions` (prediction, question, answer,
        right) and `exercises` (exercise, passed, message, wrong_answers, done).

    Raises:
        ValueError: If nothing was answered yet.
        OSError: If the file cannot be written; one that is there stays as it is.

    Example:
        >>> import tempfile
        >>> note_prediction("Is 2 above 1?", "yes", "yes")
        >>> saved = save_answers(Path(tempfile.mkdtemp()) / "answers.json", name="Ada")
        >>> json.loads(saved.read_text())["predictions"][0]["answer"]
        'yes'
    """
    answers, _ = _load()
    if not any(answers.values()):
        raise ValueError(
            "There is nothing to save: no question was answered and no exercise checked yet. "
            f"Received: path={str(path)!r}. Answer one and run its cell first."
        )
    path = Path(path)
    _write(path, {"name": name, **answers})
    return path


def _key(entry: dict[str, Any]) -> str:
    """A question of the course is known by its name, one of somebody's own by its words."""
    return str(entry["prediction"] or entry["question"])


def _file() -> Path | None:
    """Return where answers are kept: beside the notebook, and nowhere if no learner is at work.

    With LRLAB_WAIT=1 outputs are stored or compared, which must not depend on who answered what,
    and a page of Voila is seen by many.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    served = os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return None if served or os.environ.get("LRLAB_WAIT") == "1" else Path(shell.starting_dir, FILE)


def _load() -> tuple[Answers, Path | None]:
    """Return what is kept, and the file to keep it in; None where there is none to be had.

    A file that holds something else is put aside.
    """
    path = _file()
    if path is None:
        return _MEMORY, None
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8"))), path
    except FileNotFoundError:
        return {name: [] for name in _SHAPE}, path
    except OSError as error:
        _say_not_kept(error)
        return _MEMORY, None
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or no answers
        if not _put_aside(path, error):
            return _MEMORY, None
        if any(_MEMORY.values()):
            _store(_MEMORY, path)
        return _MEMORY, path


def _checked(found: Any) -> Answers:
    """Return what was found in the file, if that is answers."""
    for part, keys in _SHAPE.items():
        entries = found.get(part) if isinstance(found, dict) else None
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and keys <= {*entry} for entry in entries
        ):
            raise ValueError(f"it has no list of {part}")
    return {part: found[part] for part in _SHAPE}


def _put_aside(path: Path, why: Exception) -> bool:
    """Give a damaged file another name, under which there is none yet."""
    names = (path.with_name(f"{path.stem}-damaged-{number}.json") for number in count(1))
    aside = next(name for name in names if not name.exists())
    try:
        path.rename(aside)
    except OSError as error:
        _say_not_kept(error)
        return False
    _TROUBLE.append(
        f"`{path.name}` was damaged ({why}). It is kept as `{aside.name}`, and a new one is begun."
    )
    return True


def _store(answers: Answers, path: Path | None) -> None:
    _MEMORY.update(answers)
    if path:
        try:
            _write(path, answers)
        except OSError as error:
            _say_not_kept(error)


def _write(path: Path, answers: Any) -> None:
    write_whole(path, json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


def _say_not_kept(error: OSError) -> None:
    _TROUBLE.append(
        f"Your answers last until this kernel ends: `{FILE}` cannot be used "
        f"({os.strerror(error.errno) if error.errno else error})."
    )
