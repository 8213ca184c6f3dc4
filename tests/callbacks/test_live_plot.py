"""LivePlot records what the fit did, draws where somebody can see it, and never gets in the way."""

import concurrent.futures
import doctest
import gc
import io
import math
import weakref
from types import SimpleNamespace

from lrlab.backend import keras, tf

import nbformat
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from nbclient import NotebookClient
from PIL import Image

import lrlab
from lrlab.callbacks import LivePlot
from lrlab.callbacks import live_plot as callbacks
from lrlab.figures import CurvesFigure
from lrlab.figures.picture import with_overlay

X = np.linspace(-1, 1, 20, dtype="float32").reshape(-1, 1)
Y = 2 * X


def model(learning_rate=0.1, loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate), loss=loss)
    return model


def train(plot, epochs=3, *, before=(), of=None, fit=keras.Model.fit, **options):
    arguments = {"epochs": epochs, "batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return fit(of or model(), X, Y, callbacks=[*before, plot], **arguments)


class Page:
    """A kernel with a page, as far as LivePlot can tell: what was displayed, what updated."""

    def __init__(self):
        self.shown, self.updated, self.frames, self.images = [], [], [], []

    def display(self, plot, **options):
        self.shown.append(plot._repr_mimebundle_())
        if plot._image is not None:
            self.images.append(plot._image)
            plot._image.observe(lambda change: self.frames.append(bytes(change.new)), "value")
        return self

    def update(self, plot):
        self.updated.append(plot._repr_mimebundle_())


@pytest.fixture
def page(monkeypatch):
    page = Page()
    monkeypatch.delenv("LRLAB_WAIT", raising=False)
    monkeypatch.setattr(callbacks, "_in_kernel", lambda: True)
    monkeypatch.setattr(callbacks, "_display", page.display)
    return page


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(callbacks).failed == 0


class TestRecord:
    @pytest.mark.parametrize("fit", [keras.Model.fit, lrlab.fit])
    def test_losses_are_those_of_keras_history(self, fit):
        plot = LivePlot()
        history = train(plot, fit=fit, validation_data=(X, Y)).history
        assert plot.curves.loss.tolist() == history["loss"]
        assert plot.curves.val_loss.tolist() == history["val_loss"]
        assert plot.curves.learning_rates.tolist() == pytest.approx([0.1] * 3)

    @pytest.mark.parametrize("fit", [keras.Model.fit, lrlab.fit])
    def test_a_scheduler_is_recorded_whichever_comes_first(self, fit):
        rates = [0.1, 0.1, 0.05]
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
        early, late = LivePlot(), LivePlot()
        train(late, before=(early, scheduler), fit=fit)
        assert early.curves.learning_rates.tolist() == pytest.approx(rates)
        assert late.curves.learning_rates.tolist() == pytest.approx(rates)

    def test_a_cut_on_a_plateau_counts_from_the_next_epoch_on(self):
        plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.5, 1, min_delta=100)
        early, late = LivePlot(), LivePlot()
        train(late, before=(early, plateau))
        expected = pytest.approx([0.1, 0.1, 0.05])
        assert early.curves.learning_rates.tolist() == expected
        assert late.curves.learning_rates.tolist() == expected

    @pytest.mark.parametrize("fit", [keras.Model.fit, lrlab.fit])
    def test_a_schedule_object_is_recorded_as_of_the_last_update(self, fit):
        """20 samples in batches of 8 are 3 updates an epoch: it drops with the second epoch."""
        drops = keras.optimizers.schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.01, 0.001])
        plot = LivePlot()
        train(plot, of=model(drops), fit=fit)
        assert plot.curves.learning_rates.tolist() == pytest.approx([0.1, 0.01, 0.001])

    def test_a_schedule_moves_on_with_every_batch_that_keras_accumulates(self):
        drops = keras.optimizers.schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.01, 0.001])
        plot, accumulating = LivePlot(), model()
        accumulating.compile(keras.optimizers.SGD(drops, gradient_accumulation_steps=2), "mse")
        train(plot, of=accumulating)
        assert plot.curves.learning_rates.tolist() == pytest.approx([0.1, 0.01, 0.001])

    def test_a_loss_scale_optimizer_is_asked_for_its_inner_rate(self):
        scaled = model()
        scaled.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25)), "mse")
        plot = LivePlot()
        train(plot, of=scaled)
        assert plot.curves.learning_rates.tolist() == [0.25] * 3

    def test_validation_every_other_epoch_leaves_gaps(self):
        plot = LivePlot()
        train(plot, 4, validation_data=(X, Y), validation_freq=2)
        assert np.isnan(plot.curves.val_loss).tolist() == [True, False, True, False]
        assert not plot.curves.diverged

    def test_a_second_fit_starts_anew(self):
        plot, one = LivePlot(), model()
        train(plot, of=one)
        second = train(plot, 2, of=one).history["loss"]
        assert plot.curves.loss.tolist() == second

    def test_a_fit_that_goes_on_keeps_the_epochs_before_it(self):
        plot, one = LivePlot(), model()
        first = train(plot, of=one).history["loss"]
        second = train(plot, 5, of=one, initial_epoch=3).history["loss"]
        assert plot.curves.loss.tolist() == first + second
        assert repr(plot).startswith("LivePlot(5 of 5 epochs: ")

    def test_an_initial_epoch_of_another_model_leaves_a_gap(self):
        plot = LivePlot()
        train(plot)
        train(plot, 5, initial_epoch=3)
        assert np.isnan(plot.curves.loss).tolist() == [True, True, True, False, False]

    def test_it_has_no_batch_hooks_which_would_slow_lrlab_fit_down(self):
        for hook in ("on_train_batch_begin", "on_train_batch_end", "on_test_batch_end"):
            assert getattr(LivePlot, hook) is getattr(keras.callbacks.Callback, hook)


