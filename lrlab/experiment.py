"""Fair comparisons: runs alike in start and batches, which differ by their learning rate alone."""

from __future__ import annotations

import inspect
import random
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from lrlab._tensorflow import keras, tf

import numpy as np

from lrlab import keras_code
from lrlab._checks import as_whole_number
from lrlab._compiled import Batches, Program, as_graph, as_tensors
from lrlab._pickling import packed, unpacked
from lrlab.data import Dataset, as_dataset
from lrlab.schedules import Schedule, is_keras_schedule, preview
from lrlab.training import Needs, Session, check_labels
from lrlab.verdicts import Verdict, judge

# The loss of the untrained model is measured on at most this many training samples.
_SAMPLES_AT_START = 1024


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
        numbers = ", ".join(f"{name}={value:.4g}" for name, value in shown.items())
        return f"Run({numbers}, verdict={self.verdict!r})"


class Experiment:
    """A model, data and settings, to be trained again and again with other learning rates.

    Every run starts from the same weights, optimizer state and random seeds and sees the same
    batches in the same order. Runs of one experiment wait for each other, also across threads.
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
        ValueError: If an argument is not of this kind.

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
        self.model = _built(build_model, self.seed)
        self._compile(optimizer, loss, metrics)
        for labels in (self.dataset.y_train, self.dataset.y_val):
            check_labels(self.model, labels)
        training = as_tensors(self.dataset.x_train, self.dataset.y_train)
        validation = as_tensors(self.dataset.x_val, self.dataset.y_val)
        self._first_samples = tuple(array[:_SAMPLES_AT_START] for array in training[:2])
        self._training = Batches.cut(training, self.batch_size)
        self._validation = Batches.cut(validation, self.batch_size)
        self._lock = threading.Lock()
        self._trained_by: int | None = None  # the thread that holds the lock
        self._build_model = build_model
        self._given = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        self._starts: dict[int, _Start] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        given = {name: packed(value) for name, value in self._given.items()}
        sizes = {"epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed}
        return _revived, (self._build_model, self.dataset, given | sizes)

    def _compile(self, optimizer: Any, loss: Any, metrics: Sequence[Any] | None) -> None:
        model = self.model
        if model.compiled:
            if loss is not None or metrics is not None or optimizer != "sgd":
                raise ValueError(
                    "A compiled model keeps its own optimizer, loss and metrics. Received: a "
                    "compiled model and one of these as well. Leave out `compile` or these."
                )
            arguments = dict(model._compile_config.config)
            model.optimizer = _copied(model.optimizer)
        else:
            usual_loss, usual_metrics = _usual(self.dataset, model)
            arguments = {
                "optimizer": _copied(keras.optimizers.get(optimizer)),
                "loss": usual_loss if loss is None else loss,
                "metrics": usual_metrics if metrics is None else metrics,
            }
            model.compile(**arguments)
        kept = ("loss", "loss_weights", "metrics", "weighted_metrics")
        self._compiled = {"optimizer": model.optimizer} | {
            name: arguments[name] for name in kept if arguments.get(name) is not None
        }

    def untrained(self) -> keras.Model:
        """Return a new model with the weights that every run starts from."""
        return _built(self._build_model, self.seed)

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

        with self._turn():
            session, start = self._session([recorder, *members] if recorder else [], seed)
            if table is None:
                self.model.optimizer.learning_rate = rates[0]
            with closing(session.epochs(self.epochs, rates=table)) as epochs:
                for _ in epochs:
                    yield run()
            yield run(start.moved())

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread trains."""
        if self._trained_by == threading.get_ident():  # it would wait for itself, for ever
            raise RuntimeError(
                "An experiment trains one run at a time, and one of this thread's is unfinished: "
                "`run` was called inside a callback, or while iterating over `follow`. Finish it "
                "first, or close() the generator."
            )
        with self._lock:
            self._trained_by = threading.get_ident()
            try:
                yield
            finally:
                self._trained_by = None

    def _start(self, program: Program, seed: int) -> _Start:
        """Everything put back to the start from a seed."""
        if not self._starts:
            self._starts[self.seed] = _Start(program, self._first_samples)
        if seed not in self._starts:
            program.state.put_back(self._starts[self.seed].state)
            other = _built(self._build_model, seed)
            for variable, value in zip(self.model.variables, other.variables, strict=True):
                variable.assign(value)
            self._starts[seed] = _Start(program, self._first_samples)
        program.state.put_back(self._starts[seed].state)
        return self._starts[seed]

    def _session(
        self, callbacks: Sequence[keras.callbacks.Callback], seed: int
    ) -> tuple[Session, _Start]:
        program = Program.of(self.model, self._training, self._validation)
        start = self._start(program, seed)
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
        return keras_code.program(
            dataset=self.dataset,
            model=self.model,
            compile_arguments=self._compiled,
            schedule=schedule,
            callbacks=callbacks,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=self.batch_size,
            seed=self.seed if seed is None else seed,
        )


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
        # As training measures it: an untrained BatchNormalization gives nonsense without it.
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


def _built(build_model: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Build from the seed, and leave Python's and NumPy's random generators as they were."""
    try:
        if isinstance(build_model, keras.Model):
            raise TypeError("a model itself")
        inspect.signature(build_model).bind()
    except TypeError as error:
        raise ValueError(
            "`build_model` must be a function that needs no argument and returns a model. "
            f"Received: {build_model!r} ({error}). Wrap it: lambda: lrlab.models.mlp(dataset)."
        ) from None
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - what Keras seeds
    keras.utils.set_random_seed(seed)
    try:
        model = build_model()
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`build_model` must return a keras.Model. "
            f"Received: {build_model!r}, which returned {type(model).__name__}."
        )
    return model


def _copied(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """A fresh copy whose learning rate is a number, for a schedule could not be replaced."""
    config = optimizer.get_config()
    if not isinstance(config.get("learning_rate", 0.0), float):
        config["learning_rate"] = 0.01
    return type(optimizer).from_config(config)


def _usual(dataset: Dataset, model: keras.Model) -> tuple[Any, Any]:
    """The loss and metrics for such data, by what the last layer of the model gives."""
    if dataset.task == "regression":
        return "mse", None
    last = model.layers[-1] if model.layers else None
    logits = getattr(last, "activation", None) is keras.activations.linear
    if getattr(last, "units", None) != 1:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return loss if logits else "sparse_categorical_crossentropy", ["accuracy"]
    if dataset.classes != 2:
        raise ValueError(
            "A model with one output tells two classes apart. Received: labels of "
            f"{dataset.classes} classes. Give the last layer one unit a class, with softmax."
        )
    if logits:  # which are 0 where the probability is a half
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        return keras.losses.BinaryCrossentropy(from_logits=True), [accuracy]
    return "binary_crossentropy", ["accuracy"]
