"""Training curves without a name: each is real and new, and nothing says what is right."""

import doctest
import re
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

import lrlab
from lrlab.exercises import drill
from lrlab.experiment.verdicts import Verdict
from lrlab.figures import comparisons
from lrlab.figures.ink import number_text


@pytest.fixture(scope="module")
def experiment():
    points = lrlab.data.moons()
    return lrlab.Experiment(lambda: lrlab.models.mlp(points, (4,)), points, epochs=4, batch_size=80)


@pytest.fixture
def a_drill(experiment, monkeypatch):
    monkeypatch.setenv("LRLAB_WAIT", "1")  # always the same
    return lrlab.VerdictDrill(experiment)


def right(a_drill):
    return a_drill._about.right


def test_asks_for_every_verdict():
    assert (*drill._LOOKS,) == get_args(Verdict)


def test_each_curve_is_that_of_a_new_training(a_drill, experiment):
    alts, rates = set(), set()
    for _ in range(6):
        run = a_drill._run
        again = experiment.run(run.schedule, seed=run.seed)
        np.testing.assert_allclose(again.history["loss"], run.history["loss"], rtol=1e-4)
        assert right(a_drill) == run.verdict
        alts.add(a_drill.alt)
        rates.add(run.schedule)
        a_drill.answer = "good"
        a_drill.pressed += 1
        a_drill.pressed += 1
    assert len(alts) == len(rates) == 6


def test_two_drills_do_not_begin_alike(experiment, monkeypatch):
    monkeypatch.delenv("LRLAB_WAIT", raising=False)
    assert len({lrlab.VerdictDrill(experiment).alt for _ in range(4)}) > 1


def test_counts_the_right_ones_and_goes_on_by_the_same_button(a_drill):
    a_drill.pressed += 1
    assert "Choose a verdict first." in a_drill.said
    a_drill.answer = right(a_drill)
    a_drill.pressed += 1
    assert "1 of 1 right" in a_drill.said
    assert a_drill.button == "Next curve"
    a_drill.pressed += 1
    assert (a_drill.chosen, a_drill.scored, a_drill.said, a_drill.button) == (
        -1,
        False,
        "",
        "Check",
    )
    a_drill.answer = next(verdict for verdict in drill._LOOKS if verdict != right(a_drill))
    a_drill.pressed += 1
    assert f"Right is “{right(a_drill)}”" in a_drill.said
    assert repr(a_drill) == "VerdictDrill: 1 of 2 right"


def test_is_no_question_of_the_course_and_is_not_kept(a_drill, monkeypatch):
    from lrlab.exercises import answers

    monkeypatch.setattr(answers, "_MEMORY", {"predictions": [], "exercises": []})
    a_drill.answer = "good"
    a_drill.score()
    assert answers._MEMORY == {"predictions": [], "exercises": []}


def test_neither_picture_nor_words_name_a_verdict_before_the_answer(a_drill):
    for _ in range(8):
        losses = [a_drill._run.start_loss, *a_drill._run.history["loss"]]
        assert a_drill.alt.count(",") == len(losses) - 1  # the numbers alone
        assert not [verdict for verdict in drill._LOOKS if verdict in a_drill.alt]
        assert a_drill._run.reason not in str(a_drill.get_state(a_drill.keys))
        a_drill.answer = "good"
        a_drill.pressed += 1
        a_drill.pressed += 1


def test_the_words_are_the_losses_and_an_answer_is_told_why(a_drill):
    run, asked = a_drill._run, right(a_drill)
    losses = ", ".join(number_text(loss) for loss in (run.start_loss, *run.history["loss"]))
    assert f"after each epoch: {losses}." in a_drill.alt
    reasons = a_drill._about.reasons
    assert reasons[asked].startswith(run.reason)
    others = [reason for verdict, reason in reasons.items() if verdict != asked]
    assert len(others) == 4
    assert all(re.fullmatch("That would be a loss that [a-z, ]+[.]", reason) for reason in others)


def test_stored_without_a_kernel_its_curve_can_be_seen_and_read(a_drill):
    page = a_drill._repr_mimebundle_()[0]["text/html"]
    assert page.startswith("<b>What is the verdict on this training?</b><ul><li>too low</li>")
    assert page.endswith(f'<img alt="{a_drill.alt}" src="{a_drill.picture}">')
    assert a_drill.picture.startswith("data:image/png;base64,")


def test_draws_near_a_rate_that_had_the_verdict_before(experiment, monkeypatch):
    """So a rare verdict, once seen, comes up as often as the others."""
    monkeypatch.setenv("LRLAB_WAIT", "1")
    a_drill = lrlab.VerdictDrill(experiment)
    a_drill._seen = {"noisy": (experiment, 0.5)}
    assert all(0.25 <= a_drill._draw("noisy")[1] <= 1 for _ in range(20))


def test_a_drill_of_nothing_is_refused():
    with pytest.raises(ValueError, match="needs an experiment or more"):
        lrlab.VerdictDrill()


def test_the_example_runs():
    assert doctest.testmod(drill).failed == 0


def test_rates_are_drawn_from_all_decades_and_from_no_other(a_drill):
    a_drill._seen.clear()
    rates = [a_drill._draw("good")[1] for _ in range(500)]
    assert drill._LOWEST <= min(rates) < 3 * drill._LOWEST
    assert drill._HIGHEST / 3 < max(rates) <= drill._HIGHEST
    middle = (drill._LOWEST * drill._HIGHEST) ** 0.5
    assert 200 < sum(rate < middle for rate in rates) < 300


@pytest.mark.parametrize(
    ("losses", "chance", "words"),
    [
        ([1.0, 0.5], 2.0, {"guessing ": (2, 2.0)}),
        ([1.0, np.nan], 2.0, {"guessing ": (2, 2.0), " from here on no number": (2, 3.0)}),
        ([np.nan, np.inf], np.nan, {" from here on no number": (1, 3.0)}),
    ],
)
def test_a_picture_says_where_guessing_is_and_from_where_there_is_no_number(
    monkeypatch, losses, chance, words
):
    make, drawn = comparisons.new_panels, []

    def panels(height):
        figure, axes = make(height)
        drawn.extend(axes)
        return figure, axes

    monkeypatch.setattr(comparisons, "new_panels", panels)
    run = SimpleNamespace(start_loss=3.0, history={"loss": losses}, chance=chance)
    picture = drill._curve(run)
    (axes,) = drawn
    assert {text.get_text(): text.get_position() for text in axes.texts} == words
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "training loss")
    assert ("Guessing has" in picture.alt) == np.isfinite(chance)
    across = [list(line.get_ydata()) for line in axes.lines[1:]]
    assert across == ([[chance, chance]] if np.isfinite(chance) else [])
    levels = [level for level in (3.0, chance, *losses) if np.isfinite(level)]
    lowest, highest = axes.get_ylim()
    assert lowest < min(levels) <= max(levels) < highest
