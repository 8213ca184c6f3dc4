"""What can be set in the range-test explorer, and the values at which it makes whole trainings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lrlab.figures.ink import rounded

# What may be tested: the first as the rate rises, the others by trainings at these values.
VALUES: dict[str, tuple[float, ...]] = {
    "learning_rate": (),
    "momentum": (0.0, 0.5, 0.8, 0.9, 0.95, 0.98),
    "weight_decay": (1e-4, 1e-3, 0.01, 0.03, 0.1, 1.0),
}
_AXES = {"momentum": ((0.0, 1.0), "linear"), "weight_decay": ((1e-4, 1.0), "log")}
OF_THE_TEST = "scale", "monitor", "lowest", "highest", "smoothing"  # which others do not need
_PER_DECADE = 4  # rates at which full trainings are measured


class Settings(NamedTuple):
    """What the controls stand for."""

    lowest: float
    highest: float
    smoothing: float
    epochs: int
    setting: str
    scale: str
    monitor: str
    learning_rate: float

    @property
    def test(self) -> tuple[Any, ...]:
        """What a range test depends on."""
        return self.lowest, self.highest, self.scale, self.monitor

    @property
    def values(self) -> list[float]:
        """The values at which whole trainings are made."""
        return [*VALUES[self.setting]] or _grid(self.lowest, self.highest)

    def axis(self, rates: tuple[float, float]) -> tuple[tuple[float, float], str]:
        """The ends of the axis across, which may be those of all rates, and its scale."""
        if self.setting != "learning_rate":
            return _AXES[self.setting]
        return ((0.0, self.highest), "linear") if self.scale == "linear" else (rates, "log")

    def name(self) -> str:
        """What is tested, in words."""
        return self.setting.replace("_", " ")


def over_values(program: str, settings: Settings, seeds: Sequence[int]) -> str:
    """Return the program of a training at the last value as one over all values and seeds."""
    name, values = settings.setting, settings.values
    given, seeding = program.split("keras.utils.set_random_seed(", 1)
    fit, _ = seeding.partition(")\n")[2].split("for name, values in history", 1)
    training = fit.replace(f"{name}={values[-1]!r}", f"{name}=value")
    body = f"keras.utils.set_random_seed(seed)\n{training}"
    body += 'losses.append(history.history["val_loss"][-1])\n'
    return (
        f"import statistics\n\n{given}for value in {values}:\n    losses = []\n"
        f"    for seed in {[*seeds]}:\n{textwrap.indent(body, ' ' * 8)}"
        f'    print(f"{settings.name()} {{value:g}}: {{statistics.median(losses):.4f}}")\n'
    )


def _grid(lowest: float, highest: float) -> list[float]:
    """Rates at fixed places, so that a slider that moves leaves most of them as they were."""
    first = int(np.ceil(_PER_DECADE * np.log10(lowest) - 1e-9))
    last = int(np.floor(_PER_DECADE * np.log10(highest) + 1e-9))
    return [rounded(10 ** (k / _PER_DECADE), 3) for k in range(first, last + 1)]


def check_range(lowest: Any, highest: Any) -> None:
    """Raise a ValueError unless the lowest rate is below the highest."""
    if not lowest < highest:
        raise ValueError(
            "The lowest rate must be below the highest: the rate rises in the test. Received: "
            f"{lowest:.3g} and {highest:.3g}. Move the two apart."
        )
