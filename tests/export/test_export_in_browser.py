"""The exported page in a real Chromium: from the file system, the network off, no kernel."""

import itertools
import math
import random

import pytest
from exported import GRID, REGRESSION, experiment, numbers_of, sweep_over
from lab import browsing
from playwright.sync_api import expect

from lrlab import StepDecay, export_html

pytestmark = pytest.mark.browser

SLIDERS = ["first rate", "decay factor", "epochs per drop"]


@pytest.fixture(scope="module")
def browser(chromium):
    with browsing(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    grids = {"digits": GRID, "diabetes": REGRESSION}
    return {
        of: export_html(sweep_over(grid, of), folder / f"{of}.html") for of, grid in grids.items()
    }


@pytest.fixture
def open_page(browser, files):
    """Opens the page of a data set; afterwards nothing was fetched and nothing complained."""
    contexts, complaints, requests = [], [], []

    def open_one(of="digits", **settings):
        context = browser.new_context(offline=True, **settings)
        contexts.append(context)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda said: complaints.append(said.text))
        context.on("request", lambda request: requests.append(request.url))
        page = context.new_page()
        page.goto(files[of].as_uri())
        for chart in ("#loss", "#learning-rate"):
            expect(page.locator(f"{chart} svg")).to_be_visible()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
    assert {url.partition(":")[0] for url in requests} <= {"file", "data"}
    assert len([url for url in requests if url.startswith("file")]) == len(contexts)


def move(page, place):
    """Go to a position by keyboard: from the left end so many presses."""
    for name, presses in zip(SLIDERS, place, strict=True):
        slider = page.get_by_role("slider", name=name, exact=True)
        slider.press("Home")
        for _ in range(presses):
            slider.press("ArrowRight")


def shown_numbers(page):
    return page.locator("#numbers dd").all_text_contents()


def marks(page):
    """What Vega has drawn at the ends of the curves: pairs of curve and loss."""
    return page.locator("#loss svg [aria-roledescription='point']").evaluate_all(
        """marks => marks.map((mark) => {
          const said = Object.fromEntries(
            mark.getAttribute('aria-label').split('; ').map((part) => part.split(': ')));
          return [said.curve ?? null, Number(said.loss)];
        })"""
    )


def marks_of(run):
    ends = [("training", run.final["loss"]), ("validation", run.final["val_loss"])]
    return [[curve, float(f"{loss:.4g}")] for curve, loss in ends]


def eventually(page, question, answer):
    """The chart is drawn some frames after the words have changed."""
    for _ in range(200):
        if (received := question(page)) == answer:
            return
        page.wait_for_timeout(25)
    assert received == answer


def curves(page):
    lines = page.locator("svg path[stroke-width='2.5']")
    return lines.evaluate_all("paths => paths.map((path) => path.getAttribute('d'))")


def test_twenty_positions_show_the_numbers_of_the_experiment(open_page):
    page = open_page()
    places = list(itertools.product(range(4), range(3), range(2)))
    assert len(places) == len(GRID)
    for place in random.Random(11).sample(places, 20):
        move(page, place)
        run = experiment().run(GRID[places.index(place)])
        assert shown_numbers(page) == numbers_of(run)
        assert page.locator("#verdict").text_content() == run.verdict
        assert page.locator("#reason").text_content() == run.reason
        assert page.locator("#code").text_content() == run.code
        eventually(page, marks, marks_of(run))


def test_before_the_first_move_it_shows_the_middle_of_every_slider(open_page):
    page = open_page()
    run = experiment().run(StepDecay(0.3, 0.5, 2))
    assert shown_numbers(page) == numbers_of(run)
    assert page.locator("#verdict").text_content() == run.verdict
    assert page.locator("#code").text_content() == run.code
    eventually(page, marks, marks_of(run))


