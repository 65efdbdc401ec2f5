"""Sources: the senders of alerts, with their tokens, their books and the options for reading their messages."""

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
    confidence_scale, max_lag_s, dialect, symbols, heartbeat_s, timezone, calendar, sizing, pyramiding, enabled,
    CASE WHEN previous_until > now() THEN previous_token_hash END AS previous_token_hash"""
SOURCES = PageQuery(
    select=f"SELECT {_COLUMNS} FROM sources",
    conditions={"book": "book = :book", "enabled": "enabled = :enabled"},
    order=(SortKey(column="name", kind=str, sql='name COLLATE "C"'),),
    is_ascending=True,
)
_INSERT = text("""
    INSERT INTO sources (name, book, token_hash, token_encrypted, strategy, timeframe, exchange, instrument_kind,
        sell_alone, confidence_scale, max_lag_s, dialect, symbols, heartbeat_s, timezone, calendar, sizing,
        pyramiding)
    VALUES (:name, :book, :token_hash, :token_encrypted, :strategy, :timeframe, :exchange, :instrument_kind,
        :sell_alone, :confidence_scale, :max_lag_s, :dialect, cast(:symbols AS jsonb), :heartbeat_s,
        :timezone, :calendar, :sizing, :pyramiding)
    ON CONFLICT (name) DO NOTHING RETURNING name
""")
_CHANGE = text("""
    UPDATE sources SET strategy = :strategy, timeframe = :timeframe, exchange = :exchange,
        instrument_kind = :instrument_kind, sell_alone = :sell_alone, confidence_scale = :confidence_scale,
        max_lag_s = :max_lag_s, dialect = :dialect, symbols = cast(:symbols AS jsonb), heartbeat_s = :heartbeat_s,
        timezone = :timezone, calendar = :calendar, sizing = :sizing, pyramiding = :pyramiding
    WHERE name = :name AND book = :book RETURNING name
""")


class SourceExists(ValueError):
    """A source of that name exists already."""


class SourceUnknown(ValueError):
    """No source has that name."""


class BookUnknown(ValueError):
    """No book has that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """Source as it is stored: its token hashed for look-up and encrypted for display.

    `previous_token_hash` is that of the token before, as long as that is still valid.
    """

    source: Source
    token_hash: str
    token_encrypted: bytes
    enabled: bool
    previous_token_hash: str | None = None

    def accepts_token_hash(self, token_hash: str) -> bool:
        """Return whether a hash is that of a valid token of the source, compared in constant time."""
        known = (self.token_hash, self.previous_token_hash or self.token_hash)
        return any([hmac.compare_digest(known_hash, token_hash) for known_hash in known])  # noqa: C419 - both are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSettings:
    """The share of the capital on which a source's entries are sized, and its trading calendar if it names one."""

    sizing: Decimal
    calendar: str | None


def add(session: Session, source: Source, *, token_hash: str, token_encrypted: bytes) -> None:
    """Store a new source.

    Raises:
        BookUnknown: when its book does not exist; SourceExists: when its name is taken.
    """
    if not session.execute(text("SELECT FROM books WHERE book = :book"), {"book": source.book}).all():
        raise BookUnknown(source.book)
    parameters = build_row(source) | {"token_hash": token_hash, "token_encrypted": token_encrypted}
    if session.execute(_INSERT, parameters).one_or_none() is None:
        raise SourceExists(source.name)


def update(session: Session, source: Source) -> None:
    """Replace the options of a source; its name, book and tokens stay, and so do the signals it sent.

    Raises:
        SourceUnknown: when the book has no source of that name.
    """
    if session.execute(_CHANGE, build_row(source)).one_or_none() is None:
        raise SourceUnknown(source.name)


def load_context_settings(session: Session, names: Collection[str]) -> dict[str, ContextSettings]:
    """Return, by source, its settings that the contexts of its entries show."""
    query = text("SELECT name, sizing, calendar FROM sources WHERE name = ANY(:names)")
    rows = session.execute(query, {"names": list(set(names))})
    return {row.name: ContextSettings(sizing=row.sizing, calendar=row.calendar) for row in rows}


