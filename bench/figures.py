"""Parts of benchmark documents: quantiles, the machine, the reference rates and the load generator's cost."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from typing import Any

from bench.fresh_stack import BenchStack
from bench.load_generator import LoadResult
from bench.reference_rates import ReferenceRates


def find_quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` (0..1) of the values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def describe_quantiles(values_ms: Sequence[float], *shares: float) -> dict[str, float | None]:
    """Return quantiles of milliseconds by name (`p50_ms`), rounded to a microsecond."""
    return {f"p{share * 100:g}_ms": round_known(find_quantile(values_ms, share), 3) for share in shares}


def round_known(value: float | None, places: int = 1) -> float | None:
    """Round a value; None stays None."""
    return None if value is None else round(value, places)


def describe_machine(bench_stack: BenchStack) -> dict[str, Any]:
    """Describe the machine; `load_average` of the last minute shows whether other programs ran."""
    version = bench_stack.scalar("SELECT current_setting('server_version_num')::int")
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "postgres": f"{version // 10_000}.{version % 10_000}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def describe_reference_rates(rates: ReferenceRates) -> dict[str, Any]:
    """Describe the reference rates."""
    return {
        "insert_commits_per_s_1_client": round_known(rates.inserts_1),
        "insert_commits_per_s_8_clients": round_known(rates.inserts_8),
        "no_op_tasks_per_s": round_known(rates.tasks),
        "no_op_chains_of_five_per_s": round_known(rates.chains),
        "lone_no_op_chain_of_five_ms": round_known(rates.lone_chain_ms, 3),
    }


def describe_generator(load: LoadResult) -> dict[str, Any]:
    """Describe the processor time that the load generator itself took."""
    answers = len(load.latencies_ms)
    return {
        "cpu_share_of_one_core": round(load.cpu_s / load.seconds, 3),
        "cpu_us_per_request": round_known(load.cpu_s / answers * 1e6 if answers else None),
    }
