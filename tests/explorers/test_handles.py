"""Handles in a picture: mouse, finger and keys in a real JupyterLab, names for a screen reader."""

import math
import time
from collections.abc import Callable, Iterator

import pytest
from lab import TINY, ExplorerInPage, Lab, Notebook
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

CELLS = [
    TINY,
    "drawn = lrlab.DrawnScheduleExplorer(tiny, epochs=6)\ndrawn",
    "decay = lrlab.StepDecayExplorer(tiny, initial_learning_rate=0.1, epochs_per_drop=1)\ndecay",
    "pieces = lrlab.ScheduleExplorer(tiny, schedule='piecewise', boundaries=(1, 2))\npieces",
]


@pytest.fixture(scope="module")
def notebook(open_notebook: Callable[[str], Notebook], lab: Lab) -> Iterator[Notebook]:
    with open_notebook(lab.write("handles.ipynb", CELLS)) as notebook:
        for number in range(3):
            notebook.explorer(number).wait_for_picture()
        yield notebook


@pytest.fixture
def drawn(notebook: Notebook) -> Iterator[ExplorerInPage]:
    """One with a handle for each of six epochs, all at 0.1."""
    notebook.ask("drawn.reset(); drawn.wait()")
    explorer = notebook.explorer()
    layer(explorer).scroll_into_view_if_needed()
    yield explorer
    assert notebook.red == []


def layer(explorer: ExplorerInPage) -> Locator:
    return explorer.root.locator(".lrlab-handles")


def place(explorer: ExplorerInPage, epoch: float, rate: float) -> tuple[float, float]:
    """Where a rate of an epoch lies in the window, by the ends of the axes."""
    box = layer(explorer).bounding_box()
    assert box
    up = math.log(rate / 1e-4) / math.log(10 / 1e-4)
    return box["x"] + box["width"] * epoch / 6, box["y"] + box["height"] * (1 - up)


def eventually(notebook: Notebook, code: str, answer: str, seconds: float = 60) -> None:
    """Ask the kernel until what the page has sent is there: a page sends one place at a time."""
    deadline = time.monotonic() + seconds
    while (said := notebook.ask(code)) != answer and time.monotonic() < deadline:
        time.sleep(0.05)
    assert said == answer


def assert_drawn(notebook: Notebook, rates: list[float]) -> None:
    """That these are the rates of the last run, whose picture is shown."""
    code = "run = drawn.wait(); print([*run.schedule.rates], drawn.stale)"
    eventually(notebook, code, f"{rates} False")


def test_a_mouse_draws_a_line_and_a_quick_one_leaves_no_epoch_out(notebook, drawn):
    mouse = notebook.page.mouse
    before = drawn.png()
    mouse.move(*place(drawn, 0.5, 1.0))
    mouse.down()
    mouse.move(*place(drawn, 5.5, 0.01))  # in one jump
    mouse.up()
    assert_drawn(notebook, [1.0, 0.4, 0.15, 0.06, 0.025, 0.01])
    drawn.wait_for_picture(other_than=before)
    expect(drawn.slider("epoch 6")).to_be_focused()
    expect(drawn.slider("epoch 6")).to_have_attribute("aria-valuetext", "0.01")
    expect(layer(drawn).locator(".lrlab-values")).to_have_text("epoch 6: 0.01")
    mouse.move(*place(drawn, 2.5, 1.0))  # without a button nothing moves
    assert_drawn(notebook, [1.0, 0.4, 0.15, 0.06, 0.025, 0.01])


def test_a_finger_draws_too(notebook, drawn):
    session = notebook.page.context.new_cdp_session(notebook.page)
    places = [place(drawn, epoch + 0.5, 0.5 / 2**epoch) for epoch in range(3)]
    for kind, (x, y) in zip(("Start", "Move", "Move"), places, strict=True):
        touch = {"type": f"touch{kind}", "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", touch)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()
    assert_drawn(notebook, [0.5, 0.25, 0.12, 0.1, 0.1, 0.1])


def test_arrow_keys_go_from_epoch_to_epoch_and_change_its_rate(notebook, drawn):
    press = notebook.page.keyboard.press
    drawn.button("Show the Keras code").focus()
    for _ in range(4):  # past the picture, whose values are read by keys, to one of the handles
        press("Tab")
        if notebook.page.evaluate("document.activeElement.className") == "lrlab-knob":
            break
    for key in ("Home", "ArrowUp", "ArrowRight", "PageDown", "End", "ArrowLeft", "ArrowDown"):
        press(key)
    expect(drawn.slider("epoch 5")).to_be_focused()
    assert_drawn(notebook, [0.12, 0.01, 0.1, 0.1, 0.08, 0.1])
    cells = "jupyterapp.shell.currentWidget.content.activeCellIndex"
    active = notebook.page.evaluate(cells)
    for _ in range(60):
        press("ArrowUp")
    assert_drawn(notebook, [0.12, 0.01, 0.1, 0.1, 10.0, 0.1])  # there it stays
    assert notebook.page.evaluate(cells) == active, "the page has taken no key"


