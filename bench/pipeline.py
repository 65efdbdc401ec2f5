"""`bench pipeline`: the rate of signals through all five stages, and the time to both decisions at a steady rate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bench import alert_counts, figures, market_bars, reference_rates
from bench.decision_watch import DecisionWatch
from bench.fresh_stack import BOOK, BenchFailed, BenchStack
from bench.load_generator import LoadResult
from bench.reference_rates import ReferenceRates
from domain.trade import experiment_id_for

RATE = 20.0
_WARM_UP = 128
_POST_S = 120.0
_DRAIN_S = 180.0
_POLL_S = 0.02
_COUNT_PROCESSED = """
    SELECT clock_timestamp(), count(*) FILTER (WHERE status <> 'open') FROM signals WHERE seq > %(newest)s
"""
_COUNT_RESULTS = """
    SELECT 'decisions ' || engine || ' ' || action AS what, count(*) AS total FROM decisions GROUP BY 1
    UNION ALL
    SELECT CASE WHEN is_shadow THEN 'model' ELSE 'real' END || ' trades ' || side
        || CASE WHEN status = 'denied' THEN ' denied' ELSE '' END, count(*) FROM trades GROUP BY 1
    UNION ALL SELECT 'failed attempts', count(*) FROM task_failures
"""
_COUNT_WITH_STATUS = "SELECT count(*) FROM signals WHERE status = %(status)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Result of a burst of alerts: its load, and the seconds from the first commit to the last processed signal."""

    load: LoadResult
    seconds: float


def measure_pipeline(bench_stack: BenchStack, *, signals: int, seconds: float, reference_s: float) -> dict[str, Any]:
    """Measure a burst and a steady load, and return the results as the document of `bench pipeline`."""
    market_bars.store_trending_bars(bench_stack.settings, book=BOOK, at=datetime.now(UTC))
    warm_up = bench_stack.post(seconds=_POST_S, count=_WARM_UP)
    bench_stack.wait_until_idle(deadline_s=_DRAIN_S)
    rates = reference_rates.measure_rates(bench_stack, seconds=reference_s)
    before = _count_results(bench_stack)
    burst = _post_burst(bench_stack, signals)
    after = _count_results(bench_stack)
    with DecisionWatch(bench_stack.settings) as watch:
        paced_load = bench_stack.post(seconds=seconds, rate=RATE)
        bench_stack.wait_until_idle(deadline_s=_DRAIN_S)
    return {
        "bench": "pipeline",
        "machine": figures.describe_machine(bench_stack),
        "references": figures.describe_reference_rates(rates),
        "burst": _describe_burst(burst, rates) | {"made": _subtract_counts(before, after)},
        "paced": _describe_paced_load(bench_stack, paced_load, watch.seen_at, rates)
        | {"alerts_per_s": RATE, "seconds": seconds},
        "accounting": alert_counts.count_alerts(bench_stack, [warm_up, burst.load, paced_load]).as_json()
        | {status: bench_stack.scalar(_COUNT_WITH_STATUS, status=status) for status in ("done", "dead")},
    }


def _post_burst(bench_stack: BenchStack, signals: int) -> Burst:
    """Post a number of alerts as fast as they are answered, and wait until their signals are processed."""
    newest = bench_stack.scalar("SELECT max(seq) FROM signals")
    ended_at: list[datetime] = []
    load = bench_stack.post(
        seconds=_POST_S,
        count=signals,
        meanwhile=lambda: ended_at.append(_wait_until_processed(bench_stack, signals, newest=newest)),
    )
    began_at = bench_stack.scalar("SELECT min(stored_at) FROM signals WHERE seq > %(newest)s", newest=newest)
    return Burst(load=load, seconds=(ended_at[0] - began_at).total_seconds())


def _wait_until_processed(bench_stack: BenchStack, signals: int, *, newest: int) -> datetime:
    """Wait until `signals` signals after `newest` are processed; return when that was seen, by the database's clock."""
    deadline, processed = time.monotonic() + _DRAIN_S, 0
    while time.monotonic() < deadline:
        ((seen_at, processed),) = bench_stack.rows(_COUNT_PROCESSED, newest=newest)
        if processed >= signals:
            assert isinstance(seen_at, datetime)  # noqa: S101 - the query's first column
            return seen_at
        time.sleep(_POLL_S)
    raise BenchFailed(f"{processed} of {signals} signals were processed within {_DRAIN_S:.0f} s")


def _describe_burst(burst: Burst, rates: ReferenceRates) -> dict[str, Any]:
    """Describe a burst: its rate of processed signals, and the ratios to the reference rates."""
    signals = burst.load.statuses.get("200", 0)
    signal_rate = signals / burst.seconds
    return {
        "signals": signals,
        "seconds": figures.round_known(burst.seconds, 3),
        "signals_per_s": figures.round_known(signal_rate),
        "ratios": {
            "signals_to_no_op_chains_of_five": figures.round_known(signal_rate / rates.chains, 3),
            "signals_to_no_op_tasks": figures.round_known(signal_rate / rates.tasks, 3),
            "signals_to_insert_commits_1_client": figures.round_known(signal_rate / rates.inserts_1, 3),
        },
        "load_generator": figures.describe_generator(burst.load),
    }


def _describe_paced_load(
    bench_stack: BenchStack, load: LoadResult, seen_at: dict[UUID, float], rates: ReferenceRates
) -> dict[str, Any]:
    """Describe a load at a steady rate: the time from request and from commit to both decisions."""
    stored_times = _load_stored_times(bench_stack)
    from_request, from_store = [], []
    for alert in load.acknowledged:
        signal_id = UUID(alert.signal_id)
        decided_at = seen_at.get(experiment_id_for(signal_id))
        if decided_at is not None:
            from_request.append((decided_at - alert.sent_at) * 1000)
            from_store.append((decided_at - stored_times[signal_id].timestamp()) * 1000)
    median = figures.find_quantile(from_request, 0.5)
    return {
        "signals": len(load.acknowledged),
        "decided": len(from_request),
        "request_to_both_decisions": figures.describe_quantiles(from_request, 0.5, 0.95),
        "stored_to_both_decisions": figures.describe_quantiles(from_store, 0.5, 0.95),
        "request_to_answer": figures.describe_quantiles(load.latencies_ms, 0.5, 0.95),
        "ratios": {"p50_to_lone_no_op_chain_of_five": figures.round_known(median and median / rates.lone_chain_ms, 3)},
        "measured": "from when the request was due, or stored_at, to the commit's notification at a listening client",
    }


def _load_stored_times(bench_stack: BenchStack) -> dict[UUID, datetime]:
    """Return the time at which each signal was stored, by its id."""
    return dict(bench_stack.rows("SELECT signal_id, stored_at FROM signals"))


def _count_results(bench_stack: BenchStack) -> dict[str, int]:
    """Count the results by name: decisions by engine and action, trades by ledger and status, failed attempts."""
    return dict(bench_stack.rows(_COUNT_RESULTS))


def _subtract_counts(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before.get(name, 0) for name in sorted(after)}
