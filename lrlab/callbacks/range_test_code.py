"""A range test in plain Keras: the callback that makes it, and what its three rules say."""

import json

from lrlab.keras_code.program import Snippet


def plain_range_test(
    *,
    rate: str,
    steps: int | None,
    every: int,
    monitor: str,
    validates: bool,
    smoothing: float,
    explosion: tuple[int, int],
) -> Snippet:
    """Return a range test as a callback without lrlab, for the code of a run.

    Args:
        rate: The rate of a step, as an expression of `share`, which goes from 0 to 1.
        steps: How many steps; None for all that the fit has.
        every: Of how many batches a step is.
        monitor: What is noted, a name in the logs.
        validates: Whether it is noted of the validation data.
        smoothing: How much the losses are smoothed.
        explosion: Of how many steps the mean has to be how many times the first loss.
    """
    batches, times = explosion
    all_of_them = 'self.params["epochs"] * self.params["steps"]'
    noting = _NOTING if every == 1 else _GATHERING
    if validates:
        noting = _WAITING * (every > 1) + _VALIDATING
    return Snippet(
        definition=_CALLBACK.format(
            what="the validation loss" if validates else "the loss of each batch",
            rate=rate,
            steps=steps or (all_of_them if every == 1 else f"{all_of_them} // {every}"),
            gathering="" if every == 1 else "\n        self.gathered = []",
            noting=noting.format(monitor=json.dumps(monitor), every=every),
            batches=batches,
            rise=times - 1,
        ),
        name="range_test",
        ending=_ENDING.format(smoothing=smoothing),
    )


_CALLBACK = '''\
class RangeTest(keras.callbacks.Callback):
    """Raise the learning rate step by step and note {what}."""

    def on_train_begin(self, logs=None):
        self.learning_rates, self.losses = [], []{gathering}
        self.steps = {steps}
        if not self.model.built:  # as without an Input layer: data give it its weights
            self.model(x_train[:1])
        self.model.optimizer.build(self.model.trainable_variables)
        variables = self.model.variables + self.model.optimizer.variables
        self.before = [(variable, variable.numpy()) for variable in variables]

    def on_train_batch_begin(self, batch, logs=None):
        share = len(self.losses) / (self.steps - 1)
        self.rate = {rate}
        self.model.optimizer.learning_rate = self.rate
        # Or logs["loss"] would be the mean over the epoch so far.
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
{noting}
        self.learning_rates.append(self.rate)
        limit = self.losses[0] + {rise} * abs(self.losses[0])
        recent = self.losses[-{batches}:]
        exploded = not sum(recent) / len(recent) <= limit
        if exploded or len(self.losses) == self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        for variable, value in self.before:
            variable.assign(value)


range_test = RangeTest()
'''

_NOTING = """\
        self.losses.append(float(logs[{monitor}]))"""

_GATHERING = """\
        self.gathered.append(float(logs[{monitor}]))
        if len(self.gathered) < {every}:  # a step has so many batches
            return
        self.losses.append(sum(self.gathered) / {every})
        self.gathered = []"""

_WAITING = """\
        self.gathered.append(batch)
        if len(self.gathered) < {every}:
            return
        self.gathered = []
"""

_VALIDATING = """\
        # What model.evaluate gives, but all samples in one batch, which is quicker.
        logs = self.model.test_on_batch(x_val, y_val, return_dict=True)
        self.losses.append(float(logs[{monitor}]))"""

_ENDING = """\
average, weight, smoothed = 0.0, 0.0, []
for loss in range_test.losses:
    average = {smoothing!r} * average + (1 - {smoothing!r}) * loss
    weight = {smoothing!r} * weight + (1 - {smoothing!r})
    smoothed.append(average / weight)
# Only where the losses fell by more than they scatter does this say anything: plot them.
best = min(range(len(smoothed)), key=lambda step: smoothed[step])
rates = range_test.learning_rates
rate = rates[best]
print(f"The smoothed loss is lowest, {{smoothed[best]:.4f}}, at a rate of {{rate:.4g}}.")
print(f"A tenth of that rate: {{rate / 10:.4g}}")
first = min(len(smoothed) // 10, best)  # before that, the average is one of few losses
way = smoothed[first : best + 1]
falls = [before - after for before, after in zip(way, way[1:])]
steepest = first + falls.index(max(falls)) if falls else best
print(f"Where it falls most steeply: {{rates[steepest]:.4g}}")
longest = []  # how many steps, each lower than those before it, end at each step
for loss in way:
    higher = [length for length, before in zip(longest, way) if before > loss]
    longest.append(1 + max(higher, default=0))
valley = best - longest[-1] // 2
print(f"In the middle of the longest fall: {{rates[valley]:.4g}}")
"""
