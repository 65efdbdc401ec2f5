"""Opening trades from pairs of answers: planned one after the other, so that limits count what was just opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from db import orders, trades
from db.core.session import Session
from db.dispatches import Dispatch
from domain import trade_opening
from domain.decision import EngineAnswer, EngineSlot
from domain.ports import Exposure
from domain.signal import Instrument, Signal
from domain.trade import OrderState, Trade, TradeStatus
from domain.trade_opening import OpeningPlan
from tasks.parts import Parts

Answered = tuple[Dispatch, tuple[EngineAnswer, EngineAnswer]]
Counters = dict[tuple[str, Instrument, EngineSlot, bool], Exposure]


def record(session: Session, parts: Parts, pairs: Sequence[Answered]) -> list[OpeningPlan]:
    """Write the trades that answers open or are denied: model trades with their fills, real ones as intents."""
    entries = [one.signal for one, _ in pairs]
    trades.lock_counters(session, entries)
    counters = trades.exposures(session, entries)
    plans = [_plan(parts, one, answers, counters) for one, answers in pairs]
    trades.open_for(
        session, [(one.signal, trade) for (one, _), plan in zip(pairs, plans, strict=True) for trade in plan.trades]
    )
    opened = [one for plan in plans for one in plan.openings if one.order is not None]
    model = [one.order for one in opened if one.fill is not None and one.order is not None]
    real = [one.order for one in opened if one.fill is None and one.order is not None]
    orders.fill_model_orders(session, model, [one.fill for one in opened if one.fill is not None])
    orders.record(session, real, state=OrderState.INTENT)
    return plans


def _plan(parts: Parts, one: Dispatch, answers: tuple[EngineAnswer, EngineAnswer], counters: Counters) -> OpeningPlan:
    plan = trade_opening.plan_trades(
        answers,
        signal=one.signal,
        context=one.context,
        policy=one.policy,
        study=one.study,
        exposures=_exposures(counters, one.signal),
        limits=parts.limits,
        model=parts.fill_model,
        experiment_id=one.experiment_id,
        venue=parts.venue(one.signal.book),
    )
    for trade in plan.trades:
        _count(counters, trade)
    return plan


def _exposures(counters: Counters, signal: Signal) -> dict[tuple[EngineSlot, bool], Exposure]:
    about = (signal.book, signal.instrument)
    return {(slot, is_real): count for (*key, slot, is_real), count in counters.items() if tuple(key) == about}


def _count(counters: Counters, trade: Trade) -> None:
    if trade.status is TradeStatus.DENIED:
        return
    key = (trade.book, trade.instrument, trade.engine, not trade.is_shadow)
    before = counters.get(key, Exposure(open_in_symbol=0))
    counters[key] = replace(before, open_in_symbol=before.open_in_symbol + 1)
