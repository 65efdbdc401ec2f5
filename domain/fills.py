"""The fill model: the price at which an order fills on a quote, and its fee.

One versioned model serves model trades and the paper venue alike; spread, slippage and fee are those of the kind of
instrument and the venue (`domain/costs.py`). Prices are rounded to 12 significant digits, half to even, so that the
same input gives the same value wherever it is computed; fees are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from domain import costs as cost_table
from domain.context import PriceBasis, PriceSide
from domain.costs import InstrumentCosts
from domain.signal import Instrument
from domain.trade import Fill, Order, Pricing, QuoteBasis, TradeQuote, quote_id_for

SIGNIFICANT_DIGITS = 12
_BPS = Decimal(10_000)
_CANONICAL = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN)
_LEVEL = Context(prec=SIGNIFICANT_DIGITS + 8, rounding=ROUND_HALF_EVEN)
_WIDE = Context(prec=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModel:
    """A versioned fill model: how a price follows from a quote, and the table of costs for each kind and venue.

    `version` names both, since results under different costs are not comparable.
    """

    version: str
    find_costs: Callable[[Instrument], InstrumentCosts]


DEFAULT = FillModel(version=f"fm2+{cost_table.VERSION}", find_costs=cost_table.find_costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedFill:
    """The price of a fill, and whether the side of the quote it derives from was observed or modelled."""

    price: Decimal
    basis: QuoteBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSidedQuote:
    """Both sides of a market, each with its basis; the spread is never negative."""

    bid: PricedFill
    ask: PricedFill

    def side_taken(self, *, is_buy: bool) -> PricedFill:
        """Return the side that an order trades on: a buy the ask, a sell the bid."""
        return self.ask if is_buy else self.bid


class QuoteSides(NamedTuple):
    """The three prices of a quote; any may be unknown."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


def round_to_12_digits(value: Decimal) -> Decimal:
    """Round to 12 significant digits, half to even."""
    return _CANONICAL.plus(value)


def floor_to_lot(quantity: Decimal, lot: Decimal) -> Decimal:
    """Return the largest multiple of `lot` (> 0) that is not above `quantity` (>= 0)."""
    return _WIDE.multiply(_WIDE.divide_int(quantity, lot), lot)


def complete_quote(
    costs: InstrumentCosts, *, bid: Decimal | None, ask: Decimal | None, last: Decimal | None
) -> TwoSidedQuote | None:
    """Complete a quote to two sides, or return None when no price is known.

    A missing side is modelled from the other one, both from `last` with half the assumed spread each way. An ask
    below the bid makes both sides missing; a price that is not a positive number is missing.
    """
    bid, ask, last = _drop_unusable(bid), _drop_unusable(ask), _drop_unusable(last)
    if bid is not None and ask is not None and ask < bid:
        bid = ask = None
    sides = {PriceSide.BID: bid, PriceSide.ASK: ask, PriceSide.MID: last}
    bid_fill, ask_fill = (_price_side(costs, sides, wanted=side) for side in (PriceSide.BID, PriceSide.ASK))
    return None if bid_fill is None or ask_fill is None else TwoSidedQuote(bid=bid_fill, ask=ask_fill)


def convert_price(costs: InstrumentCosts, price: Decimal, *, known: PriceSide, wanted: PriceSide) -> Decimal:
    """Convert a price recorded on one side (`known`) to another side (`wanted`) by the assumed spread."""
    return (
        price if known is wanted else round_to_12_digits(price * _conversion_factor(costs, known=known, wanted=wanted))
    )


def quote_at_level(costs: InstrumentCosts, level: Decimal, *, known: PriceSide, wanted: PriceSide) -> QuoteSides:
    """Return the quote, given by the recorded side, in which the wanted side has the price `level`.

    `complete_quote` returns the level for that side: observed when it was recorded, modelled when it was not.
    """
    price = level if known is wanted else _LEVEL.divide(level, _conversion_factor(costs, known=known, wanted=wanted))
    return QuoteSides(
        bid=price if known is PriceSide.BID else None,
        ask=price if known is PriceSide.ASK else None,
        last=price if known is PriceSide.MID else None,
    )


def price_market_order(
    costs: InstrumentCosts, *, is_buy: bool, bid: Decimal | None, ask: Decimal | None, last: Decimal | None
) -> PricedFill | None:
    """Return the fill of a market order: across the spread, with slippage; None when no price is known."""
    completed = complete_quote(costs, bid=bid, ask=ask, last=last)
    if completed is None:
        return None
    side = completed.side_taken(is_buy=is_buy)
    slipped = costs.slippage_bps / _BPS * (1 if is_buy else -1)
    return PricedFill(price=round_to_12_digits(side.price * (1 + slipped)), basis=side.basis)


