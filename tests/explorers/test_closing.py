"""What ends an explorer lets go of it: close(), and its cell that runs again."""

import base64
import gc
import sys
import threading
from types import SimpleNamespace
from weakref import ref

import nbformat
import pytest
from ipywidgets.widgets.widget import _instances
from small import SOON, arguments_of, data, made, model, until

import lrlab
from lrlab import Experiment, LearningRateExplorer
from lrlab.explorers import Explorer, Frame, closing, number_slider

pytestmark = pytest.mark.usefixtures("without_xla")
EVERY_KIND = sorted(name for name in lrlab.__all__ if name.endswith("Explorer"))


def new_experiment():
    return Experiment(model, tuple(data().values()), epochs=3, batch_size=40)


@pytest.fixture(scope="module")
def experiment():
    return new_experiment()


def freed(reference):
    gc.collect()
    return reference() is None


def used(kind, experiment):
    """An explorer of this kind, after some use, without the thread that it had."""
    explorer = getattr(lrlab, kind)(*arguments_of(kind, experiment))
    explorer.wait(SOON)
    if kind == "LearningRateDialExplorer":
        explorer.step(2)
    explorer.wait(SOON)
    explorer.pin()
    explorer._code_toggle.value = True
    explorer._picture.dark = True
    return explorer


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_closed_explorer_leaves_no_widget_no_work_and_no_object(kind, experiment):
    widgets = set(_instances)
    explorer = used(kind, experiment)
    assert len(_instances) > len(widgets) + 20
    explorer.close()
    assert set(_instances) == widgets
    reference = ref(explorer)
    del explorer
    assert freed(reference)


@pytest.mark.parametrize(
    "kind",  # each of which keeps runs or trainings in a way of its own
    ["DecayMapExplorer", "LearningRateDialExplorer", "OptimizerExplorer", "RangeTestExplorer"],
)
def test_an_experiment_that_nobody_else_holds_goes_though_the_closed_explorer_stays(kind):
    """A notebook's `Out` keeps whatever a cell has shown."""
    explorer = used(kind, new_experiment())
    experiment = ref(explorer.experiment)
    explorer.close()
    until(lambda: freed(experiment))


def test_a_run_that_somebody_holds_has_its_code_as_ever(experiment):
    explorer = used("LearningRateExplorer", experiment)
    run, code = explorer.runs[-1], explorer.code
    explorer.close()
    assert run.code == code


def test_whoever_uses_it_then_reads_what_has_happened(experiment):
    explorer = used("LearningRateExplorer", experiment)
    explorer.close()
    explorer.close()
    for use in (explorer.run, lambda: explorer.code, lambda: explorer.experiment):
        with pytest.raises(RuntimeError, match="closed, by close"):
            use()
    explorer.learning_rate.value = 0.3
    assert explorer.wait(SOON) is None


class Waits(Explorer):
    """Begins its work, and ends it when it is let go."""

    def __init__(self):
        super().__init__([number_slider("upto", 3, 1, 9, "How far", step=1)])
        self.began, self.go_on = threading.Event(), threading.Event()

    def settings(self):
        return self.upto.value

    def work(self, settings):
        self.began.set()
        assert self.go_on.wait(SOON)
        self.runs.append(settings)
        yield Frame(settings, "late", always=True)

    def draw(self, settings, shown):
        return self.figure("late", bytes), ""

    label = row = None
    code = "..."

    def result(self):
        return "done"


def test_what_could_not_be_made_is_closed_without_a_word(experiment, monkeypatch):
    """As ipywidgets has it, when an object goes."""
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with pytest.raises(ValueError, match="racers"):
        lrlab.OptimizerExplorer(experiment, racers=["Eve"])
    gc.collect()
    assert [each for each in said if "Widget" in repr(each.object)] == []


def test_work_that_ends_after_it_is_forgotten_too():
    explorer = Waits()
    explorer.run()
    assert explorer.began.wait(SOON)
    explorer.close()
    explorer.go_on.set()
    assert explorer._worker.wait(SOON)
    assert (list(explorer.runs), explorer._figures, explorer._frame) == ([], {}, None)