def test_a_screen_reader_is_told_the_epoch_and_its_rate(notebook, drawn):
    session = notebook.page.context.new_cdp_session(notebook.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    named = {node["name"]["value"]: node for node in nodes if node.get("name", {}).get("value")}
    for epoch in range(1, 7):
        node = named[f"epoch {epoch}"]
        assert node["role"]["value"] == "slider"
        assert node["value"]["value"] == pytest.approx(0.1)
    assert any(name.startswith("The learning rate of each epoch: left and") for name in named)


def test_the_code_is_that_of_what_is_drawn(notebook, drawn):
    drawn.button("Show the Keras code").click()
    drawn.slider("epoch 2").focus()
    notebook.page.keyboard.press("ArrowUp")
    expect(drawn.code).to_contain_text("learning_rates = [0.1, 0.12, 0.1, 0.1, 0.1, 0.1]")
    drawn.button("Show the Keras code").click()


def test_as_many_handles_as_epochs(notebook, drawn):
    knobs = drawn.root.locator(".lrlab-knob")
    expect(knobs).to_have_count(6)
    notebook.ask("drawn.epochs.value = 4; drawn.wait()")
    expect(knobs).to_have_count(4)
    first, last = (knobs.nth(k).bounding_box() for k in (0, 3))
    box = layer(drawn).bounding_box()
    assert last["x"] + last["width"] / 2 - box["x"] == pytest.approx(box["width"] * 7 / 8, abs=1)
    assert first["x"] + first["width"] / 2 - box["x"] == pytest.approx(box["width"] / 8, abs=1)


def test_a_step_decay_is_dragged_by_its_first_rate_and_its_first_drop(notebook):
    explorer, mouse = notebook.explorer(1), notebook.page.mouse
    explorer.root.scroll_into_view_if_needed()
    drop, first = explorer.slider("first drop"), explorer.slider("starting rate")
    layer(explorer).scroll_into_view_if_needed()
    box, axes = drop.bounding_box(), layer(explorer).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    # An epoch of three to the right; from 0.01 to about 0.03, on an axis of six decades.
    mouse.move(x + axes["width"] / 3, y - axes["height"] * math.log10(3) / 6, steps=10)
    mouse.up()
    schedule = "decay.wait(); print(*vars(decay.schedule()).values(), decay.stale)"
    eventually(notebook, schedule, "0.1 0.3 2 False")
    assert explorer.position("decay factor") == "0.3"
    first.press("ArrowUp")
    eventually(notebook, schedule, "0.12 0.3 2 False")
    drop.press("ArrowLeft")
    eventually(notebook, schedule, "0.12 0.3 1 False")  # and not another rate
    notebook.ask("decay.decay_factor.value = 0.5")
    expect(drop).to_have_attribute("aria-valuetext", "epoch 1, 0.06")
    assert notebook.red == []


class TestBoundaries:
    """Of a piecewise schedule of three epochs: from 0.1 to 0.03 at 1 and to 0.01 at 2."""

    @pytest.fixture
    def pieces(self, notebook: Notebook) -> Iterator[ExplorerInPage]:
        notebook.ask("pieces.reset(); pieces.wait()")
        explorer = notebook.explorer(2)
        layer(explorer).scroll_into_view_if_needed()
        yield explorer
        assert notebook.red == []

    @staticmethod
    def middle(handle: Locator) -> tuple[float, float]:
        box = handle.bounding_box()
        assert box
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    @staticmethod
    def assert_trained(notebook: Notebook, rates: list[float]) -> None:
        code = "run = pieces.wait(); print([round(r, 4) for r in run.history['learning_rate']], "
        eventually(notebook, f"{code}pieces.stale)", f"{rates} False")

    def test_a_mouse_drags_one_by_epoch_and_rate_while_the_sliders_follow(self, notebook, pieces):
        mouse, width = notebook.page.mouse, layer(pieces).bounding_box()["width"]
        x, y = self.middle(pieces.slider("second boundary"))
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + width / 3, y, steps=10)
        self.assert_trained(notebook, [0.1, 0.03, 0.03])  # before the button is up
        mouse.move(x - width, y, steps=10)  # it stops at the other one
        mouse.up()
        self.assert_trained(notebook, [0.1, 0.03, 0.01])
        assert pieces.position("boundaries (epochs), second") == "2"
        expect(pieces.slider("second boundary")).to_have_attribute(
            "aria-valuetext", "epoch 2, 0.01"
        )
        assert self.middle(pieces.slider("second boundary")) == pytest.approx((x, y), abs=1)

    def test_a_finger_does_too(self, notebook, pieces):
        session = notebook.page.context.new_cdp_session(notebook.page)
        x, y = self.middle(pieces.slider("first boundary"))
        higher = y - layer(pieces).bounding_box()["height"] * math.log10(1 / 0.03) / 6
        for kind, at in (("Start", y), ("Move", higher)):
            touch = {"type": f"touch{kind}", "touchPoints": [{"x": x, "y": at}]}
            session.send("Input.dispatchTouchEvent", touch)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()
        self.assert_trained(notebook, [0.1, 1.0, 0.01])
        assert pieces.position("middle rate") == "1"

    def test_arrow_keys_do_too(self, notebook, pieces):
        pieces.slider("second boundary").press("ArrowRight")
        pieces.slider("first boundary").press("ArrowRight")
        pieces.slider("starting rate").press("ArrowUp")
        self.assert_trained(notebook, [0.12, 0.12, 0.03])
        expect(pieces.slider("first boundary")).to_have_attribute("aria-valuetext", "epoch 2, 0.03")
        assert pieces.position("boundaries (epochs), first") == "2"
        assert pieces.position("first rate") == "0.12"

    def test_a_schedule_without_handles_has_none_in_the_page(self, notebook, pieces):
        notebook.ask("pieces.kind.value = 'cosine'; pieces.wait()")
        expect(layer(pieces)).to_be_hidden()
        notebook.ask("pieces.kind.value = 'step'; pieces.wait()")
        expect(pieces.slider("first drop")).to_be_visible()
