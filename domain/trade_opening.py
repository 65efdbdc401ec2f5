"""What follows from a pair of answers: the model trades of both engines, and the real ones the policy allows.

Every ENTER becomes exactly one model trade, opened on the context's quote or denied with a reason. An engine with an
allocation gets a real trade beside it, judged by the same gate on the real ledger's own counters; it is denied where
its model trade is, since real trades exit after their model twins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain import fills, risk
from domain.context import MarketContext
from domain.decision import EngineAnswer, EngineSlot, Plan
from domain.fills import FillModel
from domain.policy import ExecutionPolicy
from domain.ports import Exposure
from domain.risk import Denial, Limits
from domain.signal import Direction, InstrumentKind, Signal
from domain.study import Study, compute_horizon_end
from domain.trade import (
    ENTRY_LEG,
    FIRST_ATTEMPT,
    MODEL_VENUE,
    Clock,
    Fill,
    Intent,
    Order,
    Pricing,
    RealVenue,
    Trade,
    TradeStatus,
    WalkState,
    client_order_id_for,
    order_id_for,
    trade_id_for,
)

ENTRY_REASON = "entry"
_WHOLE = Decimal(1)
_NOTHING_OPEN = Exposure(open_in_symbol=0)


class FillRefused(ValueError):
    """A fill cannot belong to the trade: it names another one, or the trade takes no entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One planned trade: open with order and fill (model), pending with an order to send (real), or denied alone."""

    trade: Trade
    order: Order | None = None
    fill: Fill | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningPlan:
    """All that one pair of answers opens: by slot, the model trade before the real one."""

    openings: tuple[Opening, ...]

    @property
    def trades(self) -> tuple[Trade, ...]:
        """The trades, denied ones included."""
        return tuple(one.trade for one in self.openings)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The entry orders, those of model trades included (their venue is the model)."""
        return tuple(one.order for one in self.openings if one.order is not None)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The entry fills of the model trades."""
        return tuple(one.fill for one in self.openings if one.fill is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What both engines' trades of one experiment share."""

    signal: Signal
    context: MarketContext
    policy: ExecutionPolicy
    study: Study
    exposures: Mapping[tuple[EngineSlot, bool], Exposure]
    limits: Limits
    model: FillModel
    experiment_id: UUID
    venue: RealVenue


def plan_trades(
    answers: tuple[EngineAnswer, EngineAnswer],
    *,
    signal: Signal,
    context: MarketContext,
    policy: ExecutionPolicy,
    study: Study,
    exposures: Mapping[tuple[EngineSlot, bool], Exposure],
    limits: Limits,
    model: FillModel,
    experiment_id: UUID,
    venue: RealVenue,
) -> OpeningPlan:
    """Say which trades a pair of answers opens or denies; the same input names the same rows.

    `exposures` is by (engine, whether the ledger is the real one); an absent key means nothing is open. The entry is
    the context's `as_of`, and its stored quote is the context's quote as it stood then.
    """
    terms = _Terms(
        signal=signal,
        context=context,
        policy=policy,
        study=study,
        exposures=exposures,
        limits=limits,
        model=model,
        experiment_id=experiment_id,
        venue=venue,
    )
    return OpeningPlan(openings=tuple(opening for answer in answers for opening in _openings(answer, terms)))


def filled_real(trade: Trade, entry_fills: Sequence[Fill]) -> Trade:
    """Return the real trade as its entry fills (all of them so far) make it; without any it stays as it is.

    The quantity is what was filled. The first fill opens the trade and starts its walk; later ones add quantity only.

    Raises:
        FillRefused: when a fill names another trade or is no entry, or the trade is denied or closed.
    """
    if not entry_fills:
        return trade
    if trade.status not in (TradeStatus.PENDING, TradeStatus.OPEN):
        raise FillRefused(f"trade {trade.trade_id} is {trade.status.value} and takes no entry")
    if any(one.trade_id != trade.trade_id or one.intent is not Intent.ENTRY for one in entry_fills):
        raise FillRefused(f"a fill is no entry of trade {trade.trade_id}")
    quantity = sum((one.quantity for one in entry_fills), Decimal(0))
    if trade.status is TradeStatus.OPEN:
        return replace(trade, quantity=quantity)
    entry_at = max(trade.entry_at, min(one.at for one in entry_fills))
    return replace(trade, quantity=quantity, status=TradeStatus.OPEN, entry_at=entry_at, evaluated_to=entry_at)


def _openings(answer: EngineAnswer, terms: _Terms) -> list[Opening]:
    plan = answer.decision.plan
    if plan is None:
        return []
    model = _model_opening(answer.slot, plan, terms)
    if answer.slot not in terms.policy.allocations:
        return [model]
    if model.trade.denial is not None:
        return [model, _denied_with(model.trade, plan, terms)]
    return [model, _real_opening(answer.slot, plan, terms)]


