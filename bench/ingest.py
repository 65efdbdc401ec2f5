"""`bench ingest`: how many alerts per second the webhook acknowledges, how soon, and that each of them is stored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from bench import accounting, figures, market, references
from bench.ground import BOOK, Ground
from bench.load import Load
from bench.references import References

_WARM_UP = 128
_WARM_UP_S = 30.0
_DRAIN_S = 120.0
_BEHIND_IT = ("worker", "exits")


def measure(ground: Ground, *, seconds: float, connections: int, reference_s: float) -> dict[str, Any]:
    """Return the document of `bench ingest`.

    The webhook is measured with the workers held, which shows what it can take, and then with them at work on what
    comes in, which is how a burst feels on this machine.
    """
    market.store(ground.settings, book=BOOK, at=datetime.now(UTC))
    loads = [ground.post(seconds=_WARM_UP_S, connections=connections, count=max(_WARM_UP, connections))]
    ground.await_idle(deadline_s=_DRAIN_S)
    known = references.measure(ground, seconds=reference_s)
    with _held(ground):
        loads.append(ground.post(seconds=seconds, connections=connections))
    loads.append(ground.post(seconds=seconds, connections=connections))
    return {
        "bench": "ingest",
        "machine": figures.machine(ground),
        "seconds": seconds,
        "connections": connections,
        "references": figures.references(known),
        "workers_held": _figures(loads[1], known),
        "workers_at_work": _figures(loads[2], known),
        "accounting": accounting.account(ground, loads).as_json(),
    }


def _figures(load: Load, known: References) -> dict[str, Any]:
    """Write one load's figures; `latency` covers every answer, `others` counts those that were not 200."""
    rate = load.statuses.get("200", 0) / load.seconds
    p99 = figures.quantile(load.latencies_ms, 0.99)
    return {
        "requests": len(load.latencies_ms),
        "acknowledged_per_s": figures.rounded(rate),
        "latency": figures.spread(load.latencies_ms, 0.5, 0.95, 0.99),
        "others": {status: count for status, count in load.statuses.items() if status != "200"},
        "unanswered": load.unanswered,
        "ratios": {
            "acknowledged_to_insert_commits_1_client": figures.rounded(rate / known.inserts_1, 3),
            "acknowledged_to_insert_commits_8_clients": figures.rounded(rate / known.inserts_8, 3),
            "p99_in_insert_commits_1_client": figures.rounded(p99 and p99 * known.inserts_1 / 1000),
        },
        "load_generator": figures.generator(load),
    }


@contextmanager
def _held(ground: Ground) -> Iterator[None]:
    """Stop the workers' processes for the block, as they stand; afterwards they go on where they were."""
    pids = ground.stack.supervisor.pids()
    groups = [pids[name] for name in _BEHIND_IT if name in pids]
    try:
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        yield
    finally:
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGCONT)
