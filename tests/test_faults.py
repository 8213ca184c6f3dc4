"""A full disk, a folder that is read-only, a page that is gone: what was finished stays."""

import contextlib
import doctest
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from class_of_thirty import answers as answers_of
from exported import sweep_over
from small import SOON, data, made, model

import lrlab
from lrlab import Experiment, LearningRateExplorer, export_html, files, sweep
from lrlab.course import copying
from lrlab.course.command import main
from lrlab.course.copying import copy_course
from lrlab.course.report import write_report
from lrlab.exercises import answers
from lrlab.files import write_whole

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for files"),
]
RATES = [0.01, 0.03, 0.1, 0.3, 1.0]
NOBODY = 65534


def room(size=None):
    """Let no file grow beyond a size, as on a disk that is full; any again for None."""
    import resource

    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))


@contextlib.contextmanager
def full(size):
    room(size)
    try:
        yield
    finally:
        room()


@contextlib.contextmanager
def read_only(folder):
    """A folder into which nobody may write: root could, and is another one meanwhile."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def folder():
    """One that anybody may look into, as those of pytest are not."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, tuple(data().values()), epochs=2, batch_size=8)


@pytest.fixture(scope="module")
def plain(experiment):
    return sweep(experiment, RATES, progress=False).runs


@pytest.fixture
def trained(monkeypatch):
    seen, run = [], Experiment.run

    def counted(self, schedule, **options):
        seen.append(schedule)
        return run(self, schedule, **options)

    monkeypatch.setattr(Experiment, "run", counted)
    return seen


def schedules_in(path):
    return [json.loads(line)["schedule"] for line in path.read_text().splitlines()[1:]]


def test_the_example_runs():
    assert doctest.testmod(files).failed == 0


class TestASweepWhoseDiskIsFull:
    def run(self, experiment, path, when):
        """Sweep, and do something after each run, given its number."""
        seen = []

        def count(run):
            seen.append(run)
            when(len(seen))

        try:
            return sweep(experiment, RATES, path=path, on_run=count, progress=False)
        finally:
            room()

    def test_goes_on_and_writes_all_once_there_is_room(self, experiment, plain, trained, tmp_path):
        path = tmp_path / "runs.jsonl"

        def fill(finished):
            if finished == 2:
                room(path.stat().st_size + 100)  # so that half a line has room
            elif finished == 4:
                room()

        with pytest.warns(UserWarning, match=r"runs\.jsonl' cannot be written \(.*once there is"):
            found = self.run(experiment, path, fill)
        assert [run.history for run in found.runs] == [run.history for run in plain]
        assert schedules_in(path) == [f"{rate:g}" for rate in RATES]
        trained.clear()
        assert sweep(experiment, RATES, path=path, progress=False).complete
        assert trained == []

    def test_to_the_end_has_all_runs_and_says_which_are_not_in_the_file(
        self, experiment, plain, trained, tmp_path
    ):
        path = tmp_path / "runs.jsonl"

        def fill(finished):
            if finished == 2:
                room(path.stat().st_size + 100)

        with pytest.warns(UserWarning, match="The last runs") as said:
            found = self.run(experiment, path, fill)
        assert [run.history for run in found.runs] == [run.history for run in plain]
        assert "The last runs (3) are not in" in str(said[-1].message)
        assert "are in this sweep alone" in str(said[-1].message)
        assert len(said) == 2, "each is said once"
        trained.clear()
        again = sweep(experiment, RATES, path=path, progress=False)
        assert trained == RATES[2:]
        assert [run.history for run in again.runs] == [run.history for run in plain]

    def test_from_the_start_trains_nothing_and_says_so(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        with full(50), pytest.raises(OSError, match=r"nothing was trained\. Make room, or.*jsonl"):
            sweep(experiment, RATES, path=path, progress=False)
        assert trained == []
        assert sweep(experiment, RATES, path=path, progress=False).complete

    def test_nor_where_the_folder_is_read_only(self, experiment, trained, folder):
        path = folder / "runs.jsonl"
        words = r"nothing was trained\. .*another path.*jsonl"
        with read_only(folder), pytest.raises(PermissionError, match=words):
            sweep(experiment, RATES, path=path, progress=False)
        assert trained == []
        assert list(folder.iterdir()) == []


class TestAFileThatIsWrittenWhole:
    def test_is_the_old_one_where_the_disk_is_full(self, tmp_path):
        path = tmp_path / "page.html"
        write_whole(path, "the old one")
        with full(100), pytest.raises(OSError, match=r"no half of it is left\. Make room.*page"):
            write_whole(path, "x" * 101)
        assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
        assert path.read_text() == "the old one"

    def test_is_the_old_one_where_the_folder_is_read_only(self, folder):
        path = folder / "page.html"
        write_whole(path, "the old one")
        with read_only(folder), pytest.raises(PermissionError, match=r"no half.*page\.html"):
            write_whole(path, "a new one")
        assert [each.name for each in folder.iterdir()] == ["page.html"]
        assert path.read_text() == "the old one"

    def test_so_is_an_exported_page(self, tmp_path):
        runs = sweep_over([0.01, 0.1])
        path = export_html(runs, tmp_path / "page.html")
        before = path.read_bytes()
        with full(10_000), pytest.raises(OSError, match="no half of it is left"):
            export_html(runs, path, title="Another one")
        assert path.read_bytes() == before
        assert [each.name for each in tmp_path.iterdir()] == ["page.html"]

    def test_so_is_a_report(self, tmp_path):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "ada.json").write_text(json.dumps(answers_of(0)))
        write_report(tmp_path / "in", tmp_path / "out")
        before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        with full(20), pytest.raises(OSError, match="no half of it is left"):
            write_report(tmp_path / "in", tmp_path / "out")
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before

    def test_so_are_answers_that_are_handed_in(self, tmp_path):
        answers.note_prediction("Is 2 above 1?", "yes", "yes")
        path = lrlab.save_answers(tmp_path / "ada.json", name="Ada")
        before = path.read_bytes()
        with full(20), pytest.raises(OSError, match="no half of it is left"):
            lrlab.save_answers(path, name="Ada Lovelace")
        assert path.read_bytes() == before


