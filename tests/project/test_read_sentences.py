"""Plain English: how sentences are counted, the words to avoid, and the glossary."""

import ast
import doctest
import importlib.util
import re
import statistics
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

REPOSITORY = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    "read_sentences", REPOSITORY / "tools" / "read_sentences.py"
)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
GLOSSARY = re.findall(
    r"^\| (.+) \| (.+) \|$", (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M
)[2:]


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(tool).failed == 0


def test_only_the_prose_of_markdown_is_read():
    table, picture = "| mend | bears |\n| --- | --- |", "![anew](data:image/png;base64,AA==)"
    code = "```python\nmend = 1\n```"
    cells = [
        new_markdown_cell(
            f"# Do we mend it?\n{table}\n\n{picture}\n\n{code}\n\nRead [this](anew.md)."
        ),
        new_code_cell("# mend"),
        new_markdown_cell("- One point\n- Another point\n\nThe end. It is"),
    ]
    text = tool.prose(new_notebook(cells=cells))
    assert [tool.length(sentence) for sentence in tool.sentences(text)] == [2, 2, 2, 2, 2]
    assert not tool.found(text, tool.words_to_avoid())


def test_the_style_guide_names_the_words():
    words = tool.words_to_avoid()
    assert words["mend"] == "fix"
    assert {"bears", ", for", "hold against", "anew"} <= words.keys()
    text = "It swings, for the step is long. Ask, for example, whoever mends it."
    assert tool.found(text, words) == {", for": 1, "mends": 1}


def test_a_row_for_each_notebook_is_printed(capsys):
    assert tool.main() == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["notebook", "sentences", "median", "longest"]
    assert [row.split()[0] for row in rows] == sorted(
        path.stem for path in REPOSITORY.glob("notebooks/*.ipynb")
    )
    assert all(float(row.split()[2]) <= 14 for row in rows)


def test_the_glossary_is_in_order_and_plain():
    terms = [term for term, _ in GLOSSARY]
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) >= 30
    for term, meaning in GLOSSARY:
        counts = [tool.length(sentence) for sentence in tool.sentences(meaning)]
        assert len(counts) <= 2, term
        assert max(counts) <= tool.LONGEST, term
        assert not tool.found(meaning, tool.words_to_avoid())


def test_what_the_glossary_refers_to_stands_in_it():
    terms = {word for term, _ in GLOSSARY for word in term.split(", ")}
    for _, meaning in GLOSSARY:
        for word in re.findall(r"\*(.+?)\*", meaning):
            assert {word, word.removesuffix("s")} & terms, word


@pytest.mark.parametrize("name", ["00_start_here.ipynb", "README.md"])
def test_learners_find_the_glossary(name):
    path = REPOSITORY / "notebooks" / name
    text = path.read_text(encoding="utf-8")
    assert "](../docs/glossary.md)" in text
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        assert any("glossary.md" in cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("notebooks/*.ipynb")), ids=lambda p: p.stem)
def test_a_notebook_is_written_in_short_sentences_and_in_words_of_today(path):
    text = tool.prose(nbformat.read(path, as_version=4))
    assert [s for s in tool.sentences(text) if tool.length(s) > tool.LONGEST] == []
    assert statistics.median(map(tool.length, tool.sentences(text))) <= 14
    assert not tool.found(text, tool.words_to_avoid())


def said(path):
    """Yield what a file of Python says to somebody: its strings of several words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)  # alone on a line
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and " " in text and id(node) not in docstrings:
            yield text


def test_widgets_and_messages_use_the_same_words_as_notebooks():
    words, texts = tool.words_to_avoid(), 0
    for path in sorted((REPOSITORY / "lrlab").rglob("*.py")):
        for text in said(path):
            texts += 1
            assert not tool.found(text, words), (path.name, text)
    assert texts > 1000
