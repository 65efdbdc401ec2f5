"""Stage 1: freeze the market as each signal's arrival saw it. Providers are asked with no transaction open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from uuid import UUID

import structlog

from db import books, contexts, signals, sources
from db.books import Book
from db.core.session import Session
from domain import context_builder, instruments
from domain.context import InstrumentRules, MarketContext, MarketView
from domain.ports import VenueUnavailable, ViewRequest
from domain.signal import Signal, Stage
from tasks.base_task import StageBatch, stage_task
from tasks.parts import Parts
from tasks.stages import log_events

log = structlog.get_logger()


@stage_task(Stage.CONTEXT_CAPTURED)
def snapshot_context(parts: Parts, batch: StageBatch) -> int:
    """Store a snapshot of the market for each signal, as of the signal's arrival."""
    with parts.transaction() as session:
        owned = batch.claim(session)
        sizing_bases = load_sizing_bases(session, owned)
    built = build_contexts(parts, owned, sizing_bases)
    with parts.transaction() as session:
        kept = batch.select_still_owned(session, [signal.signal_id for signal in owned])
        contexts.record(session, [context for context in built if context.signal_id in kept])
        signals.advance(session, kept, lease=batch.lease, to=batch.stage)
    log_events.log_captured_contexts(built, kept)
    return len(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingBasis:
    """The capital that an entry is sized on: its book's, times the share that its source is allowed."""

    book: Book
    source_share: Decimal


def load_sizing_bases(session: Session, owned: Sequence[Signal]) -> Mapping[UUID, SizingBasis]:
    """Load the sizing basis of each signal, which its context shows to both engines."""
    loaded_books = books.load(session, {signal.book for signal in owned})
    shares = sources.load_sizings(session, {signal.source for signal in owned})
    return {
        signal.signal_id: SizingBasis(book=loaded_books[signal.book], source_share=shares[signal.source])
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
    return [
        context_builder.build(
            signal,
            views[signal.signal_id],
            as_of=signal.received_at,
            rules=_build_instrument_rules(parts, signal, sizing_bases[signal.signal_id]),
        )
        for signal in owned
    ]


def _build_instrument_rules(parts: Parts, signal: Signal, basis: SizingBasis) -> InstrumentRules:
    """Return the rules of the signal's instrument, with the venue's lot where the venue names one.

    Returns are compared on the book's whole capital, whatever share of it the source is sized on.
    """
    rules = instruments.rules_for(
        signal.instrument_kind,
        reference_capital=basis.book.reference_capital * basis.source_share,
        max_notional=basis.book.max_notional * basis.source_share,
    )
    try:
        lot = parts.broker(signal.book).lot(signal.instrument)
    except VenueUnavailable as error:
        log.warning("venue.silent", book=signal.book, symbol=signal.symbol, error=str(error))
        lot = None
    return rules if lot is None else replace(rules, lot=lot)
