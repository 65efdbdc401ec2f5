"""Stage 4: close what the signals close, ask both engines about the entries, and open the trades that follow."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from celery import current_app

from config.time_limits import ASKING_S
from db import decisions, dispatches, exit_incidents, exit_results, jump_incidents, pyramids, signals, trades
from db.core.errors import SQLAlchemyError
from db.core.session import Session
from db.dispatches import Dispatch
from db.pyramids import Pyramids
from domain import trade_opening
from domain.decision import EngineSlot
from domain.ports import Exposure
from domain.risk import Denial
from domain.signal import Flag, Signal, Stage
from domain.trade import Trade, TradeStatus
from domain.trade_opening import LedgerDenials, OpeningPlan
from tasks import entry_prices, exit_settlement, opening_orders, waiting_entries
from tasks.base_task import StageBatch, stage_task
from tasks.chains import BATCH
from tasks.entry_prices import AnsweredDispatch, PricedEntry
from tasks.parts import Parts
from tasks.stages import log_events

ExposureCounters = dict[tuple[str, str, EngineSlot, bool], Exposure]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTradeCounters:
    """Open trades by instrument and engine, and real ones by key with how many of these each source may hold.

    `jumped` are the signals whose prices jumped as by a split or bad data.
    """

    exposures: ExposureCounters
    pyramids: Pyramids
    jumped: Collection[UUID]


@stage_task(Stage.DISPATCHED)
def dispatch_engines(parts: Parts, batch: StageBatch) -> int:
    """Close trades that signals end, ask both engines about the entries, and open the trades they decide on.

    Entries of other chains that wait for the engines are asked about in the same batch.
    """
    joined = _claim_waiting_entries(parts, batch)
    if not joined:
        return _dispatch(parts, batch)
    try:
        dispatched = _dispatch(parts, replace(batch, signal_ids=(*batch.signal_ids, *joined)))
    except Exception:
        # The batch is repeated without the signals that joined it, so they are given back.
        with suppress(SQLAlchemyError):
            _defer(parts, batch, joined)
        raise
    _send_to_record_outcome(batch, joined)
    return dispatched


def _claim_waiting_entries(parts: Parts, batch: StageBatch) -> tuple[UUID, ...]:
    """Claim entries that wait for slow engines, as many as fit into the batch.

    Alerts that come one by one are chains of one signal: asked about one after the other they would wait in vain for
    an engine that takes several questions at once.
    """
    room = BATCH - len(batch.signal_ids)
    if not parts.settings.longest_deadline_s or batch.is_repeated or room <= 0:
        return ()
    with parts.transaction() as session:
        return signals.claim_more(session, batch.signal_ids, lease=batch.lease, for_stage=batch.stage, limit=room)


def _send_to_record_outcome(batch: StageBatch, signal_ids: Sequence[UUID]) -> None:
    """Send signals that joined the batch to the last stage: the batch's own chain does not know them."""
    arguments = {"signal_ids": [str(signal_id) for signal_id in signal_ids], "lock": str(batch.lease.lock)}
    current_app.signature("stages.record_outcome", kwargs=arguments).apply_async()


def _dispatch(parts: Parts, batch: StageBatch) -> int:
    """Dispatch a batch and return how many signals went on.

    A signal that closes a side waits until earlier entries of that side are dispatched. What cannot go on in this
    batch, and what engines have no time for, is given back for a moment.
    """
    waiting, count_before, dispatched = batch.signal_ids, len(batch.signal_ids) + 1, 0
    while waiting and len(waiting) < count_before and time.monotonic() < batch.started_at + ASKING_S:
        count_before = len(waiting)
        waiting, kept = _dispatch_ready(parts, batch, waiting)
        dispatched += kept
    if waiting:
        _defer(parts, batch, waiting)
        log.info("signals.deferred", count=len(waiting))
    return dispatched


def _defer(parts: Parts, batch: StageBatch, signal_ids: Sequence[UUID]) -> None:
    """Give signals back for a moment."""
    with parts.transaction() as session:
        signals.defer(session, signal_ids, lease=batch.lease)


def _dispatch_ready(parts: Parts, batch: StageBatch, signal_ids: Sequence[UUID]) -> tuple[tuple[UUID, ...], int]:
    """Dispatch the signals that need not wait; return those that must wait, and how many were dispatched."""
    with parts.transaction() as session:
        selected = dispatches.prepare_batch(session, batch.claim(session, signal_ids))
    waiting_entries.cancel_by_closings(parts, selected.closings)
    waiting_for_price = exit_settlement.close_by_signals(parts, selected.closings)
    answered = _ask_engines(parts, batch, selected.asked)
    priced = entry_prices.price_entries(parts, answered)
    unasked = {dispatch.signal.signal_id for dispatch in selected.asked[len(answered) :]}
    with parts.transaction() as session:
        kept = batch.select_still_owned(session, [ready for ready in selected.ready if ready not in unasked])
        exit_results.mark_waiting(session, waiting_for_price & kept)
        exit_results.mark_settled(session, (selected.closing_ids & kept) - waiting_for_price)
        kept_entries = [entry for entry in priced if entry.dispatch.signal.signal_id in kept]
        decisions.record(session, [(entry.dispatch, entry.answers) for entry in kept_entries])
        opened = open_trades(session, parts, kept_entries)
        note_outdated(session, [entry.dispatch for entry in kept_entries])
        signals.advance(session, kept, lease=batch.lease, to=batch.stage)
    log_events.log_dispatched(kept_entries, opened)
    return (*selected.waiting, *unasked), len(kept)


