"""The dry run that resolves lock files for every Python and platform, on wheels that the tests make."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINUX = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
EVERYWHERE = (*LINUX, "macosx_14_0_arm64")
PROJECT = """\
[project]
classifiers = ["Operating System :: MacOS", "Programming Language :: Python :: 3.14"]
dependencies = ["One>=1"]
optional-dependencies.extra = ["two; python_version < '3.14'"]
"""


class Index:
    """A folder of wheels in place of the package index, and a lock file that pins what is added to it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "pyproject.toml").write_text(PROJECT)
        self.lock = directory / "a.lock"
        self.lock.write_text("")

    def add(self, name: str, tags: Sequence[str], *, needs: str = "", marker: str = "") -> None:
        """Make a wheel for each platform tag, and pin them."""
        hashes = [self._wheel(name, tag, needs) for tag in tags]
        lines = [f"{name}==1.0{marker}", *(f"    --hash=sha256:{digest}" for digest in hashes)]
        self.lock.write_text(self.lock.read_text() + " \\\n".join(lines) + "\n")

    def resolve(self) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        project = str(self._directory / "pyproject.toml")
        command = [sys.executable, str(ROOT / ".ci/resolve.py"), "--project", project, str(self.lock)]
        environment = {**os.environ, "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(self._directory), "UV_NO_CACHE": "1"}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)

    def _wheel(self, name: str, tag: str, needs: str) -> str:
        wheel = self._directory / f"{name}-1.0-cp314-cp314-{tag}.whl"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + (
            f"Requires-Dist: {needs}\n" if needs else ""
        )
        about = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{about}/METADATA", metadata)
            archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp314-cp314-{tag}\n")
            archive.writestr(f"{about}/RECORD", "")
        return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def test_what_has_wheels_everywhere_resolves_and_what_a_marker_leaves_out_is_named(index: Index) -> None:
    index.add("one", EVERYWHERE)
    index.add("two", EVERYWHERE, marker=" ; python_full_version < '3.14'")

    done = index.resolve()

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "a.lock",
        "                  3.14",
        "  Linux x86_64    without two",
        "  Linux aarch64   without two",
        "  macOS 14 arm64  without two",
        "3 of 3 resolve",
    ]


def test_a_platform_without_a_wheel_fails_and_the_package_is_named(index: Index) -> None:
    index.add("one", LINUX)

    done = index.resolve()

    assert done.returncode == 1
    assert done.stdout.splitlines()[2:] == [
        "  Linux x86_64    yes",
        "  Linux aarch64   yes",
        "  macOS 14 arm64  FAILS",
        "2 of 3 resolve",
    ]
    assert "a.lock on Python 3.14, macOS 14 arm64:" in done.stderr
    assert "`one` (v1.0)" in done.stderr


def test_a_dependency_that_is_not_pinned_fails(index: Index) -> None:
    index.add("one", EVERYWHERE, needs="two")
    index.add("two", EVERYWHERE)
    index.lock.write_text(index.lock.read_text().partition("two==")[0])

    done = index.resolve()

    assert done.returncode == 1
    assert "0 of 3 resolve" in done.stdout
    assert "two" in done.stderr
