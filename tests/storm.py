"""A storm over all controls of all explorers in JupyterLab, with reloads and restarts.

python tests/storm.py --minutes 10 --seed 3

Whatever comes in whatever order, explorers come to rest, a page shows what the kernel has drawn or
greys it and says why, and no console has an error. The same seed makes the same movements.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lab import EVERY_KIND, MAKE, TINY, Lab, Notebook, browsing, serving
from playwright.sync_api import Locator, Page

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
# What JupyterLab says itself when a kernel ends that it has asked something.
NOT_OURS = ("Canceled future", "Could not restore the debugger state", "Error: Kernel is dead")

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


class Storm:
    """Movements in a page, made up from a seed.

    Attributes:
        log: What was done, in words.
        complaints: Errors in the page's console.
    """

    def __init__(self, page: Page, lab: Lab, seed: int) -> None:
        self.page, self.random = page, random.Random(seed)
        self.log: list[str] = []
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)
        self.notebook = Notebook(page, lab, lab.write("storm.ipynb", CELLS))
        self.notebook.run_all()

    def _said(self, message: Any) -> None:
        if message.type == "error" and not any(words in message.text for words in NOT_OURS):
            self.complaints.append(message.text)

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
            event = self.random.random()
            if event < 0.2:
                self.reload()
            elif event < 0.3:
                self.log.append("restart")
                self.notebook.restart_and_run_all()
        self.check()

    def move(self) -> None:
        """Move one control of one explorer, or have the kernel do something else meanwhile."""
        if self.random.random() < 0.05:
            self.log.append("busy")
            self.page.evaluate(
                """() => void jupyterapp.shell.currentWidget.sessionContext.session.kernel
                  .requestExecute({ code: 'import time; time.sleep(1)', store_history: false })"""
            )
        number = self.random.randrange(len(NAMES))
        root = self.explorer(number)
        places = root.locator(TAKES_HOLD)
        shown = [place for place in range(places.count()) if places.nth(place).is_visible()]
        place = places.nth(self.random.choice(shown))
        what = self.take(place)
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

    def explorer(self, number: int) -> Locator:
        """The explorer of this number, brought into view: a page leaves out what is far from it."""
        self.page.evaluate(
            "(cell) => jupyterapp.shell.currentWidget.content.scrollToItem(cell, 'start')",
            number + 1,
        )
        cell = self.page.locator(f".jp-Cell[data-windowed-list-index='{number + 1}']")
        root = cell.locator(".lrlab-explorer")
        root.wait_for(timeout=30_000)
        return root

    def reload(self) -> None:
        """Save the notebook and load the page again."""
        self.log.append("reload")
        self.page.evaluate("jupyterapp.shell.currentWidget.context.save()")
        self.page.reload()
        self.notebook.wait_until_idle()

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
        assert self.notebook.red == []
        assert self.complaints == []


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))))
    print(f"seed {chosen.seed}")
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing(chromium) as browser,
        serving(Path(folder) / "lab") as lab,
    ):
        storm = Storm(browser.new_page(viewport={"width": 1280, "height": 1000}), lab, chosen.seed)
        try:
            storm.blow(60 * chosen.minutes)
        except BaseException:
            print("\n".join(storm.log[-40:]), f"\nseed {chosen.seed}", file=sys.stderr)
            raise
    print(f"{len(storm.log)} movements, and everything came to rest")
    return 0


if __name__ == "__main__":
    sys.exit(main())
