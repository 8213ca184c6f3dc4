"""The base of explorers: when it begins, what it shows of its work, and one written by a user."""

import inspect
import math
import subprocess
import sys
import threading
import types

from lrlab.backend import keras

import numpy as np
import pytest
from small import SOON, data, model

import lrlab
from lrlab import Experiment, LearningRateExplorer
from lrlab.explorers import Explorer, Frame, RunExplorer, number_slider
from lrlab.explorers.pins import as_csv
from lrlab.explorers.run_explorer import outcome
from lrlab.figures import Curves, CurvesFigure


@pytest.fixture(scope="module")
def experiment():
    return Experiment(model, tuple(data().values()), epochs=4, batch_size=8)


class MomentumExplorer(RunExplorer):
    """A slider for the momentum of SGD, at a fixed learning rate.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        momentum: Where the slider starts, from 0 to 0.99.
        learning_rate: The rate, which stays.
    """

    def __init__(self, experiment=None, *, momentum=0.9, learning_rate=0.1):
        words = "How much of the last step goes into the next"
        super().__init__(experiment, [number_slider("momentum", momentum, 0, 0.99, words)])
        self.rate = learning_rate

    def settings(self):
        """Read the slider."""
        return self.momentum.value

    def schedule(self):
        """Return the learning rate."""
        return self.rate

    def label(self, settings):
        """Return the momentum in words, for a pin."""
        return f"momentum {settings:.2g}"

    def with_momentum(self, momentum):
        """Return the experiment with this momentum."""
        optimizer = keras.optimizers.SGD(momentum=momentum)
        return self.experiment.variant(optimizer=optimizer)

    def follow(self, settings):
        """Return the training, epoch by epoch."""
        return self.with_momentum(settings).follow(self.rate)

    @property
    def code(self):
        """The plain Keras program for the present settings."""
        return self.with_momentum(self.momentum.value).code(self.rate)


class TestAnExplorerOfOnesOwn:
    def test_it_is_short(self):
        assert len(inspect.getsource(MomentumExplorer).splitlines()) <= 50

    def test_it_retrains_pins_and_gives_the_code(self, experiment):
        explorer = MomentumExplorer(experiment, momentum=0.5)
        first = explorer.wait(SOON)
        expected = experiment.variant(optimizer=keras.optimizers.SGD(momentum=0.5)).run(0.1)
        assert first.history == expected.history
        assert first.schedule == 0.1
        explorer.pin()
        explorer.momentum.value = 0.9
        assert explorer.wait(SOON).history != first.history
        assert explorer.pins == [("momentum 0.5", first)]
        assert "momentum=0.9" in explorer.code
        assert explorer._picture.value.startswith(b"\x89PNG")
        assert repr(explorer).startswith("MomentumExplorer: momentum 0.9 -> ")
        explorer.reset()
        assert explorer.wait(SOON).history == first.history
        with pytest.raises(ValueError, match=r"'momentum' must be a number from 0 to 0.99"):
            explorer.momentum.value = 1.5


class CountingExplorer(Explorer):
    """Counts to a number, and says and shows each; it knows no Keras."""

    invitation = ""

    def __init__(self, upto=3, **settings):
        super().__init__([number_slider("upto", upto, 1, 9, "How far")])
        self.drawn = []
        vars(self).update(settings)

    def settings(self):
        return int(self.upto.value)

    def work(self, settings):
        for number in range(1, settings + 1):
            yield f"{number} <of {settings}>"
            yield Frame(number, f"<b>{number}</b>")
        self.runs.append(settings)
        yield Frame(settings, "done", always=True)

    def draw(self, settings, shown):
        self.drawn.append((settings, shown))
        figure = self.figure("count", lambda: CurvesFigure(9, theme=self.theme))
        figure.draw(Curves({"loss": [1.0] * shown}, np.ones(shown)))
        return figure.png(), f"{shown} of {settings}"

    def label(self, settings):
        return f"upto {settings}"

    def row(self, settings, shown):
        return {"upto": settings, "shown": shown, "verdict": "good", "reason": "it counts"}

    @property
    def code(self):
        return f"range({self.upto.value})"

    def result(self):
        return f"{len(self.runs)} counted"


