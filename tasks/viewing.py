"""Looking at the market for a batch of signals: providers are asked with no transaction open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from uuid import UUID

import structlog

from db import books, sources
from db.books import Book
from db.core.session import Session
from domain import context_builder, instruments
from domain.context import InstrumentRules, MarketContext, MarketView
from domain.ports import VenueUnavailable, ViewRequest
from domain.signal import Signal
from tasks.parts import Parts

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What a signal's entry is sized on: its book's capital, and its source's share of it."""

    book: Book
    sizing: Decimal


def stakes(session: Session, owned: Sequence[Signal]) -> Mapping[UUID, Stake]:
    """Return what each of these signals is sized on, which its context names to both engines."""
    found = books.load(session, {one.book for one in owned})
    sizings = sources.sizings(session, {one.source for one in owned})
    return {one.signal_id: Stake(book=found[one.book], sizing=sizings[one.source]) for one in owned}


def freeze(parts: Parts, owned: Sequence[Signal], stakes: Mapping[UUID, Stake]) -> list[MarketContext]:
    """Ask each book's provider about its signals and freeze what it shows, as of each signal's arrival."""
    views: dict[UUID, MarketView] = {}
    for book, group in groupby(sorted(owned, key=lambda one: one.book), key=lambda one: one.book):
        requests = [ViewRequest(signal=one, as_of=one.received_at) for one in group]
        answers = parts.market_data(book).views(requests)
        views |= {request.signal.signal_id: view for request, view in zip(requests, answers, strict=True)}
    return [
        context_builder.build(
            one, views[one.signal_id], as_of=one.received_at, rules=_rules(parts, one, stakes[one.signal_id])
        )
        for one in owned
    ]


def _rules(parts: Parts, signal: Signal, stake: Stake) -> InstrumentRules:
    """Return the rules of the signal's instrument; where the book's venue says nothing, those of its kind.

    What is compared in the end stays a share of the book's whole capital, whatever the source is sized on.
    """
    usual = instruments.rules_for(
        signal.instrument_kind,
        reference_capital=stake.book.reference_capital * stake.sizing,
        max_notional=stake.book.max_notional * stake.sizing,
    )
    try:
        lot = parts.broker(signal.book).lot(signal.instrument)
    except VenueUnavailable as error:
        log.warning("venue.silent", book=signal.book, symbol=signal.symbol, error=str(error))
        lot = None
    return usual if lot is None else replace(usual, lot=lot)