@pytest.mark.parametrize("name", SLIDERS)
def test_every_slider_moves_the_curves(open_page, name):
    page = open_page()
    move(page, (1, 1, 0))
    run = experiment().run(StepDecay(0.05, 0.5, 1))
    eventually(page, lambda page: marks(page)[0][1], float(f"{run.final['loss']:.4g}"))
    before = curves(page)
    assert len(before) == 3
    slider = page.get_by_role("slider", name=name, exact=True)
    slider.press("ArrowRight")
    eventually(
        page, lambda page: [a != b for a, b in zip(curves(page), before, strict=True)], [True] * 3
    )
    slider.press("ArrowLeft")
    eventually(page, curves, before)


def test_a_screen_reader_is_told_names_values_and_what_the_chart_shows(open_page):
    page = open_page()
    move(page, (3, 1, 1))
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]

    def of(role, part):
        return [
            node.get(part, {}).get("value", "") for node in nodes if node["role"]["value"] == role
        ]

    assert of("slider", "name") == SLIDERS
    words = [page.get_by_label(name).get_attribute("aria-valuetext") for name in SLIDERS]
    assert words == ["1", "times 0.5", "2 epochs"]
    (alt,) = of("image", "name")
    run = experiment().run(StepDecay(1.0, 0.5, 2))
    assert "The learning rate falls from 1 to 0.5 in 1 step." in alt
    assert f"to {run.final['loss']:.3g} in 3 epochs" in alt
    assert not of("graphics-symbol", "name")  # Vega's marks are not read one by one
    outcome = page.locator("#outcome[aria-live=polite]")
    expect(outcome).to_contain_text(run.verdict)
    expect(outcome).to_contain_text(numbers_of(run)[0])


def test_a_diverged_run_is_drawn_up_to_its_break(open_page):
    page = open_page("diabetes")
    move(page, (1, 1, 0))
    expect(page.locator("#verdict")).to_have_text("diverged")
    run = experiment("diabetes").run(StepDecay(10.0, 1.0, 1))
    assert shown_numbers(page) == numbers_of(run)
    assert any(not math.isfinite(loss) for loss in run.history["loss"])
    start_loss = float(f"{run.start_loss:.4g}")
    eventually(page, marks, [[None, start_loss]])  # the cross, where the untrained model was


@pytest.mark.parametrize("width", [390, 760, 1280])
def test_it_fits_its_window(open_page, width):
    page = open_page(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    sides = [page.locator(f"{chart} svg").bounding_box() for chart in ("#loss", "#learning-rate")]
    assert sides[0]["x"] == sides[1]["x"]
    assert sides[0]["width"] == pytest.approx(sides[1]["width"], abs=1)
    assert sides[0]["width"] > 0.7 * min(width, 760)


def test_a_finger_moves_a_slider(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    slider = page.get_by_label("first rate")
    box = slider.bounding_box()
    assert box["height"] >= 44
    page.touchscreen.tap(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    expect(slider).to_have_attribute("aria-valuetext", "1")


def test_a_finger_that_is_drawn_along_a_slider_takes_it_with_it(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    slider = page.get_by_label("first rate")
    box = slider.bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind, *shares):
        height = box["y"] + box["height"] / 2
        points = [{"x": box["x"] + share * box["width"], "y": height} for share in shares]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 2 / 3)
    for share, words in ((0.6, "0.3"), (0.35, "0.05"), (0.02, "0.001")):
        touch("touchMove", share)
        expect(slider).to_have_attribute("aria-valuetext", words)
    touch("touchEnd")
    run = experiment().run(StepDecay(0.001, 0.5, 2))
    assert shown_numbers(page) == numbers_of(run)
    eventually(page, marks, marks_of(run))


def test_it_is_dark_where_the_reader_prefers_that(open_page):
    colours = []
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        stroke = "path => getComputedStyle(path).stroke"
        lines = page.locator("#loss svg path[stroke='var(--training)']")
        colours.append(
            (
                page.evaluate("getComputedStyle(document.body).backgroundColor"),
                lines.first.evaluate(stroke),
            )
        )
    assert colours == [
        ("rgb(255, 255, 255)", "rgb(0, 114, 178)"),
        ("rgb(17, 17, 17)", "rgb(86, 180, 233)"),
    ]
