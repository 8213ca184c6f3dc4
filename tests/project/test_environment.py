"""One list of versions, and every file that repeats it; what Binder makes of the repository."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lrlab

REPOSITORY = Path(__file__).parents[2]
LEARNER = "cpu", "cluster", "export", "lab"  # the extras that the notebooks need
LINUX = {**default_environment(), "sys_platform": "linux", "platform_machine": "x86_64"}
MAC = {**default_environment(), "sys_platform": "darwin", "platform_machine": "arm64"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    by_name = {canonicalize_name(requirement.name): requirement for requirement in parsed}
    assert len(by_name) == len(parsed), "a name is listed twice"
    return by_name


def constraints() -> dict[str, Requirement]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    return requirements([line for line in lines if line and not line.startswith("#")])


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def declared(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for: lrlab's own dependencies, and those of the extras."""
    optional = project()["optional-dependencies"]
    lines = project()["dependencies"] + [line for extra in extras for line in optional[extra]]
    return [Requirement(line) for line in lines]


def environment() -> tuple[list[str], dict[str, Requirement]]:
    """What environment.yml asks of conda, and of pip."""
    *conda, pip = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    return conda, requirements(pip["pip"])


def pin(requirement: Requirement) -> str:
    """The exact version that is asked for."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", requirement
    assert "*" not in specifier.version, requirement
    return specifier.version


def names(wanted: list[Requirement], where: dict[str, str]) -> set[str]:
    return {
        canonicalize_name(r.name) for r in wanted if r.marker is None or r.marker.evaluate(where)
    }


@pytest.mark.parametrize("name", sorted(constraints()))
def test_the_installed_version_is_the_pinned_one(name):
    """A misspelt name is not installed, and fails here."""
    if name == "tensorflow" and names(declared("cpu"), default_environment()) >= {"tensorflow-cpu"}:
        pytest.skip("tensorflow-cpu is installed in its place, and compared")
    if name == "tensorflow-cpu" and "tensorflow" in names(declared("cpu"), default_environment()):
        pytest.skip("tensorflow is installed in its place, and compared")
    if name in names(declared("bench", "docs", "mutants", "release"), LINUX) - names(
        declared(), LINUX
    ):
        try:
            version(name)
        except PackageNotFoundError:
            pytest.skip("only make bench, docs, mutants or release installs it")
    assert version(name) == pin(constraints()[name])


def test_both_tensorflows_are_the_same_version():
    assert pin(constraints()["tensorflow"]) == pin(constraints()["tensorflow-cpu"])


@pytest.mark.parametrize("extra", sorted(project()["optional-dependencies"]))
def test_every_dependency_is_pinned_within_its_range(extra):
    pins = constraints()
    for requirement in declared(extra):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} has no pin"
        assert requirement.specifier.contains(pin(pins[name])), requirement


def test_every_pin_is_a_direct_dependency():
    wanted = declared(*project()["optional-dependencies"])
    assert set(constraints()) == {canonicalize_name(r.name) for r in wanted}


def test_tensorflow_is_only_an_extra():
    assert not {"tensorflow", "tensorflow-cpu"} & {r.name for r in declared()}
    assert "tensorflow-cpu" in names(declared("cpu"), LINUX)
    assert "tensorflow" not in names(declared("cpu"), LINUX)
    assert "tensorflow" in names(declared("cpu"), MAC)
    assert "tensorflow-cpu" not in names(declared("cpu"), MAC)


def test_the_conda_environment_repeats_the_pins():
    _, pip = environment()
    pins = constraints()
    assert {name: pin(r) for name, r in pip.items()} == {name: pin(pins[name]) for name in pip}


@pytest.mark.parametrize("where", [LINUX, MAC], ids=["linux", "mac"])
def test_the_conda_environment_has_what_a_learner_needs(where):
    conda, pip = environment()
    assert conda == ["python=3.12", "pip"]
    assert names(list(pip.values()), where) == names(declared(*LEARNER), where)


def test_binder_gets_the_same_environment():
    root, binder = REPOSITORY / "environment.yml", REPOSITORY / "binder" / "environment.yml"
    assert binder.read_bytes() == root.read_bytes()


def test_the_installed_package_is_this_version():
    assert version("lrlab") == lrlab.__version__


def test_no_file_of_the_environment_names_a_host():
    """An address in a requirements file would decide for everybody where packages come from."""
    for name in ["constraints.txt", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"]:
        text = re.sub(r'(?m)^address = ".*"$', "", (REPOSITORY / name).read_text())  # the project's
        assert not re.search(r"://|--(extra-)?index-url|--find-links", text), name


@pytest.fixture(scope="module")
def rendered() -> str:
    """What repo2docker would build, as Binder does; rendering needs neither Docker nor network."""
    finished = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr


def test_binder_builds_a_conda_environment_of_python_3_12(rendered):
    assert "Building conda environment for python=3.12" in rendered
    assert re.search(r"environment-2epy-2d3-2e12-2dlinux-2d64-2elock-\w+ /tmp/env/", rendered)


def test_binder_installs_the_pinned_packages(rendered):
    (copied,) = re.findall(r"^COPY .*src/(\S+\.yml) ", rendered, re.MULTILINE)
    (updated,) = re.findall(r'env update .*--file "(\S+\.yml)"', rendered)
    assert copied == updated == "binder/environment.yml"
    text = (REPOSITORY / updated).read_text()
    for name in names(declared(*LEARNER), LINUX):
        assert f"- {name}=={pin(constraints()[name])}" in text


def test_binder_runs_post_build_which_installs_lrlab_alone(rendered):
    assert "RUN ./binder/postBuild" in rendered
    script = REPOSITORY / "binder" / "postBuild"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/bash\n")
    assert re.search(r"pip install --no-deps .*--editable \.$", script.read_text(), re.MULTILINE)
