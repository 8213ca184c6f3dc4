"""A JupyterLab and a browser for all tests of this folder that want them."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from lab import GIVEN_UP, REPOSITORY, Lab, Notebook, browsing, serving
from playwright.sync_api import Browser, BrowserContext


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with browsing(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with serving(tmp_path_factory.mktemp("lab")) as lab:
        for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
            shutil.copy(path, lab.folder)
        yield lab


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """Errors in the pages' consoles. JupyterLab itself logs none while its server is up."""
    return []


@pytest.fixture(scope="module")
def context(browser: Browser, lab: Lab, complaints: list[str]) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.url)

    def complain(error: str) -> None:
        if GIVEN_UP not in error:
            complaints.append(error)

    context.on("weberror", lambda error: complain(str(error.error)))
    context.on("console", lambda said: complain(said.text) if said.type == "error" else None)
    yield context
    context.close()


@pytest.fixture(scope="module")
def open_notebook(context: BrowserContext, lab: Lab) -> Callable[[str], Notebook]:
    def open_and_run(name: str) -> Notebook:
        notebook = Notebook(context.new_page(), lab, name)
        notebook.run_all()
        return notebook

    return open_and_run


@pytest.fixture
def no_complaints(complaints: list[str]) -> Iterator[None]:
    """After every test: no error in a browser's console."""
    yield
    assert complaints == []
