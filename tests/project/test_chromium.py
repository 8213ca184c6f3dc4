"""Browser tests never vanish in silence."""

import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def without_chromium(pytester, monkeypatch, repository):
    """A folder with this project's conftest.py and one browser test, where no browser is found."""
    pytester.makeconftest((repository / "tests" / "conftest.py").read_text())
    pytester.makepyfile("def test_in_a_browser(chromium): pass")
    monkeypatch.setenv("PATH", str(pytester.mkdir("empty")))
    monkeypatch.delenv("LRLAB_REQUIRE_CHROMIUM", raising=False)
    return pytester


@pytest.mark.skipif(sys.platform == "darwin", reason="finds Chrome outside PATH too")
class TestWithoutChromium:
    def test_skipped_browser_tests_are_announced(self, without_chromium):
        result = without_chromium.runpytest_subprocess()
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["!*NO CHROMIUM FOUND: BROWSER TESTS NOT RUN (1)*!", "=*=="])

    def test_they_fail_where_they_must_run(self, without_chromium, monkeypatch):
        monkeypatch.setenv("LRLAB_REQUIRE_CHROMIUM", "1")
        result = without_chromium.runpytest_subprocess()
        result.assert_outcomes(errors=1)
        assert result.ret != 0