def _ask_engines(parts: Parts, batch: StageBatch, asked: Sequence[Dispatch]) -> list[AnsweredDispatch]:
    """Return the entries that both engines had time to answer, which are the first ones; no transaction is open."""
    answers = parts.engines.decide_all(
        [dispatch.question for dispatch in asked],
        ends_at=batch.started_at + ASKING_S,
        heartbeat=batch.heartbeat(parts.database),
    )
    return list(zip(asked, answers, strict=False))


def open_trades(session: Session, parts: Parts, priced: Sequence[PricedEntry]) -> list[OpeningPlan]:
    """Write the trades that answers open, or that are denied: model trades with fills, real ones as order intents.

    Planned one after the other, so that limits count the trades that were opened just before.
    """
    entries = [entry.dispatch.signal for entry in priced]
    trades.lock_counters(session, entries)
    counters = OpenTradeCounters(
        exposures=trades.count_exposures(session, entries),
        pyramids=pyramids.load(session, entries),
        jumped=jump_incidents.find_unaccepted(
            session, [(entry.dispatch.signal.book, entry.dispatch.context) for entry in priced]
        ),
    )
    plans = [_plan_trades(parts, entry, counters) for entry in priced]
    trades.record_opened(
        session, [(signal, trade) for signal, plan in zip(entries, plans, strict=True) for trade in plan.trades]
    )
    opening_orders.record(session, [opening for plan in plans for opening in plan.openings])
    return plans


def note_outdated(session: Session, dispatched: Sequence[Dispatch]) -> None:
    """Flag the entries whose exit came before them, and open an incident about each."""
    outdated = {dispatch.signal: dispatch.closed_by for dispatch in dispatched if dispatch.closed_by is not None}
    exit_results.add_flags(session, {signal.signal_id: Flag.OUTDATED.value for signal in outdated})
    for signal, closed_by in outdated.items():
        exit_incidents.open_about_outdated_entry(session, signal, closed_by=closed_by)


def _plan_trades(parts: Parts, entry: PricedEntry, counters: OpenTradeCounters) -> OpeningPlan:
    """Plan the trades of a dispatched entry, and add them to the counters."""
    dispatch = entry.dispatch
    plan = trade_opening.plan_trades(
        entry.answers,
        signal=dispatch.signal,
        context=dispatch.context,
        policy=dispatch.policy,
        entries=entry.terms,
        exposures=_select_exposures(counters.exposures, dispatch.signal),
        limits=parts.limits,
        model=parts.fill_model,
        experiment_id=dispatch.experiment_id,
        venue=parts.venue(dispatch.signal.book),
        denials=_find_ledger_denials(dispatch, counters),
    )
    for trade in plan.trades:
        _count_exposure(counters.exposures, trade)
    if any(not trade.is_shadow and trade.status is not TradeStatus.DENIED for trade in plan.trades):
        counters.pyramids.held[pyramids.key_of(dispatch.signal)] += 1
    return plan


def _find_ledger_denials(dispatch: Dispatch, counters: OpenTradeCounters) -> LedgerDenials:
    """Return why an entry opens no trade in any ledger, or no real one, whatever the engines plan."""
    signal = dispatch.signal
    is_full = counters.pyramids.is_full(signal)
    jumped = Denial.PRICE_JUMP if signal.signal_id in counters.jumped else None
    return LedgerDenials(
        both=Denial.OUTDATED if dispatch.closed_by is not None else jumped,
        real=Denial.PYRAMIDING if is_full else None,
    )


def _select_exposures(counters: ExposureCounters, signal: Signal) -> dict[tuple[EngineSlot, bool], Exposure]:
    """Return the exposures in the signal's book and symbol, by engine and whether real."""
    market = (signal.book, signal.symbol)
    return {(slot, is_real): exposure for (*key, slot, is_real), exposure in counters.items() if tuple(key) == market}


def _count_exposure(counters: ExposureCounters, trade: Trade) -> None:
    """Add a trade to the exposure counters, unless it was denied."""
    if trade.status is TradeStatus.DENIED:
        return
    key = (trade.book, trade.instrument.symbol, trade.engine, not trade.is_shadow)
    exposure = counters.get(key, Exposure(open_in_symbol=0))
    counters[key] = replace(exposure, open_in_symbol=exposure.open_in_symbol + 1)
