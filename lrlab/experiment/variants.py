"""The experiments that differ from one in a setting, kept for when one comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from lrlab.backend import keras

from lrlab.experiment.compiling import same_settings

if TYPE_CHECKING:
    from lrlab.experiment.experiment import Experiment

# What is compiled for a variant stays in memory with it.
_KEPT = 12


class Variants:
    """The last 12 that were asked for, and the last 12 that last for other epochs alone."""

    def __init__(self) -> None:
        self._kept: list[Experiment] = []
        self._lasting: dict[int, Experiment] = {}
        self._making = threading.Lock()

    def find(
        self,
        first: Experiment,
        optimizer: keras.optimizers.Optimizer,
        batch_size: int,
        make: Callable[[keras.optimizers.Optimizer, int], Experiment],
    ) -> Experiment:
        """Return the first experiment or a variant, if it has these settings, or make one."""
        with self._making:
            for found in (first, *self._kept):
                if found.batch_size == batch_size and same_settings(
                    found.model.optimizer, optimizer
                ):
                    break
            else:
                found = make(optimizer, batch_size)
            if found is not first:  # the last one asked for is the last one dropped
                others = [variant for variant in self._kept if variant is not found]
                self._kept = [*others, found][-_KEPT:]
            return found

    def lasting(self, epochs: int, make: Callable[[int], Experiment]) -> Experiment:
        """Return the experiment that lasts so many epochs, or make it."""
        with self._making:
            found = self._lasting.pop(epochs, None) or make(epochs)
            self._lasting[epochs] = found  # the last one asked for is the last one dropped
            if len(self._lasting) > _KEPT:
                del self._lasting[next(iter(self._lasting))]
            return found
