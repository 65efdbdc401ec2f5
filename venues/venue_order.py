"""An order in its venue's records, and the report built from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain import fills
from domain.context import PriceBasis
from domain.ports import OrderReport
from domain.trade import Fill, Order, OrderState, QuoteBasis

FILL_MODEL = "venue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One trade of an order at its venue; the fee is in units of `fee_asset`, `at` aware UTC by the venue's clock."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An order in its venue's records; `executions` is None when the answer did not include them."""

    venue_order_id: str
    symbol: str
    is_buy: bool
    quantity: Decimal
    filled: Decimal
    state: OrderState
    at: datetime
    executions: tuple[Execution, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueListing:
    """An instrument as a venue lists it, by the venue's own symbol and currency names."""

    symbol: str
    base: str
    quote: str


def describe_mismatch(order: Order, venue_order: VenueOrder, *, listing: VenueListing) -> str | None:
    """Describe how the venue's order differs from ours; None when symbol, side and quantity agree."""
    expected = {"symbol": listing.symbol, "side": order.is_buy, "quantity": order.quantity}
    actual = {"symbol": venue_order.symbol, "side": venue_order.is_buy, "quantity": venue_order.quantity}
    differences = [
        f"{name} {actual[name]} instead of {expected[name]}" for name in expected if expected[name] != actual[name]
    ]
    return "the venue holds another order under this id: " + ", ".join(differences) if differences else None


def build_report(
    order: Order, venue_order: VenueOrder, *, listing: VenueListing, executions: Sequence[Execution]
) -> OrderReport:
    """Build the report of an order from the venue's record of it; its state is never ahead of the known fills.

    An order that is filled at the venue is reported as accepted or partial until all of its fills are known. One that
    differs from ours goes to manual review.
    """
    mismatch = describe_mismatch(order, venue_order, listing=listing)
    if mismatch is not None:
        return OrderReport(
            order=order, state=OrderState.MANUAL_REVIEW, venue_order_id=venue_order.venue_order_id, detail=mismatch
        )
    known_fills = tuple(
        _build_fill(order, execution, venue_order=venue_order, listing=listing) for execution in executions
    )
    is_whole = sum((fill.quantity for fill in known_fills), Decimal(0)) >= venue_order.filled
    state_of_known_fills = OrderState.PARTIAL if known_fills else OrderState.ACCEPTED
    return OrderReport(
        order=order,
        state=venue_order.state if is_whole else state_of_known_fills,
        fills=known_fills,
        venue_order_id=venue_order.venue_order_id,
        detail=_describe_gaps(executions, listing=listing, is_whole=is_whole),
    )


def convert_fee_to_quote(execution: Execution, *, listing: VenueListing) -> Decimal | None:
    """Return an execution's fee in the quote currency; None when it was charged in a third asset."""
    if execution.fee_asset == listing.quote or not execution.fee:
        return fills.round_to_12_digits(execution.fee)
    if execution.fee_asset == listing.base:
        return fills.round_to_12_digits(execution.fee * execution.price)
    return None


def _build_fill(order: Order, execution: Execution, *, venue_order: VenueOrder, listing: VenueListing) -> Fill:
    """Build our fill from an execution at the venue; a fee in a third asset counts as zero."""
    return Fill(
        order_id=order.order_id,
        trade_id=order.trade_id,
        clock=order.clock,
        intent=order.intent,
        venue=order.venue,
        venue_fill_id=f"{listing.symbol}-{venue_order.venue_order_id}-{execution.trade_id}",
        is_buy=order.is_buy,
        quantity=execution.quantity,
        price=execution.price,
        fee=convert_fee_to_quote(execution, listing=listing) or Decimal(0),
        at=execution.at,
        quote_id=order.quote.quote_id,
        basis=QuoteBasis.OBSERVED,
        price_basis=PriceBasis.VENUE,
        fill_model=FILL_MODEL,
        currency=order.money.currency,
        rate=order.find_rate(execution.price),
    )


def _describe_gaps(executions: Sequence[Execution], *, listing: VenueListing, is_whole: bool) -> str | None:
    """Describe what the fills lack: further fills, or fees in assets that are not converted; None when nothing."""
    if not is_whole:
        return "the venue has not reported all fills yet"
    other_assets = {
        execution.fee_asset for execution in executions if convert_fee_to_quote(execution, listing=listing) is None
    }
    return f"fees in {', '.join(sorted(other_assets))} are not counted" if other_assets else None
