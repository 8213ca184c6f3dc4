"""A training by hand: an epoch at a time, each at a learning rate that is decided only then."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from lrlab.checks import as_learning_rate
from lrlab.experiment.experiment import Experiment
from lrlab.experiment.run import Run
from lrlab.schedules import RatesByEpoch


class Steered:
    """A training of an experiment that goes on by an epoch when it is told to.

    It starts and sees the same batches as every run of the experiment, and after the same rates it
    has the same numbers. Between its epochs the experiment is free for other runs, so a training
    may pause for as long as a person thinks.

    Args:
        experiment: What to train.

    Attributes:
        start_loss: The training loss of the untrained model.
        rates: The rate of each epoch so far.

    Example:
        >>> import lrlab
        >>> digits = lrlab.data.digits()
        >>> experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits, epochs=2)
        >>> by_hand = Steered(experiment)
        >>> first, second = by_hand.epoch(1.0), by_hand.epoch(0.1)
        >>> replayed = experiment.run(second.schedule)
        >>> abs(replayed.final["loss"] - second.final["loss"]) < 1e-5
        True
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._state: Any = None
        self._logs: list[dict[str, Any]] = []
        self.rates: list[float] = []
        with experiment.session() as (_, start):
            self.start_loss = start.loss

    def epoch(self, rate: float) -> Run:
        """Train for an epoch at this rate, and return the run so far.

        Raises:
            ValueError: If the rate is not a finite number above 0.
        """
        rate, experiment = as_learning_rate(rate), self._experiment
        steps = experiment.steps_per_epoch
        with experiment.session() as (session, start):
            if self._state is not None:
                session.program.state.put_back(self._state)
            rates = session.program.rates
            assert rates is not None  # an experiment has a table of them
            rates.follow(np.array([rate]))
            with closing(session.epochs(1)) as epochs:
                self._logs.append(dict(next(epochs)))
                self._state = session.program.state.take()
            moved, chance = start.moved(), start.chance()
        self.rates.append(rate)
        schedule = RatesByEpoch(tuple(self.rates))
        history = {name: [logs[name] for logs in self._logs] for name in self._logs[-1]}
        return Run(
            schedule=schedule,
            history=history | {"learning_rate": list(self.rates)},
            learning_rates=np.repeat(self.rates, steps),
            start_loss=self.start_loss,
            moved=moved,
            chance=chance,
            write_code=partial(experiment.code, schedule, epochs=len(self.rates)),
            seed=experiment.seed,
        )