class Own(keras.Sequential):
    """A model that logs what it likes."""

    def __init__(self, logs, optimizer="sgd"):
        super().__init__([keras.Input((1,)), keras.layers.Dense(1)])
        self.own = logs
        self.compile(optimizer)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x) - y) ** 2)
        if self.optimizer is not None:
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply(gradients, self.trainable_weights)
        return {name: tf.convert_to_tensor(value) for name, value in self.own.items()}

    test_step = train_step


class TestOtherLogs:
    """Those of a GAN, and stranger ones."""

    @pytest.mark.parametrize("fit", [keras.Model.fit, lrlab.fit])
    def test_losses_of_other_names_are_drawn_under_these(self, fit):
        gan = Own({"d_loss": 0.5, "g_loss": 2.0, "real_accuracy": 0.9})
        plot = LivePlot()
        train(plot, 2, of=gan, fit=fit, validation_data=(X, Y))
        assert repr(plot) == (
            "LivePlot(2 of 2 epochs: d_loss 0.5, g_loss 2, val_d_loss 0.5, val_g_loss 2, "
            "learning_rate 0.01)"
        )
        discriminator, generator = plot._named_curves
        assert (discriminator.label, generator.label) == ("d_loss", "g_loss")
        assert generator.loss.tolist() == generator.val_loss.tolist() == [2.0, 2.0]
        assert discriminator.learning_rates.tolist() == pytest.approx([0.01] * 2)
        (_, said) = plot._repr_mimebundle_()
        assert said["image/png"]["alt"] == (
            "d_loss hardly moves, from 0.5 to 0.5 in 2 epochs, validation loss ends at 0.5. "
            "The learning rate is 0.01 throughout. "
            "g_loss hardly moves, from 2 to 2 in 2 epochs, validation loss ends at 2."
        )
        picture = plot.png()
        assert [curves.label for curves in plot._figure._pinned] == ["d_loss", "g_loss"]
        train(plot, 2)
        assert plot._named_curves == [], "a fit with `loss` shows that"
        assert plot.png() != picture
        assert plot._figure._pinned == ()

    def test_without_any_loss_all_numbers_are_drawn(self):
        plot = LivePlot()
        train(plot, of=Own({"score": 3.0, "table": [1.0, 2.0]}))
        assert [curves.label for curves in plot._named_curves] == ["score"]

    def test_where_there_is_nothing_to_draw_it_says_so(self):
        plot = LivePlot()
        train(plot, of=Own({"table": [1.0, 2.0]}))
        assert plot._repr_mimebundle_()[1]["image/png"]["alt"] == "No loss was logged."

    def test_the_rate_of_an_optimizer_that_takes_no_part_is_not_shown(self):
        plot, idle = LivePlot(), Own({"d_loss": 0.5}, optimizer=None)
        train(plot, of=idle)
        assert repr(plot) == "LivePlot(3 of 3 epochs: d_loss 0.5)"
        idle.optimizer = keras.optimizers.RMSprop()
        idle.trainable = False
        assert callbacks._rate_of_last_update(idle.optimizer) is None


