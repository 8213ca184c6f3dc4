"""Half a minute of what `make storm` does for ten minutes."""

import pytest
from lab import Lab
from playwright.sync_api import Browser
from storm import Storm

pytestmark = pytest.mark.browser


def test_whatever_comes_the_page_shows_what_the_kernel_has_drawn_or_says_why_not(
    browser: Browser, lab: Lab
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    storm = Storm(page, lab, seed=1)
    storm.blow(30)
    assert len(storm.log) > 10
    with storm.notebook:
        pass
