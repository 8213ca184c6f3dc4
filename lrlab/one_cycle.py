"""`OneCycle` by the step, as a Keras schedule object: two of Keras's own, one after the other."""

from __future__ import annotations

from typing import Any

from lrlab.backend import keras


@keras.saving.register_keras_serializable("lrlab")
class OneCycleSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine up and half a cosine down, see `lrlab.OneCycle`.

    Args:
        max_learning_rate: The rate at the top.
        peak_step: The step at the top; need not be whole.
        last_step: The step from which on the rate stays at its lowest.
        div: The top divided by the first rate.
        div_final: The top divided by the last rate.
    """

    def __init__(
        self,
        max_learning_rate: float,
        peak_step: float,
        last_step: float,
        div: float,
        div_final: float,
    ) -> None:
        self.config = {
            "max_learning_rate": max_learning_rate,
            "peak_step": peak_step,
            "last_step": last_step,
            "div": div,
            "div_final": div_final,
        }
        decay = keras.optimizers.schedules.CosineDecay
        # Towards a multiple above 1, a cosine "decay" rises.
        self.up = decay(max_learning_rate / div, peak_step, alpha=div)
        self.down = decay(max_learning_rate, last_step - peak_step, alpha=1 / div_final)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, or of each of several."""
        step = keras.ops.cast(step, "float32")
        peak = self.config["peak_step"]
        return keras.ops.where(step < peak, self.up(step), self.down(step - peak))

    def get_config(self) -> dict[str, float]:
        """Return the arguments, as Keras stores them in a saved model."""
        return dict(self.config)
