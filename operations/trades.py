"""Operation on trades: closing a real trade by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from db import trade_closings
from db.core.session import Session
from db.trade_closings import ClosableTrade
from domain import canonical
from domain.books import is_replay_book
from domain.trade import TradeStatus
from operations.audit_entry import AuditContext


class TradeUnknown(LookupError):
    """There is no trade with that id."""


class TradeNotClosable(ValueError):
    """The trade cannot be closed by hand: only real trades of the standing books can."""


def close(session: Session, trade_id: UUID, *, audit: AuditContext) -> dict[str, Any]:
    """Have the exits worker close a real trade at the present price; one that is closed or closing stays as it is.

    The trade is priced and booked as by `policy flatten`: the own clock of its model trade goes on. The entry of a
    pending trade is not sent any more, or cancelled.

    Returns:
        The trade, with `status` (`closing`, `closed` or `denied`) and the time at which its closing was asked for.

    Raises:
        TradeUnknown
        TradeNotClosable
    """
    trade = trade_closings.lock(session, trade_id)
    if trade is None:
        raise TradeUnknown(f"there is no trade {trade_id}")
    _require_closable(trade)
    if trade.is_unfinished and trade.close_requested_at is None:
        trade = trade_closings.request(session, trade_id, at=audit.at)
        audit.write_entry(
            session, "trade.close_requested", str(trade_id), book=trade.book, source=trade.source, symbol=trade.symbol
        )
    return _build_document(trade)


def _require_closable(trade: ClosableTrade) -> None:
    if trade.is_shadow:
        raise TradeNotClosable(
            f"trade {trade.trade_id} is a model trade, which only its plan and its alerts close; name a real trade"
        )
    if is_replay_book(trade.book):
        raise TradeNotClosable(f"trade {trade.trade_id} belongs to the replay {trade.book}, which cannot be changed")


def _build_document(trade: ClosableTrade) -> dict[str, Any]:
    asked_at = trade.close_requested_at
    return {
        "trade_id": str(trade.trade_id),
        "book": trade.book,
        "source": trade.source,
        "symbol": trade.symbol,
        "side": trade.side,
        "status": "closing" if trade.is_unfinished else TradeStatus(trade.status).value,
        "close_requested_at": asked_at and canonical.format_time(asked_at),
    }
