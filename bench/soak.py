"""`bench soak`: a steady load with pages open, and the slope of everything that could grow for weeks."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import alert_counts, figures, market_bars, page_polling, process_usage, trends
from bench.fresh_stack import BOOK, BenchStack
from bench.load_generator import LoadResult
from bench.trends import Series, Trend
from db import verification
from db.core.session import Database

_SAMPLES = 120
_SHORTEST_PAUSE_S = 0.25
_DRAIN_S = 120.0
_LATENCY_PARTS = 40
_MB = 1_000_000
_CONNECTIONS = 4
# Growth in 30 days that is of no concern.
_ALLOWED_MB, _ALLOWED_DESCRIPTORS, _ALLOWED_CONNECTIONS, _ALLOWED_MS = 200.0, 200.0, 10.0, 250.0
_REPLACED = "replaced at PROCESS_MEMORY_MB"
_MEMORY_BOUNDS = {
    "web": _REPLACED,
    "worker": _REPLACED,
    "orders": _REPLACED,
    "exits": _REPLACED,
    "flower": "the last 10,000 tasks",
    "postgres": "shared_buffers, and one backend for each connection",
}
_DISK_BOUNDS = {
    "wal": "max_wal_size",
    "logs": "two files of 10 MB for each log",
    "redis": "rewritten when it has doubled",
}
_TABLES = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
_CONNECTION_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
_WAL = "SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()"
Points = dict[str, list[tuple[float, float]]]


def measure_soak(bench_stack: BenchStack, *, minutes: float, rate: float) -> dict[str, Any]:
    """Send alerts at a rate with pages open, and judge the slope of every series; `unbounded` names those that grow."""
    market_bars.store_trending_bars(bench_stack.settings, book=BOOK, at=datetime.now(UTC))
    seconds, points = minutes * 60, defaultdict[str, list[tuple[float, float]]](list)
    rows_before = _count_rows(bench_stack)
    token = (bench_stack.stack.data_dir / "api_token").read_text(encoding="ascii").strip()
    with page_polling.poll_pages(bench_stack.stack.web_url, token=token) as pages:
        load = bench_stack.post(
            seconds=seconds,
            connections=_CONNECTIONS,
            rate=rate,
            meanwhile=lambda: _take_samples(bench_stack, points, seconds=seconds),
        )
    bench_stack.wait_until_idle(deadline_s=_DRAIN_S)
    rows = {table: count - rows_before[table] for table, count in _count_rows(bench_stack).items()}
    found = [
        trends.find_trend(series) for series in (*_describe_series(points, rows), _describe_latency(load, seconds))
    ]
    return _describe(bench_stack, load, pages, found, minutes=minutes, rate=rate)


def _describe(
    bench_stack: BenchStack,
    load: LoadResult,
    pages: Counter[str],
    found: Sequence[Trend],
    *,
    minutes: float,
    rate: float,
) -> dict[str, Any]:
    broken = _find_broken_rules(bench_stack)
    return {
        "bench": "soak",
        "machine": figures.describe_machine(bench_stack),
        "minutes": minutes,
        "rate": rate,
        "latency": figures.describe_quantiles(load.latencies_ms, 0.5, 0.99),
        "pages": dict(pages),
        "trends": {trend.name: trend.as_json() for trend in found},
        "unbounded": [trend.name for trend in found if trend.is_unbounded],
        "violations": broken,
        "accounting": alert_counts.count_alerts(bench_stack, [load]).as_json(),
    }


def _take_samples(bench_stack: BenchStack, points: Points, *, seconds: float) -> None:
    """Take a sample of everything at even times until the load has ended."""
    began = time.monotonic()
    pause_s = max(seconds / _SAMPLES, _SHORTEST_PAUSE_S)
    while (elapsed := time.monotonic() - began) < seconds:
        for name, value in _measure(bench_stack):
            points[name].append((elapsed, value))
        time.sleep(max(0.0, began + elapsed + pause_s - time.monotonic()))


def _measure(bench_stack: BenchStack) -> Iterator[tuple[str, float]]:
    """Yield the name and value of each series at this moment."""
    for name, usage in process_usage.measure_processes(bench_stack.stack.supervisor.pids()).items():
        yield f"memory {name}", usage.memory_mb
        yield f"descriptors {name}", usage.descriptors
    yield "connections", bench_stack.scalar(_CONNECTION_COUNT)
    for table, size in bench_stack.rows(_TABLES):
        yield f"table {table}", size / _MB
    yield "disk wal", bench_stack.scalar(_WAL) / _MB
    yield "disk logs", _measure_directory(bench_stack.stack.data_dir / "log")
    yield "disk redis", _measure_directory(bench_stack.stack.data_dir / "redis")


def _measure_directory(path: Path) -> float:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / _MB


def _describe_series(points: Points, rows: Mapping[str, int]) -> Iterator[Series]:
    """Yield the series with what is allowed to grow, and what bounds a growth."""
    for name, values in sorted(points.items()):
        kind, _, subject = name.partition(" ")
        match kind:
            case "memory":
                yield _build(name, "MB", values, allowed=_ALLOWED_MB, bound=_MEMORY_BOUNDS.get(subject))
            case "descriptors":
                yield _build(name, "open", values, allowed=_ALLOWED_DESCRIPTORS)
            case "connections":
                yield _build(name, "open", values, allowed=_ALLOWED_CONNECTIONS)
            case "table":
                kept = f"records that are kept: {rows[subject]} new rows" if rows.get(subject) else None
                yield _build(name, "MB", values, allowed=_ALLOWED_MB, bound=kept)
            case _:
                yield _build(name, "MB", values, allowed=_ALLOWED_MB, bound=_DISK_BOUNDS.get(subject))


def _build(
    name: str, unit: str, points: list[tuple[float, float]], *, allowed: float, bound: str | None = None
) -> Series:
    return Series(name=name, unit=unit, points=points, allowed=allowed, bound=bound)


def _describe_latency(load: LoadResult, seconds: float) -> Series:
    """Return the median latency of the webhook over time, in parts of the load."""
    size = max(1, len(load.latencies_ms) // _LATENCY_PARTS)
    parts = [load.latencies_ms[start : start + size] for start in range(0, len(load.latencies_ms), size)]
    medians = [figures.find_quantile(part, 0.5) or 0.0 for part in parts]
    points = [(seconds * number / len(medians), median) for number, median in enumerate(medians)]
    return Series(name="latency webhook", unit="ms", points=points, allowed=_ALLOWED_MS)


def _count_rows(bench_stack: BenchStack) -> dict[str, int]:
    """Return the number of rows that each table was given less those that were deleted."""
    bench_stack.rows("SELECT pg_stat_clear_snapshot()::text")
    counts = bench_stack.rows("SELECT relname, n_tup_ins - n_tup_del FROM pg_stat_user_tables")
    return {str(table): int(count) for table, count in counts}


def _find_broken_rules(bench_stack: BenchStack) -> list[str]:
    """Return the rules of `verify` that the database violates."""
    database = Database(bench_stack.settings.sqlalchemy_url, pool_size=1)
    try:
        with database.snapshot() as session:
            return [finding.rule for finding in verification.check(session) if not finding.holds]
    finally:
        database.dispose()