class TestCells:
    @pytest.fixture
    def cell(self, monkeypatch):
        """Pretend that a cell of JupyterLab runs; call it with the id of cell and execution."""
        parent = {}
        shell = SimpleNamespace(get_parent=lambda: parent)
        ipython = SimpleNamespace(get_ipython=lambda: shell)
        monkeypatch.setattr(closing, "sys", SimpleNamespace(modules={"IPython": ipython}))
        monkeypatch.setattr(closing, "_CELLS", {})

        def execute(cell, execution):
            parent.update(metadata={"cellId": cell}, header={"msg_id": execution})

        return execute

    def test_a_cell_that_runs_again_closes_what_it_had_made(self, experiment, cell):
        cell("a", "1")
        old = [LearningRateExplorer(experiment), LearningRateExplorer(experiment)]
        cell("a", "2")
        with made(LearningRateExplorer, experiment, learning_rate=0.1) as new:
            assert [each.comm for each in old] == [None, None]
            assert new.wait(SOON).schedule == pytest.approx(0.1)

    def test_another_cell_and_the_same_run_of_it_close_nothing(self, experiment, cell):
        cell("a", "1")
        explorers = [LearningRateExplorer(experiment), LearningRateExplorer(experiment)]
        cell("b", "2")
        explorers.append(LearningRateExplorer(experiment))
        assert all(explorer.wait(SOON) for explorer in explorers)

    def test_where_a_cell_has_no_id_nothing_is_kept(self, experiment, cell):
        cell(None, "1")
        LearningRateExplorer(experiment).wait(SOON)
        assert closing._CELLS == {}

    def test_the_next_explorer_begins_with_the_picture_of_the_last_greyed(self, experiment, cell):
        cell("a", "1")
        first, other = LearningRateExplorer(experiment), Waits()
        first.wait(SOON)
        shown = first.picture
        cell("a", "2")
        with made(Waits) as waits, made(LearningRateExplorer, experiment) as second:
            assert waits.picture == other.picture == b""
            assert (second.picture, second._picture.stale) == (shown, True)
            waits.go_on.set()
            second.wait(SOON)
            assert not second._picture.stale
        assert LearningRateExplorer(experiment).picture == b"", "there was only one"

    def test_in_a_new_kernel_it_is_the_one_in_the_notebooks_file(
        self, experiment, cell, tmp_path, monkeypatch
    ):
        def output(name, png, **metadata):
            data = {"text/plain": f"{name}: ...", "image/png": base64.b64encode(png).decode()}
            return nbformat.v4.new_output("display_data", data, metadata=metadata)

        outputs = [
            nbformat.v4.new_output("stream", text="..."),
            output("LearningRateExplorer", b"as it began"),
            output("StepDecayExplorer", b"of another kind"),
            output("LearningRateExplorer", b"in the end", lrlab="..."),
        ]
        code = nbformat.v4.new_code_cell("...", id="a", outputs=outputs)
        plain = nbformat.v4.new_code_cell("...", id="b", outputs=outputs[:2])
        file = tmp_path / "notebook.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[code, plain]), file)
        monkeypatch.setenv("JPY_SESSION_NAME", str(file))
        for name, picture in (("a", b"in the end"), ("b", b"as it began"), ("c", b"")):
            cell(name, "1")
            explorer = LearningRateExplorer(experiment)
            assert explorer.picture == picture
        file.write_text("no notebook")
        cell("d", "1")
        assert LearningRateExplorer(experiment).picture == b""

    def test_however_often_it_runs_it_leaves_no_graph_and_takes_no_further_thread(self, cell):
        """TensorFlow would keep a megabyte for good for each training step that it has traced."""
        graphs, threads, shown = set(), [], []
        for execution in range(4):
            cell("a", str(execution))
            shown.append(LearningRateExplorer(new_experiment()))
            shown[-1].wait(SOON)
            gc.collect()
            graphs.add(sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects()))
            threads.append(sum(each.name == "lrlab" for each in threading.enumerate()))
        assert len(graphs) == 1
        assert threads[-1] <= threads[0]

    def test_what_a_cell_made_is_not_kept_for_it(self, experiment, cell):
        cell("a", "1")
        explorer = LearningRateExplorer(experiment)
        explorer.close()
        reference = ref(explorer)
        del explorer
        assert freed(reference)
