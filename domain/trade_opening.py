"""Opening trades from a pair of answers: the model trades of both engines, and the real ones the policy allows.

Every ENTER becomes exactly one model trade, opened at the first price after the decision, waiting for one, or denied
with a reason. An engine with an allocation also gets a real trade, which passes the same risk check on the real
ledger's own counters. It is denied where its model trade is, since its exits follow those of the model trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain import entry_orders, fills, market_prices, price_jumps, risk
from domain.context import MarketContext, PriceBasis, Quote
from domain.costs import InstrumentCosts
from domain.decision import EngineAnswer, EngineSlot, Plan
from domain.fills import FillModel, TwoSidedQuote
from domain.money import Denomination
from domain.policy import ExecutionPolicy
from domain.ports import Exposure
from domain.risk import Denial, Limits
from domain.signal import Direction, InstrumentKind, Signal
from domain.trade import (
    MODEL_VENUE,
    Fill,
    Order,
    RealVenue,
    Trade,
    TradeStatus,
    WalkState,
    trade_id_for,
)

_WHOLE = Decimal(1)
_LONGEST_HOLD = timedelta(days=3660)
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
class EntryTerms:
    """The quote at which an engine's trades are entered, and the moment of its decision.

    Without a quote they wait for one until `fill_by`, or are denied where that is None.
    """

    decided_at: datetime
    quote: Quote | None
    fill_by: datetime | None = None

    @property
    def is_waiting(self) -> bool:
        """True when there is no price yet, but one may come."""
        return self.quote is None and self.fill_by is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """The inputs that both engines' trades of one experiment share."""

    signal: Signal
    context: MarketContext
    policy: ExecutionPolicy
    entries: Mapping[EngineSlot, EntryTerms]
    exposures: Mapping[tuple[EngineSlot, bool], Exposure]
    limits: Limits
    model: FillModel
    experiment_id: UUID
    venue: RealVenue
    denials: LedgerDenials

    @property
    def costs(self) -> InstrumentCosts:
        """The costs of the instrument in the fill model."""
        return self.model.find_costs(self.context.instrument)


