"""Trade closings: real trades that a person wants closed, and those of them that are still open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from domain.trade import TradeStatus

_COLUMNS = "trade_id, book, source, symbol, side, is_shadow, status, close_requested_at"
_LOCK = text(f"SELECT {_COLUMNS} FROM trades WHERE trade_id = :id FOR NO KEY UPDATE")
_REQUEST = text(f"UPDATE trades SET close_requested_at = :at WHERE trade_id = :id RETURNING {_COLUMNS}")
_WANTED = text(f"""
    SELECT book, trade_id, experiment_id, source, symbol,
        extract(epoch FROM clock_timestamp() - close_requested_at) AS waited_s
    FROM trades WHERE close_requested_at IS NOT NULL AND status IN {states.UNFINISHED_TRADES}
    ORDER BY close_requested_at, trade_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosableTrade:
    """A trade as far as closing it by hand is concerned; `close_requested_at` is when it was asked for first."""

    trade_id: UUID
    book: str
    source: str
    symbol: str
    side: str
    is_shadow: bool
    status: str
    close_requested_at: datetime | None

    @property
    def is_unfinished(self) -> bool:
        """True while the trade is pending or open."""
        return TradeStatus(self.status) in (TradeStatus.PENDING, TradeStatus.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedClosing:
    """An unfinished trade whose closing was asked for, and the seconds since then."""

    book: str
    trade_id: UUID
    experiment_id: UUID
    source: str
    symbol: str
    waited_s: float


def lock(session: Session, trade_id: UUID) -> ClosableTrade | None:
    """Return a trade, locked until the transaction ends; None when there is none with that id."""
    row = session.execute(_LOCK, {"id": trade_id}).mappings().one_or_none()
    return None if row is None else ClosableTrade(**row)


def request(session: Session, trade_id: UUID, *, at: datetime) -> ClosableTrade:
    """Record that a trade is to be closed, and return it."""
    return ClosableTrade(**session.execute(_REQUEST, {"id": trade_id, "at": at}).mappings().one())


def list_wanted(session: Session) -> list[WantedClosing]:
    """Return the unfinished trades whose closing was asked for, in the order of asking."""
    return [WantedClosing(**{**row, "waited_s": float(row["waited_s"])}) for row in session.execute(_WANTED).mappings()]
