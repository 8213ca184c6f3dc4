"""Fair comparisons: runs alike in start and batches, which differ by their learning rate alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache, cached_property, partial
from typing import Any, TypeAlias

from lrlab.backend import keras, tf

import numpy as np

from lrlab import keras_code
from lrlab.checks import as_whole_number
from lrlab.data import Dataset, as_dataset
from lrlab.experiment.chance import best_constant_loss
from lrlab.experiment.compiling import (
    check_can_train,
    check_targets,
    classes_of,
    compile_model,
    copy_optimizer,
    settings_kept,
    with_classes,
    with_first_names,
)
from lrlab.experiment.pickling import pack, unpack
from lrlab.experiment.rates import RateRecorder, callbacks_with_schedule, rates_of_updates
from lrlab.experiment.run import Run
from lrlab.experiment.start import Start, build_from_seed, same_variables
from lrlab.experiment.turns import Turns
from lrlab.experiment.variants import Variants
from lrlab.keras_code.source import source_of_model
from lrlab.schedules import Schedule, is_keras_schedule, needs_rate, preview
from lrlab.training.batches import Batches, as_tensors, map_arrays
from lrlab.training.internals import as_graph, forget_resumed_epoch
from lrlab.training.program import Program
from lrlab.training.rates import Rates
from lrlab.training.session import Session
from lrlab.training.state import GENERATOR, starts_from_weights

# The loss of the untrained model is measured on at most this many training samples.
_SAMPLES_AT_START = 1024
# So many epochs, or four times its own, may be asked for later with nothing compiled again.
_EPOCHS_TO_COME = 60
# The first weights of so many other seeds stay in memory; those of a seed are drawn again after.
_STARTS_KEPT = 16
_MakeRun: TypeAlias = Callable[[], Run]


class Experiment:
    """A model, data and settings, to be trained again and again with other learning rates.

    Every run starts from the same weights, optimizer state and random seeds and sees the same
    batches in the same order. Runs of one experiment wait for each other, also across threads.
    Random numbers are part of the start where Keras draws them, in its layers and `keras.random`. A
    layer of your own that calls `tf.random` without a seed draws others in every run. What is given
    no name has that of a new Python, `val_auc` and not `val_auc_3`.

    It can be pickled, with cloudpickle where `build_model` is a lambda; what comes out is built and
    compiled anew, and gives the same numbers.

    Args:
        build_model: A function without arguments that returns a Keras model. A compiled model keeps
            its optimizer, loss and metrics.
        dataset: A `lrlab.data.Dataset`, or what `as_dataset` makes one of. Whole numbers stored as
            floats are classes under a softmax, and so are 0 and 1 under a sigmoid.
        optimizer: A name or an optimizer, which is copied. Its rate matters to `lambda epoch, lr:`.
        loss: As for `model.compile`; by default cross-entropy for classification and the mean
            squared error for regression. Several targets need one.
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
        self.steps_per_epoch = -(-self.dataset.samples // self.batch_size)
        training = as_tensors(self.dataset.x_train, self.dataset.y_train)
        validation = as_tensors(self.dataset.x_val, self.dataset.y_val)
        self._first_samples = map_arrays(lambda array: array[:_SAMPLES_AT_START], training[:2])
        self.build_model = build_model
        self.model = self._build(self.seed)
        self.dataset = with_classes(self.dataset, self.model, loss)
        self._compiled_by_user = self.model.compiled
        metrics = with_first_names(metrics)
        self.compile_arguments = compile_model(
            self.model, self.dataset, self._first_samples[0], optimizer, loss, metrics
        )
        self._first_rate = float(str(np.float32(self.model.optimizer.learning_rate)))  # as given
        check_can_train(self.model)
        check_targets(self.model, self.dataset)
        self._training = Batches.cut(training, self.batch_size)
        self._validation = Batches.cut(validation, self.batch_size)
        self._settings = {
            "optimizer": optimizer,
            "loss": loss,
            "metrics": metrics,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }
        room = max(self.epochs, min(4 * self.epochs, _EPOCHS_TO_COME))
        self._rates = Rates(self.model, room * self.steps_per_epoch)
        self._turns = Turns()
        self._starts: dict[int, Start] = {}
        self._model_source = cache(self._write_model)
        self._variants = Variants()

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self.build_model, self.dataset, pack(self._settings))

    @property
    def has_run(self) -> bool:
        """Whether it is compiled, as the first run of an experiment has Keras do."""
        return bool(self._starts)

    def untrained(self) -> keras.Model:
        """Return a new model with the weights that every run starts from."""
        return self._build(self.seed)

    def _build(self, seed: int, build_model: Callable[[], keras.Model] | None = None) -> Any:
        return build_from_seed(build_model or self.build_model, seed, self._first_samples[0])

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
                (`StepDecay` is one); one of the epoch and the rate before it, which starts from the
                optimizer's, as in `LearningRateScheduler`; or a Keras `LearningRateSchedule`.
            callbacks: Keras callbacks for this run.
            seed: Start from the weights of this seed, not the experiment's; nothing is compiled
                anew, so a rate can be judged from several starts.

        Raises:
            ValueError: If the rate is not a finite number above 0, if a schedule gives a negative
                one, if a schedule object meets a callback that sets the rate as well, or if the
                weights moved without `model.optimizer`, whose rate it is.
        """
        for run in self._train(schedule, callbacks, seed):
            last = run
        return last()

    def preview(self, schedule: Schedule) -> np.ndarray:
        """Return the learning rate of every step of a run with it, see `lrlab.preview`."""
        return preview(schedule, self.epochs, self.steps_per_epoch, self._first_rate)

    def follow(
        self,
        schedule: Schedule,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        seed: int | None = None,
    ) -> Generator[Run, None, None]:
        """Train as `run` does, and yield the run so far after each epoch.

        Whoever stops iterating stops the training; closing the generator ends it properly, and
        until then no other training of the experiment begins. An argument that cannot work raises
        here, not once the training begins.
        """
        return _each_made(self._train(schedule, callbacks, seed))

    def _train(
        self, schedule: Schedule, callbacks: Sequence[keras.callbacks.Callback], seed: int | None
    ) -> Generator[_MakeRun, None, None]:
        """Train, and yield after each epoch what makes the run so far; making it takes a copy."""
        rates = self.preview(schedule)
        seed = self.seed if seed is None else as_whole_number(seed, "seed", 0)
        callbacks = keras.tree.flatten(callbacks or [])  # one alone will do, as in Keras
        members = callbacks_with_schedule(schedule, callbacks)
        return self._epochs(schedule, rates, callbacks, members, seed)

    def _epochs(
        self,
        schedule: Schedule,
        rates: np.ndarray,
        callbacks: Sequence[keras.callbacks.Callback],
        members: list[keras.callbacks.Callback],
        seed: int,
    ) -> Generator[_MakeRun, None, None]:
        by_update, recorder = is_keras_schedule(schedule), None
        if members and not by_update:
            # A callback may change the rate. Then the optimizer keeps it, and it is written down.
            recorder = RateRecorder(members, self.steps_per_epoch)
            members = [recorder, *members]

        def run(moved: float = 0.0, chance: float = math.nan) -> Run:
            history = log.history
            done = len(history["loss"])
            if recorder:
                used, last = np.array(recorder.rates), recorder.rates_at_end[:done]
            else:
                used = rates[counts if by_update else slice(done * self.steps_per_epoch)]
                ends = np.arange(1, done + 1) * self.steps_per_epoch
                last = used[np.minimum(ends, len(used)) - 1].tolist()
            return Run(
                schedule=schedule,
                history={name: list(values) for name, values in history.items()}
                | {"learning_rate": last},
                learning_rates=used,
                start_loss=start.loss,
                moved=moved,
                chance=chance,
                write_code=partial(self.code, schedule, callbacks, seed=seed),
                seed=seed,
            )

        with self.session(members, seed) as (session, start):
            log = self.model.history  # of this training, whichever comes next
            if recorder:
                rate = self._first_rate if needs_rate(schedule) else rates[0]
                self.model.optimizer.learning_rate = rate
            else:
                if is_keras_schedule(schedule):
                    rates = rates_of_updates(schedule, rates, self._rates.updates_a_step)
                self._rates.follow(rates, by_update=by_update, at_once=bool(members))
            with closing(session.epochs(self.epochs)) as epochs:
                for _ in epochs:
                    steps = len(log.history["loss"]) * self.steps_per_epoch
                    counts = self._rates.counts(steps)  # now, for another training may follow
                    with self._turns.rest():
                        yield run
            finished = partial(run, start.moved(), start.chance())
            with self._turns.rest():
                yield finished

    def variant(
        self,
        *,
        optimizer: str | keras.optimizers.Optimizer | None = None,
        batch_size: int | None = None,
        epochs: int | None = None,
    ) -> Experiment:
        """Return an experiment that differs in its optimizer, batch size or epochs, if given.

        Model, data, loss, metrics and seed are the same; a model that `build_model` compiles keeps
        its loss and metrics and exchanges its optimizer. The two take turns. Other epochs alone
        train the very same model for longer or shorter, and nothing is compiled again.

        Asked for the same settings again, whatever the optimizer's learning rate, it returns the
        same experiment, so that nothing is compiled anew; the last 12 are kept.

        Raises:
            ValueError: If there is no such optimizer, or a number is not a whole one.

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
        epochs = as_whole_number(self.epochs if epochs is None else epochs, "epochs", 1)
        found = self
        if optimizer is not None or batch_size is not None:
            optimizer = copy_optimizer(self.model.optimizer if optimizer is None else optimizer)
            batch_size = self.batch_size if batch_size is None else batch_size
            batch_size = as_whole_number(batch_size, "batch_size", 1)
            found = self._variants.find(self, optimizer, batch_size, self._variant)
        if found.epochs == epochs:
            return found
        return found._variants.lasting(epochs, found._lasting)

    def _lasting(self, epochs: int) -> Experiment:
        """Make the same experiment with other epochs; it shares all that is compiled."""
        other = object.__new__(Experiment)
        settings = {"epochs": epochs, "_settings": self._settings | {"epochs": epochs}}
        vars(other).update(vars(self) | settings)
        return other

    def _variant(self, optimizer: keras.optimizers.Optimizer, batch_size: int) -> Experiment:
        build_model = self.build_model
        compiled = self._compiled_by_user

        def build() -> keras.Model:
            model = build_model()
            model.optimizer = optimizer
            return model

        changed = {"optimizer": "sgd" if compiled else optimizer, "batch_size": batch_size}
        variant = Experiment(
            build if compiled else build_model, self.dataset, **self._settings | changed
        )
        alike = {"_turns", "_model_source", "_constant"}  # metrics given as objects belong to both
        if variant.batch_size == self.batch_size:
            alike |= {"_training", "_validation"}
        vars(variant).update({name: getattr(self, name) for name in alike & vars(self).keys()})
        return variant

    def classes_at(self, x: Any) -> np.ndarray:
        """Return the class that the model answers for each input; -1 where it answers NaN."""
        return classes_of(self.answers_at(x), self.model)

    def answers_at(self, x: Any) -> np.ndarray:
        """Return what the model, as trained so far while `follow` is iterated, answers.

        Args:
            x: Inputs, shape `(samples, *input_shape)`.
        """
        return np.asarray(self._answer(tf.constant(x)))

    @cached_property
    def _answer(self) -> Callable[[Any], Any]:
        return as_graph(lambda x: self.model(x, training=False))

    @cached_property
    def _constant(self) -> float:
        return best_constant_loss(self.model, self._first_samples[0], self.dataset.y_train)

    @contextmanager
    def session(
        self, callbacks: Sequence[keras.callbacks.Callback] = (), seed: int | None = None
    ) -> Iterator[tuple[Session, Start]]:
        """Wait until no other training goes on, and hold a session that begins at the start.

        For what trains in another way than `follow` does, an epoch at a time for one.
        """
        with self._turns.take():
            batches = self._training, self._validation
            program = Program.of(self.model, self._rates)
            program.prepare(*batches, shared=True)
            start = self._put_back(program, self.seed if seed is None else seed)
            forget_resumed_epoch(self.model)
            self._rates.leave()
            members = keras.callbacks.CallbackList(
                list(callbacks),
                add_history=True,
                model=self.model,
                verbose=0,
                epochs=self.epochs,
                steps=self.steps_per_epoch,
            )
            with settings_kept(self.model.optimizer):
                yield Session(program, *batches, members), start

    def _put_back(self, program: Program, seed: int) -> Start:
        """Put everything back to the start from a seed."""
        if not self._starts:
            self._starts[self.seed] = Start(program, self._first_samples, self._constant)
        if seed not in self._starts:
            self._starts[self.seed].put_back()
            other = self._build(seed)
            for variable, value in zip(self.model.variables, other.variables, strict=True):
                variable.assign(value)
            program.generator.state.assign(vars(other)[GENERATOR].state)
            others = [known for known in self._starts if known != self.seed]
            if len(others) == _STARTS_KEPT:
                del self._starts[others[0]]
            self._starts[seed] = Start(
                program, self._first_samples, self._constant, self._starts[self.seed]
            )
        if seed != self.seed:  # the last one asked for is the last one dropped
            self._starts[seed] = self._starts.pop(seed)
        self._starts[seed].put_back()
        return self._starts[seed]

    def code(
        self,
        schedule: Schedule,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        *,
        seed: int | None = None,
        epochs: int | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ) -> str:
        """Return the plain Keras program that gives the numbers of such a run, see `keras_code`.

        `epochs` is for a run that has not gone all the way, `optimizer` for one of several parts.
        """
        seed = self.seed if seed is None else seed
        other = {} if optimizer is None else {"optimizer": optimizer}
        return keras_code.program(
            dataset=self.dataset,
            building=self._model_source(seed),
            compile_arguments=self.compile_arguments | other,
            schedule=schedule,
            callbacks=callbacks,
            learning_rate=self._first_rate,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=self.batch_size,
            seed=seed,
            build_first=self._builds_first,
        )

    @cached_property
    def _builds_first(self) -> bool:
        return starts_from_weights(self.model.optimizer)

    def _write_model(self, seed: int) -> str | None:
        """Write the source that builds from a seed what `build_model` does; None if there is none.

        `build_model` may do more than stack layers: seed anew, load weights, share an initializer.
        So the source is tried, which takes long enough to be done once a seed.
        """
        with suppress(ValueError):
            if self.dataset.code:
                source = source_of_model(self.model)
                names = {"keras": keras, "layers": keras.layers}
                tried = self._build(seed, lambda: eval(source, names))  # noqa: S307 - ours
                if same_variables(tried, self._build(seed)):
                    return source
        return None


def _each_made(training: Generator[_MakeRun, None, None]) -> Generator[Run, None, None]:
    with closing(training) as runs:
        for make in runs:
            yield make()


def _unpickle(
    build_model: Callable[[], keras.Model], dataset: Dataset, settings: Any
) -> Experiment:
    """Make an experiment of what `Experiment.__reduce__` put into a pickle."""
    return Experiment(build_model, dataset, **unpack(settings))
