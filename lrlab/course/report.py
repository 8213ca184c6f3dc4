"""A teacher's report: a table a student, a table a question; two CSV files and one page."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lrlab.course.handed_in import HandedIn, Student, read_answers
from lrlab.explorers.pins import Row, as_csv
from lrlab.figures.ink import counted
from lrlab.figures.page import filled_page
from lrlab.files import write_whole

__all__ = ["write_report"]

_TEMPLATE = Path(__file__).parent / "report.html"
_NUMBER = re.compile(r"\d\d-")  # of a notebook; the name of each of its questions begins with it


@dataclass(frozen=True)
class _Asked:
    """What the class made of a question or an exercise.

    Attributes:
        name: That of the course, or the words of a question of somebody's own.
        kind: "prediction", "quick question" or "exercise".
        words: What is asked; nothing for an exercise.
        right_answer: What is right; nothing for an exercise.
        counts: How many gave each answer first. Of an exercise: how it was passed.
        right: Who was right at once.
        held: Who was wrong before.
        corrected: Those of them who were right after.
        wrong_answer: What most of those held; of an exercise, the hint that most were left with.
        how_many: So many.
    """

    name: str
    kind: str
    words: str
    right_answer: str
    counts: dict[str, int]
    right: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)
    wrong_answer: str = ""
    how_many: int = 0


def write_report(folder: str | Path, to: str | Path = "report") -> str:
    """Report what students handed in: `report.html`, `students.csv` and `questions.csv`.

    Args:
        folder: Where the files of `lrlab.save_answers` lie, also in folders within.
        to: The folder to write into.

    Returns:
        What was done, in words.

    Raises:
        ValueError: If there are no answers in the folder, or if the report would lie in it.

    Example:
        >>> import json, tempfile
        >>> folder = Path(tempfile.mkdtemp(), "handed_in")
        >>> folder.mkdir()
        >>> entry = {"prediction": "00-decay", "question": "?", "answer": "higher"}
        >>> answers = {"name": "Ada", "predictions": [entry | {"right": "much lower"}]}
        >>> written = (folder / "ada.json").write_text(json.dumps(answers | {"exercises": []}))
        >>> write_report(folder, folder.parent / "report").partition(": ")[2]
        '1 student, 1 question, 0 files left out'
    """
    folder, to = Path(folder), Path(to)
    if to.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"The report must lie outside of what was handed in. Received: {to}. Name another "
            "folder: lrlab report DIR --to OTHER"
        )
    handed_in = read_answers(folder)
    asked = [*_questions(handed_in), *_exercises(handed_in)]
    to.mkdir(parents=True, exist_ok=True)
    # With a mark at the beginning, by which Excel knows the encoding.
    for name, rows in (
        ("students", [_row_of_student(student, handed_in) for student in handed_in.students]),
        ("questions", [_row_of_question(each) for each in asked]),
    ):
        write_whole(to / f"{name}.csv", as_csv(rows).encode("utf-8-sig"))
    write_whole(to / "report.html", _page(handed_in, asked))
    counts = (
        counted(len(handed_in.students), "student"),
        counted(len(asked), "question"),
        f"{counted(len(handed_in.left_out), 'file')} left out",
    )
    return f"{to / 'report.html'}: {', '.join(counts)}"


def _is_quick(key: str) -> bool:
    return key[2:].startswith("-quick-")


def _questions(handed_in: HandedIn) -> Iterable[_Asked]:
    """Predictions and quick questions that somebody answered, in the order of the notebooks."""
    answered = {key for student in handed_in.students for key in student.answers}
    for key in sorted(answered):
        given = {s.name: s.answers[key] for s in handed_in.students if key in s.answers}
        right = handed_in.right[key]
        held = [name for name, answer in given.items() if answer != right]
        counts = Counter(given.values())
        wrong = Counter(given[name] for name in held).most_common(1)
        yield _Asked(
            name=key,
            kind="quick question" if _is_quick(key) else "prediction",
            words=handed_in.words[key],
            right_answer=right,
            counts={choice: counts[choice] for choice in handed_in.choices[key]},
            right=[name for name in given if name not in held],
            held=held,
            corrected=[
                student.name
                for student in handed_in.students
                if student.name in held and _right_after(student, key, handed_in)
            ],
            wrong_answer=wrong[0][0] if wrong else "",
            how_many=wrong[0][1] if wrong else 0,
        )


def _right_after(student: Student, key: str, handed_in: HandedIn) -> bool:
    """Whether somebody got right all that they did in the notebook after its prediction."""
    if _is_quick(key) or not _NUMBER.match(key):  # nothing comes after it, or nobody knows what
        return False
    notebook = key[:3]
    after = [passed for name, passed in student.passed.items() if name.startswith(notebook)]
    after += [
        answer == handed_in.right[name]
        for name, answer in student.answers.items()
        if name.startswith(f"{notebook}quick-")
    ]
    return bool(after) and all(after)


def _exercises(handed_in: HandedIn) -> Iterable[_Asked]:
    for key in sorted({key for student in handed_in.students for key in student.passed}):
        tried = [student for student in handed_in.students if key in student.passed]
        right = [s.name for s in tried if s.passed[key] and not s.wrong[key]]
        held = [s.name for s in tried if s.wrong[key]]
        corrected = [s.name for s in tried if s.passed[key] and s.wrong[key]]
        hints = Counter(
            s.hints[key] for s in tried if not s.passed[key] and s.hints.get(key)
        ).most_common(1)
        yield _Asked(
            name=key,
            kind="exercise",
            words="",
            right_answer="",
            counts={
                "at once": len(right),
                "after wrong answers": len(corrected),
                "not yet": len(tried) - len(right) - len(corrected),
            },
            right=right,
            held=held,
            corrected=corrected,
            wrong_answer=hints[0][0] if hints else "",
            how_many=hints[0][1] if hints else 0,
        )


def _row_of_question(asked: _Asked) -> Row:
    return {
        "question": asked.name,
        "kind": asked.kind,
        "answered": sum(asked.counts.values()),
        "right at once": len(asked.right),
        "wrong before": len(asked.held),
        "most held": asked.wrong_answer,
        "held by": asked.how_many,
        "right after": len(asked.corrected),
        "who was wrong before": "; ".join(asked.held),
        "who was right after": "; ".join(asked.corrected),
        "right answer": asked.right_answer,
        "words": asked.words,
    }


def _row_of_student(student: Student, handed_in: HandedIn) -> Row:
    right = [key for key, answer in student.answers.items() if answer == handed_in.right[key]]
    wrong = [key for key in student.answers if key not in right]
    after = [key for key in wrong if _right_after(student, key, handed_in)]
    return {
        "student": student.name,
        "questions answered": len(student.answers),
        "right": len(right),
        "wrong, right after": len(after),
        "exercises checked": len(student.passed),
        "passed": sum(student.passed.values()),
        "wrong answers before": sum(student.wrong.values()),
        "wrong questions": "; ".join(sorted(wrong)),
        "exercises not passed": "; ".join(k for k, done in student.passed.items() if not done),
        "files": "; ".join(student.files),
    }


def _page(handed_in: HandedIn, asked: Sequence[_Asked]) -> str:
    """The page; whatever stands in a file is shown as it reads."""
    parts = {
        "summary": _escaped(
            f"{counted(len(handed_in.students), 'student')}, "
            f"{counted(len(asked), 'question')} and exercises that somebody answered."
        ),
        "students": _students(handed_in, asked),
        "each": "\n".join(_each(student, handed_in) for student in handed_in.students),
        "questions": "\n".join(map(_question, asked)),
        "left_out": _list(f"{name}: {why}" for name, why in handed_in.left_out.items()),
        "remarks": _list(handed_in.remarks),
    }
    return filled_page(_TEMPLATE, "What the class answered", parts)


def _escaped(words: object) -> str:
    return html.escape(str(words))


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_escaped(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else "<p>None.</p>"


def _students(handed_in: HandedIn, asked: Sequence[_Asked]) -> str:
    """A table with a row a student and, for each notebook, a picture of right and wrong."""
    notebooks = sorted({each.name[:2] for each in asked if _NUMBER.match(each.name)})
    heads = "".join(f'<th scope="col">{number}</th>' for number in notebooks)
    rows = []
    for student in handed_in.students:
        row = _row_of_student(student, handed_in)
        cells = "".join(f"<td>{_square(student, number, handed_in)}</td>" for number in notebooks)
        rows.append(
            f'<tr><th scope="row">{_escaped(student.name)}</th>{cells}'
            f"<td>{row['right']} of {row['questions answered']}</td>"
            f"<td>{row['wrong, right after']}</td>"
            f"<td>{row['passed']} of {row['exercises checked']}</td>"
            f"<td>{row['wrong answers before']}</td></tr>"
        )
    return (
        f'<thead><tr><th scope="col">Student</th>{heads}<th scope="col">questions right</th>'
        '<th scope="col">wrong, right after</th><th scope="col">exercises passed</th>'
        f'<th scope="col">wrong answers before</th></tr></thead><tbody>{"".join(rows)}</tbody>'
    )


def _each(student: Student, handed_in: HandedIn) -> str:
    """All that a student did, folded."""
    rows = [
        (key, answer, answer == handed_in.right[key], "")
        for key, answer in sorted(student.answers.items())
    ] + [
        (key, student.hints.get(key, ""), done, f"{student.wrong[key]} wrong before")
        for key, done in sorted(student.passed.items())
    ]
    cells = "".join(
        f'<tr><th scope="row">{_escaped(key)}</th><td>{_sign(good)}</td>'
        f'<td class="words">{_escaped(words)}</td><td>{before}</td></tr>'
        for key, words, good, before in rows
    )
    return (
        f"<details><summary>{_escaped(student.name)}</summary>"
        f'<div class="wide"><table>{cells}</table></div></details>'
    )


def _sign(good: bool) -> str:
    kind, sign = ("right", "✓") if good else ("wrong", "✗")
    return f'<span class="{kind}" role="img" aria-label="{kind}">{sign}</span>'


def _square(student: Student, number: str, handed_in: HandedIn) -> str:
    """A notebook of a student: the share that is right, as a filled bar."""
    results = [
        answer == handed_in.right[key]
        for key, answer in student.answers.items()
        if key.startswith(f"{number}-")
    ] + [done for key, done in student.passed.items() if key.startswith(f"{number}-")]
    if not results:
        return ""
    words = f"{sum(results)} of {len(results)}"
    return (
        f'<svg role="img" aria-label="{words} right" viewBox="0 0 40 12" width="40" height="12">'
        f'<title>{words} right</title><rect class="all" width="40" height="12"/>'
        f'<rect class="part" width="{40 * sum(results) / len(results):.0f}" height="12"/></svg>'
        f"<small>{sum(results)}/{len(results)}</small>"
    )


def _question(asked: _Asked) -> str:
    total = sum(asked.counts.values())
    is_exercise = asked.kind == "exercise"
    good = {"at once", "after wrong answers"} if is_exercise else {asked.right_answer}
    rows = []
    for choice, count in asked.counts.items():
        kind = "right" if choice in good else "wrong"
        rows.append(
            f'<tr><th scope="row">{_sign(choice in good)} {_escaped(choice)}</th>'
            f'<td><svg aria-hidden="true" viewBox="0 0 200 14" width="200" height="14">'
            f'<rect class="all" width="200" height="14"/><rect class="{kind}" '
            f'width="{200 * count / total:.0f}" height="14"/></svg></td><td>{count}</td></tr>'
        )
    words = f"<p>{_escaped(asked.words)}</p>" if asked.words else ""
    before = "Wrong before" if is_exercise else "Held a wrong answer before"
    most = ""
    if asked.wrong_answer:
        said = "Left with the hint" if is_exercise else "Most held"
        most = f"<p>{said}: “{_escaped(asked.wrong_answer)}” ({asked.how_many})</p>"
    return (
        f"<section><h3>{_escaped(asked.name)} <small>{asked.kind}</small></h3>{words}"
        f"<table>{''.join(rows)}</table>{most}"
        f"<details><summary>{before}: {len(asked.held)}; right after: "
        f"{len(asked.corrected)}</summary>"
        f"<p>{before}: {_escaped(', '.join(asked.held) or 'nobody')}</p>"
        f"<p>Right after: {_escaped(', '.join(asked.corrected) or 'nobody')}</p></details>"
        "</section>"
    )