NEED_AN_EXPERIMENT = {"FineTuningExplorer", "SharpnessExplorer"}


class TestBeginning:
    @pytest.mark.parametrize(
        "kind",
        sorted(set(lrlab.explorers.__all__) - NEED_AN_EXPERIMENT & {*dir(lrlab)}),
    )
    def test_making_one_loads_no_tensorflow_and_starts_no_thread(self, kind):
        code = (
            "import sys, threading, lrlab\n"
            f"explorer = lrlab.{kind}()\n"
            "for control in explorer._controls.values():\n"
            "    control.value = control.value\n"
            "assert not {'keras', 'tensorflow'} & sys.modules.keys()\n"
            "assert not [t for t in threading.enumerate() if t.name == 'lrlab']\n"
            "assert repr(explorer).endswith(': not run yet')\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_a_control_that_moves_before_trains_nothing(self):
        explorer = CountingExplorer()
        explorer.upto.value = 5
        assert not explorer._worker.busy
        assert explorer.wait(SOON) == 5
        assert list(explorer.runs) == [5]

    def test_it_begins_when_a_page_shows_it_wherever_it_stands(self):
        explorer = CountingExplorer()
        explorer._picture.set_state({"displayed": True})
        explorer.wait(SOON)
        assert list(explorer.runs) == [3]
        explorer._picture.set_state({"displayed": False})
        explorer._picture.set_state({"displayed": True})
        explorer.wait(SOON)
        assert list(explorer.runs) == [3], "a second view of it runs nothing"

    def test_stopped_before_that_it_waits_for_a_control(self):
        explorer = CountingExplorer()
        explorer.stop()
        explorer._picture.set_state({"displayed": True})
        assert explorer.wait(SOON) is None
        assert explorer._picture.words == explorer.stopped
        explorer.upto.value = 4
        assert explorer.wait(SOON) == 4

    def test_it_begins_when_a_cell_displays_it(self, monkeypatch):
        monkeypatch.setenv("LRLAB_WAIT", "1")
        explorer = CountingExplorer()
        bundle, _ = explorer._repr_mimebundle_()
        assert bundle["text/plain"] == "CountingExplorer: 1 counted"
        assert "image/png" in bundle

    def test_a_subclass_may_set_what_it_likes_after_the_base(self, experiment):
        class Late(LearningRateExplorer):
            def __init__(self, experiment):
                super().__init__(experiment)
                self.factor = 2

            def schedule(self):
                return self.factor * super().schedule()

        assert Late(experiment).wait(SOON).schedule == pytest.approx(0.02)


class TestWork:
    def test_some_frames_are_always_drawn_and_others_at_their_pace(self):
        explorer = CountingExplorer(9)
        explorer.wait(SOON)
        assert explorer.drawn[-1] == (9, 9)
        assert len(explorer.drawn) < 5
        explorer = CountingExplorer(9, frames_per_second=math.inf)
        explorer.wait(SOON)
        assert [shown for _, shown in explorer.drawn] == [*range(1, 10), 9]

    def test_words_are_escaped_and_those_of_a_frame_are_html(self):
        explorer, said = CountingExplorer(2, frames_per_second=math.inf), []
        explorer._picture.observe(lambda change: said.append(change.new), "words")
        explorer.wait(SOON)
        assert said == ["1 &lt;of 2&gt;", "<b>1</b>", "2 &lt;of 2&gt;", "<b>2</b>", "done"]

    def test_work_that_gives_way_is_closed_and_draws_no_more(self):
        closed, reached, go_on = [], threading.Event(), threading.Event()

        class Slow(CountingExplorer):
            def work(self, settings):
                try:
                    reached.set()
                    assert go_on.wait(SOON)
                    yield None
                    yield Frame(settings, "never")
                finally:
                    closed.append(settings)

        explorer = Slow(frames_per_second=math.inf)
        explorer.begin()
        assert reached.wait(SOON)
        explorer.stop()
        go_on.set()
        explorer.wait(SOON)
        assert closed == [3]
        assert explorer.drawn == []
        assert explorer._picture.words == explorer.stopped

    def test_a_pin_has_the_settings_of_the_frame(self):
        explorer = CountingExplorer()
        explorer.pin()
        assert explorer.pins == []
        explorer.wait(SOON)
        explorer.upto.value = 5
        explorer.wait(SOON)
        explorer.pin()
        assert explorer.pins == [("upto 5", 5)]
        assert explorer.pins_csv.splitlines() == [
            "settings,upto,shown,verdict,reason",
            "upto 5,5,5,good,it counts",
        ]

    def test_no_cell_of_the_file_is_a_formula_to_a_spreadsheet(self):
        row = {"=a": -0.5, "b": "-0.5", "c": "=1+1", "d": "@x", "e": "\t=1", "verdict": "+1 more"}
        assert as_csv([row]).splitlines() == [
            "'=a,b,c,d,e,verdict",
            "-0.5,-0.5,'=1+1,'@x,'\t=1,'+1 more",
        ]

    def test_a_metric_may_be_called_anything(self):
        run = types.SimpleNamespace(final={"val_<i>": 0.5}, verdict="good", reason="1 < 2")
        assert outcome(run) == (
            'validation &lt;i&gt; <b>0.5</b><br><b class="lrlab-good">good</b>: 1 &lt; 2'
        )

    def test_several_controls_that_move_at_once_run_once(self):
        explorer = CountingExplorer()
        explorer.wait(SOON)
        explorer.move(upto=7)
        assert explorer.wait(SOON) == 7
        assert list(explorer.runs) == [3, 7]

    def test_a_dark_page_gets_another_figure(self):
        explorer = CountingExplorer()
        explorer.wait(SOON)
        light = explorer._picture.value
        explorer._picture.dark = True
        assert explorer._picture.value != light
        explorer._picture.dark = False
        assert explorer._picture.value == light

    def test_a_page_is_given_a_width_that_there_is(self):
        explorer = CountingExplorer()
        explorer.wait(SOON)
        for room, width in ((560, 560), (123, 560), (380, 380), (760, 760)):
            explorer._picture.room = room
            assert (explorer._picture.width, explorer.size) == (width, (width, 460))


class Gated(CountingExplorer):
    """Shows its only picture, or fails, once it is let on."""

    def __init__(self, **settings):
        self.go_on = threading.Event()
        super().__init__(frames_per_second=math.inf, **settings)

    def work(self, settings):
        assert self.go_on.wait(SOON)
        if settings == 9:
            raise ValueError("9 is too much")
        yield Frame(settings, "done", always=True)


class TestAPictureThatIsNotOfTheControls:
    @pytest.fixture
    def explorer(self):
        """One that has shown what it was asked for, and then answers nothing for now."""
        explorer = Gated()
        assert explorer._picture.stale, "there is none yet"
        explorer.go_on.set()
        explorer.wait(SOON)
        explorer.go_on.clear()
        yield explorer
        explorer.go_on.set()
        explorer.wait(SOON)

    @pytest.fixture
    def answer(self, explorer, monkeypatch):
        """Ask as a page does that has waited for a while; return what it is told."""
        told = []
        monkeypatch.setattr(explorer._picture, "send", told.append)

        def ask():
            explorer.told({"waits": 3})
            (answer,) = told
            told.clear()
            assert answer.pop("waits") == 3
            return answer["stale"]

        return ask

    def test_is_stale_from_a_movement_until_the_picture_of_it(self, explorer, answer):
        assert (explorer._picture.stale, answer()) == (False, False)
        explorer.upto.value = 5
        assert answer()
        explorer.go_on.set()
        explorer.wait(SOON)
        assert (explorer._picture.stale, answer()) == (False, False)
        assert explorer.drawn[-1] == (5, 5)

    def test_is_told_to_be_on_its_way_where_the_work_says_nothing(self, explorer, answer):
        explorer.upto.value = 5
        assert explorer._picture.words == "done"
        answer()
        assert explorer._picture.words == "Training …"
        assert explorer._picture.stale
        explorer.say("so far")
        answer()
        assert explorer._picture.words == "so far"

    def test_is_one_of_the_controls_again_once_these_are_back(self, explorer, answer):
        explorer.upto.value = 5
        explorer.upto.value = 3
        assert not answer()

    def test_stays_stale_where_it_was_stopped_or_failed(self, explorer, answer):
        explorer.upto.value = 5
        explorer.stop()
        explorer.go_on.set()
        explorer.wait(SOON)
        explorer.upto.value = 9
        explorer.wait(SOON)
        assert answer()
        assert explorer._picture.stale
        assert explorer._picture.words == "ValueError: 9 is too much"

    def test_comes_late_and_says_so(self, explorer):
        explorer.go_on.set()
        with explorer._drawing:  # it is trained, and waits for its picture
            explorer.upto.value = 5
            while not explorer._worker._busy:
                pass
            explorer._controls["upto"].unobserve_all()
            explorer.upto.value = 6
        explorer.wait(SOON)
        assert explorer.drawn[-1] == (5, 5)
        assert explorer._picture.stale

    def test_is_none_where_a_control_changes_only_what_comes(self, experiment):
        dial = lrlab.LearningRateDialExplorer(experiment)
        dial.step()
        dial.wait(SOON)
        dial.learning_rate.value = 0.5
        assert not dial.stale
        grid = {"initial_learning_rates": [0.1, 0.5], "decay_factors": [0.5, 1.0]}
        map_of_it = lrlab.DecayMapExplorer(experiment, **grid)
        map_of_it.wait(SOON)
        map_of_it.decay_factor.value = 1.0
        assert not map_of_it.stale
        map_of_it.epochs_per_drop.value = 2
        assert map_of_it.stale
        map_of_it.wait(SOON)
        assert not map_of_it.stale


class TestEpochs:
    def test_a_run_lasts_as_long_as_the_slider_says_and_a_pin_keeps_its_epochs(self, experiment):
        explorer = LearningRateExplorer(experiment, learning_rate=0.1)
        short = explorer.wait(SOON)
        explorer.pin()
        traces = experiment.model._lrlab_program.traces
        explorer.epochs.value = 8
        long = explorer.wait(SOON)
        explorer.pin()
        assert len(long.history["loss"]) == 2 * len(short.history["loss"]) == 8
        assert long.history["loss"][:4] == short.history["loss"]
        assert "epochs=8" in explorer.code
        explorer.epochs.value = 3
        assert len(explorer.wait(SOON).history["loss"]) == 3
        assert "in 3 epochs" in explorer._picture.alt
        assert [label for label, _ in explorer.pins] == ["0.1", "0.1, 8 epochs"]
        assert explorer._figures["curves"].epochs == 8
        explorer.clear_pins()
        assert explorer._figures["curves"].epochs == 3
        assert experiment.model._lrlab_program.traces == traces
        explorer.reset()
        assert explorer.epochs.value == 4
        explorer.close()

    def test_the_dial_goes_on_where_it_is_given_more_epochs(self, experiment):
        dial = lrlab.LearningRateDialExplorer(experiment, learning_rate=0.1)
        dial.step(6)
        assert len(dial.wait(SOON).history["loss"]) == 4
        dial.epochs.value = 6
        dial.step(6)
        assert len(dial.wait(SOON).history["loss"]) == 6
        dial.close()

    def test_a_plan_that_looks_at_the_epochs_is_made_for_as_many(self, experiment):
        explorer = lrlab.ScheduleExplorer(experiment, schedule="one-cycle", epochs=6)
        run = explorer.wait(SOON)
        assert len(run.history["loss"]) == 6
        assert run.learning_rates == pytest.approx(explorer.intended(explorer.settings()))
        assert run.learning_rates[-1] < run.learning_rates[0]
        explorer.close()
