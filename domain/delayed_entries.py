"""Entries at a price that came after the decision: the trade is judged once more, and entered or denied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from domain import entry_orders, fills, market_prices, money, risk, trade_opening
from domain.context import Quote
from domain.fills import FillModel
from domain.money import Conversion
from domain.ports import Exposure
from domain.risk import Limits
from domain.trade import MODEL_VENUE, RealVenue, Trade, TradeStatus
from domain.trade_opening import Opening


def enter_at_quote(
    trade: Trade, quote: Quote, *, exposure: Exposure, limits: Limits, model: FillModel, venue: RealVenue
) -> Opening:
    """Return a waiting trade as it is after its price came: a model trade filled, a real one with an order to send.

    `exposure` counts the other open trades. A trade that the risk check refuses at this price is denied.
    """
    costs = model.find_costs(trade.instrument)
    entered = replace(
        trade,
        entry_at=quote.at,
        time_limit_at=trade_opening.compute_time_limit(trade.plan, entry_at=quote.at),
        evaluated_to=trade_opening.find_walk_start(quote),
        walk=replace(trade.walk, price=trade_opening.find_tested_price(quote, trade.plan, costs)),
        fill_by=None,
        money=replace(trade.money, rate=_find_rate(trade, quote)),
    )
    jump = trade_opening.find_jump_denial(trade.walk.price, quote, kind=trade.instrument.kind)
    denial = jump or risk.find_denial(
        trade.plan,
        quantity=trade.quantity,
        rules=_StoredTerms(multiplier=trade.money.multiplier, rate=_find_rate(trade, quote)),
        market=trade_opening.complete_entry_quote(quote, costs=costs),
        exposure=exposure,
        limits=limits,
    )
    if denial is not None:
        return deny(entered, denial.value)
    if not trade.is_shadow:
        return Opening(trade=entered, order=entry_orders.build_entry_order(entered, quote, venue=venue))
    order = entry_orders.build_entry_order(entered, quote, venue=RealVenue(name=MODEL_VENUE))
    return Opening(
        trade=replace(entered, status=TradeStatus.OPEN),
        order=order,
        fill=fills.fill_order_by_model(order, model=model),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredTerms:
    """What a waiting trade's quantity is worth; the smallest value of an order was checked at its decision."""

    multiplier: Decimal | None
    rate: Decimal | None
    min_notional: Decimal | None = None


def _find_rate(trade: Trade, quote: Quote) -> Decimal | None:
    """Return the rate of the trade's currency at a quote of its own instrument, else the one known at the decision."""
    price = market_prices.middle_price(quote)
    if trade.money.conversion is Conversion.OWN_PRICE and price is not None:
        return money.convert_own_price(price)
    return trade.money.rate


def deny(trade: Trade, reason: str) -> Opening:
    """Return the trade as denied."""
    return Opening(trade=replace(trade, status=TradeStatus.DENIED, denial=reason, fill_by=None))
