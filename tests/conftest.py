"""What every test may ask for."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent

_NO_CHROMIUM = "NO CHROMIUM FOUND: BROWSER TESTS NOT RUN"
_CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
_MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of this checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Without one the test is skipped, or fails where one is required."""
    found = next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)
    if found is None and sys.platform == "darwin" and _MAC_CHROME.exists():
        found = str(_MAC_CHROME)
    if found is None and os.environ.get("LRLAB_REQUIRE_CHROMIUM") == "1":
        pytest.fail("no Chromium found, and LRLAB_REQUIRE_CHROMIUM=1 asks for one", pytrace=False)
    if found is None:
        pytest.skip(_NO_CHROMIUM)
    return found


@pytest.fixture(scope="module")
def without_xla() -> Iterator[Callable[[Any], bool]]:
    """XLA takes longer to compile than small runs take, and agrees with Keras all the same.

    Yields the function that decides elsewhere who uses it.
    """
    from lrlab.training import program

    decide = program.uses_xla
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "uses_xla", lambda model: False)
        yield decide


@pytest.fixture(autouse=True)
def _no_work_outlives_its_test() -> Iterator[None]:
    """A thread that an explorer left behind would see what the next tests patch."""
    yield
    if module := sys.modules.get("lrlab.explorers.worker"):
        for worker in list(module._WORKERS):
            worker.stop()
            assert worker.wait(60), "work goes on after it was stopped"


@pytest.fixture(autouse=True)
def _garbage_is_collected_while_it_is_young() -> Iterator[None]:
    """A `model.fit` that stops within an epoch leaves its data iterator in a reference cycle.

    TensorFlow may take a minute to destroy one that has been lying about for as long, and nothing
    else runs meanwhile. What is left after a test is frozen: it need not be looked at again.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, or one process has it left when the others are done."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("browser", "long"))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.getreports("skipped") if _NO_CHROMIUM in str(r.longrepr)]
    if skipped:
        message = f"{_NO_CHROMIUM} ({len(skipped)}). Install chromium, then run make test again."
        terminalreporter.write_sep("!", message, red=True, bold=True)
