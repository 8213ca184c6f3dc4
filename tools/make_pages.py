"""Make a web page of each notebook in build/pages, in which what JupyterLab folds is folded, too.

With all of them come two pages of docs/: the glossary, and the recipe for one hour, which prints on
one sheet.

Usage: python tools/make_pages.py [--to build/pages] [notebooks/00_start_here.ipynb ...]
"""

import argparse
import base64
import re
import sys
from pathlib import Path

from jinja2 import DictLoader
from nbconvert import HTMLExporter
from nbconvert.filters.markdown import markdown2html

REPOSITORY = Path(__file__).resolve().parent.parent
# A folded cell is named by its first line, a comment, as in JupyterLab. One tagged `hide-input`,
# which draws a picture, keeps its output in view. One tagged `remove-cell` is for who runs it.
FOLDING = """
{%- extends 'lab/index.html.j2' -%}
{%- macro folded(tag, cell, shown) -%}
{%- if tag in cell.metadata.get('tags', []) -%}
<details style="margin-left: 80px">
<summary>{{ cell.source.splitlines()[0].removeprefix('# ') | e }}</summary>
{{ shown }}
</details>
{%- else -%}
{{ shown }}
{%- endif -%}
{%- endmacro -%}
{%- block any_cell -%}
{%- if 'remove-cell' not in cell.metadata.get('tags', []) -%}
{{ folded('hide-cell', cell, super()) }}
{%- endif -%}
{%- endblock any_cell -%}
{%- block input_group -%}
{{ folded('hide-input', cell, super()) }}
{%- endblock input_group -%}
"""
DOCS = ("glossary", "one_hour")
LINK = re.compile(rf'href="(?:\.\./\w+/)?(\w+\.ipynb|(?:{"|".join(DOCS)})\.md)(#.*?)?"')
# On paper, A4 or Letter. On a screen it is as wide as there.
SHEET = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
@page {{ margin: 10mm }}
body {{ font: 9pt/1.3 sans-serif; max-width: 190mm; margin: auto; color: #222; background: #fff }}
h1, h2, p, pre, table {{ margin: 0 0 2mm }}
.anchor-link {{ display: none }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border: 1px solid #999; padding: 1mm 1.5mm; text-align: left; vertical-align: top }}
td:first-child {{ white-space: nowrap }}
th:nth-child(2) {{ width: 42% }}
table:last-of-type td, table:last-of-type th {{ white-space: normal; width: 20% }}
code, pre {{ font: 8pt/1.25 monospace; overflow-wrap: anywhere }}
pre {{ background: #f3f3f3; padding: 1.5mm; white-space: pre-wrap }}
img {{ display: block; width: 130mm; max-width: 100% }}
</style>
"""


def page_of(path: Path) -> str:
    """Return the page of a notebook as it is stored."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_file="folding.html.j2", extra_loaders=[DictLoader({"folding.html.j2": FOLDING})]
    )
    page: str = exporter.from_filename(str(path))[0]
    return page


def sheet_of(path: Path) -> str:
    """Return a page of Markdown as one to print, with its pictures in it."""

    def embedded(image: re.Match[str]) -> str:
        file = base64.b64encode((path.parent / image[1]).read_bytes()).decode()
        return f"](data:image/png;base64,{file})"

    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    page = markdown2html(re.sub(r"\]\(([\w-]+\.png)\)", embedded, text))
    return f"{SHEET.format(title=title)}{page}</html>\n"


def linked(page: str) -> str:
    """Let a page lead to other pages, and not to their sources."""
    return LINK.sub(lambda link: f'href="{Path(link[1]).stem}.html{link[2] or ""}"', page)


def main(arguments: list[str]) -> int:
    """Write the pages, with links from one to the next."""
    parser = argparse.ArgumentParser(description="Make a web page of each notebook.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--to", type=Path, default=REPOSITORY / "build" / "pages")
    options = parser.parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    pages = {
        path.stem: page_of(path)
        for path in options.notebooks or sorted(REPOSITORY.glob("notebooks/*.ipynb"))
    }
    if not options.notebooks:
        pages |= {name: sheet_of(REPOSITORY / "docs" / f"{name}.md") for name in DOCS}
    for name, page in pages.items():
        target = options.to / f"{name}.html"
        target.write_text(linked(page), encoding="utf-8")
        print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
