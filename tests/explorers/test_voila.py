"""The explorers as a page of their own: Voila serves a notebook, and its sliders retrain."""

import re

import pytest
from lab import (
    ACTING,
    ACTS,
    EVERY_KIND,
    GIVEN_UP,
    MAKE,
    TINY,
    ExplorerInPage,
    browsing,
    serving_voila,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = re.compile(r"^.{3000}")  # a picture, not the empty one
FIRST = {
    "LearningRateExplorer": "tiny, learning_rate=0.1",
    "QuadraticExplorer": "learning_rate=0.5",
}
OTHERS = [kind for kind in EVERY_KIND if kind not in FIRST]
CELLS = [
    TINY,
    *(f"lrlab.{kind}({settings})" for kind, settings in FIRST.items()),
    *(f"lrlab.{kind}({MAKE.get(kind, 'tiny')})" for kind in OTHERS),
    *ACTING,
]


@pytest.fixture(scope="module")
def page_address(tmp_path_factory: pytest.TempPathFactory):
    with serving_voila(tmp_path_factory.mktemp("voila"), CELLS) as address:
        yield address


def test_sliders_retrain_and_redraw_in_a_page_without_a_notebook(chromium, page_address):
    with browsing(chromium) as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_address, timeout=120_000)
        explorers = page.locator(".lrlab-explorer")
        expect(explorers).to_have_count(len(EVERY_KIND) + 1, timeout=120_000)
        training, bowl = (ExplorerInPage(explorers.nth(number)) for number in (0, 1))
        for explorer, words in ((training, "rate is"), (bowl, "learning rate")):
            first, said = explorer.wait_for_picture(seconds=120), explorer.readout.text_content()
            explorer.drag("learning rate", to=0.9)
            position = explorer.position("learning rate")
            assert float(position) > 1
            alt = re.compile(f"{words} {re.escape(position)} ")
            expect(explorer.picture).to_have_attribute("alt", alt, timeout=60_000)
            assert explorer.png() != first
            assert explorer.readout.text_content() != said
        training.button("Show the Keras code").click()
        rate = float(training.position("learning rate"))
        expect(training.code).to_contain_text(f"learning_rate={rate!r}")
        for number, kind in enumerate(OTHERS, len(FIRST)):
            explorer = ExplorerInPage(explorers.nth(number))
            picture = explorer.picture.last
            expect(picture).to_have_attribute("src", LONG, timeout=120_000)
            before = picture.get_attribute("src")
            explorer.slider(EVERY_KIND[kind]).press("ArrowRight")
            if kind == "LearningRateDialExplorer":  # a turn of it trains nothing
                explorer.button("One epoch").click()
            expect(picture).not_to_have_attribute("src", before or "", timeout=60_000)
        acting = ExplorerInPage(explorers.last)
        acting.wait_for_picture(seconds=120)
        expect(acting.readout).to_contain_text(ACTS)
        # Of the explorer and its button, feedback, score, question and two choices.
        expect(page.get_by_text(ACTS)).to_have_count(7)
        assert page.evaluate("window.acted") is None
        assert [error for error in errors if GIVEN_UP not in error] == []
