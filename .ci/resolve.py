"""Resolve lock files for each Python and platform that the product is said to run on, taking wheels only.

The Pythons are those of the classifiers in pyproject.toml. Nothing is installed, so no hash is compared: pip does that.
Exit code 0 says: whatever is pinned for a Python and platform has a wheel there, and nothing that it needs is missing.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PLATFORMS = {
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS 14 arm64": "aarch64-apple-darwin",
}
_MACOS_VERSION = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
_CLASSIFIER = "Programming Language :: Python :: "
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
_INSTALLED = re.compile(r"^ \+ ([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
_AT_ONCE = 4
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What became of one lock file for one Python and platform."""

    lock: Path
    python: str
    platform: str
    without: tuple[str, ...]  # direct dependencies that are not for this Python and platform
    failure: str  # empty when everything resolved

    @property
    def word(self) -> str:
        """Return how the table calls it."""
        if self.failure:
            return "FAILS"
        return "without " + " ".join(self.without) if self.without else "yes"


def pythons(project: dict[str, Any]) -> list[str]:
    """Return the versions of Python that the project's classifiers name."""
    return [one.removeprefix(_CLASSIFIER) for one in project["classifiers"] if one.startswith(_CLASSIFIER)]


def direct_dependencies(project: dict[str, Any]) -> set[str]:
    """Return the names of what the project itself asks for, extras included."""
    extras = [text for extra in project.get("optional-dependencies", {}).values() for text in extra]
    return {canonicalize_name(Requirement(text).name) for text in (*project["dependencies"], *extras)}


def resolve(lock: Path, *, python: str, platform: str, direct: set[str]) -> Resolution:
    """Ask uv what a pip of this Python and platform would install from a lock file."""
    with tempfile.TemporaryDirectory() as target:
        command = [
            *(sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--target", target, "--no-progress"),
            *("--python-version", python, "--python-platform", PLATFORMS[platform], "--only-binary", ":all:"),
            *("--require-hashes", "--requirement", str(lock)),
        ]
        environment = {**os.environ, **_MACOS_VERSION}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=_TIMEOUT_S)
    asked_for = direct & set(map(canonicalize_name, _PINNED.findall(lock.read_text(encoding="utf-8"))))
    without = asked_for - set(map(canonicalize_name, _INSTALLED.findall(done.stderr)))
    failure = "" if done.returncode == 0 else done.stderr.strip() or "uv said nothing"
    return Resolution(lock=lock, python=python, platform=platform, without=tuple(sorted(without)), failure=failure)


def table(resolutions: Sequence[Resolution]) -> Iterator[str]:
    """Yield the lines of a table for each lock file: platforms downwards, Pythons across."""
    words = {(one.lock, one.platform, one.python): one.word for one in resolutions}
    columns = list(dict.fromkeys(one.python for one in resolutions))
    for lock in dict.fromkeys(one.lock for one in resolutions):
        yield lock.name
        yield _row("", columns)
        for platform in PLATFORMS:
            yield _row(platform, [words[lock, platform, python] for python in columns])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"  {name:<16}" + "".join(f"{cell:<14}" for cell in cells).rstrip()


def main(argv: Sequence[str] | None = None) -> int:
    """Resolve the lock files that the command line names; 0 when all resolve, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("locks", nargs="+", type=Path, help="lock files in the form of pip's requirements")
    parser.add_argument("--project", type=Path, default=Path("pyproject.toml"), help="the file that names the Pythons")
    given = parser.parse_args(argv)
    project = tomllib.loads(given.project.read_text(encoding="utf-8"))["project"]
    direct = direct_dependencies(project)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        cases = product(given.locks, pythons(project), PLATFORMS)
        done = list(pool.map(lambda case: resolve(case[0], python=case[1], platform=case[2], direct=direct), cases))
    print("\n".join(table(done)))
    failures = [one for one in done if one.failure]
    for one in failures:
        print(f"\n{one.lock.name} on Python {one.python}, {one.platform}:\n{one.failure}", file=sys.stderr)
    print(f"{len(done) - len(failures)} of {len(done)} resolve")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
