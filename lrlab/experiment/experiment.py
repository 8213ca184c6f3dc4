"""Fair comparisons: runs alike in start and batches, which differ by their learning rate alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from lrlab.backend import keras, tf

import numpy as np

from lrlab import keras_code
from lrlab.checks import as_whole_number
from lrlab.data import Dataset, as_dataset
from lrlab.experiment.compiling import (
    alike,
    built,
    check_steps,
    copied,
    has_own,
    last_activation,
    settings_of,
    usual,
)
from lrlab.experiment.pickling import packed, unpacked
from lrlab.experiment.turns import Turns
from lrlab.experiment.verdicts import Verdict, judge
from lrlab.keras_code.source import source_of_model
from lrlab.schedules import Schedule, is_keras_schedule, preview
from lrlab.sweeps.digest import digest
from lrlab.training.program import GENERATOR, Batches, Program, as_graph, as_tensors, drawing_from
from lrlab.training.session import Needs, Session, check_labels

# The loss of the untrained model is measured on at most this many training samples.
_SAMPLES_AT_START = 1024
# What is compiled for a variant stays in memory with it.
_VARIANTS_KEPT = 12


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One training: what was asked, what came of it, and what to make of it.

    Attributes:
        schedule: The learning rate or schedule, as given.
        history: A value an epoch under each of Keras's keys, `loss`, `accuracy`, `val_loss`, ...,
            and under `learning_rate` the rate of the epoch's last update.
        learning_rates: The rate of every step, shape (epochs * steps_per_epoch,).
        start_loss: The training loss of the untrained model.
        moved: How far the trainable weights went, as a share of the length of the first ones (or
            as it is, where these are all 0).
        write_code: Writes `code` when it is asked for.
    """

    schedule: Schedule
    history: Mapping[str, Sequence[float]]
    learning_rates: np.ndarray
    start_loss: float
    moved: float
    write_code: Callable[[], str]
    seed: int = 0

    @property
    def verdict(self) -> Verdict:
        """What to make of the run: "too low", "good", "noisy", "stuck" or "diverged"."""
        return self._judgement[0]

    @property
    def reason(self) -> str:
        """Why that is the verdict, in words."""
        return self._judgement[1]

    @cached_property
    def _judgement(self) -> tuple[Verdict, str]:
        return judge(self.history["loss"], self.start_loss, self.learning_rates, self.moved)

    @cached_property
    def code(self) -> str:
        """The plain Keras program that gives the same numbers."""
        return self.write_code()

    @property
    def final(self) -> dict[str, float]:
        """The last value under each key of the history."""
        return {name: values[-1] for name, values in self.history.items()}

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.final.items() if name != "learning_rate"}
        numbers = ", ".join(f"{name}={_four_digits(value)}" for name, value in shown.items())
        return f"Run({numbers}, verdict={self.verdict!r})"


def _four_digits(value: Any) -> str:
    """Of each of the numbers that a metric may have; `F1Score` has one a class."""
    return np.array2string(
        np.asarray(value, dtype=float),
        separator=", ",
        formatter={"float_kind": "{:.4g}".format},
        max_line_width=1000,
    )


