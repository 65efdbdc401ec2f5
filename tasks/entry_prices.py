"""Prices at which trades are entered: the first that could have been traded at or after each engine's decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.dispatches import Dispatch
from domain import market_prices, trading_hours
from domain.books import is_replay_book
from domain.context import Quote
from domain.decision import EngineAnswer, EngineSlot, Verdict
from domain.market_prices import FillRequest
from domain.trade import PAPER_VENUE
from domain.trade_opening import EntryTerms
from tasks.parts import Parts

AnsweredDispatch = tuple[Dispatch, tuple[EngineAnswer, EngineAnswer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedEntry:
    """A dispatched entry with both answers, and the price and time of each engine that enters."""

    dispatch: Dispatch
    answers: tuple[EngineAnswer, EngineAnswer]
    terms: Mapping[EngineSlot, EntryTerms]


def price_entries(parts: Parts, answered: Sequence[AnsweredDispatch]) -> list[PricedEntry]:
    """Find the price and time at which each engine that enters would trade; market data providers are asked."""
    requests = {
        (index, slot): _build_request(parts, dispatch, decided_at)
        for index, (dispatch, answers) in enumerate(answered)
        for slot, decided_at in _find_decision_times(dispatch, answers).items()
    }
    quotes = dict(zip(requests, request_quotes(parts, list(requests.values())), strict=True))
    terms: list[dict[EngineSlot, EntryTerms]] = [{} for _ in answered]
    for (index, slot), request in requests.items():
        terms[index][slot] = _build_terms(parts, answered[index][0], request.at, quotes[index, slot])
    return [
        PricedEntry(dispatch=dispatch, answers=answers, terms=terms[index])
        for index, (dispatch, answers) in enumerate(answered)
    ]


def request_quotes(parts: Parts, requests: Sequence[FillRequest]) -> list[Quote | None]:
    """Return the quote at which each request fills, in order, from the market data provider of its book."""
    quotes: dict[int, Quote | None] = {}
    for book in sorted({request.book for request in requests}):
        indexes = [index for index, request in enumerate(requests) if request.book == book]
        answers = parts.market_data(book).fill_quotes([requests[index] for index in indexes])
        quotes |= dict(zip(indexes, answers, strict=True))
    return [quotes[index] for index in range(len(requests))]


def _find_decision_times(
    dispatch: Dispatch, answers: tuple[EngineAnswer, EngineAnswer]
) -> Mapping[EngineSlot, datetime]:
    """Return when each engine that enters had decided: the signal's arrival, plus the time the engine took.

    Replays repeat to the last bit, so there the time counts that an engine declares. Two slots with one and the same
    engine share the longer time, so that their results cannot differ.
    """
    signal = dispatch.signal
    times = {answer.slot: _find_latency(answer, is_replay=is_replay_book(signal.book)) for answer in answers}
    if len({(answer.engine, answer.version) for answer in answers}) == 1:
        times = dict.fromkeys(times, max(times.values()))
    return {
        answer.slot: signal.received_at + times[answer.slot]
        for answer in answers
        if answer.decision.verdict is Verdict.ENTER
    }


def _find_latency(answer: EngineAnswer, *, is_replay: bool) -> timedelta:
    seconds = answer.declared_latency_s if is_replay else answer.latency_ms / 1000
    return timedelta(microseconds=int(seconds * 1_000_000))


def _build_request(parts: Parts, dispatch: Dispatch, decided_at: datetime) -> FillRequest:
    """Build the request for the price of one engine's entry: in a replay as of its decision, else as of now."""
    signal = dispatch.signal
    return FillRequest(
        book=signal.book,
        instrument=signal.instrument,
        at=decided_at,
        until=decided_at if is_replay_book(signal.book) else parts.clock.now(signal.book),
        alert=market_prices.read_alert_price(signal),
        calendar=dispatch.context.rules.calendar,
    )


def _build_terms(parts: Parts, dispatch: Dispatch, decided_at: datetime, quote: Quote | None) -> EntryTerms:
    """Build the terms of an entry; without a price it waits for one, but not at a real venue.

    There the venue would hold a position whose stop nothing watches while the market sends no price.
    """
    signal = dispatch.signal
    if quote is not None or parts.venue(signal.book).name != PAPER_VENUE:
        return EntryTerms(decided_at=decided_at, quote=quote)
    calendar = dispatch.context.rules.calendar
    deadline = trading_hours.compute_fill_deadline(signal.instrument, decided_at, calendar=calendar)
    return EntryTerms(decided_at=decided_at, quote=None, fill_by=deadline)
