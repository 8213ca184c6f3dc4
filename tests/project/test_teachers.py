"""docs/teachers.md: the lesson adds up, and what it names stands in the notebooks."""

import re

import nbformat
import pytest

NO_TYPING = r"-(order|slip|which)$"
A_LINE = r"-line$"


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "teachers.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def notebooks(repository):
    return {
        path.name[:2]: nbformat.read(path, as_version=4)
        for path in repository.glob("notebooks/*.ipynb")
    }


def slots(text):
    return re.findall(r"^\| (\d+)–(\d+) \|", text, re.MULTILINE)


def test_the_lesson_lasts_ninety_minutes_and_both_pages_have_the_same(page, repository):
    found = slots(page)
    edges = [(int(begin), int(end)) for begin, end in found]
    assert (edges[0][0], edges[-1][1]) == (0, 90)
    assert [end for _, end in edges[:-1]] == [begin for begin, _ in edges[1:]]
    assert slots((repository / "notebooks" / "README.md").read_text(encoding="utf-8")) == found


def test_what_is_to_be_opened_or_left_out_is_there(page, notebooks):
    rows = re.findall(r"^\| \d+–\d+ \| `(\d\d)`, (.+) \| .+ \| (.*) ?\|$", page, re.MULTILINE)
    assert len(rows) == len(slots(page))
    for number, opened, left_out in rows:
        texts = [cell.source for cell in notebooks[number].cells if cell.cell_type == "markdown"]
        headings = re.findall(r"^#+ (.+)$", "\n".join(texts), re.MULTILINE)
        for name in re.findall(r"\*(.+?)\*", opened + left_out):
            named = [heading for heading in headings if heading.startswith(name)]
            assert named or name == "Show the Keras code"


def test_all_notebooks_take_more_than_five_hours(page, notebooks):
    minutes = [
        int(re.search(r"\*\*Time:\*\* (\d+)", notebook.cells[0].source)[1])
        for notebook in notebooks.values()
    ]
    assert "All fifteen notebooks take more than five hours" in page
    assert len(minutes) == 15
    assert sum(minutes) > 300


@pytest.mark.parametrize(("words", "kind"), [("typing: ", NO_TYPING), ("little: ", A_LINE)])
def test_the_exercises_of_each_kind_are_listed(page, notebooks, words, kind):
    listed = re.findall(r"`(\d\d)` (\d)", page.partition(words)[2].partition(". ")[0])
    found = []
    for number, notebook in sorted(notebooks.items()):
        source = "\n".join(cell.source for cell in notebook.cells)
        asked = re.findall(r'lrlab\.check\("(.+)", answer\)', source)
        found += [
            (number, str(place))
            for place, name in enumerate(asked, start=1)
            if re.search(kind, name)
        ]
    assert listed == found
