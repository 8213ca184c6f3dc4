"""How many questions of the course are done, notebook by notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrlab.exercises.answers import FILE, done, trouble
from lrlab.exercises.card import as_html
from lrlab.exercises.judging import JUDGES, QUESTIONS

__all__ = ["Progress", "say_progress"]


@dataclass(frozen=True)
class Progress:
    """How many questions are done of each notebook, which a page shows as a table with bars.

    Attributes:
        path: The names of the notebooks by kind, in the order in which they are read.
    """

    path: Mapping[str, Sequence[str]]

    def __repr__(self) -> str:
        counted = counts()
        each = [f"{number}: {k} of {asked}" for number, (k, asked) in counted.items() if k]
        if not each:
            return f"No question is answered yet. What you answer is kept in {FILE}."
        return f"{_of_the_course(counted)} questions done. {', '.join(each)}."

    def _repr_html_(self) -> str | None:
        if not done():
            return None
        counted, rows = counts(), []
        for kind, names in self.path.items():
            for name in names:
                passed, asked = counted[name[:2]]
                bar = f'<progress max="{asked}" value="{passed}" aria-hidden="true"></progress>'
                cells = (kind, name.replace("_", " "), bar, f"{passed} of {asked}")
                rows.append("".join(f'<td style="text-align: left">{cell}</td>' for cell in cells))
        notes = (f"{_of_the_course(counted)} questions done. They are kept in `{FILE}`.", trouble())
        words = "".join(f"<p>{as_html(note)}</p>" for note in filter(None, notes))
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>{words}"


def counts() -> dict[str, tuple[int, int]]:
    """Return for each notebook how many questions are done, and how many there are."""
    asked, passed = {*JUDGES, *QUESTIONS}, done()
    return {
        number: (
            sum(name[:2] == number for name in asked & passed),
            sum(name[:2] == number for name in asked),
        )
        for number in sorted({name[:2] for name in asked})
    }


def say_progress(name: str) -> str:
    """Say how many questions are done of the notebook with this one, and of the course if any."""
    counted = counts()
    passed, asked = counted[name[:2]]
    words = f"{passed} of {asked} questions of this notebook done"
    if any(some for some, _ in counted.values()):
        words += f"; {_of_the_course(counted)} of the course"
    return f"{words}. {trouble()}" if trouble() else words


def _of_the_course(counted: Mapping[str, tuple[int, int]]) -> str:
    passed, asked = map(sum, zip(*counted.values(), strict=True))
    return f"{passed} of {asked}"
