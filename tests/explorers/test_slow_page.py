"""A page that is busy as it loads: others give widgets up after two seconds, lrlab does not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import (
    GIVEN_UP,
    MAKE,
    RATE,
    TINY,
    ExplorerInPage,
    Lab,
    Notebook,
    serving_voila,
)
from playwright.sync_api import Browser, Page, expect
from storm import NOT_OURS

pytestmark = pytest.mark.browser

# The two seconds are over before any widget's module can have come.
LATE = """(() => {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (milliseconds) => {
    if (milliseconds !== 2000) return timeout(milliseconds);
    const over = new AbortController();
    queueMicrotask(() => over.abort());
    return over.signal;
  };
})()"""
# JupyterLab looks for a widget every 100 ms for two seconds; here once, before any is back.
LOOKS_ONCE = """(() => {
  const wait = window.setTimeout;
  window.setTimeout = (call, milliseconds, ...rest) =>
    wait(call, milliseconds === 100 ? 2100 : milliseconds, ...rest);
})()"""
MAP = f"lrlab.LearningRateMapExplorer({MAKE['LearningRateMapExplorer']})"
QUESTION = "lrlab.predict('Slow?', {'no': 'It waits.', 'yes': 'It does.'}, right='yes')"


@pytest.fixture
def said() -> list[str]:
    """What the page's console has as errors."""
    return []


@pytest.fixture
def page(browser: Browser, said: list[str]) -> Iterator[Page]:
    """One in which every widget comes late."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.add_init_script(LATE)
    page.on("pageerror", lambda error: said.append(error.message))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    yield page
    page.close()


def check_only_anywidget_complained(said: list[str]) -> None:
    """If it does not, it gives up no more: `lrlab.widgets` can be deleted, and what names it."""
    assert any(GIVEN_UP in line for line in said)
    assert [line for line in said if not any(words in line for words in NOT_OURS)] == []


def test_what_the_kernel_says_comes_to_a_page_that_was_slow(
    page: Page, lab: Lab, said: list[str]
) -> None:
    cells = [
        TINY,
        "first = lrlab.LearningRateExplorer(tiny, learning_rate=0.1)\nfirst",
        "drawn = lrlab.DrawnScheduleExplorer(tiny)\ndrawn",
        f"chart = {MAP}\nchart",
        f"prediction = {QUESTION}\nprediction",
        "first.wait(), drawn.wait(), chart.wait();",
    ]
    with Notebook(page, lab, lab.write("slow.ipynb", cells)) as notebook:
        notebook.run_all()
        first, drawn, chart = map(notebook.explorer, range(3))
        before = first.wait_for_picture()
        first.slider(RATE).press("ArrowRight")
        expect(first.picture).to_have_attribute("alt", re.compile("rate is 0.12 throughout"))
        assert first.wait_for_picture(other_than=before)

        # What Python sets, and what opens by a button.
        notebook.ask("first.learning_rate.value = 0.5")
        expect(first.box(RATE)).to_have_value("0.5")
        first.button("Show the Keras code").click()
        expect(first.button("Show the Keras code")).to_have_attribute("aria-pressed", "true")
        expect(first.code).to_contain_text("learning_rate=0.5")
        first.button("Pin").click()
        expect(first.root.locator("tbody, tr").nth(1)).to_be_visible()
        notebook.ask("prediction.answer = 'yes'")
        expect(page.get_by_role("radio", name="yes")).to_be_checked()

        # What they are told only once they are made: where handles stand, what keys do, and to
        # which explorer a picture belongs.
        expect(drawn.root.locator(".lrlab-knob")).to_have_count(3)
        expect(chart.root.get_by_role("group", name="The map: arrow keys")).to_be_visible()
        page.wait_for_function(
            """() => [1, 2, 3].every((cell) =>
              jupyterapp.shell.currentWidget.context.model.cells.get(cell).outputs.length === 2)"""
        )
    check_only_anywidget_complained(said)


def test_a_slider_that_moves_before_the_kernel_has_told_the_state_stays_there(
    page: Page, lab: Lab, said: list[str]
) -> None:
    cells = [
        f"{TINY}\nlrlab.LearningRateExplorer(tiny).wait();",
        "explorer = lrlab.LearningRateExplorer(tiny, learning_rate=0.1)\nexplorer",
        "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)",
    ]
    with Notebook(page, lab, lab.write("busy.ipynb", cells)) as notebook:
        notebook.command("notebook:run-all-cells")
        explorer = notebook.explorer()
        explorer.slider(RATE).press("ArrowRight", timeout=240_000)
        Path(lab.folder, "go").touch()
        expect(explorer.picture).to_have_attribute(
            "alt", re.compile("rate is 0.12 throughout"), timeout=60_000
        )
        assert explorer.position(RATE) == "0.12"
    check_only_anywidget_complained(said)


def test_pictures_follow_in_a_slow_page_of_voila(
    page: Page, tmp_path: Path, said: list[str]
) -> None:
    cells = [TINY, "lrlab.LearningRateExplorer(tiny, learning_rate=0.1)", MAP, QUESTION]
    with serving_voila(tmp_path, cells) as address:
        page.goto(address, timeout=120_000)
        first = ExplorerInPage(page.locator(".lrlab-explorer").first)
        first.slider(RATE).press("ArrowRight", timeout=120_000)
        expect(first.picture).to_have_attribute(
            "alt", re.compile("rate is 0.12 throughout"), timeout=60_000
        )
    check_only_anywidget_complained(said)


def test_what_jupyterlab_gave_up_as_the_page_came_back_is_shown(browser: Browser, lab: Lab) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    cells = [TINY, "lrlab.LearningRateExplorer(tiny, learning_rate=0.1)", QUESTION]
    with Notebook(page, lab, lab.write("back.ipynb", cells)) as notebook:
        notebook.run_all()
        notebook.explorer().wait_for_picture()
        page.evaluate("jupyterapp.shell.currentWidget.context.save()")
        page.add_init_script(LOOKS_ONCE)
        page.reload()
        notebook.wait_until_idle()
        expect(page.locator(".lrlab-explorer")).to_have_count(1, timeout=30_000)
        expect(page.get_by_role("radio", name="yes")).to_be_visible()
        expect(page.get_by_text("model not found")).to_have_count(0)

        # It is the explorer of the kernel, and follows its controls.
        explorer = notebook.explorer()
        explorer.slider(RATE).press("ArrowRight")
        expect(explorer.picture).to_have_attribute(
            "alt", re.compile("rate is 0.12 throughout"), timeout=60_000
        )
