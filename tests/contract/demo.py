"""The demo's report, from the command line, with what names the versions of the engines replaced.

An engine's version is a hash of its source: an edit that changes no decision gives another one. The replay's book and
its study's name and salt derive from the versions, and from the salt the variant of each signal. Engine A acts in the
demo whatever the variant, so variants decide one figure alone: the p-value of the test of their ratio.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.servers.processes import free_port

_ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
_WITHIN_S = 900
_SERVERS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "BROKER_URL", "DATA_DIR")
_BOOK = re.compile(r"replay:[0-9a-f]{12}")
_VERSION = re.compile(r"(\w+)@[0-9a-f]{12}")


def collect(directory: Path) -> Any:
    """Run the demo in a directory and return the report that can be asked for afterwards."""
    _orchestrator("demo", "--exit", "--port", str(free_port()), "--flower-port", str(free_port()), within=directory)
    return without_identities(_orchestrator("report", "--json", within=directory))


def without_identities(report: str) -> Any:
    """Put placeholders for the book, the study, the engines' versions and the p-value that depends on them."""
    named = _VERSION.sub(r"\1@<version>", _BOOK.sub("replay:<input and versions>", report))
    document = json.loads(named)
    assert 0 < document["health"]["srm_p"] <= 1
    document["health"]["srm_p"] = "<depends on the variants>"
    return document


def _orchestrator(*arguments: str, within: Path) -> str:
    answer = subprocess.run(
        [_ORCHESTRATOR, *arguments, "--data-dir", str(within)],
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        env={name: value for name, value in os.environ.items() if name not in _SERVERS},
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
