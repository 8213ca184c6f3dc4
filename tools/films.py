"""What moves in the gallery of the docs: the lines that show it, and what a person does there."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Locator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from lab import ExplorerInPage  # type: ignore[import-not-found]

FRAME, REST = 110, 1200  # ms that a picture stays, and the last of a movement

DONE, AT_WORK = re.compile("Lowest|Trained in full"), re.compile(r"\b\d+ of \d+\b")

# The arrow of the mouse, which a picture of a page leaves out.
POINTER = """() => {
  const arrow = document.createElement("div");
  arrow.innerHTML = `<svg width="18" height="24"><path d="M1 1v19l5-4 3 7 3-1-3-7h7z"
    fill="#fff" stroke="#000" stroke-width="1.5"/></svg>`;
  arrow.style.cssText = "position: fixed; left: -99px; pointer-events: none; z-index: 9999";
  document.body.append(arrow);
  const follow = ({ clientX, clientY }) =>
    Object.assign(arrow.style, { left: `${clientX}px`, top: `${clientY}px` });
  for (const kind of ["pointermove", "pointerdown"]) addEventListener(kind, follow, true);
}"""

Place = tuple[float, float]  # across and down
Act = Iterator[int]  # yields for how long, in ms, what the page then shows is to stay


@dataclass(frozen=True)
class Film:
    """What moves in the gallery.

    Attributes:
        lines: As in a notebook.
        act: What a person does at the place in the page.
        last: The last part of the place that is shown.
        place: The selector of the place.
    """

    lines: str
    act: Callable[[Locator], Act]
    last: str = ".lrlab-readout"
    place: str = ".lrlab-explorer"


def in_page(part: Locator, across: float = 0.5, down: float = 0.5) -> Place:
    """Where in the page such shares of the width and the height of a part are."""
    box = part.bounding_box()
    assert box
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def between(*corners: Place, moves: int) -> list[Place]:
    """Return places on the way from corner to corner."""
    return [
        (x + (to_x - x) * move / moves, y + (to_y - y) * move / moves)
        for (x, y), (to_x, to_y) in pairwise(corners)
        for move in range(moves + 1)
    ]


def go(root: Locator, place: Place, *, click: bool = False, wait: int = 250) -> None:
    """Go there with the mouse, and wait for what the page does then."""
    root.page.mouse.move(*place)
    if click:
        root.page.mouse.click(*place)
    root.page.wait_for_timeout(wait)
    ready(root)


def ready(root: Locator) -> None:
    """Wait until an explorer shows what its controls say."""
    root.page.wait_for_function(
        "(root) => !root.classList.contains('lrlab-stale')",
        arg=root.element_handle(),
        timeout=120_000,
    )


def stroke(root: Locator, through: list[Place]) -> Act:
    """Hold the mouse down at the first of some places, and go through the others."""
    go(root, through[0])
    yield REST // 2
    root.page.mouse.down()
    for place in through:
        go(root, place)
        yield FRAME
    root.page.mouse.up()
    go(root, through[-1])
    yield REST


def slide(root: Locator, name: str, to: float, moves: int) -> Act:
    """Drag a slider with the mouse, to 0 (its left end) to 1 (its right end)."""
    now, place = ExplorerInPage(root).on_track(name)
    yield from stroke(root, [place(now + (to - now) * move / moves) for move in range(moves + 1)])


def draw_rates(root: Locator) -> Act:
    """Draw a warm-up and a fall, then a part that is too high."""
    ready(root)
    axes = root.locator(".lrlab-handles")
    for corners in (
        ((0.0, 0.5), (0.25, 0.22), (0.5, 0.3), (1.0, 0.65)),
        ((0.3, 0.24), (0.42, 0.03), (0.56, 0.3)),
    ):
        yield from stroke(root, [in_page(axes, *place) for place in between(*corners, moves=6)])


def pull_handles(root: Locator) -> Act:
    """Pull both boundaries to the right, one up and one down, and then the first rate."""
    ready(root)
    axes = root.locator(".lrlab-handles")
    for name, *by in (
        ("first boundary", (190, 0), (190, -30)),
        ("second boundary", (130, 0), (130, 30)),
        ("starting rate", (0, -45), (0, 0)),
    ):
        x, y = in_page(axes.get_by_role("slider", name=name, exact=True))
        ends = [(x + across, y + down) for across, down in by]
        yield from stroke(root, between((x, y), *ends, moves=5))


def fill(root: Locator) -> Act:
    """Watch a map fill, then choose two cells."""
    yield from watch(root)
    for place in ((0.43, 0.55), (0.7, 0.3)):
        go(root, in_page(root.locator(".lrlab-frame").first, *place), click=True)
        yield REST


def watch(root: Locator) -> Act:
    """Watch until an explorer has trained all that it compares."""
    said = root.locator(".lrlab-readout").first
    while not DONE.search(words := said.inner_text()) or AT_WORK.search(words):
        yield FRAME
        root.page.wait_for_timeout(900)
    yield REST


def smooth(root: Locator) -> Act:
    """Watch the trainings, then smooth less and more."""
    yield from watch(root)
    yield from slide(root, "smoothing", 0.3, 5)
    yield from slide(root, "smoothing", 0.97, 8)


def race(root: Locator) -> Act:
    """Click two starts; from each go step by step, and then to the end."""
    ready(root)
    step = ExplorerInPage(root).button("Step")
    for start in ((0.49, 0.25), (0.13, 0.75)):
        go(root, in_page(root.locator(".lrlab-frame"), *start), click=True)
        yield REST
        for _ in range(5):
            go(root, in_page(step), click=True)
            yield 2 * FRAME
        yield from slide(root, "steps", 0.3, 6)
        yield from slide(root, "steps", 0.0, 1)


def look_through(root: Locator) -> Act:
    """Have ever fewer of the best settings stand out, and then look at a line."""
    slider = root.locator("input[type=range]")
    least, most = (int(slider.get_attribute(end) or 0) for end in ("min", "max"))
    yield REST
    for many in range(most, least - 1, -max(1, (most - least) // 10)):
        slider.fill(str(many))
        go(root, in_page(slider, (many - least) / (most - least)), wait=100)
        yield FRAME
    yield REST


FILMS = {
    "drawing": Film("lrlab.DrawnScheduleExplorer(scans)", draw_rates),
    "boundaries": Film("lrlab.ScheduleExplorer(scans, schedule='piecewise')", pull_handles),
    "map": Film("lrlab.LearningRateMapExplorer(scans)", fill),
    "landscape": Film("lrlab.LandscapeExplorer(landscape='two minima', steps=0)", race),
    "range_test": Film("lrlab.RangeTestExplorer(scans)", smooth),
    "settings": Film(
        "import keras\n"
        "from lrlab import StepDecay\n"
        "grid = [StepDecay(rate, factor, 5) for rate in (0.03, 0.1, 0.3, 1.0, 3.0)\n"
        "        for factor in (0.1, 0.3, 0.5, 0.8, 1.0)]\n"
        "lrlab.sweep(scans, grid, seeds=1).parallel_coordinates(theme=THEME)",
        look_through,
        "form",
        ".vega-embed",
    ),
}
