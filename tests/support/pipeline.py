"""What tests of the pipeline share: a prepared database, stored signals, bars to look at, and a driver in process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from config import settings as configuration
from config.settings import Settings
from db import bars, policies
from db.core.session import Database
from db.policies import PolicyChange
from db.signals import Lease
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.policy import Switch
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind, Stage
from tasks import pipeline
from tasks.base_task import bodies, drive
from tasks.parts import Parts, make_parts

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOURLY = Interval.parse("1h")


def settings_for(database_url: str, redis_url: str, **environ: str) -> Settings:
    """Return settings for given servers."""
    given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": "a secret key for tests only"}
    given["MARKET_DATA"] = "alert"  # no test asks an exchange unless it says so
    return configuration.load({**given, **environ})


def prepared(database_url: str, redis_url: str, **environ: str) -> Parts:
    """Prepare a migrated database with books, policy, studies and the source `tests`, and return parts on it."""
    settings = settings_for(database_url, redis_url, **environ)
    pipeline.prepare(settings)
    parts = make_parts(settings)
    with parts.transaction() as session:
        session.execute(
            text(
                "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
                " VALUES ('tests', 'paper', 'x', '', 1000)"
            )
        )
    return parts


def add_trend(
    database: Database, *, symbol: str = "BTCUSDT", until: datetime = NOON, step: str = "20", book: str = "paper"
) -> None:
    """Store 401 hourly bars of a wavy trend; the last one opens at `until`."""
    feed = Feed(
        book=book,
        instrument=Instrument(symbol=symbol, exchange="", kind=InstrumentKind.UNKNOWN),
        interval=HOURLY,
        side=PriceSide.MID,
    )
    made = [_bar(number, until=until, step=Decimal(step)) for number in range(401)]
    with database.transaction() as session:
        bars.add(session, feed, made)


def store_signal(database: Database, **columns: Any) -> UUID:
    """Store an accepted signal as the webhook does: a long BTCUSDT entry at noon unless told otherwise."""
    signal_id = columns.pop("signal_id", None) or uuid4()
    given = {
        "signal_id": signal_id,
        "book": "paper",
        "source": "tests",
        "strategy": "",
        "symbol": "BTCUSDT",
        "exchange": "BINANCE",
        "instrument_kind": "spot",
        "direction": "long",
        "action": "entry",
        "timeframe": "1h",
        "timestamp": NOON,
        "received_at": NOON,
        "price": Decimal(38000),
        "signal_hash": signal_id.hex,
        "content_hash": signal_id.hex,
        "occurrence": 1,
        "dialect": "test",
        "raw_body": b"{}",
        "is_test": False,
    } | columns
    names = ", ".join(given)
    values = ", ".join(f":{name}" for name in given)
    with database.transaction() as session:
        session.execute(
            text(f"INSERT INTO signals ({names}, raw_payload) VALUES ({values}, cast('{{}}' AS jsonb))"), given
        )
    return signal_id


def run_all(parts: Parts, ids: Sequence[UUID], *, to: Stage = Stage.OUTCOME_RECORDED, lock: UUID | None = None) -> None:
    """Run the stages up to `to` in this process, as the worker would."""
    lease = Lease(lock=lock or uuid4(), worker="test", seconds=parts.settings.lease_s)
    for stage in (one for one in Stage if Stage.RECEIVED < one <= to):
        drive(bodies[stage], parts, list(ids), lease=lease, stage=stage)


def throw(database: Database, book: str, switch: Switch) -> None:
    """Set a book's switch, whatever else its policy says."""
    with database.transaction() as session:
        present = policies.load_current(session, [book])[book]
        wanted = PolicyChange(
            label="switched",
            mode=present.mode,
            split_ppm=present.split_ppm,
            set_by="tests",
            reason="a test",
            switch=switch,
        )
        policies.append_version(session, book, wanted)


def rows(database: Database, query: str, **given: Any) -> list[dict[str, Any]]:
    """Return rows as dictionaries."""
    with database.transaction() as session:
        return [dict(row) for row in session.execute(text(query), given).mappings()]


def with_engines(parts: Parts, engines: Any) -> Parts:
    """Return the parts with another panel."""
    return replace(parts, engines=engines)


def _bar(number: int, *, until: datetime, step: Decimal) -> Bar:
    price = Decimal(30000) + step * number + Decimal(round(300 * math.sin(number / 7), 2)).quantize(Decimal("0.01"))
    return Bar(
        open_time=until - timedelta(hours=400 - number),
        open=price,
        high=price + 80,
        low=price - 80,
        close=price + 30,
        volume=Decimal(10 + number % 5),
    )
