"""What a stored notebook must be: for nbval to compare, GitHub to show and anyone to open."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

import lrlab
from lrlab.course import PATH
from lrlab.exercises.judging import QUESTIONS

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted(REPOSITORY.glob("notebooks/*.ipynb"))
# Folders of one machine, on Linux, macOS and Windows.
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:home|root|tmp|Users|opt|mnt|workspace)/|\b[A-Z]:\\\\?Users"
)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


def without_pictures(notebook: nbformat.NotebookNode) -> str:
    for output in outputs(notebook):
        for kind in [kind for kind in output.get("data", {}) if kind.startswith("image/")]:
            del output.data[kind]
    return nbformat.writes(notebook)


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_is_a_valid_notebook_with_cell_ids(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@every_notebook
def test_ran_from_top_to_bottom(path):
    """A cell without an execution count is not compared by nbval."""
    counts = [cell.execution_count for cell in read(path).cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_has_no_error_and_nothing_on_stderr(path):
    assert not [o for o in outputs(read(path)) if o.output_type == "error"]
    assert not [o for o in outputs(read(path)) if o.get("name") == "stderr"]


@every_notebook
def test_stores_no_widget_state(path):
    """With it nbconvert prefers a view that needs the network, and GitHub may refuse the page."""
    assert "widgets" not in read(path).metadata


@every_notebook
def test_tells_nothing_about_the_machine_that_ran_it(path):
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info
    assert not [cell.id for cell in notebook.cells if "execution" in cell.metadata]
    text = without_pictures(notebook)
    assert not MACHINE_PATH.search(text)
    assert str(REPOSITORY) not in text


@every_notebook
def test_says_which_lrlab_it_belongs_to(path):
    assert read(path).metadata.lrlab.version == lrlab.__version__


@every_notebook
def test_is_small(path):
    assert path.stat().st_size < 400_000


@every_notebook
def test_no_cell_escapes_comparison(path):
    """nbval's markers would turn a cell's comparison off."""
    for cell in read(path).cells:
        tags = " ".join(cell.metadata.get("tags", [])).lower().replace("-", "_")
        assert not re.search(
            r"(nbval|pytest_validate)_(ignore_output|skip)", tags + cell.source.lower()
        )


def title(notebook: nbformat.NotebookNode) -> str:
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def minutes(notebook: nbformat.NotebookNode) -> str:
    (time,) = re.findall(r"\*\*Time:\*\* (.+? minutes)", notebook.cells[0].source)
    return time


@every_notebook
def test_begins_with_a_question_what_it_teaches_and_how_long_it_takes(path):
    notebook = read(path)
    assert re.fullmatch(r"[A-Z].*\?", title(notebook))
    assert "**Afterwards you can**" in notebook.cells[0].source
    assert re.search(r"\d+", minutes(notebook))


ORDER = [
    (kind, REPOSITORY / "notebooks" / f"{name}.ipynb")
    for kind, names in PATH.items()
    for name in names
]


def test_each_notebook_stands_once_on_the_path_or_beside_it():
    assert sorted(path for _, path in ORDER) == NOTEBOOKS


@pytest.mark.parametrize(("kind", "path"), ORDER, ids=lambda value: getattr(value, "name", value))
def test_a_head_says_its_kind_and_needs_nothing_that_comes_later_or_is_not_on_the_path(kind, path):
    head = read(path).cells[0].source
    place, how = "beside", PATH["How"]
    if kind == "How":
        place = f"{how.index(path.stem) + 1} of {len(how)} on"
    assert head.count(f"\n**{kind}**, {place} [the path](") == 1
    names = [path.stem for _, path in ORDER]
    for needed in re.findall(r"\((\d\d_\w+)\.ipynb\)", head.partition("**You need:**")[2]):
        assert names.index(needed) < names.index(path.stem)
        assert kind != "How" or needed in how


def test_next_follows_the_path():
    paths = [path for _, path in ORDER]
    for path, after in zip(paths, [*paths[1:], paths[0]], strict=True):
        words = "Next" if after != paths[0] else "Back to"
        link = f"**{words}:** [{title(read(after))}]({after.name})"
        assert read(path).cells[-1].source.endswith(link)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def is_folded(cell: nbformat.NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def is_solution(cell: nbformat.NotebookNode) -> bool:
    return is_folded(cell) and "solution=True" in cell.source


@every_notebook
def test_has_exercises_each_with_a_folded_solution(path):
    checking = [cell for cell in code_cells(path) if "lrlab.check(" in cell.source]
    solutions = [cell for cell in checking if is_solution(cell)]
    assert solutions
    assert len(checking) == 2 * len(solutions)  # each has its stub
    for cell in checking:
        # What a student hands in must not hold the notebook's own answers.
        assert ("solution=True" in cell.source) == (cell in solutions)
        if cell not in solutions:
            assert "not answered yet" in cell.outputs[-1].data["text/plain"]


@every_notebook
def test_a_folded_solution_gives_nothing_away(path):
    """JupyterLab shows its first line, and its output; JupyterBook and MyST fold by the tag."""
    solutions = [cell for cell in code_cells(path) if is_solution(cell)]
    for number, cell in enumerate(solutions, start=1):
        which = f" of exercise {number}" if len(solutions) > 1 else ""
        assert cell.source.splitlines()[0] == f"# Solution{which}"
        assert cell.metadata.tags == ["hide-cell"]
        (name,) = re.findall(r'lrlab\.check\("(.+?)"', cell.source)
        (output,) = cell.outputs
        assert output.data == {"text/plain": f"Exercise {name}: the solution passes."}


@every_notebook
def test_what_a_solution_answers_stands_in_no_other_cell(path):
    cells = code_cells(path)
    visible = "".join(cell.source for cell in cells if not is_solution(cell))
    for cell in filter(is_solution, cells):
        (answer,) = re.findall(r'lrlab\.check\(".+?", (.+), solution=True\)', cell.source)
        lines = [line.strip() for line in cell.source.splitlines()[1:]]
        made = [line for line in lines if line and not line.startswith(("lrlab.check(", "def "))]
        if answer.isdigit():  # the line with a slip
            continue
        if not answer.isidentifier():
            made.append(answer)
        assert [line for line in made if line not in visible]


@every_notebook
def test_what_else_is_folded_says_what_it_is_in_its_first_line(path):
    """Data that were shown before, and code that only draws."""
    for cell in code_cells(path):
        if is_folded(cell) and not is_solution(cell) and cell.id != "install":
            assert re.match(r"# [A-Z]\w+ ", cell.source)
            assert cell.metadata.tags == ["hide-input" if cell.outputs else "hide-cell"]


INSTALL = """\
# Installs lrlab where it is missing, as in Colab. Elsewhere it does nothing.
import importlib.util

