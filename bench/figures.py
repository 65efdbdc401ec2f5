"""Figures of a benchmark: quantiles, and what machine they were measured on."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from typing import Any

from bench.ground import Ground
from bench.load import Load
from bench.references import References


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` (0..1) of the values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def spread(values_ms: Sequence[float], *shares: float) -> dict[str, float | None]:
    """Return quantiles by name (`p50_ms`), rounded to a microsecond."""
    return {f"p{share * 100:g}_ms": rounded(quantile(values_ms, share), 3) for share in shares}


def rounded(value: float | None, places: int = 1) -> float | None:
    """Round what is known."""
    return None if value is None else round(value, places)


def machine(ground: Ground) -> dict[str, Any]:
    """Say what was measured on; `load_average` of the last minute shows what else ran."""
    version = ground.scalar("SELECT current_setting('server_version_num')::int")
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "postgres": f"{version // 10_000}.{version % 10_000}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def references(found: References) -> dict[str, Any]:
    """Write the references."""
    return {
        "insert_commits_per_s_1_client": rounded(found.inserts_1),
        "insert_commits_per_s_8_clients": rounded(found.inserts_8),
        "no_op_tasks_per_s": rounded(found.tasks),
        "no_op_chains_of_five_per_s": rounded(found.chains),
        "lone_no_op_chain_of_five_ms": rounded(found.lone_chain_ms, 3),
    }


def generator(load: Load) -> dict[str, Any]:
    """Say what the load generator itself cost."""
    answers = len(load.latencies_ms)
    return {
        "cpu_share_of_one_core": round(load.cpu_s / load.seconds, 3),
        "cpu_us_per_request": rounded(load.cpu_s / answers * 1e6 if answers else None),
    }
