"""Builds the archives of a release from the checkout, without a network."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_WITHIN_S = 300


def build_sdist(directory: Path) -> Path:
    """Build the sdist of the checkout into a directory."""
    _run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(directory), within=ROOT)
    (archive,) = directory.glob("*.tar.gz")
    return archive


def build_wheel(sdist: Path, directory: Path) -> Path:
    """Build a wheel from an sdist, as whoever has nothing but the sdist does."""
    command = ("pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    _run(sys.executable, "-m", *command, "--wheel-dir", str(directory), str(sdist), within=directory)
    (archive,) = directory.glob("*.whl")
    return archive


def files_of_sdist(archive: Path) -> set[str]:
    """Return the paths of an sdist's files below its one folder."""
    with tarfile.open(archive) as tar:
        return {member.name.partition("/")[2] for member in tar if member.isfile()}


def files_of_wheel(archive: Path) -> set[str]:
    """Return the paths of a wheel's files."""
    with zipfile.ZipFile(archive) as wheel:
        return set(wheel.namelist())


def files_of_checkout() -> set[str]:
    """Return the files that belong to the checkout: those that git knows, or would with the next commit."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    listed = set(_run(*command, within=ROOT).split("\0")) - {""}
    return {path for path in listed if (ROOT / path).exists()}


def _run(*command: str, within: Path) -> str:
    answer = subprocess.run(command, cwd=within, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout
