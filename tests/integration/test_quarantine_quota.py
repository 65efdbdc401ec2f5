"""Quarantine has a quota per source and a retention; what was refused by the quota is counted and told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db import quarantine_quota
from tests.support.webhook import WebhookApp, start_webhook_app

UNREADABLE = b"nothing that anybody could read"
REFUSED = "SELECT source, refused FROM quarantine_refusals"


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as made:
        yield made


def count_kept(webhook: WebhookApp) -> int:
    return len(webhook.rows("SELECT FROM webhook_events"))


def test_messages_beyond_the_quota_of_their_source_are_not_kept_and_counted(
    webhook: WebhookApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_quota, "MOST_MESSAGES", 2)
    other = webhook.add_source(name="other")

    answers = [webhook.post(UNREADABLE) for _ in range(4)]
    oversized = webhook.post(b"x" * 70_000)
    of_other = webhook.post(UNREADABLE, token=other)
    entry = webhook.post({"symbol": "BTCUSDT", "action": "buy"})

    assert [(status, document["status"]) for status, document in (*answers, oversized)] == [
        (422, "quarantined"),
        (422, "quarantined"),
        (422, "quarantine_full"),
        (422, "quarantine_full"),
        (413, "quarantine_full"),
    ]
    assert "event_id" not in answers[-1][1]
    assert (of_other[1]["status"], entry[0]) == ("quarantined", 200)
    assert count_kept(webhook) == 3
    assert webhook.rows(REFUSED) == [{"source": "desk", "refused": 3}]


def test_the_quota_counts_bytes_too(webhook: WebhookApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_quota, "MOST_BYTES", 40)

    statuses = [webhook.post(UNREADABLE)[1]["status"] for _ in range(3)]

    assert statuses == ["quarantined", "quarantined", "quarantine_full"]


def test_a_full_quarantine_is_told_until_there_is_room(webhook: WebhookApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_quota, "MOST_MESSAGES", 1)
    webhook.post(UNREADABLE)

    found = []
    for most in (1, 1, 5):
        monkeypatch.setattr(quarantine_quota, "MOST_MESSAGES", most)
        with webhook.database.transaction() as session:
            found.append([(one.kind, one.subject) for one in quarantine_quota.find_full(session)])
        webhook.post(UNREADABLE)

    assert found == [[], [("quarantine_full", "desk")], []]


def test_messages_are_removed_after_90_days_and_not_before(webhook: WebhookApp) -> None:
    for _ in range(2):
        webhook.post(UNREADABLE)
    with webhook.database.transaction() as session:
        session.execute(
            text("""
                UPDATE webhook_events SET received_at = now() - interval '91 days'
                WHERE event_id = (SELECT min(event_id::text)::uuid FROM webhook_events)
            """)
        )
    with webhook.database.transaction() as session:
        removed = quarantine_quota.remove_old(session, limit=10)

    assert (removed, count_kept(webhook)) == (1, 1)
    with pytest.raises(IntegrityError, match="stay for 90 days"), webhook.database.transaction() as session:
        session.execute(text("DELETE FROM webhook_events"))