class Experiment:
    """A model, data and settings, to be trained again and again with other learning rates.

    Every run starts from the same weights, optimizer state and random seeds and sees the same
    batches in the same order. Runs of one experiment wait for each other, also across threads.
    Random numbers are part of the start where Keras draws them, in its layers and `keras.random`. A
    layer of your own that calls `tf.random` without a seed draws others in every run.

    It can be pickled, with cloudpickle where `build_model` is a lambda; what comes out is built and
    compiled anew, and gives the same numbers.

    Args:
        build_model: A function without arguments that returns a Keras model. A compiled model keeps
            its optimizer, loss and metrics.
        dataset: A `lrlab.data.Dataset`, or `(x_train, y_train, x_val, y_val)`.
        optimizer: A name or an optimizer, which is copied through its config. Its learning rate
            does not matter.
        loss: As for `model.compile`; by default cross-entropy for classification and the mean
            squared error for regression.
        metrics: As for `model.compile`; by default `["accuracy"]` for classification.
        epochs: Epochs a run.
        batch_size: Samples a step.
        seed: For `keras.utils.set_random_seed`, called before `build_model`.

    Raises:
        ValueError: If an argument is not of this kind, or the model does not train by calls of its
            compiled `train_step`, as with `run_eagerly=True` or a `fit` of its own.

    Example:
        >>> import lrlab
        >>> digits = lrlab.data.digits()
        >>> experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits, epochs=3)
        >>> run = experiment.run(lrlab.StepDecay(0.1, decay_factor=0.5, epochs_per_drop=1))
        >>> [round(rate, 3) for rate in run.history["learning_rate"]]
        [0.1, 0.05, 0.025]
    """

    def __init__(
        self,
        build_model: Callable[[], keras.Model],
        dataset: Dataset | Sequence[Any],
        *,
        optimizer: str | keras.optimizers.Optimizer = "sgd",
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        epochs: int = 15,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        self.dataset = as_dataset(dataset)
        self.epochs = as_whole_number(epochs, "epochs", 1)
        self.batch_size = as_whole_number(batch_size, "batch_size", 1)
        self.seed = as_whole_number(seed, "seed", 0)
        self.steps_per_epoch = -(-len(self.dataset.x_train) // self.batch_size)
        training = as_tensors(self.dataset.x_train, self.dataset.y_train)
        validation = as_tensors(self.dataset.x_val, self.dataset.y_val)
        self._first_samples = tuple(array[:_SAMPLES_AT_START] for array in training[:2])
        self._build_model = build_model
        self.model = self._built(self.seed)
        self._compile(optimizer, loss, metrics)
        check_steps(self.model)
        for labels in (self.dataset.y_train, self.dataset.y_val):
            check_labels(self.model, labels)
        self._training = Batches.cut(training, self.batch_size)
        self._validation = Batches.cut(validation, self.batch_size)
        self._turns = Turns()
        self._given = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        self._starts: dict[int, _Start] = {}
        self._expressions: dict[int, str | None] = {}
        self._variants: OrderedDict[str, Experiment] = OrderedDict()
        self._making = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        given = {name: packed(value) for name, value in self._given.items()}
        sizes = {"epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed}
        return _revived, (self._build_model, self.dataset, given | sizes)

    def _compile(self, optimizer: Any, loss: Any, metrics: Sequence[Any] | None) -> None:
        model = self.model
        self._compiled_by_user = model.compiled
        if model.compiled:
            if loss is not None or metrics is not None or optimizer != "sgd":
                raise ValueError(
                    "A compiled model keeps its own optimizer, loss and metrics. Received: a "
                    "compiled model and one of these as well. Leave out `compile` or these."
                )
            arguments = dict(model._compile_config.config)
            model.optimizer = copied(model.optimizer)
        else:
            arguments = {"optimizer": copied(optimizer), "loss": loss, "metrics": metrics}
            if loss is None or metrics is None:
                for name, value in usual(self.dataset, model, self._first_samples[0]).items():
                    if arguments[name] is None:
                        arguments[name] = value
            model.compile(**arguments)
        kept = ("loss", "loss_weights", "metrics", "weighted_metrics")
        self._compiled = {"optimizer": model.optimizer} | {
            name: arguments[name] for name in kept if arguments.get(name) is not None
        }

    @property
    def has_run(self) -> bool:
        """Whether it is compiled, as the first run of an experiment has Keras do."""
        return bool(self._starts)

    def untrained(self) -> keras.Model:
        """Return a new model with the weights that every run starts from."""
        return self._built(self.seed)

    def _built(self, seed: int, build_model: Callable[[], keras.Model] | None = None) -> Any:
        return built(build_model or self._build_model, seed, self._first_samples[0])

    def run(
        self,
        schedule: Schedule,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        seed: int | None = None,
    ) -> Run:
        """Train from the start and return the `Run`.

        Args:
            schedule: A learning rate; a function of the epoch, counted from 0, that returns it
                (`StepDecay` is one); or a Keras `LearningRateSchedule`.
            callbacks: Keras callbacks for this run.
            seed: Start from the weights of this seed, not the experiment's; nothing is compiled
                anew, so a rate can be judged from several starts.

        Raises:
            ValueError: If the rate is not a finite number above 0, if a schedule gives a negative
                one, or if a schedule object meets a callback that sets the rate as well.
        """
        *_, run = self.follow(schedule, callbacks=callbacks, seed=seed)
        return run

    def follow(
        self,
        schedule: Schedule,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        seed: int | None = None,
    ) -> Generator[Run, None, None]:
        """Train as `run` does, and yield the run so far after each epoch.

        Whoever stops iterating stops the training; closing the generator ends it properly.
        """
        rates = preview(schedule, self.epochs, self.steps_per_epoch)
        seed = self.seed if seed is None else as_whole_number(seed, "seed", 0)
        callbacks = keras.tree.flatten(callbacks or [])  # one alone will do, as in Keras
        members = _with_schedule(schedule, callbacks)
        # A callback may change the rate. Then the optimizer keeps it, and it is written down.
        recorder = _RateRecorder.beside(members, self.steps_per_epoch) if members else None
        table = None
        if not members or is_keras_schedule(schedule):
            table = rates.reshape(self.epochs, -1).astype(np.float32)

        def run(moved: float = 0.0) -> Run:
            history = self.model.history.history
            done = len(history["loss"])
            used = rates[: done * self.steps_per_epoch]
            last = used[self.steps_per_epoch - 1 :: self.steps_per_epoch].tolist()
            if recorder is not None and table is None:
                used, last = np.array(recorder.rates), recorder.rates_at_end[:done]
            return Run(
                schedule=schedule,
                history={name: list(values) for name, values in history.items()}
                | {"learning_rate": last},
                learning_rates=used,
                start_loss=start.loss,
                moved=moved,
                write_code=partial(self.code, schedule, callbacks, seed=seed),
                seed=seed,
            )

        with self._turns.taken():
            session, start = self._session([recorder, *members] if recorder else [], seed)
            if table is None:
                self.model.optimizer.learning_rate = rates[0]
            with closing(session.epochs(self.epochs, rates=table)) as epochs:
                for _ in epochs:
                    yield run()
            yield run(start.moved())

    def variant(
        self,
        *,
        optimizer: str | keras.optimizers.Optimizer,
        batch_size: int | None = None,
    ) -> Experiment:
        """Return an experiment that differs in its optimizer, and in its batch size if given.

        Model, data, loss, metrics, epochs and seed are the same; a model that `build_model`
        compiles keeps its loss and metrics and exchanges its optimizer. The two take turns.

        Asked for the same settings again, whatever the optimizer's learning rate, it returns the
        same experiment, so that nothing is compiled anew; the last 12 are kept.

        Raises:
            ValueError: If there is no such optimizer, or the batch size is not a whole number.

        Example:
            >>> import lrlab
            >>> digits = lrlab.data.digits()
            >>> experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits, epochs=2)
            >>> variant = experiment.variant(optimizer="adam", batch_size=64)
            >>> experiment.steps_per_epoch, variant.steps_per_epoch
            (45, 23)
            >>> experiment.variant(optimizer="adam", batch_size=64) is variant
            True
        """
        optimizer = copied(optimizer)
        batch_size = as_whole_number(
            self.batch_size if batch_size is None else batch_size, "batch_size", 1
        )
        key = digest(settings_of(optimizer), batch_size)
        if key == digest(settings_of(self.model.optimizer), self.batch_size):
            return self
        with self._making:
            if key not in self._variants:
                self._variants[key] = self._variant(optimizer, batch_size)
            self._variants.move_to_end(key)
            while len(self._variants) > _VARIANTS_KEPT:
                self._variants.popitem(last=False)
            return self._variants[key]

    def _variant(self, optimizer: keras.optimizers.Optimizer, batch_size: int) -> Experiment:
        build_model = self._build_model
        compiled = self._compiled_by_user

        def build() -> keras.Model:
            model = build_model()
            model.optimizer = optimizer
            return model

        variant = Experiment(
            build if compiled else build_model,
            self.dataset,
            optimizer="sgd" if compiled else optimizer,
            loss=self._given["loss"],
            metrics=self._given["metrics"],
            epochs=self.epochs,
            batch_size=batch_size,
            seed=self.seed,
        )
        variant._turns = self._turns  # metrics that were given as objects belong to both
        variant._expressions = self._expressions
        if variant.batch_size == self.batch_size:  # and so may the data
            variant._training, variant._validation = self._training, self._validation
        return variant

    def classes_at(self, x: Any) -> np.ndarray:
        """Return the class that the model answers for each input; -1 where it answers NaN.

        That is the model as trained so far, while `follow` is being iterated.

        Args:
            x: Inputs, shape (samples, *input_shape).
        """
        outputs = np.asarray(self._answer(tf.constant(x)))
        if outputs.shape[-1] == 1:
            linear = last_activation(self.model) is keras.activations.linear
            logits = getattr(self.model.loss, "from_logits", linear)
            classes = (outputs[:, 0] > (0.0 if logits else 0.5)).astype(int)
        else:
            classes = outputs.argmax(axis=-1)
        return np.where(np.isfinite(outputs).all(axis=-1), classes, -1)

    @cached_property
    def _answer(self) -> Callable[[Any], Any]:
        return as_graph(lambda x: self.model(x, training=False))

    def _start(self, program: Program, seed: int) -> _Start:
        """Everything put back to the start from a seed."""
        if not self._starts:
            self._starts[self.seed] = _Start(program, self._first_samples)
        if seed not in self._starts:
            self._starts[self.seed].put_back()
            other = self._built(seed)
            for variable, value in zip(self.model.variables, other.variables, strict=True):
                variable.assign(value)
            program.generator.state.assign(vars(other)[GENERATOR].state)
            self._starts[seed] = _Start(program, self._first_samples)
        self._starts[seed].put_back()
        return self._starts[seed]

    def _session(
        self, callbacks: Sequence[keras.callbacks.Callback], seed: int
    ) -> tuple[Session, _Start]:
        program = Program.of(self.model, self._training, self._validation)
        start = self._start(program, seed)
        self.model._initial_epoch = None  # a run that BackupAndRestore resumed has left its own
        members = keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            model=self.model,
            verbose=0,
            epochs=self.epochs,
            steps=self.steps_per_epoch,
        )
        batches = self._training, self._validation
        return Session(program, *batches, members, before=start.state), start

    def code(
        self,
        schedule: Schedule,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        *,
        seed: int | None = None,
        epochs: int | None = None,
    ) -> str:
        """Return the plain Keras program that gives the numbers of such a run, see `keras_code`.

        `epochs` is for a run that has not gone all the way.
        """
        seed = self.seed if seed is None else seed
        return keras_code.program(
            dataset=self.dataset,
            building=self._expression(seed),
            compile_arguments=self._compiled,
            schedule=schedule,
            callbacks=callbacks,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=self.batch_size,
            seed=seed,
        )

    def _expression(self, seed: int) -> str | None:
        """The source that builds from a seed what `build_model` does; None if there is none.

        `build_model` may do more than stack layers: seed anew, load weights, share an initializer.
        So the source is tried, once a seed, for a slider that moves asks for the code again.
        """
        if seed not in self._expressions:
            found = None
            with suppress(ValueError):
                if self.dataset.code:
                    source = source_of_model(self.model)
                    names = {"keras": keras, "layers": keras.layers}
                    tried = self._built(seed, lambda: eval(source, names))  # noqa: S307 - ours
                    found = source if alike(tried, self._built(seed)) else None
            self._expressions[seed] = found
        return self._expressions[seed]


def _revived(
    build_model: Callable[[], keras.Model],
    dataset: Dataset,
    settings: Mapping[str, Any],
) -> Experiment:
    """An experiment out of what `Experiment.__reduce__` put into a pickle."""
    settings = {name: unpacked(value) for name, value in settings.items()}
    return Experiment(build_model, dataset, **settings)


class _Start:
    """Where a run begins: the state of the untrained model, and its loss on these samples."""

    def __init__(self, program: Program, samples: tuple[Any, Any]) -> None:
        model, (x, y) = program.model, samples
        self.state = program.state.take()
        weights = [(w, tf.cast(w.value, tf.float64)) for w in model.trainable_weights]
        length = tf.linalg.global_norm([value for _, value in weights])

        def moved() -> Any:
            ways = [tf.cast(weight.value, tf.float64) - value for weight, value in weights]
            return tf.linalg.global_norm(ways) / tf.where(length > 0, length, 1)

        self._moved = as_graph(moved)
        # Without arguments, which TensorFlow would look at one by one in every call.
        self.put_back = as_graph(lambda: program.state.assign(self.state))
        with drawing_from(program.generator):
            if model.loss is None and has_own(model, "train_step"):  # which makes its own loss
                self.loss = float(model.test_step((x, y))["loss"])
            else:
                # As training does: an untrained BatchNormalization gives nonsense without it.
                self.loss = float(model.compute_loss(x=x, y=y, y_pred=model(x, training=True)))

    def moved(self) -> float:
        """How far the trainable weights are from here, as a share of their length."""
        return float(self._moved())


class _RateRecorder(keras.callbacks.Callback):
    """Write down the rate of every step; the first of the callbacks, before one sets the next."""

    def __init__(self, steps_per_epoch: int) -> None:
        super().__init__()
        self.rates: list[float] = []
        self.rates_at_end: list[float] = []
        self._steps_per_epoch = steps_per_epoch

    @classmethod
    def beside(
        cls, callbacks: Sequence[keras.callbacks.Callback], steps_per_epoch: int
    ) -> _RateRecorder:
        """One that looks at every batch only where another callback does so anyway."""
        by_batch = Needs(callbacks).train_batches
        return (_BatchRateRecorder if by_batch else cls)(steps_per_epoch)

    def _rate(self) -> float:
        return float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rates += [self._rate()] * self._steps_per_epoch
        self.rates_at_end.append(self.rates[-1])


class _BatchRateRecorder(_RateRecorder):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(self._rate())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rates_at_end.append(self.rates[-1])


def _with_schedule(
    schedule: Schedule, callbacks: Sequence[keras.callbacks.Callback]
) -> list[keras.callbacks.Callback]:
    """The callbacks, led by one for the schedule if it is a function of the epoch."""
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                "`callbacks` must be a list of keras.callbacks.Callback. "
                f"Received: {type(callback).__name__}."
            )
        sets_rate = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
        if is_keras_schedule(schedule) and isinstance(callback, sets_rate):
            raise ValueError(
                "A LearningRateSchedule object and a callback that sets the rate exclude each "
                f"other, in Keras too. Received: {type(schedule).__name__} and "
                f"{type(callback).__name__}. Give a number or a function of the epoch instead."
            )
    if callbacks and callable(schedule) and not is_keras_schedule(schedule):
        by_epoch = schedule  # Keras takes a float alone, and a person may return an int
        return [keras.callbacks.LearningRateScheduler(lambda e: float(by_epoch(e))), *callbacks]
    return list(callbacks)
