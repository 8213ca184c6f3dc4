"""A callback that draws a fit as it goes on."""

import base64
import os
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.figures.curves import CurvesFigure, LossScale, check_arguments
from lrlab.figures.history import Curves, describe
from lrlab.figures.ink import Theme, result_text
from lrlab.figures.picture import frame_style, with_overlay
from lrlab.figures.plot import check_look
from lrlab.training.internals import optimizers_of, schedule_of, update_count

__all__ = ["LivePlot"]


class LivePlot(keras.callbacks.Callback):
    """Watch a fit: loss over epochs, the learning rate aligned below it, redrawn in place.

    In Jupyter a picture appears when the first epoch ends and is replaced as others do, so pass
    `verbose=0` to `fit`. It says its values under the pointer, or by arrow keys. Without a kernel
    (IPython is not imported, or its shell has none, as in a terminal) nothing is drawn, and Keras's
    own output is what you see; `png()` has the picture.

    Every `fit` gets a picture of its own. One that goes on where the last one ended, with
    `initial_epoch`, shows the earlier epochs too.

    A model that logs no `loss`, as a GAN, has the losses that it logs drawn under their names; if
    nothing is called a loss, all that it logs.

    When training ends, a still picture takes the place of the live one, whose widgets are closed.
    It is stored with the notebook, so that it shows on GitHub, and in a page it says its values,
    too, without a kernel. With the environment variable LRLAB_WAIT=1 that is the only time it is
    published: a notebook run so holds one output, the same each time.

    The learning rate of an epoch is that of its last update: the `learning_rate` that Keras's
    scheduler callbacks log if they come earlier in `callbacks`, or else what the optimizer says.
    Only epoch hooks are used, so `lrlab.fit` keeps its speed.

    Args:
        theme: "light" or "dark", for a dark JupyterLab.
        size: Width and height of the picture in pixels; if None, 760 and 460, and 130 more pixels
            of height for each further metric.
        frames_per_second: At most so many pictures a second; the last one is always drawn.
        start_loss: Loss of the untrained model if known; the loss axis then keeps its limits.
        loss_scale: "linear", or "log" for a logarithmic loss axis.
        metrics: What is drawn over the learning rate, axes for each name of the logs, with what
            validation logs beside it: `["loss", "accuracy"]`. Of several, the last, the highest and
            the lowest value stand beside the axes.

    Raises:
        ValueError: If an argument cannot work.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.5), loss="mse")
        >>> plot = LivePlot()
        >>> x = np.zeros((8, 1))
        >>> _ = model.fit(x, x, epochs=3, callbacks=[plot], verbose=0)
        >>> plot
        LivePlot(3 of 3 epochs: loss 0, learning_rate 0.5)
    """

    def __init__(
        self,
        *,
        theme: Theme = "light",
        size: tuple[int, int] | None = None,
        frames_per_second: float = 15,
        start_loss: float | None = None,
        loss_scale: LossScale = "linear",
        metrics: Sequence[str] = ("loss",),
    ) -> None:
        super().__init__()
        if not 0 < frames_per_second <= 60:
            raise ValueError(
                "frames_per_second must be above 0 and at most 60. Received: "
                f"frames_per_second={frames_per_second!r}. 15 looks smooth."
            )
        self._look: dict[str, Any] = {
            "theme": theme,
            "size": tuple(size) if size else (760, 460 + 130 * (len(metrics) - 1)),
            "start_loss": start_loss,
            "loss_scale": loss_scale,
            "metrics": tuple(metrics),
        }
        check_arguments(1, loss_scale=loss_scale, metrics=metrics)
        check_look(self._look["size"], theme)
        self._figure: CurvesFigure | None = None
        self._seconds_a_frame = 1 / frames_per_second
        self._epochs = 1
        self._logs: dict[int, dict[str, float]] = {}  # an epoch's losses and learning_rate
        self._trained: Any = None  # the model that the logs belong to
        self._image: Any = None  # the widget, while a page shows it
        self._handle: Any = None
        self._first_epoch = True
        self._broken = False
        self._last_frame = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Make room for the picture; the first epoch fills it."""
        self._first_epoch, self._broken = True, False
        self._epochs = max(self.params["epochs"], 1)
        self._image = self._handle = None
        if not _in_kernel() or _waits():
            return
        from lrlab.callbacks.live_picture import LivePicture

        if self._figure is not None:
            self._figure.reset_view()
        look = frame_style(self._look["size"], self._look["theme"])
        self._image = LivePicture(value=_NOTHING, look=look)
        self._handle = _display(self, display_id=True)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before this one, unless this one goes on from it."""
        if self._first_epoch:
            goes_on = self._trained is self.model and epoch == max(self._logs, default=-1) + 1
            self._logs = self._logs if goes_on else {}
            self._trained, self._first_epoch = self.model, False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's loss and learning rate; redraw if the last picture is old enough."""
        logs = logs or {}
        named = self._look["metrics"]
        names = _names_to_draw(logs) if self._takes_any_loss else _with_validation(named, logs)
        self._logs[epoch] = {key: float(logs[key]) for key in names}
        rate = logs.get("learning_rate")
        if rate is None:
            rate = _rate_of_last_update(self.model.optimizer)
        if rate is not None:
            self._logs[epoch]["learning_rate"] = float(rate)
        now = time.monotonic()
        if self._image is not None and now - self._last_frame >= self._seconds_a_frame:
            self._last_frame = now
            self._redraw()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Draw the last picture and have it stored with the notebook."""
        if self._image is not None:
            self._redraw()
            if not self._broken:
                image, self._image = self._image, None
                self._handle.update(self)
                image.layout.close()
                image.close()
            self._handle = None
            self._give_back_figure()
        elif _in_kernel() and not self._broken:
            _display(self)

    @property
    def curves(self) -> Curves:
        """What was recorded: a value an epoch, NaN where there is none."""
        epochs = [self._logs.get(epoch, {}) for epoch in range(max(self._logs, default=-1) + 1)]
        keys = sorted({"loss"}.union(*epochs))
        history = {key: [logs.get(key, np.nan) for logs in epochs] for key in keys}
        if not any("loss" in logs for logs in epochs) and not self._takes_any_loss:
            history["loss"] = [0.0] * len(epochs)  # without which nothing can diverge
        return Curves(history, np.array(history.get("learning_rate", ())))

    def png(self) -> bytes:
        """The picture of what was trained so far, as a PNG file."""
        if self._figure is None or self._figure.epochs != self._epochs:
            self._figure = _SPARE.take(self._kind) or CurvesFigure(self._epochs, **self._look)
            self._figure.reset_view()
        named = self._named_curves
        self._figure.draw(None if named else self.curves, named)
        return self._figure.png()

    @property
    def _takes_any_loss(self) -> bool:
        """Whether losses of any name will do, because no other metrics were asked for."""
        return bool(self._look["metrics"] == ("loss",))

    @property
    def _named_curves(self) -> list[Curves]:
        """A curve for each loss that has another name than `loss`; the first has the rates."""
        if not self._takes_any_loss:
            return []
        curves = self.curves
        names = [name for name in curves.history if _is_training(name) and name != "loss"]
        return [
            Curves(
                {
                    "loss": curves.history[name],
                    "val_loss": curves.history.get(f"val_{name}", ()),
                },
                np.empty(0) if number else curves.learning_rates,
                label=name,
            )
            for number, name in enumerate(names)
        ]

    @property
    def _alt(self) -> str:
        """The picture in words."""
        named = self._named_curves
        if named:
            return " ".join(describe(part, self._epochs, name=part.label) for part in named)
        if (
            self._takes_any_loss
            and self._logs
            and not any("loss" in logs for logs in self._logs.values())
        ):
            return "No loss was logged."
        return describe(self.curves, self._epochs, metrics=self._look["metrics"])

    @property
    def _kind(self) -> tuple[Any, ...]:
        return self._epochs, *self._look.values()

    def _give_back_figure(self) -> None:
        if self._figure is not None and not self._broken:
            _SPARE.give(self._kind, self._figure)
        self._figure = None

    def _redraw(self) -> None:
        if self._broken:
            return
        try:
            self._image.value = self.png()
        except Exception as error:  # noqa: BLE001 - hours of training are worth more than a picture
            self._broken = True
            warnings.warn(
                f"LivePlot stops drawing, training goes on: {type(error).__name__}: {error}",
                stacklevel=2,
            )

    def __repr__(self) -> str:
        if not self._logs:
            return "LivePlot(no epoch trained yet)"
        last = max(self._logs)
        values = ", ".join(f"{key} {result_text(value)}" for key, value in self._logs[last].items())
        return f"LivePlot({last + 1} of {self._epochs} epochs: {values})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        """The picture for a stored notebook and, while a page shows it, the live one."""
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self._image is not None:
            view = "application/vnd.jupyter.widget-view+json"
            bundle[view] = self._image._repr_mimebundle_()[0][view]
        bundle["image/png"] = self.png() if self._image is None else bytes(self._image.value)
        if self._image is None and not _waits():
            bundle["text/html"] = with_overlay(bundle["image/png"], self._alt, self._look["theme"])
        return bundle, {"image/png": {"alt": self._alt}}


class Spare:
    """Figures whose axes are drawn and that no plot needs now, so that the next fit starts at once.

    The last two; an older one is let go. Fits in several threads may share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[tuple[tuple[Any, ...], CurvesFigure]] = deque(maxlen=2)

    def take(self, kind: tuple[Any, ...]) -> CurvesFigure | None:
        """Return a figure of a kind, which is then the caller's alone; None if there is none."""
        with self._lock:
            for pair in self._kept:
                if pair[0] == kind:
                    self._kept.remove(pair)
                    return pair[1]
        return None

    def give(self, kind: tuple[Any, ...], figure: CurvesFigure) -> None:
        """Keep a figure that nobody else holds."""
        with self._lock:
            self._kept.append((kind, figure))


