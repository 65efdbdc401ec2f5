"""Tables of instruments: their currency, size and steps, where no venue states them, and who gives their prices."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from domain.instruments import TermsOrigin
from domain.signal import InstrumentKind


class InstrumentRow(Base):
    """Terms of an instrument: shipped with the product, or set by a user; an empty exchange stands for any."""

    __tablename__ = "instruments"
    __table_args__ = (
        one_of("kind", InstrumentKind),
        one_of("origin", TermsOrigin),
        CheckConstraint("multiplier > 0", name="multiplier_positive"),
        CheckConstraint("tick > 0", name="tick_positive"),
        CheckConstraint("lot > 0", name="lot_positive"),
        CheckConstraint("min_notional > 0", name="min_notional_positive"),
    )

    symbol: Mapped[str] = mapped_column(primary_key=True)
    exchange: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str]
    multiplier: Mapped[Decimal]
    tick: Mapped[Decimal | None]
    lot: Mapped[Decimal | None]
    min_notional: Mapped[Decimal | None]
    calendar: Mapped[str | None]
    description: Mapped[str]
    origin: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ExchangeAnswerRow(Base):
    """Last answer of the exchange that an instrument names: `problem` says why it gives no prices of it."""

    __tablename__ = "exchange_answers"
    __table_args__ = (one_of("instrument_kind", InstrumentKind),)

    exchange: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    instrument_kind: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[str]
    problem: Mapped[str | None]
    answered_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
