"""The brokers of Binance (through ccxt) and Alpaca (through alpaca-py) against a simulated venue in a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from config.values import Secret
from domain.ports import OrderReport, VenueUnavailable
from domain.signal import Instrument, InstrumentKind
from domain.trade import Intent, Order, OrderState
from tests.support.builders.venue_orders import BTC, COIN_AT_ALPACA, STOCK, a_live_order, a_window
from tests.support.servers.simulated_venue import KEY, SECRET, SimulatedVenue, simulated_venue
from tests.support.waiting import until
from venues import loader, retries
from venues.remote import RemoteBroker

BROKERS = {"ccxt:binance": BTC, "alpaca": STOCK}
UNLISTED = Instrument(symbol="NOSUCHUSDT", exchange="", kind=InstrumentKind.SPOT)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A broker at the simulated venue, and what is traded there."""

    broker: RemoteBroker
    venue: SimulatedVenue
    instrument: Instrument

    def order(self, **changes: object) -> Order:
        given: dict[str, object] = {"venue": self.broker.name, **changes}
        return a_live_order(self.instrument, **given)  # type: ignore[arg-type]

    def submit(self, order: Order, *, seconds: float = 5.0) -> OrderReport:
        (report,) = self.broker.submit([order], window=a_window(seconds))
        return report

    def find(self, order: Order) -> OrderReport | None:
        (report,) = self.broker.find([order])
        return report

    def found(self, order: Order) -> OrderReport:
        report = self.find(order)
        assert report is not None
        return report


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as running:
        yield running


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.02)


@pytest.fixture(params=BROKERS)
def desk(request: pytest.FixtureRequest, venue: SimulatedVenue) -> Iterator[Desk]:
    yield _desk(request.param, venue)
    venue.control(clear=True, release=True, refuse_duplicates=True, clock_offset_ms=0)


@pytest.fixture
def binance(venue: SimulatedVenue) -> Iterator[Desk]:
    yield _desk("ccxt:binance", venue)
    venue.control(clear=True, release=True, refuse_duplicates=True, clock_offset_ms=0)


def _desk(name: str, venue: SimulatedVenue) -> Desk:
    made = loader.make_broker(name, key=Secret(hidden=KEY), secret=Secret(hidden=SECRET), url=venue.url)
    assert made is not None
    return Desk(broker=made, venue=venue, instrument=BROKERS[name])


