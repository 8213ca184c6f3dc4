"""docs/questions.md: each of its forty questions leads to a heading whose cells show the answer."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = DOCS.parent / "notebooks"
ROW = re.compile(
    r"^\| (\d+) \| (.+?) \| (.+?) \| \[`(\d\d)` (.+)\]\(\.\./notebooks/(.+\.ipynb)#(\S+)\) \|$"
)


def rows():
    lines = (DOCS / "questions.md").read_text(encoding="utf-8").splitlines()
    return [found.groups() for found in map(ROW.match, lines) if found]


def anchor(heading):
    """As Sphinx and GitHub make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@cache
def sections(notebook):
    """What stands under each heading, by its anchor: the words of the heading, and the code."""
    found = {}
    open_ = []  # level, anchor
    for cell in nbformat.read(NOTEBOOKS / notebook, as_version=4).cells:
        if cell.cell_type == "code":
            for _, name in open_:
                found[name][1].append(cell.source)
            continue
        label = re.search(r'<a id="([\w-]+)"></a>', cell.source)
        parts = re.split(r"```\w+\n(.*?)```", cell.source, flags=re.DOTALL)
        for words, code in zip(parts[::2], [*parts[1::2], None], strict=True):
            for level, heading in re.findall(r"^(#{1,3}) (.+)$", words, re.MULTILINE):
                open_ = [(other, name) for other, name in open_ if other < len(level)]
                name = label[1] if label else anchor(heading)
                open_.append((len(level), name))
                found[name] = heading, []
            for _, name in open_ if code else []:
                found[name][1].append(code)
    return found


def test_there_are_forty():
    numbers = [int(number) for number, *_ in rows()]
    assert numbers == [*range(1, 41)]
    assert len({question for _, question, *_ in rows()}) == 40


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_has_a_short_answer_and_leads_to_a_heading_with_code(row):
    _, question, answer, number, shown, notebook, name = row
    assert "?" in question
    assert len(answer.split()) <= 30
    assert notebook.startswith(f"{number}_")
    heading, code = sections(notebook)[name]
    assert shown == (heading if not name.startswith("trap-") else name.replace("-", " "))
    assert code


def test_every_notebook_answers_one():
    assert {row[5] for row in rows()} == {path.name for path in NOTEBOOKS.glob("*.ipynb")}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_readme_and_front_page_lead_to_them(page):
    assert "questions.md)" in (DOCS.parent / page).read_text(encoding="utf-8")
