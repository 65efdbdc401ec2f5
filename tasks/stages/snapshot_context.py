"""Stage 1: freeze the market as each signal's arrival saw it. Providers are asked with no transaction open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

import structlog

from config import data_disk
from db import books, contexts, instruments, jump_incidents, signals, sources
from db.books import Book
from db.core.session import Session
from db.sources import ContextSettings
from domain import context_builder, instrument_rules, money, trading_hours
from domain.context import InstrumentRules, MarketContext, MarketView
from domain.instruments import InstrumentTerms, find_terms, merge_terms
from domain.money import Conversion
from domain.ports import VenueUnavailable, ViewRequest
from domain.signal import Signal, Stage
from tasks.base_task import StageBatch, stage_task
from tasks.parts import Parts
from tasks.stages import log_events

log = structlog.get_logger()


@stage_task(Stage.CONTEXT_CAPTURED)
def snapshot_context(parts: Parts, batch: StageBatch) -> int:
    """Store a snapshot of the market for each signal, as of the signal's arrival.

    While the disk is nearly full, signals of replays stay where they are until there is room.
    """
    with parts.transaction() as session:
        owned = batch.claim(session, _select_affordable(session, parts, batch))
        sizing_bases = load_sizing_bases(session, owned)
    built = build_contexts(parts, owned, sizing_bases)
    with parts.transaction() as session:
        kept = batch.select_still_owned(session, [signal.signal_id for signal in owned])
        contexts.record(session, [context for context in built if context.signal_id in kept])
        _open_incidents(session, owned, built)
        signals.advance(session, kept, lease=batch.lease, to=batch.stage)
    log_events.log_captured_contexts(built, kept)
    return len(kept)


def _select_affordable(session: Session, parts: Parts, batch: StageBatch) -> Sequence[UUID]:
    """Return the signals of a batch that may be begun with the space that is left: all, or those of no replay.

    Alerts that were accepted are finished: no more entries are, and an exit waits for the entries before it.
    """
    if not data_disk.is_short(parts.settings.data_dir):
        return batch.signal_ids
    affordable = signals.select_outside_replays(session, batch.signal_ids)
    if len(affordable) < len(batch.signal_ids):
        log.warning("signals.held_back", count=len(batch.signal_ids) - len(affordable), why="the disk is nearly full")
    return affordable


def _open_incidents(session: Session, owned: Sequence[Signal], built: Sequence[MarketContext]) -> None:
    """Open the incidents about what the contexts show, by book."""
    for book in sorted({signal.book for signal in owned}):
        ids = {signal.signal_id for signal in owned if signal.book == book}
        jump_incidents.open_about_contexts(session, book, [context for context in built if context.signal_id in ids])


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingBasis:
    """The terms that are stored of an instrument, and the capital: the book's, times the share of its source."""

    book: Book
    settings: ContextSettings
    terms: InstrumentTerms


def load_sizing_bases(session: Session, owned: Sequence[Signal]) -> Mapping[UUID, SizingBasis]:
    """Load the sizing basis of each signal, which its context shows to both engines."""
    loaded_books = books.load(session, {signal.book for signal in owned})
    settings = sources.load_context_settings(session, {signal.source for signal in owned})
    listed = instruments.load(session, {signal.instrument for signal in owned})
    return {
        signal.signal_id: SizingBasis(
            book=loaded_books[signal.book],
            settings=settings[signal.source],
            terms=find_terms(signal.instrument, listed),
        )
        for signal in owned
    }


def build_contexts(
    parts: Parts, owned: Sequence[Signal], sizing_bases: Mapping[UUID, SizingBasis]
) -> list[MarketContext]:
    """Ask each book's market data provider about its signals and build their contexts as of each signal's arrival."""
    views: dict[UUID, MarketView] = {}
    for book, group in groupby(sorted(owned, key=lambda signal: signal.book), key=lambda signal: signal.book):
        requests = [ViewRequest(signal=signal, as_of=signal.received_at) for signal in group]
        answers = parts.market_data(book).views(requests)
        views |= {request.signal.signal_id: view for request, view in zip(requests, answers, strict=True)}
    rates = _RateCache(parts)
    return [
        context_builder.build(
            signal,
            views[signal.signal_id],
            as_of=signal.received_at,
            rules=_build_instrument_rules(parts, signal, sizing_bases[signal.signal_id], rates),
        )
        for signal in owned
    ]


def _build_instrument_rules(parts: Parts, signal: Signal, basis: SizingBasis, rates: _RateCache) -> InstrumentRules:
    """Return the rules of the signal's instrument: the venue's terms where it states them, else the stored ones.

    The calendar is the source's own, where it names one for an instrument that has sessions.
    Returns are compared on the book's whole capital, whatever share of it the source is sized on.
    """
    merged = merge_terms(_ask_venue(parts, signal), basis.terms)
    calendar = trading_hours.choose_calendar(
        signal.instrument, of_source=basis.settings.calendar, of_terms=merged.calendar
    )
    terms = replace(merged, calendar=calendar)
    conversion, rate = _find_rate(signal, terms, basis.book.base_currency, rates)
    return instrument_rules.build_rules(
        terms,
        signal.instrument_kind,
        base_currency=basis.book.base_currency,
        conversion=conversion,
        rate=rate,
        reference_capital=basis.book.reference_capital * basis.settings.sizing,
        max_notional=basis.book.max_notional * basis.settings.sizing,
    )


def _ask_venue(parts: Parts, signal: Signal) -> InstrumentTerms | None:
    """Return the terms of the venue of the book's real orders; None where it states none or does not answer."""
    try:
        return parts.broker(signal.book).terms(signal.instrument)
    except VenueUnavailable as error:
        log.warning("venue.silent", book=signal.book, symbol=signal.symbol, error=str(error))
        return None


def _find_rate(
    signal: Signal, terms: InstrumentTerms, base_currency: str, rates: _RateCache
) -> tuple[Conversion, Decimal | None]:
    """Return the source of the rate to the book's currency, and the rate; the pair's own price is not known here.

    A stable coin that has a series of its own is counted by it and not at one.
    """
    conversion = money.choose_conversion(terms, base_currency)
    if terms.currency in (None, base_currency) or conversion is Conversion.OWN_PRICE:
        return conversion, None
    rate = rates.find(signal, terms.currency or base_currency)
    return (conversion if rate == money.PARITY else Conversion.STORED), rate


class _RateCache:
    """Rates of one batch: each currency of a book is looked up once for each moment."""

    def __init__(self, parts: Parts) -> None:
        self._book_rates = parts.rates
        self._rates: dict[tuple[str, str, datetime], Decimal | None] = {}

    def find(self, signal: Signal, currency: str) -> Decimal | None:
        """Return the rate of a currency to the base currency of the signal's book at its arrival."""
        key = (signal.book, currency, signal.received_at)
        if key not in self._rates:
            self._rates[key] = self._book_rates.find(
                signal.book, currency, at=signal.received_at, instrument=signal.instrument
            )
        return self._rates[key]
