"""How many closed bars are known of those that engines need, where prices come from, and what to do about the rest.

Nothing here changes anything or asks an exchange, so no audit entry is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config.settings import Settings
from db import exchange_answers
from db.bars import StoredBars
from db.core.session import Database
from db.exchange_answers import ExchangeAnswer
from db.queries import signal_markets
from db.queries.signal_markets import SignalMarket
from domain.books import LIVE_BOOK, PAPER_BOOK
from domain.context import DEFAULT_DEPTH
from domain.signal import Instrument
from operations.stored_bars import format_instrument
from venues import catalogue, loader, public_exchanges
from venues.bar_history import GrowingBarHistories
from venues.bar_windows import WindowBuilder

BOOKS = (LIVE_BOOK, PAPER_BOOK)
_STORED_ONLY = "alert"


def list_known_bars(database: Database, settings: Settings, *, now: datetime) -> list[dict[str, Any]]:
    """Return a document for each market of recent entry signals, the newest first: see `describe`.

    Call it with no transaction open.
    """
    with database.snapshot() as session:
        markets, answers = signal_markets.load(session, BOOKS), exchange_answers.load_all(session)
    store = StoredBars(database)
    windows = WindowBuilder(GrowingBarHistories(store), depth=DEFAULT_DEPTH)
    library = loader.explain_missing_public_library()
    documents = []
    for market in markets:
        stored = _count_stored(store, windows, market, now=now)
        problem = _explain_stored_only(market.instrument, settings, answers, library)
        documents.append(describe(market, stored=stored, problem=problem, market_data=settings.market_data))
    return documents


def describe(market: SignalMarket, *, stored: int, problem: str | None, market_data: str) -> dict[str, Any]:
    """Describe a market: `known` of `needed` bars, whether they are `enough`, `problem` and `advice` (None: none).

    `known` are the stored bars, or those that a venue gave for the last signal, if these are more. `problem` says why
    no exchange gives any.
    """
    known = max(stored, market.bars_seen if problem is None else 0)
    is_enough = market.timeframe is not None and known >= (market.bars_needed or 0)
    document = {
        "book": market.book,
        "symbol": market.instrument.symbol,
        "exchange": market.instrument.exchange,
        "instrument_kind": market.instrument.kind.value,
        "timeframe": None if market.timeframe is None else str(market.timeframe),
        "sources": list(market.sources),
        "known": known,
        "needed": market.bars_needed,
        "enough": is_enough,
        "market_data": market_data,
        "problem": problem,
    }
    return document | {"advice": None if is_enough else _advise(market)}


def format_known_bars(document: Mapping[str, Any]) -> str:
    """Write a market in one line, such as `BTCUSDT 1h: 37 of 200 closed bars`, with what to do about missing ones."""
    name = f"{document['symbol']} {document['timeframe'] or ''}".rstrip()
    needed = "" if document["needed"] is None else f" of {document['needed']}"
    counted = f"{name}: {min(document['known'], document['needed'] or document['known'])}{needed} closed bars"
    if document["enough"]:
        return counted
    reasons = "" if document["problem"] is None else f" ({document['problem']})"
    return f"{counted}{reasons}; {document['advice']}"


def list_missing(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each market whose bars do not suffice."""
    return [format_known_bars(document) for document in documents if not document["enough"]]


def describe_market_data(settings: Settings) -> str:
    """Return where prices come from under these settings, and what is skipped because it is not installed."""
    if settings.market_data == _STORED_ONLY:
        return "stored bars: those imported, and those that alerts bring"
    if settings.market_data != catalogue.AUTO:
        return settings.market_data
    missing = loader.explain_missing_public_library()
    if missing is None:
        return "the exchange that an alert names, else stored bars"
    return f"stored bars; exchanges that alerts name are not asked: {missing}"


def _count_stored(store: StoredBars, windows: WindowBuilder, market: SignalMarket, *, now: datetime) -> int:
    """Count the stored bars that a snapshot of the market would hold now."""
    if market.timeframe is None:
        return 0
    feeds = store.feeds(market.book, [market.instrument])[market.instrument]
    base = windows.build_windows(feeds, timeframe=market.timeframe, moments=[now])[now].base
    return 0 if base is None else len(base.bars)


def _explain_stored_only(
    instrument: Instrument, settings: Settings, answers: Mapping[Instrument, ExchangeAnswer], library: str | None
) -> str | None:
    """Return why only stored bars count for an instrument; None where a venue is asked and answers."""
    if settings.market_data == _STORED_ONLY:
        return f"MARKET_DATA={_STORED_ONLY} asks no exchange"
    if settings.market_data != catalogue.AUTO:
        return None
    absence = public_exchanges.explain_absence(instrument) or library
    answer = answers.get(instrument)
    if absence is not None or answer is None:
        return absence
    return None if answer.problem is None else f"{answer.asked} {answer.problem}"


def _advise(market: SignalMarket) -> str:
    if market.timeframe is None:
        return (
            "its alerts name no interval: put {{interval}} into the message, or"
            f" `orchestrator sources set {market.sources[0]} --timeframe 1h`"
        )
    book = "" if market.book == PAPER_BOOK else f" --book {market.book}"
    command = f"orchestrator bars import {format_instrument(market.instrument)}=FILE{book}"
    return f"`{command}` adds history of {market.timeframe}, and each alert with a closed bar adds one"
