"""`orchestrator bench faults` in short: two seeds, with everything that a long run checks."""

from __future__ import annotations

import json
import subprocess

from tests.support.servers.processes import ORCHESTRATOR

SEEDS, SECONDS, RATE = 2, 15, 6


def test_two_rehearsals_lose_nothing_and_double_nothing() -> None:
    command = (
        str(ORCHESTRATOR),
        "bench",
        "faults",
        "--seeds",
        str(SEEDS),
        "--seconds",
        str(SECONDS),
        "--rate",
        str(RATE),
        "--json",
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=420)

    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    total = document["total"]
    assert (total["lost"], total["doubled"], total["violations"], total["dead_letters"]) == (0, 0, 0, 0)
    assert total["accepted"] >= SEEDS * SECONDS * RATE / 2
    assert total["processed"] >= total["accepted"]
    assert total["orders"] > 0
    assert total["deaths"] > 0
    assert [one["seed"] for one in document["seeds"]] == [1, 2]
    assert all(one["drained_s"] is not None for one in document["seeds"])
