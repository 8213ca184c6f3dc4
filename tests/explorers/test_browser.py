"""What a learner does in a real JupyterLab in a real Chromium: run all, drag, look, copy."""

import ast
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab import (
    ACTING,
    ACTS,
    EVERY_KIND,
    MAKE,
    RATE,
    TINY,
    ExplorerInPage,
    Lab,
    Notebook,
    filming,
    serving,
)
from PIL import Image
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

# What TensorFlow writes as it starts, and what a warning looks like.
START_UP = re.compile(r"oneDNN|absl::|cpu_feature_guard|cuda|rebuild TensorFlow|Warning:", re.I)
EXPLORERS = [
    "import lrlab",
    "explorer = lrlab.LearningRateExplorer()\nexplorer",
    "second = lrlab.LearningRateExplorer(learning_rate=0.2)\nsecond",
    """digits = lrlab.data.digits()
long = lrlab.LearningRateExplorer(
    lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits, epochs=5000)
)
long.stop()
long""",
]
CONTROLS = {"slider", "button", "ToggleButton", "combobox", "checkbox", "listbox"}
# At every frame: which picture is there, and how far down are the buttons?
WATCH = """(explorer) => {
  const image = explorer.querySelector('img'), button = explorer.querySelector('button');
  window.watched = { pictures: new Set(), heights: new Set() };
  const look = () => {
    if (!window.watched) return;
    watched.pictures.add(image.src);
    watched.heights.add(button.offsetTop);
    requestAnimationFrame(look);
  };
  look();
}"""
WATCHED = """() => {
  const { pictures, heights } = window.watched;
  window.watched = null;
  return [pictures.size, heights.size];
}"""


@pytest.fixture(scope="module")
def notebook(open_notebook: Callable[[str], Notebook], lab: Lab) -> Iterator[Notebook]:
    """One with explorers, after Run All."""
    with open_notebook(lab.write("explorers.ipynb", EXPLORERS)) as notebook:
        for number in (0, 1):
            notebook.explorer(number).wait_for_picture()
        yield notebook


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerInPage:
    """The first explorer, at a rate where it learns, nothing pinned."""
    notebook.ask("explorer.clear_pins(); explorer.learning_rate.value = 0.1; explorer.wait()")
    explorer = notebook.explorer()
    expect(explorer.picture).to_have_attribute("alt", re.compile("learning rate is 0.1 throughout"))
    return explorer


def assert_nothing_red(notebook: Notebook) -> None:
    """No error and no stderr in the page, and nothing there that TensorFlow says as it starts."""
    assert notebook.red == []
    outputs = notebook.page.locator(".jp-Cell-outputArea").all_text_contents()
    assert [text for text in outputs if START_UP.search(text)] == []


def numbers_of(notebook: Notebook, run: str) -> str:
    """The final validation loss of a run in the kernel, as a readout writes it."""
    return notebook.ask(f"print(f\"validation loss {{({run}).final['val_loss']:.4g}}\")")


def drawn(notebook: Notebook, explorer: str) -> bytes:
    """The picture that an explorer in the kernel has drawn last."""
    return ast.literal_eval(notebook.ask(f"{explorer}.wait(); print({explorer}._picture.value)"))


def is_blank(picture: Image.Image) -> bool:
    darkest, lightest = picture.convert("L").getextrema()
    return lightest - darkest < 100


