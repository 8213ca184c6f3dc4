"""Make build/step_decay.html: step decay on digits, for whoever has a browser and no Python.

Usage: python tools/make_explorable.py [--to build/step_decay.html]
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import lrlab

REPOSITORY = Path(__file__).resolve().parent.parent
# Six a decade, as resistors come.
STEPS = (1, 1.5, 2.2, 3.3, 4.7, 6.8)
RATES = [float(f"{step}e{decade}") for decade in (-3, -2, -1, 0) for step in STEPS] + [10.0]
FACTORS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
INTERVALS = (1, 2, 3, 5, 8)  # epochs


def main(arguments: list[str]) -> int:
    """Train at every position, write the page, and say how long it took."""
    parser = argparse.ArgumentParser(description="Make a page whose sliders need no kernel.")
    parser.add_argument("--to", type=Path, default=REPOSITORY / "build" / "step_decay.html")
    target = parser.parse_args(arguments).to.resolve()
    began = time.monotonic()
    digits = lrlab.data.digits()
    experiment = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    grid = itertools.product(RATES, FACTORS, INTERVALS)
    sweep = lrlab.sweep(experiment, [lrlab.StepDecay(*position) for position in grid])
    trained = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    lrlab.export_html(sweep, target, title="Step decay on handwritten digits")
    written = time.monotonic()
    print(
        f"{target}: {target.stat().st_size / 1e6:.2f} MB, {len(sweep.runs)} trainings in "
        f"{trained - began:.0f} s, written in {written - trained:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
