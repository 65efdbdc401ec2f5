"""Sources are watched: who falls silent, and whose alerts TradingView is about to stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from db import incidents
from db.source_health import watch
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.pipeline import prepared, store_signal


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


def change(parts: Parts, statement: str) -> None:
    with parts.transaction() as session:
        session.execute(text(statement))


def new(parts: Parts) -> list[tuple[str, str]]:
    """Look once, and return what is new."""
    with parts.transaction() as session:
        return [(one.kind, one.subject) for one in watch.update_incidents(session)]


def still_open(parts: Parts) -> list[tuple[Any, Any]]:
    with parts.transaction() as session:
        return [(one["kind"], one["subject"]) for one in incidents.list_open(session)]


def test_a_source_that_is_silent_for_too_long_is_told_once_until_it_speaks_again(parts: Parts) -> None:
    change(parts, "UPDATE sources SET heartbeat_s = 3600, created_at = now() - interval '2 hours'")

    first, second = new(parts), new(parts)
    store_signal(parts.database)
    third = new(parts)

    assert first == [("source_silent", "tests")]
    assert (second, third) == ([], [])
    assert still_open(parts) == []


@pytest.mark.parametrize(
    ("heartbeat", "enabled", "hours"), [("NULL", True, 2), ("9000", True, 2), ("3600", False, 2), ("3600", True, 0)]
)
def test_a_source_that_may_be_silent_is_left_alone(parts: Parts, heartbeat: str, enabled: bool, hours: int) -> None:
    change(
        parts,
        f"UPDATE sources SET heartbeat_s = {heartbeat}, enabled = {enabled},"
        f" created_at = now() - interval '{hours} hours'",
    )

    assert new(parts) == []


def test_a_message_in_quarantine_is_a_sign_of_life(parts: Parts) -> None:
    change(parts, "UPDATE sources SET heartbeat_s = 3600, created_at = now() - interval '2 hours'")
    change(
        parts,
        "INSERT INTO webhook_events (event_id, source, book, kind, received_at, raw_body, content_type, errors)"
        " VALUES (gen_random_uuid(), 'tests', 'paper', 'quarantined', now(), '', '', '{}')",
    )

    assert new(parts) == []


@pytest.mark.parametrize(("count", "told"), [(11, []), (12, [("alerts_too_fast", "tests BTCUSDT waves")])])
def test_alerts_that_come_nearly_too_fast_are_told(parts: Parts, count: int, told: list[tuple[str, str]]) -> None:
    for _ in range(count):
        store_signal(parts.database, strategy="waves")
    store_signal(parts.database, strategy="other")

    assert new(parts) == told


@pytest.mark.parametrize(("days", "told"), [(52, []), (54, [("alerts_expire", "tests")])])
def test_alerts_that_are_nearly_two_months_old_are_told(parts: Parts, days: int, told: list[tuple[str, str]]) -> None:
    store_signal(parts.database)
    change(parts, f"UPDATE sources SET renewed_at = now() - interval '{days} days'")

    assert new(parts) == told
