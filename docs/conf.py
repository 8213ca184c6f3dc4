"""The docs site: `make docs` writes it into build/docs, from the files as GitHub shows them.

The source folder is the whole repository, so that a link from a notebook to docs/ is the same here
and there. Nothing is executed and nothing is fetched: a notebook shows its stored outputs.
"""

import json
import re
from typing import Any

from docutils import nodes
from sphinx.util import inspect

import lrlab

project = "lrlab"
author = "the lrlab developers"
html_show_copyright = False
version = release = lrlab.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*", "benchmarks/*.md", "C*.md"]
exclude_patterns = [".*", "build", "dist", "lrlab", "tests", "tools", "**/.ipynb_checkpoints"]

# Notebooks: as they are stored.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
# Explorers have a widget, which needs a kernel, and the picture of it that is shown instead.
nb_mime_priority_overrides = [("*", "application/vnd.jupyter.widget-view+json", None)]
nb_merge_streams = True
# Parallel coordinates have Vega-Lite beside their picture, for pages that draw it themselves.
suppress_warnings = ["mystnb.unknown_mime_type"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "colon_fence"]

# Docstrings: Google's style, with `one` backtick for code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"lrlab {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# The front door, and the page of trainings whose sliders need no kernel.
html_extra_path = ["_extra", "../build/step_decay.html"]
html_copy_source = html_show_sourcelink = False
pygments_style, pygments_dark_style = "default", "github-dark"

_EXTERNAL: set[tuple[str, str]] = set()


def as_stored(app: Any, document: str, source: list[str]) -> None:
    """Give a folded cell the name that JupyterLab shows, and a picture its text alternative."""
    if not document.startswith("notebooks/") or document.endswith("README"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        words = re.sub(r'<a id="([\w-]+)"></a>\n', r"(\1)=\n", "".join(cell["source"]))
        # JupyterLab names a heading as it is written, Sphinx in small letters.
        cell["source"] = re.sub(r"#([A-Z][\w-]*)(?=\))", lambda name: name[0].lower(), words)
        settings = cell["metadata"].setdefault("mystnb", {})
        if "hide-cell" in cell["metadata"].get("tags", []):
            name = cell["source"].splitlines()[0].removeprefix("# ")
            settings |= {"code_prompt_show": name, "code_prompt_hide": name}
        for output in cell.get("outputs", []):
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                settings["image"] = {"alt": re.sub(r" From an earlier run\..*", "", alt)}
    source[0] = json.dumps(notebook)


def as_declared(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str
) -> tuple[str | None, str]:
    """Take the arguments of an explorer from its `__init__`: a widget's `__new__` hides them."""
    if what == "class" and signature == "(*args, **kwargs)":
        own = inspect.signature(obj.__init__, bound_method=True)
        signature = inspect.stringify_signature(own, show_annotation=False)
    return signature, returned


def keep_external(app: Any, document: Any, name: str) -> None:
    """Note which page leads out of the site, and where to."""
    for link in document.findall(nodes.reference):
        if "://" in (address := link.get("refuri", "")):
            _EXTERNAL.add((address, name))


def list_external(app: Any, error: Exception | None) -> None:
    """Write what leads out beside the site, to be looked through or asked by `make links`."""
    lines = [f"{address}  {name}\n" for address, name in sorted(_EXTERNAL)]
    app.outdir.with_name("external_links.txt").write_text("".join(lines), encoding="utf-8")


def setup(app: Any) -> None:
    """Have Sphinx do so."""
    app.connect("source-read", as_stored)
    app.connect("autodoc-process-signature", as_declared)
    app.connect("doctree-resolved", keep_external)
    app.connect("build-finished", list_external)
