"""The page on what was tried: its numbers are those of the tests."""

import re
import subprocess
import sys
from collections import Counter


def test_the_numbers_of_tests_are_those_of_the_files(repository, request):
    page = (repository / "docs" / "reliability.md").read_text(encoding="utf-8")
    said = {file: int(count) for file, count in re.findall(r"`(tests/\S+\.py)` \((\d+)\)", page)}
    counted = count_by_file(item.nodeid for item in request.session.items)
    if any(counted[file] != count for file, count in said.items()):  # not all are tested now
        counted = count_by_file(collected(repository, *said))
    assert said == {file: counted[file] for file in said}
    assert sum(said.values()) >= 300


def count_by_file(names):
    return Counter(name.partition("::")[0] for name in names)


def collected(repository, *files):
    """The names of all tests of some files."""
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *files],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    return [line for line in found.stdout.splitlines() if "::" in line]