def test_an_order_is_sent_once_and_reported_with_its_fill(desk: Desk) -> None:
    order = desk.order()

    report = desk.submit(order)

    (fill,) = report.fills
    assert report.state is OrderState.FILLED
    assert desk.venue.executions(order.client_order_id) == 1
    assert (fill.quantity, fill.is_buy, fill.fill_model, fill.venue) == (Decimal("0.5"), True, "venue", order.venue)
    assert fill.price == desk.venue.ledger.list_fills(order.client_order_id)[0].price
    assert (fill.order_id, fill.trade_id, fill.quote_id) == (order.order_id, order.trade_id, order.quote.quote_id)
    assert len(desk.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_what_is_found_later_has_the_same_fills_as_what_was_reported(desk: Desk) -> None:
    order = desk.order()

    report = desk.submit(order)

    assert desk.found(order) == report


def test_a_fee_in_the_base_currency_is_counted_in_the_quote_currency(binance: Desk) -> None:
    report = binance.submit(binance.order(quantity="0.5"))

    (fill,) = report.fills
    assert fill.fee == Decimal("0.0005") * fill.price


def test_fills_of_two_orders_never_share_an_id(desk: Desk) -> None:
    first, second = desk.submit(desk.order()), desk.submit(desk.order())

    assert first.fills[0].venue_fill_id != second.fills[0].venue_fill_id


def test_an_order_that_was_never_sent_is_found_nowhere(desk: Desk) -> None:
    order = desk.order()

    assert desk.find(order) is None
    asked = {one["path"].rpartition("/")[2] for one in desk.venue.ledger.list_requests("look_up")}
    assert asked >= ({"order", "openOrders", "allOrders"} if desk.broker.name == "binance" else {"orders"})


@pytest.mark.parametrize(
    ("fault", "status"), [("lose_answer", 0), ("error_after", 503), ("error_after", 504), ("garbage", 0)]
)
def test_an_order_whose_answer_is_lost_is_unknown_and_then_found(desk: Desk, fault: str, status: int) -> None:
    order = desk.order()
    desk.venue.fault(fault, status=status)

    report = desk.submit(order)

    assert (report.state, report.fills) == (OrderState.UNKNOWN, ())
    assert desk.found(order).state is OrderState.FILLED
    assert desk.venue.executions(order.client_order_id) == 1
    assert len(desk.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_an_error_of_the_server_is_unknown_though_nothing_was_taken(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("error_before", status=503)

    report = desk.submit(order)

    assert report.state is OrderState.UNKNOWN
    assert desk.find(order) is None
    assert len(desk.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_a_venue_that_never_answers_leaves_the_order_unknown_when_its_window_ends(desk: Desk) -> None:
    order, began = desk.order(), time.monotonic()
    assert desk.broker.refusal(order) is None
    desk.venue.fault("silent")

    report = desk.submit(order, seconds=0.5)

    assert report.state is OrderState.UNKNOWN
    assert time.monotonic() - began < 5


def test_an_answer_that_is_held_too_long_is_unknown_and_the_order_found(desk: Desk) -> None:
    order = desk.order()
    assert desk.broker.refusal(order) is None
    desk.venue.fault("hold_answer")

    report = desk.submit(order, seconds=0.5)

    assert report.state is OrderState.UNKNOWN
    assert desk.venue.held == 1
    assert desk.found(order).state is OrderState.FILLED


def test_a_held_answer_that_is_released_in_time_is_taken(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("hold_answer")
    releasing = threading.Thread(target=_release_when_held, args=(desk.venue,))
    releasing.start()

    report = desk.submit(order, seconds=20)

    releasing.join()
    assert report.state is OrderState.FILLED


def test_an_order_executed_late_but_in_its_window_is_found(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("accept_late", after_s=0.3)

    report = desk.submit(order, seconds=20)

    assert report.state is OrderState.UNKNOWN
    until(lambda: desk.find(order) is not None, what="the late order is found")
    assert desk.found(order).state is OrderState.FILLED


def test_binance_itself_refuses_what_it_would_execute_after_the_window(binance: Desk) -> None:
    order = binance.order()
    assert binance.broker.refusal(order) is None
    binance.venue.fault("accept_late", after_s=1.5)

    report = binance.submit(order, seconds=0.5)

    assert report.state is OrderState.UNKNOWN
    refused = until(lambda: binance.venue.refusals(order.client_order_id), what="the venue refuses the late order")
    assert refused == ["late"]
    assert binance.find(order) is None


@pytest.mark.parametrize("offset_ms", [-60_000, 60_000])
def test_the_window_is_told_in_the_venues_own_time(binance: Desk, offset_ms: int) -> None:
    binance.venue.control(clock_offset_ms=offset_ms)
    order = binance.order()

    report = binance.submit(order)

    assert report.state is OrderState.FILLED
    assert binance.found(order).state is OrderState.FILLED


def test_a_refusal_as_late_says_that_the_order_may_be_sent_again(binance: Desk) -> None:
    order = binance.order()
    assert binance.broker.refusal(order) is None
    binance.venue.control(clock_offset_ms=3_600_000)

    report = binance.submit(order)

    assert report.state is OrderState.RESUBMIT_OK
    assert "-1021" in str(report.detail)
    assert binance.venue.executions(order.client_order_id) == 0


def test_after_the_deadline_nothing_is_sent(desk: Desk) -> None:
    order = desk.order()

    report = desk.submit(order, seconds=0)

    assert report.state is OrderState.RESUBMIT_OK
    assert desk.venue.ledger.list_requests("submit", client_id=order.client_order_id) == []


def test_of_several_orders_those_after_the_deadline_are_not_sent(desk: Desk) -> None:
    first, second = desk.order(), desk.order()
    assert desk.broker.refusal(first) is None
    desk.venue.fault("silent")

    reports = desk.broker.submit([first, second], window=a_window(0.5))

    assert [one.state for one in reports] == [OrderState.UNKNOWN, OrderState.RESUBMIT_OK]
    assert desk.venue.ledger.list_requests("submit", client_id=second.client_order_id) == []


def test_a_throttled_order_was_not_taken_and_is_not_retried_here(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("throttle", after_s=1)

    report = desk.submit(order)

    assert report.state is OrderState.RESUBMIT_OK
    assert len(desk.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_a_rejection_is_reported_with_the_venues_words(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("reject")

    report = desk.submit(order)

    assert report.state is OrderState.REJECTED
    assert "insufficient" in str(report.detail)
    assert desk.find(order) is None


def test_without_the_means_an_order_is_rejected(binance: Desk) -> None:
    report = binance.submit(binance.order(quantity="8000", is_buy=False, intent=Intent.EXIT))

    assert report.state is OrderState.REJECTED


def test_a_wrong_key_is_a_rejection_and_no_secret_is_told(venue: SimulatedVenue) -> None:
    for name, instrument in BROKERS.items():
        broker = loader.make_broker(name, key=Secret(hidden=KEY), secret=Secret(hidden="wrong-secret"), url=venue.url)
        assert broker is not None
        order = a_live_order(instrument)

        (report,) = broker.submit([order], window=a_window())

        assert report.state in (OrderState.REJECTED, OrderState.RESUBMIT_OK)
        assert "wrong-secret" not in str(report)
        assert venue.executions(order.client_order_id) == 0


def test_a_duplicate_answer_adopts_the_order_that_is_ours(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("partial", fraction="0.4")
    first = desk.submit(order)

    second = desk.submit(order)

    assert first.state is OrderState.PARTIAL
    assert (second.state, second.fills) == (first.state, first.fills)
    assert desk.venue.executions(order.client_order_id) == 1


@pytest.mark.parametrize("changes", [{"quantity": Decimal("0.6")}, {"is_buy": False, "intent": Intent.EXIT}])
def test_a_duplicate_that_is_not_what_we_meant_goes_to_a_person(desk: Desk, changes: dict[str, object]) -> None:
    order = desk.order()
    desk.venue.fault("partial", fraction="0.4")
    desk.submit(order)

    report = desk.submit(replace(order, **changes))  # type: ignore[arg-type]

    assert report.state is OrderState.MANUAL_REVIEW
    assert "another order" in str(report.detail)


def test_a_duplicate_that_cannot_be_looked_up_is_unknown(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("partial", fraction="0.4")
    desk.submit(order)
    desk.venue.fault("error_before", on="look_up", times=None)

    report = desk.submit(order)

    assert report.state is OrderState.UNKNOWN


def test_partial_fills_add_up_as_they_come(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("partial", fraction="0.4")
    first = desk.submit(order)

    desk.venue.fill_rest(order.client_order_id)
    second = desk.found(order)

    assert (first.state, [one.quantity for one in first.fills]) == (OrderState.PARTIAL, [Decimal("0.2")])
    assert (second.state, [one.quantity for one in second.fills]) == (
        OrderState.FILLED,
        [Decimal("0.2"), Decimal("0.3")],
    )
    assert second.fills[0] == first.fills[0]


def test_cancelling_leaves_what_was_filled(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("partial", fraction="0.4")
    desk.submit(order)

    (report,) = desk.broker.cancel([order])

    assert report is not None
    assert (report.state, sum(one.quantity for one in report.fills)) == (OrderState.CANCELLED, Decimal("0.2"))


def test_cancelling_what_is_filled_or_unknown_says_what_it_is(desk: Desk) -> None:
    filled, unknown = desk.order(), desk.order()
    desk.submit(filled)

    reports = desk.broker.cancel([filled, unknown])

    assert [one and one.state for one in reports] == [OrderState.FILLED, None]


def test_a_look_up_is_asked_again_after_passing_trouble(desk: Desk) -> None:
    order = desk.order()
    desk.submit(order)
    desk.venue.fault("error_before", on="look_up", times=1)

    assert desk.found(order).state is OrderState.FILLED


@pytest.mark.parametrize("fault", ["error_before", "lose_answer", "throttle", "garbage"])
def test_absence_is_never_concluded_from_a_look_up_that_failed(desk: Desk, fault: str) -> None:
    order = desk.order()
    desk.broker.refusal(order)
    desk.venue.fault(fault, on="look_up", times=None)

    with pytest.raises(VenueUnavailable):
        desk.find(order)


def test_a_silent_venue_is_unavailable_within_seconds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.order()
    desk.broker.refusal(order)
    desk.venue.fault("silent", on="look_up", times=None)
    monkeypatch.setattr(retries, "BUDGET_S", 0.6)
    began = time.monotonic()

    with pytest.raises(VenueUnavailable):
        desk.find(order)

    assert time.monotonic() - began < 5


def test_fills_that_cannot_be_read_leave_the_order_open(desk: Desk) -> None:
    order = desk.order()
    desk.venue.fault("lose_answer")
    desk.submit(order)
    desk.venue.fault("error_before", on="look_up", times=None)

    with pytest.raises(VenueUnavailable):
        desk.find(order)
    desk.venue.clear()
    assert desk.found(order).state is OrderState.FILLED


def test_positions_are_what_the_fills_add_up_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    with simulated_venue(tmp_path_factory.mktemp("positions")) as fresh:
        fresh.control(balances={"BTC": "0", "ETH": "0", "SOL": "0"})
        binance, alpaca = _desk("ccxt:binance", fresh), _desk("alpaca", fresh)
        for one in (binance, alpaca):
            one.submit(one.order(quantity="0.5"))
        alpaca.submit(alpaca.order(quantity="2", is_buy=False))
        alpaca.broker.submit([a_live_order(COIN_AT_ALPACA, quantity="0.1", venue="alpaca")], window=a_window())

        held = {one.symbol: one.quantity for one in binance.broker.positions()}
        stocks = {one.symbol: one.quantity for one in alpaca.broker.positions()}

    assert held == {"BTCUSDT": Decimal("0.4995"), "BTCUSD": Decimal("0.4995")}
    assert stocks == {"AAPL": Decimal("-1.5"), "BTCUSD": Decimal("0.1")}


def test_positions_of_a_venue_in_trouble_are_unavailable(desk: Desk) -> None:
    desk.broker.refusal(desk.order())
    desk.venue.fault("error_before", on="account", times=None)

    with pytest.raises(VenueUnavailable):
        desk.broker.positions()


def test_impossible_orders_are_refused_before_the_wire(desk: Desk) -> None:
    assert desk.broker.refusal(desk.order()) is None
    unlisted = replace(desk, instrument=UNLISTED)

    assert desk.broker.refusal(unlisted.order()) == "unknown_symbol"
    assert desk.broker.refusal(desk.order(quantity="0.1234567890123")) == "lot"


def test_a_short_on_spot_is_refused_and_on_stocks_taken(venue: SimulatedVenue) -> None:
    binance, alpaca = _desk("ccxt:binance", venue), _desk("alpaca", venue)
    coin = replace(alpaca, instrument=COIN_AT_ALPACA)

    assert binance.broker.refusal(binance.order(is_buy=False)) == "no_short"
    assert binance.broker.refusal(binance.order(is_buy=False, intent=Intent.EXIT)) is None
    assert alpaca.broker.refusal(alpaca.order(quantity="2", is_buy=False)) is None
    assert alpaca.broker.refusal(alpaca.order(quantity="0.5", is_buy=False)) == "lot"
    assert alpaca.broker.refusal(coin.order(is_buy=False)) == "no_short"


def test_too_small_an_order_is_refused(binance: Desk) -> None:
    assert binance.broker.refusal(binance.order(quantity="0.00008")) == "min_notional"


def test_the_rules_of_an_instrument_come_from_the_venue(binance: Desk) -> None:
    rules = binance.broker.rules(BTC)

    assert rules is not None
    assert (rules.lot, rules.tick, rules.min_notional) == (Decimal("0.00001"), Decimal("0.01"), Decimal(5))
    assert binance.broker.rules(UNLISTED) is None


def test_what_a_venue_knew_survives_its_kill(tmp_path_factory: pytest.TempPathFactory) -> None:
    with simulated_venue(tmp_path_factory.mktemp("killed")) as fresh:
        desk = _desk("ccxt:binance", fresh)
        order = desk.order()
        desk.submit(order)

        fresh.restart()

        assert desk.found(order).state is OrderState.FILLED
        assert fresh.executions(order.client_order_id) == 1


def test_while_the_venue_is_gone_an_order_is_not_lost_and_nothing_is_concluded(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with simulated_venue(tmp_path_factory.mktemp("gone")) as fresh:
        desk = _desk("alpaca", fresh)
        order = desk.order()
        assert desk.broker.refusal(order) is None
        fresh.kill()

        assert desk.submit(order).state is OrderState.UNKNOWN
        with pytest.raises(VenueUnavailable):
            desk.find(order)


def _release_when_held(venue: SimulatedVenue) -> None:
    until(lambda: venue.held, what="an answer is held")
    venue.release()
