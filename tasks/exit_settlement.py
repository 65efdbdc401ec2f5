"""Closing trades: the own clock first, then the real trade after its engine's, then its siblings after the real one.

Each step derives from rows that the step before committed, so that it can stop anywhere and be taken up again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog

from db import families, orders, outcomes, trades
from db.core.session import Session
from db.dispatches import Closing
from db.trades import Walk
from domain import exit_synchronization, exits, fills
from domain.context import Quote
from domain.exit_synchronization import Family, PlacedOrder
from domain.exits import ExitReason, WalkResult
from domain.signal import Instrument
from domain.trade import ExitEvent, Order, OrderState, Pricing, RealVenue, Trade
from tasks import order_submission
from tasks.parts import Parts

_WHOLE = Decimal(1)
Happened = dict[UUID, tuple[Trade, tuple[ExitEvent, ...]]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Closes whatever a walk left open, at a quote."""

    quote: Quote
    at: datetime
    reason: ExitReason


def close(parts: Parts, closings: Sequence[Closing]) -> None:
    """Let signals close the trades they select, each at its own arrival and quote, in order."""
    for one in closings:
        signal = one.signal
        if not one.quote.is_usable:
            log.warning("exit.not_priced", signal_id=str(signal.signal_id), trades=len(one.trade_ids))
            continue
        reason = ExitReason.OPPOSITE_SIGNAL if signal.is_entry else ExitReason.EXIT_SIGNAL
        ending = Ending(quote=one.quote, at=signal.received_at, reason=reason)
        settle(parts, one.trade_ids, until=signal.received_at, ending=ending)


def settle(parts: Parts, trade_ids: Collection[UUID], *, until: datetime, ending: Ending | None = None) -> int:
    """Walk model trades to `until`, end what is left if asked to, and let real trades and siblings follow.

    Returns:
        How many exits the own clocks made.
    """
    with parts.transaction() as session:
        before = trades.load_walkable(session, trade_ids)
    walked = _walk(parts, before, until, ending)
    standing = {one.trade_id for one in before if _stands(one, walked[one.trade_id])}
    due = [one for one in trade_ids if one not in standing]
    if not due:
        return 0
    moving = [one for one in before if one.trade_id not in standing]
    with parts.transaction() as session:
        experiment_ids = trades.load_experiment_ids(session, due)
        trades.lock_families(session, experiment_ids)
        happened = _moved(session, moving, walked)
        _record_own(session, parts, happened)
    follow(parts, experiment_ids)
    return sum(len(events) for _, events in happened.values())


def follow(parts: Parts, experiment_ids: Collection[UUID]) -> None:
    """Send the exits real trades owe their engine's own clock, leg by leg, and mirror each fill on the siblings."""
    owing = bool(experiment_ids)
    while owing:
        with parts.transaction() as session:
            owed = _owed_by_real(session, parts, experiment_ids)
        answers = order_submission.submit(parts, owed)
        with parts.transaction() as session:
            _synchronize(session, parts, families.load(session, experiment_ids))
        owing = any(one.state is OrderState.FILLED for one in answers)


def flatten(parts: Parts, book: str, experiment_ids: Collection[UUID], *, now: datetime) -> None:
    """Close all that real trades of a book hold, at its present quotes; their siblings' own clocks go on."""
    order_submission.cancel_entries(parts, book, experiment_ids)
    with parts.transaction() as session:
        instruments = {one.instrument for family in families.load(session, experiment_ids) for one in family.reals}
    quotes = {one: parts.market_data(book).quote(book, one, at=now).quote for one in instruments}
    with parts.transaction() as session:
        for family in families.load(session, experiment_ids):
            for placed in _flattening(family, quotes, parts.venue(book), now):
                orders.record(session, [placed.order], state=placed.state)
    follow(parts, experiment_ids)


def catch_up(parts: Parts, experiment_ids: Collection[UUID]) -> None:
    """Follow where a real trade opened only after its engine's model trade had exits already."""
    with parts.transaction() as session:
        lagging = trades.filter_lagging(session, experiment_ids)
    follow(parts, lagging)


