"""Reports from a venue's orders: their fills, and a state that is never ahead of the known fills."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.trade import OrderState, QuoteBasis
from tests.support.builders.trades import MONDAY, an_order, dec
from venues import venue_order
from venues.venue_order import Execution, VenueListing, VenueOrder

LISTING = VenueListing(symbol="BTCUSD", base="BTC", quote="USD")
ORDER = an_order(quantity="10")


def a_venue_order(*, filled: str = "10", state: OrderState = OrderState.FILLED, **changes: object) -> VenueOrder:
    report = VenueOrder(
        venue_order_id="7", symbol="BTCUSD", is_buy=True, quantity=dec(10), filled=dec(filled), state=state, at=MONDAY
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def an_execution(
    trade_id: str = "1", *, quantity: str = "10", price: str = "100", fee: str = "0.1", fee_asset: str = "USD"
) -> Execution:
    return Execution(
        trade_id=trade_id, quantity=dec(quantity), price=dec(price), fee=dec(fee), fee_asset=fee_asset, at=MONDAY
    )


def test_a_fill_carries_the_ids_and_quote_of_its_order() -> None:
    report = venue_order.build_report(ORDER, a_venue_order(), listing=LISTING, executions=[an_execution()])

    (fill,) = report.fills
    assert (report.state, report.venue_order_id, report.detail) == (OrderState.FILLED, "7", None)
    assert (fill.order_id, fill.trade_id, fill.clock, fill.intent) == (
        ORDER.order_id,
        ORDER.trade_id,
        ORDER.clock,
        ORDER.intent,
    )
    assert (fill.quantity, fill.price, fill.fee, fill.at) == (dec(10), dec(100), dec("0.1"), MONDAY)
    assert (fill.quote_id, fill.basis, fill.fill_model) == (ORDER.quote.quote_id, QuoteBasis.OBSERVED, "venue")


def test_fill_ids_differ_between_symbols_orders_and_trades() -> None:
    other = VenueListing(symbol="ETHUSD", base="ETH", quote="USD")
    ids = {
        venue_order.build_report(
            ORDER, a_venue_order(venue_order_id=number, symbol=listing.symbol), listing=listing, executions=[execution]
        )
        .fills[0]
        .venue_fill_id
        for listing in (LISTING, other)
        for number in ("7", "8")
        for execution in (an_execution("1"), an_execution("2"))
    }

    assert len(ids) == 8


@pytest.mark.parametrize(
    ("state", "executions", "expected"),
    [
        (OrderState.FILLED, [], OrderState.ACCEPTED),
        (OrderState.FILLED, [an_execution(quantity="4")], OrderState.PARTIAL),
        (OrderState.FILLED, [an_execution("1", quantity="4"), an_execution("2", quantity="6")], OrderState.FILLED),
        (OrderState.CANCELLED, [an_execution(quantity="4")], OrderState.PARTIAL),
    ],
)
def test_a_state_is_never_ahead_of_the_fills_that_are_known(
    state: OrderState, executions: list[Execution], expected: OrderState
) -> None:
    report = venue_order.build_report(ORDER, a_venue_order(state=state), listing=LISTING, executions=executions)

    assert report.state is expected
    assert (report.detail is None) == (expected is state)


def test_an_order_that_ended_unfilled_has_ended() -> None:
    report = venue_order.build_report(
        ORDER, a_venue_order(filled="0", state=OrderState.EXPIRED), listing=LISTING, executions=[]
    )

    assert (report.state, report.fills) == (OrderState.EXPIRED, ())


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"symbol": "ETHUSD"}, "symbol"), ({"is_buy": False}, "side"), ({"quantity": dec(9)}, "quantity")],
)
def test_another_order_under_our_id_goes_to_manual_review_without_fills(changes: dict[str, object], word: str) -> None:
    report = venue_order.build_report(ORDER, a_venue_order(**changes), listing=LISTING, executions=[an_execution()])  # type: ignore[arg-type]

    assert (report.state, report.fills) == (OrderState.MANUAL_REVIEW, ())
    assert word in str(report.detail)


@pytest.mark.parametrize(
    ("fee", "asset", "expected"),
    [("0.1", "USD", "0.1"), ("0.001", "BTC", "0.1"), ("0", "BNB", "0"), ("0.1", "BNB", None)],
)
def test_fees_are_converted_to_the_quote_currency(fee: str, asset: str, expected: str | None) -> None:
    execution = an_execution(fee=fee, fee_asset=asset)

    assert venue_order.convert_fee_to_quote(execution, listing=LISTING) == (
        None if expected is None else Decimal(expected)
    )


def test_a_fee_in_a_third_currency_counts_zero_and_is_named_in_the_detail() -> None:
    report = venue_order.build_report(
        ORDER, a_venue_order(), listing=LISTING, executions=[an_execution(fee="0.1", fee_asset="BNB")]
    )

    assert report.fills[0].fee == 0
    assert report.detail == "fees in BNB are not counted"
