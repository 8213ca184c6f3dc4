"""Write into README how to open the notebooks with nothing installed.

The address of the project stands once, in pyproject.toml; run this after a change there. Without
one, README says what to type.

Usage: python tools/write_links.py
"""

import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

REPOSITORY = Path(__file__).resolve().parent.parent
README = REPOSITORY / "README.md"
FIRST = "notebooks/00_start_here.ipynb"
PLACE = re.compile(r"(?<=<!-- links:start -->\n).*?(?=<!-- links:end -->)", re.DOTALL)
WITHOUT = f"""On [Binder](https://mybinder.org): give it the address of this repository, and the
file to open, `{FIRST}`. The folder `binder/` holds all that it needs.
"""


def address() -> str:
    """Return where the project lives, as pyproject.toml says; empty where it does not."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    hooks = settings["tool"]["hatch"].get("metadata", {}).get("hooks", {})
    return str(hooks.get("custom", {}).get("address", "")).rstrip("/")


def links(address: str) -> str:
    """Return the lines that open the first notebook itself, on Binder and in Colab."""
    if not address:
        return WITHOUT
    host, _, path = address.removeprefix("https://").partition("/")
    if host != "github.com" or path.count("/") != 1:
        git = quote(f"{address}.git", safe="")
        binder = f"https://mybinder.org/v2/git/{git}/HEAD?urlpath=lab/tree/{FIRST}"
        return f"[Open the first notebook on Binder]({binder}).\n"
    binder = f"https://mybinder.org/v2/gh/{path}/HEAD?urlpath=lab/tree/{FIRST}"
    colab = f"https://colab.research.google.com/github/{path}/blob/HEAD/{FIRST}"
    return f"[Open the first notebook on Binder]({binder}), or [in Colab]({colab}).\n"


def main() -> int:
    """Write README."""
    text = README.read_text(encoding="utf-8")
    README.write_text(PLACE.sub(lambda _: links(address()), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