def plan_trades(
    answers: tuple[EngineAnswer, EngineAnswer],
    *,
    signal: Signal,
    context: MarketContext,
    policy: ExecutionPolicy,
    entries: Mapping[EngineSlot, EntryTerms],
    exposures: Mapping[tuple[EngineSlot, bool], Exposure],
    limits: Limits,
    model: FillModel,
    experiment_id: UUID,
    venue: RealVenue,
    denials: LedgerDenials = NO_DENIALS,
) -> OpeningPlan:
    """Return the trades that a pair of answers opens or denies; the same input gives the same ids.

    `exposures` is by (engine, whether the ledger is the real one); an absent key means that nothing is open. `entries`
    has the price and time of each engine that enters.
    """
    terms = _Terms(
        signal=signal,
        context=context,
        policy=policy,
        entries=entries,
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
    quote = terms.entries[slot].quote
    if trade.status is not TradeStatus.OPEN or quote is None:
        return Opening(trade=trade)
    return _enter_model_trade(trade, quote, model=terms.model)


def _enter_model_trade(trade: Trade, quote: Quote, *, model: FillModel) -> Opening:
    order = entry_orders.build_entry_order(trade, quote, venue=RealVenue(name=MODEL_VENUE))
    return Opening(trade=trade, order=order, fill=fills.fill_order_by_model(order, model=model))


def _deny_real_trade(model_trade: Trade, plan: Plan, terms: _Terms) -> Opening:
    """Deny the real trade for the reason of its model trade, whose exits it would have followed."""
    real = _build_trade(
        model_trade.engine, plan, terms, is_shadow=False, share=terms.policy.allocations[model_trade.engine]
    )
    return Opening(trade=replace(real, status=TradeStatus.DENIED, denial=model_trade.denial))


def _open_real_trade(slot: EngineSlot, plan: Plan, terms: _Terms) -> Opening:
    trade = _build_trade(slot, plan, terms, is_shadow=False, share=terms.policy.allocations[slot])
    quote = terms.entries[slot].quote
    if trade.status is TradeStatus.DENIED or quote is None:
        return Opening(trade=trade)
    return Opening(trade=trade, order=entry_orders.build_entry_order(trade, quote, venue=terms.venue))


def _build_trade(slot: EngineSlot, plan: Plan, terms: _Terms, *, is_shadow: bool, share: Decimal) -> Trade:
    """Build the trade as it is first stored; a denied one has the quantity that the plan asked for."""
    context, lot, entry = terms.context, terms.context.rules.lot, terms.entries[slot]
    asked = plan.quantity * share
    quantity = fills.floor_to_lot(asked, lot) if asked.is_finite() and asked > 0 else Decimal(0)
    denial = terms.denials.both or find_jump_denial(context.current_price, entry.quote, kind=context.instrument.kind)
    denial = denial or _check_risk(slot, plan, terms, quantity=quantity, is_real=not is_shadow)
    if denial is None and not is_shadow:
        denial = terms.denials.real
    status = _choose_first_status(denial, is_shadow=is_shadow and entry.quote is not None)
    entry_at = entry.decided_at if entry.quote is None else entry.quote.at
    return Trade(
        trade_id=trade_id_for(terms.experiment_id, engine=slot, is_shadow=is_shadow),
        experiment_id=terms.experiment_id,
        book=terms.signal.book,
        engine=slot,
        is_shadow=is_shadow,
        status=status,
        instrument=context.instrument,
        side=plan.side,
        quantity=quantity if denial is None else asked,
        lot=lot,
        plan=plan,
        entry_at=entry_at,
        time_limit_at=compute_time_limit(plan, entry_at=entry_at),
        walk=WalkState(
            stop=plan.stop,
            remaining=_WHOLE,
            targets_hit=0,
            best=None,
            legs=0,
            price=context.current_price if entry.quote is None else find_tested_price(entry.quote, plan, terms.costs),
        ),
        evaluated_to=entry_at if entry.quote is None else find_walk_start(entry.quote),
        denial=None if denial is None else denial.value,
        money=_denominate(terms),
        fill_by=entry.fill_by if denial is None and entry.is_waiting else None,
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


def compute_time_limit(plan: Plan, *, entry_at: datetime) -> datetime:
    """Return when a trade must end: the plan's longest holding time after its entry, at most ten years."""
    return entry_at + min(plan.max_hold, _LONGEST_HOLD)


def find_walk_start(quote: Quote) -> datetime:
    """Return from when the exits of a trade entered on a quote are evaluated.

    A bar at whose open the trade was entered is evaluated as a whole, else what came before the entry does not count.
    """
    is_open = quote.basis in (PriceBasis.OPEN, PriceBasis.NEXT_OPEN)
    return quote.priced_at if is_open and quote.priced_at is not None else quote.at


def find_jump_denial(known: Decimal | None, quote: Quote | None, *, kind: InstrumentKind) -> Denial | None:
    """Return the reason to deny an entry whose price jumped from the one that was decided on, as by a split."""
    price = None if quote is None else market_prices.middle_price(quote)
    is_jump = price is not None and price_jumps.find_jump(known, (price,), kind=kind) is not None
    return Denial.PRICE_JUMP if is_jump else None


def find_tested_price(quote: Quote, plan: Plan, costs: InstrumentCosts) -> Decimal | None:
    """Return the price of an entry's quote on the side that tests the exits of its trade: from it the walk begins."""
    sides = complete_entry_quote(quote, costs=costs)
    return None if sides is None else sides.side_taken(is_buy=plan.side is Direction.SHORT).price


def _check_risk(slot: EngineSlot, plan: Plan, terms: _Terms, *, quantity: Decimal, is_real: bool) -> Denial | None:
    entry = terms.entries[slot]
    return risk.find_denial(
        plan,
        quantity=quantity,
        rules=terms.context.rules,
        market=None if entry.quote is None else complete_entry_quote(entry.quote, costs=terms.costs),
        is_waiting=entry.is_waiting,
        exposure=terms.exposures.get((slot, is_real), _NOTHING_OPEN),
        limits=terms.limits,
    )


def complete_entry_quote(quote: Quote, *, costs: InstrumentCosts) -> TwoSidedQuote | None:
    """Return both sides of the quote at which a trade is entered; None when it has no usable price."""
    return fills.complete_quote(costs, bid=quote.bid, ask=quote.ask, last=quote.last)


def _choose_first_status(denial: Denial | None, *, is_shadow: bool) -> TradeStatus:
    if denial is not None:
        return TradeStatus.DENIED
    return TradeStatus.OPEN if is_shadow else TradeStatus.PENDING
