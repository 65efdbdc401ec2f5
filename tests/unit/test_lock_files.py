"""The lock files pin all that pyproject.toml asks for, by hash, without an address, and agree with each other."""

from __future__ import annotations

import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = {
    "requirements.lock": ("build",),
    "requirements-venues.lock": ("build", "venues"),
    "requirements-dev.lock": ("build", "venues", "dev"),
}
PINNED = re.compile(
    r"^(?P<pin>[a-z0-9][^ \\]*==[^ ;\\]+)(?P<marker> ;[^\\]+)?(?P<hashes>(?: *\\\n    --hash=sha256:[0-9a-f]{64})*)",
    re.MULTILINE,
)


def project() -> dict[str, Any]:
    described: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return described


def pythons() -> list[str]:
    prefix = "Programming Language :: Python :: "
    return [one.removeprefix(prefix) for one in project()["classifiers"] if one.startswith(prefix)]


def environments() -> list[dict[str, str]]:
    machines = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
    return [
        {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": system,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        }
        for python, (system, machine) in product(pythons(), machines)
    ]


def pins(lock: str, environment: dict[str, str]) -> dict[str, str]:
    """Return name and version of what a lock file pins for an environment."""
    found = [
        Requirement(match["pin"] + (match["marker"] or "")) for match in PINNED.finditer((ROOT / lock).read_text())
    ]
    here = [one for one in found if one.marker is None or one.marker.evaluate(environment)]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in here}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_pins_a_version_by_hash_and_none_holds_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text()

    lines = [line for line in text.splitlines() if not line.startswith(("    --hash=sha256:", "    # via "))]

    matches = list(PINNED.finditer(text))
    assert len(matches) == len(lines)
    assert all(match["hashes"] for match in matches)
    assert "//" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_met_for_every_python_and_platform(lock: str) -> None:
    asked_for = [
        *project()["dependencies"],
        *(one for extra in LOCKS[lock] for one in project()["optional-dependencies"][extra]),
    ]

    for environment in environments():
        pinned = pins(lock, environment)
        for requirement in map(Requirement, asked_for):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), (
                    requirement,
                    environment,
                )


def test_what_is_tested_is_what_is_installed() -> None:
    for environment in environments():
        tested = pins("requirements-dev.lock", environment)

        assert pins("requirements.lock", environment).items() <= tested.items()
        assert pins("requirements-venues.lock", environment).items() <= tested.items()


def test_the_pythons_begin_where_the_package_does() -> None:
    assert project()["requires-python"] == f">={pythons()[0]}"
