"""The workflows name what is there: Pythons, tests, commands, versions, notebooks."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

REPOSITORY = Path(__file__).parents[2]
GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def lines(workflow: Path) -> list[str]:
    """What the steps of a workflow run."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_every_python_that_the_package_takes_is_tested():
    tests = yaml.safe_load((GITHUB / "workflows" / "tests.yml").read_text())["jobs"]
    pythons = tests["everything"]["strategy"]["matrix"]["python"]
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert pythons == classified
    systems = {
        row["system"].split("-")[0] for row in tests["installed"]["strategy"]["matrix"]["include"]
    }
    assert systems == {"macos", "windows", "ubuntu"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_is_there(workflow):
    run = "\n".join(lines(workflow))
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"make (\w+)", run)) <= set(targets)
    for folder in re.findall(r"\btests/\w+", run):
        assert (REPOSITORY / folder).is_dir(), folder
    for extras in re.findall(r"\.\[([\w,]+)\]", run):
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_oldest_versions_are_those_that_the_package_takes():
    text = (GITHUB / "oldest.txt").read_text().splitlines()
    pins = {
        r.name: r for r in map(Requirement, [line for line in text if not line.startswith("#")])
    }
    optional = PROJECT["optional-dependencies"]
    wanted = map(
        Requirement,
        PROJECT["dependencies"]
        + [line for e in ("cpu", "cluster", "export", "lab") for line in optional[e]],
    )
    least = {r.name: next(s.version for s in r.specifier if s.operator == ">=") for r in wanted}
    # Each asks for the other of its own release, but the first of the year does not.
    least |= dict.fromkeys(("dask", "distributed"), f"{least['dask']}.1")
    assert pins.keys() == least.keys()
    for name, requirement in pins.items():
        (pin,) = requirement.specifier
        assert Version(pin.version) == Version(least[name]), name


def test_the_issue_form_has_every_notebook():
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "wrong.yml").read_text())
    (notebook,) = (part for part in form["body"] if part.get("id") == "notebook")
    _, *options = notebook["attributes"]["options"]
    assert options == sorted(path.stem for path in REPOSITORY.glob("notebooks/*.ipynb"))
