"""The learning rate as a dial that is turned while the model trains."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lrlab.checks import as_learning_rate, as_number, as_whole_number
from lrlab.explorers.controls import button, rate_slider, speed_slider, training_length
from lrlab.explorers.frame import Frame, Work
from lrlab.explorers.run_explorer import RunExplorer
from lrlab.schedules import RatesByEpoch

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run, Steered

_SECONDS_A_LOOK = 0.02  # how soon a pause, or another speed, counts


class LearningRateDialExplorer(RunExplorer):
    """A dial for the learning rate, turned by hand while a model trains before your eyes.

    "Go on" trains at the pace of the speed slider, each epoch at the rate that the dial shows as it
    begins; "One epoch" trains a single one, "Start again" begins anew. Turning the dial restarts
    nothing. The moves are kept: `schedule()` replays them exactly, and `code` has them in Keras.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        learning_rate: Where the dial stands first.
        epochs: How long the training may last; by default as long as a run of the experiment.
        epochs_per_second: The speed first. A slow model takes the time that it needs.

    Raises:
        ValueError: If a value is not a finite number above 0.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.LearningRateDialExplorer(learning_rate=1.0)
        >>> explorer.step(10)
        >>> explorer.learning_rate.value = 0.1
        >>> explorer.step(5)
        >>> by_hand = explorer.wait()
        >>> replayed = explorer.experiment.run(explorer.schedule())
        >>> abs(replayed.final["loss"] - by_hand.final["loss"]) < 1e-5
        True
    """

    invitation = ""  # it says itself what to press
    stop_button = "Pause", "Stop after this epoch; Go on goes on from there"

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        learning_rate: float = 0.1,
        epochs_per_second: float = 1.0,
        epochs: int | None = None,
    ) -> None:
        rate = as_learning_rate(learning_rate)
        if not 0.1 <= as_number(epochs_per_second) <= 30:
            raise ValueError(
                "`epochs_per_second` must lie between 0.1 and 30, a pace that can be followed. "
                f"Received: epochs_per_second={epochs_per_second!r}. 1 is an epoch a second."
            )
        self._orders: deque[float] = deque()  # the rates of epochs that were asked for one by one
        self._playing = self._from_the_start = False
        self._steering = threading.Lock()  # of the three above
        self._training: Steered | None = None  # it and the next are changed by the worker alone
        self._now: Run | None = None  # the training so far
        self._epoch_began = -math.inf  # that of the last epoch, in seconds
        controls = [
            rate_slider("learning_rate", rate),
            speed_slider("epochs_per_second", epochs_per_second, "epochs a second"),
            training_length(experiment, epochs),
        ]
        buttons = [
            button("Go on", "Train on, at the pace of the slider", self.go_on),
            button("One epoch", "Train for one epoch at the rate of the dial", self.step),
            button("Start again", "Go back to the untrained model", self.start_again),
        ]
        super().__init__(experiment, controls, buttons=buttons)

    # --- what a person does ---

    def go_on(self) -> None:
        """Train on at the pace of the slider, to the last epoch or until it is paused."""
        with self._steering:
            self._playing = True
        self.run()

    def stop(self) -> None:
        """Pause after the epoch that is being trained."""
        with self._steering:
            self._rest()
        if self._begun:
            self.run()

    def step(self, epochs: int = 1) -> None:
        """Train for so many epochs at the rate that the dial shows now, without a pause.

        Raises:
            ValueError: If it is not a whole number of at least 1.
        """
        epochs = as_whole_number(epochs, "epochs", 1)
        with self._steering:
            self._playing = False
            self._orders.extend([self.learning_rate.value] * epochs)
        self.run()

    def start_again(self) -> None:
        """Begin with the untrained model; if it was going on, it goes on."""
        with self._steering:
            self._orders.clear()
            self._from_the_start = True
        self.run()

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until no epoch is trained or asked for, and return the training so far, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        super().wait(timeout)
        return self._now

    def asked(self) -> tuple[()]:
        """Return nothing: a turn of the dial changes what comes, not what is shown."""
        return ()

    def controls_moved(self, *names: str) -> None:
        """The dial is read as an epoch begins, and the speed while it is waited for."""
        self._show_code()
        if "epochs" in names:  # the axis is to be longer
            self.redraw()

    def let_go(self) -> None:
        """Forget the training, too."""
        super().let_go()
        self._training = self._now = None

    # --- what comes of it ---

    def schedule(self) -> RatesByEpoch:
        """Return the moves so far: the rate of each epoch, the last one for all that follow."""
        now = self._now  # read once: the thread that trains may begin anew meanwhile
        rates = now.history["learning_rate"] if now else [self.learning_rate.value]
        return RatesByEpoch(tuple(rates))

    def label(self, settings: RatesByEpoch) -> str:
        """Return the first and the last rate, or the only one, to stand beside a pinned curve."""
        first, last = (f"{settings.rates[end]:.2g}" for end in (0, -1))
        return first if len(set(settings.rates)) == 1 else f"{first} … {last}"

    @property
    def code(self) -> str:
        """The plain Keras program with the moves so far, that trains as far as they go."""
        now = self._now
        return now.code if now else self.experiment.code(self.learning_rate.value)

    def result(self) -> str:
        """Return the moves and their outcome in one short line."""
        finished = self.runs and self.runs[-1] is self._now
        return super().result() if finished else f"{self._epochs_done} epochs trained by hand"

    # --- the work ---

    def work(self, settings: RatesByEpoch) -> Work[Run | None]:
        """Train epochs as they are due, until there is nothing to do but to wait for a person."""
        while True:
            if self._training is None:
                yield "Getting ready …"
            if self._training is None or self._from_the_start:
                yield self._untrained()
            if self._at_rest():
                break
            if not self._is_due():
                time.sleep(_SECONDS_A_LOOK)
                yield None
                continue
            if self._epoch_began == -math.inf:
                yield "Compiling the model, once …"
            else:
                yield self.slow_epoch(self._epochs_done + 1)
            with self._next_rate() as rate:
                frame = None if rate is None else self._train(rate)
            yield frame
        if 0 < self._epochs_done < self.experiment.epochs:
            yield f"Paused after epoch {self._where}. Go on, or train one more."

    def _untrained(self) -> Frame[Run | None]:
        from lrlab.experiment import Steered

        training = Steered(self.experiment)
        with self._steering:
            self._from_the_start = False
            self._training, self._now = training, None
        self._start_loss = training.start_loss
        self._show_code()
        words = "Press Go on, then turn the dial while the model trains."
        return Frame(None, words, always=True)

    def _train(self, rate: float) -> Frame[Run | None]:
        """Train for an epoch, and return what to show of the training so far."""
        assert self._training is not None
        self._epoch_began = time.monotonic()
        self._now = self._training.epoch(rate)
        self._epoch_seconds = time.monotonic() - self._epoch_began
        if self._epochs_done >= self.experiment.epochs:
            frame = self.finish(self._now, self.schedule())
        else:
            frame = Frame(self._now, f"Epoch {self._where}", self.schedule(), always=True)
        self._show_code()
        return frame

    def report(self, error: Exception) -> None:
        """Show an error as words, and rest; the training so far stays."""
        with self._steering:
            self._rest()
        super().report(error)

    def _rest(self) -> None:
        self._playing = False
        self._orders.clear()

    def _at_rest(self) -> bool:
        """Whether nothing is to be trained until somebody says so."""
        with self._steering:
            if self._epochs_done >= self.experiment.epochs:
                self._rest()
            return not (self._playing or self._orders or self._from_the_start)

    def _is_due(self) -> bool:
        """Whether an epoch is to be trained now."""
        seconds = time.monotonic() - self._epoch_began
        return bool(self._orders) or seconds >= 1 / self.epochs_per_second.value

    @contextmanager
    def _next_rate(self) -> Iterator[float | None]:
        """The rate that was asked for, or that of the dial; None if that has changed meanwhile.

        What was asked for stays asked for, where the epoch does not come about.
        """
        order = None
        with self._steering:
            if not self._from_the_start and self._orders:
                order = self._orders.popleft()
            playing = self._playing and not self._from_the_start
        try:
            yield float(self.learning_rate.value) if order is None and playing else order
        except BaseException:
            with self._steering:
                if order is not None and not self._from_the_start:
                    self._orders.appendleft(order)
            raise

    @property
    def _epochs_done(self) -> int:
        now = self._now
        return len(now.history["loss"]) if now else 0

    @property
    def _where(self) -> str:
        return f"{self._epochs_done} of {self.experiment.epochs}"
