"""Opening trades from a pair of answers: the model trades of both engines, and the real ones the policy allows.

Every ENTER becomes exactly one model trade, opened on the context's quote or denied with a reason. An engine with an
allocation also gets a real trade, which passes the same risk check on the real ledger's own counters. It is denied
where its model trade is, since its exits follow those of the model trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain import fills, risk
from domain.context import MarketContext
from domain.decision import EngineAnswer, EngineSlot, Plan
from domain.fills import FillModel
from domain.money import Conversion, Denomination
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One planned trade: open with order and fill (model), pending with an order to send (real), or only denied."""

    trade: Trade
    order: Order | None = None
    fill: Fill | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningPlan:
    """All trades that one pair of answers opens or denies, by slot, the model trade before the real one."""

    openings: tuple[Opening, ...]

    @property
    def trades(self) -> tuple[Trade, ...]:
        """The trades, including denied ones."""
        return tuple(opening.trade for opening in self.openings)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDenials:
    """Reasons that are known before the engines' plans are judged: for both ledgers, and for the real one alone."""

    both: Denial | None = None
    real: Denial | None = None


NO_DENIALS = LedgerDenials()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """The inputs that both engines' trades of one experiment share."""

    signal: Signal
    context: MarketContext
    policy: ExecutionPolicy
    study: Study
    exposures: Mapping[tuple[EngineSlot, bool], Exposure]
    limits: Limits
    model: FillModel
    experiment_id: UUID
    venue: RealVenue
    denials: LedgerDenials


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
    denials: LedgerDenials = NO_DENIALS,
) -> OpeningPlan:
    """Return the trades that a pair of answers opens or denies; the same input gives the same ids.

    `exposures` is by (engine, whether the ledger is the real one); an absent key means that nothing is open. Trades are
    entered at the context's `as_of`, on the context's quote.
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
        denials=denials,
    )
    return OpeningPlan(openings=tuple(opening for answer in answers for opening in _plan_openings(answer, terms)))


def _plan_openings(answer: EngineAnswer, terms: _Terms) -> list[Opening]:
    """Return the model trade of an ENTER and, with an allocation, the real trade; none for another verdict."""
    plan = answer.decision.plan
    if plan is None:
        return []
    model = _open_model_trade(answer.slot, plan, terms)
    if answer.slot not in terms.policy.allocations:
        return [model]
    if model.trade.denial is not None:
        return [model, _deny_real_trade(model.trade, plan, terms)]
    return [model, _open_real_trade(answer.slot, plan, terms)]


def _open_model_trade(slot: EngineSlot, plan: Plan, terms: _Terms) -> Opening:
    trade = _build_trade(slot, plan, terms, is_shadow=True, share=_WHOLE)
    if trade.status is TradeStatus.DENIED:
        return Opening(trade=trade)
    order = _build_entry_order(trade, terms, RealVenue(name=MODEL_VENUE))
    return Opening(trade=trade, order=order, fill=fills.fill_order_by_model(order, model=terms.model))


def _deny_real_trade(model_trade: Trade, plan: Plan, terms: _Terms) -> Opening:
    """Deny the real trade for the reason of its model trade, whose exits it would have followed."""
    real = _build_trade(
        model_trade.engine, plan, terms, is_shadow=False, share=terms.policy.allocations[model_trade.engine]
    )
    return Opening(trade=replace(real, status=TradeStatus.DENIED, denial=model_trade.denial))


def _open_real_trade(slot: EngineSlot, plan: Plan, terms: _Terms) -> Opening:
    trade = _build_trade(slot, plan, terms, is_shadow=False, share=terms.policy.allocations[slot])
    if trade.status is TradeStatus.DENIED:
        return Opening(trade=trade)
    return Opening(trade=trade, order=_build_entry_order(trade, terms, terms.venue))


def _build_trade(slot: EngineSlot, plan: Plan, terms: _Terms, *, is_shadow: bool, share: Decimal) -> Trade:
    """Build the trade as it is first stored; a denied one has the quantity that the plan asked for."""
    context, lot = terms.context, terms.context.rules.lot
    asked = plan.quantity * share
    quantity = fills.floor_to_lot(asked, lot) if asked.is_finite() and asked > 0 else Decimal(0)
    denial = terms.denials.both or _check_risk(slot, plan, terms, quantity=quantity, is_real=not is_shadow)
    if denial is None and not is_shadow:
        denial = terms.denials.real
    return Trade(
        trade_id=trade_id_for(terms.experiment_id, engine=slot, is_shadow=is_shadow),
        experiment_id=terms.experiment_id,
        book=terms.signal.book,
        engine=slot,
        is_shadow=is_shadow,
        status=_choose_first_status(denial, is_shadow=is_shadow),
        instrument=context.instrument,
        side=plan.side,
        quantity=quantity if denial is None else asked,
        lot=lot,
        plan=plan,
        entry_at=context.as_of,
        time_limit_at=_compute_time_limit(plan, terms.study, entry_at=context.as_of, kind=context.instrument.kind),
        walk=WalkState(stop=plan.stop, remaining=_WHOLE, targets_hit=0, best=None, legs=0),
        evaluated_to=context.as_of,
        denial=None if denial is None else denial.value,
        money=_denominate(terms),
    )


def _denominate(terms: _Terms) -> Denomination:
    """Return what the trade is counted in, by the rules of its context; an unknown currency is taken for the book's."""
    rules = terms.context.rules
    return Denomination(
        currency=rules.currency or rules.base_currency,
        multiplier=rules.multiplier,
        conversion=rules.conversion,
        rate=rules.rate,
    )


def _check_risk(slot: EngineSlot, plan: Plan, terms: _Terms, *, quantity: Decimal, is_real: bool) -> Denial | None:
    quote = terms.context.quote
    return risk.find_denial(
        plan,
        quantity=quantity,
        rules=terms.context.rules,
        market=fills.complete_quote(terms.model, bid=quote.bid, ask=quote.ask, last=quote.last),
        exposure=terms.exposures.get((slot, is_real), _NOTHING_OPEN),
        limits=terms.limits,
    )


def _choose_first_status(denial: Denial | None, *, is_shadow: bool) -> TradeStatus:
    if denial is not None:
        return TradeStatus.DENIED
    return TradeStatus.OPEN if is_shadow else TradeStatus.PENDING


def _compute_time_limit(plan: Plan, study: Study, *, entry_at: datetime, kind: InstrumentKind) -> datetime:
    """Return the earlier one of the plan's and the study's longest holding time."""
    longest = compute_horizon_end(entry_at, sessions=study.horizon_sessions, kind=kind) - entry_at
    return entry_at + min(plan.max_hold, longest)


def _build_entry_order(trade: Trade, terms: _Terms, venue: RealVenue) -> Order:
    """Build the order that enters a trade on the context's quote."""
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
            trade.book,
            trade.instrument,
            at=trade.entry_at,
            bid=quote.bid,
            ask=quote.ask,
            last=quote.last,
            rate=trade.money.rate if trade.money.conversion is Conversion.STORED else None,
        ),
        is_final=False,
        money=trade.money,
    )
