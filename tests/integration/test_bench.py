"""`orchestrator bench` as its user runs it, for moments: what it prints, and that every alert is accounted for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_stack import eventually, running_with

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
RATES = {
    "insert_commits_per_s_1_client",
    "insert_commits_per_s_8_clients",
    "no_op_tasks_per_s",
    "no_op_chains_of_five_per_s",
    "lone_no_op_chain_of_five_ms",
}


def environment(temporary: Path) -> dict[str, str]:
    """Return an environment in which the bench must not touch what it names, and keeps its files in a place of ours."""
    return {**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "TMPDIR": str(temporary)}


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an empty directory for temporary files that the servers' account can enter."""
    path = tmp_path_factory.mktemp("bench")
    for one in (path, *path.parents):
        if one.owner() == path.owner() and one != Path("/"):
            one.chmod(one.stat().st_mode | 0o011)
    return path


def bench(temporary: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark and return its document; nothing may be left of it."""
    done = subprocess.run(
        [ORCHESTRATOR, "bench", *arguments, "--reference", "0.2", "--json"],
        env=environment(temporary),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not running_with(str(temporary))
    assert not list(temporary.glob("orchestrator-bench-*"))
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def test_bench_ingest_accounts_for_every_acknowledged_alert(temporary: Path) -> None:
    document = bench(temporary, "ingest", "--seconds", "0.2", "--connections", "4")

    assert set(document["references"]) == RATES
    assert all(value > 0 for value in document["references"].values())
    for phase in ("workers_held", "workers_at_work"):
        assert document[phase]["requests"] > 0
        assert set(document[phase]["latency"]) == {"p50_ms", "p95_ms", "p99_ms"}
        assert document[phase]["ratios"]["acknowledged_to_insert_commits_1_client"] > 0
    accounting = document["accounting"]
    assert accounting["exact"]
    assert accounting["acknowledged"] == accounting["stored"] > 0
    assert accounting["acknowledged_not_stored"] == 0


def test_bench_pipeline_accounts_for_every_signal_and_makes_trades_of_both_sides(temporary: Path) -> None:
    document = bench(temporary, "pipeline", "--signals", "80", "--seconds", "0.5")

    assert set(document["references"]) == RATES
    burst, paced, accounting = document["burst"], document["paced"], document["accounting"]
    assert burst["signals"] == 80
    assert burst["signals_per_s"] > 0
    assert sum(count for what, count in burst["made"].items() if what.startswith("decisions A")) == 80
    assert burst["made"]["model trades long"] > 0
    assert burst["made"]["model trades short"] > 0
    assert paced["signals"] == paced["decided"] == 10
    assert paced["stored_to_both_decisions"]["p50_ms"] <= paced["stored_to_both_decisions"]["p95_ms"]
    assert accounting["exact"]
    assert accounting["done"] == accounting["stored"] == accounting["acknowledged"]
    assert accounting["dead"] == 0


def test_an_interrupted_bench_leaves_no_process_and_no_file(temporary: Path) -> None:
    command = (ORCHESTRATOR, "bench", "ingest", "--seconds", "60", "--reference", "0.2")
    with subprocess.Popen(command, env=environment(temporary), stderr=subprocess.PIPE) as process:
        try:
            eventually(lambda: bool(running_with("bench.load_generator")), what="the load generator", within_s=60)
            process.send_signal(signal.SIGINT)
            printed = process.communicate(timeout=60)[1].decode()
        finally:
            process.kill()

    assert process.returncode == 128 + signal.SIGINT, printed
    assert not running_with(str(temporary))
    assert not list(temporary.glob("orchestrator-bench-*"))


def test_bench_soak_gives_the_slope_of_each_process_and_table_and_accounts_for_every_alert(temporary: Path) -> None:
    done = subprocess.run(
        [ORCHESTRATOR, "bench", "soak", "--minutes", "0.1", "--json"],
        env=environment(temporary),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    document = json.loads(done.stdout)
    assert document["accounting"]["exact"], done.stderr
    assert document["accounting"]["posted"] >= 20
    assert document["violations"] == []
    assert document["pages"].keys() == {"200"}
    processes = ("web", "worker", "orders", "exits", "beat", "flower", "postgres", "redis")
    wanted = {f"{kind} {name}" for kind in ("memory", "descriptors") for name in processes}
    assert document["trends"].keys() >= wanted | {"connections", "table signals", "disk wal", "latency webhook"}
    assert all(trend["last"] > 0 for name, trend in document["trends"].items() if name in wanted)
    assert done.returncode == int(bool(document["unbounded"]))
