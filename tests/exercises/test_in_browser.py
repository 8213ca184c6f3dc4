"""Questions and the drill in a real JupyterLab: by the keyboard alone, and across a restart."""

import re

import pytest
from lab import TINY, Notebook, browsing, serving
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELLS = [
    TINY,
    'lrlab.ask("00-quick-drops")',
    "lrlab.VerdictDrill(tiny)",
    "lrlab.progress()",
]


def test_answers_by_the_keyboard_are_kept_when_the_kernel_starts_again(chromium, tmp_path):
    with browsing(chromium) as browser, serving(tmp_path / "lab") as lab:
        name = lab.write("questions.ipynb", CELLS)
        with Notebook(
            browser.new_page(viewport={"width": 1000, "height": 1400}), lab, name
        ) as lab_page:
            page = lab_page.page
            lab_page.run_all()
            question = page.get_by_role("radiogroup", name=re.compile("how often has the rate"))
            check = page.get_by_role("button", name="Check")
            question.get_by_role("radio").first.focus()
            page.keyboard.press("Space")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Tab")
            expect(check.first).to_be_focused()
            page.keyboard.press("Enter")
            said = page.get_by_role("status").filter(has_text="Right (your answer)")
            expect(said).to_contain_text("of this notebook done; 1 of ")
            expect(question.get_by_role("radio").first).to_be_disabled()

            curve = page.get_by_role("img", name=re.compile("^The training loss at the start"))
            first = curve.get_attribute("alt")
            page.get_by_role("radiogroup", name=re.compile("verdict")).get_by_label("good").check()
            check.nth(1).press("Enter")
            following = page.get_by_role("button", name="Next curve")
            expect(following).to_be_focused()
            expect(page.get_by_role("status").nth(1)).to_contain_text("of 1 right")
            page.keyboard.press("Enter")
            expect(curve).not_to_have_attribute("alt", first)
            expect(page.get_by_role("radio", name="good")).not_to_be_checked()

            lab_page.restart_and_run_all()
            expect(said).to_contain_text("You said “twice”, and that is right.")
            expect(question.get_by_role("radio").nth(1)).to_be_checked()
            expect(page.get_by_role("table")).to_contain_text(re.compile("00 start here.*1 of "))
            assert not lab_page.red
