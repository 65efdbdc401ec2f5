"""Looking at the market for a batch of signals: providers are asked with no transaction open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from uuid import UUID

import structlog

from db import books
from db.books import Book
from db.session import Session
from domain import instruments, snapshot
from domain.context import InstrumentRules, MarketContext, MarketView
from domain.ports import VenueUnavailable, ViewRequest
from domain.signal import Signal
from tasks.parts import Parts

log = structlog.get_logger()


def capital(session: Session, owned: Sequence[Signal]) -> Mapping[str, Book]:
    """Return the books of these signals, whose capital their contexts name."""
    return books.load(session, {one.book for one in owned})


def freeze(parts: Parts, owned: Sequence[Signal], capital: Mapping[str, Book]) -> list[MarketContext]:
    """Ask each book's provider about its signals and freeze what it shows, as of each signal's arrival."""
    views: dict[UUID, MarketView] = {}
    for book, group in groupby(sorted(owned, key=lambda one: one.book), key=lambda one: one.book):
        requests = [ViewRequest(signal=one, as_of=one.received_at) for one in group]
        answers = parts.market_data(book).views(requests)
        views |= {request.signal.signal_id: view for request, view in zip(requests, answers, strict=True)}
    return [
        snapshot.build(one, views[one.signal_id], as_of=one.received_at, rules=_rules(parts, one, capital[one.book]))
        for one in owned
    ]


def _rules(parts: Parts, signal: Signal, book: Book) -> InstrumentRules:
    """Return the rules of the signal's instrument; where the book's venue says nothing, those of its kind."""
    usual = instruments.rules_for(
        signal.instrument_kind, reference_capital=book.reference_capital, max_notional=book.max_notional
    )
    try:
        lot = parts.broker(signal.book).lot(signal.instrument)
    except VenueUnavailable as error:
        log.warning("venue.silent", book=signal.book, symbol=signal.symbol, error=str(error))
        lot = None
    return usual if lot is None else replace(usual, lot=lot)
