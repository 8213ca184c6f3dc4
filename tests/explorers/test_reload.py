"""Pictures that are not of the controls, kernels that do not answer, and reloads."""

import base64
import re
from collections.abc import Callable

import nbformat
import pytest
from lab import GIVEN_UP, RATE, TINY, Lab, Notebook
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

VIEW = "application/vnd.jupyter.widget-view+json"
STALE = re.compile(r"\blrlab-stale\b")
BUSY = "Waiting for the kernel"
GONE = "The kernel is gone: run this cell again."
# Notes what an explorer looks like, whenever that changes.
WATCH = """(root) => {
  const image = root.querySelector('img.lrlab-picture');
  const readout = root.querySelector('.lrlab-readout');
  window.seen = [];
  const look = () => {
    const now = [root.classList.contains('lrlab-stale'), readout.innerText, image.src].join('|');
    if (now !== seen.at(-1)) seen.push(now);
    requestAnimationFrame(look);
  };
  look();
}"""
EXECUTE = """(code) => {
  const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
  kernel.requestExecute({ code, store_history: false });
}"""


def seen(page: Page) -> list[list[str]]:
    """What was noted: whether the picture was greyed, the words below it, and the picture."""
    return [state.split("|") for state in page.evaluate("window.seen")]


def kept(notebook: nbformat.NotebookNode) -> list[bytes]:
    """The pictures beside the first explorer of a notebook."""
    first, *others = next(cell.outputs for cell in notebook.cells if "Explorer" in cell.source)
    assert VIEW in first.data
    return [base64.b64decode(output.data["image/png"]) for output in others]


class HalfFinished:
    """A notebook, its page and its file."""

    def __init__(self, page: Page, lab: Lab, cells: list[str]) -> None:
        self.page, self.lab, self.name = page, lab, lab.write("half.ipynb", cells)
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self._said(str(error)))
        page.on("console", lambda said: self._said(said.text) if said.type == "error" else None)
        self.notebook = Notebook(page, lab, self.name)
        self.explorer = self.notebook.explorer()

    def _said(self, error: str) -> None:
        """Note an error, but for what ipywidgets says of a kernel that has ended."""
        if "widget model not found" not in error and GIVEN_UP not in error:
            self.complaints.append(error)

    @property
    def context(self) -> str:
        return "jupyterapp.shell.currentWidget.context"

    def move(self) -> bytes:
        """Press an arrow key; return the picture once it is there and kept in the notebook."""
        before = self.explorer.png()
        self.explorer.slider(RATE).press("ArrowRight")
        self.explorer.wait_for_picture(other_than=before)
        expect(self.explorer.root).not_to_have_class(STALE)
        self.page.wait_for_function(
            f"""() => {{
              const image = document.querySelector('.lrlab-picture').src.split(',')[1];
              const {{ outputs }} = {self.context}.model.cells.get(1);
              return outputs.length === 2 && outputs.get(1).data['image/png'] === image;
            }}"""
        )
        return self.explorer.png()

    def save(self) -> nbformat.NotebookNode:
        self.page.evaluate(f"{self.context}.save()")
        return nbformat.read(self.lab.folder / self.name, as_version=4)

    def reload(self) -> None:
        self.page.reload()
        self.notebook.wait_until_idle()