def _model_opening(slot: EngineSlot, plan: Plan, terms: _Terms) -> Opening:
    trade = _trade(slot, plan, terms, is_shadow=True, share=_WHOLE)
    if trade.status is TradeStatus.DENIED:
        return Opening(trade=trade)
    order = _entry_order(trade, terms, RealVenue(name=MODEL_VENUE))
    return Opening(trade=trade, order=order, fill=fills.fill_order_by_model(order, model=terms.model))


def _denied_with(twin: Trade, plan: Plan, terms: _Terms) -> Opening:
    """Deny the real trade for its model trade's reason: without that twin nothing would walk its exits."""
    real = _trade(twin.engine, plan, terms, is_shadow=False, share=terms.policy.allocations[twin.engine])
    return Opening(trade=replace(real, status=TradeStatus.DENIED, denial=twin.denial))


def _real_opening(slot: EngineSlot, plan: Plan, terms: _Terms) -> Opening:
    trade = _trade(slot, plan, terms, is_shadow=False, share=terms.policy.allocations[slot])
    if trade.status is TradeStatus.DENIED:
        return Opening(trade=trade)
    return Opening(trade=trade, order=_entry_order(trade, terms, terms.venue))


def _trade(slot: EngineSlot, plan: Plan, terms: _Terms, *, is_shadow: bool, share: Decimal) -> Trade:
    """Make the trade's first row; a denied one keeps the quantity that was asked for."""
    context, lot = terms.context, terms.context.rules.lot
    asked = plan.quantity * share
    quantity = fills.floor_to_lot(asked, lot) if asked.is_finite() and asked > 0 else Decimal(0)
    denial = _denial(slot, plan, terms, quantity=quantity, is_real=not is_shadow)
    return Trade(
        trade_id=trade_id_for(terms.experiment_id, engine=slot, is_shadow=is_shadow),
        experiment_id=terms.experiment_id,
        book=terms.signal.book,
        engine=slot,
        is_shadow=is_shadow,
        status=_first_status(denial, is_shadow=is_shadow),
        instrument=context.instrument,
        side=plan.side,
        quantity=quantity if denial is None else asked,
        lot=lot,
        plan=plan,
        entry_at=context.as_of,
        time_limit_at=_time_limit(plan, terms.study, entry_at=context.as_of, kind=context.instrument.kind),
        walk=WalkState(stop=plan.stop, remaining=_WHOLE, targets_hit=0, best=None, legs=0),
        evaluated_to=context.as_of,
        denial=None if denial is None else denial.value,
    )


def _denial(slot: EngineSlot, plan: Plan, terms: _Terms, *, quantity: Decimal, is_real: bool) -> Denial | None:
    quote = terms.context.quote
    return risk.find_denial(
        plan,
        quantity=quantity,
        market=fills.complete_quote(terms.model, bid=quote.bid, ask=quote.ask, last=quote.last),
        exposure=terms.exposures.get((slot, is_real), _NOTHING_OPEN),
        limits=terms.limits,
    )


def _first_status(denial: Denial | None, *, is_shadow: bool) -> TradeStatus:
    if denial is not None:
        return TradeStatus.DENIED
    return TradeStatus.OPEN if is_shadow else TradeStatus.PENDING


def _time_limit(plan: Plan, study: Study, *, entry_at: datetime, kind: InstrumentKind) -> datetime:
    longest = compute_horizon_end(entry_at, sessions=study.horizon_sessions, kind=kind) - entry_at
    return entry_at + min(plan.max_hold, longest)


def _entry_order(trade: Trade, terms: _Terms, venue: RealVenue) -> Order:
    quote = terms.context.quote
    client_order_id = client_order_id_for(
        book=trade.book,
        account=venue.account,
        trade_id=trade.trade_id,
        intent=Intent.ENTRY,
        clock=Clock.BOTH,
        leg=ENTRY_LEG,
        attempt=FIRST_ATTEMPT,
    )
    return Order(
        order_id=order_id_for(trade.trade_id, client_order_id),
        client_order_id=client_order_id,
        book=trade.book,
        trade_id=trade.trade_id,
        intent=Intent.ENTRY,
        clock=Clock.BOTH,
        leg=ENTRY_LEG,
        attempt=FIRST_ATTEMPT,
        is_buy=trade.side is Direction.LONG,
        quantity=trade.quantity,
        fraction=_WHOLE,
        pricing=Pricing.MARKET,
        reason=ENTRY_REASON,
        venue=venue.name,
        account=venue.account,
        quote=fills.build_trade_quote(
            trade.book, trade.instrument, at=trade.entry_at, bid=quote.bid, ask=quote.ask, last=quote.last
        ),
        is_final=False,
    )
