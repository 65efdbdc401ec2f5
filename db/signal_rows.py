"""Rows of the table `signals`: the columns an alert is written with, and the signal that a stored row stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from domain.intervals import Interval
from domain.signal import Action, Direction, InstrumentKind, NewSignal, Position, Signal, Stage

# What `build_signal` needs of a row.
SIGNAL_COLUMNS = """signal_id, book, source, strategy, symbol, exchange, instrument_kind, direction, action, timeframe,
    timestamp, received_at, price, confidence, signal_hash, flags, is_test, stage, attempts, seq,
    sequence, position_before, position_after, event_at"""
# What `build_row` returns, with the types in which it travels to the database.
NEW_SIGNAL_COLUMNS = {
    "signal_id": "uuid",
    "book": "text",
    "source": "text",
    "strategy": "text",
    "symbol": "text",
    "exchange": "text",
    "instrument_kind": "text",
    "direction": "text",
    "action": "text",
    "timeframe": "text",
    "timestamp": "timestamptz",
    "event_at": "timestamptz",
    "received_at": "timestamptz",
    "price": "numeric",
    "confidence": "numeric",
    "sequence": "bigint",
    "position_before": "text",
    "position_after": "text",
    "signal_hash": "text",
    "content_hash": "text",
    "occurrence": "bigint",
    "dialect": "text",
    "read_from": "jsonb",
    "raw_body": "bytea",
    "raw_payload": "jsonb",
    "flags": "jsonb",
    "is_test": "boolean",
}
_LARGEST_INTEGER = 2**63 - 1
_LARGEST_EXPONENT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedSignal:
    """A new signal on its book's clock, with its occurrence among identical bodies and the id that follows from it."""

    signal: NewSignal
    received_at: datetime
    flags: tuple[str, ...]
    occurrence: int
    signal_hash: str
    signal_id: UUID
    calendar: str | None = None


def build_row(numbered: NumberedSignal) -> dict[str, Any]:
    """Return the values of NEW_SIGNAL_COLUMNS for a signal."""
    signal = numbered.signal
    return {
        "signal_id": numbered.signal_id,
        "book": signal.book,
        "source": signal.source,
        "strategy": signal.strategy,
        "symbol": signal.symbol,
        "exchange": signal.exchange,
        "instrument_kind": signal.instrument_kind.value,
        "direction": signal.direction.value,
        "action": signal.action.value,
        "timeframe": str(signal.timeframe) if signal.timeframe is not None else None,
        "timestamp": signal.timestamp,
        "event_at": signal.event_at,
        "received_at": numbered.received_at,
        "price": signal.price,
        "confidence": signal.confidence,
        "sequence": signal.sequence,
        "position_before": signal.position_before.value if signal.position_before is not None else None,
        "position_after": signal.position_after.value if signal.position_after is not None else None,
        "signal_hash": numbered.signal_hash,
        "content_hash": signal.content_hash,
        "occurrence": numbered.occurrence,
        "dialect": signal.dialect,
        "read_from": signal.read_from,
        "raw_body": rf"\x{signal.raw_body.hex()}",
        "raw_payload": _convert_large_numbers(signal.raw_payload),
        "flags": numbered.flags,
        "is_test": signal.is_test,
    }


def build_signal(row: RowMapping) -> Signal:
    """Return the signal of a row with SIGNAL_COLUMNS."""
    return Signal(
        signal_id=row["signal_id"],
        book=row["book"],
        source=row["source"],
        strategy=row["strategy"],
        symbol=row["symbol"],
        exchange=row["exchange"],
        instrument_kind=InstrumentKind(row["instrument_kind"]),
        direction=Direction(row["direction"]),
        action=Action(row["action"]),
        timeframe=Interval.parse(row["timeframe"]) if row["timeframe"] is not None else None,
        timestamp=row["timestamp"],
        received_at=row["received_at"],
        price=row["price"],
        confidence=row["confidence"],
        signal_hash=row["signal_hash"],
        flags=tuple(row["flags"]),
        is_test=row["is_test"],
        stage=Stage(row["stage"]),
        attempts=row["attempts"],
        sequence=row["sequence"],
        position_before=Position(row["position_before"]) if row["position_before"] else None,
        position_after=Position(row["position_after"]) if row["position_after"] else None,
        event_at=row["event_at"],
    )


def _convert_large_numbers(value: Any) -> Any:
    """Return a payload in which numbers beyond the range of jsonb are text."""
    match value:
        case dict():
            return {key: _convert_large_numbers(item) for key, item in value.items()}
        case list():
            return [_convert_large_numbers(item) for item in value]
        case Decimal():
            return value if abs(value.adjusted()) <= _LARGEST_EXPONENT else str(value)
        case int() if abs(value) > _LARGEST_INTEGER:
            return _convert_large_numbers(Decimal(value))
        case _:
            return value