def eventually(question: Callable[[], Any], answer: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while (received := question()) != answer and time.monotonic() < deadline:
        time.sleep(0.05)
    assert received == answer


def tab_to(explorer: ExplorerInPage, slider: str, button: str) -> None:
    """Go from a slider to a button as a person without a mouse does."""
    explorer.slider(slider).focus()
    for _ in range(12):
        explorer.root.page.keyboard.press("Tab")
        if explorer.button(button).evaluate("button => button === document.activeElement"):
            return
    pytest.fail(f"Tab does not reach {button}")


def test_dragging_the_rate_redraws_without_a_blank_frame_or_a_jump(notebook, explorer):
    before, said = explorer.png(), explorer.readout.text_content()
    explorer.drag(RATE, to=0.2)  # the readout has its full height then
    explorer.root.evaluate(WATCH)
    with filming(notebook.page, explorer.picture) as frames:
        explorer.drag(RATE, to=0.95)
        explorer.drag(RATE, to=0.75)
        rate = float(explorer.position(RATE))
        run = f"explorer.experiment.run({rate})"
        expect(explorer.readout).to_contain_text(numbers_of(notebook, run))
    pictures, heights = notebook.page.evaluate(WATCHED)
    assert 0.3 < rate < 1
    expect(explorer.picture).to_have_attribute("alt", re.compile(f"rate is {rate:g} throughout"))
    assert pictures >= 5
    assert heights == 1
    assert len(frames) >= 5
    assert [frame for frame in frames if is_blank(frame)] == []
    assert explorer.png() != before
    assert explorer.readout.text_content() != said


def test_the_last_picture_is_that_of_the_last_run(notebook, explorer):
    explorer.drag(RATE, to=0.6)
    rate = float(explorer.position(RATE))
    eventually(lambda: float(notebook.ask("print(explorer.wait().schedule)")), rate)
    eventually(explorer.png, drawn(notebook, "explorer"))


def test_every_press_of_an_arrow_key_retrains(notebook, explorer):
    explorer.slider(RATE).focus()
    for rate in ("0.12", "0.15", "0.2"):
        before = explorer.png()
        notebook.page.keyboard.press("ArrowRight")
        explorer.wait_for_picture(other_than=before)
        expect(explorer.readout).to_contain_text(
            numbers_of(notebook, f"explorer.experiment.run({rate})")
        )
        assert float(explorer.position(RATE)) == float(rate)


def test_a_page_leaves_the_value_that_a_program_set(notebook, explorer):
    notebook.ask("explorer.learning_rate.value = 0.1234; explorer.wait()")
    expect(explorer.picture).to_have_attribute("alt", re.compile(r"rate is 0\.123 throughout"))
    assert explorer.position(RATE) == "0.1234"
    for key, rate in (("ArrowRight", "0.15"), ("ArrowLeft", "0.12"), ("PageUp", "1.2")):
        explorer.slider(RATE).press(key)
        eventually(lambda: notebook.ask("print(explorer.wait().schedule)"), rate)
    notebook.ask("explorer.learning_rate.value = 0.1234")
    assert notebook.ask("print(explorer.wait().schedule)") == "0.1234"


def test_any_rate_can_be_typed_and_what_is_none_is_refused_in_words(notebook, explorer):
    box, problem = explorer.box(RATE), explorer.root.get_by_role("alert")
    for typed in ("0.0125", "1.6"):
        box.fill(typed)
        box.press("Enter")
        eventually(lambda: notebook.ask("print(explorer.wait().schedule)"), typed)
        assert explorer.slider(RATE).get_attribute("aria-valuetext") == typed
    for typed, received in (("fast", "'fast'"), ("100", "100.0")):
        box.fill(typed)
        box.press("Enter")
        expect(problem).to_have_text(re.compile(f"must be a number .* Received: {received}"))
        assert explorer.position(RATE) == "1.6"
    assert notebook.ask("print(explorer.learning_rate.value)") == "1.6"
    explorer.slider(RATE).press("ArrowLeft")
    expect(problem).to_be_hidden()
    assert explorer.position(RATE) == "1.5"


def test_a_screen_reader_is_told_what_the_picture_shows_and_every_name(notebook, explorer):
    def accessibility_tree() -> list[tuple[str, str, str]]:
        session = notebook.page.context.new_cdp_session(notebook.page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        session.detach()
        parts = ("role", "name", "value")
        return [tuple(node.get(part, {}).get("value", "") for part in parts) for node in nodes]

    def pictures() -> list[str]:
        return [
            name
            for role, name, _ in accessibility_tree()
            if role == "image" and name.startswith("Training loss")
        ]

    first, second = pictures()
    explorer.slider(RATE).press("ArrowLeft")
    eventually(lambda: "rate is 0.08 throughout" in pictures()[0], True)
    assert first != pictures()[0]
    assert second == pictures()[1]
    nodes = accessibility_tree()
    assert [name for role, name, _ in nodes if role == "slider"] == [RATE, "epochs"] * 3
    assert explorer.slider(RATE).get_attribute("aria-valuetext") == "0.08"  # not its place
    names = [name for role, name, _ in nodes if role in ("button", "ToggleButton")]
    for name in ("Pin", "Clear pins", "Log scale", "Reset", "Stop", "Show the Keras code"):
        assert names.count(name) == 3


def test_values_stand_under_the_pointer_and_are_read_by_arrow_keys(notebook, explorer):
    """No kernel is asked: they come with the picture, and a new one brings its own."""
    run = "explorer.wait().history"
    losses = ast.literal_eval(notebook.ask(f"print({run}['loss'])"))
    values, said = explorer.root.locator(".lrlab-values"), explorer.root.locator(".lrlab-said")
    expect(values).to_be_hidden()
    explorer.picture.hover(position={"x": 84 + 548 * 6 / 15 + 5, "y": 150})
    expect(values).to_contain_text(f"epoch 6training loss {losses[5]:.3g}validation loss")
    expect(values).to_contain_text("learning rate 0.1")
    explorer.button("accuracy").click()
    expect(explorer.picture).to_have_attribute("alt", re.compile("Training accuracy goes from"))
    accuracies = ast.literal_eval(notebook.ask(f"print({run}['accuracy'])"))
    explorer.picture.hover(position={"x": 84 + 548 * 6 / 15, "y": 150})
    expect(values).to_contain_text(f"epoch 6training accuracy {accuracies[5]:.3g}")
    explorer.button("accuracy").click()
    expect(explorer.picture).to_have_attribute("alt", re.compile("Training loss"))
    expect(values).to_be_hidden()
    explorer.root.locator(".lrlab-frame").focus()
    for key, epoch in (("ArrowRight", 1), ("ArrowRight", 2), ("End", 15), ("ArrowLeft", 14)):
        notebook.page.keyboard.press(key)
        expect(said).to_contain_text(f"epoch {epoch}, training loss {losses[epoch - 1]:.3g}, ")
    assert notebook.ask("print(explorer.learning_rate.value)") == "0.1", "the slider is left alone"
    notebook.page.keyboard.press("Escape")
    expect(values).to_be_hidden()


def test_the_code_that_is_copied_is_the_one_for_the_present_rate(notebook, explorer):
    expect(explorer.code).to_be_hidden()
    explorer.button("Show the Keras code").click()
    expect(explorer.code).to_be_in_viewport()
    assert explorer.code.locator(".lrlab-code-keyword").all_text_contents()[:2] == [
        "import",
        "from",
    ]
    expect(explorer.code.locator(".lrlab-code-string", has_text="relu").first).to_have_text(
        '"relu"'
    )
    explorer.slider(RATE).press("ArrowRight")
    expect(explorer.code).to_contain_text("0.12")
    (changed,) = explorer.code.locator(".lrlab-code-changed").all_text_contents()
    assert "learning_rate=0.12" in changed
    explorer.button("Copy the code").click()
    expect(explorer.button("Copied")).to_be_visible()
    copied = notebook.page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == notebook.ask("print(explorer.code)")
    assert "import keras" in copied
    explorer.button("Show the Keras code").click()
    expect(explorer.code).to_be_hidden()


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_pin_clear_and_reset_by_keyboard(notebook, explorer, key):
    keyboard, unpinned = notebook.page.keyboard, explorer.png()

    def pins() -> str:
        return notebook.ask("print(len(explorer.pins))")

    tab_to(explorer, RATE, "Pin")
    keyboard.press(key)
    eventually(pins, "1")
    pinned = explorer.wait_for_picture(other_than=unpinned)
    tab_to(explorer, RATE, "Clear pins")
    keyboard.press(key)
    eventually(pins, "0")
    assert explorer.wait_for_picture(other_than=pinned) == unpinned
    tab_to(explorer, RATE, "Log scale")
    keyboard.press(key)
    logarithmic = explorer.wait_for_picture(other_than=unpinned)
    keyboard.press(key)
    assert explorer.wait_for_picture(other_than=logarithmic) == unpinned
    tab_to(explorer, RATE, "Reset")
    keyboard.press(key)
    expect(explorer.readout).to_contain_text(numbers_of(notebook, "explorer.runs[0]"))
    assert float(explorer.position(RATE)) == 0.01
    tab_to(explorer, RATE, "Show the Keras code")
    keyboard.press(key)
    expect(explorer.code).to_contain_text("0.01")
    keyboard.press(key)
    expect(explorer.code).to_be_hidden()


def test_two_explorers_in_a_notebook_leave_each_other_alone(notebook, explorer):
    other = notebook.explorer(1)
    others = other.png(), other.readout.text_content()
    before = explorer.png()
    explorer.drag(RATE, to=0.5)
    explorer.wait_for_picture(other_than=before)
    assert (other.png(), other.readout.text_content()) == others
    eventually(explorer.png, now := drawn(notebook, "explorer"))
    other.drag(RATE, to=0.55)
    other.wait_for_picture(other_than=others[0])
    assert explorer.png() == now


def test_the_picture_follows_the_theme_of_the_page(notebook, explorer):
    light = explorer.png()
    try:
        notebook.command("apputils:change-theme", theme="JupyterLab Dark")
        assert explorer.wait_for_picture(other_than=light) != light
        assert notebook.ask("print(explorer._figures['curves'].theme)") == "dark"
    finally:
        notebook.command("apputils:change-theme", theme="JupyterLab Light")
    eventually(explorer.png, light)


def test_the_picture_follows_a_dark_page_that_does_not_say_so(notebook, explorer):
    """VS Code and Colab set no `data-jp-theme-light`: what is behind the explorer tells."""
    light, page = explorer.png(), notebook.page
    paper = "([image, colour]) => image.closest('.jp-OutputArea').style.background = colour"
    says = "(said) => said ? body.dataset.jpThemeLight = said : delete body.dataset.jpThemeLight"
    says = says.replace("body", "document.body")
    rated = "(box) => [getComputedStyle(box).color, getComputedStyle(box).backgroundColor]"
    box = explorer.box(RATE)
    before = box.evaluate(rated)
    try:
        explorer.picture.evaluate(f"(image) => ({paper})([image, '#1e1e1e'])")
        page.evaluate(says, "")
        assert explorer.wait_for_picture(other_than=light) != light
        assert notebook.ask("print(explorer._figures['curves'].theme)") == "dark"
        assert box.evaluate(rated) == ["rgb(238, 238, 238)", "rgb(17, 17, 17)"]
    finally:
        explorer.picture.evaluate(f"(image) => ({paper})([image, ''])")
        page.evaluate(says, "true")
    eventually(explorer.png, light)
    assert box.evaluate(rated) == before


def test_a_live_plot_says_its_values_while_the_fit_goes_on(context, lab):
    """Each epoch of this one waits for the test."""
    cells = [
        "import keras, lrlab, numpy as np, pathlib, time\n"
        "class Wait(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        while not pathlib.Path(f'go on {epoch + 1}').exists(): time.sleep(0.05)",
        "model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "x = np.ones((4, 1))\n"
        "_ = model.fit(x, x, epochs=3, verbose=0, callbacks=[lrlab.LivePlot(), Wait()])",
    ]
    with Notebook(context.new_page(), lab, lab.write("going_on.ipynb", cells)) as notebook:
        notebook.command("notebook:run-all-cells")
        live = notebook.page.locator(".lrlab-live")
        drawn = "document.querySelector('.lrlab-live img')?.naturalWidth > 1"
        notebook.page.wait_for_function(drawn, timeout=60_000)
        values = live.locator(".lrlab-values")
        live.locator("img").hover(position={"x": 84 + 548, "y": 150})
        expect(values).to_contain_text("epoch 1training loss")
        (lab.folder / "go on 1").touch()
        expect(values).to_contain_text("epoch 2training loss")
        live.focus()
        live.press("Home")
        expect(values).to_contain_text("epoch 1training loss")
        for epoch in (2, 3):
            (lab.folder / f"go on {epoch}").touch()
        notebook.wait_until_run()
        expect(live).to_have_count(0)
        expect(notebook.page.locator(".lrlab-still")).to_have_count(1)


def test_the_picture_that_a_live_plot_leaves_says_its_values_without_a_kernel(context, lab):
    cells = [
        "import keras, lrlab, numpy as np",
        "model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "x = np.ones((4, 1))\n"
        "fit = {'epochs': 3, 'verbose': 0}\n"
        "losses = model.fit(x, x, callbacks=[lrlab.LivePlot()], **fit).history['loss']",
        "_ = model.fit(x, x, callbacks=[lrlab.LivePlot(theme='dark')], **fit)",
    ]
    with Notebook(context.new_page(), lab, lab.write("live_plot.ipynb", cells)) as notebook:
        notebook.run_all()
        losses = ast.literal_eval(notebook.ask("print(losses)"))
        notebook.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        for number, first in enumerate((f"training loss {losses[0]:.3g}", "training loss")):
            still = notebook.page.locator(".lrlab-still").nth(number)
            still.focus()
            still.press("ArrowRight")
            expect(still.locator(".lrlab-values")).to_contain_text(f"epoch 1{first}")
            still.locator("img").hover(position={"x": 84 + 548, "y": 150})
            expect(still.locator(".lrlab-values")).to_contain_text("epoch 3training loss")


def test_a_narrow_page_gets_a_narrow_picture(notebook, explorer):
    """Not a wide one made small; what lies under the pointer is found there, too."""
    wide, size = explorer.png(), notebook.page.viewport_size
    look = "(image) => [image.naturalWidth, image.clientWidth, image.clientHeight]"
    values = explorer.root.locator(".lrlab-values")
    losses = ast.literal_eval(notebook.ask("print(explorer.wait().history['loss'])"))
    try:
        for window, width in ((980, 560), (700, 380)):
            notebook.page.set_viewport_size({"width": window, "height": size["height"]})
            eventually(lambda: explorer.picture.evaluate(look)[0], width)
            _, across, up = explorer.picture.evaluate(look)
            assert width / 1.15 <= across <= width
            assert up == pytest.approx(across * 460 / width, abs=1)
            place = (84 + (width - 84 - 128) * 6 / 15) * across / width
            explorer.picture.hover(position={"x": place, "y": up / 3})
            expect(values).to_contain_text(f"epoch 6training loss {losses[5]:.3g}")
    finally:
        notebook.page.set_viewport_size(size)
    eventually(explorer.png, wide)


def test_stop_by_keyboard_ends_a_long_run(notebook):
    long = notebook.explorer(2)
    long.slider(RATE).press("ArrowRight")
    expect(long.readout).to_contain_text(re.compile(r"Epoch \d+ of 5000"), timeout=30_000)
    assert notebook.ask("print(long._worker.busy)") == "True"
    tab_to(long, RATE, "Stop")
    notebook.page.keyboard.press("Enter")
    expect(long.readout).to_contain_text("Stopped")
    assert notebook.ask("print(long.wait(5))") == "None"
    assert_nothing_red(notebook)


def test_an_interrupted_kernel_goes_on_training_and_obeys(notebook):
    """The training is the worker's; an interrupt ends the cell that waits for it."""
    long = notebook.explorer(2)
    long.slider(RATE).press("ArrowRight")
    expect(long.readout).to_contain_text(re.compile(r"Epoch \d+ of 5000"), timeout=30_000)
    notebook.page.evaluate(
        """() => {
          const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
          const code = 'print("waits", flush=True); long.wait()';
          const request = kernel.requestExecute({ code, store_history: false });
          request.onIOPub = ({ content }) => { if (content.text) window.waits = true; };
          window.waiting = request.done;
        }"""
    )
    notebook.page.wait_for_function("window.waits")
    notebook.command("notebook:interrupt-kernel")
    reply = notebook.page.evaluate("async () => (await window.waiting).content.ename")
    assert reply == "KeyboardInterrupt"
    assert notebook.ask("print(long._worker.busy)") == "True"
    said = long.readout.text_content()
    expect(long.readout).not_to_have_text(said or "")
    long.button("Stop").click()
    expect(long.readout).to_contain_text("Stopped")
    explorer = notebook.explorer()
    notebook.ask("explorer.learning_rate.value = 0.1; explorer.wait()")
    explorer.slider(RATE).press("ArrowRight")
    expect(explorer.picture).to_have_attribute("alt", re.compile("rate is 0.12 throughout"))
    assert_nothing_red(notebook)


def test_pins_are_a_table_in_the_page_and_come_as_a_file(notebook, explorer):
    table = explorer.root.locator("table.lrlab-table")
    expect(table).to_be_hidden()
    explorer.button("Pin").click()
    expect(table).to_be_visible()
    assert "Pinned, at the end" in table.locator("caption").inner_text()
    assert table.locator("th[scope=col]").all_text_contents()[0] == "settings"
    assert table.locator("th[scope=row]").all_text_contents() == ["0.1"]
    with notebook.page.expect_download() as download:
        explorer.button("Download as CSV").click()
    assert download.value.suggested_filename == "pinned.csv"
    saved = download.value.path().read_text(encoding="utf-8")
    assert saved.strip() == notebook.ask("print(explorer.pins_csv)")
    assert saved.startswith("settings,epochs,")
    explorer.button("Clear pins").click()
    expect(table).to_be_hidden()


def test_restart_and_run_all(notebook):
    notebook.ask("explorer.learning_rate.value = second.learning_rate.value = 0.05")
    notebook.restart_and_run_all()
    explorer, second = notebook.explorer(0), notebook.explorer(1)
    second.wait_for_picture()
    expect(explorer.picture).to_have_attribute("alt", re.compile("rate is 0.01 throughout"))
    notebook.ask("explorer.wait(), second.wait()")  # a picture may come while a run goes on
    explorer.slider(RATE).press("ArrowRight")
    expect(explorer.picture).to_have_attribute("alt", re.compile("rate is 0.012 throughout"))
    notebook.ask("explorer.wait()")
    assert notebook.ask("print(len(explorer.runs), len(second.runs))") == "2 1"
    assert_nothing_red(notebook)


@pytest.mark.parametrize(
    ("name", "places", "run"),
    [
        ("00_start_here.ipynb", {RATE: 0.7}, "{}"),
        (
            "03_step_decay.ipynb",
            {"first rate": 0.75, "decay factor": 0.45, "epochs per drop": 0.2},
            "lrlab.StepDecay({}, {}, {})",
        ),
    ],
    ids=lambda value: value if str(value).endswith(".ipynb") else "",
)
def test_run_all_then_drag_every_slider(open_notebook, name, places, run):
    with open_notebook(name) as notebook:
        explorer = notebook.explorer()
        explorer.picture.scroll_into_view_if_needed()
        explorer.wait_for_picture()
        for slider, place in places.items():
            before, said = explorer.png(), explorer.readout.text_content()
            with filming(notebook.page, explorer.picture) as frames:
                explorer.drag(slider, place)
                settings = [explorer.position(each) for each in places]
                expected = f"explorer.experiment.run({run.format(*settings)})"
                expect(explorer.readout).to_contain_text(numbers_of(notebook, expected))
            assert [frame for frame in frames if is_blank(frame)] == []
            assert explorer.wait_for_picture(other_than=before)
            assert explorer.readout.text_content() != said
        assert_nothing_red(notebook)


def test_every_explorer_has_names_for_a_screen_reader_and_obeys_the_keyboard(open_notebook, lab):
    cells = [TINY, *(f"lrlab.{kind}({MAKE.get(kind, 'tiny')})" for kind in EVERY_KIND)]
    with open_notebook(lab.write("every.ipynb", cells)) as notebook:
        for number, (kind, slider) in enumerate(EVERY_KIND.items()):
            # A page leaves out cells that are far from its view.
            notebook.page.evaluate(
                "(cell) => jupyterapp.shell.currentWidget.content.scrollToItem(cell, 'start')",
                number + 1,
            )
            explorer = ExplorerInPage(
                notebook.page.locator(".jp-Cell").nth(number + 1).locator(".lrlab-explorer")
            )
            expect(explorer.root).to_be_visible(timeout=30_000)
            if kind == "LearningRateDialExplorer":  # nothing is trained until somebody says so
                explorer.button("One epoch").focus()
                notebook.page.keyboard.press("Enter")
                expect(explorer.readout.first).to_contain_text("after epoch 1 of 3")
            pictures = explorer.root.locator("img.lrlab-picture")
            for picture in pictures.all():
                expect(picture).to_have_attribute("alt", re.compile(r"\w+ .* \w+"), timeout=60_000)
            session = notebook.page.context.new_cdp_session(notebook.page)
            nodes = session.send("Accessibility.getFullAXTree")["nodes"]
            session.detach()
            roles = [(node.get("role", {}).get("value"), named(node)) for node in nodes]
            assert [role for role, name in roles if role in CONTROLS and not name] == [], kind
            told = [(named(node), *of_node(node)) for node in nodes]
            assert [name for name, role, value, _ in told if role == "slider" and value == ""] == []
            pressed = {name: state for name, *_, state in told if state is not None}
            assert pressed["Show the Keras code"] == "false"
            position = explorer.position(slider)
            assert explorer.slider(slider).get_attribute("aria-valuetext") == position
            assert (f"{slider}, any value", "textbox", position, None) in told, kind
            if kind == "ScheduleExplorer":
                for which, epoch in (("first", "5"), ("second", "10")):
                    assert ("slider", f"boundaries (epochs), {which}") in roles
                    handle = explorer.slider(f"boundaries (epochs), {which}")
                    assert handle.get_attribute("aria-valuetext") == epoch
            handle = explorer.slider(slider)
            for by_mouse in (False, True):
                before = pictures.last.get_attribute("src")
                said = handle.get_attribute("aria-valuetext")
                if by_mouse:
                    explorer.drag(slider, to=0.1)
                else:
                    handle.press("ArrowRight")
                expect(handle).not_to_have_attribute("aria-valuetext", said or "")
                if kind == "LearningRateDialExplorer":  # a turn of it trains nothing
                    explorer.button("One epoch").click()
                expect(pictures.last).not_to_have_attribute("src", before or "", timeout=30_000)
        assert_nothing_red(notebook)


def named(node: dict[str, Any]) -> str:
    return node.get("name", {}).get("value", "")


def of_node(node: dict[str, Any]) -> tuple[str, Any, str | None]:
    """Role, value and whether it is pressed, as a screen reader is told."""
    properties = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
    value = node.get("value", {}).get("value", "")
    return node["role"]["value"], value, properties.get("pressed")


def test_a_metric_and_an_answer_are_shown_as_they_read_and_nothing_in_them_acts(
    open_notebook: Callable[[str], Notebook], lab: Lab, complaints: list[str]
) -> None:
    with open_notebook(lab.write("acting.ipynb", [TINY, *ACTING])) as notebook:
        check_that_nothing_acts(notebook.page)
        assert complaints == []


def test_nor_does_anything_act_in_notebook_7(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(tmp_path_factory.mktemp("notebook"), "notebook") as server:
        name = server.write("acting.ipynb", [TINY, *ACTING])
        page = browser.new_page()
        page.goto(f"{server.url}notebooks/{name}?token={server.token}")
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel != null",
            timeout=60_000,
        )
        page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        page.get_by_role("radio").first.wait_for(timeout=120_000)
        check_that_nothing_acts(page)
        explorer = ExplorerInPage(page.locator(".lrlab-explorer"))
        explorer.slider(RATE).press("ArrowRight")  # which Notebook 7 would rather have itself
        alt = re.compile("rate is 0.012 throughout")
        expect(explorer.picture).to_have_attribute("alt", alt, timeout=30_000)
        page.close()


def check_that_nothing_acts(page: Page) -> None:
    explorer = ExplorerInPage(page.locator(".lrlab-explorer"))
    explorer.wait_for_picture()
    expect(explorer.readout).to_contain_text(f"validation {ACTS}", timeout=60_000)
    feedback, score = page.locator(".mathjax_ignore").all()
    expect(feedback).to_contain_text("✗ Not right yet (exercise 03-schedule)")
    expect(feedback).to_contain_text(f"{ACTS}.")
    expect(score).to_contain_text(f"You said {ACTS}, {ACTS} and [a link](javascript:0).")
    check_that_a_prediction_has_names_and_obeys_the_arrow_keys(page)
    said = explorer.readout.evaluate("(place) => place.innerHTML")
    assert "<img" not in said
    assert "<b>" in said
    assert page.evaluate("window.acted") is None


def check_that_a_prediction_has_names_and_obeys_the_arrow_keys(page: Page) -> None:
    """In command mode, too, in which the page takes arrow keys to go from cell to cell."""
    group = page.get_by_role("radiogroup", name=f"What of {ACTS}?", exact=True)
    choices = group.get_by_role("radio")
    for choice, name in zip(choices.all(), (ACTS, ACTS, "a third"), strict=True):
        expect(choice).to_have_accessible_name(name)
    choices.first.focus()
    page.keyboard.press("Space")
    for key, checked in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
        page.keyboard.press(key)
        expect(choices.nth(checked)).to_be_checked()
        expect(choices.nth(checked)).to_be_focused()
