"""`bench pipeline`: how many signals per second go through all five stages, and how soon a lone one is decided."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bench import accounting, figures, market, references
from bench.decided import Watch
from bench.ground import BOOK, BenchFailed, Ground
from bench.load import Load
from bench.references import References
from domain.trade import experiment_id_for

RATE = 20.0
_WARM_UP = 128
_POST_S = 120.0
_DRAIN_S = 180.0
_POLL_S = 0.02
_ENDED = """
    SELECT clock_timestamp(), count(*) FILTER (WHERE status <> 'open') FROM signals WHERE seq > %(newest)s
"""
_MADE = """
    SELECT 'decisions ' || engine || ' ' || action AS what, count(*) AS total FROM decisions GROUP BY 1
    UNION ALL
    SELECT CASE WHEN is_shadow THEN 'model' ELSE 'real' END || ' trades ' || side
        || CASE WHEN status = 'denied' THEN ' denied' ELSE '' END, count(*) FROM trades GROUP BY 1
    UNION ALL SELECT 'failed attempts', count(*) FROM task_failures
"""
_WITH_STATUS = "SELECT count(*) FROM signals WHERE status = %(status)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """A burst of alerts: what was answered, and the seconds from the first commit to the last signal processed."""

    load: Load
    seconds: float


def measure(ground: Ground, *, signals: int, seconds: float, reference_s: float) -> dict[str, Any]:
    """Return the document of `bench pipeline`."""
    market.store(ground.settings, book=BOOK, at=datetime.now(UTC))
    warm_up = ground.post(seconds=_POST_S, count=_WARM_UP)
    ground.await_idle(deadline_s=_DRAIN_S)
    known = references.measure(ground, seconds=reference_s)
    before = _counts(ground)
    burst = _burst(ground, signals)
    after = _counts(ground)
    with Watch(ground.settings) as watch:
        paced = ground.post(seconds=seconds, rate=RATE)
        ground.await_idle(deadline_s=_DRAIN_S)
    return {
        "bench": "pipeline",
        "machine": figures.machine(ground),
        "references": figures.references(known),
        "burst": _burst_figures(burst, known) | {"made": _difference(before, after)},
        "paced": _paced_figures(ground, paced, watch.seen_at, known) | {"alerts_per_s": RATE, "seconds": seconds},
        "accounting": accounting.account(ground, [warm_up, burst.load, paced]).as_json()
        | {status: ground.scalar(_WITH_STATUS, status=status) for status in ("done", "dead")},
    }


def _burst(ground: Ground, signals: int) -> Burst:
    newest = ground.scalar("SELECT max(seq) FROM signals")
    ended: list[datetime] = []
    load = ground.post(
        seconds=_POST_S, count=signals, meanwhile=lambda: ended.append(_processed_at(ground, signals, newest=newest))
    )
    began = ground.scalar("SELECT min(stored_at) FROM signals WHERE seq > %(newest)s", newest=newest)
    return Burst(load=load, seconds=(ended[0] - began).total_seconds())


def _processed_at(ground: Ground, signals: int, *, newest: int) -> datetime:
    """Wait until so many signals after `newest` are processed; return when that was seen, by the database's clock."""
    deadline, ended = time.monotonic() + _DRAIN_S, 0
    while time.monotonic() < deadline:
        ((at, ended),) = ground.rows(_ENDED, newest=newest)
        if ended >= signals:
            assert isinstance(at, datetime)  # noqa: S101 - the query's first column
            return at
        time.sleep(_POLL_S)
    raise BenchFailed(f"{ended} of {signals} signals were processed within {_DRAIN_S:.0f} s")


def _burst_figures(burst: Burst, known: References) -> dict[str, Any]:
    signals = burst.load.statuses.get("200", 0)
    rate = signals / burst.seconds
    return {
        "signals": signals,
        "seconds": figures.rounded(burst.seconds, 3),
        "signals_per_s": figures.rounded(rate),
        "ratios": {
            "signals_to_no_op_chains_of_five": figures.rounded(rate / known.chains, 3),
            "signals_to_no_op_tasks": figures.rounded(rate / known.tasks, 3),
            "signals_to_insert_commits_1_client": figures.rounded(rate / known.inserts_1, 3),
        },
        "load_generator": figures.generator(burst.load),
    }


def _paced_figures(ground: Ground, load: Load, seen_at: dict[UUID, float], known: References) -> dict[str, Any]:
    stored = _stored_at(ground)
    from_request, from_store = [], []
    for one in load.acknowledged:
        signal_id = UUID(one.signal_id)
        decided = seen_at.get(experiment_id_for(signal_id))
        if decided is not None:
            from_request.append((decided - one.sent_at) * 1000)
            from_store.append((decided - stored[signal_id].timestamp()) * 1000)
    median = figures.quantile(from_request, 0.5)
    return {
        "signals": len(load.acknowledged),
        "decided": len(from_request),
        "request_to_both_decisions": figures.spread(from_request, 0.5, 0.95),
        "stored_to_both_decisions": figures.spread(from_store, 0.5, 0.95),
        "request_to_answer": figures.spread(load.latencies_ms, 0.5, 0.95),
        "ratios": {"p50_to_lone_no_op_chain_of_five": figures.rounded(median and median / known.lone_chain_ms, 3)},
        "measured": "from when the request was due, or stored_at, to the commit's notification at a listening client",
    }


def _stored_at(ground: Ground) -> dict[UUID, datetime]:
    return dict(ground.rows("SELECT signal_id, stored_at FROM signals"))


def _counts(ground: Ground) -> dict[str, int]:
    """Count what there is: decisions by engine and action, trades by ledger and status, repeated attempts."""
    return dict(ground.rows(_MADE))


def _difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {what: after[what] - before.get(what, 0) for what in sorted(after)}
