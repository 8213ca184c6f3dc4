"""A sweep here: the runs that were asked for, kept in a file whatever happens to the process."""

import doctest
import importlib
import inspect
import json
import math
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from lrlab.backend import keras

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from small_sweeps import DATA, LABELS, X, experiment_of, net, net_of_a_worker, quietly

import lrlab
from lrlab import Experiment, StepDecay
from lrlab.figures import HeatMap
from lrlab.sweeps import SweepError, halving, settings, sweep
from lrlab.sweeps.run_file import RunFile
from lrlab.sweeps.same import header_of

pytestmark = pytest.mark.usefixtures("without_xla")
sweeps = importlib.import_module("lrlab.sweeps.sweep")  # not the function
ks = keras.optimizers.schedules
RATES = [0.01, 0.1, 1.0]


class Weighted(keras.losses.Loss):
    """Its config does not know its weight."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def call(self, labels, predictions):
        return self.weight * keras.losses.sparse_categorical_crossentropy(labels, predictions)


class Constant(keras.metrics.Metric):
    def __init__(self, value):
        super().__init__(name="constant")
        self.value = value

    def update_state(self, labels, predictions, sample_weight=None):
        pass

    def result(self):
        return keras.ops.convert_to_tensor(self.value)


@pytest.fixture(scope="module")
def experiment():
    return experiment_of()


@pytest.fixture
def trained(experiment, monkeypatch):
    """The schedules that are trained from here on."""
    seen = []
    run = Experiment.run

    def counted(self, schedule, **options):
        seen.append(schedule)
        return run(self, schedule, **options)

    monkeypatch.setattr(Experiment, "run", counted)
    return seen


@pytest.fixture
def pretended(experiment, monkeypatch):
    """As `trained`, but each is given the same run, at once: compiling takes seconds."""
    seen, run = [], experiment.run(0.1)

    def pretend(self, schedule, **options):
        seen.append(schedule)
        return run

    monkeypatch.setattr(Experiment, "run", pretend)
    return seen


@pytest.mark.parametrize("module", [sweeps, halving, settings])
def test_the_examples_in_the_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0


def keys(path):
    header, *runs = path.read_text().splitlines()
    assert json.loads(header)["lrlab_sweep"] == 2
    return [json.loads(line)["lrlab_run"] for line in runs]


class RaisesAt(keras.callbacks.Callback):
    def __init__(self, rate, error):
        super().__init__()
        self.rate, self.error = rate, error

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1 and abs(float(self.model.optimizer.learning_rate) - self.rate) < 1e-6:
            raise self.error


class Halves(keras.callbacks.Callback):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate *= self.factor


class SlowsDown(keras.callbacks.ReduceLROnPlateau):
    def __init__(self, *arguments, step=1.0, **options):
        super().__init__(*arguments, **options)
        self.learning_rate = step  # a name that Keras's class gives to something else


class TestRuns:
    def test_they_are_those_of_the_experiment_in_the_order_asked(self, experiment):
        schedules = [1.0, StepDecay(0.5, 0.1, 1), lambda epoch: 0.3 / (1 + epoch), 0.01]
        schedules.append(ks.CosineDecay(0.5, 6))
        found = quietly(experiment, schedules)
        assert [run.schedule for run in found.runs] == schedules
        for run, schedule in zip(found.runs, schedules, strict=True):
            expected = experiment.run(schedule)
            assert run.history == expected.history
            np.testing.assert_array_equal(run.learning_rates, expected.learning_rates)
            assert (run.verdict, run.code) == (expected.verdict, expected.code)
            assert (run.start_loss, run.moved) == (expected.start_loss, expected.moved)
            assert run.chance == expected.chance

    @pytest.mark.parametrize(
        "grid",
        [
            np.array([[0.01, 0.1], [0.2, 1.0]]),
            [[0.01, 0.1], [0.2, 1.0]],
            (np.array([0.01, 0.1]), (0.2, 1.0)),
            (rate for rate in (0.01, 0.1, 0.2, 1.0)),
        ],
    )
    def test_a_grid_is_taken_row_by_row(self, experiment, grid):
        assert [run.schedule for run in quietly(experiment, grid).runs] == [0.01, 0.1, 0.2, 1.0]

    def test_a_schedule_without_settings_goes_by_its_name(self, experiment):
        class Falling(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return 0.1 / (1 + keras.ops.cast(step, "float32"))

        sweep = quietly(experiment, [Falling(), lambda epoch, rate: rate / 2])
        assert [row["schedule"] for row in sweep.rows()] == ["Falling", "<lambda>"]
        # Of the rate of "sgd", which an experiment begins with.
        assert sweep.runs[1].history["learning_rate"][:2] == pytest.approx([0.005, 0.0025])

    def test_each_is_trained_from_every_seed(self, experiment):
        found = quietly(experiment, [0.1, 0.2], seeds=2)
        assert [(run.schedule, run.seed) for run in found.runs] == [
            *((0.1, 0), (0.1, 1)),
            *((0.2, 0), (0.2, 1)),
        ]
        assert found.runs[1].history == experiment.run(0.1, seed=1).history
        assert [run.seed for run in quietly(experiment, [0.1], seeds=[7, 3]).runs] == [7, 3]

    def test_the_same_rates_are_trained_once(self, experiment, trained):
        schedules = [0.1, StepDecay(0.1, 1.0, 1), StepDecay(0.1, 1.0, 2), 0.1]
        found = quietly(experiment, schedules)
        assert len(trained) == 1
        assert [run.schedule for run in found.runs] == schedules
        assert len({run.final["loss"] for run in found.runs}) == 1

    def test_each_run_has_callbacks_of_its_own(self, experiment):
        plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=9)
        experiment.run(0.3, callbacks=[plateau])  # it has seen a model
        found = quietly(experiment, [0.1, 0.2], callbacks=[plateau], executor=None)
        for run in found.runs:
            expected = experiment.run(run.schedule, callbacks=[plateau])
            assert run.history == expected.history
            np.testing.assert_array_equal(run.learning_rates, expected.learning_rates)
            assert "ReduceLROnPlateau" in run.code

    def test_each_is_told_as_it_finishes(self, experiment):
        seen = []
        found = quietly(experiment, RATES, on_run=seen.append)
        assert seen == found.runs

    def test_a_notebook_has_its_progress_in_a_widget(self):
        trains = (
            "import lrlab\nfrom small_sweeps import experiment_of, net_of_a_worker\n"
            "sweep = lrlab.sweep(experiment_of(net_of_a_worker), [0.1, 0.2])"
        )
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(trains)])
        folder = {"metadata": {"path": str(Path(__file__).parent)}}
        NotebookClient(notebook, kernel_name="python3", resources=folder, timeout=300).execute()
        (shown,) = notebook.cells[0].outputs
        assert "application/vnd.jupyter.widget-view+json" in shown["data"]
        assert "2/2" in json.dumps(notebook.metadata["widgets"])

    def test_progress_is_shown_unless_it_is_turned_off(self, experiment, capsys):
        sweep(experiment, [0.1, 0.2])
        assert "2/2" in capsys.readouterr().err
        quietly(experiment, [0.1, 0.2])
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        ("schedules", "settings", "words"),
        [
            (0.1, {}, "must be a list of learning rates"),
            (StepDecay(), {}, "must be a list of learning rates"),
            ("0.1", {}, "must be a list of learning rates"),
            ([], {}, "must hold at least one"),
            ([0.1, -1.0], {}, "above 0. Received: learning_rate=-1.0"),
            ([0.1], {"seeds": 0}, "whole number of at least 1"),
            ([0.1], {"seeds": [1, 1]}, "different seeds"),
            ([0.1], {"callbacks": [3]}, "must be a list of keras.callbacks.Callback"),
        ],
    )
    def test_what_cannot_work_is_said_before_anything_is_trained(
        self, experiment, trained, schedules, settings, words
    ):
        with pytest.raises(ValueError, match=words):
            quietly(experiment, schedules, **settings)
        assert trained == []


class TestStops:
    def test_an_interrupt_keeps_what_has_finished(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        stop = [RaisesAt(0.1, KeyboardInterrupt())]
        with pytest.warns(UserWarning, match="Interrupted: 1 of 3 runs have finished"):
            found = quietly(experiment, RATES, callbacks=stop, path=path)
        assert [run.schedule for run in found.runs] == [0.01]
        assert not found.complete
        assert len(keys(path)) == 1
        assert quietly(experiment, RATES).complete  # and the experiment trains on

    def test_a_run_that_raises_is_named(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        broken = [RaisesAt(0.1, RuntimeError("no more"))]
        words = r"run with 0\.1 and seed 0 failed: RuntimeError: no more \(1 of 3 runs"
        with pytest.raises(SweepError, match=words) as caught:
            quietly(experiment, RATES, callbacks=broken, path=path)
        assert [run.schedule for run in caught.value.sweep.runs] == [0.01]
        assert len(keys(path)) == 1


class TestPath:
    def test_only_what_is_missing_is_trained(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        first = quietly(experiment, RATES[:2], path=path)
        assert trained == RATES[:2]
        seen = []
        again = quietly(experiment, RATES, path=path, on_run=seen.append)
        assert trained == RATES
        assert len(set(keys(path))) == len(keys(path)) == 3
        assert [run.schedule for run in seen] == RATES
        for run, expected in zip(again.runs, first.runs, strict=False):
            assert run.history == expected.history
            np.testing.assert_array_equal(run.learning_rates, expected.learning_rates)
            assert (run.verdict, run.code) == (expected.verdict, expected.code)
            assert run.chance == expected.chance

    def test_a_file_from_before_runs_had_their_chance_is_taken_up_again(
        self, experiment, trained, tmp_path
    ):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, [0.1], path=path)
        header, line = path.read_text().splitlines()
        entry = json.loads(line)
        del entry["run"]["chance"]
        path.write_text(f"{header}\n{json.dumps(entry)}\n")
        (run,) = quietly(experiment, [0.1], path=path).runs
        assert trained == [0.1]
        assert math.isnan(run.chance)
        assert run.verdict

    def test_a_run_that_diverged_comes_back_as_it_was(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        (run,) = quietly(experiment, [1e38], path=path).runs
        (again,) = quietly(experiment, [1e38], path=path).runs
        assert len(trained) == 1
        assert not math.isfinite(run.final["loss"])
        assert repr(again.history) == repr(run.history)
        assert again.verdict == "diverged"
        # Other programs read it too: JSON has no NaN.
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=lambda name: pytest.fail(name))

    @pytest.mark.parametrize(
        "changed",
        [
            lambda: experiment_of(lambda: net(5)),
            lambda: experiment_of(lambda: net(4, "tanh")),
            lambda: experiment_of(dataset=(X * 1.0001, *DATA[1:])),
            lambda: experiment_of(dataset=(*DATA[:3], 1 - LABELS[:9])),
            lambda: experiment_of(optimizer="adam"),
            lambda: experiment_of(optimizer=keras.optimizers.SGD(momentum=0.5)),
            lambda: experiment_of(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=1)),
            lambda: experiment_of(loss=Weighted(2.0)),
            lambda: experiment_of(metrics=[]),
            lambda: experiment_of(metrics=[Constant(2.0)]),
            lambda: experiment_of(epochs=3),
            lambda: experiment_of(batch_size=8),
            lambda: experiment_of(seed=1),
        ],
    )
    def test_a_changed_experiment_never_reads_old_results(
        self, experiment, pretended, tmp_path, changed
    ):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, [0.1], path=path)
        content = path.read_bytes()
        with pytest.raises(ValueError, match="of another experiment: it differs in "):
            quietly(changed(), [0.1, 0.2], path=path)
        assert len(pretended) == 1
        assert path.read_bytes() == content

    def test_the_first_line_says_what_the_runs_are_of(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, [0.1], path=path)
        header = json.loads(path.read_text().splitlines()[0])
        assert header["the version of keras"] == keras.__version__
        assert header["optimizer"][1]["momentum"] == 0.0
        assert header["loss"] == "sparse_categorical_crossentropy"
        assert (header["epochs"], header["batch size"]) == (2, 16)

    def test_a_file_of_the_first_kind_is_refused_in_words_and_left_as_it_is(
        self, experiment, trained, tmp_path
    ):
        """It was written by lrlab when files had no header, with this experiment."""
        stored = (Path(__file__).parent / "runs_without_header.jsonl").read_bytes()
        path = tmp_path / "runs.jsonl"
        for content in (stored, stored[:200], b"\0" * 9 + stored):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=r"of an older lrlab, .* Give another path"):
                quietly(experiment, [0.1], path=path)
            assert path.read_bytes() == content
        assert trained == []

    def test_a_damaged_first_line_is_no_proof(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, [0.1], path=path)
        content = path.read_bytes().replace(b'"epochs": 2', b'"epochs: 2', 1)
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"whose first line, .* is damaged"):
            quietly(experiment, [0.1], path=path)
        assert path.read_bytes() == content
        assert trained == [0.1]

    @pytest.mark.parametrize(
        "options",
        [
            {"seeds": [1]},
            {"callbacks": [keras.callbacks.TerminateOnNaN()]},
            {"callbacks": [keras.callbacks.EarlyStopping(patience=3)]},
            {"callbacks": [keras.callbacks.EarlyStopping(patience=4)]},
        ],
    )
    def test_nor_does_another_seed_or_callback(self, experiment, pretended, tmp_path, options):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, [0.1], path=path)
        quietly(experiment, [0.1], path=path, callbacks=[keras.callbacks.EarlyStopping()])
        quietly(experiment, [0.1], path=path, **options)
        assert len(pretended) == 3

    def test_an_experiment_made_again_is_the_same(self, experiment, pretended, tmp_path):
        """Its layers have the same names, for Keras counts on from where it was."""
        path = tmp_path / "runs.jsonl"
        quietly(experiment, [0.1], path=path)
        again = experiment_of()
        assert again.model.layers[0].name == experiment.model.layers[0].name
        quietly(again, [0.1], path=path)
        assert len(pretended) == 1

    @pytest.mark.parametrize(
        "make", [lambda v: {"loss": Weighted(v)}, lambda v: {"metrics": [Constant(v)]}]
    )
    def test_a_loss_or_metric_of_ones_own_counts_by_its_settings(self, trained, tmp_path, make):
        path = tmp_path / "runs.jsonl"
        quietly(experiment_of(**make(1.0)), [0.1], path=path)
        with pytest.raises(ValueError, match="something changed that no setting shows"):
            quietly(experiment_of(**make(2.0)), [0.1], path=path)
        assert quietly(experiment_of(**make(1.0)), [0.1], path=path).complete
        assert trained == [0.1]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=1),
            lambda: keras.callbacks.EarlyStopping("loss", min_delta=0.1, restore_best_weights=True),
            lambda: Halves(0.5),
            lambda: SlowsDown("loss", patience=1, factor=0.5),
        ],
    )
    def test_a_callback_that_was_used_before_is_the_same(self, experiment, trained, tmp_path, make):
        path, used = tmp_path / "runs.jsonl", make()
        quietly(experiment, [0.1], path=path, callbacks=[used])
        experiment.run(0.3, callbacks=[used])
        quietly(experiment, [0.1], path=path, callbacks=[used])
        quietly(experiment, [0.1], path=path, callbacks=[make()])
        assert trained == [0.1, 0.3]

    def test_a_callback_of_ones_own_with_another_setting_is_another(
        self, experiment, pretended, tmp_path
    ):
        path = tmp_path / "runs.jsonl"
        for callback in (Halves(0.5), Halves(0.6), SlowsDown(step=1.0), SlowsDown(step=2.0)):
            quietly(experiment, [0.1], path=path, callbacks=[callback])
        assert len(pretended) == 4

    def test_a_last_line_cut_anywhere_is_cut_off(self, experiment, tmp_path):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, RATES[:2], path=path)
        content, header = path.read_bytes(), header_of(experiment)
        begins = [0, *(at + 1 for at, byte in enumerate(content) if byte == ord("\n"))]
        for end in (*range(0, begins[2], 9), *range(begins[2], len(content))):
            path.write_bytes(content[:end])
            with closing(RunFile(path, header)) as file:
                whole = sum(begin <= end for begin in begins) - 1
                assert [*file.records] == keys(path)[: max(0, whole - 1)], end
            assert path.read_bytes() == content[: begins[max(1, whole)]], end

    def test_and_is_trained_again(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        whole = quietly(experiment, RATES[:2], path=path)
        content = path.read_bytes()
        for end in (len(content) - 1, len(content) - 40):
            path.write_bytes(content[:end])
            found = quietly(experiment, RATES[:2], path=path)
            assert path.read_bytes() == content
            assert [run.history for run in found.runs] == [run.history for run in whole.runs]
        assert trained == [*RATES[:2], RATES[1], RATES[1]]

    @pytest.mark.parametrize("content", [b"a,b\n1,2", b"a,b\n1,2\n", b'{"a": 1}\n', b"{}"])
    def test_a_file_of_another_kind_is_left_alone(self, experiment, trained, tmp_path, content):
        path = tmp_path / "mine.csv"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="one that a sweep has written"):
            quietly(experiment, [0.1], path=path)
        assert path.read_bytes() == content
        assert trained == []

    @pytest.mark.parametrize(
        "damage",
        [
            b'{"lrlab_run": "2", "run": {"hist{"lrlab_run": "3", "run": {"history": {}}}\n',
            b'{"lrlab_run": "2", "run": 1}\n',
            b'{"lrlab_run": "2"\n',
            b"\0\0\0\0\n",
        ],
    )
    def test_a_damaged_line_is_passed_over_with_a_warning(
        self, experiment, trained, tmp_path, damage
    ):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, RATES[:2], path=path)
        header, first, second = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(header + first + damage + second)
        with pytest.warns(UserWarning, match=r"runs\.jsonl' has damaged lines: 3\.") as caught:
            assert quietly(experiment, RATES[:2], path=path).complete
        assert caught[0].filename == inspect.getfile(quietly)  # who called sweep
        assert trained == RATES[:2]
        assert path.read_bytes() == header + first + damage + second

    def test_zeros_that_a_failing_machine_leaves_are_no_run(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        quietly(experiment, RATES[:2], path=path)
        content = path.read_bytes()
        path.write_bytes(content + b"\0" * 64)  # at the end: cut
        quietly(experiment, RATES[:2], path=path)
        assert path.read_bytes() == content
        path.write_bytes(b"\0" * 64 + content)  # and what was then appended still counts
        quietly(experiment, RATES[:2], path=path)
        assert trained == RATES[:2]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
    def test_two_sweeps_do_not_write_to_one_file(self, experiment, trained, tmp_path):
        path = tmp_path / "runs.jsonl"
        with (
            closing(RunFile(path, header_of(experiment))),
            pytest.raises(ValueError, match="another one is writing"),
        ):
            quietly(experiment, [0.1], path=path)
        assert trained == []
        assert quietly(experiment, [0.1], path=path).complete

    @pytest.mark.parametrize(("told", "workers"), [(1, 0), (5, 0), (60, 0), (3, 2)])
    def test_a_process_killed_at_any_moment_loses_no_finished_run(
        self, repository, trained, tmp_path, told, workers
    ):
        path = tmp_path / "runs.jsonl"
        rates = np.geomspace(0.001, 1, 1000).tolist()
        code = (
            "import sys; from small_sweeps import experiment_of, net_of_a_worker, quietly\n"
            "from concurrent.futures import ProcessPoolExecutor as Pool\n"
            "from multiprocessing import get_context\n"
            f"pool = Pool({workers}, mp_context=get_context('spawn')) if {workers} else None\n"
            f"quietly(experiment_of(net_of_a_worker), {rates}, path=sys.argv[1], executor=pool,"
            " on_run=lambda run: print(run.schedule, flush=True))"
        )
        environment = os.environ | {"PYTHONPATH": f"{repository}:{repository / 'tests' / 'sweeps'}"}
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with process:
            said = [process.stdout.readline() for _ in range(told)]
            os.killpg(process.pid, signal.SIGKILL)
            said += process.stdout.readlines()
        assert process.returncode == -signal.SIGKILL
        finished = [float(line) for line in said if line.endswith("\n")]
        assert told <= len(finished) < len(rates)
        quietly(experiment_of(net_of_a_worker), finished, path=path)
        assert trained == []  # a run is in the file before anybody is told
        assert len(set(keys(path))) == len(keys(path)) >= len(finished)


class TestSweep:
    def test_the_best_has_the_lowest_loss_of_those_that_did_not_diverge(self, experiment):
        found = quietly(experiment, [1e9, *RATES])
        lowest = min(found.runs[1:], key=lambda run: run.final["val_loss"])
        assert found.best() is lowest
        assert found.best("loss", mode="max") is max(found.runs[1:], key=lambda r: r.final["loss"])
        most = max(run.final["accuracy"] for run in found.runs[1:])
        assert found.best("accuracy").final["accuracy"] == most

    def test_of_several_seeds_the_mean_counts(self, experiment):
        found = quietly(experiment, RATES, seeds=3)
        means = [
            np.mean([run.final["val_loss"] for run in found.runs[k : k + 3]]) for k in (0, 3, 6)
        ]
        assert found.best().schedule == RATES[int(np.argmin(means))]
        rows = found.summary()
        assert [row["initial_learning_rate"] for row in rows] == RATES
        np.testing.assert_allclose([row["val_loss_mean"] for row in rows], means)
        first = [run.final["val_loss"] for run in found.runs[:3]]
        spread = math.sqrt(sum((loss - means[0]) ** 2 for loss in first) / 2)
        assert rows[0]["val_loss_spread"] == pytest.approx(spread)

    def test_without_a_run_that_did_not_diverge_there_is_no_best(self, experiment):
        found = quietly(experiment, [1e9])
        with pytest.raises(ValueError, match="no such schedule"):
            found.best()
        assert repr(found) == "Sweep(1 of 1 runs, 1 diverged)"
        assert math.isnan(found.summary()[0]["val_loss_mean"])

    def test_an_unknown_mode_is_named(self, experiment):
        with pytest.raises(ValueError, match="Received: mode='maximum'"):
            quietly(experiment, [0.1]).best("accuracy", mode="maximum")

    def test_an_unknown_key_is_named_with_those_there_are(self, experiment):
        with pytest.raises(ValueError, match=r"by='f1'.*accuracy, loss, val_accuracy"):
            quietly(experiment, [0.1]).best("f1")

    def test_the_table_has_a_row_a_run(self, experiment):
        found = quietly(experiment, [StepDecay(0.1, 0.5, 1), ks.CosineDecay(0.2, 6)])
        frame = found.to_pandas()
        assert frame["schedule"].tolist() == ["StepDecay", "CosineDecay"]
        assert frame["decay_factor"][0] == 0.5
        assert frame["decay_steps"][1] == 6
        assert frame["final_val_loss"].tolist() == [r.final["val_loss"] for r in found.runs]
        assert frame["final_learning_rate"][0] == pytest.approx(0.05)
        assert frame["verdict"].tolist() == [run.verdict for run in found.runs]

    def test_without_pandas_it_is_said_what_to_do(self, experiment, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match="pip install pandas"):
            quietly(experiment, [0.1]).to_pandas()

    def test_it_is_one_line_and_a_picture_with_words(self, experiment):
        grid = [StepDecay(rate, factor, 1) for rate in RATES for factor in (0.1, 1.0)]
        found = quietly(experiment, grid, seeds=2)
        assert repr(found).startswith("Sweep(12 of 12 runs, lowest val_loss 0.")
        assert len(repr(found)) <= 110
        bundle, about = found._repr_mimebundle_()
        assert bundle["image/png"].startswith(b"\x89PNG")
        alt = about["image/png"]["alt"]
        assert "for 3 values of first rate from 0.01 to 1 and 2 values of decay factor" in alt
        assert "6 of 6 cells are filled" in alt
        lowest = min(found.summary(), key=lambda row: row["val_loss_mean"])
        assert f"The lowest is {lowest['val_loss_mean']:.3g}, at first rate" in alt

    def test_over_rates_the_picture_is_a_u_curve(self, experiment):
        found = quietly(experiment, [*RATES, 1e9], seeds=2)
        bundle, about = found._repr_mimebundle_()
        assert bundle["image/png"] == found.u_curve().png != found.u_curve(theme="dark").png
        alt = about["image/png"]["alt"]
        assert "at 4 learning rates from 0.01 to 1e+09; 2 runs diverged" in alt
        means = {row["initial_learning_rate"]: row["val_loss_mean"] for row in found.summary()[:3]}
        best = min(means, key=means.get)
        assert f"lowest at a rate of {best:.3g}, with a loss of {means[best]:.3g}" in alt

    def test_a_u_curve_is_of_a_loss(self, experiment):
        with pytest.raises(ValueError, match="Received: by='val_accuracy'"):
            quietly(experiment, RATES).u_curve("val_accuracy")

    def test_a_map_of_an_accuracy_marks_the_highest(self, experiment):
        grid = [StepDecay(rate, factor, 1) for rate in RATES for factor in (0.1, 1.0)]
        found = quietly(experiment, grid)
        with pytest.MonkeyPatch.context() as patch:
            drawn = []
            draw = HeatMap.draw
            patch.setattr(HeatMap, "draw", lambda *given: drawn.append(given[0]) or draw(*given))
            found.heat_map("val_accuracy")
            found.heat_map(theme="dark")
        assert [drawn[0].theme, drawn[-1].theme] == ["light", "dark"]
        assert [drawn[0]._highest, drawn[-1]._highest] == [True, False]

    def test_of_three_settings_one_is_held(self, experiment):
        grid = [StepDecay(r, f, e) for r in (0.1, 1.0) for f in (0.1, 0.5) for e in (1, 2)]
        found = quietly(experiment, grid)
        with pytest.raises(ValueError, match="epochs_per_drop"):
            found.heat_map()
        assert "4 of 4 cells" in found.heat_map(epochs_per_drop=1).alt
        assert "at 2 learning rates" in found.u_curve(epochs_per_drop=1, decay_factor=0.5).alt
        assert "image/png" not in found._repr_mimebundle_()[0]

    def test_an_interrupted_grid_leaves_cells_empty(self, experiment):
        grid = [StepDecay(rate, factor, 1) for rate in RATES for factor in (0.1, 1.0)]
        found = quietly(experiment, grid)
        part = lrlab.Sweep(experiment, found.schedules, found.seeds, {(0, 0): found.runs[0]})
        assert "1 of 6 cells are filled" in part.heat_map().alt
        assert repr(part).startswith("Sweep(1 of 6 runs")

    def test_a_u_curve_is_of_the_rates_whose_runs_have_finished(self, experiment):
        found = quietly(experiment, RATES)
        runs = {index: run for index, run in found.found.items() if index[0] < 2}
        part = lrlab.Sweep(experiment, found.schedules, found.seeds, runs)
        assert part._repr_mimebundle_()[0]["image/png"] == part.u_curve().png
        assert "at 2 learning rates from 0.01 to 0.1" in part.u_curve().alt
