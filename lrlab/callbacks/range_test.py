"""The range test: train with a rate that rises step by step, and see where the loss falls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lrlab.backend import keras

import numpy as np

from lrlab.callbacks.range_test_code import plain_range_test
from lrlab.callbacks.suggestion import as_smoothing, smooth, suggest
from lrlab.checks import as_learning_rate, as_whole_number
from lrlab.keras_code.program import Snippet
from lrlab.training.internals import (
    callbacks_beside,
    flatten_layers,
    make_variables,
    schedule_of,
)

__all__ = ["LearningRateRangeTest"]

SCALES = "log", "linear"  # on which the rate rises evenly
_SAMPLES = 1024  # of validation data that are looked at in one batch; of more, in several
# The loss has exploded when the mean of so many steps is so many times the first step's.
_STEPS, _TIMES = 5, 4


class LearningRateRangeTest(keras.callbacks.Callback):
    """Raise the learning rate from one step to the next, and note the loss of every step.

    The rate of step k of n, counted from 0, is `lowest * (highest / lowest) ** (k / (n - 1))`, or,
    on a linear scale, `lowest + (highest - lowest) * k / (n - 1)`. The test ends the fit at
    `highest`, or earlier when the loss has exploded: when it is not finite, or its mean over 5
    steps is 4 times that of the first. Then weights, the optimizer's state and the learning rate
    are as they were before, so the training proper can follow at once.

    A step is `every` updates at one rate. That is a batch, as long as every batch updates the
    weights and `every` is 1. Where several batches make a step, as with
    `gradient_accumulation_steps`, its loss is their mean. With `steps_per_execution` it is one such
    execution or more: the rate cannot change within.

    A loss is that of its batches alone, where the `logs` that Keras gives to callbacks hold the
    mean over all batches since the epoch began. For that, the metrics are reset before each batch,
    and the history and the progress bar of such a fit show the last batch of an epoch.

    With `monitor="val_loss"`, or another name that begins with `val_`, the loss of a step is that
    of the validation data, after its updates. A fit hides its own validation data from callbacks,
    so the test needs them, too. Whatever the model changes as they are looked at is put back.

    Momentum and weight decay have no such test: Keras fixes them as it compiles the first step.
    `lrlab.RangeTestExplorer(setting="momentum")` trains short runs at several values instead.

    It needs every batch, so `lrlab.fit` makes a call a batch with it, as `model.fit` always does.

    Whatever callbacks stand beside it and in which order, its word on the weights is the last: it
    goes to the end of the list, behind an `EarlyStopping(restore_best_weights=True)`. What a
    `ModelCheckpoint` writes are weights of the test.

    A `model.fit` that ends within an epoch, whatever callback ended it, leaves its data iterator to
    Python's garbage collector. TensorFlow takes up to a minute to destroy one that is older than a
    minute, and nothing else runs meanwhile: call `gc.collect()` right after such a fit. `lrlab.fit`
    has no such iterator.

    Args:
        lowest: The first learning rate.
        highest: The last learning rate.
        steps: In how many steps to rise; None, or more than the fit has, takes all that it has.
        smoothing: How much to smooth the losses for the suggestion, see `smoothed`.
        monitor: What to note as the loss, a name in the logs of a batch; with `val_` before it, of
            the validation data.
        scale: "log" for a rate that rises by the same factor in each step, "linear" for one that
            rises by the same amount.
        every: How many updates a step has.
        validation_data: (x_val, y_val), (x_val, y_val, sample_weight) or a dataset, as for
            `model.fit`, where `monitor` begins with `val_`.

    Attributes:
        learning_rates: The rate of every step taken, shape (steps taken,).
        losses: The loss of every step, of the same shape: of a batch before its update, of the
            validation data after it.
        suggestions: By rule, "minimum", "steepest" or "valley", the rate that it suggests, all None
            where the loss did not fall by more than its scatter explains.

    Raises:
        ValueError: If an argument is out of its range, or there are validation data and nothing of
            them to monitor, or the other way round; as a fit begins, if the optimizer's rate is
            a schedule or it has several, the fit does not say how many batches it has and `steps`
            is None, or a callback beside it does not go with a test; in a fit, if the logs lack
            what to monitor, or `model.optimizer` makes no update.

    Example:
        >>> import numpy as np
        >>> layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> model = keras.Sequential([keras.Input((1,)), layer])
        >>> model.compile(keras.optimizers.SGD(0.5), loss="mse")
        >>> x = np.ones((64, 1))
        >>> range_test = LearningRateRangeTest(1e-3, 100.0)
        >>> _ = model.fit(x, 9 * x, batch_size=1, callbacks=[range_test], verbose=0)
        >>> 0.01 < range_test.suggestion < 1.0  # where gradient descent stops converging
        True
        >>> float(model.optimizer.learning_rate)
        0.5
        >>> range_test = LearningRateRangeTest(
        ...     0.05, 2.0, scale="linear", monitor="val_loss", validation_data=(x, 9 * x)
        ... )
        >>> _ = model.fit(x, 9 * x, batch_size=1, callbacks=[range_test], verbose=0)
        >>> {rule: rate > 0 for rule, rate in range_test.suggestions.items()}
        {'minimum': True, 'steepest': True, 'valley': True}

    Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks" (2015),
    https://arxiv.org/abs/1506.01186, section 3.3, on a linear scale; the exponential
    rise and the smoothing are those of fastai, https://docs.fast.ai/callback.schedule.html, whose
    names the three rules have; its default is *valley*.
    """

    def __init__(
        self,
        lowest: float = 1e-4,
        highest: float = 10.0,
        *,
        steps: int | None = None,
        smoothing: float = 0.8,
        monitor: str = "loss",
        scale: str = "log",
        every: int = 1,
        validation_data: Any = None,
    ) -> None:
        super().__init__()
        self.lowest = as_learning_rate(lowest, "lowest")
        self.highest = as_learning_rate(highest, "highest")
        if not self.lowest < self.highest:
            raise ValueError(
                "`highest` must be above `lowest`, for the rate rises. Received: "
                f"lowest={lowest!r}, highest={highest!r}. 1e-4 and 10 show most of what there is."
            )
        self.steps = None if steps is None else as_whole_number(steps, "steps", 2)
        self.smoothing = as_smoothing(smoothing, "smoothing")
        self.monitor = monitor
        if scale not in SCALES:
            raise ValueError(
                f"`scale` must be one of {list(SCALES)}. Received: scale={scale!r}. "
                'Try scale="log".'
            )
        self.scale = scale
        self.every = as_whole_number(every, "every", 1)
        _check_belong_together(monitor, validation_data)
        self._validation = validation_data
        self._before: list[tuple[Any, np.ndarray]] = []
        self._rate_before = 0.0
        self._forget()

    def _forget(self) -> None:
        """Begin anew."""
        self._learning_rates: list[float] = []
        self._losses: list[float] = []
        self._of_step: list[float] = []  # losses in the step that is being taken
        self._calls: int | None = None  # that the fit has left: of one batch, or one execution
        self._calls_a_step = 1  # of the last step
        self._updates = -1  # that the optimizer has made; -1 before the first epoch

    @property
    def learning_rates(self) -> np.ndarray:
        """The rate of every step taken."""
        return np.array(self._learning_rates[: len(self._losses)])

    @property
    def losses(self) -> np.ndarray:
        """The loss of every step."""
        return np.array(self._losses)

    def smoothed(self, amount: float | None = None) -> np.ndarray:
        """Return the losses smoothed, see `smooth`; by default as much as for the suggestion."""
        return smooth(self._losses, self.smoothing if amount is None else amount)

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate at which the smoothed loss is lowest.

        None if it did not fall by more than the scatter of the batches explains.
        """
        return self.suggestions["minimum"]

    @property
    def suggestions(self) -> dict[str, float | None]:
        """The rate that each rule suggests, see `suggest`."""
        return suggest(self.learning_rates, self.losses, self.smoothing)[0]

    @property
    def reason(self) -> str:
        """Why that is the suggestion, in words."""
        return suggest(self.learning_rates, self.losses, self.smoothing)[1]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuse what a test cannot do, and go behind all other callbacks."""
        optimizer = self.model.optimizer
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError(
                "A range test raises the one learning rate of the optimizer. Received: a "
                f"{type(optimizer).__name__} without one: it has several, one for each group "
                "of variables. Compile with one of its optimizers alone for the test."
            )
        schedule = schedule_of(optimizer)
        if schedule is not None:
            raise ValueError(
                "A range test sets the learning rate itself, which a schedule or a function in the "
                f"optimizer does not allow. Received: learning_rate={_name(schedule)}. Compile "
                "with a number for the test."
            )
        beside = callbacks_beside(self)
        if beside is not None:
            for callback in beside.callbacks:
                _check_goes_with_a_test(callback)
            # A new list: the old one is being gone through.
            beside.callbacks = [c for c in beside.callbacks if c is not self] + [self]
        self._forget()
        self._rate_before = float(self.model.optimizer.learning_rate)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """As the first epoch begins, count the batches and keep all that training will change."""
        if self._updates >= 0:
            return
        batches, optimizer = self.params.get("steps"), self.model.optimizer
        if self.steps is None and batches is None:
            raise ValueError(
                "A range test must know how many steps to rise in, and these data do not say how "
                "many batches they have. Received: steps=None. Give a number: "
                "LearningRateRangeTest(steps=100)."
            )
        if batches is not None:
            calls = math.ceil(batches / self.model.steps_per_execution)
            self._calls = (self.params["epochs"] - epoch) * calls
        self._updates = int(optimizer.iterations)
        # A model that only its own `train_step` calls is never built itself, but its parts are.
        parts = [layer for layer in flatten_layers(self.model) if layer is not self.model]
        if all(part.built for part in parts or [self.model]):
            self._keep()
        else:
            self._keep_once_built()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of this step, and forget the batches before it."""
        if not self._of_step:
            self._learning_rates.append(self._next_rate())
        self.model.optimizer.learning_rate = self._learning_rates[-1]
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the loss of a step; end the fit at the highest rate, or when it explodes."""
        logs = logs or {}
        if not self._losses and len(self._before) < len(self._variables()):
            raise self._not_built()  # a step of the model's own has made some
        # Of validation data, the loss is only looked at when the step is over.
        self._of_step.append(0.0 if self._validates else self._monitored(logs))
        updates = int(self.model.optimizer.iterations)
        if self._calls is not None:
            self._calls -= 1
        if updates < self._updates + self.every and math.isfinite(self._of_step[-1]):
            return
        of_batches = float(np.mean(self._of_step))
        self._losses.append(self._validate() if self._validates else of_batches)
        self._updates, self._calls_a_step, self._of_step = updates, len(self._of_step), []
        if len(self._losses) == self.steps or _exploded(self._losses):
            self.model.stop_training = True

    @property
    def _validates(self) -> bool:
        return self._validation is not None

    @property
    def _logged(self) -> str:
        """What is monitored, as the logs of its data have it."""
        return self.monitor.removeprefix("val_") if self._validates else self.monitor

    def _monitored(self, logs: dict[str, Any]) -> float:
        name = self._logged
        if name not in logs:
            self.restore()
            raise ValueError(
                f"The logs of a batch must have what a range test notes, {name!r}. "
                f"Received: {', '.join(sorted(logs)) or 'nothing'}. Name one of these: "
                'LearningRateRangeTest(monitor="...").'
            )
        return float(logs[name])

    def _validate(self) -> float:
        """The loss of the validation data.

        The fit goes on with its own metrics, and with random numbers as if nothing had been asked.
        """
        model = self.model
        x, y, weight = keras.utils.unpack_x_y_sample_weight(self._validation)
        kept = [*model.metrics_variables, *model.non_trainable_variables]
        before = [variable.numpy() for variable in kept]
        samples = max(getattr(part, "shape", [math.inf])[0] for part in keras.tree.flatten(x))
        if samples <= _SAMPLES and model.steps_per_execution == 1:
            logs = model.test_on_batch(x, y, weight, return_dict=True)  # much quicker
        else:
            logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
        for variable, value in zip(kept, before, strict=True):
            variable.assign(value)
        return self._monitored(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put back what `restore` does."""
        self.restore()
        if self._of_step and not self._losses:
            raise ValueError(
                "`model.optimizer` must update the weights in a range test: its rate is what "
                f"rises. Received: no update in {len(self._of_step)} batches. Has the model a "
                "`train_step` with an optimizer of its own? Give that one to `compile`. Or are "
                "there fewer batches than `gradient_accumulation_steps`?"
            )

    def restore(self) -> None:
        """Put weights, the optimizer's state and the rate back to where they were before the test.

        A fit does so as it ends; one that was interrupted does not.
        """
        if self._before:
            for variable, value in self._before:
                variable.assign(value)
            self.model.optimizer.learning_rate = self._rate_before
        self._before = []

    def _next_rate(self) -> float:
        """Spread what is left of the range evenly over the steps that are left."""
        if not self._losses:
            return self.lowest
        left = [] if self.steps is None else [self.steps - len(self._losses)]
        if self._calls is not None:
            left.append(self._calls // self._calls_a_step)
        rate, share = self._learning_rates[-1], 1 / max(min(left), 1)
        if self.scale == "linear":
            return rate + (self.highest - rate) * share
        return float(rate * (self.highest / rate) ** share)

    def _keep(self) -> None:
        model, optimizer = self.model, self.model.optimizer
        if not optimizer.built:  # in a first fit, its moments would only come with the first batch
            optimizer.build(model.trainable_variables)
        self._before = [(variable, variable.numpy()) for variable in self._variables()]

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def _keep_once_built(self) -> None:
        """Keep it before the first batch, by whose shape a model gets its weights.

        `model.fit` would make them within the first step, which changes them at once.
        """
        model = self.model
        train = model.train_function

        def build_and_train(iterator: Any) -> Any:
            model.train_function = train
            try:
                make_variables(model, iterator.element_spec)
            except (ValueError, RuntimeError) as error:
                raise self._not_built() from error
            self._keep()
            return train(iterator)

        model.train_function = build_and_train

    def _not_built(self) -> ValueError:
        return ValueError(
            "A range test puts the first weights back, so they must be there before it. Received: "
            f"{self.model.name}, which is not built. Call it on some inputs first: model(x[:1])."
        )

    def as_plain_keras(self) -> Snippet:
        """Return the test as a callback without lrlab, for the code of a run."""
        every = self.every * (batches_an_update(self.model.optimizer) if self.model else 1)
        spread = self.highest - self.lowest, self.highest / self.lowest
        return plain_range_test(
            rate=f"{self.lowest!r} "
            + (f"+ {spread[0]!r} * share" if self.scale == "linear" else f"* {spread[1]!r}**share"),
            steps=self.steps,
            every=every,
            monitor=self._logged,
            validates=self._validates,
            smoothing=self.smoothing,
            explosion=(_STEPS, _TIMES),
        )


def batches_an_update(optimizer: keras.optimizers.Optimizer) -> int:
    """Return of how many batches an optimizer gathers the gradients before it updates weights."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    return inner.gradient_accumulation_steps or 1


def _check_belong_together(monitor: str, validation_data: Any) -> None:
    """Raise a ValueError unless there are validation data where they are monitored."""
    validates = monitor.startswith("val_")
    if validates != (validation_data is not None):
        raise ValueError(
            '`validation_data` must be given where `monitor` begins with "val_", and only there: '
            f"a fit does not show its own to callbacks. Received: monitor={monitor!r}, "
            f"validation_data={'None' if validates else 'data'}. Try "
            'LearningRateRangeTest(monitor="val_loss", validation_data=(x_val, y_val)).'
        )


def _exploded(losses: Sequence[float]) -> bool:
    limit = losses[0] + (_TIMES - 1) * abs(losses[0])  # a loss may be negative
    return not np.mean(losses[-_STEPS:]) <= limit


def _check_goes_with_a_test(callback: keras.callbacks.Callback) -> None:
    """Refuse a callback that would take weights for what they are not once all is put back."""
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        why = "BackupAndRestore, which would go on from within a test that was interrupted"
    elif isinstance(callback, keras.callbacks.SwapEMAWeights) and callback.swap_on_epoch:
        why = "SwapEMAWeights(swap_on_epoch=True), which would hold the first weights for averages"
    else:
        return
    raise ValueError(
        "A range test puts all weights back as it ends, and not every callback can know that. "
        f"Received: {why}. Leave it out of the test."
    )


def _name(schedule: Any) -> str:
    return getattr(schedule, "__name__", type(schedule).__name__)
