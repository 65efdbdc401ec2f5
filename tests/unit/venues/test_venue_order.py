"""What a venue holds, as a report: fills in our terms, and a state that is never ahead of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.trade import OrderState, QuoteBasis
from tests.support.builders.trades import MONDAY, an_order, dec
from venues import venue_order
from venues.venue_order import Execution, VenueListing, VenueOrder

LISTED = VenueListing(symbol="BTCUSD", base="BTC", quote="USD")
ORDER = an_order(quantity="10")


def a_held(*, filled: str = "10", state: OrderState = OrderState.FILLED, **changes: object) -> VenueOrder:
    made = VenueOrder(
        venue_order_id="7", symbol="BTCUSD", is_buy=True, quantity=dec(10), filled=dec(filled), state=state, at=MONDAY
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def an_execution(
    trade_id: str = "1", *, quantity: str = "10", price: str = "100", fee: str = "0.1", fee_asset: str = "USD"
) -> Execution:
    return Execution(
        trade_id=trade_id, quantity=dec(quantity), price=dec(price), fee=dec(fee), fee_asset=fee_asset, at=MONDAY
    )


def test_a_fill_carries_what_its_order_is_about() -> None:
    made = venue_order.build_report(ORDER, a_held(), listing=LISTED, executions=[an_execution()])

    (fill,) = made.fills
    assert (made.state, made.venue_order_id, made.detail) == (OrderState.FILLED, "7", None)
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
            ORDER, a_held(venue_order_id=number, symbol=listed.symbol), listing=listed, executions=[one]
        )
        .fills[0]
        .venue_fill_id
        for listed in (LISTED, other)
        for number in ("7", "8")
        for one in (an_execution("1"), an_execution("2"))
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
    made = venue_order.build_report(ORDER, a_held(state=state), listing=LISTED, executions=executions)

    assert made.state is expected
    assert (made.detail is None) == (expected is state)


def test_an_order_that_ended_unfilled_has_ended() -> None:
    made = venue_order.build_report(ORDER, a_held(filled="0", state=OrderState.EXPIRED), listing=LISTED, executions=[])

    assert (made.state, made.fills) == (OrderState.EXPIRED, ())


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"symbol": "ETHUSD"}, "symbol"), ({"is_buy": False}, "side"), ({"quantity": dec(9)}, "quantity")],
)
def test_another_order_under_our_id_goes_to_a_person_without_fills(changes: dict[str, object], word: str) -> None:
    made = venue_order.build_report(ORDER, a_held(**changes), listing=LISTED, executions=[an_execution()])  # type: ignore[arg-type]

    assert (made.state, made.fills) == (OrderState.MANUAL_REVIEW, ())
    assert word in str(made.detail)


@pytest.mark.parametrize(
    ("fee", "asset", "expected"),
    [("0.1", "USD", "0.1"), ("0.001", "BTC", "0.1"), ("0", "BNB", "0"), ("0.1", "BNB", None)],
)
def test_fees_are_told_in_the_quote_currency(fee: str, asset: str, expected: str | None) -> None:
    execution = an_execution(fee=fee, fee_asset=asset)

    assert venue_order.convert_fee_to_quote(execution, listing=LISTED) == (
        None if expected is None else Decimal(expected)
    )


def test_a_fee_in_a_third_currency_counts_nothing_and_is_said() -> None:
    made = venue_order.build_report(
        ORDER, a_held(), listing=LISTED, executions=[an_execution(fee="0.1", fee_asset="BNB")]
    )

    assert made.fills[0].fee == 0
    assert made.detail == "fees in BNB are not counted"