class TestMetrics:
    def test_each_has_axes_of_its_own_and_says_how_far_it_went(self):
        plot, compiled = LivePlot(metrics=["loss", "mae"]), model()
        compiled.compile(
            keras.optimizers.SGD(0.1), loss="mse", metrics=["mae", "cosine_similarity"]
        )
        kept = train(plot, of=compiled, validation_data=(X, Y)).history
        height = Image.open(io.BytesIO(plot.png())).height
        above, below = plot._figure.panels
        assert height == 460 + 130
        assert above._val.get_ydata().tolist() == kept["val_loss"]
        assert below._train.get_ydata().tolist() == kept["mae"]
        assert "cosine_similarity" not in plot.curves.history
        assert f"its lowest is {min(kept['mae']):.3g}, its highest" in plot._alt
        assert plot._alt.startswith("Training loss falls")

    def test_they_need_no_loss_among_them(self):
        plot, compiled = LivePlot(metrics=["mae"]), model()
        compiled.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
        train(plot, of=compiled)
        assert not plot.curves.diverged
        assert plot._alt.startswith("Training mae goes from")
        assert plot.png()[1:4] == b"PNG"

    def test_one_that_is_not_logged_is_said_with_those_that_are(self):
        with pytest.raises(ValueError, match=r"some of \['loss'\]. Received: \['accuracy'\]"):
            train(LivePlot(metrics=["loss", "accuracy"]))


class TestSpareFigures:
    def test_each_is_taken_once_and_the_oldest_of_three_is_let_go(self):
        spare, figures = callbacks.Spare(), [CurvesFigure(epochs) for epochs in (1, 2, 3)]
        for figure in figures:
            spare.give((figure.epochs,), figure)
        let_go = weakref.ref(figures.pop(0))
        del figure
        gc.collect()
        assert let_go() is None
        assert spare.take((1,)) is None
        assert spare.take((2,)) is figures[0]
        assert spare.take((2,)) is None

    def test_no_two_threads_get_the_same_one(self):
        spare, given = callbacks.Spare(), [object(), object()]
        for figure in given:
            spare.give((), figure)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            taken = [figure for figure in pool.map(spare.take, [()] * 50) if figure is not None]
        assert sorted(map(id, taken)) == sorted(map(id, given))


