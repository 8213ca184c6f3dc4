"""What XLA has compiled is kept for later kernels, where `lrlab.server` asks for it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lrlab.backend

import pytest

from lrlab.server import KEPT_IN

TRAINS = """
import json, lrlab
moons = lrlab.data.moons()
experiment = lrlab.Experiment(lambda: lrlab.models.mlp(moons, (4,)), moons, epochs=2)
loss = experiment.run(0.1).final["val_loss"]
print(json.dumps([loss, vars(experiment.model)["_lrlab_program"].xla]))
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what a processor can do is read under Linux alone"
)


def trained(folder: Path) -> Any:
    """The loss in a Python of its own, and whether XLA compiled it."""
    given = {name: text for name, text in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", TRAINS],
        env=given | {KEPT_IN: str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stderr == ""  # XLA has an error to tell of each program that it has kept
    return json.loads(done.stdout)


def programs(folder: Path) -> dict[Path, tuple[int, int]]:
    about = {path: path.stat() for path in folder.glob("*/*.pb")}
    return {path: (each.st_mtime_ns, each.st_size) for path, each in about.items()}


def test_a_later_process_takes_what_is_kept_and_compiles_again_what_is_damaged(
    tmp_path: Path,
) -> None:
    first = trained(tmp_path)
    kept = programs(tmp_path)
    assert first[1]
    assert kept
    assert trained(tmp_path) == first
    assert programs(tmp_path) == kept
    for path, (_, size) in kept.items():
        os.truncate(path, size // 2)
    damaged = programs(tmp_path)
    assert trained(tmp_path) == first
    again = programs(tmp_path)
    assert again
    assert not again.items() & damaged.items()


def test_a_program_is_of_its_processor_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """XLA finds it by what it computes, and would run what another processor does not know."""
    processor = tmp_path / "cpuinfo"
    monkeypatch.setattr(lrlab.backend, "_PROCESSOR", processor)
    names = []
    for able_to, cores, flags in [
        ("sse4_2 avx", 2, ""),
        ("sse4_2 avx avx2", 2, ""),
        ("sse4_2 avx", 4, ""),
        ("sse4_2 avx", 2, "--xla_cpu_max_isa=SSE4_2"),
        ("sse4_2 avx", 2, ""),
    ]:
        told = [f"processor: {k}\nflags: {able_to}\ncpu MHz: {2000 + k}" for k in range(cores)]
        processor.write_text("\n\n".join(told))
        monkeypatch.setenv("XLA_FLAGS", flags)
        names.append(lrlab.backend._what_programs_are_for())
    assert len(set(names)) == 4
    assert names[0] == names[-1]


def test_elsewhere_nothing_is_kept() -> None:
    assert KEPT_IN not in os.environ
    assert "TF_XLA_FLAGS" not in os.environ
    assert not lrlab.backend.forget_programs()
