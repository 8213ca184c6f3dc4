"""The docs site: nothing is left out of its contents, and the lines that it shows run."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
from PIL import Image

import lrlab
from lrlab.course import PATH

DOCS = Path(__file__).parents[2] / "docs"
TREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def contents(page: Path) -> set[Path]:
    """The files that the tables of contents of a page name."""
    found: set[Path] = set()
    for tree in TREE.findall(page.read_text(encoding="utf-8")):
        for line in filter(None, tree.splitlines()):
            if line.startswith(":"):
                continue
            line = re.sub(r".*<(.+)>", r"\1", line)  # a title may stand before it
            files = set(page.parent.glob(f"{line}.*")) if "*" not in line else set(DOCS.glob(line))
            files = {path.resolve() for path in files if path.suffix in {".md", ".ipynb"}}
            assert files, f"{page.name}: no file is called {line}"
            found |= files
    return found


def test_every_page_and_notebook_is_in_the_contents():
    found, new = set(), {DOCS / "index.md"}
    while new:
        found |= new
        new = set().union(*(contents(page) for page in new if page.suffix == ".md")) - found
    repository = DOCS.parent
    assert found >= {*DOCS.rglob("*.md"), *repository.glob("notebooks/*.ipynb")}
    assert found >= {
        repository / "notebooks" / "README.md",
        *(repository / "benchmarks").glob("*.md"),
    }


def test_every_public_name_is_in_the_api():
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("api/*.md"))
    documented = set(re.findall(r":: lrlab\.(\S+)", text))
    modules = {name for name in lrlab.__all__ if inspect.ismodule(getattr(lrlab, name))}
    assert set(lrlab.__all__) - modules <= documented
    listed = re.findall(r"^   lrlab\.(\S+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(documented)


@pytest.fixture(scope="module")
def gallery() -> str:
    return (DOCS / "explorers.md").read_text(encoding="utf-8")


def test_the_gallery_has_every_explorer_and_its_lines_make_them(gallery):
    first, *lines = CODE.findall(gallery)
    each = "".join(f"made.append({line.strip()})\n" for line in lines)
    names = {"made": (made := [])}
    exec(f"{first}{each}", names)  # noqa: S102 - what the page shows
    explorers = [name for name in lrlab.__all__ if name.endswith("Explorer")]
    assert sorted(type(explorer).__name__ for explorer in made) == sorted(explorers)


def test_the_gallery_has_a_picture_of_each(gallery):
    shown = re.findall(r"!\[.+\]\((explorers/(\w+)\.png)\)", gallery)
    assert {name for _, name in shown} == {
        name for name in lrlab.__all__ if name.endswith("Explorer")
    }
    assert all((DOCS / path).is_file() for path, _ in shown)


def test_what_moves_in_the_gallery_is_small_and_shown_where_it_fits(gallery):
    """One that is there light and dark is shown on a page of that kind alone."""
    text = gallery + (DOCS / "sweeps.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"!\[.{80,}\]\(explorers/films/(.+)\.webp\)\{\.moving(.*)\}", text))
    files = {path.stem: path for path in DOCS.glob("explorers/films/*.webp")}
    assert shown.keys() == files.keys()
    for name, only in shown.items():
        film, _, theme = name.rpartition("-")
        assert only == (f" .only-{theme}" if f"{film}-dark" in files else "")
        with Image.open(files[name]) as picture:
            assert picture.n_frames > 10
    sizes = [path.stat().st_size for path in files.values()]
    assert max(sizes) < 300_000
    assert sum(sizes) < 2_500_000


@pytest.fixture(scope="module")
def readme() -> str:
    return (DOCS.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def links():
    path = DOCS.parent / "tools" / "write_links.py"
    spec = importlib.util.spec_from_file_location("write_links", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_the_readme_opens_the_first_notebook_at_the_address_of_the_project(readme, links):
    assert links.PLACE.search(readme)[0] == links.links(links.address())
    assert (DOCS.parent / links.FIRST).is_file()


def test_links_open_the_first_notebook_itself(links):
    first = "notebooks/00_start_here.ipynb"
    hub = links.links("https://github.com/somebody/course")
    assert f"https://mybinder.org/v2/gh/somebody/course/HEAD?urlpath=lab/tree/{first})" in hub
    assert f"https://colab.research.google.com/github/somebody/course/blob/HEAD/{first})" in hub
    elsewhere = links.links("https://git.example.org/a/b/course")
    assert "/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fb%2Fcourse.git/HEAD?urlpath" in elsewhere


def test_the_readme_has_the_path_in_its_order_and_is_short(readme):
    rows = re.findall(r"^\| (?:\*\*(\w+)\*\*)? ?\| \[`(\w+)`\]", readme, re.MULTILINE)
    expected = [
        (kind if place == 0 else "", notebook)
        for kind, notebooks in PATH.items()
        for place, notebook in enumerate(notebooks)
    ]
    assert rows == expected
    assert len(readme.splitlines()) < 200


def test_the_readme_moves_in_less_than_a_megabyte():
    assert (DOCS / "drag.gif").stat().st_size < 1_000_000