class TestInAPage:
    def test_one_picture_is_shown_and_stored_at_the_end(self, page):
        plot = LivePlot()
        train(plot)
        (shown,), (stored,) = page.shown, page.updated
        view = "application/vnd.jupyter.widget-view+json"
        assert view in shown[0]
        alone = with_overlay(plot.png(), stored[1]["image/png"]["alt"], "light")
        expected = {"text/plain": repr(plot), "image/png": plot.png(), "text/html": alone}
        assert stored[0] == expected
        assert page.frames[-1] == plot.png()
        assert stored[1]["image/png"]["alt"].startswith("Training loss falls")

    def test_the_loss_axis_can_be_logarithmic(self, page):
        with pytest.raises(ValueError, match="loss_scale='logit'"):
            LivePlot(loss_scale="logit")
        plot, one = LivePlot(), LivePlot(loss_scale="log")
        train(plot)
        train(one)
        assert one.png() != plot.png()
        assert one._figure.panels[0].axes.get_yscale() == "log"

    def test_the_image_has_the_width_of_its_picture(self, page):
        plot = LivePlot(size=(800, 400))
        train(plot)
        (image,) = page.images
        assert "width: 800px; max-width: 100%; aspect-ratio: 800 / 400" in image.look
        assert Image.open(io.BytesIO(page.frames[-1])).size == (800, 400)

    def test_frames_are_throttled_but_for_the_last(self, page, monkeypatch):
        now = iter(np.arange(1000, 2000) / 100)  # an epoch every 10 ms
        monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: next(now)))
        plot = LivePlot(frames_per_second=10)
        train(plot, 35)
        # At 0, 100, 200 and 300 ms, and at the end.
        assert len(page.frames) == 5
        assert page.frames[-1] == plot.png()

    def test_every_fit_gets_its_own_picture(self, page):
        plot, one = LivePlot(), model()
        train(plot, of=one)
        train(plot, of=one)
        assert page.images[0] is not page.images[1]
        assert len(page.shown) == len(page.updated) == 2

    def test_no_widget_is_left_when_a_fit_has_ended(self, page):
        train(LivePlot())
        before = set(_instances)
        plots = [LivePlot() for _ in range(3)]
        one = model()
        for plot in plots:
            train(plot, of=one)
        assert len(page.images) == 4
        assert set(_instances) == before

    def test_a_second_fit_draws_the_same_picture_on_the_axes_of_the_first(self, page, monkeypatch):
        made = []

        class Counted(callbacks.CurvesFigure):
            def __init__(self, *args, **kwargs):
                made.append(self)
                super().__init__(*args, **kwargs)

        monkeypatch.setattr(callbacks, "CurvesFigure", Counted)
        monkeypatch.setattr(callbacks, "_SPARE", callbacks.Spare())
        fresh = LivePlot()
        train(fresh)
        train(LivePlot(), of=model(learning_rate=3.0))  # far worse, so that the loss axis grows
        again = LivePlot()
        train(again)
        assert len(made) == 1
        first, _, third = (bundle["image/png"] for bundle, _ in page.updated)
        assert first == third
        train(LivePlot(theme="dark"))
        assert len(made) == 2

    def test_with_lrlab_wait_the_final_picture_is_the_only_output(self, page, monkeypatch):
        monkeypatch.setenv("LRLAB_WAIT", "1")
        plot = LivePlot()
        train(plot)
        (shown,) = page.shown
        assert shown[0] == {"text/plain": repr(plot), "image/png": plot.png()}
        assert page.updated == page.frames == []

    def test_an_error_in_drawing_is_said_once_and_training_goes_on(self, page, monkeypatch):
        plot = LivePlot(frames_per_second=60)
        one = model()
        train(plot, of=one)

        def broken(self, *curves):
            raise RuntimeError("no ink")

        class Break(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    monkeypatch.setattr(callbacks.CurvesFigure, "draw", broken)

        with pytest.warns(UserWarning, match="training goes on: RuntimeError: no ink") as said:
            history = train(plot, 6, of=one, before=(Break(),))
        assert len(said) == 1
        assert len(history.history["loss"]) == 6

    def test_a_diverged_run_is_drawn_to_its_end(self, page):
        plot = LivePlot()
        train(plot, 60, of=model(1e4))
        assert plot.curves.diverged
        assert "diverged" in page.updated[0][1]["image/png"]["alt"]
        assert math.isnan(plot.curves.history["loss"][-1])


class TestInATerminal:
    def test_nothing_is_drawn_and_keras_speaks(self, monkeypatch, capsys):
        def refuse(*arguments, **options):
            raise AssertionError("drawn without anybody to see it")

        monkeypatch.setattr(callbacks, "_display", refuse)
        monkeypatch.setattr(callbacks.CurvesFigure, "draw", refuse)
        train(LivePlot(), verbose=2)
        assert capsys.readouterr().out.count("loss: ") == 3

    def test_the_picture_can_be_had(self):
        plot = LivePlot()
        train(plot)
        assert plot.png().startswith(b"\x89PNG")

    def test_before_training_it_has_an_empty_picture_and_says_so(self):
        assert repr(LivePlot()) == "LivePlot(no epoch trained yet)"
        assert LivePlot().png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"frames_per_second": 0}, "frames_per_second=0"),
        ({"frames_per_second": math.nan}, "above 0"),
        ({"theme": "blue"}, "theme='blue'"),
        ({"size": (10, 10)}, r"size=\(10, 10\)"),
    ],
)
def test_an_argument_that_cannot_work_is_said_at_the_door(arguments, says):
    with pytest.raises(ValueError, match=says):
        LivePlot(**arguments)


def test_a_notebook_stores_one_final_picture_live_or_not(repository):
    """In a real kernel; nbclient applies updates of a display as a page would."""
    setup = (
        "import os, sys\n"
        f"sys.path.insert(0, {str(repository)!r})\n"
        "os.environ.pop('LRLAB_WAIT', None)\n"
        "from lrlab import LivePlot\n"
        "import keras, numpy as np\n"
        "model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "def train():\n"
        "    x = np.ones((4, 1))\n"
        "    _ = model.fit(x, x, epochs=3, verbose=0, callbacks=[LivePlot()])"
    )
    cells = [setup, "train()", "os.environ['LRLAB_WAIT'] = '1'\ntrain()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert output.data["text/plain"].startswith("LivePlot(3 of 3 epochs: loss ")
        assert output.data["image/png"]
        assert output.metadata["image/png"]["alt"].startswith("Training loss")
