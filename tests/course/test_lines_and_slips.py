"""Exercises of another kind: complete a line, find the slip, order the curves."""

import re
from itertools import pairwise
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from hints import hint

import lrlab
from lrlab.exercises import check, curves
from lrlab.quadratic import Descent

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

RIGHT = {
    "00-line": lambda epoch: 0.1 * 0.5 ** (epoch // 4),
    "01-order": "BDAC",
    "02-order": "CADB",
    "03-slip": 2,
    "04-order": "bdca",
    "05-order": "DBCA",
    "06-slip": 3,
    "07-slip": 3,
    "08-order": ["b", "a", "d", "c"],
    "09-line": lambda mean, square, rate: rate * mean / square**0.5,
    "10-line": lambda sharpness: 2 / sharpness,
    "11-slip": 1,
    "12-slip": 3,
    "13-which": [20, 14, 25, 29],
    "14-line": ".*block2/.*",
}


@pytest.mark.parametrize(("exercise", "answer"), RIGHT.items())
def test_the_right_answer_passes(exercise, answer):
    assert check(exercise, answer)


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        ("00-line", lambda epoch: 0.1 * 0.5**epoch, "it halves every epoch"),
        ("00-line", lambda epoch: 0.1 * 0.5 ** (epoch / 4), "`//`, without remainder"),
        ("00-line", lambda epoch: 0.1 * 0.5 ** (epoch % 4), "`%` is the remainder"),
        ("00-line", lambda epoch: 0.1 * 0.5 ** (epoch // 5), "halves every 5 epochs"),
        ("00-line", lambda epoch: 0.1, "how many drops are due"),
        ("00-line", 0.1, "Give the function itself"),
        ("01-order", "CADB", "from the wrong end"),
        ("01-order", "BDCA", "One of them flies away"),
        ("01-order", "BADC", "A jumps past the bottom"),
        ("01-order", "DBAC", "further in its first step"),
        ("01-order", "BDA", "four letters once each"),
        ("02-order", "BDAC", "from the wrong end"),
        ("02-order", ["B", "C", "A", "D"], "At a low rate it would creep"),
        ("02-order", "CBAD", "Which curve shows that?"),
        ("02-order", "ACDB", "falls faster"),
        ("02-order", "ABC", "four letters once each"),
        ("02-order", 3, "four letters once each"),
        ("04-order", "ACDB", "from the wrong end"),
        ("04-order", "BDAC", "after 5 of the 15 epochs"),
        ("04-order", "BCDA", "halved every 3 epochs"),
        ("04-order", "DBCA", "until shortly before the end"),
        ("04-order", 0.5, "four letters once each"),
        ("05-order", "ACBD", "from the wrong end"),
        ("05-order", "BDCA", "the shorter patience cuts first"),
        ("05-order", "DBAC", "the shorter patience cuts first"),
        ("05-order", "DCBA", "`patience` counts from there"),
        ("05-order", 2, "four letters once each"),
        ("08-order", "CDAB", "from the wrong end"),
        ("08-order", "ABDC", "B makes 3 steps an epoch"),
        ("08-order", "BACD", "C makes 180 steps an epoch"),
        ("08-order", "BDAC", "effective rate of D"),
        ("08-order", 4, "four letters once each"),
        ("09-line", lambda mean, square, rate: rate * mean, "that is a step of SGD"),
        ("09-line", lambda mean, square, rate: rate * mean / square, "take the root"),
        ("09-line", lambda mean, square, rate: rate / square**0.5, "the gradient is missing"),
        ("09-line", lambda mean, square, rate: mean / square**0.5, "the rate is missing"),
        ("09-line", lambda mean, square, rate: -rate * mean / square**0.5, "no minus"),
        ("09-line", lambda mean, square, rate: 0.1, "rate 0.01 your step is 0.1 and should be"),
        ("09-line", lambda mean, square, rate: ..., "must return a number. It returned Ellipsis"),
        ("09-line", lambda mean: mean, "It raises TypeError"),
        ("09-line", 0.1, "Give the function itself"),
        ("10-line", lambda sharpness: 1 / sharpness, "twice as long a one is still stable"),
        ("10-line", lambda sharpness: sharpness / 2, "the sharper, the lower"),
        ("10-line", lambda sharpness: 3 / sharpness, "it should be 0.5"),
        ("10-line", lambda sharpness: None, "must return a float"),
        ("10-line", 2.0, "Give the function itself"),
        ("13-which", [21, 14, 25, 29], "A is another trap than 21. What does the schedule object"),
        ("13-which", [20, 13, 25, 29], "B is another trap than 13. Where does the second `fit`"),
        ("13-which", [20, 14, 22, 29], "C is another trap than 22. Which schedule does the"),
        ("13-which", [20, 14, 25, 28], "D is another trap than 28. How many epochs does this"),
        ("13-which", [20, 14, 25], "Give a list of four numbers"),
        ("13-which", 20, "Give a list of four numbers"),
        ("14-line", "block2/.*", "does not match `sequential/body/block2/kernel`. The whole path"),
        ("14-line", ".*block2.*", "It matches `sequential/body/block20/kernel`"),
        ("14-line", ".*", "It matches `sequential/body/block1/kernel`"),
        ("14-line", "head", "does not match `sequential/body/block2/kernel`."),
        ("14-line", "*block2", "It is no pattern"),
        ("14-line", 2, "Give the pattern as a string"),
    ],
)
def test_each_mistake_has_its_hint(exercise, answer, words):
    assert words in hint(exercise, answer)


@pytest.mark.parametrize(
    ("exercise", "lines"),
    [("03-slip", 7), ("06-slip", 6), ("07-slip", 7), ("11-slip", 6), ("12-slip", 5)],
)
def test_of_each_line_without_a_slip_is_said_what_it_does(exercise, lines):
    others = [line for line in range(1, lines + 1) if line != RIGHT[exercise]]
    said = [hint(exercise, line) for line in others]
    assert [words.split(":")[0] for words in said] == [f"Line {line} is right" for line in others]
    assert len({*said}) == len(said)
    for answer in (0, lines + 1, "3rd", None):
        assert hint(exercise, answer) == f"Give the number of a line, from 1 to {lines}."


def test_the_words_of_the_curves_tell_them_apart_and_name_no_rate():
    said = curves("02-order").alt
    assert [f"{name}: " in said for name in "ABCD"] == [True] * 4
    assert "rate" not in said
    assert "B: is flat from the second epoch on, and high." in said


def words_of(notebook, cell_id):
    (path,) = NOTEBOOKS.glob(f"{notebook}_*.ipynb")
    cells = {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
    return cells[cell_id]


def test_the_paths_of_01_are_those_of_rates_in_the_right_order():
    paths = dict(re.findall(r"^([A-D])  (.+)$", words_of("01", "try-order-words"), re.MULTILINE))
    for name, rate in zip(RIGHT["01-order"], (0.2, 0.8, 1.5, 2.1), strict=True):
        path = Descent((1.0,), (1.0,), rate, steps=4).path[:, 0]
        assert [*map(float, paths[name].split())] == pytest.approx(path, abs=0.0051)


def test_the_line_with_the_slip_of_03_makes_the_rates_that_its_words_say():
    (code,) = re.findall(r"```python\n(.+)```", words_of("03", "try-slip-words"), re.DOTALL)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(), loss="mse")
    ones = np.ones((1, 1), "float32")
    for line, rates in (("if", (0.4, 0.2, 0.1)), ("if epoch and", (0.8, 0.4, 0.2))):
        names = {"keras": keras, "model": model, "x_train": ones, "y_train": ones}
        exec(code.replace("if", line).replace("epochs=15", "epochs=15, verbose=0"), names)  # noqa: S102 - what the page shows
        recorded = model.history.history["learning_rate"]
        assert recorded == pytest.approx(np.repeat(rates, 5))


def test_the_schedules_of_04_end_in_the_right_order_from_every_start():
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    assert experiment.steps_per_epoch == 45
    rows = re.findall(r"^([A-D])   (\w+)\((.+)\)$", words_of("04", "try-order-words"), re.MULTILINE)
    ends = {}
    for name, kind, arguments in rows:
        schedule = eval(f"keras.optimizers.schedules.{kind}({arguments})")  # noqa: S307 - ours
        runs = [experiment.run(schedule, seed=seed) for seed in (0, 1, 2)]
        ends[name] = [run.final["val_loss"] for run in runs]
    assert len(ends) == 4
    for lower, higher in pairwise(ends[name.upper()] for name in RIGHT["04-order"]):
        assert all(one < other for one, other in zip(lower, higher, strict=True))


def test_the_settings_of_05_cut_in_the_right_order():
    names = {"__name__": "05"}
    exec(words_of("05", "setup"), names)  # noqa: S102 - what the page shows
    rows = re.findall(r"^([A-D])   (.+)$", words_of("05", "try-order-words"), re.MULTILINE)
    first = {}
    for name, settings in rows:
        plateau = eval(f"keras.callbacks.ReduceLROnPlateau({settings})")  # noqa: S307 - ours
        rates = names["experiment"].run(0.05, callbacks=[plateau]).history["learning_rate"]
        first[name] = int(np.flatnonzero(np.diff(rates))[0])  # the epoch after which it cuts
    assert [first[name] for name in RIGHT["05-order"]] == [4, 6, 9, 11]


def test_the_line_with_the_slip_of_06_trains_13_epochs_at_the_first_rate():
    (code,) = re.findall(r"```python\n(.+)```", words_of("06", "try-slip-words"), re.DOTALL)
    ones = np.ones((1, 1), "float32")

    def new_model():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.5), loss="mse")
        return model

    for last, epochs in ((12, 13), (11, 12)):
        names = {"keras": keras, "new_model": new_model, "x_train": ones, "y_train": ones}
        names |= {"settings": {"verbose": 0}, "log": lrlab.LearningRateLog()}
        code_of = code.replace("epoch == 12", f"epoch == {last}").replace(
            "[Dial()]", "[log, Dial()]"
        )
        exec(code_of, names)  # noqa: S102 - what the page shows
        recorded = names["model"].history.history["learning_rate"]
        assert recorded == pytest.approx([0.5] * epochs + [0.05] * (15 - epochs))