def price_limit_order(
    costs: InstrumentCosts, *, is_buy: bool, bid: Decimal | None, ask: Decimal | None, last: Decimal | None
) -> PricedFill | None:
    """Return the fill of a limit order: at the side it trades on, no slippage; None when no price is known."""
    completed = complete_quote(costs, bid=bid, ask=ask, last=last)
    if completed is None:
        return None
    side = completed.side_taken(is_buy=is_buy)
    return PricedFill(price=round_to_12_digits(side.price), basis=side.basis)


def price_order(
    costs: InstrumentCosts,
    pricing: Pricing,
    *,
    is_buy: bool,
    bid: Decimal | None,
    ask: Decimal | None,
    last: Decimal | None,
) -> PricedFill | None:
    """Return the fill of an order by its way of pricing; None when no price is known."""
    price = price_limit_order if pricing is Pricing.LIMIT else price_market_order
    return price(costs, is_buy=is_buy, bid=bid, ask=ask, last=last)


def compute_fee(costs: InstrumentCosts, price: Decimal, quantity: Decimal) -> Decimal:
    """Return the fee of one fill, >= 0, in the quote currency; of contracts, `quantity` is times their multiplier.

    It is not rounded: half the quantity costs exactly half.
    """
    return _WIDE.divide(_WIDE.multiply(_WIDE.multiply(price, quantity), costs.fee_bps), _BPS)


def fill_order(order: Order, *, model: FillModel, venue_fill_id: str, at: datetime) -> Fill | None:
    """Fill an order completely on its own stored quote, at the time `at`; None when the quote has no price."""
    quote = order.quote
    costs = model.find_costs(quote.instrument)
    priced = price_order(costs, order.pricing, is_buy=order.is_buy, bid=quote.bid, ask=quote.ask, last=quote.last)
    if priced is None:
        return None
    return Fill(
        order_id=order.order_id,
        trade_id=order.trade_id,
        clock=order.clock,
        intent=order.intent,
        venue=order.venue,
        venue_fill_id=venue_fill_id,
        is_buy=order.is_buy,
        quantity=order.quantity,
        price=priced.price,
        fee=compute_fee(costs, priced.price, order.quantity * order.money.point_value),
        at=at,
        quote_id=quote.quote_id,
        basis=priced.basis,
        price_basis=quote.basis,
        fill_model=model.version,
        currency=order.money.currency,
        rate=order.find_rate(priced.price),
    )


def fill_order_by_model(order: Order, *, model: FillModel) -> Fill | None:
    """Fill a model trade's order: at the time of its quote, with a fill id derived from the order's id."""
    return fill_order(order, model=model, venue_fill_id=f"{order.client_order_id}-1", at=order.quote.at)


def build_trade_quote(
    book: str,
    instrument: Instrument,
    *,
    at: datetime,
    bid: Decimal | None,
    ask: Decimal | None,
    last: Decimal | None,
    basis: PriceBasis,
    rate: Decimal | None = None,
) -> TradeQuote:
    """Build the stored quote that orders refer to; equal content gives the same id."""
    return TradeQuote(
        quote_id=quote_id_for(book, instrument, at=at, bid=bid, ask=ask, last=last, basis=basis, rate=rate),
        book=book,
        instrument=instrument,
        at=at,
        bid=bid,
        ask=ask,
        last=last,
        basis=basis,
        rate=rate,
    )


def _drop_unusable(price: Decimal | None) -> Decimal | None:
    return price if price is not None and price.is_finite() and price > 0 else None


def _price_side(
    costs: InstrumentCosts, sides: dict[PriceSide, Decimal | None], *, wanted: PriceSide
) -> PricedFill | None:
    """Return the wanted side's price: recorded, else modelled from the other side, else from the mid price."""
    other = PriceSide.ASK if wanted is PriceSide.BID else PriceSide.BID
    for known in (wanted, other, PriceSide.MID):
        price = sides[known]
        if price is not None:
            basis = QuoteBasis.OBSERVED if known is wanted else QuoteBasis.MODELLED
            return PricedFill(price=convert_price(costs, price, known=known, wanted=wanted), basis=basis)
    return None


def _conversion_factor(costs: InstrumentCosts, *, known: PriceSide, wanted: PriceSide) -> Decimal:
    """Return the ratio of a price of the wanted side to one of the known side."""
    distance = costs.spread_bps / _BPS
    if known is PriceSide.MID:
        distance /= 2
    return 1 + distance if wanted is PriceSide.ASK else 1 - distance
