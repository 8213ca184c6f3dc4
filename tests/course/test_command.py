"""The command `lrlab`: copies of the course, JupyterLab on them, a look at an installation."""

import doctest
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from jupyterlab.labapp import LabApp

import lrlab
from lrlab.course import copying, installation
from lrlab.course.command import main
from lrlab.course.copying import copy_course

NAMES = sorted(
    path.name for path in (Path(lrlab.__file__).parents[1] / "notebooks").glob("*.ipynb")
)


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(copying).failed == 0


def test_the_parts_load_neither_keras_nor_jupyter():
    code = (
        "import sys, lrlab.course.command, lrlab.course.copying, lrlab.course.installation\n"
        "print(sorted({'keras', 'tensorflow', 'jupyterlab', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class TestCopy:
    def test_a_copy_has_all_notebooks_with_their_version_and_its_links_lead_to_files(
        self, tmp_path, capsys
    ):
        assert main(["copy", str(tmp_path / "a" / "b")]) == 0
        assert f"{len(NAMES) + 4} files copied" in capsys.readouterr().out
        folder = tmp_path / "a" / "b"
        assert sorted(path.name for path in folder.glob("*.ipynb")) == NAMES
        for path in [*folder.glob("*.ipynb"), *folder.glob("docs/*.md")]:
            text = path.read_text(encoding="utf-8")
            for link in re.findall(r"\]\(((?:[\w.-]+/)*[\w-]+\.(?:md|ipynb|png))[#)]", text):
                assert (path.parent / link).is_file(), (path.name, link)
            if path.suffix == ".ipynb":
                assert json.loads(text)["metadata"]["lrlab"]["version"] == lrlab.__version__

    def test_what_was_changed_is_kept_and_named(self, tmp_path):
        copy_course(tmp_path)
        changed = tmp_path / NAMES[3]
        changed.write_text("mine")
        again = copy_course(tmp_path)
        assert (again.written, again.kept, len(again.same)) == ([], [NAMES[3]], len(NAMES) + 3)
        assert changed.read_text() == "mine"
        assert f"because it was changed here: {NAMES[3]}\n" in f"{again}\n"
        assert copy_course(tmp_path).kept == [NAMES[3]]  # the second time, too

    def test_what_is_missing_comes_back(self, tmp_path):
        copy_course(tmp_path)
        (tmp_path / NAMES[0]).unlink()
        assert copy_course(tmp_path).written == [NAMES[0]]

    def test_a_file_of_another_version_that_nobody_changed_is_brought_to_this_one(
        self, tmp_path, monkeypatch
    ):
        files = copying._files()
        older = {name: content + b"\n" for name, content in files.items()}
        monkeypatch.setattr(copying, "_files", lambda: older)
        copy_course(tmp_path)
        mine = tmp_path / NAMES[1]
        notebook = json.loads(mine.read_text(encoding="utf-8"))
        notebook["metadata"]["lrlab"]["version"] = "0.0.9"
        mine.write_text(json.dumps(notebook), encoding="utf-8")
        monkeypatch.setattr(copying, "_files", lambda: files)
        newer = copy_course(tmp_path)
        assert newer.kept == [NAMES[1]]
        assert len(newer.written) == len(files) - 1
        assert (tmp_path / NAMES[0]).read_bytes() == files[NAMES[0]]
        assert f"{NAMES[1]} (of lrlab 0.0.9)\nFor fresh ones name another folder." in str(newer)

    @pytest.mark.parametrize("damage", ["", "{", "[1]", "null"])
    def test_without_a_readable_list_nothing_is_overwritten(self, tmp_path, damage):
        copy_course(tmp_path)
        (tmp_path / ".lrlab-course.json").write_text(damage)
        (tmp_path / NAMES[0]).write_text("mine")
        assert copy_course(tmp_path).kept == [NAMES[0]]

    def test_a_folder_in_the_place_of_a_notebook_is_kept(self, tmp_path):
        (tmp_path / NAMES[0]).mkdir()
        assert copy_course(tmp_path).kept == [NAMES[0]]

    def test_the_checkout_itself_is_left_alone(self, repository):
        before = sorted((repository / "notebooks").iterdir())
        assert copy_course(repository / "notebooks").written == []
        assert sorted((repository / "notebooks").iterdir()) == before

    def test_a_file_is_no_folder(self, tmp_path, capsys):
        path = tmp_path / "notes.txt"
        path.write_text("mine")
        assert main(["copy", str(path)]) == 2
        assert re.search(
            r"lrlab copy: .*into a folder\. Received: .*notes", capsys.readouterr().err
        )

    def test_a_wheel_holds_what_is_copied(self, repository):
        settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["hatch"]
        wheel = settings["build"]["targets"]["wheel"]
        pages = {f"/docs/{name}" for name in copying._PAGES}
        assert set(wheel["include"]) == {"/lrlab", "/notebooks/*.ipynb", *pages}
        assert wheel["sources"] == {name: f"lrlab/course/{name}" for name in ("notebooks", "docs")}
        linked = set()
        for name in NAMES:
            text = (repository / "notebooks" / name).read_text(encoding="utf-8")
            linked |= set(re.findall(r"\]\(\.\./docs/([\w.-]+)", text))
        assert linked <= {*copying._PAGES}

    def test_the_command_is_the_one_that_is_installed(self, repository):
        project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
        module, _, name = project["scripts"]["lrlab"].partition(":")
        assert getattr(import_module(module), name) is main


class TestLab:
    @pytest.fixture
    def launched(self, monkeypatch):
        """The arguments that JupyterLab is started with."""
        found = []
        monkeypatch.setattr(LabApp, "launch_instance", found.extend)
        for name in ("JUPYTER_PREFER_ENV_PATH", "JUPYTER_CONFIG_PATH"):
            monkeypatch.setenv(name, "")
        return found

    def test_it_opens_the_first_notebook_of_the_copy_with_the_settings_of_lrlab(
        self, launched, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        assert main(["lab", "--no-browser", "--port=9999"]) == 0
        folder = tmp_path / "lrlab-course"
        assert sorted(path.name for path in folder.glob("*.ipynb")) == NAMES
        assert {
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={folder}",
            "--ServerApp.jpserver_extensions=lrlab.server=True",
            "--LabApp.default_url=/lab/tree/00_start_here.ipynb",
        } <= set(launched)
        assert launched[-2:] == ["--no-browser", "--port=9999"]
        assert os.environ["JUPYTER_PREFER_ENV_PATH"] == "1"
        settings = Path(os.environ["JUPYTER_CONFIG_PATH"], "labconfig")
        news = json.loads((settings / "default_setting_overrides.json").read_text())
        assert news["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false"}

    def test_settings_of_the_user_come_first(self, launched, tmp_path, monkeypatch):
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/own")
        assert main(["lab", str(tmp_path)]) == 0
        assert os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep)[0] == "/own"

    def test_without_jupyterlab_it_says_what_to_install(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
        assert main(["lab", str(tmp_path)]) == 2
        assert 'pip install "lrlab[cpu,lab]"' in capsys.readouterr().err

    def test_other_commands_take_no_options_of_jupyterlab(self, tmp_path, capsys):
        with pytest.raises(SystemExit):
            main(["copy", str(tmp_path), "--no-browser"])
        assert "unrecognized arguments: --no-browser" in capsys.readouterr().err


class TestCheckInstall:
    def test_this_installation_is_good(self, monkeypatch, capsys):
        monkeypatch.setattr(installation, "_free_memory", lambda: iter([2e9]))
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
        assert main(["check-install"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line[:4] for line in lines] == ["ok  "] * 6
        assert lines[0].endswith(f"with lrlab {lrlab.__version__}")
        assert "a first training: " in lines[-1]
        assert lines[-1].endswith(": good")

    def test_a_package_that_is_missing_or_too_old_is_named(self, monkeypatch):
        versions = {"keras": "3.9.2", "anywidget": "", "ipywidgets": "9.0.0"}
        real = installation._version
        monkeypatch.setattr(installation, "_version", lambda name: versions.get(name, real(name)))
        finding = installation._packages()
        assert not finding.good
        said = "keras 3.9.2, ipywidgets 9.0.0, anywidget is missing. Install them: pip install"
        assert f"FIX packages: {said}" in str(finding)

    def test_versions_are_compared_as_numbers(self):
        ranges = {"keras<4,>=3.15", "tensorflow-cpu<3,>=2.21"}
        assert installation._within("3.100", "keras", ranges)
        assert not installation._within("3.9", "keras", ranges)
        assert not installation._within("4.0", "keras", ranges)
        assert not installation._within("2.20.1", "tensorflow", ranges)
        assert installation._within("1.0", "unlisted", ranges)

    def test_a_page_that_cannot_show_widgets_is_told_what_to_install(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        finding = installation._widgets()
        assert not finding.good
        assert "no anywidget or ipywidgets: pip install --force-reinstall" in finding.words

    def test_another_jupyter_on_the_path_is_named(self, monkeypatch, tmp_path):
        other = tmp_path / "jupyter-lab"
        other.write_text("#!/bin/sh\n")
        other.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        finding = installation._command_of_jupyter()
        assert not finding.good
        assert f"would open {other}, of another Python" in finding.words

    @pytest.mark.parametrize(
        ("limits", "good", "said"),
        [
            ([8e9, 0.4e9], False, "memory: 0.4 GB free. Close other programs and kernels"),
            ([8e9], True, "memory: 8.0 GB free; a notebook needs 1.3 GB"),
            ([], True, "memory: cannot be read here"),
        ],
    )
    def test_the_least_of_the_limits_counts(self, monkeypatch, limits, good, said):
        monkeypatch.setattr(installation, "_free_memory", lambda: iter(limits))
        finding = installation._memory()
        assert finding.good is good
        assert said in finding.words

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "a lack of memory"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "a newer processor"),
            ("raise ImportError('TensorFlow is not installed here.')", "TensorFlow is not inst"),
            ("import sys; sys.exit(1)", "no word of why"),
        ],
    )
    def test_a_training_that_fails_says_why_and_what_to_do(self, monkeypatch, code, said, capsys):
        monkeypatch.setattr(installation, "_TRAINING", code)
        assert main(["check-install"]) == 1
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith("FIX a first training: ")
        assert said in last
