"""Ask an advisory service about every version that lock files pin, and fail unless it answered about all of them.

Exit code 0 says: the service was asked about each pin, whatever platform or Python it is for, and knows of no
vulnerability. It is asked about a version that is known to be vulnerable first, so that an answer to everything,
such as that of a proxy, is not taken for a clean one.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_TIMEOUT_S = 900


class AuditFailed(Exception):
    """Something keeps the audit from saying that all is well; the message says what."""


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """A package at a version, both in their canonical spelling."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


KNOWN_VULNERABLE = Pin("jinja2", "2.10")


def pins_of(lock: Path) -> set[Pin]:
    """Return all that a lock file pins.

    Raises:
        AuditFailed: when it pins nothing, or holds a line that is no pin.
    """
    found = set[Pin]()
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith(("#", "--hash=")):
            continue
        match = _PIN.match(line)
        if match is None:
            raise AuditFailed(f"{lock}:{number} is no pin: {line.strip()}")
        found.add(_pin(match[1], match[2]))
    if not found:
        raise AuditFailed(f"{lock} pins nothing, so there is nothing to audit")
    return found


def audit(pins: set[Pin], *, service: str | None) -> list[str]:
    """Return a line about each vulnerability of these versions.

    Raises:
        AuditFailed: when the service cannot be asked, or was not asked about one of them.
    """
    if not _findings(_asked([KNOWN_VULNERABLE], service=service)):
        raise AuditFailed(f"the advisory service knows nothing of {KNOWN_VULNERABLE}, which is known to be vulnerable")
    told = [one for batch in _batches(pins) for one in _asked(batch, service=service)]
    answered = {_pin(one["name"], one["version"]) for one in told if "vulns" in one}
    if missing := sorted(map(str, pins - answered)):
        raise AuditFailed(f"{len(missing)} of {len(pins)} pins were not audited: {', '.join(missing)}")
    return _findings(told)


def _batches(pins: set[Pin]) -> Iterator[list[Pin]]:
    """Yield lists that hold each name once: the locks pin some packages twice, for different versions of Python."""
    left = sorted(pins)
    while left:
        batch = {one.name: one for one in left}
        yield list(batch.values())
        left = [one for one in left if batch[one.name] != one]


def _asked(pins: Sequence[Pin], *, service: str | None) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        listed = Path(directory) / "pins.txt"
        listed.write_text("".join(f"{one}\n" for one in pins), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(listed), "--disable-pip", "--no-deps"),
            *("--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"),
            *("--cache-dir", str(Path(directory) / "cache"), *(("--osv-url", service) if service else ())),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise AuditFailed(f"the advisory service could not be asked: {lines[-1]}") from None
    return found


def _findings(told: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{one['name']} {one['version']}: {' '.join([found['id'], *found['aliases']])},"
        f" mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for one in told
        for found in one.get("vulns", ())
    ]


def _pin(name: str, version: str) -> Pin:
    try:
        return Pin(canonicalize_name(name), str(Version(version)))
    except InvalidVersion:
        raise AuditFailed(f"{name}=={version} names no version") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Audit the lock files that the command line names; 0 when all is well, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("locks", nargs="+", type=Path, help="lock files in the form of pip's requirements")
    parser.add_argument("--service", help="address of a service that speaks OSV's query API (default: OSV's own)")
    given = parser.parse_args(argv)
    try:
        pins = set[Pin]().union(*map(pins_of, given.locks))
        findings = audit(pins, service=given.service)
    except (AuditFailed, OSError, subprocess.TimeoutExpired) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 1
    for one in findings:
        print(one)
    print(f"{len(pins)} pins audited, {len(findings)} known vulnerabilities")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
