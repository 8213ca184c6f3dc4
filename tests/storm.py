"""A storm over all controls of all explorers, with reloads, restarts and interrupts.

python tests/storm.py --minutes 10 --seed 3 --front voila

Whatever comes in whatever order, explorers come to rest, a page shows what the kernel has drawn or
greys it and says why, and no console has an error. The same seed makes the same movements. Voila
shows no kernel: there explorers come to rest, with a picture and words, and a reload is a restart.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from lab import EVERY_KIND, GIVEN_UP, MAKE, TINY, Lab, Notebook, browsing, serving, serving_voila
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NotThere

NAMES = [f"explorer_{number}" for number in range(len(EVERY_KIND))]
CELLS = [
    TINY,
    *(
        f"{name} = lrlab.{kind}({MAKE.get(kind, 'tiny')})\n{name}"
        for name, kind in zip(NAMES, EVERY_KIND, strict=True)
    ),
]
TAKES_HOLD = ".noUi-handle, select, input[type=checkbox], button:not([disabled]), .lrlab-active"
KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End")
BETWEEN_CHECKS = 12  # movements
SECONDS_TO_REST = 90
# What the front ends say themselves.
NOT_OURS = (
    GIVEN_UP,
    "widget model not found",  # JupyterLab, of what `lrlab.widgets` shows again
    # JupyterLab, when a kernel ends that it has asked something.
    *("Canceled future", "Could not restore the debugger state", "Error: Kernel is dead"),
    # Notebook 7 as it loads; and Voila, which looks for fonts in the network and loads parts of it.
    *("(reading 'schema')", "ERR_NAME_NOT_RESOLVED", "The getter for the shared module"),
    "/voila/api/shutdown/",  # which Voila forbids to its own page, as that is left
)

LOOK = """async (root) => {
  // Before the first picture there is an empty one of another kind.
  const png = root.querySelector('img.lrlab-picture').src.split('image/png;base64,')[1] ?? '';
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', bytes));
  return {
    stale: root.classList.contains('lrlab-stale'),
    // Not innerText: it is empty where the browser skips a cell that has gone out of view.
    words: root.querySelector('.lrlab-readout').textContent,
    digest: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}"""
IN_THE_KERNEL = """import hashlib
{name}.wait({seconds})
print({name}.stale, hashlib.sha1({name}.picture).hexdigest(), repr({name}.error))"""
WHAT_IT_HOLDS = """import gc, psutil, threading
gc.collect()
print(psutil.Process().memory_info().rss // 2**20, threading.active_count())"""


class Movements(ABC):
    """Movements in a page, made up from a seed.

    Attributes:
        log: What was done, in words.
        complaints: Errors in the page's console.
    """

    def __init__(self, page: Page, seed: int) -> None:
        self.page, self.random = page, random.Random(seed)
        self.log: list[str] = []
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self._said(str(error)))
        page.on("console", self._logged)

    def _logged(self, message: Any) -> None:
        if message.type == "error":
            self._said(f"{message.text} ({message.location['url']})")

    def _said(self, error: str) -> None:
        if not any(words in error for words in NOT_OURS):
            self.complaints.append(error)

    def blow(self, seconds: float) -> None:
        """Move, and check in between, for so long.

        Raises:
            AssertionError: If something is stuck, stale without a word, or an error.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(BETWEEN_CHECKS):
                self.move()
            self.check()
            self.disturb(self.random.random())
        self.check()

    def move(self) -> None:
        """Move one control of one explorer."""
        number = self.random.randrange(len(NAMES))
        places = self.explorer(number).locator(TAKES_HOLD)
        shown = [place for place in range(places.count()) if places.nth(place).is_visible()]
        place = places.nth(self.random.choice(shown))
        try:
            what = self.take(place)
        except NotThere:  # the kernel may have hidden it meanwhile, after the movement before
            assert not place.is_visible(), f"{place} is visible, and nothing can be done with it"
            what = "hidden meanwhile"
        self.log.append(f"{list(EVERY_KIND)[number]}: {what}")
        self.page.wait_for_timeout(self.random.choice((0, 0, 20, 200)))

    def take(self, place: Locator) -> str:
        """Do with a control what can be done with it; return what that was, in words."""
        tag, name = place.evaluate(
            "(part) => [part.tagName, part.getAttribute('aria-label') ?? part.innerText]"
        )
        if tag == "SELECT":
            options = place.locator("option").all_text_contents()
            many = place.get_attribute("multiple") is not None
            chosen = self.random.sample(options, self.random.randint(1, 3) if many else 1)
            place.select_option(chosen)
            return f"choose {chosen}"
        if tag in ("BUTTON", "INPUT"):
            place.click()
            return f"click {name!r}"
        key, times = self.random.choice(KEYS), self.random.randint(1, 5)
        place.focus()
        for _ in range(times):
            self.page.keyboard.press(key)
        return f"{name!r} {key} x {times}"

    @abstractmethod
    def explorer(self, number: int) -> Locator:
        """The explorer of this number, brought into view."""

    @abstractmethod
    def disturb(self, event: float) -> None:
        """Do what happens to a page; which of it says a number from 0 to 1."""

    @abstractmethod
    def check(self) -> None:
        """Every explorer comes to rest, and shows what it should."""


class Storm(Movements):
    """A storm over a notebook, in JupyterLab or Notebook 7.

    Attributes:
        held: What the kernels held at each check: their number, MB, and threads.
    """

    def __init__(self, page: Page, lab: Lab, seed: int) -> None:
        super().__init__(page, seed)
        self.held: list[tuple[int, int, int]] = []
        self._kernel = 1
        self.notebook = Notebook(page, lab, lab.write("storm.ipynb", CELLS))
        self.notebook.run_all()

    def move(self) -> None:
        """Move a control, now and then while the kernel does something else."""
        if self.random.random() < 0.05:
            self.log.append("busy")
            self.keep_busy()
        super().move()

    def keep_busy(self) -> None:
        """Have the kernel do something else for a second."""
        self.page.evaluate(
            """() => void jupyterapp.shell.currentWidget.sessionContext.session.kernel
              .requestExecute({ code: 'import time; time.sleep(1)', store_history: false })"""
        )

    def explorer(self, number: int) -> Locator:
        """The explorer of this number, brought into view: a page leaves out what is far from it."""
        cell = self.page.locator(f".jp-Cell[data-windowed-list-index='{number + 1}']")
        root = cell.locator(".lrlab-explorer")
        deadline = time.monotonic() + SECONDS_TO_REST
        while True:  # after a reload, what comes in above may push it out of view again
            self.page.evaluate(
                "(cell) => jupyterapp.shell.currentWidget.content.scrollToItem(cell, 'start')",
                number + 1,
            )
            try:
                root.wait_for(timeout=2_000)
            except NotThere:
                shown = cell.inner_text() if cell.count() else "no cell"
                assert time.monotonic() < deadline, f"{NAMES[number]} is not in the page: {shown}"
            else:
                return root

    def disturb(self, event: float) -> None:
        """Save and load the page again, restart the kernel, or interrupt it."""
        if event < 0.2:
            self.log.append("reload")
            self.page.evaluate("jupyterapp.shell.currentWidget.context.save()")
            self.page.reload()
            self.notebook.wait_until_idle()
        elif event < 0.3:
            self.log.append("restart")
            self._kernel += 1
            self.notebook.restart_and_run_all()
        elif event < 0.4:
            self.log.append("interrupt")
            self.keep_busy()
            self.notebook.command("notebook:interrupt-kernel")

    def check(self) -> None:
        """Every explorer comes to rest, and the page shows what it has drawn, or says why not."""
        for number, name in enumerate(NAMES):
            root = self.explorer(number)
            deadline = time.monotonic() + SECONDS_TO_REST
            while True:  # what the page has sent last may still be on its way
                said = self.notebook.ask(IN_THE_KERNEL.format(name=name, seconds=SECONDS_TO_REST))
                stale, digest, error = said.split(maxsplit=2)
                seen = root.evaluate(LOOK)
                words, same = seen["words"].strip(), digest == seen["digest"]
                if same and words and seen["stale"] == (stale == "True"):
                    break
                assert time.monotonic() < deadline, f"{name}: {said}; {same=}; {words!r}"
                time.sleep(0.2)
            assert error == "None" or words.startswith(error.partition("(")[0]), said
        assert self.notebook.red == [], self.notebook.red
        assert self.complaints == [], self.complaints
        megabytes, threads = map(int, self.notebook.ask(WHAT_IT_HOLDS).split())
        self.held.append((self._kernel, megabytes, threads))


class StormInVoila(Movements):
    """A storm over a page of Voila's, whose every load has a kernel of its own."""

    def __init__(self, page: Page, address: str, seed: int) -> None:
        super().__init__(page, seed)
        self._address = address
        self._load()

    def _load(self) -> None:
        self.page.goto(self._address, timeout=120_000)
        every = self.page.locator(".lrlab-explorer")
        expect(every).to_have_count(len(NAMES), timeout=120_000)

    def explorer(self, number: int) -> Locator:
        """The explorer of this number, brought into view."""
        root = self.page.locator(".lrlab-explorer").nth(number)
        root.scroll_into_view_if_needed()
        return root

    def disturb(self, event: float) -> None:
        """Load the page again."""
        if event < 0.2:
            self.log.append("reload")
            self._load()

    def check(self) -> None:
        """Every explorer comes to rest, with a picture and words."""
        for number, name in enumerate(NAMES):
            root = self.explorer(number)
            deadline = time.monotonic() + SECONDS_TO_REST
            while True:
                seen = root.evaluate(LOOK)
                if seen["words"].strip() and not (seen["stale"] and "..." in seen["words"]):
                    break
                assert time.monotonic() < deadline, f"{name}: {seen}"
                time.sleep(0.2)
        assert self.complaints == [], self.complaints


@contextmanager
def storm_in(front: str, page: Page, folder: Path, seed: int) -> Iterator[Movements]:
    """Serve the explorers by a front end, and yield a storm over them."""
    if front == "voila":
        folder.mkdir()
        with serving_voila(folder, CELLS) as address:
            yield StormInVoila(page, address, seed)
    else:
        with serving(folder, front) as lab:
            yield Storm(page, lab, seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument(
        "--front", choices=("jupyterlab", "notebook", "voila"), default="jupyterlab"
    )
    chosen = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))))
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, browsing(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        with storm_in(chosen.front, page, Path(folder) / "server", chosen.seed) as storm:
            try:
                storm.blow(60 * chosen.minutes)
            except BaseException:
                print("\n".join(storm.log[-40:]), f"\nseed {chosen.seed}", file=sys.stderr)
                raise
    print(f"{len(storm.log)} movements, and everything came to rest")
    if isinstance(storm, Storm):
        for kernel, checks in groupby(storm.held, key=lambda held: held[0]):
            steps = [f"{megabytes} MB, {threads} threads" for _, megabytes, threads in checks]
            print(f"kernel {kernel}, {len(steps)} checks: {steps[0]}; {steps[-1]} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
