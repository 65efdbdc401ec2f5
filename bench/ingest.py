"""`bench ingest`: the webhook's rate of acknowledged alerts and its latency, and a check that each alert is stored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from bench import alert_counts, figures, market_bars, reference_rates
from bench.fresh_stack import BOOK, BenchStack
from bench.load_generator import LoadResult
from bench.reference_rates import ReferenceRates

_WARM_UP = 128
_WARM_UP_S = 30.0
_DRAIN_S = 120.0
_WORKERS = ("worker", "exits")


def measure_ingest(bench_stack: BenchStack, *, seconds: float, connections: int, reference_s: float) -> dict[str, Any]:
    """Measure the webhook's rate and latency, and return the results as the document of `bench ingest`.

    The webhook is measured with the workers suspended, which shows its capacity, and then with the workers running,
    which shows a burst on this machine.
    """
    market_bars.store_trending_bars(bench_stack.settings, book=BOOK, at=datetime.now(UTC))
    loads = [bench_stack.post(seconds=_WARM_UP_S, connections=connections, count=max(_WARM_UP, connections))]
    bench_stack.wait_until_idle(deadline_s=_DRAIN_S)
    rates = reference_rates.measure_rates(bench_stack, seconds=reference_s)
    with _suspend_workers(bench_stack):
        loads.append(bench_stack.post(seconds=seconds, connections=connections))
    loads.append(bench_stack.post(seconds=seconds, connections=connections))
    return {
        "bench": "ingest",
        "machine": figures.describe_machine(bench_stack),
        "seconds": seconds,
        "connections": connections,
        "references": figures.describe_reference_rates(rates),
        "workers_held": _describe_load(loads[1], rates),
        "workers_at_work": _describe_load(loads[2], rates),
        "accounting": alert_counts.count_alerts(bench_stack, loads).as_json(),
    }


def _describe_load(load: LoadResult, rates: ReferenceRates) -> dict[str, Any]:
    """Describe one load; `latency` covers every answer, `others` counts those with a status other than 200."""
    acknowledged_rate = load.statuses.get("200", 0) / load.seconds
    p99 = figures.find_quantile(load.latencies_ms, 0.99)
    return {
        "requests": len(load.latencies_ms),
        "acknowledged_per_s": figures.round_known(acknowledged_rate),
        "latency": figures.describe_quantiles(load.latencies_ms, 0.5, 0.95, 0.99),
        "others": {status: count for status, count in load.statuses.items() if status != "200"},
        "unanswered": load.unanswered,
        "ratios": {
            "acknowledged_to_insert_commits_1_client": figures.round_known(acknowledged_rate / rates.inserts_1, 3),
            "acknowledged_to_insert_commits_8_clients": figures.round_known(acknowledged_rate / rates.inserts_8, 3),
            "p99_in_insert_commits_1_client": figures.round_known(p99 and p99 * rates.inserts_1 / 1000),
        },
        "load_generator": figures.describe_generator(load),
    }


@contextmanager
def _suspend_workers(bench_stack: BenchStack) -> Iterator[None]:
    """Suspend the workers' processes with SIGSTOP for the block, and let them continue afterwards."""
    pids = bench_stack.stack.supervisor.pids()
    groups = [pids[name] for name in _WORKERS if name in pids]
    try:
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        yield
    finally:
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGCONT)
