"""The exercises of notebook 11: what a sweep covers, and where it is safe."""

import warnings

from lrlab.backend import keras

import pytest
from hints import hint

import lrlab
from lrlab import StepDecay
from lrlab.exercises import check

FACTORS = (0.1, 0.3, 0.5, 0.7, 1.0)


@pytest.fixture(scope="module")
def sweep(experiment, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "runs.jsonl"  # no run is trained twice

    def swept(*schedules, seeds=3, **options):
        options |= {"seeds": seeds, "path": path, "progress": False}
        return lrlab.sweep(experiment, schedules, **options)

    return swept


def row(*factors, rate=0.3, interval=5):
    return [StepDecay(rate, factor, interval) for factor in factors]


def doubled(lowest, factor=0.5):
    return [StepDecay(lowest * k, factor, 5) for k in (1, 2, 4)]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if abs(float(self.model.optimizer.learning_rate) - 0.4) < 1e-6:
            raise KeyboardInterrupt


@pytest.mark.parametrize("exercise", ["11-row", "11-safe"])
class TestSweep:
    def test_a_run_is_no_sweep(self, exercise, experiment):
        assert "Give the sweep itself" in hint(exercise, experiment.run(0.3))

    def test_a_rate_is_no_step_decay(self, exercise, sweep):
        assert "Sweep over step decays" in hint(exercise, sweep(0.3))

    def test_one_start_can_be_luck(self, exercise, sweep):
        assert "Write seeds=3." in hint(exercise, sweep(StepDecay(0.3), seeds=1))

    def test_an_interrupted_one_is_to_be_run_again(self, exercise, sweep):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            interrupted = sweep(*doubled(0.2), callbacks=[Interrupt()])
        assert "was interrupted" in hint(exercise, interrupted)


class TestRow:
    def test_a_row_of_five_factors_passes_and_tells_which_is_best(self, sweep):
        answer = sweep(*row(*FACTORS))
        losses = {
            factor: sum(run.final["val_loss"] for run in answer.runs[k : k + 3]) / 3
            for factor, k in zip(FACTORS, range(0, 15, 3), strict=True)
        }
        assert min(losses, key=losses.get) == 0.7
        assert check("11-row", answer).message == (
            f"In the mean of 3 starts the factor 0.7 ends lowest, at {losses[0.7]:.3f}; without "
            f"decay it is {losses[1.0]:.3f}."
        )

    @pytest.mark.parametrize(
        ("schedules", "words"),
        [
            (row(*FACTORS, rate=0.4), "One of your first rates is 0.4: write StepDecay(0.3, "),
            (row(*FACTORS, interval=1), "Drop every 5 epochs. One of yours is 1."),
            (row(*FACTORS[:-1]), "Without a factor of 1"),
            (row(*FACTORS[1:]), "Your lowest factor is 0.3. Go down to 0.1."),
            (row(0.1, 1.0), "You have 2 factors. Take 5 or more."),
        ],
    )
    def test_each_mistake_has_its_hint(self, sweep, schedules, words):
        assert words in hint("11-row", sweep(*schedules))


class TestSafe:
    @pytest.mark.parametrize("factor", [0.5, 1.0])
    def test_a_first_rate_with_good_neighbours_passes_in_any_order(self, sweep, factor):
        feedback = check("11-safe", sweep(*reversed(doubled(0.2, factor))))
        assert feedback.message == (
            f"First rate 0.4, factor {factor:g}: from half of that rate to twice as much the loss "
            "stays below 0.2."
        )

    @pytest.mark.parametrize(
        ("schedules", "words"),
        [
            (
                doubled(0.4),
                "At 1.6 the mean validation loss is too high: that is beyond the wall.",
            ),
            (doubled(0.05), "At 0.05 the mean validation loss is 0.424, and below 0.2 is wanted."),
            (doubled(0.2, 0.1), "or a factor nearer to 1."),
            (row(0.1, 0.5, 1.0), "each twice the last. Yours are 0.3, 0.3, 0.3."),
            (doubled(0.2)[:2], "Yours are 0.2, 0.4."),
            ([*doubled(0.2)[:2], StepDecay(0.8, 1.0, 5)], "Take one decay factor"),
        ],
    )
    def test_each_mistake_has_its_hint(self, sweep, schedules, words):
        assert words in hint("11-safe", sweep(*schedules))
