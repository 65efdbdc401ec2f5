"""Laws of the fill model, over random quotes and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import fills
from domain.context import PriceBasis, PriceSide
from domain.costs import InstrumentCosts
from domain.fills import FillModel
from domain.ports import OrderReport, SendWindow
from domain.trade import Fill, Order, OrderState, Pricing, QuoteBasis
from tests.support.builders.fill_costs import a_fill_model, some_costs
from tests.support.builders.trades import INSTRUMENT, MONDAY, an_order
from venues.paper import PaperBroker

prices = st.decimals("0.00000001", "1000000", places=8)
optional = st.none() | prices
bps = st.integers(0, 500).map(lambda tenths: Decimal(tenths) / 10)
drawn_costs = st.builds(some_costs, spread_bps=bps, slippage_bps=bps, fee_bps=bps)
TINY = Decimal("1e-11")


@settings(max_examples=200, deadline=None)
@given(costs=drawn_costs, bid=optional, ask=optional, last=optional)
def test_a_market_order_never_does_better_than_a_limit_or_than_the_other_direction(
    costs: InstrumentCosts, bid: Decimal | None, ask: Decimal | None, last: Decimal | None
) -> None:
    quote = {"bid": bid, "ask": ask, "last": last}
    bought, sold = (fills.price_market_order(costs, is_buy=one, **quote) for one in (True, False))
    at_ask, at_bid = (fills.price_limit_order(costs, is_buy=one, **quote) for one in (True, False))

    if bought is None or sold is None or at_ask is None or at_bid is None:
        assert bought is sold is at_ask is at_bid is None
        assert last is None
        assert (bid is None and ask is None) or (bid is not None and ask is not None and ask < bid)
        return
    assert sold.price <= at_bid.price <= at_ask.price * (1 + TINY)
    assert at_ask.price <= bought.price
    assert all(len(one.price.as_tuple().digits) <= 12 for one in (bought, sold, at_ask, at_bid))


@settings(max_examples=200, deadline=None)
@given(costs=drawn_costs, bid=prices, ask=prices, last=optional, is_buy=st.booleans())
def test_a_side_is_observed_exactly_when_it_was_known_and_not_crossed(
    costs: InstrumentCosts, bid: Decimal, ask: Decimal, last: Decimal | None, is_buy: bool
) -> None:
    both = fills.price_limit_order(costs, is_buy=is_buy, bid=bid, ask=ask, last=last)
    own = fills.price_limit_order(
        costs, is_buy=is_buy, bid=None if is_buy else bid, ask=ask if is_buy else None, last=last
    )
    other = fills.price_limit_order(
        costs, is_buy=is_buy, bid=bid if is_buy else None, ask=None if is_buy else ask, last=last
    )

    assert own is not None
    assert other is not None
    assert (own.basis, other.basis) == (QuoteBasis.OBSERVED, QuoteBasis.MODELLED)
    if bid <= ask:
        assert both == own
    else:
        assert both is None or both.basis is QuoteBasis.MODELLED


@settings(max_examples=200, deadline=None)
@given(
    costs=drawn_costs,
    level=prices,
    known=st.sampled_from(PriceSide),
    wanted=st.sampled_from([PriceSide.BID, PriceSide.ASK]),
)
def test_a_level_comes_back_from_its_quote(
    costs: InstrumentCosts, level: Decimal, known: PriceSide, wanted: PriceSide
) -> None:
    level = fills.round_to_12_digits(level)

    sides = fills.quote_at_level(costs, level, known=known, wanted=wanted)

    priced = fills.price_limit_order(costs, is_buy=wanted is PriceSide.ASK, **sides._asdict())
    assert priced is not None
    assert priced.price == level


@settings(max_examples=200, deadline=None)
@given(quantity=st.decimals(0, "1e12", places=8), lot=st.decimals("0.00000001", 1000, places=8))
def test_whole_lots_are_the_most_that_fit(quantity: Decimal, lot: Decimal) -> None:
    cut = fills.floor_to_lot(quantity, lot)

    assert cut % lot == 0
    assert cut <= quantity < cut + lot


class _NoMemory:
    def book(self, reports: Sequence[OrderReport]) -> None:
        pass

    def find(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Fill, ...]]:
        return {}


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Draw an order with its own quote, which may know no price."""
    quote = fills.build_trade_quote(
        "paper",
        INSTRUMENT,
        at=MONDAY,
        bid=draw(optional),
        ask=draw(optional),
        last=draw(optional),
        basis=draw(st.sampled_from(PriceBasis)),
    )
    order = an_order(is_buy=draw(st.booleans()), pricing=draw(st.sampled_from(Pricing)))
    return replace(order, quantity=draw(prices), quote=quote)


@pytest.mark.property_id(34)
@settings(max_examples=200, deadline=None)
@given(model=drawn_costs.map(a_fill_model), order=orders())
def test_paper_fills_exactly_as_the_model_does(model: FillModel, order: Order) -> None:
    window = SendWindow(opened_at=MONDAY, not_after=MONDAY, deadline=0)
    (report,) = PaperBroker(_NoMemory(), model).submit([order], window=window)

    twin = fills.fill_order_by_model(replace(order, venue="model"), model=model)
    assert (report.state is OrderState.FILLED) == (twin is not None)
    assert [replace(one, venue="model") for one in report.fills] == ([] if twin is None else [twin])