def test_the_trainings_of_08_end_in_the_right_order_from_every_start():
    digits = lrlab.data.digits()
    rows = re.findall(
        r"\| ([A-D]) \| (\d+) \| (\S+) \| (\S+) \|", words_of("08", "try-order-words")
    )
    losses = {}
    for name, size, rate, momentum in rows:
        experiment = lrlab.Experiment(
            lambda: lrlab.models.mlp(digits),
            digits,
            optimizer=keras.optimizers.SGD(momentum=float(momentum)),
            batch_size=int(size),
        )
        runs = [experiment.run(float(rate), seed=seed) for seed in (0, 1, 2)]
        assert {run.verdict for run in runs} <= {"too low", "good"}  # none jumps
        losses[name] = [run.final["loss"] for run in runs]
    ends = [losses[name.upper()] for name in RIGHT["08-order"]]
    for higher, lower in pairwise(ends):
        assert all(one > other for one, other in zip(higher, lower, strict=True))


def test_the_traps_of_13_are_those_that_its_notebook_has_under_these_numbers():
    titles = [words_of("13", f"trap-{trap}-words").splitlines()[1] for trap in RIGHT["13-which"]]
    words = ("decay_steps", "initial_epoch", "schedule *object*, compile", "cooldown")
    assert all(word in title for word, title in zip(words, titles, strict=True))
