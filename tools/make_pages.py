"""Make a web page of each notebook in build/pages, in which what JupyterLab folds is folded, too.

Usage: python tools/make_pages.py [--to build/pages] [notebooks/00_start_here.ipynb ...]
"""

import argparse
import sys
from pathlib import Path

from jinja2 import DictLoader
from nbconvert import HTMLExporter

REPOSITORY = Path(__file__).resolve().parent.parent
# A folded cell is named by its first line, a comment, as in JupyterLab.
FOLDING = """
{%- extends 'lab/index.html.j2' -%}
{%- block any_cell -%}
{%- if cell.metadata.get('jupyter', {}).get('source_hidden') -%}
<details style="margin-left: 80px">
<summary>{{ cell.source.splitlines()[0].removeprefix('# ') | e }}</summary>
{{ super() }}
</details>
{%- else -%}
{{ super() }}
{%- endif -%}
{%- endblock any_cell -%}
"""


def page_of(path: Path) -> str:
    """Return the page of a notebook as it is stored."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_file="folding.html.j2", extra_loaders=[DictLoader({"folding.html.j2": FOLDING})]
    )
    page: str = exporter.from_filename(str(path))[0]
    return page


def main(arguments: list[str]) -> int:
    """Write the pages, with links from one to the next."""
    parser = argparse.ArgumentParser(description="Make a web page of each notebook.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--to", type=Path, default=REPOSITORY / "build" / "pages")
    options = parser.parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    for path in options.notebooks or sorted(REPOSITORY.glob("notebooks/*.ipynb")):
        target = options.to / f"{path.stem}.html"
        target.write_text(page_of(path).replace('.ipynb"', '.html"'), encoding="utf-8")
        print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
