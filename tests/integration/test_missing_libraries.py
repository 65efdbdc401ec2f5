"""A process whose setting needs a library that is not installed: exit code 2 and one line, before anything starts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.servers.processes import ORCHESTRATOR, SECRET_KEY

HIDING = """\
import sys


class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("ccxt", "alpaca"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hidden)
"""
SERVERS = {
    "DATABASE_URL": "postgresql://somebody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1",
    "SECRET_KEY": SECRET_KEY,
}
WEB = ["run", "web"]
PIPELINE = ["run", "worker", "--queues", "pipeline,maintenance"]
ORDERS = ["run", "worker", "--queues", "orders"]
EXITS = ["run", "worker", "--queues", "exits"]
BEAT = ["run", "beat"]
HOW = "is not installed: make install-venues in the checkout, or pip install"


@pytest.fixture
def hiding(tmp_path: Path) -> Path:
    """Give a folder that, on PYTHONPATH, keeps a process from finding the venues' libraries."""
    folder = tmp_path / "hiding"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDING)
    return folder


def run(hiding: Path, *arguments: str, environ: Mapping[str, str]) -> tuple[int, str, list[str]]:
    """Return exit code, output and lines of complaint of a command."""
    path = os.pathsep.join([str(hiding), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [ORCHESTRATOR, *arguments],
        env={**os.environ, "DATA_DIR": str(hiding.parent), "PYTHONPATH": path, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.mark.parametrize("process", [WEB, PIPELINE, ORDERS, EXITS, BEAT], ids=" ".join)
def test_a_process_needs_the_library_of_the_broker(hiding: Path, process: list[str]) -> None:
    code, out, complaints = run(hiding, *process, environ={**SERVERS, "BROKER": "ccxt:binance"})

    needed = f"orchestrator: BROKER='ccxt:binance' is not allowed: it needs ccxt, which {HOW} ccxt"
    assert (code, out, complaints) == (2, "", [needed])


@pytest.mark.parametrize("process", [WEB, PIPELINE, BEAT], ids=" ".join)
def test_a_process_needs_the_library_of_the_market_data(hiding: Path, process: list[str]) -> None:
    code, out, complaints = run(hiding, *process, environ={**SERVERS, "MARKET_DATA": "alpaca"})

    needed = f"orchestrator: MARKET_DATA='alpaca' is not allowed: it needs alpaca-py, which {HOW} alpaca-py"
    assert (code, out, complaints) == (2, "", [needed])


def test_what_needs_no_library_goes_on_without_any(hiding: Path) -> None:
    code, _, complaints = run(hiding, *PIPELINE, environ=SERVERS)

    assert code == 2
    assert "DATABASE_URL: the database cannot be used" in complaints[-1]


def test_a_rehearsal_of_failures_says_at_once_that_it_needs_a_library(hiding: Path) -> None:
    code, out, complaints = run(hiding, "bench", "faults", "--seeds", "1", "--seconds", "3", environ={})

    needed = f"orchestrator: bench faults trades at a simulated ccxt:binance: it needs ccxt, which {HOW} ccxt"
    assert (code, out, complaints) == (2, "", [needed])