_SPARE = Spare()

# One transparent pixel. Axes that hold nothing would be drawn twice, for their limits will change.
_NOTHING = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
)


def _names_to_draw(logs: Mapping[str, Any]) -> list[str]:
    """Name the losses among an epoch's logs; without any, all numbers."""
    if "loss" in logs:
        return [name for name in ("loss", "val_loss") if name in logs]
    names = [name for name in logs if name != "learning_rate" and np.ndim(logs[name]) == 0]
    return [name for name in names if "loss" in name.lower()] or names


def _with_validation(metrics: Sequence[str], logs: Mapping[str, Any]) -> list[str]:
    """Name those of some metrics, and of what validation logs beside them, that are logged.

    Raises:
        ValueError: If one is no single number, or not logged.
    """
    missing = [name for name in metrics if name not in logs or np.ndim(logs[name])]
    if missing:
        one = sorted(name for name in logs if name[:4] != "val_" and not np.ndim(logs[name]))
        raise ValueError(
            f"metrics must be names of the logs, one number an epoch each: some of {one}. "
            f"Received: {missing}. Compile the model with metrics=[...], or name another."
        )
    return [name for metric in metrics for name in (metric, f"val_{metric}") if name in logs]


def _is_training(name: str) -> bool:
    return name != "learning_rate" and not name.startswith("val_")


def _rate_of_last_update(optimizer: Any) -> float | None:
    """A schedule already answers for the update to come; the one before it was the last.

    None of an optimizer that has made none, as where a `train_step` has one of its own.
    """
    if optimizer is None or not int(optimizer.iterations):
        return None
    inner = optimizers_of(optimizer)[0]
    schedule = schedule_of(inner)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float(schedule(keras.ops.maximum(update_count(inner) - 1, 0)))
    return float(inner.learning_rate)


def _in_kernel() -> bool:
    """Whether somebody can see a display: a shell is running, and a kernel runs it."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def _waits() -> bool:
    return os.environ.get("LRLAB_WAIT") == "1"


def _display(plot: LivePlot, **options: Any) -> Any:
    from IPython.display import display

    return display(plot, **options)  # type: ignore[no-untyped-call]
