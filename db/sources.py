"""Sources: who may post alerts, into which book, and how their messages are read."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core.listing import Columns, PageQuery, SortKey
from domain.intervals import Interval
from domain.signal import InstrumentKind, SellAlone, Source

_COLUMNS = """name, book, token_hash, token_encrypted, strategy, timeframe, exchange, instrument_kind, sell_alone,
    confidence_scale, max_lag_s, dialect, symbols, heartbeat_s, sizing, enabled,
    CASE WHEN previous_until > now() THEN previous_token_hash END AS previous_token_hash"""
SOURCES = PageQuery(
    select=f"SELECT {_COLUMNS} FROM sources",
    conditions={"book": "book = :book", "enabled": "enabled = :enabled"},
    order=(SortKey(column="name", kind=str, sql='name COLLATE "C"'),),
    is_ascending=True,
)
_INSERT = text("""
    INSERT INTO sources (name, book, token_hash, token_encrypted, strategy, timeframe, exchange, instrument_kind,
        sell_alone, confidence_scale, max_lag_s, dialect, symbols, heartbeat_s, sizing)
    VALUES (:name, :book, :token_hash, :token_encrypted, :strategy, :timeframe, :exchange, :instrument_kind,
        :sell_alone, :confidence_scale, :max_lag_s, :dialect, cast(:symbols AS jsonb), :heartbeat_s,
        :sizing)
    ON CONFLICT (name) DO NOTHING RETURNING name
""")
_CHANGE = text("""
    UPDATE sources SET strategy = :strategy, timeframe = :timeframe, exchange = :exchange,
        instrument_kind = :instrument_kind, sell_alone = :sell_alone, confidence_scale = :confidence_scale,
        max_lag_s = :max_lag_s, dialect = :dialect, symbols = cast(:symbols AS jsonb), heartbeat_s = :heartbeat_s,
        sizing = :sizing
    WHERE name = :name AND book = :book RETURNING name
""")


class SourceExists(ValueError):
    """There is a source of that name."""


class SourceUnknown(ValueError):
    """There is no source of that name."""


class BookUnknown(ValueError):
    """There is no book of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """A source as it is stored: its token hashed for look-up and encrypted for display.

    `previous_token_hash` is that of the token before, as long as it still holds.
    """

    source: Source
    token_hash: str
    token_encrypted: bytes
    enabled: bool
    previous_token_hash: str | None = None

    def answers_to(self, token_hash: str) -> bool:
        """Say whether this is the hash of a token that holds, in a time that tells nothing of how near it is."""
        known = (self.token_hash, self.previous_token_hash or self.token_hash)
        return any([hmac.compare_digest(one, token_hash) for one in known])  # noqa: C419 - both are compared


def add(session: Session, source: Source, *, token_hash: str, token_encrypted: bytes) -> None:
    """Store a new source.

    Raises:
        BookUnknown: when its book does not exist; SourceExists: when its name is taken.
    """
    if not session.execute(text("SELECT FROM books WHERE book = :book"), {"book": source.book}).all():
        raise BookUnknown(source.book)
    given = _row(source) | {"token_hash": token_hash, "token_encrypted": token_encrypted}
    if session.execute(_INSERT, given).one_or_none() is None:
        raise SourceExists(source.name)


def update(session: Session, source: Source) -> None:
    """Store how a source is described now; its name, book and tokens stay, and so does what it sent before.

    Raises:
        SourceUnknown: when there is none of that name in that book.
    """
    if session.execute(_CHANGE, _row(source)).one_or_none() is None:
        raise SourceUnknown(source.name)


def load_sizings(session: Session, names: Collection[str]) -> dict[str, Decimal]:
    """Return on which share of their book's capital the entries of these sources are sized."""
    query = text("SELECT name, sizing FROM sources WHERE name = ANY(:names)")
    return {row.name: row.sizing for row in session.execute(query, {"names": list(set(names))})}


def ensure_default(session: Session, source: Source, *, token_hash: str, token_encrypted: bytes) -> bool:
    """Store the source when there is none at all outside replays; say whether it was stored."""
    found = session.execute(text("SELECT FROM sources WHERE book NOT LIKE 'replay:%' LIMIT 1")).all()
    if found:
        return False
    add(session, source, token_hash=token_hash, token_encrypted=token_encrypted)
    return True


def list_all(session: Session) -> list[StoredSource]:
    """Return every source, ordered by name."""
    rows = session.execute(text(f"SELECT {_COLUMNS} FROM sources ORDER BY name")).mappings()
    return [_stored(row) for row in rows]


