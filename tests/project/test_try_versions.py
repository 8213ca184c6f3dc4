"""`make versions`: what it installs, what it counts, and the table of what it said."""

import re

import pytest
from packaging.requirements import Requirement

COUNTED = """<testsuites><testsuite tests="9" failures="2" errors="1" skipped="1"/></testsuites>"""


@pytest.fixture
def tool(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "tools")
    return pytest.importorskip("try_versions")


@pytest.fixture
def commands(tool, monkeypatch):
    """The commands that would have been run."""
    said = []
    monkeypatch.setattr(tool, "run", lambda *command: said.append(" ".join(map(str, command))))
    return said


@pytest.mark.parametrize("versions", ["oldest", "pinned", "newest"])
def test_a_set_is_installed_where_nothing_else_is_and_looked_at(tool, commands, tmp_path, versions):
    inside = tool.install(versions, "python3", tmp_path)
    made, installed, looked = commands
    assert made == f"python3 -m venv {tmp_path}"
    assert installed.startswith(f"{inside} -m pip ")
    file = {"oldest": ".github/oldest.txt", "pinned": "constraints.txt"}.get(versions)
    assert re.findall(r" -c (\S+)", installed) == ([file] if file else [])
    assert looked == f"{inside.parent / 'lrlab'} check-install"


def test_a_nightly_build_comes_after_the_release_is_gone(tool, commands, tmp_path):
    tool.install("nightly", "python3", tmp_path)
    gone, come = commands[-2:]
    assert gone.endswith(" uninstall --yes keras tensorflow-cpu")
    assert come.endswith(" install --pre keras-nightly tf-nightly-cpu")


def test_tests_are_counted_as_pytest_has_written_them(tool, tmp_path):
    (tmp_path / "tests.xml").write_text(COUNTED)
    assert tool.counted(tmp_path / "tests.xml") == {"passed": 5, "failed": 3, "skipped": 1}


def test_a_set_that_is_not_there_is_refused(tool, commands, capsys):
    with pytest.raises(SystemExit):
        tool.main(["newest", "newer"])
    assert "Received: newer" in capsys.readouterr().err
    assert not commands


def test_the_tests_are_there(tool, repository):
    assert all((repository / name).is_dir() for name in tool.TESTS)


def test_the_table_has_each_set_with_the_versions_that_it_stands_for(tool, repository):
    """After a new pin, `make versions` writes its row."""
    page = (repository / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    found = {row[0]: row[1:] for row in rows if row and row[0] in tool.SETS}
    assert found.keys() == tool.SETS.keys()
    for name, (*_, file) in {n: words for n, words in tool.SETS.items() if words}.items():
        lines = (repository / file).read_text(encoding="utf-8").splitlines()
        pins = {
            r.name: r.specifier for r in map(Requirement, filter(re.compile(r"\w").match, lines))
        }
        for package, version in zip(("keras", "tensorflow-cpu"), found[name][1:], strict=False):
            assert pins[package].contains(version), f"{name}: {package} {version}"
