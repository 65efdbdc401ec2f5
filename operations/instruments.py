"""Operations on instruments: list the stored terms, and set those of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from alerts.vocabulary import symbols
from db import instruments
from db.core.session import Session
from domain import canonical, currencies
from domain.instruments import (
    CONTRACT_KINDS,
    InstrumentTerms,
    ListedInstrument,
    TermsOrigin,
    find_listed,
    list_lookup_symbols,
)
from domain.signal import Instrument, InstrumentKind
from operations.audit_entry import AuditContext

_NOTHING_KNOWN = InstrumentTerms(currency=None, multiplier=None)


class InstrumentRefused(ValueError):
    """The terms of an instrument cannot be stored; `field` names the one that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def list_instruments(session: Session, symbol: str | None = None) -> list[dict[str, Any]]:
    """Return the stored rows as documents: all, or those that serve a symbol such as ES1!, ESZ2026 or EURUSD.

    Raises:
        InstrumentRefused: when the symbol cannot be read.
    """
    if symbol is None:
        return [_build_document(row) for row in instruments.list_all(session)]
    return [_build_document(row) for row in instruments.load(session, [_parse_symbol(symbol)])]


def set_terms(
    session: Session, symbol: str, *, kind: InstrumentKind | None, changes: Mapping[str, Any], audit: AuditContext
) -> dict[str, Any]:
    """Store terms of an instrument, and return its row as a document.

    `changes` holds any of currency, multiplier, tick, lot, min_notional, calendar and exchange; what it leaves out
    stays as it is stored. A future is stored under its root, so that the terms serve every contract month.

    Raises:
        InstrumentRefused: when a value is not possible, or something is missing that no row says yet.
    """
    instrument = _parse_symbol(symbol)
    if kind is not None:
        instrument = replace(instrument, kind=kind)
    present = find_listed(instrument, instruments.load(session, [instrument]))
    row = _merge(instrument, present, changes)
    _require_possible(row)
    instruments.store(session, row)
    document = _build_document(row)
    audit.write_entry(session, "instrument.set", row.symbol, **{name: document[name] for name in document})
    return document


def _parse_symbol(symbol: str) -> Instrument:
    try:
        return symbols.parse(symbol)
    except symbols.SymbolUnreadable as error:
        raise InstrumentRefused("SYMBOL", f"{symbol!r} {error}") from None


def _merge(instrument: Instrument, present: ListedInstrument | None, changes: Mapping[str, Any]) -> ListedInstrument:
    """Return the row as it shall be: the changes over the present row, or over nothing."""
    terms = _NOTHING_KNOWN if present is None else present.terms
    given = {name: value for name, value in changes.items() if value is not None}
    exchange = given.pop("exchange", instrument.exchange or ("" if present is None else present.exchange))
    return ListedInstrument(
        symbol=_choose_symbol(instrument) if present is None else present.symbol,
        exchange=exchange,
        kind=instrument.kind if present is None else present.kind,
        terms=replace(terms, **given),
        origin=TermsOrigin.USER,
        description="" if present is None else present.description,
    )


def _choose_symbol(instrument: Instrument) -> str:
    """Return the root of a future, the symbol of anything else."""
    roots: Sequence[str] = list_lookup_symbols(instrument)
    return roots[-1] if instrument.kind is InstrumentKind.FUTURE else instrument.symbol


def _require_possible(row: ListedInstrument) -> None:
    """Refuse terms that are impossible or incomplete, naming the option that cures it."""
    terms = row.terms
    if row.kind is InstrumentKind.UNKNOWN:
        raise InstrumentRefused("--kind", "is needed: future, forex, spot, perp, stock, index or option")
    if terms.currency is None:
        raise InstrumentRefused("--currency", "is needed: the currency that the price is in, such as USD")
    if not currencies.is_currency_code(terms.currency):
        raise InstrumentRefused("--currency", f"{terms.currency!r} is no currency; write a code such as USD or USDT")
    if terms.multiplier is None and row.kind in CONTRACT_KINDS:
        raise InstrumentRefused("--multiplier", "is needed: what a move of the price by 1 is worth, such as 50 for ES")
    for name in ("multiplier", "tick", "lot", "min_notional"):
        value: Decimal | None = getattr(terms, name)
        if value is not None and not (value.is_finite() and value > 0):
            raise InstrumentRefused(f"--{name.replace('_', '-')}", f"{value} must be a number above 0")


def _build_document(row: ListedInstrument) -> dict[str, Any]:
    """Return a row as a document; numbers are texts, what is not known is None."""
    terms = {name: value for name, value in asdict(row.terms).items() if name != "base"}
    return {
        "symbol": row.symbol,
        "exchange": row.exchange,
        "kind": row.kind.value,
        **{
            name: canonical.format_number(value) if isinstance(value, Decimal) else value
            for name, value in terms.items()
        },
        "description": row.description,
        "origin": row.origin.value,
    }