def _walk(parts: Parts, open_trades: Sequence[Trade], until: datetime, ending: Ending | None) -> dict[UUID, WalkResult]:
    groups: dict[tuple[str, Instrument], list[Trade]] = {}
    for one in open_trades:
        groups.setdefault((one.book, one.instrument), []).append(one)
    done: dict[UUID, WalkResult] = {}
    for (book, instrument), group in groups.items():
        after = min(one.evaluated_to for one in group)
        bars = parts.market_data(book).walk_bars(book, instrument, after=after, until=until)
        walked = ((one, exits.walk(one, bars, model=parts.fill_model, until=until)) for one in group)
        done |= {one.trade_id: _ended(one, result, ending) for one, result in walked}
    return done


def _ended(trade: Trade, walked: WalkResult, ending: Ending | None) -> WalkResult:
    if ending is None or not walked.state.remaining:
        return walked
    left = replace(trade, walk=walked.state, evaluated_to=walked.evaluated_to)
    event = exits.build_closing_event(left, quote=ending.quote, at=ending.at, reason=ending.reason)
    state = exits.apply_exit(walked.state, event)
    return WalkResult(state=state, evaluated_to=walked.evaluated_to, events=(*walked.events, event))


def _stands(trade: Trade, walked: WalkResult) -> bool:
    """Whether a walk found no new bar and nothing to do: most do, and writing that down would rewrite every trade."""
    return not walked.events and walked.evaluated_to == trade.evaluated_to and walked.state == trade.walk


def _moved(session: Session, moving: Sequence[Trade], walked: Mapping[UUID, WalkResult]) -> Happened:
    """Write where trades were walked to; return the exits of those that nobody else had moved meanwhile."""
    moved = trades.record_walks(session, [_move(one, walked[one.trade_id]) for one in moving])
    return {one.trade_id: (one, walked[one.trade_id].events) for one in moving if one.trade_id in moved}


def _move(trade: Trade, walked: WalkResult) -> Walk:
    return Walk(
        trade_id=trade.trade_id,
        from_=trade.evaluated_to,
        legs_before=trade.walk.legs,
        to=walked.evaluated_to,
        state=walked.state,
    )


def _record_own(session: Session, parts: Parts, happened: Happened) -> None:
    exited = [(trade, events) for trade, events in happened.values() if events]
    loaded = {one.experiment_id: one for one in families.load(session, {trade.experiment_id for trade, _ in exited})}
    made = [
        order
        for trade, events in exited
        for order in exit_synchronization.build_own_exit_orders(
            loaded[trade.experiment_id], trade, events, first_leg=trade.walk.legs + 1
        )
    ]
    _fill_by_model(session, parts, made)
    _synchronize(session, parts, families.load(session, loaded))


def _owed_by_real(session: Session, parts: Parts, experiment_ids: Collection[UUID]) -> list[UUID]:
    for family in families.load(session, experiment_ids):
        venue = parts.venue(family.trades[0].book)
        for placed in exit_synchronization.find_owed_real_exits(family, venue=venue):
            orders.record(session, [placed.order], state=placed.state)
    return orders.list_pending_exits(session, experiment_ids)


def _flattening(
    family: Family, quotes: Mapping[Instrument, Quote], venue: RealVenue, now: datetime
) -> Iterable[PlacedOrder]:
    for real in family.reals:
        quote = quotes[real.instrument]
        event = ExitEvent(
            at=max(now, real.entry_at),
            fraction=_WHOLE,
            is_final=True,
            reason=ExitReason.FLATTEN.value,
            pricing=Pricing.MARKET,
            bid=quote.bid,
            ask=quote.ask,
            last=quote.last,
        )
        yield from exit_synchronization.find_owed_flattening_exits(family, real, event, venue=venue)


def _synchronize(session: Session, parts: Parts, loaded: Iterable[Family]) -> None:
    loaded = list(loaded)
    _fill_by_model(
        session, parts, [order for one in loaded for order in exit_synchronization.find_owed_synchronized_exits(one)]
    )
    fresh = families.load(session, [one.experiment_id for one in loaded])
    outcomes.record(session, [outcome for one in fresh for outcome in exit_synchronization.compute_due_outcomes(one)])


def _fill_by_model(session: Session, parts: Parts, made: Sequence[Order]) -> None:
    filled = [(one, fills.fill_order_by_model(one, model=parts.fill_model)) for one in made]
    priced = [(order, fill) for order, fill in filled if fill is not None]
    orders.record_filled_model_orders(session, [order for order, _ in priced], [fill for _, fill in priced])
