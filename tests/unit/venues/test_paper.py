"""The paper venue: the model's fills, booked once and findable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain import fills
from domain.context import PriceBasis
from domain.fills import DEFAULT
from domain.ports import Broker, OrderReport, SendWindow
from domain.trade import Fill, OrderState, Pricing
from tests.support.builders.trades import INSTRUMENT, an_order, dec, minute
from venues.paper import PaperBroker

OPEN = PriceBasis.OPEN

WINDOW = SendWindow(opened_at=minute(0), not_after=minute(1), deadline=0)


class MemoryLedger:
    """A paper ledger in memory that counts what was booked."""

    def __init__(self) -> None:
        self.fills: dict[str, tuple[Fill, ...]] = {}
        self.booked = 0

    def book(self, reports: Sequence[OrderReport]) -> None:
        self.booked += len(reports)
        for report in reports:
            self.fills.setdefault(report.order.client_order_id, report.fills)

    def find(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Fill, ...]]:
        return {
            client_order_id: self.fills[client_order_id]
            for client_order_id in client_order_ids
            if client_order_id in self.fills
        }


def a_broker() -> tuple[Broker, MemoryLedger]:
    ledger = MemoryLedger()
    return PaperBroker(ledger, DEFAULT), ledger


def test_an_order_fills_as_the_model_would_at_its_quotes_time() -> None:
    broker, _ = a_broker()
    order = an_order(at=minute(4))

    (report,) = broker.submit([order], window=WINDOW)

    assert (report.state, report.detail) == (OrderState.FILLED, None)
    assert report.fills == (fills.fill_order_by_model(order, model=DEFAULT),)
    assert report.fills[0].at == minute(4)


def test_the_paper_fill_of_an_order_has_the_price_and_fee_of_its_model_twin() -> None:
    broker, _ = a_broker()
    for pricing in Pricing:
        for is_buy in (True, False):
            order = an_order(is_buy=is_buy, pricing=pricing, leg=1 + is_buy + 2 * (pricing is Pricing.LIMIT))
            twin = fills.fill_order_by_model(replace(order, venue="model"), model=DEFAULT)

            (report,) = broker.submit([order], window=WINDOW)

            assert twin is not None
            assert (report.fills[0].price, report.fills[0].fee) == (twin.price, twin.fee)


def test_a_second_submit_returns_the_first_fills_and_books_nothing() -> None:
    broker, ledger = a_broker()
    order = an_order()
    (first,) = broker.submit([order], window=WINDOW)
    moved = fills.build_trade_quote(
        "paper", INSTRUMENT, at=minute(9), bid=dec(149), ask=dec(151), last=None, basis=PriceBasis.OPEN
    )

    (second,) = broker.submit([replace(order, quote=moved)], window=WINDOW)

    assert second.state is OrderState.FILLED
    assert second.fills == first.fills
    assert ledger.booked == 1


def test_an_order_twice_in_one_call_is_filled_once() -> None:
    broker, ledger = a_broker()

    first, second = broker.submit([an_order(), an_order()], window=WINDOW)

    assert first == second
    assert ledger.booked == 1


def test_each_order_has_a_fill_id_of_its_own() -> None:
    broker, _ = a_broker()

    entry, leg = broker.submit([an_order(), an_order(leg=1)], window=WINDOW)

    assert entry.fills[0].venue_fill_id != leg.fills[0].venue_fill_id


def test_an_order_without_a_price_is_rejected_and_not_booked() -> None:
    broker, ledger = a_broker()
    priceless = an_order(bid=None, ask=None)

    rejected, filled = broker.submit([priceless, an_order(leg=1)], window=WINDOW)

    assert (rejected.state, rejected.fills, rejected.detail) == (OrderState.REJECTED, (), "no_quote")
    assert filled.state is OrderState.FILLED
    assert ledger.booked == 1
    assert broker.find([priceless]) == [None]


def test_orders_are_found_by_their_client_order_id() -> None:
    broker, _ = a_broker()
    known, unknown = an_order(), an_order(leg=1)
    (report,) = broker.submit([known], window=WINDOW)

    assert broker.find([unknown, known]) == [None, report]
    assert broker.name == "paper"
