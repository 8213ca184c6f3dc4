"""Check all that a release needs, build wheel and sdist, and install both where nothing else is.

What has to be right first: a clean tree, one version in all files, a dated heading in the
changelog, no such tag yet, an address in pyproject.toml. `--trial` says what is not, and goes on.

Usage: python tools/make_release.py [--trial] [--to dist] [--pythons python3.12 ...]
"""

import argparse
import email
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LARGEST = 3_000_000  # bytes of a wheel
PYTHONS = "python3.11", "python3.12", "python3.13"


def wrong_before(root: Path, version: str, status: str, tags: Sequence[str]) -> Iterator[str]:
    """Yield what has to be put right before anything is built.

    Args:
        root: The checkout.
        version: That of lrlab.
        status: What `git status --porcelain` prints.
        tags: Those that git knows.
    """
    if status:
        yield f"the tree is not clean: {status.splitlines()[0].strip()} …; commit first"
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        yield f"a version is like 1.2.3 or 1.2.3rc1, and __version__ is {version}"
    if f"v{version}" in tags:
        yield f"the tag v{version} is there already; give lrlab/__init__.py another version"
    heading = re.search(r"^## .*", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if not heading or not re.fullmatch(
        rf"## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", heading[0]
    ):
        found = heading[0] if heading else "nothing"
        yield f"CHANGELOG.md begins with `{found}`; it must be `## {version} (year-month-day)`"
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    if f"\nversion: {version}\n" not in citation:
        yield f"CITATION.cff must say `version: {version}`"
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    if not settings["metadata"]["hooks"]["custom"]["address"]:
        yield "pyproject.toml has no address of the project, so its page would have no links"
    for path in sorted(root.glob("notebooks/*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["metadata"].get("lrlab", {}).get("version") != version:
            yield f"{path.name} is of another version; run `make notebooks`"


def wrong_in(wheel: Path, sdist: Path, version: str) -> Iterator[str]:
    """Yield what is wrong in what was built."""
    if wheel.stat().st_size > LARGEST:
        yield f"the wheel has {wheel.stat().st_size:,} bytes, more than {LARGEST:,}"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(about))
    inside = {Path(name).name for name in names if name.startswith("lrlab/course/notebooks/")}
    missing = {path.name for path in REPOSITORY.glob("notebooks/*.ipynb")} - inside
    if missing:
        yield f"the wheel lacks notebooks: {', '.join(sorted(missing))}"
    if metadata["Version"] != version:
        yield f"the wheel says version {metadata['Version']}"
    description = metadata.get_payload()
    if relative := re.findall(r"\]\((?!\w+:|#)([^)]+)\)", str(description)):
        yield f"the description has links that lead nowhere: {relative[0]}"
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"CHANGELOG.md", "LICENSE", "Makefile", "hatch_build.py", "CITATION.cff"}
    if not wanted <= held:
        yield f"the sdist lacks {', '.join(sorted(wanted - held))}"


def run(*command: str | Path, cwd: Path = REPOSITORY) -> str:
    """Run a command, show what it prints if it fails, and return it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"{done.stdout}\n`{words}` ended with status {done.returncode}.")
    return done.stdout


def try_in(python: str, package: str, folder: Path, *, trains: bool) -> str:
    """Install a package where nothing else is, use the command, and return its last line."""
    run(python, "-m", "venv", folder)
    inside = folder / "bin" / "python"
    run(inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package)
    # Not from the checkout, whose lrlab would be found first.
    command = folder / "bin" / "lrlab"
    run(command, "copy", folder / "course", cwd=folder)
    words = "check-install" if trains else "--version"
    return run(command, words, cwd=folder).strip().splitlines()[-1]


def main(arguments: list[str]) -> int:
    """Check, build, check again, install."""
    parser = argparse.ArgumentParser(description="Check, build and try a release.")
    parser.add_argument("--trial", action="store_true", help="go on where it is not ready")
    parser.add_argument("--to", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("--pythons", nargs="+", default=PYTHONS, metavar="PYTHON")
    options = parser.parse_args(arguments)

    found = re.search(
        r'^__version__ = "(.+)"', (REPOSITORY / "lrlab" / "__init__.py").read_text(), re.M
    )
    assert found, "lrlab/__init__.py has no version"
    version = found[1]
    status, tags = run("git", "status", "--porcelain"), run("git", "tag").split()
    wrong = list(wrong_before(REPOSITORY, version, status, tags))
    for line in wrong:
        print(f"not ready: {line}", flush=True)
    if wrong and not options.trial:
        return 1

    target = options.to.resolve()
    shutil.rmtree(target, ignore_errors=True)
    # The wheel is built from the sdist, so that the sdist is known to be whole.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target)
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    for line in (built := list(wrong_in(wheel, sdist, version))):
        print(f"wrong: {line}", flush=True)
    if built and not options.trial:
        return 1
    for path in (wheel, sdist):
        print(f"{path}: {path.stat().st_size:,} bytes", flush=True)

    for python in options.pythons:
        if not shutil.which(python):
            print(f"{python}: not here, not tried", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            said = try_in(python, f"{wheel}[cpu,lab]", Path(folder, "wheel"), trains=True)
            print(f"{python}, wheel: {said}", flush=True)
            said = try_in(python, str(sdist), Path(folder, "sdist"), trains=False)
            print(f"{python}, sdist: {said}", flush=True)
    if wrong or built:
        print("A trial: this is no release.")
        return 1
    print(f"Ready. Then: git tag v{version}, push the tag, upload {target}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