def ensure_default(session: Session, source: Source, *, token_hash: str, token_encrypted: bytes) -> bool:
    """Store the source when there is none outside replays; return whether it was stored."""
    if session.execute(text("SELECT FROM sources WHERE book NOT LIKE 'replay:%' LIMIT 1")).all():
        return False
    add(session, source, token_hash=token_hash, token_encrypted=token_encrypted)
    return True


def list_all(session: Session) -> list[StoredSource]:
    """Return every source, ordered by name."""
    rows = session.execute(text(f"SELECT {_COLUMNS} FROM sources ORDER BY name")).mappings()
    return [build_source(row) for row in rows]


def by_token_hash(session: Session, token_hash: str) -> StoredSource | None:
    """Return the source whose present or still valid previous token has this SHA-256, enabled or not."""
    query = text(f"""
        SELECT {_COLUMNS} FROM sources
        WHERE token_hash = :token_hash OR (previous_token_hash = :token_hash AND previous_until > now())
    """)
    row = session.execute(query, {"token_hash": token_hash}).mappings().one_or_none()
    return build_source(row) if row is not None else None


def token_hashes(session: Session) -> frozenset[str]:
    """Return the SHA-256 of every valid token: the present and still valid previous ones of enabled sources."""
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
    return build_source(row)


def lock_by_name(session: Session, name: str) -> StoredSource:
    """Return the source of that name, locked until the transaction ends.

    Raises:
        SourceUnknown: when there is none.
    """
    session.execute(text("SELECT FROM sources WHERE name = :name FOR UPDATE"), {"name": name})
    return by_name(session, name)


def rotate_token(
    session: Session, name: str, *, token_hash: str, token_encrypted: bytes, previous_for_s: float
) -> datetime:
    """Replace the token of a source; the present one stays valid for `previous_for_s` seconds, older ones do not.

    Returns:
        The time until which the present token stays valid.

    Raises:
        SourceUnknown: when no source has that name.
    """
    query = text("""
        UPDATE sources SET previous_token_hash = token_hash, token_hash = :token_hash,
            token_encrypted = :token_encrypted, previous_until = now() + make_interval(secs => :previous_for_s)
        WHERE name = :name RETURNING previous_until
    """)
    parameters = {
        "name": name,
        "token_hash": token_hash,
        "token_encrypted": token_encrypted,
        "previous_for_s": previous_for_s,
    }
    until = session.execute(query, parameters).scalar_one_or_none()
    if until is None:
        raise SourceUnknown(name)
    assert isinstance(until, datetime)  # noqa: S101 - the column's type
    return until


def set_enabled(session: Session, name: str, *, enabled: bool) -> None:
    """Enable or disable a source; alerts of a disabled one are refused.

    Raises:
        SourceUnknown: when no source has that name.
    """
    query = text("UPDATE sources SET enabled = :enabled WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name, "enabled": enabled}).one_or_none() is None:
        raise SourceUnknown(name)


def record_alerts_renewed(session: Session, name: str) -> None:
    """Record that the alerts of a source were renewed at TradingView, where they expire after two months.

    Raises:
        SourceUnknown: when no source has that name.
    """
    query = text("UPDATE sources SET renewed_at = now() WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name}).one_or_none() is None:
        raise SourceUnknown(name)


def build_row(source: Source) -> dict[str, Any]:
    """Return a source's settings as columns of its row; `symbols` as JSON text, `sizing` as a decimal."""
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
        "timezone": source.timezone,
        "calendar": source.calendar,
        "sizing": source.sizing,
        "pyramiding": source.pyramiding,
    }


def build_source(row: RowMapping | Columns) -> StoredSource:
    """Return the source of a row with the columns of `SOURCES`."""
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
        timezone=row["timezone"],
        calendar=row["calendar"],
        sizing=row["sizing"],
        pyramiding=row["pyramiding"],
    )
    return StoredSource(
        source=source,
        token_hash=row["token_hash"],
        token_encrypted=bytes(row["token_encrypted"]),
        enabled=row["enabled"],
        previous_token_hash=row["previous_token_hash"],
    )
