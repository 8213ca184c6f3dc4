"""`make release`: what it refuses, and what a package says of where the project lives."""

import importlib.util
import io
import json
import re
import sys
import tarfile
import types
import zipfile

import pytest
import yaml

import lrlab


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool(repository):
    return loaded(repository / "tools" / "make_release.py")


@pytest.fixture
def build(repository, monkeypatch):
    """`hatch_build.py`, with a stand-in for the build backend, which only a build has."""
    plugin = types.ModuleType("hatchling.metadata.plugin.interface")

    class MetadataHookInterface:
        def __init__(self, root, config):
            self.root, self.config = root, config

    plugin.MetadataHookInterface = MetadataHookInterface
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    return loaded(repository / "hatch_build.py")


@pytest.fixture
def ready(tmp_path):
    """A checkout from which version 1.2.3 could be released."""
    (tmp_path / "notebooks").mkdir()
    notebook = {"metadata": {"lrlab": {"version": "1.2.3"}}}
    (tmp_path / "notebooks" / "00.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3 (2026-12-01)\n\n## 1.2.2\n")
    (tmp_path / "CITATION.cff").write_text("title: x\nversion: 1.2.3\n")
    address = '[tool.hatch.metadata.hooks.custom]\naddress = "https://host.example/lrlab"\n'
    (tmp_path / "pyproject.toml").write_text(address)
    return tmp_path


class TestBefore:
    def test_what_is_ready_is_not_refused(self, tool, ready):
        assert not list(tool.wrong_before(ready, "1.2.3", "", ["v1.2.2"]))

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("CHANGELOG.md", "## 1.2.3 (unreleased)\n", "begins with `## 1.2.3 (unreleased)`"),
            ("CHANGELOG.md", "## 1.2.2 (2026-12-01)\n", "must be `## 1.2.3 (year-month-day)`"),
            ("CITATION.cff", "version: 1.2.2\n", "must say `version: 1.2.3`"),
            ("pyproject.toml", '[tool.hatch.metadata.hooks.custom]\naddress = ""', "no address"),
            ("notebooks/00.ipynb", '{"metadata": {}}', "00.ipynb is of another version"),
        ],
    )
    def test_a_file_that_is_not_ready_is_named(self, tool, ready, name, text, said):
        (ready / name).write_text(text)
        (line,) = tool.wrong_before(ready, "1.2.3", "", [])
        assert said in line

    def test_a_tree_with_changes_and_a_tag_that_is_there_are_named(self, tool, ready):
        first, second = tool.wrong_before(ready, "1.2.3", " M lrlab/fit.py\n", ["v1.2.3"])
        assert "M lrlab/fit.py" in first
        assert "tag v1.2.3 is there already" in second

    def test_a_version_is_three_numbers(self, tool, ready):
        assert "is 1.2.dev0" in next(tool.wrong_before(ready, "1.2.dev0", "", []))


class TestBuilt:
    @pytest.fixture
    def built(self, tool, repository, tmp_path):
        """Make a wheel with a description, and an sdist with some files."""

        def make(description="[a](https://host.example/a)", leave_out=""):
            names = [path.name for path in repository.glob("notebooks/*.ipynb")]
            with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
                about = f"Metadata-Version: 2.4\nVersion: 1.2.3\n\n{description}\n"
                wheel.writestr("lrlab-1.2.3.dist-info/METADATA", about)
                for name in names:
                    if name != leave_out:
                        wheel.writestr(f"lrlab/course/notebooks/{name}", "{}")
            with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as sdist:
                files = ["CHANGELOG.md", "LICENSE", "Makefile", "hatch_build.py", "CITATION.cff"]
                for name in files:
                    if name != leave_out:
                        sdist.addfile(tarfile.TarInfo(f"lrlab-1.2.3/{name}"), io.BytesIO())
            return tmp_path / "a.whl", tmp_path / "a.tar.gz", "1.2.3"

        return make

    def test_what_is_whole_is_not_refused(self, tool, built):
        assert not list(tool.wrong_in(*built()))

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"description": "[a](docs/a.md)"}, "links that lead nowhere: docs/a.md"),
            ({"leave_out": "00_start_here.ipynb"}, "lacks notebooks: 00_start_here.ipynb"),
            ({"leave_out": "CITATION.cff"}, "the sdist lacks CITATION.cff"),
        ],
    )
    def test_what_is_missing_is_named(self, tool, built, options, said):
        (line,) = tool.wrong_in(*built(**options))
        assert said in line

    def test_a_wheel_that_is_too_large_or_of_another_version_is_named(
        self, tool, built, monkeypatch
    ):
        wheel, sdist, _ = built()
        monkeypatch.setattr(tool, "LARGEST", 10)
        large, other = tool.wrong_in(wheel, sdist, "1.2.4")
        assert "more than 10" in large
        assert other == "the wheel says version 1.2.3"


class TestMetadata:
    ADDRESS = "https://host.example/o/lrlab"

    def test_the_links_of_the_description_lead_to_the_files_of_the_version(self, build, repository):
        hook = build.Metadata(str(repository), {"address": f"{self.ADDRESS}/"})
        metadata = {}
        hook.update(metadata)
        text = metadata["readme"]["text"]
        tag = f"v{lrlab.__version__}"
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert links
        assert all(re.match(r"https?://|#", link) for link in links)
        for kind, file in re.findall(rf"{self.ADDRESS}/(\w+)/{tag}/([^)#]+)", text):
            assert (repository / file).exists(), file
            assert kind == ("raw" if file.endswith((".png", ".gif")) else "blob")
        assert metadata["urls"]["Source"] == self.ADDRESS
        for url in metadata["urls"].values():
            _, found, file = url.partition(f"/blob/{tag}/")
            assert not found or (repository / file).exists(), url

    def test_other_links_are_left_alone(self, build):
        text = "[a](https://b.example/c.md) [d](#e) [f](mailto:g) ![h](docs/i.png) [j](k.md#l)"
        assert build.absolute(text, self.ADDRESS, "v1") == (
            "[a](https://b.example/c.md) [d](#e) [f](mailto:g) "
            f"![h]({self.ADDRESS}/raw/v1/docs/i.png) [j]({self.ADDRESS}/blob/v1/k.md#l)"
        )

    def test_without_an_address_nothing_is_made_up(self, build):
        assert build.absolute("[a](b.md)", "", "v1") == "[a](b.md)"
        assert build.urls("", "v1") == {}


def test_the_citation_is_of_this_version_and_licence(repository):
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == lrlab.__version__
    assert citation["license"] == "BSD-3-Clause"
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
