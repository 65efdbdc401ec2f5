"""Due times that only a database clock that was set back explains, and those that are as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from db import clock_steps, signals
from db.clock_steps import CutTimes
from db.signals import Lease
from domain.signal import Stage
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal

NEAR = timedelta(minutes=11)
DAY = "interval '1 day'"


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url, ENGINE_A="committee", ENGINE_B="committee")
    add_trend(made.database)
    yield made
    made.database.dispose()


def cut(parts: Parts) -> CutTimes:
    with parts.transaction() as session:
        return clock_steps.cut_future_times(
            session, lease_s=parts.settings.lease_s, backoff_s=parts.settings.worker_backoff_ms / 1000
        )


def change(parts: Parts, statement: str, **given: Any) -> None:
    assert rows(parts.database, f"{statement} RETURNING 1", **given)


def ahead(parts: Parts, column: str, table: str) -> list[timedelta]:
    return [row["ahead"] for row in rows(parts.database, f"SELECT {column} - clock_timestamp() AS ahead FROM {table}")]


def test_leases_pauses_and_look_ups_that_lie_a_day_ahead_are_brought_near(parts: Parts) -> None:
    traded = store_signal(parts.database, strategy="traded")
    run_all(parts, [traded])
    waiting, leased = (store_signal(parts.database, strategy=name) for name in ("waiting", "leased"))
    change(parts, f"UPDATE signals SET next_attempt_at = now() + {DAY} WHERE signal_id = :id", id=waiting)
    change(
        parts,
        f"UPDATE signals SET processing_lock = :lock, lock_expires_at = now() + {DAY} WHERE signal_id = :id",
        id=leased,
        lock=uuid4(),
    )
    change(
        parts,
        f"UPDATE orders SET state = 'unknown', next_check_at = now() + {DAY}, not_after = now() + {DAY}"
        " WHERE venue = 'paper'",
    )
    change(parts, "INSERT INTO incidents (kind, subject, detail) VALUES ('order_unknown', 'x', '{}')")
    change(
        parts,
        "INSERT INTO notifications (incident_id, event, next_attempt_at)"
        f" SELECT incident_id, 'opened', now() + {DAY} FROM incidents",
    )

    first, second = cut(parts), cut(parts)

    assert first == CutTimes(signals=2, orders=1, notifications=1)
    assert second == CutTimes(signals=0, orders=0, notifications=0)
    assert max(ahead(parts, "greatest(next_attempt_at, lock_expires_at, enqueued_at)", "signals")) < NEAR
    assert max(ahead(parts, "greatest(next_check_at, not_after)", "orders WHERE venue = 'paper'")) < NEAR
    assert max(ahead(parts, "next_attempt_at", "notifications")) < NEAR


def test_a_lease_and_the_longest_pause_that_are_given_now_stay(parts: Parts) -> None:
    held, failed = (store_signal(parts.database, strategy=name) for name in ("held", "failed"))
    lease = Lease(lock=uuid4(), worker="test", seconds=parts.settings.lease_s)
    with parts.transaction() as session:
        signals.claim(session, [held, failed], lease=lease, for_stage=Stage.CONTEXT_CAPTURED)
    change(parts, "UPDATE signals SET attempts = 3 WHERE signal_id = :id", id=failed)
    with parts.transaction() as session:
        signals.fail(
            session,
            failed,
            lease=lease,
            for_stage=Stage.CONTEXT_CAPTURED,
            error="a test",
            backoff_s=parts.settings.worker_backoff_ms / 1000,
        )
    before = rows(parts.database, "SELECT next_attempt_at, lock_expires_at FROM signals ORDER BY seq")

    assert cut(parts) == CutTimes(signals=0, orders=0, notifications=0)
    assert rows(parts.database, "SELECT next_attempt_at, lock_expires_at FROM signals ORDER BY seq") == before
