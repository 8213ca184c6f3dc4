"""What importing lrlab loads, what it says when something is missing, and who may import whom."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import lrlab
from lrlab.server import ASKED_FOR, XLA_FLAGS

PACKAGE = Path(lrlab.__file__).parent
TRAINING = {"tensorflow", "keras", "jax", "torch"}
SHOWING = {"matplotlib", "PIL", "ipywidgets", "anywidget", "IPython"}
HEAVY = {"numpy", "scipy", "sklearn", "pandas", *TRAINING, *SHOWING}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh Python that knows this checkout."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def loaded_by(code: str) -> set[str]:
    """The top-level packages in memory after code."""
    result = run(f"{code}\nimport sys\nprint(*sys.modules)")
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stdout.split()}


class TestImport:
    def test_loads_nothing_heavy(self):
        assert not loaded_by("import lrlab") & HEAVY

    def test_listing_the_names_loads_nothing_heavy(self):
        assert not loaded_by("import lrlab; dir(lrlab); lrlab.__all__; lrlab.__version__") & HEAVY

    @pytest.mark.parametrize("module", ["schedules", "keras_code"])
    def test_a_module_without_keras_loads_no_keras(self, module):
        assert not loaded_by(f"import lrlab.{module}") & (HEAVY - {"numpy"})

    def test_a_worker_answers_without_keras(self):
        """That it lacks an experiment; TensorFlow starts only when it has come."""
        assert not loaded_by("import lrlab.sweeps.workers") & (HEAVY - {"numpy"})

    def test_figures_load_neither_keras_nor_widgets(self):
        loaded = loaded_by("import lrlab.figures.curves")
        assert "matplotlib" in loaded
        assert not loaded & {"keras", "tensorflow", "ipywidgets", "IPython"}

    def test_a_name_is_loaded_when_it_is_used(self):
        loaded = loaded_by("import lrlab; lrlab.StepDecay")
        assert "lrlab" in loaded
        assert not loaded & {"tensorflow", "keras", "matplotlib", "ipywidgets"}


class TestNames:
    def test_dir_lists_every_public_name(self):
        assert set(lrlab.__all__) <= set(dir(lrlab))

    def test_all_is_sorted_and_without_repeats(self):
        assert len(set(lrlab.__all__)) == len(lrlab.__all__)

    @pytest.mark.parametrize("name", lrlab.__all__)
    def test_every_public_name_exists(self, name):
        assert getattr(lrlab, name).__name__ in (name, f"lrlab.{name}")

    @pytest.mark.parametrize("name", lrlab.__all__)
    def test_a_public_name_says_a_public_place(self, name):
        """In its `repr`, in help() and in a pickle."""
        found = getattr(lrlab, name)
        place = found.__name__ if inspect.ismodule(found) else found.__module__
        assert place.partition(".")[0] == "lrlab"
        assert "._" not in place
        module = importlib.import_module(place)
        assert module is found or getattr(module, name) is found

    def test_a_public_name_is_found_once(self):
        assert lrlab.StepDecay is lrlab.schedules.StepDecay
        assert "StepDecay" in vars(lrlab)

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match=r"lrlab.*learning_rate"):
            lrlab.learning_rate  # noqa: B018
        assert not hasattr(lrlab, "NoSuchName")


class TestTensorFlow:
    def test_missing_it_is_said_with_what_to_do(self):
        result = run("import sys; sys.modules['tensorflow'] = None\nfrom lrlab import fit")
        assert result.returncode == 1
        (last,) = result.stderr.splitlines()[-1:]
        assert last.startswith("ImportError: ")
        assert "TensorFlow is not installed" in last
        assert 'pip install "lrlab[cpu]"' in last
        assert "During handling" not in result.stderr

    def test_missing_it_spares_what_does_not_need_it(self):
        code = "import sys; sys.modules['tensorflow'] = None\nimport lrlab; lrlab.StepDecay()(3)"
        assert run(code).returncode == 0

    def test_another_backend_in_the_environment_is_refused(self):
        result = run("from lrlab import fit", KERAS_BACKEND="jax")
        assert "ImportError: lrlab needs Keras's TensorFlow backend" in result.stderr
        assert 'KERAS_BACKEND = "jax"' in result.stderr

    def test_another_backend_already_imported_is_refused(self):
        code = (
            "import sys, types\n"
            "keras = types.ModuleType('keras')\n"
            "keras.config = types.SimpleNamespace(backend=lambda: 'torch')\n"
            "sys.modules['keras'] = keras\n"
            "import lrlab.backend"
        )
        assert 'Received: keras.config.backend() = "torch"' in run(code).stderr

    def test_it_starts_without_a_line_on_stderr(self):
        """The first run included, for whose compilation by XLA TensorFlow has a line of its own."""
        code = (
            "import lrlab\n"
            "from lrlab.backend import keras\n"
            "assert keras.config.backend() == 'tensorflow'\n"
            "moons = lrlab.data.moons()\n"
            "build = lambda: lrlab.models.mlp(moons, (4,))\n"
            "experiment = lrlab.Experiment(build, moons, epochs=2)\n"
            "experiment.run(0.1)\n"
            "assert vars(experiment.model)['_lrlab_program'].xla"
        )
        result = run(code)
        assert result.returncode == 0
        assert result.stderr == ""

    def test_a_server_that_is_asked_to_has_its_kernels_set_flags_that_this_xla_knows(self):
        code = (
            "import os, lrlab.backend as b\n"
            "b.tf.function(lambda x: x + 1, jit_compile=True)(b.tf.zeros(3))\n"
            "print(os.environ.get('XLA_FLAGS'))"
        )
        asked = {ASKED_FOR: XLA_FLAGS}
        assert run(code, **asked).stdout == f"{XLA_FLAGS}\n"
        own = "--xla_cpu_max_isa=AVX2"
        assert run(code, **asked, XLA_FLAGS=own).stdout == f"{own}\n"  # whoever has set them

    @pytest.mark.parametrize("switch", ["enable", "disable"])
    def test_the_garbage_collector_is_left_alone(self, switch):
        code = (
            f"import gc; gc.{switch}(); gc.set_threshold(701, 11, 12)\n"
            "kept = [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug()]\n"
            "frozen = []\n"
            "gc.callbacks.append(lambda *_: frozen.append(gc.get_freeze_count()))\n"
            "import lrlab.backend\n"
            "now = [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug()]\n"
            "print(now == kept, set(frozen) <= {kept[2]}, len(frozen) > 100)"
        )
        assert run(code).stdout.split() == ["True", "True", str(switch == "enable")]

    def test_other_threads_write_to_stderr_as_ever(self):
        """All that they write arrives in its order, and nearly always they write to it itself."""
        code = (
            "import os, threading, time\n"
            "own, elsewhere, count, ended = os.fstat(2).st_ino, 0, 0, threading.Event()\n"
            "def write():\n"
            "    global elsewhere, count\n"
            "    while not ended.is_set():\n"
            "        elsewhere += os.fstat(2).st_ino != own\n"
            "        os.write(2, b'line %d\\n' % count)\n"
            "        count += 1\n"
            "        time.sleep(0.001)\n"
            "thread = threading.Thread(target=write)\n"
            "thread.start()\n"
            "import lrlab.backend\n"
            "ended.set(); thread.join()\n"
            "print(count, elsewhere)"
        )
        result = run(code)
        count, elsewhere = map(int, result.stdout.split())
        assert result.stderr.splitlines() == [f"line {index}" for index in range(count)]
        assert count > 100
        assert elsewhere < 0.1 * count

    def test_other_lines_written_meanwhile_get_through(self, tmp_path):
        noise = (
            "I0000 00:00:1700000000.000000 123 port.cc:153] oneDNN custom operations are on.",
            "2026-01-01 10:00:00.000000: E external/cuda.cc:12] failed call to cuInit",
        )
        (tmp_path / "tensorflow.py").write_text(
            "import os, types\n"
            f"lines = {chr(10).join([*noise, 'a message for the user', '']).encode()!r}\n"
            "config = types.SimpleNamespace(list_physical_devices=lambda: os.write(2, lines))\n"
        )
        (tmp_path / "keras.py").write_text("")
        result = run("import lrlab.backend", PYTHONPATH=f"{tmp_path}:{PACKAGE.parent}")
        assert result.returncode == 0
        assert result.stderr == "a message for the user\n"

    @pytest.mark.parametrize(
        "error",
        [
            "ImportError('libsomething.so: cannot open shared object file')",
            "ModuleNotFoundError('No module named absl', name='absl')",
        ],
    )
    def test_a_broken_tensorflow_keeps_its_error_and_its_lines(self, tmp_path, error):
        line = "I0000 00:00:1700000000.000000 123 port.cc:153] the explanation"
        (tmp_path / "tensorflow.py").write_text(
            f"import os\nos.write(2, {(line + chr(10)).encode()!r})\nraise {error}\n"
        )
        result = run("import lrlab.backend", PYTHONPATH=f"{tmp_path}:{PACKAGE.parent}")
        assert line in result.stderr
        assert error.split("'")[1] in result.stderr.splitlines()[-1]
        assert "lrlab[cpu]" not in result.stderr

    def test_two_threads_may_be_first(self):
        code = (
            "import importlib, threading\n"
            "found = []\n"
            "load = lambda: found.append(importlib.import_module('lrlab.backend').tf)\n"
            "threads = [threading.Thread(target=load) for _ in range(2)]\n"
            "[t.start() for t in threads]; [t.join() for t in threads]\n"
            "assert len(found) == 2 and found[0] is found[1]"
        )
        result = run(code)
        assert (result.returncode, result.stderr) == (0, "")

    @pytest.mark.parametrize("also", ["keras", "tensorflow"])
    def test_somebody_else_may_be_loading_keras_meanwhile(self, also):
        """As when a cell makes an explorer, whose worker needs Keras, and then imports it."""
        code = (
            "import importlib, threading, time\n"
            "found = []\n"
            "load = lambda: found.append(importlib.import_module('lrlab.backend').keras)\n"
            "worker = threading.Thread(target=load)\n"
            "worker.start()\n"
            f"import {also}\n"
            "worker.join()\n"
            "import keras\n"
            "assert found == [keras] and keras.config.backend() == 'tensorflow'\n"
            "model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\n"
            "assert model.count_params() == 2"
        )
        assert run(code).returncode == 0


def walk_what_runs(node: ast.AST) -> Iterator[ast.AST]:
    """Like ast.walk in the order of the lines, without what only a type checker reads."""
    yield node
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        children = list(node.orelse)
    for child in children:
        yield from walk_what_runs(child)


def ordered_imports(path: Path) -> list[str]:
    """Every module that a file imports, wherever in it; ``from lrlab import x`` is lrlab.x too."""
    found = []
    for node in walk_what_runs(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: counted from the file's own package
                package = path.relative_to(PACKAGE.parent).parent.parts
                inside = package[: len(package) - node.level + 1]
                base = ".".join([*inside, *filter(None, [base])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found


def imports_any(path: Path, *forbidden: str) -> set[str]:
    return {
        name
        for name in ordered_imports(path)
        if any(name == module or name.startswith(f"{module}.") for module in forbidden)
    }


# Who may import whom, a row a room: the other rooms of lrlab, and of the heavy packages those that
# it may use. Data flow from the first rows to the last, and nothing upstream knows what is below.
MAY_IMPORT = {
    "backend": ("", "keras tensorflow"),
    "checks": ("", ""),
    "files": ("", ""),
    "data": ("checks", "sklearn"),
    "quadratic": ("", ""),
    "landscapes": ("", ""),
    "models": ("backend data", ""),
    "schedules": ("backend checks", ""),
    "optimizers": ("backend", ""),
    "training": ("backend checks", "keras tensorflow"),
    "keras_code": ("backend schedules training", ""),
    "experiment": ("backend checks data keras_code schedules training", "scipy"),
    "callbacks": ("backend checks figures keras_code training widgets", "scipy IPython"),
    "figures": ("landscapes quadratic", "matplotlib PIL"),
    "widgets": ("", "anywidget"),
    "sweeps": ("backend checks experiment figures schedules", "pandas"),
    "export": ("checks figures files schedules", ""),
    "explorers": (
        "backend callbacks checks data experiment figures landscapes models optimizers quadratic "
        "schedules widgets",
        "ipywidgets",
    ),
    "exercises": ("figures files widgets", ""),
    "course": ("backend exercises explorers figures files quadratic schedules", ""),
    "server": ("", ""),
    "__init__": ("", ""),
}


def room_of(path: Path) -> str:
    """The name of the folder that a file lies in, or its own at the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported_by(path: Path) -> set[str]:
    """The other rooms of lrlab, and the heavy packages, that a file imports."""
    names = [name.split(".") for name in ordered_imports(path)]
    inside = {name[1] for name in names if name[0] == "lrlab" and len(name) > 1}
    heavy = {name[0] for name in names} & (HEAVY - {"numpy"})
    return (inside & {*MAY_IMPORT} - {room_of(path)}) | heavy


