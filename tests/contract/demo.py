"""The demo's reports, from the command line, with what names the versions of the engines replaced.

An engine's version is a hash of its source: an edit that changes no decision gives another one. The replay's book and
its study's name and salt derive from the versions, and from the salt the variant of each signal. Engine A acts in the
demo whatever the variant, so variants decide one figure alone: the p-value of the test of their ratio.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.local_stack import a_directory, free_port

_ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
_WITHIN_S = 1800
_SERVERS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "BROKER_URL", "DATA_DIR")
_BOOK = re.compile(r"replay:[0-9a-f]{12}")
_VERSION = re.compile(r"(\w+)@[0-9a-f]{12}")


def report_of_the_checkout(shared: Path) -> str:
    """Return the report as the checkout prints it; the first test of a run that asks has the demo run for all."""
    stored = shared / "demo_report.json"
    with (shared / "demo_report.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stored.exists():
            with a_directory() as directory:
                report = run(_ORCHESTRATOR, directory / "demo", started_in=directory, environment=dict(os.environ))
            stored.write_text(report, encoding="utf-8")
    return stored.read_text(encoding="utf-8")


def run(program: str, data: Path, *, started_in: Path, environment: Mapping[str, str]) -> str:
    """Run the demo with its data in a directory, and return the reports of its books that can be asked for then."""

    def orchestrator(*arguments: str) -> str:
        answer = subprocess.run(
            [program, *arguments, "--data-dir", str(data)],
            cwd=started_in,
            env={name: value for name, value in environment.items() if name not in _SERVERS},
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    printed = orchestrator("demo", "--exit", "--port", str(free_port()), "--flower-port", str(free_port()))
    books = re.findall(r"^book (replay:\w+)", printed, flags=re.MULTILINE)
    reports = [json.loads(orchestrator("report", "--json", "--book", book)) for book in books]
    return json.dumps({"reports": reports}, indent=2)


def without_identities(report: str) -> Any:
    """Put placeholders for the book, the study, the engines' versions and the p-value that depends on them."""
    named = _VERSION.sub(r"\1@<version>", _BOOK.sub("replay:<input and versions>", report))
    document = json.loads(named)
    for one in document["reports"]:
        assert 0 < one["health"]["srm_p"] <= 1
        one["health"]["srm_p"] = "<depends on the variants>"
    return document
