"""Instruments: the stored terms of futures, pairs and what a user adds; rows of the data file are kept up to date."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.instruments import InstrumentTerms, ListedInstrument, TermsOrigin, list_lookup_symbols
from domain.signal import Instrument, InstrumentKind

SHIPPED_FILE = Path(__file__).with_name("instruments.csv")
_COLUMNS = "symbol, exchange, kind, currency, multiplier, tick, lot, min_notional, calendar, description, origin"
_OPTIONAL = ("tick", "lot", "min_notional", "calendar")
_STORE = f"""
    INSERT INTO instruments ({_COLUMNS})
    VALUES (:symbol, :exchange, :kind, :currency, cast(:multiplier AS numeric), cast(:tick AS numeric),
            cast(:lot AS numeric), cast(:min_notional AS numeric), :calendar, :description, :origin)
    ON CONFLICT (symbol, exchange, kind) DO UPDATE SET
        currency = excluded.currency, multiplier = excluded.multiplier, tick = excluded.tick, lot = excluded.lot,
        min_notional = excluded.min_notional, calendar = excluded.calendar, description = excluded.description,
        origin = excluded.origin, changed_at = now()
"""
_KEEP_USERS = text(f"{_STORE} WHERE instruments.origin = 'shipped'")
_OVERWRITE = text(_STORE)


def store_shipped(session: Session) -> None:
    """Write the rows of the data file; rows that a user has set stay as they are."""
    session.execute(_KEEP_USERS, [row | {"origin": TermsOrigin.SHIPPED.value} for row in read_shipped()])


def read_shipped() -> Iterator[dict[str, Any]]:
    """Yield the rows of the data file by column; an empty optional field is None."""
    with SHIPPED_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            yield row | {name: row[name] or None for name in _OPTIONAL}


def store(session: Session, listed: ListedInstrument) -> None:
    """Write a row of terms in place of the one with its symbol, exchange and kind."""
    terms = listed.terms
    parameters = {
        "symbol": listed.symbol,
        "exchange": listed.exchange,
        "kind": listed.kind.value,
        "currency": terms.currency,
        "multiplier": terms.multiplier,
        "tick": terms.tick,
        "lot": terms.lot,
        "min_notional": terms.min_notional,
        "calendar": terms.calendar,
        "description": listed.description,
        "origin": listed.origin.value,
    }
    session.execute(_OVERWRITE, parameters)


def load(session: Session, instruments: Collection[Instrument]) -> list[ListedInstrument]:
    """Return the rows that may be about these instruments: those with their symbols, and with the roots of futures."""
    symbols = sorted({symbol for instrument in instruments for symbol in list_lookup_symbols(instrument)})
    query = text(f"SELECT {_COLUMNS} FROM instruments WHERE symbol = ANY(:symbols)")
    return [_build_listed(row) for row in session.execute(query, {"symbols": symbols})]


def list_all(session: Session) -> list[ListedInstrument]:
    """Return every row, by kind, exchange and symbol."""
    query = text(f"SELECT {_COLUMNS} FROM instruments ORDER BY kind, exchange, symbol")
    return [_build_listed(row) for row in session.execute(query)]


def _build_listed(row: Any) -> ListedInstrument:
    return ListedInstrument(
        symbol=row.symbol,
        exchange=row.exchange,
        kind=InstrumentKind(row.kind),
        terms=InstrumentTerms(
            currency=row.currency,
            multiplier=row.multiplier,
            tick=row.tick,
            lot=row.lot,
            min_notional=row.min_notional,
            calendar=row.calendar,
        ),
        origin=TermsOrigin(row.origin),
        description=row.description,
    )