class TestACopyOfTheCourse:
    def test_goes_on_once_there_is_room_and_takes_no_half_for_a_changed_file(
        self, tmp_path, capsys
    ):
        folder, course = tmp_path / "course", copying._files()
        sizes = [len(content) for content in course.values()]
        with full(sorted(sizes)[len(sizes) // 2]):
            assert main(["copy", str(folder)]) == 2
        assert "no half of it is left. Make room" in capsys.readouterr().err
        there = {path.name for path in folder.rglob("*") if path.is_file()}
        assert len(there) < len(course)
        copied = copy_course(folder)
        assert copied.kept == []
        assert sorted([*copied.written, *copied.same]) == sorted(course)
        for name, content in course.items():
            assert (folder / name).read_bytes() == content

    def test_into_a_read_only_folder_leaves_it_alone(self, folder, capsys):
        copying._files()
        with read_only(folder):
            assert main(["copy", str(folder)]) == 2
        assert "Permission denied" in capsys.readouterr().err
        assert [*folder.iterdir()] == []


class TestAPageThatIsGone:
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_takes_no_run_along_and_the_next_movement_is_shown_again(self, experiment, monkeypatch):
        with made(LearningRateExplorer, experiment, learning_rate=0.1) as explorer:
            first = explorer.wait(SOON)
            show = explorer._picture.show

            def broken(**values):
                raise BrokenPipeError(32, "Broken pipe")

            monkeypatch.setattr(explorer._picture, "show", broken)
            explorer.frames_per_second = 1e-6  # so that a training comes to its end
            explorer.learning_rate.value = 0.5
            explorer.wait(SOON)
            assert [run.schedule for run in explorer.runs] == [first.schedule, 0.5]
            monkeypatch.setattr(explorer._picture, "show", show)
            explorer.learning_rate.value = 0.3
            assert explorer.wait(SOON).schedule == 0.3
            assert explorer.error is None
            assert not explorer.stale
            assert np.isfinite(explorer.runs[1].history["loss"]).all()
