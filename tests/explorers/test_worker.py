"""A worker runs one job at a time, the newest first and last, and survives whatever a job does."""

import signal
import subprocess
import sys
import threading
from weakref import ref

import pytest
from small import until

from lrlab.explorers import worker as module
from lrlab.explorers.worker import Worker

SOON = 20  # seconds after which something that should happen at once has not happened


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.stop()
    assert worker.wait(SOON)


class Job:
    """Runs until it is let go; notes that it began, and whether it was superseded by then."""

    def __init__(self):
        self.began, self.go_on = threading.Event(), threading.Event()
        self.was_superseded = None

    def __call__(self, superseded):
        self.began.set()
        assert self.go_on.wait(SOON)
        self.was_superseded = superseded()


def started(worker, job):
    worker.submit(job)
    assert job.began.wait(SOON)
    return job


def test_a_job_runs_in_a_thread_of_its_own_for_which_python_waits(worker):
    threads = []
    worker.submit(lambda superseded: threads.append(threading.current_thread()))
    assert worker.wait(SOON)
    assert threads[0] is not threading.current_thread()
    assert not threads[0].daemon


def test_a_job_that_nothing_follows_is_not_superseded(worker):
    job = started(worker, Job())
    job.go_on.set()
    assert worker.wait(SOON)
    assert job.was_superseded is False


@pytest.mark.parametrize(
    ("patience", "at_once", "superseded"),
    [(0, False, True), (1000, False, False), (1000, True, True)],
)
def test_a_newer_job_supersedes_the_one_that_runs_after_a_little_patience(
    worker, patience, at_once, superseded
):
    worker._PATIENCE_SECONDS = patience
    old, new = started(worker, Job()), Job()
    worker.submit(new, at_once=at_once)
    old.go_on.set()
    new.go_on.set()
    assert worker.wait(SOON)
    assert (old.was_superseded, new.was_superseded) == (superseded, False)


def test_of_the_jobs_that_wait_only_the_newest_runs(worker):
    ran = []
    first = started(worker, Job())
    for number in range(1000):
        worker.submit(lambda superseded, number=number: ran.append(number))
    assert ran == []
    first.go_on.set()
    assert worker.wait(SOON)
    assert ran == [999]


