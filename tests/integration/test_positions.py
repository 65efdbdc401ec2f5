"""What our trades say is held, against what the venue says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from domain.ports import Broker, VenuePosition, VenueUnavailable
from stack.servers import ServerUrls
from tasks import position_check
from tasks.parts import Parts
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal


class HoldingBroker:
    """A broker of which only the positions are asked; everything else is the paper venue's."""

    def __init__(self, inner: Broker, held: list[VenuePosition] | None) -> None:
        self._inner, self._held = inner, held

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def positions(self) -> list[VenuePosition]:
        if self._held is None:
            raise VenueUnavailable("silent")
        return self._held


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    """Give a live book that holds one real trade of BTCUSDT."""
    made = prepared(database_url, server_urls.redis_url, ENGINE_A="committee", ENGINE_B="committee")
    add_trend(made.database, book="live")
    with made.transaction() as session:
        session.execute(text("UPDATE sources SET book = 'live'"))
    run_all(made, [store_signal(made.database, book="live")])
    yield made
    made.database.dispose()


def held_by_us(parts: Parts) -> Decimal:
    (row,) = rows(parts.database, "SELECT quantity FROM trades WHERE NOT is_shadow AND status = 'open'")
    return Decimal(row["quantity"])


def at(parts: Parts, held: list[VenuePosition] | None) -> Parts:
    return replace(parts, real_broker=HoldingBroker(parts.paper_broker, held))  # type: ignore[arg-type]


@pytest.mark.parametrize("share", ["1", "0.995", "3"])
def test_what_the_venue_holds_for_our_trades_is_no_incident(parts: Parts, share: str) -> None:
    held = [VenuePosition(symbol="BTCUSDT", quantity=held_by_us(parts) * Decimal(share))]

    assert position_check.open_mismatch_incidents(at(parts, held), "live") == []
    assert rows(parts.database, "SELECT FROM incidents") == []


@pytest.mark.parametrize("share", ["0.5", None])
def test_less_than_our_trades_say_is_one_incident_however_often_it_is_seen(parts: Parts, share: str | None) -> None:
    held = [] if share is None else [VenuePosition(symbol="BTCUSDT", quantity=held_by_us(parts) * Decimal(share))]

    seen = [position_check.open_mismatch_incidents(at(parts, held), "live") for _ in range(2)]

    assert seen == [["BTCUSDT"], ["BTCUSDT"]]
    (incident,) = rows(parts.database, "SELECT kind, subject FROM incidents")
    assert incident == {"kind": "position_mismatch", "subject": "live:BTCUSDT"}


def test_a_silent_venue_proves_nothing(parts: Parts) -> None:
    assert position_check.open_mismatch_incidents(at(parts, None), "live") == []
    assert rows(parts.database, "SELECT FROM incidents") == []