class TestRooms:
    def test_there_are_no_other_rooms(self):
        assert {room_of(path) for path in PACKAGE.glob("**/*.py")} == {*MAY_IMPORT}

    @pytest.mark.parametrize("room", MAY_IMPORT)
    def test_a_room_imports_what_it_may(self, room):
        rooms, heavy = MAY_IMPORT[room]
        for path in PACKAGE.glob("**/*.py"):
            if room_of(path) == room:
                assert rooms_imported_by(path) <= {*rooms.split(), *heavy.split()}, path

    def test_pyplot_which_keeps_to_one_thread_is_left_alone(self):
        assert not [p for p in PACKAGE.glob("**/*.py") if imports_any(p, "matplotlib.pyplot")]

    def test_only_declared_packages_are_imported(self):
        """IPython is there wherever lrlab asks for it: only within a running notebook. Whoever asks
        for a pandas table has pandas, or reads what to install.
        """
        project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        lines = [*project["dependencies"], *extras["cpu"], *extras["export"], *extras["lab"]]
        declared = {re.match(r"[\w-]+", line)[0] for line in lines}
        modules = {"pillow": "PIL", "scikit-learn": "sklearn", "vl-convert-python": "vl_convert"}
        declared = {modules.get(name, name).replace("-", "_") for name in declared}
        used = {n.partition(".")[0] for p in PACKAGE.glob("**/*.py") for n in ordered_imports(p)}
        assert used - sys.stdlib_module_names <= declared | {"lrlab", "IPython", "pandas"}

    def test_keras_and_tensorflow_have_one_door(self):
        """Past it TensorFlow would start noisily, or fail without saying what to install."""
        for path in sorted({*PACKAGE.glob("**/*.py")} - {PACKAGE / "backend.py"}):
            names = [name.split(".") for name in ordered_imports(path)]
            past = [name for name in names if name[0] in ("keras", "tensorflow")]
            if past:
                assert ["lrlab", "backend"] in names[: names.index(past[0])], path
