"""JupyterLab draws parallel coordinates itself: without a kernel's help, and off the network."""

import pytest
from lab import Notebook, browsing, serving

pytestmark = pytest.mark.browser
DRAW = """
from lrlab.figures.parallel import parallel_coordinates
points = [({"initial_learning_rate": r, "momentum": m}, [r + m]) for r in (0.1, 1) for m in (0, 1)]
parallel_coordinates(points, "val_loss", 9, {}, highest=False)
"""
THICK = """[...document.querySelectorAll(".mark-line.role-mark path")].filter(
  (path) => path.getAttribute("stroke-width") === "3").length"""


def test_it_is_as_wide_as_the_cell_says_its_words_and_has_a_slider(chromium, tmp_path):
    with serving(tmp_path) as lab, browsing(chromium) as browser:
        name = lab.write("parallel.ipynb", [DRAW])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        with Notebook(page, lab, name) as notebook:
            notebook.run_all()
            chart = page.locator(".vega-embed svg.marks")
            chart.wait_for()
            assert chart.bounding_box()["width"] > 600
            words = page.locator("[aria-label^='Parallel coordinates of 4 settings']")
            assert words.count() == 1
            slider = page.locator(".vega-embed input[type=range]")
            assert page.evaluate(THICK) == 4
            slider.fill("1")
            page.wait_for_function(f"{THICK} === 1")