if importlib.util.find_spec("lrlab") is None:
    %pip install -q "lrlab[{extras}]\""""
EXTRAS = {"11_the_map.ipynb": "tensorflow,cluster,export,tensorboard"}
# What its argument, a cell, asks of pip: here, and where nothing is installed.
ASKED_OF_PIP = """
import importlib.util, sys
from IPython.core.interactiveshell import InteractiveShell
shell, asked = InteractiveShell(), []
shell.register_magic_function(asked.append, magic_name="pip")
for found in (importlib.util.find_spec, lambda name: None):
    importlib.util.find_spec = found
    shell.run_cell(sys.argv[1]).raise_error()
    print(asked)
"""


@every_notebook
def test_a_folded_cell_before_the_first_import_installs_lrlab_where_it_is_missing(path):
    """Pages leave it out. JupyterLab shows its first line."""
    install, setup = code_cells(path)[:2]
    extras = EXTRAS.get(path.name, "tensorflow")
    assert install.source == INSTALL.format(extras=extras)
    assert (install.id, install.outputs, is_folded(install)) == ("install", [], True)
    assert install.metadata.tags == ["remove-cell"]
    assert setup.source.startswith("import lrlab\n")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert {*extras.split(",")} <= {*project["optional-dependencies"]}


@pytest.mark.parametrize("extras", ["tensorflow", *EXTRAS.values()])
def test_that_cell_asks_pip_for_nothing_where_lrlab_is_installed(extras, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", ASKED_OF_PIP, INSTALL.format(extras=extras)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["[]", f"['install -q \"lrlab[{extras}]\"']"]
    assert done.stderr == ""


@every_notebook
def test_asks_for_a_prediction_and_scores_it_and_gives_no_answer_away(path):
    """What is right stands in lrlab/course."""
    cells = code_cells(path)
    (asked,) = [number for number, cell in enumerate(cells) if "lrlab.predict(" in cell.source]
    (scored,) = [number for number, cell in enumerate(cells) if ".score(" in cell.source]
    assert asked < scored
    (name,) = re.findall(r'"(.+)"', cells[asked].source)
    assert cells[asked].source == f'prediction = lrlab.predict("{name}")\nprediction'
    assert cells[asked].outputs[0].data["text/plain"] == "Prediction: not answered yet"
    assert cells[scored].source == "prediction.score()"
    assert cells[scored].outputs[0].data["text/plain"].startswith("Not answered yet")
    lrlab.predict(name)
    text = without_pictures(read(path))
    question = QUESTIONS[name]
    assert not [reason for reason in question.reasons.values() if reason in text]
    for cell in cells[asked + 1 : scored + 1]:
        assert f'"{question.right}"' not in cell.source
        assert question.right not in json.dumps([output.get("text") for output in cell.outputs])


def stems(words: str) -> set[str]:
    return {word[:5].lower() for word in re.findall(r"[A-Za-z]{5,}", words)} - {"epoch", "start"}


@every_notebook
def test_the_aim_has_no_word_that_only_the_right_choice_of_the_prediction_has(path):
    (name,) = re.findall(r'lrlab\.predict\("(.+)"\)', "".join(c.source for c in code_cells(path)))
    lrlab.predict(name)
    question, head = QUESTIONS[name], read(path).cells[0].source
    others = [choice for choice in question.reasons if choice != question.right]
    only = stems(question.right) - stems(" ".join([question.words, *others]))
    assert not only & stems(head.partition("**Time:**")[0])


WITH_QUICK_QUESTIONS = [path for path in NOTEBOOKS if "lrlab.ask(" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", WITH_QUICK_QUESTIONS, ids=lambda path: path.name)
def test_ends_with_two_or_three_quick_questions_one_of_an_earlier_notebook(path):
    notebook = read(path)
    cells = [cell for cell in code_cells(path) if "lrlab.ask(" in cell.source]
    assert len(cells) in (2, 3)
    names = [re.fullmatch(r'lrlab\.ask\("(.+)"\)', cell.source)[1] for cell in cells]
    assert [cell.outputs[0].data["text/plain"] for cell in cells] == (
        ["QuickQuestion: not answered yet"] * len(cells)
    )
    lrlab.ask(names[0])
    assert [cell for cell in notebook.cells if cell.id == "remember"] == notebook.cells[-1:]
    text = without_pictures(notebook)
    words = [QUESTIONS[name].words for name in names]
    assert not [r for name in names for r in QUESTIONS[name].reasons.values() if r in text]
    way = [path.name[:2] for _, path in ORDER]
    earlier = [number for text in words for number in re.findall(r"^From notebook (\d\d): ", text)]
    assert len(earlier) == (path.name[:2] != "00")
    assert all(way.index(number) < way.index(path.name[:2]) for number in earlier)


@every_notebook
def test_has_no_long_cell(path):
    long = [c.id for c in read(path).cells if c.cell_type == "code" and c.source.count("\n") > 18]
    assert long == []


def test_the_first_one_lists_all_with_the_kind_of_each_and_the_time_it_takes():
    (text,) = [cell.source for cell in read(NOTEBOOKS[0]).cells if cell.id == "path-table"]
    rows = [
        f"| {kind} | [{title(read(path))}]({path.name}) | {minutes(read(path))} |"
        for kind, path in ORDER[1:]
    ]
    assert text.endswith("\n".join(rows))


def test_every_link_to_a_notebook_has_its_title_and_leads_somewhere():
    titles = {path.name: title(read(path)) for path in NOTEBOOKS}
    for path in NOTEBOOKS:
        text = "".join(cell.source for cell in read(path).cells)
        for words, name in re.findall(r"\[([^\]]*)\]\((\d\d_\w+\.ipynb)", text):
            assert name in titles, (path.name, name)
            assert words == titles[name] or words[0].islower(), (path.name, words)
