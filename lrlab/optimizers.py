"""An optimizer that Keras lacks, for `model.compile` as any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lrlab.backend import keras


@keras.saving.register_keras_serializable("lrlab")
class SGDWithMomentumSchedule(keras.optimizers.SGD):
    """SGD whose momentum follows a schedule, as that of one-cycle does.

    Keras fixes momentum as it compiles the first step: what a callback assigns later is ignored.
    Here the momentum that Keras knows is 1, which leaves the velocity as it is, and after each
    update the velocity is multiplied by the momentum of the next step.

    Args:
        learning_rate: As for `keras.optimizers.SGD`.
        momentum_schedule: A Keras schedule of the momentum, from step to a number between 0 and 1.
        settings: The others of `keras.optimizers.SGD`, without `momentum` and `nesterov`.

    Raises:
        ValueError: If `momentum_schedule` is no Keras schedule, or `nesterov` is True.

    Example:
        >>> import lrlab
        >>> cycle = lrlab.OneCycle(0.1, epochs=15)
        >>> optimizer = SGDWithMomentumSchedule(cycle.to_keras(45), cycle.momentum(45))
        >>> round(float(optimizer.momentum_schedule(optimizer.iterations)), 2)
        0.95

    Source: L. N. Smith and N. Topin, "Super-Convergence", https://arxiv.org/abs/1708.07120.
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum_schedule: Any = None, **settings: Any
    ) -> None:
        if isinstance(momentum_schedule, dict):  # out of a saved model
            revive = keras.optimizers.schedules.deserialize
            momentum_schedule = revive(momentum_schedule)
        if not isinstance(momentum_schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                "`momentum_schedule` must be a Keras schedule. "
                f"Received: momentum_schedule={momentum_schedule!r}. Try "
                "lrlab.OneCycle(...).momentum(steps_per_epoch)."
            )
        if settings.get("nesterov"):
            raise ValueError(
                "Nesterov's momentum uses the momentum twice in a step, and only one of the two "
                "would follow the schedule. Received: nesterov=True. Leave it out."
            )
        super().__init__(learning_rate, **settings | {"momentum": 1.0})
        self.momentum_schedule = momentum_schedule

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
        """Make an update, and get the velocity ready for the next one."""
        count = super().apply(grads, trainable_variables)
        momentum = self.momentum_schedule(self.iterations)
        for velocity in self.momentums:
            velocity.assign(velocity * keras.ops.cast(momentum, velocity.dtype))
        return count

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras stores them in a saved model."""
        schedule = keras.optimizers.schedules.serialize(self.momentum_schedule)
        config: dict[str, Any] = super().get_config()
        return config | {"momentum_schedule": schedule}

    def as_plain_keras(self, schedule: Any, write: Callable[[Any], str]) -> tuple[str, str]:
        """Return the lines that define the same without lrlab, and the name of the class.

        Args:
            schedule: That of the rate, whose class is defined already.
            write: Returns the expression that makes a schedule of Keras's own.
        """
        momentum = self.momentum_schedule
        if not hasattr(momentum, "as_plain_keras"):
            return _PLAIN.replace("Momentum()", write(momentum)), "MomentumSGD"
        definition, expression = momentum.as_plain_keras()
        head, *lines = definition.splitlines()
        if type(schedule) is type(momentum):  # only the numbers that are not those of the rate
            head = f"({expression.removesuffix('()')}):"
            theirs = vars(schedule)
            lines = [
                f"    {name} = {value!r}"
                for name, value in vars(momentum).items()
                if value != theirs[name]
            ]
        lines = [f"class Momentum{head[head.index('(') :]}", *lines]
        return "\n".join([*lines, "", "", _PLAIN]), "MomentumSGD"


_PLAIN = """\
class MomentumSGD(keras.optimizers.SGD):
    momentum_schedule = Momentum()

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        momentum = self.momentum_schedule(self.iterations)  # of the next step
        for velocity in self.momentums:
            velocity.assign(velocity * momentum)"""
