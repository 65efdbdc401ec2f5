"""Before the disk of the data is full, new entries are refused and replays wait, while exits go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from db import books
from domain.signal import Stage
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.pipeline import NOON, add_trend, prepared, rows, run_all, store_signal
from tests.support.webhook import WebhookApp, start_webhook_app

ENTRY = {"symbol": "BTCUSDT", "action": "buy", "price": "38000"}
EXIT = {"symbol": "BTCUSDT", "action": "exit", "direction": "long"}
MEGABYTE = 1 << 20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Let the disk of 100 GB have this much left."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100_000 * MEGABYTE, 0, free))


@pytest.fixture
def webhook(database_url: str, tmp_path: Path) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url, environ={"DATA_DIR": str(tmp_path)}) as made:
        yield made


def test_entries_get_503_and_exits_200_until_there_is_room_again(
    webhook: WebhookApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 200 * MEGABYTE)
    statuses = [webhook.post(body)[0] for body in (ENTRY, b"{unreadable", b"x" * 70_000, EXIT)]
    leave(monkeypatch, 300 * MEGABYTE)
    afterwards = webhook.post(ENTRY)[0]

    assert statuses == [503, 503, 503, 200]
    assert afterwards == 200
    assert [row["action"] for row in webhook.rows("SELECT action FROM signals ORDER BY seq")] == ["exit", "entry"]
    assert webhook.rows("SELECT FROM webhook_events") == []


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls, tmp_path: Path) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url, DATA_DIR=str(tmp_path))
    add_trend(made.database)
    yield made
    made.database.dispose()


def test_signals_of_replays_wait_for_room_and_accepted_ones_are_finished(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with parts.transaction() as session:
        books.create_replay(session, "replay:0123456789ab", cursor=NOON)
    entry, closing = store_signal(parts.database), store_signal(parts.database, action="exit")
    replayed = store_signal(parts.database, book="replay:0123456789ab", action="exit")
    states = "SELECT stage, status FROM signals ORDER BY seq"

    leave(monkeypatch, 200 * MEGABYTE)
    run_all(parts, [entry, closing, replayed])
    short = [tuple(row.values()) for row in rows(parts.database, states)]
    leave(monkeypatch, 300 * MEGABYTE)
    run_all(parts, [replayed])

    done = (Stage.OUTCOME_RECORDED.value, "done")
    assert short == [done, done, (Stage.RECEIVED.value, "open")]
    assert [row["status"] for row in rows(parts.database, states)] == ["done", "done", "done"]
