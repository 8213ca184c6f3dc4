"""The page on what was tried: its numbers are those of the tests."""

import re
import subprocess
import sys
from collections import Counter


def test_the_numbers_of_tests_are_those_of_the_files(repository):
    page = (repository / "docs" / "reliability.md").read_text(encoding="utf-8")
    said = {file: int(count) for file, count in re.findall(r"`(tests/\S+\.py)` \((\d+)\)", page)}
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *said],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    counted = Counter(line.partition("::")[0] for line in found.stdout.splitlines() if "::" in line)
    assert said == counted
    assert sum(said.values()) >= 300