def test_a_half_finished_session_keeps_its_pictures(browser: Browser, lab: Lab) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    cells = [TINY, "explorer = lrlab.LearningRateExplorer(tiny)\nexplorer", "1 + 1"]
    half = HalfFinished(page, lab, cells)
    notebook, explorer = half.notebook, half.explorer
    page.evaluate(f"{half.context}.model.cells.get(2).sharedModel.setSource('raise SystemExit')")
    notebook.command("notebook:run-all-above")
    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 2")
    notebook.command("notebook:run-all-above")
    explorer.wait_for_picture()
    expect(explorer.root).not_to_have_class(STALE)

    # What is kept changes beside the explorer, which stays the same, with its focus.
    explorer.picture.evaluate("(image) => (image.once = true)")
    first, second = half.move(), half.move()
    assert explorer.picture.evaluate("(image) => image.once")
    assert explorer.slider(RATE).evaluate("(handle) => handle === document.activeElement")
    expect(page.locator(".lrlab-kept")).to_be_hidden()
    file = half.save()
    assert kept(file) == [second] != [first]

    # As a page of HTML, and where the notebook is not trusted, in Notebook 7.
    assert base64.b64encode(second).decode() in HTMLExporter().from_notebook_node(file)[0]
    file.cells[2].source += "  # no signature fits"
    nbformat.write(file, lab.folder / "untrusted.ipynb")
    other = browser.new_page()
    other.goto(f"{lab.url}notebooks/untrusted.ipynb?token={lab.token}")
    expect(other.locator(".lrlab-kept img")).to_be_visible(timeout=60_000)
    expect(other.locator(".lrlab-kept")).to_contain_text("Run this cell")
    shown = other.locator(".lrlab-kept img").get_attribute("src")
    assert (shown or "").endswith(base64.b64encode(second).decode())
    other.close()

    # The kernel lives: the controls are back, as they were, and what they do is kept as well.
    position = explorer.position(RATE)
    half.reload()
    expect(explorer.root).to_be_visible(timeout=30_000)
    assert explorer.wait_for_picture() == second
    assert explorer.position(RATE) == position
    expect(page.locator(".lrlab-kept")).to_be_hidden()
    assert not page.evaluate(f"{half.context}.model.dirty")
    third = half.move()
    assert kept(half.save()) == [third]

    # It ends: that is said, and what comes back is the picture, in place of an error.
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    expect(explorer.readout).to_have_text(GONE)
    expect(explorer.root).to_have_class(STALE)
    half.reload()
    expect(page.locator(".lrlab-kept img")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("model not found")).to_have_count(1)
    expect(page.get_by_text("model not found")).to_be_hidden()

    # In a new kernel the picture stays, greyed, until the first training is there.
    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 2")
    notebook.command("notebook:run-all-above")
    expect(explorer.root).to_be_visible(timeout=60_000)
    explorer.root.evaluate(WATCH)
    explorer.wait_for_picture(other_than=third)
    expect(explorer.root).not_to_have_class(STALE)
    states = seen(page)
    earlier = [state for state in states if base64.b64decode(state[2].split(",")[1]) == third]
    assert {stale for stale, _, _ in earlier} == {"true"}
    assert states[-1][0] == "false"
    assert half.complaints == []

    # A restart is an end, too; JupyterLab itself complains of what it had asked the old kernel.
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    expect(explorer.readout).to_have_text(GONE)
    expect(explorer.root).to_have_class(STALE)
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def test_an_explorer_in_somebodys_own_box_keeps_its_picture(browser: Browser, lab: Lab) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    box = (
        "import ipywidgets\n"
        "explorer = lrlab.LearningRateExplorer(tiny)\n"
        "ipywidgets.VBox([ipywidgets.HTML('Mine'), ipywidgets.HBox([explorer])])"
    )
    half = HalfFinished(page, lab, [TINY, box])
    half.notebook.run_all()
    half.explorer.wait_for_picture()
    expect(half.explorer.root).not_to_have_class(STALE)
    picture = half.move()
    file = half.save()
    assert kept(file) == [picture]
    text = file.cells[1].outputs[1].data["text/plain"]
    assert text.startswith("LearningRateExplorer: ")

    # The kernel lives, then it has ended.
    half.reload()
    expect(half.explorer.root).to_be_visible(timeout=30_000)
    expect(page.locator(".lrlab-kept")).to_be_hidden()
    assert half.complaints == []
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    expect(half.explorer.readout).to_have_text(GONE)
    half.reload()
    expect(page.locator(".lrlab-kept img")).to_be_visible(timeout=30_000)
    page.close()


def test_a_picture_that_is_not_of_the_controls_says_so(
    open_notebook: Callable[[str], Notebook], lab: Lab, no_complaints: None
) -> None:
    cells = [
        TINY,
        "first = lrlab.LearningRateExplorer(tiny, learning_rate=0.1)\nfirst",
        "second = lrlab.ScheduleExplorer(tiny, schedule='one-cycle')\nsecond",
        "first.wait(), second.wait();",
    ]
    with open_notebook(lab.write("stale.ipynb", cells)) as notebook:
        page, first, _second = notebook.page, notebook.explorer(0), notebook.explorer(1)
        expect(first.root).not_to_have_class(STALE)
        page.wait_for_function(  # for the width that there is room for
            "(image) => image.naturalWidth < 1.2 * image.clientWidth",
            arg=first.picture.element_handle(),
        )
        said, before = first.readout.inner_text(), first.png()

        # Its training has to wait: grey, and a word, until the picture is there.
        notebook.ask("half = tiny.follow(0.1); next(half)")
        first.root.evaluate(WATCH)
        first.slider(RATE).press("ArrowRight")
        expect(first.readout).to_contain_text("is unfinished")
        notebook.ask("half.close()")
        first.wait_for_picture(other_than=before)
        expect(first.root).not_to_have_class(STALE)
        states = seen(page)
        assert [states[0][:2], states[-1][0]] == [["false", said], "false"]
        greyed = [words for stale, words, _ in states if stale == "true"]
        assert said not in greyed
        assert "is unfinished" in greyed[-1]
        assert {picture for stale, _, picture in states if stale == "true"} == {states[0][2]}

        # Another cell keeps the kernel busy: the slider moves and nothing answers.
        page.evaluate(EXECUTE, "import time; time.sleep(3)")
        first.slider(RATE).press("ArrowRight")
        expect(first.readout).to_contain_text(BUSY)
        expect(first.root).to_have_class(STALE)
        expect(first.picture).to_have_attribute("alt", re.compile("rate is 0.15 throughout"))
        expect(first.root).not_to_have_class(STALE)
        expect(first.readout).not_to_contain_text(BUSY)

        # An interrupt of that cell lets it answer.
        page.evaluate(EXECUTE, "time.sleep(600)")
        first.slider(RATE).press("ArrowRight")
        expect(first.readout).to_contain_text(BUSY)
        notebook.command("notebook:interrupt-kernel")
        expect(first.picture).to_have_attribute("alt", re.compile("rate is 0.2 throughout"))
        expect(first.root).not_to_have_class(STALE)
