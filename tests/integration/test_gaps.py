"""Alerts that never came: holes in numbers and in positions, told once the late ones had their time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from db import incidents
from db.source_health import watch
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.pipeline import prepared, store_signal

NOW = datetime.now(UTC)
LONG, SHORT, FLAT = "long", "short", "flat"


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


def came(parts: Parts, minute: int, *, stored_s_ago: float = 600, **columns: Any) -> UUID:
    """Store an alert that fired so many minutes after the first, ten minutes ago unless told otherwise."""
    fired = {"event_at": NOW - timedelta(hours=3) + timedelta(minutes=minute), "timestamp": None}
    stored_at = datetime.now(UTC) - timedelta(seconds=stored_s_ago)
    return store_signal(parts.database, **fired | {"stored_at": stored_at} | columns)


def moved(parts: Parts, minute: int, before: str, after: str, **columns: Any) -> UUID:
    """Store an alert of a strategy that tells where it stood."""
    return came(parts, minute, position_before=before, position_after=after, **columns)


def new(parts: Parts) -> list[dict[str, Any]]:
    """Look once, and return what is new of alerts that are missing, without the ids."""
    with parts.transaction() as session:
        found = [one for one in watch.update_incidents(session) if one.kind == watch.MISSING]
    return [{name: value for name, value in one.detail.items() if name not in ("after", "before")} for one in found]


def still_open(parts: Parts) -> int:
    with parts.transaction() as session:
        return len(incidents.list_open(session))


def test_a_hole_in_the_numbers_is_told_once_with_the_alerts_around_it(parts: Parts) -> None:
    came(parts, 0, sequence=6)
    after, before = came(parts, 1, sequence=7, strategy="waves"), came(parts, 2, sequence=10, strategy="waves")

    with parts.transaction() as session:
        [found] = watch.update_incidents(session)
    again = new(parts)

    assert found.kind == "alerts_missing"
    assert found.subject == f"tests BTCUSDT waves {after.hex[:8]}..{before.hex[:8]}"
    assert found.detail == {"after": str(after), "before": str(before), "numbers": "8 to 9"}
    assert (again, still_open(parts)) == ([], 1)


def test_a_position_that_no_alert_led_to_is_told(parts: Parts) -> None:
    moved(parts, 0, FLAT, LONG)
    moved(parts, 1, LONG, FLAT)
    moved(parts, 2, SHORT, LONG)

    assert new(parts) == [{"from": FLAT, "to": SHORT}]


def test_a_hole_that_both_show_is_one(parts: Parts) -> None:
    moved(parts, 0, FLAT, LONG, sequence=1)
    moved(parts, 1, FLAT, SHORT, sequence=3)

    assert new(parts) == [{"numbers": "2", "from": LONG, "to": FLAT}]


def test_a_strategy_that_trades_once_in_weeks_is_judged_by_its_last_alert(parts: Parts) -> None:
    weeks = 21 * 24 * 60
    moved(parts, -weeks, FLAT, LONG, stored_s_ago=weeks * 60)
    moved(parts, 0, FLAT, SHORT)

    assert new(parts) == [{"from": LONG, "to": FLAT}]


def test_alerts_that_tell_the_time_of_a_weekly_bar_are_judged_by_it(parts: Parts) -> None:
    for weeks, number in ((4, 1), (3, 2), (2, 3), (1, 5)):
        bar, stored_at = NOW - timedelta(weeks=weeks + 1), NOW - timedelta(weeks=weeks - 1, minutes=10)
        came(parts, 0, sequence=number, event_at=None, timestamp=bar, stored_at=stored_at, timeframe="1w")

    assert new(parts) == [{"numbers": "4"}]


@pytest.mark.parametrize(("stored_s_ago", "told"), [(100, 0), (140, 1), (86_300, 1), (86_500, 0)])
def test_late_alerts_are_given_their_time_and_old_ones_left_alone(parts: Parts, stored_s_ago: int, told: int) -> None:
    came(parts, 0, sequence=1, stored_s_ago=90_000)
    came(parts, 1, sequence=3, stored_s_ago=stored_s_ago)

    assert len(new(parts)) == told


def test_a_late_alert_that_fills_the_hole_settles_it(parts: Parts) -> None:
    moved(parts, 0, FLAT, LONG, sequence=1)
    moved(parts, 2, FLAT, LONG, sequence=3)
    first = new(parts)

    moved(parts, 1, LONG, FLAT, sequence=2, stored_s_ago=1)

    assert (len(first), new(parts), still_open(parts)) == (1, [], 0)


def test_a_late_alert_that_fills_a_part_leaves_what_is_still_missing(parts: Parts) -> None:
    came(parts, 0, sequence=1)
    came(parts, 5, sequence=6)
    first = new(parts)

    came(parts, 2, sequence=3)

    assert first == [{"numbers": "2 to 5"}]
    assert new(parts) == [{"numbers": "2"}, {"numbers": "4 to 5"}]
    assert still_open(parts) == 2


def test_a_hole_stays_open_for_longer_than_it_is_looked_for(parts: Parts) -> None:
    came(parts, 0, sequence=1)
    came(parts, 2, sequence=3)
    new(parts)

    with parts.transaction() as session:
        session.execute(text("UPDATE signals SET stored_at = stored_at - interval '2 days'"))
    later = new(parts), still_open(parts)
    came(parts, 1, sequence=2)

    assert later == ([], 1)
    assert (new(parts), still_open(parts)) == ([], 0)


def test_alerts_that_tell_no_time_are_found_by_their_numbers_in_whatever_order_they_came(parts: Parts) -> None:
    for place, number in enumerate((1, 2, 4, 3, 7, 6)):
        came(
            parts,
            0,
            sequence=number,
            event_at=None,
            received_at=NOW - timedelta(minutes=30 - place),
            stored_at=NOW - timedelta(minutes=30 - place),
            position_before=SHORT,
            position_after=LONG,
        )

    assert new(parts) == [{"numbers": "5"}]


@pytest.mark.parametrize(
    "alerts",
    [
        pytest.param([(0, 98, {}), (1, 99, {}), (2, 1, {}), (3, 2, {})], id="a count that starts again"),
        pytest.param([(0, 5, {}), (1, 5_000_000, {})], id="another count"),
        pytest.param([(0, 5, {}), (1, None, {}), (2, 6, {})], id="one without a number between"),
        pytest.param([(0, 1, {}), (1, 7, {"strategy": "other"})], id="another strategy"),
        pytest.param([(0, 1, {}), (1, 7, {"symbol": "ETHUSDT"})], id="another symbol"),
        pytest.param([(0, 1, {}), (1, 7, {"exchange": "KRAKEN"})], id="another exchange"),
        pytest.param([(0, 1, {}), (1, 7, {"instrument_kind": "perp"})], id="another kind"),
        pytest.param([(0, 1, {}), (1, 7, {"timeframe": "5m"})], id="another timeframe"),
        pytest.param([(0, 1, {}), (1, 7, {"timeframe": None})], id="no timeframe"),
        pytest.param([(0, 1, {}), (1, 7, {"book": "test"})], id="another book"),
        pytest.param([(0, 1, {}), (2, 3, {}), (1, 2, {"stored_s_ago": 1})], id="out of order"),
        pytest.param([(0, 3, {}), (0, 1, {}), (0, 2, {})], id="in one second"),
    ],
)
def test_numbers_without_a_hole_are_left_alone(
    parts: Parts, alerts: list[tuple[int, int | None, dict[str, Any]]]
) -> None:
    for minute, number, columns in alerts:
        came(parts, minute, sequence=number, **columns)

    assert new(parts) == []


@pytest.mark.parametrize(
    "alerts",
    [
        pytest.param([(0, FLAT, LONG), (1, LONG, LONG), (2, LONG, SHORT), (3, SHORT, FLAT)], id="a chain"),
        pytest.param([(0, FLAT, LONG), (1, FLAT, SHORT), (1, LONG, FLAT)], id="two of one second, swapped"),
        pytest.param([(0, FLAT, LONG), (2, FLAT, SHORT), (1, LONG, FLAT)], id="swapped on the way"),
        pytest.param([(0, None, LONG), (1, None, FLAT), (2, None, LONG)], id="what was before is not told"),
        pytest.param([(0, FLAT, None), (1, LONG, None)], id="what comes after is not told"),
    ],
)
def test_positions_that_lead_to_each_other_are_left_alone(
    parts: Parts, alerts: list[tuple[int, str | None, str | None]]
) -> None:
    for minute, before, after in alerts:
        came(parts, minute, position_before=before, position_after=after)

    assert new(parts) == []


def test_a_hole_that_was_closed_by_hand_is_not_opened_again(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", parts.settings.database_url or "")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    came(parts, 0, sequence=1)
    came(parts, 1, sequence=4)
    new(parts)
    runner = CliRunner()
    [listed] = json.loads(runner.invoke(cli, ["incidents", "list", "--json"]).stdout)["incidents"]

    closed = runner.invoke(cli, ["incidents", "close", listed["incident_id"], "--reason", "the alert was off"])

    assert closed.exit_code == 0
    assert (new(parts), still_open(parts)) == ([], 0)
    came(parts, 2, sequence=6)
    assert new(parts) == [{"numbers": "5"}]


def test_replays_are_not_watched(parts: Parts) -> None:
    with parts.transaction() as session:
        session.execute(text("INSERT INTO books (book, kind, cursor) VALUES ('replay:1', 'replay', now())"))
        session.execute(
            text("INSERT INTO sources (name, book, token_hash, token_encrypted) VALUES ('again', 'replay:1', 'y', '')")
        )
    for minute, number in ((0, 1), (1, 5)):
        came(parts, minute, sequence=number, source="again", book="replay:1")

    assert new(parts) == []


def test_what_came_in_the_middle_of_a_hole_is_not_missing(parts: Parts) -> None:
    for place, number in enumerate((1, 9, 5)):
        at = NOW - timedelta(minutes=30 - place)
        came(parts, 0, sequence=number, event_at=None, received_at=at, stored_at=at)

    assert new(parts) == [{"numbers": "2 to 4, 6 to 8"}]
