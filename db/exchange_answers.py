"""The last answer of each exchange about each instrument: whether it gives prices, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.signal import Instrument, InstrumentKind

_RECORD = text("""
    INSERT INTO exchange_answers (exchange, symbol, instrument_kind, asked, problem)
    VALUES (:exchange, :symbol, :kind, :asked, :problem)
    ON CONFLICT (exchange, symbol, instrument_kind)
    DO UPDATE SET asked = excluded.asked, problem = excluded.problem, answered_at = clock_timestamp()
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeAnswer:
    """The exchange that was asked last about an instrument, when, and why it gave no prices (None: it gave them)."""

    asked: str
    problem: str | None
    answered_at: datetime


def record(session: Session, instrument: Instrument, *, asked: str, problem: str | None) -> None:
    """Store the present answer of an exchange in place of the one before."""
    session.execute(
        _RECORD,
        {
            "exchange": instrument.exchange,
            "symbol": instrument.symbol,
            "kind": instrument.kind.value,
            "asked": asked,
            "problem": problem,
        },
    )


def load_all(session: Session) -> dict[Instrument, ExchangeAnswer]:
    """Return the last answer about each instrument that an exchange was asked about."""
    rows = session.execute(text("SELECT * FROM exchange_answers")).mappings()
    return {
        Instrument(
            symbol=row["symbol"], exchange=row["exchange"], kind=InstrumentKind(row["instrument_kind"])
        ): ExchangeAnswer(asked=row["asked"], problem=row["problem"], answered_at=row["answered_at"])
        for row in rows
    }
