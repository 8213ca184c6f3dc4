"""What students handed in: the files of `lrlab.save_answers`, read with suspicion.

A file may be damaged, doubled, of something else, or written by hand. Which answer is right the
course says, where it knows the question, and not the file.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrlab.exercises import known
from lrlab.exercises.answers import FILE
from lrlab.exercises.judging import QUESTIONS

__all__ = ["HandedIn", "Student", "read_answers"]

_LARGEST = 5_000_000  # bytes; a file of all notebooks has some 50 kB


@dataclass(frozen=True)
class Student:
    """Somebody, with all that the files under that name say.

    Attributes:
        name: As first written.
        files: Their names.
        answers: What was answered first, by question.
        passed: Whether the exercise was passed, by exercise.
        wrong: How many answers were wrong before, by exercise.
        hints: The last words to an exercise that is not passed.
    """

    name: str
    files: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    passed: dict[str, bool] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HandedIn:
    """What a folder holds.

    Attributes:
        students: By name.
        right: The right answer, by question; those of the course first.
        words: What is asked.
        choices: All that can be answered, where the course knows; else what was.
        left_out: Files that do not count, with the reason.
        remarks: What a teacher should look at.
    """

    students: list[Student]
    right: dict[str, str]
    words: dict[str, str]
    choices: dict[str, list[str]]
    left_out: dict[str, str]
    remarks: list[str]


def read_answers(folder: str | Path) -> HandedIn:
    """Read all that was handed in, also in folders within.

    Raises:
        ValueError: If there is no such folder, or no answers in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"What was handed in is a folder of files. Received: {str(folder)!r}.")
    left_out: dict[str, str] = {}
    seen: dict[str, str] = {}  # by what a file holds, its name
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith("."):
            continue
        try:
            content = _content(path)
            answers = _checked(json.loads(content.decode("utf-8-sig")))
        except (OSError, ValueError, RecursionError) as error:
            left_out[name] = _reason(error)
            continue
        twin = seen.setdefault(hashlib.sha256(content).hexdigest(), name)
        if twin == name:
            found[name] = answers
        else:
            left_out[name] = f"the same as {twin}"
    if not found:
        raise ValueError(
            "There must be answers that lrlab.save_answers wrote. "
            f"Received: {str(folder)!r}, with {len(left_out)} other files."
        )
    return _together(found, left_out)


def _content(path: Path) -> bytes:
    if path.suffix.lower() != ".json":
        raise ValueError("not a file of answers: its name does not end in .json")
    if path.stat().st_size > _LARGEST:
        raise ValueError("not a file of answers: too large")
    return path.read_bytes()


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeError | RecursionError):
        return f"damaged: {error}"
    return str(error)


def _checked(found: Any) -> dict[str, Any]:
    """Return what a file holds, if that is answers."""
    shape: dict[str, dict[str, type | tuple[type, ...]]] = {
        "predictions": {"question": str, "answer": (str, type(None)), "right": str},
        "exercises": {"exercise": str, "passed": (bool, type(None)), "wrong_answers": int},
    }
    for part, keys in shape.items():
        entries = found.get(part) if isinstance(found, dict) else None
        if not isinstance(entries, list):
            raise ValueError(f"not a file of answers: it has no list of {part}")
        for entry in entries:
            for key, kind in keys.items():
                if not isinstance(entry, dict) or not isinstance(entry.get(key, ...), kind):
                    raise ValueError(f"not a file of answers: {part} without a proper {key}")
    if not isinstance(found.get("name", ""), str):
        raise ValueError("not a file of answers: its name is no text")
    json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be written
    return dict(found)


def _together(found: Mapping[str, dict[str, Any]], left_out: dict[str, str]) -> HandedIn:
    """Put together what belongs to one name, and what was asked."""
    known()  # loads what the course asks
    asked = {name: question.words for name, question in QUESTIONS.items()}
    right = {name: question.right for name, question in QUESTIONS.items()}
    choices = {name: [*question.reasons] for name, question in QUESTIONS.items()}
    students: dict[str, Student] = {}
    remarks: list[str] = []
    claimed: dict[str, Counter[str]] = {}  # of questions that the course does not know
    for file, answers in found.items():
        name = " ".join(answers.get("name", "").split()) or _name_of(file)
        student = students.setdefault(_same(name), Student(name))
        student.files.append(file)
        for key, entry in _predictions(answers):
            asked.setdefault(key, entry["question"])
            if key not in QUESTIONS:
                claimed.setdefault(key, Counter())[entry["right"]] += 1
            elif entry["right"] != right[key]:
                remarks.append(f"{file}: another right answer to {key}, of another version or hand")
            if student.answers.setdefault(key, entry["answer"]) != entry["answer"]:
                remarks.append(
                    f"{student.name}: two answers to {key}; that of {student.files[0]} counts"
                )
            known_choices = choices.setdefault(key, [])
            if entry["answer"] not in known_choices:
                known_choices.append(entry["answer"])
        for entry in answers["exercises"]:
            _note(student, entry)
    right |= {key: counts.most_common(1)[0][0] for key, counts in claimed.items()}
    order = sorted(students.values(), key=lambda student: _same(student.name))
    return HandedIn(order, right, asked, choices, left_out, remarks)


def _predictions(answers: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was answered, by the question's name; by its words, if it has none."""
    for entry in answers["predictions"]:
        if entry["answer"] is not None:
            yield str(entry.get("prediction") or entry["question"]), entry


def _note(student: Student, entry: dict[str, Any]) -> None:
    """Note an exercise: once passed is passed, and the most wrong answers count."""
    name = entry["exercise"]
    passed = bool(entry["passed"] or entry.get("done") is True)
    student.passed[name] = student.passed.get(name, False) or passed
    student.wrong[name] = max(student.wrong.get(name, 0), int(entry["wrong_answers"]))
    if entry["passed"] is False:
        student.hints[name] = str(entry.get("message", ""))


def _name_of(file: str) -> str:
    """Who hands in a file without a name in it: that of the file, or of its folder."""
    path = Path(file)
    return path.parent.name if path.name == FILE and path.parent.name else path.stem


def _same(name: str) -> str:
    """Names that are one, but for capitals and how an accent is stored, are equal so."""
    return unicodedata.normalize("NFKC", name).casefold()
