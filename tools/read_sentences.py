"""Print how long the sentences of each notebook are, and which words of the style guide it has.

Usage: python tools/read_sentences.py

The words stand in CONTRIBUTING.md. Read are the Markdown cells, without code, tables and pictures.
"""

import re
import statistics
import sys
from collections import Counter
from pathlib import Path

import nbformat

REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST = 30  # words of a sentence
_NOT_PROSE = re.compile(r"```.*?```|!\[.*?\]\(.*?\)|^\|.*?$|^#+ .*?$|\$\$.*?\$\$", re.DOTALL | re.M)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_END = re.compile(r"(?<=[.!?])[*_\"”)]*\s+|\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )")
_WORD = re.compile(r"`[^`]+`|[\w’'][\w’'.,/×−+-]*")


def prose(notebook: nbformat.NotebookNode) -> str:
    """Return what a notebook says in its Markdown cells, a blank line between two."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return "\n\n".join(_LINK.sub(r"\1", _NOT_PROSE.sub("\n", source)) for source in cells)


def sentences(text: str) -> list[str]:
    """Cut a text into sentences; a point of a list is one, too.

    Example:
        >>> sentences("Two words. **Now** more: see `a.b`!")
        ['Two words.', '**Now** more: see `a.b`!']
    """
    return [" ".join(part.split()) for part in _END.split(text) if _WORD.search(part)]


def length(sentence: str) -> int:
    """Count the words of a sentence; code in backticks is one.

    Example:
        >>> length("The rate is `SGD(learning_rate=0.1)`, that is 0.1.")
        7
    """
    return len(_WORD.findall(sentence))


def words_to_avoid() -> dict[str, str]:
    """Read from CONTRIBUTING.md what to write in place of which words."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| not | but |\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in table.splitlines()[1:]]
    return {word: better for words, better in rows for word in words.split("; ")}


def found(text: str, words: dict[str, str]) -> Counter[str]:
    """Count those words in a text.

    Example:
        >>> found("Mend it anew, then mend it.", {"mend": "fix", "bears": "can stand"})
        Counter({'mend': 2})
    """
    text = re.sub(r"\bfor (?:example|instance)\b", "", text, flags=re.IGNORECASE)
    return +Counter({word: len(re.findall(rf"\b{word}\b", text, re.I)) for word in words})


def main() -> int:
    words = words_to_avoid()
    print(f"{'notebook':32} sentences  median  longest  over {LONGEST}  words")
    for path in sorted(REPOSITORY.glob("notebooks/*.ipynb")):
        text = prose(nbformat.read(path, as_version=4))
        lengths = [length(sentence) for sentence in sentences(text)]
        over = sum(count > LONGEST for count in lengths)
        avoid = ", ".join(f"{word} {count}" for word, count in found(text, words).items())
        row = f"{len(lengths):9}  {statistics.median(lengths):6g}  {max(lengths):7}  {over:7}"
        print(f"{path.stem:32} {row}  {avoid}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