def by_token_hash(session: Session, token_hash: str) -> StoredSource | None:
    """Return the source whose token, or whose last one while that still holds, has this SHA-256, enabled or not."""
    query = text(f"""
        SELECT {_COLUMNS} FROM sources
        WHERE token_hash = :token_hash OR (previous_token_hash = :token_hash AND previous_until > now())
    """)
    row = session.execute(query, {"token_hash": token_hash}).mappings().one_or_none()
    return _stored(row) if row is not None else None


def token_hashes(session: Session) -> frozenset[str]:
    """Return the SHA-256 of every token that holds: those of enabled sources, and their last ones while they do."""
    query = text("""
        SELECT token_hash FROM sources WHERE enabled
        UNION ALL SELECT previous_token_hash FROM sources WHERE enabled AND previous_until > now()
    """)
    return frozenset(session.execute(query).scalars())


def by_name(session: Session, name: str) -> StoredSource:
    """Return the source of that name, enabled or not.

    Raises:
        SourceUnknown: when there is none.
    """
    query = text(f"SELECT {_COLUMNS} FROM sources WHERE name = :name")
    row = session.execute(query, {"name": name}).mappings().one_or_none()
    if row is None:
        raise SourceUnknown(name)
    return _stored(row)


def lock_by_name(session: Session, name: str) -> StoredSource:
    """Return the source of that name, which nobody else changes until this transaction ends.

    Raises:
        SourceUnknown: when there is none.
    """
    session.execute(text("SELECT FROM sources WHERE name = :name FOR UPDATE"), {"name": name})
    return by_name(session, name)


def read(row: Columns) -> StoredSource:
    """Return the source of a row of `SOURCES`."""
    return _stored(row)


def rotate_token(
    session: Session, name: str, *, token_hash: str, token_encrypted: bytes, previous_for_s: float
) -> datetime:
    """Give a source another token; the present one holds for some seconds more, the one before it no longer.

    Returns:
        Until when the present one holds.

    Raises:
        SourceUnknown: when there is no such source.
    """
    query = text("""
        UPDATE sources SET previous_token_hash = token_hash, token_hash = :token_hash,
            token_encrypted = :token_encrypted, previous_until = now() + make_interval(secs => :previous_for_s)
        WHERE name = :name RETURNING previous_until
    """)
    given = {
        "name": name,
        "token_hash": token_hash,
        "token_encrypted": token_encrypted,
        "previous_for_s": previous_for_s,
    }
    until = session.execute(query, given).scalar_one_or_none()
    if until is None:
        raise SourceUnknown(name)
    assert isinstance(until, datetime)  # noqa: S101 - the column's type
    return until


def set_enabled(session: Session, name: str, *, enabled: bool) -> None:
    """Let a source post, or refuse it.

    Raises:
        SourceUnknown: when there is no such source.
    """
    query = text("UPDATE sources SET enabled = :enabled WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name, "enabled": enabled}).one_or_none() is None:
        raise SourceUnknown(name)


def record_alerts_renewed(session: Session, name: str) -> None:
    """Note that the alerts of a source were made anew at TradingView, which lets them live for two months more.

    Raises:
        SourceUnknown: when there is no such source.
    """
    query = text("UPDATE sources SET renewed_at = now() WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name}).one_or_none() is None:
        raise SourceUnknown(name)


def _row(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "book": source.book,
        "strategy": source.strategy,
        "timeframe": str(source.timeframe) if source.timeframe is not None else None,
        "exchange": source.exchange,
        "instrument_kind": source.instrument_kind.value if source.instrument_kind is not None else None,
        "sell_alone": source.sell_alone.value if source.sell_alone is not None else None,
        "confidence_scale": source.confidence_scale,
        "max_lag_s": source.max_lag_s,
        "dialect": source.dialect,
        "symbols": json.dumps(dict(source.symbols)),
        "heartbeat_s": source.heartbeat_s,
        "sizing": source.sizing,
    }


def _stored(row: RowMapping | Columns) -> StoredSource:
    source = Source(
        name=row["name"],
        book=row["book"],
        strategy=row["strategy"],
        timeframe=Interval.parse(row["timeframe"]) if row["timeframe"] else None,
        exchange=row["exchange"],
        instrument_kind=InstrumentKind(row["instrument_kind"]) if row["instrument_kind"] else None,
        sell_alone=SellAlone(row["sell_alone"]) if row["sell_alone"] else None,
        confidence_scale=row["confidence_scale"],
        max_lag_s=row["max_lag_s"],
        dialect=row["dialect"],
        symbols=row["symbols"],
        heartbeat_s=row["heartbeat_s"],
        sizing=row["sizing"],
    )
    return StoredSource(
        source=source,
        token_hash=row["token_hash"],
        token_encrypted=bytes(row["token_encrypted"]),
        enabled=row["enabled"],
        previous_token_hash=row["previous_token_hash"],
    )
