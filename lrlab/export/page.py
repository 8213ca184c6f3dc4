"""A page whose sliders need no kernel: real trainings, computed beforehand, in one HTML file."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrlab.checks import as_number
from lrlab.export.charts import Limits, bundle, charts
from lrlab.figures.history import Curves, can_be_drawn, describe
from lrlab.figures.ink import result_text, rounded
from lrlab.figures.page import filled_page
from lrlab.files import write_whole
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment.run import Run
    from lrlab.sweeps.sweep import Sweep

_TEMPLATE = Path(__file__).parent / "export.html"
_NAMED = 5  # positions in an error message
_DIGITS = 4  # of a value in a chart, more than it can show


@dataclass(frozen=True)
class _Slider:
    """A range input: its id and name, and for each of its positions the number and the words."""

    id: str
    name: str
    numbers: Sequence[str]  # as Python writes them
    words: Sequence[str]


def export_html(
    sweep: Sweep, path: str | Path, *, title: str = "What the learning rate does"
) -> Path:
    """Write a page whose sliders move through a sweep's trainings: one file, no network, no kernel.

    The sliders are first rate, decay factor and epochs per drop, or the rate alone. Each position
    shows its run's curves of loss, validation loss and learning rate, the verdict, the last numbers
    and the Keras code. The charts are Altair's; Vega is embedded in the page.

    Args:
        sweep: Runs of one experiment over a full grid of `StepDecay`, each position once, in any
            order; or over plain rates. Its attribute `runs` is all that is read.
        path: The file to write; one that exists is replaced.
        title: The heading of the page, plain text.

    Returns:
        The path.

    Raises:
        ValueError: If the runs are no such grid; missing positions are named.
        OSError: If the file cannot be written; one that is there stays as it is.
        ImportError: Without Altair and vl-convert, the extra `lrlab[export]`.

    Example:
        >>> import lrlab
        >>> digits = lrlab.data.digits()
        >>> experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits, epochs=3)
        >>> sweep = lrlab.sweep(experiment, [0.01, 0.1, 1.0])
        >>> lrlab.export_html(sweep, "rates.html").name
        'rates.html'
    """
    runs = list(getattr(sweep, "runs", ()))
    if not runs:
        raise ValueError(
            "`export_html` takes a sweep with at least one run. Received: "
            f"{type(sweep).__name__}. Make one: lrlab.sweep(experiment, schedules)."
        )
    sliders, runs = _grid(runs)
    limits = Limits.of([run.history for run in runs], runs[0].start_loss)
    names = [name for name in runs[0].final if name != "learning_rate"]
    page = {
        "sliders": [asdict(slider) for slider in sliders],
        "charts": charts({slider.id: len(slider.numbers) for slider in sliders}, limits),
        "code": _template_of_code(sliders, runs),
        "names": [name.replace("_", " ").replace("val ", "validation ") for name in names],
        "rows": [_row(run, names, limits) | {"position": i} for i, run in enumerate(runs)],
    }
    parts: dict[str, str] = {
        "about": (
            f"Each position of the slider{'s' * (len(sliders) > 1)} is a real training of the same "
            f"Keras model, {len(runs):,} in all, computed beforehand: the same first weights, the "
            "same batches, only the learning rate differs."
        ),
        "sliders": "\n".join(map(_input, sliders)),
        "bundle": bundle(),
        # Within a script element only "<" does harm, as in </script> and <!--.
        "page": json.dumps(page, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    }
    path = Path(path)
    write_whole(path, filled_page(_TEMPLATE, title, parts))
    return path


def _grid(runs: Sequence[Run]) -> tuple[list[_Slider], list[Run]]:
    """The sliders, and the runs in the order of their positions, the last slider fastest."""
    schedules = [run.schedule for run in runs]
    kinds = sorted({type(schedule).__name__ for schedule in schedules})
    places = [
        (s.initial_learning_rate, s.decay_factor, s.epochs_per_drop)
        if isinstance(s, StepDecay)
        else (as_number(s),)
        for s in schedules
    ]
    if len({len(place) for place in places}) > 1 or any(math.isnan(place[0]) for place in places):
        raise ValueError(
            "A page has three sliders for a grid of StepDecay, or one for plain rates. Received: "
            f"schedules of type {', '.join(kinds)}. Sweep over either."
        )
    by_place = dict(zip(places, runs, strict=True))
    if len(by_place) < len(runs):
        twice = next(place for place in places if places.count(place) > 1)
        raise ValueError(
            f"A position of the sliders shows one run. Received: {places.count(twice)} runs of "
            f"{_spelled(twice)}. Export those of one seed."
        )
    values = [sorted(set(column)) for column in zip(*places, strict=True)]
    every = list(itertools.product(*values))
    if missing := [place for place in every if place not in by_place]:
        named = ", ".join(map(_spelled, missing[:_NAMED])) + ", …" * (len(missing) > _NAMED)
        raise ValueError(
            "The sliders reach every combination of their values, and each needs a run. Received: "
            f"a sweep without {len(missing)} of {len(every)}: {named}. Sweep over these as well."
        )
    return _sliders(values), [by_place[place] for place in every]


def _spelled(place: tuple[float, ...]) -> str:
    return f"StepDecay{place!r}" if len(place) > 1 else repr(place[0])


def _sliders(values: Sequence[Sequence[float]]) -> list[_Slider]:
    numbers = [[repr(value) for value in column] for column in values]
    words = [[f"{value:.4g}" for value in column] for column in values]
    if len(values) == 1:
        return [_Slider("rate", "learning rate", numbers[0], words[0])]
    words[1] = [f"{word}, no drop" if word == "1" else f"times {word}" for word in words[1]]
    words[2] = [f"{word} epoch{'s' * (word != '1')}" for word in words[2]]
    names = {"rate": "first rate", "factor": "decay factor", "interval": "epochs per drop"}
    return [_Slider(*each) for each in zip(names, names.values(), numbers, words, strict=True)]


def _template_of_code(sliders: Sequence[_Slider], runs: Sequence[Run]) -> list[str]:
    """The Keras program, cut where the numbers of the sliders go.

    It is held against the programs at the corners of the grid: all of them take longer to write
    than the trainings took.
    """
    spelling = "learning_rate={}" if len(sliders) == 1 else "return {} * {} ** (epoch // {})"
    settings = list(itertools.product(*(slider.numbers for slider in sliders)))
    before, _, after = runs[0].code.partition(spelling.format(*settings[0]))
    first, *others = spelling.split("{}")
    pieces = [before + first, *others[:-1], others[-1] + after]
    ends = [{slider.numbers[0], slider.numbers[-1]} for slider in sliders]
    for place, run in zip(settings, runs, strict=True):
        at_corner = all(number in end for number, end in zip(place, ends, strict=True))
        if at_corner and run.code != _interleaved(pieces, place):
            raise ValueError(
                "The programs of a sweep must differ by the numbers of their schedules alone. "
                f"Received: another one at {', '.join(place)}. Export runs of one experiment, with "
                "the same callbacks."
            )
    return pieces


def _interleaved(pieces: Sequence[str], numbers: Sequence[str]) -> str:
    return "".join(itertools.chain(*zip(pieces, [*numbers, ""], strict=True)))


def _row(run: Run, names: Sequence[str], limits: Limits) -> dict[str, Any]:
    """The curves of a run, from the untrained model on, and what there is to say about it."""
    curves = Curves(run.history, run.learning_rates, verdict=run.verdict)
    rates = run.history["learning_rate"]
    rates = [rates[0], *rates]  # that of epoch k ends at k
    highest = 10 * limits.loss[1]  # beyond the axis a value is an arrow, whatever its size
    training, validation = (
        [rounded(min(loss, highest), _DIGITS) if can_be_drawn(loss) else None for loss in losses]
        for losses in ([run.start_loss, *curves.loss], [math.nan, *curves.val_loss])
    )
    return {
        "training": training,
        "validation": validation,
        "rate": [rounded(rate, _DIGITS) for rate in rates],
        "end": max((epoch for epoch, loss in enumerate(training) if loss is not None), default=0),
        "diverged": curves.diverged,
        "numbers": [result_text(run.final[name]) for name in names],
        "verdict": run.verdict,
        "reason": run.reason,
        "alt": describe(curves, limits.epochs),
    }


def _input(slider: _Slider) -> str:
    """A slider that starts in its middle."""
    last = len(slider.numbers) - 1
    return (
        f'<p class="slider"><label for="{slider.id}">{slider.name}</label>'
        f'<span id="{slider.id}-words" aria-hidden="true"></span>'
        f'<input type="range" id="{slider.id}" min="0" max="{last}" value="{(last + 1) // 2}"'
        f' autocomplete="off"{" disabled" * (last == 0)}></p>'
    )