def test_jobs_from_many_threads_never_run_at_once(worker):
    running, most = [], []

    def job(superseded):
        running.append(1)
        most.append(len(running))
        running.pop()

    def submit_many():
        for _ in range(200):
            worker.submit(job)

    threads = [threading.Thread(target=submit_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.wait(SOON)
    assert set(most) == {1}


def test_stop_supersedes_the_job_that_runs_and_drops_the_one_that_waits(worker):
    ran = []
    worker._PATIENCE_SECONDS = 1000
    job = started(worker, Job())
    worker.submit(lambda superseded: ran.append("waited"))
    worker.stop()
    job.go_on.set()
    assert worker.wait(SOON)
    assert job.was_superseded
    assert ran == []


def test_it_works_on_after_a_stop(worker):
    ran = []
    worker.stop()
    worker.submit(lambda superseded: ran.append(superseded()))
    assert worker.wait(SOON)
    assert ran == [False]


def test_busy_from_the_asking_to_the_end(worker):
    assert not worker.busy
    job = started(worker, Job())
    assert worker.busy
    worker.stop()
    assert worker.busy, "it still runs"
    job.go_on.set()
    assert worker.wait(SOON)
    assert not worker.busy


def test_wait_gives_up_in_time(worker):
    job = started(worker, Job())
    assert worker.wait(0.01) is False
    job.go_on.set()
    assert worker.wait(SOON) is True


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_raises_is_reported_and_the_next_one_runs(worker, monkeypatch):
    reports, ran = [], []
    monkeypatch.setattr(threading, "excepthook", reports.append)

    def fails(superseded):
        raise RuntimeError("on purpose")

    worker.submit(fails)
    assert worker.wait(SOON)
    worker.submit(lambda superseded: ran.append(1))
    assert worker.wait(SOON)
    assert [str(report.exc_value) for report in reports].count("on purpose") == 1
    assert ran == [1]


def test_a_job_may_submit_the_next(worker):
    ran = []
    worker.submit(lambda superseded: worker.submit(lambda superseded: ran.append(1)))
    assert worker.wait(SOON)
    assert ran == [1]


def threads_at_work():
    return {each for each in threading.enumerate() if each.name == "lrlab"}


def all_are_parked():
    return len(module._PARKED) == len(threads_at_work())


def test_a_thread_serves_one_worker_after_another():
    until(all_are_parked)
    before = threads_at_work()
    for _ in range(20):
        two = [(worker, started(worker, Job())) for worker in (Worker(), Worker())]
        for worker, job in two:
            job.go_on.set()
            assert worker.wait(SOON)
        until(all_are_parked)
    assert len(threads_at_work()) <= max(2, len(before))


def test_a_parked_thread_keeps_no_worker():
    worker = Worker()
    worker.submit(lambda superseded: None)
    assert worker.wait(SOON)
    reference = ref(worker)
    del worker
    until(lambda: reference() is None)


def test_an_idle_thread_ends_and_a_new_one_starts(worker, monkeypatch):
    threads = []

    def job(superseded):
        threads.append(threading.current_thread())

    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.0)
    for _ in range(2):
        worker.submit(job)
        assert worker.wait(SOON)
        threads[-1].join(SOON)
        assert not threads[-1].is_alive()
    assert threads[0] is not threads[1]


def test_a_worker_that_nobody_asked_has_no_thread():
    before = threads_at_work()
    Worker().wait()
    assert threads_at_work() <= before


def ended(code):
    """Run code in a Python of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("interrupts", [0, 1])
def test_what_runs_gives_up_before_python_ends_and_exit_handlers_come_after_it(interrupts):
    """An interrupt while Python waits ends that wait, and an exit handler takes it up again."""
    ran = ended(
        "import atexit, os, signal, sys, threading, time\n"
        "atexit.register(print, 'handler of before')\n"
        "from lrlab.explorers.worker import Worker\n"
        "atexit.register(lambda: Worker().submit(lambda superseded: print('never')))\n"
        "began, worker = threading.Event(), Worker()\n"
        "def job(superseded):\n"
        "    began.set()\n"
        "    while not superseded():\n"
        "        time.sleep(0.01)\n"
        f"    for _ in range({interrupts}):\n"
        "        time.sleep(0.3)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(0.3)\n"
        "    print('gave up')\n"
        "    worker.submit(lambda superseded: print('never'))\n"
        "worker.submit(job)\n"
        "assert began.wait(60)\n"
        "sys.exit(3)"
    )
    assert (ran.returncode, ran.stdout) == (3, "gave up\nhandler of before\n")
    assert ("KeyboardInterrupt" in ran.stderr) == bool(interrupts)


def test_python_may_end_while_tensorflow_is_loaded():
    """What TensorFlow loads has exit handlers, which have to be in time: else Python crashes."""
    ran = ended(
        "import atexit, sys, time, lrlab\n"
        "atexit.register(print, 'handler')\n"
        "explorer = lrlab.StepDecayExplorer()\n"
        "explorer.run()\n"
        "while 'tensorflow' not in sys.modules:\n"
        "    time.sleep(0.01)\n"
        "assert 'keras' not in sys.modules\n"
        "atexit.register(lambda: print('keras' in sys.modules, explorer.error))\n"
        "sys.exit(3)"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "True None\nhandler\n", "")


def test_python_may_end_by_an_interrupt_while_a_model_trains():
    ran = ended(
        "import signal, time, lrlab\n"
        "points = lrlab.data.moons()\n"
        "make = lambda: lrlab.models.mlp(points, (4,))\n"
        "explorer = lrlab.LearningRateExplorer(lrlab.Experiment(make, points, epochs=10**5))\n"
        "explorer.run()\n"
        "while not explorer._picture.value:\n"
        "    time.sleep(0.01)\n"
        "signal.raise_signal(signal.SIGINT)"
    )
    assert ran.returncode == -signal.SIGINT
    assert ran.stderr.splitlines()[-1] == "KeyboardInterrupt"


@pytest.fixture
def colab(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)


def test_in_colab_a_job_is_done_in_the_turn_that_asks_for_it(worker, colab):
    threads = []
    worker.submit(lambda superseded: threads.append((threading.current_thread(), superseded())))
    assert threads == [(threading.current_thread(), False)]
    assert not worker.busy


def test_in_colab_a_job_may_submit_the_next_and_an_interrupt_ends_no_worker(worker, colab):
    done = []

    def first(superseded):
        worker.submit(lambda superseded: done.append("second"))
        done.append("first")

    def interrupted(superseded):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.submit(interrupted)
    worker.submit(first)
    assert done == ["first", "second"]
