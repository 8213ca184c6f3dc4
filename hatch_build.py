"""What the package's metadata says of where the project lives; hatchling runs it with each build.

The address stands once, in pyproject.toml. Without one a package has no links to the project, and
`make release` refuses to make it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A link or a picture of Markdown that leads to a file: no address, and not within the page.
_RELATIVE = re.compile(r"(\]\()(?!\w+:|#)([^)\s]+)(?=\))")
_PICTURES = ".png", ".gif", ".svg", ".webp"


def absolute(text: str, address: str, tag: str) -> str:
    """Have the links of a page of Markdown lead to the files of a version."""

    def lead(link: re.Match[str]) -> str:
        file = link[2].removeprefix("./")
        place = "raw" if file.partition("#")[0].endswith(_PICTURES) else "blob"
        return f"{link[1]}{address}/{place}/{tag}/{file}"

    return _RELATIVE.sub(lead, text) if address else text


def urls(address: str, tag: str) -> dict[str, str]:
    """Name the places that a package's page links to."""
    files = {"Notebooks": "notebooks", "Changelog": "CHANGELOG.md", "Teachers": "docs/teachers.md"}
    if not address:
        return {}
    found = {name: f"{address}/blob/{tag}/{file}" for name, file in files.items()}
    return {"Source": address, "Issues": f"{address}/issues", **found}


class Metadata(MetadataHookInterface):
    """Adds the description and the addresses."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what pyproject.toml calls dynamic."""
        address = str(self.config["address"]).rstrip("/")
        root = Path(self.root)
        found = re.search(r'^__version__ = "(.+)"', (root / "lrlab/__init__.py").read_text(), re.M)
        assert found, "lrlab/__init__.py has no version"
        tag = f"v{found[1]}"
        text = absolute((root / "README.md").read_text(encoding="utf-8"), address, tag)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls(address, tag)
