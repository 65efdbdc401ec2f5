"""The fill model's prices, fees and rounding."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import costs, fills
from domain.context import PriceBasis, PriceSide
from domain.signal import Instrument, InstrumentKind
from domain.trade import Pricing, QuoteBasis
from tests.support.builders.fill_costs import a_fill_model, some_costs
from tests.support.builders.trades import INSTRUMENT, MONDAY, an_order, dec, minute

OPEN = PriceBasis.OPEN

COSTS = some_costs(spread_bps=dec(200), slippage_bps=dec(100), fee_bps=dec(10))
WIDE = a_fill_model(COSTS, version="wide")


def test_the_default_model_is_named_after_its_rules_and_its_costs() -> None:
    assert fills.DEFAULT.version == f"fm2+{costs.VERSION}" == "fm2+costs1"


@pytest.mark.parametrize(
    ("kind", "exchange", "price", "fee"),
    [
        # A buy at an ask of 10,000: slippage of 0.5 bps is 0.5 (stock 1, option 50 bps), the fee is of what was paid.
        (InstrumentKind.SPOT, "BINANCE", "10000.5", "10.0005"),
        (InstrumentKind.SPOT, "KRAKEN", "10000.5", "40.002"),
        (InstrumentKind.SPOT, "", "10000.5", "10.0005"),
        (InstrumentKind.PERP, "BINANCE", "10000.5", "5.00025"),
        (InstrumentKind.PERP, "BYBIT", "10000.5", "5.500275"),
        (InstrumentKind.FOREX, "OANDA", "10000.5", "0.500025"),
        (InstrumentKind.STOCK, "NASDAQ", "10001", "0.50005"),
        (InstrumentKind.OPTION, "", "10050", "15.075"),
    ],
)
def test_an_order_pays_the_costs_of_its_kind_and_venue(
    kind: InstrumentKind, exchange: str, price: str, fee: str
) -> None:
    order = an_order(bid="9999", ask="10000", quantity="1")
    instrument = Instrument(symbol="ANY", exchange=exchange, kind=kind)

    fill = fills.fill_order_by_model(
        replace(order, quote=replace(order.quote, instrument=instrument)), model=fills.DEFAULT
    )

    assert fill is not None
    assert (fill.price, fill.fee) == (dec(price), dec(fee))


@pytest.mark.parametrize(("kind", "ask"), [(InstrumentKind.SPOT, "100.005"), (InstrumentKind.OPTION, "101")])
def test_an_unknown_side_is_half_the_spread_of_its_kind_away(kind: InstrumentKind, ask: str) -> None:
    market = fills.complete_quote(costs.costs_for(kind), bid=None, ask=None, last=dec(100))

    assert market is not None
    assert market.ask.price == dec(ask)


def test_observed_sides_are_taken_as_they_are() -> None:
    market = fills.complete_quote(COSTS, bid=dec(99), ask=dec(101), last=dec(500))

    assert market is not None
    assert (market.bid.price, market.bid.basis) == (dec(99), QuoteBasis.OBSERVED)
    assert (market.ask.price, market.ask.basis) == (dec(101), QuoteBasis.OBSERVED)


def test_a_missing_ask_is_modelled_a_whole_spread_above_the_bid() -> None:
    market = fills.complete_quote(COSTS, bid=dec(100), ask=None, last=dec(500))

    assert market is not None
    assert (market.ask.price, market.ask.basis) == (dec(102), QuoteBasis.MODELLED)
    assert market.bid.basis is QuoteBasis.OBSERVED


def test_a_missing_bid_is_modelled_a_whole_spread_below_the_ask() -> None:
    market = fills.complete_quote(COSTS, bid=None, ask=dec(100), last=dec(500))

    assert market is not None
    assert (market.bid.price, market.bid.basis) == (dec(98), QuoteBasis.MODELLED)
    assert market.ask.basis is QuoteBasis.OBSERVED


def test_both_sides_are_modelled_from_last_half_a_spread_each_way() -> None:
    market = fills.complete_quote(COSTS, bid=None, ask=None, last=dec(100))

    assert market is not None
    assert (market.bid.price, market.ask.price) == (dec(99), dec(101))
    assert {market.bid.basis, market.ask.basis} == {QuoteBasis.MODELLED}


def test_a_crossed_quote_is_treated_as_missing() -> None:
    market = fills.complete_quote(COSTS, bid=dec(101), ask=dec(99), last=dec(200))

    assert market is not None
    assert (market.bid.price, market.ask.price) == (dec(198), dec(202))
    assert fills.complete_quote(COSTS, bid=dec(101), ask=dec(99), last=None) is None


def test_a_locked_quote_is_not_crossed() -> None:
    market = fills.complete_quote(COSTS, bid=dec(100), ask=dec(100), last=None)

    assert market is not None
    assert market.bid.basis is market.ask.basis is QuoteBasis.OBSERVED


@pytest.mark.parametrize("price", [None, dec(0), dec(-1), Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_positive_number_is_no_price(price: Decimal | None) -> None:
    assert fills.complete_quote(COSTS, bid=price, ask=price, last=price) is None
    assert fills.price_market_order(COSTS, is_buy=True, bid=price, ask=None, last=None) is None
    assert fills.price_limit_order(COSTS, is_buy=True, bid=price, ask=None, last=None) is None


def test_a_market_buy_pays_the_ask_and_slippage() -> None:
    priced = fills.price_market_order(COSTS, is_buy=True, bid=dec(99), ask=dec(101), last=None)

    assert priced is not None
    assert (priced.price, priced.basis) == (dec("102.01"), QuoteBasis.OBSERVED)


def test_a_market_sell_gets_the_bid_less_slippage() -> None:
    priced = fills.price_market_order(COSTS, is_buy=False, bid=dec(99), ask=None, last=None)

    assert priced is not None
    assert (priced.price, priced.basis) == (dec("98.01"), QuoteBasis.OBSERVED)


def test_the_basis_is_that_of_the_side_taken() -> None:
    priced = fills.price_market_order(COSTS, is_buy=True, bid=dec(99), ask=None, last=None)

    assert priced is not None
    assert priced.basis is QuoteBasis.MODELLED


@pytest.mark.parametrize(("is_buy", "expected"), [(True, "101"), (False, "99")])
def test_a_limit_fills_at_the_side_taken_without_slippage(is_buy: bool, expected: str) -> None:
    priced = fills.price_limit_order(COSTS, is_buy=is_buy, bid=dec(99), ask=dec(101), last=None)

    assert priced is not None
    assert priced.price == dec(expected)


def test_prices_have_twelve_significant_digits_rounded_half_to_even() -> None:
    assert fills.round_to_12_digits(dec("1.234567890125")) == dec("1.23456789012")
    assert fills.round_to_12_digits(dec("1.234567890135")) == dec("1.23456789014")
    assert fills.round_to_12_digits(dec("123456789012345")) == dec("123456789012000")


def test_the_fee_is_a_share_of_what_was_traded() -> None:
    assert fills.compute_fee(COSTS, dec(50), dec(4)) == dec("0.2")


@pytest.mark.parametrize(
    ("quantity", "lot", "expected"),
    [("1.239", "0.01", "1.23"), ("1.23", "0.01", "1.23"), ("0.009", "0.01", "0"), ("7", "2", "6")],
)
def test_a_quantity_is_cut_down_to_whole_lots(quantity: str, lot: str, expected: str) -> None:
    assert fills.floor_to_lot(dec(quantity), dec(lot)) == dec(expected)


def test_a_quantity_of_many_lots_is_cut_exactly() -> None:
    assert fills.floor_to_lot(dec("1e30") + 1, dec("0.00000001")) == dec("1e30")
    assert fills.floor_to_lot(dec("0.99999999999999999999999999999999"), dec(1)) == 0


@pytest.mark.parametrize("wanted", [PriceSide.BID, PriceSide.ASK])
@pytest.mark.parametrize("known", list(PriceSide))
def test_a_level_comes_back_from_its_quote_whatever_side_is_recorded(known: PriceSide, wanted: PriceSide) -> None:
    sides = fills.quote_at_level(COSTS, dec("95.37"), known=known, wanted=wanted)

    priced = fills.price_limit_order(COSTS, is_buy=wanted is PriceSide.ASK, **sides._asdict())
    assert priced is not None
    assert priced.price == dec("95.37")
    assert priced.basis is (QuoteBasis.OBSERVED if known is wanted else QuoteBasis.MODELLED)


def test_an_order_fills_on_its_own_quote_completely() -> None:
    order = an_order(quantity="4")

    fill = fills.fill_order(order, model=WIDE, venue_fill_id="f1", at=minute(3))

    assert fill is not None
    assert (fill.price, fill.quantity, fill.fee) == (dec("102.01"), dec(4), dec("0.40804"))
    assert (fill.order_id, fill.trade_id, fill.quote_id) == (order.order_id, order.trade_id, order.quote.quote_id)
    assert (fill.venue_fill_id, fill.at, fill.fill_model) == ("f1", minute(3), "wide")
    assert (fill.is_buy, fill.intent, fill.clock, fill.venue) == (True, order.intent, order.clock, "paper")


def test_a_limit_order_fills_at_its_quotes_tested_side() -> None:
    order = an_order(is_buy=False, pricing=Pricing.LIMIT, bid="110", ask=None, leg=1)

    fill = fills.fill_order(order, model=WIDE, venue_fill_id="f1", at=MONDAY)

    assert fill is not None
    assert (fill.price, fill.is_buy, fill.basis) == (dec(110), False, QuoteBasis.OBSERVED)


def test_an_order_without_a_price_does_not_fill() -> None:
    assert fills.fill_order(an_order(bid=None, ask=None), model=WIDE, venue_fill_id="f1", at=MONDAY) is None


def test_the_models_fill_is_at_the_quotes_time_under_an_id_of_the_orders() -> None:
    order = an_order(at=minute(2))

    fill = fills.fill_order_by_model(order, model=WIDE)

    assert fill is not None
    assert fill.at == minute(2)
    assert fill.venue_fill_id == f"{order.client_order_id}-1"
    assert fills.fill_order_by_model(replace(order), model=WIDE) == fill


def test_equal_content_is_one_quote_row() -> None:
    first = fills.build_trade_quote(
        "paper", INSTRUMENT, at=MONDAY, bid=dec("1.10"), ask=None, last=None, basis=PriceBasis.OPEN
    )
    same = fills.build_trade_quote(
        "paper", INSTRUMENT, at=MONDAY, bid=dec("1.1"), ask=None, last=None, basis=PriceBasis.OPEN
    )
    other = fills.build_trade_quote(
        "paper", INSTRUMENT, at=MONDAY, bid=None, ask=dec("1.1"), last=None, basis=PriceBasis.OPEN
    )

    assert first.quote_id == same.quote_id
    assert first.quote_id != other.quote_id
