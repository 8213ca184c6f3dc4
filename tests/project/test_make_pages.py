"""`make pages`: a notebook as a web page, its solutions folded away."""

import importlib.util
import re

import nbformat
import pytest


@pytest.fixture(scope="module")
def tool(repository):
    path = repository / "tools" / "make_pages.py"
    spec = importlib.util.spec_from_file_location("make_pages", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_a_page_folds_what_jupyterlab_folds_and_nothing_else(tool, repository, tmp_path, capsys):
    notebook = repository / "notebooks" / "03_step_decay.ipynb"
    assert tool.main([str(notebook), "--to", str(tmp_path / "new folder")]) == 0
    assert "03_step_decay.html: 0." in capsys.readouterr().out

    page = (tmp_path / "new folder" / "03_step_decay.html").read_text(encoding="utf-8")
    parts = re.findall("<details.*?</details>", page, re.DOTALL)
    folded = [
        cell
        for cell in nbformat.read(notebook, as_version=4).cells
        if {"hide-cell", "hide-input"} & {*cell.metadata.get("tags", [])}
    ]
    rest = page
    for cell, part in zip(folded, parts, strict=True):
        name = re.search("<summary>(.*?)</summary>", part)[1]
        assert cell.source.startswith(f"# {name}\n")
        whole = "hide-cell" in cell.metadata.tags
        assert part.count(f'id="cell-id={cell.id}"') == whole
        assert part.count("jp-OutputArea-child") == (len(cell.outputs) if whole else 0)
        rest = rest.replace(part, "")
    assert "the solution passes" in page
    assert "%pip" not in page  # the cell that installs, for who runs it
    assert "the solution passes" not in rest
    assert "The recorded one falls every epoch" in rest  # a picture, whose code is folded
    assert 'href="07_finding_a_learning_rate.html"' in rest
    assert 'href="00_start_here.html#The-path"' in rest


def test_a_page_of_docs_has_a_title_and_leads_to_pages(tool, repository):
    page = tool.linked(tool.sheet_of(repository / "docs" / "one_hour.md"))
    assert "<title>One hour, one new model</title>" in page
    links = re.findall('<a href="(.*?)"', page)
    assert links == ["12_your_own_model.html", "glossary.html"]
    assert tool.linked('<a href="../docs/one_hour.md">') == '<a href="one_hour.html">'
    assert tool.linked('<a href="../docs/other.md">') == '<a href="../docs/other.md">'
