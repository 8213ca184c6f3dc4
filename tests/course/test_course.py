"""The judges of all notebooks: what loads them, and who may."""

import subprocess
import sys
from pathlib import Path

import pytest
from hints import hint

import lrlab
from lrlab.exercises import known
from lrlab.exercises.judging import JUDGES

PACKAGE = Path(lrlab.__file__).parent
NEED_NUMPY_ALONE = {
    "01-limit": "lambda x: 1 / (x**2).mean()",
    "03-schedule": "lambda epoch: 0.8 * 0.5 ** (epoch // 4)",
    "06-moves": "lambda epoch: 0.1 if epoch < 2 else 0.5 if epoch < 10 else 0.05",
    "07-losses": "lambda means: [2.5, 2.0, 3.0, 1.0, 1.5]",
    "08-rate-for": "lambda batch_size, momentum: 0.1 * batch_size / 64 * (1 - momentum)",
    "10-limit": "0.627",
}


def lines_printed_by(code):
    """In a fresh Python."""
    code = f"import sys, lrlab\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


class TestLoading:
    def test_an_exercise_that_needs_numpy_alone_is_judged_without_keras(self):
        checks = (
            f"assert lrlab.check({name!r}, {answer})\n" for name, answer in NEED_NUMPY_ALONE.items()
        )
        loaded = "print({'keras', 'tensorflow'} & set(sys.modules))"
        assert lines_printed_by(f"{''.join(checks)}{loaded}") == ["set()"]

    def test_an_unknown_exercise_loads_no_keras_though_all_are_named(self):
        code = (
            "try:\n    lrlab.check('03-nothing', 0)\nexcept ValueError as error:\n"
            "    print(error)\nprint({'keras', 'tensorflow'} & set(sys.modules))"
        )
        message, loaded = lines_printed_by(code)
        assert all(repr(name) in message for name in known())
        assert loaded == "set()"

    def test_each_exercise_stands_in_the_module_of_its_number(self):
        for name in known():
            assert JUDGES[name].__module__ == f"lrlab.course.notebook_{name[:2]}"

    def test_the_front_of_the_exercises_alone_reaches_for_the_course(self):
        paths = [path for path in PACKAGE.glob("**/*.py") if path.parent.name != "course"]
        naming = [path for path in paths if "lrlab.course" in path.read_text()]
        assert naming == [PACKAGE / "exercises" / "__init__.py"]


@pytest.mark.parametrize("exercise", known())
def test_a_stub_is_not_answered_yet(exercise):
    feedback = lrlab.check(exercise, ...)
    assert feedback.passed is None
    assert not feedback
    assert repr(feedback) == (
        f"Exercise {exercise}: not answered yet. Put your answer in place of the three dots."
    )


ASK_FOR_A_RUN = [
    "00-rate",
    "02-verdicts",
    "03-one-number",
    "05-cuts",
    "05-together",
    "07-pick",
    "08-large-batch",
    "09-schedule",
    "10-above",
]


@pytest.mark.parametrize("exercise", ASK_FOR_A_RUN)
@pytest.mark.parametrize("answer", [0.5, None, "0.5", lrlab.StepDecay(0.03, 0.5, 5)])
def test_what_is_no_run_is_refused(exercise, answer):
    assert hint(exercise, answer).startswith(("Give a run: ", "Give a list of three runs."))
