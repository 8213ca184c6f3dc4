"""How much memory each notebook takes under nbval: its kernel and what that starts, at the peak.

Binder gives a session one to two gigabytes, and many hubs give no more. Counted is the memory that
the processes have written to, once where they share it; Linux alone can say that. The 420 MB of
libraries that are read from files are left out: they are shared by all kernels that run, so that
they would tell how many run, not what the notebook needs. pytest's closing lines have the figures.
"""

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from nbval.plugin import IPyNbCell

MOST = 900  # MB, a fifth above what the largest takes
MORE = {"11_the_map": 1500}  # a kernel and a Dask cluster of one process
SECONDS = 0.25  # from one look to the next
NAME = "peak of memory in MB"

_WRITTEN = re.compile(r"^Pss_(?:Anon|Shmem): +(\d+) kB$", re.MULTILINE)

_peaks: dict[Path, float] = {}


def taken(pid: int) -> float:
    """What a process and its children take now, in MB; one that ends meanwhile takes nothing."""
    total = 0
    try:
        processes = [(kernel := psutil.Process(pid)), *kernel.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        total += sum(map(int, _WRITTEN.findall(rollup)))
    return total * 1024 / 1e6


def watch(notebook: Path, pid: int, done: threading.Event) -> None:
    """Look until the cell is done, and once more, for what it has kept."""
    looking = True
    while looking:
        looking = not done.wait(SECONDS)
        _peaks[notebook] = max(_peaks.get(notebook, 0.0), taken(pid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if not isinstance(item, IPyNbCell) or not sys.platform.startswith("linux"):
        return (yield)
    done = threading.Event()
    kernel = item.parent.kernel.km.provisioner.pid
    watching = threading.Thread(target=watch, args=(item.path, kernel, done))
    watching.start()
    try:
        return (yield)
    finally:
        done.set()
        watching.join()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    # First the kernel ends: what fails before that leaves the next notebook without one.
    result = yield
    ends = nextitem is None or nextitem.path != item.path
    if isinstance(item, IPyNbCell) and ends and item.path in _peaks:
        peak, most = _peaks.pop(item.path), MORE.get(item.path.stem, MOST)
        item.user_properties.append((NAME, round(peak)))
        if peak > most:
            pytest.fail(f"{item.path.stem} takes {peak:.0f} MB, more than {most}.", pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    peaks = {
        Path(report.location[0]).stem: megabytes
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, megabytes in getattr(report, "user_properties", ())
        if name == NAME
    }
    if peaks:
        terminalreporter.write_sep("-", NAME)
    for notebook, megabytes in sorted(peaks.items()):
        terminalreporter.write_line(f"{megabytes:5} {notebook}")
