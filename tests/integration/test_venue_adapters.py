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
class BrokerAtVenue:
    """A broker connected to the simulated venue, and the instrument that it trades."""

    broker: RemoteBroker
    venue: SimulatedVenue
    instrument: Instrument

    def build_order(self, **changes: object) -> Order:
        options: dict[str, object] = {"venue": self.broker.name, **changes}
        return a_live_order(self.instrument, **options)  # type: ignore[arg-type]

    def submit(self, order: Order, *, seconds: float = 5.0) -> OrderReport:
        (report,) = self.broker.submit([order], window=a_window(seconds))
        return report

    def find(self, order: Order) -> OrderReport | None:
        (report,) = self.broker.find([order])
        return report

    def find_existing(self, order: Order) -> OrderReport:
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
def broker_at_venue(request: pytest.FixtureRequest, venue: SimulatedVenue) -> Iterator[BrokerAtVenue]:
    yield _connect_broker(request.param, venue)
    venue.control(clear=True, release=True, refuse_duplicates=True, clock_offset_ms=0)


@pytest.fixture
def binance(venue: SimulatedVenue) -> Iterator[BrokerAtVenue]:
    yield _connect_broker("ccxt:binance", venue)
    venue.control(clear=True, release=True, refuse_duplicates=True, clock_offset_ms=0)


def _connect_broker(name: str, venue: SimulatedVenue) -> BrokerAtVenue:
    broker = loader.make_broker(name, key=Secret(hidden=KEY), secret=Secret(hidden=SECRET), url=venue.url)
    assert broker is not None
    return BrokerAtVenue(broker=broker, venue=venue, instrument=BROKERS[name])


def test_an_order_is_sent_once_and_reported_with_its_fill(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()

    report = broker_at_venue.submit(order)

    (fill,) = report.fills
    assert report.state is OrderState.FILLED
    assert broker_at_venue.venue.count_orders(order.client_order_id) == 1
    assert (fill.quantity, fill.is_buy, fill.fill_model, fill.venue) == (Decimal("0.5"), True, "venue", order.venue)
    assert fill.price == broker_at_venue.venue.ledger.list_fills(order.client_order_id)[0].price
    assert (fill.order_id, fill.trade_id, fill.quote_id) == (order.order_id, order.trade_id, order.quote.quote_id)
    assert len(broker_at_venue.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_a_later_look_up_reports_the_same_fills_as_the_submission(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()

    report = broker_at_venue.submit(order)

    assert broker_at_venue.find_existing(order) == report


def test_a_fee_in_the_base_currency_is_counted_in_the_quote_currency(binance: BrokerAtVenue) -> None:
    report = binance.submit(binance.build_order(quantity="0.5"))

    (fill,) = report.fills
    assert fill.fee == Decimal("0.0005") * fill.price


@pytest.mark.parametrize("step_s", [86_400, -86_400])
def test_after_a_step_of_this_machines_clock_orders_are_still_looked_up_and_sent(
    broker_at_venue: BrokerAtVenue, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    earlier, later = broker_at_venue.build_order(), broker_at_venue.build_order()
    broker_at_venue.submit(earlier)
    read_clock = time.time_ns

    monkeypatch.setattr(time, "time_ns", lambda: read_clock() + step_s * 1_000_000_000)
    monkeypatch.setattr(time, "time", lambda: time.time_ns() / 1_000_000_000)

    assert broker_at_venue.find_existing(earlier).state is OrderState.FILLED
    assert broker_at_venue.submit(later).state is OrderState.FILLED


def test_fills_of_two_orders_never_share_an_id(broker_at_venue: BrokerAtVenue) -> None:
    first, second = (
        broker_at_venue.submit(broker_at_venue.build_order()),
        broker_at_venue.submit(broker_at_venue.build_order()),
    )

    assert first.fills[0].venue_fill_id != second.fills[0].venue_fill_id


def test_an_order_that_was_never_sent_is_found_nowhere(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()

    assert broker_at_venue.find(order) is None
    endpoints = {
        request["path"].rpartition("/")[2] for request in broker_at_venue.venue.ledger.list_requests("look_up")
    }
    assert endpoints >= (
        {"order", "openOrders", "allOrders"} if broker_at_venue.broker.name == "binance" else {"orders"}
    )


@pytest.mark.parametrize(
    ("fault", "status"), [("lose_answer", 0), ("error_after", 503), ("error_after", 504), ("garbage", 0)]
)
def test_an_order_whose_answer_is_lost_is_unknown_and_then_found(
    broker_at_venue: BrokerAtVenue, fault: str, status: int
) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault(fault, status=status)

    report = broker_at_venue.submit(order)

    assert (report.state, report.fills) == (OrderState.UNKNOWN, ())
    assert broker_at_venue.find_existing(order).state is OrderState.FILLED
    assert broker_at_venue.venue.count_orders(order.client_order_id) == 1
    assert len(broker_at_venue.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_an_error_of_the_server_is_unknown_though_nothing_was_taken(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("error_before", status=503)

    report = broker_at_venue.submit(order)

    assert report.state is OrderState.UNKNOWN
    assert broker_at_venue.find(order) is None
    assert len(broker_at_venue.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_a_venue_that_never_answers_leaves_the_order_unknown_when_its_window_ends(
    broker_at_venue: BrokerAtVenue,
) -> None:
    order, began = broker_at_venue.build_order(), time.monotonic()
    assert broker_at_venue.broker.refusal(order) is None
    broker_at_venue.venue.fault("silent")

    report = broker_at_venue.submit(order, seconds=0.5)

    assert report.state is OrderState.UNKNOWN
    assert time.monotonic() - began < 5


def test_an_answer_that_is_held_too_long_is_unknown_and_the_order_found(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    assert broker_at_venue.broker.refusal(order) is None
    broker_at_venue.venue.fault("hold_answer")

    report = broker_at_venue.submit(order, seconds=0.5)

    assert report.state is OrderState.UNKNOWN
    assert broker_at_venue.venue.held_answers == 1
    assert broker_at_venue.find_existing(order).state is OrderState.FILLED


def test_a_held_answer_that_is_released_in_time_is_taken(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("hold_answer")
    releasing = threading.Thread(target=_release_when_held, args=(broker_at_venue.venue,))
    releasing.start()

    report = broker_at_venue.submit(order, seconds=20)

    releasing.join()
    assert report.state is OrderState.FILLED


def test_an_order_executed_late_but_in_its_window_is_found(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("accept_late", after_s=0.3)

    report = broker_at_venue.submit(order, seconds=20)

    assert report.state is OrderState.UNKNOWN
    until(lambda: broker_at_venue.find(order) is not None, what="the late order is found")
    assert broker_at_venue.find_existing(order).state is OrderState.FILLED


def test_binance_itself_refuses_what_it_would_execute_after_the_window(binance: BrokerAtVenue) -> None:
    order = binance.build_order()
    assert binance.broker.refusal(order) is None
    binance.venue.fault("accept_late", after_s=1.5)

    report = binance.submit(order, seconds=0.5)

    assert report.state is OrderState.UNKNOWN
    refused = until(lambda: binance.venue.list_refusals(order.client_order_id), what="the venue refuses the late order")
    assert refused == ["late"]
    assert binance.find(order) is None


@pytest.mark.parametrize("offset_ms", [-60_000, 60_000])
def test_the_send_window_is_given_in_the_venues_own_time(binance: BrokerAtVenue, offset_ms: int) -> None:
    binance.venue.control(clock_offset_ms=offset_ms)
    order = binance.build_order()

    report = binance.submit(order)

    assert report.state is OrderState.FILLED
    assert binance.find_existing(order).state is OrderState.FILLED


def test_a_refusal_as_late_says_that_the_order_may_be_sent_again(binance: BrokerAtVenue) -> None:
    order = binance.build_order()
    assert binance.broker.refusal(order) is None
    binance.venue.control(clock_offset_ms=3_600_000)

    report = binance.submit(order)

    assert report.state is OrderState.RESUBMIT_OK
    assert "-1021" in str(report.detail)
    assert binance.venue.count_orders(order.client_order_id) == 0


def test_after_the_deadline_nothing_is_sent(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()

    report = broker_at_venue.submit(order, seconds=0)

    assert report.state is OrderState.RESUBMIT_OK
    assert broker_at_venue.venue.ledger.list_requests("submit", client_id=order.client_order_id) == []


def test_of_several_orders_those_after_the_deadline_are_not_sent(broker_at_venue: BrokerAtVenue) -> None:
    first, second = broker_at_venue.build_order(), broker_at_venue.build_order()
    assert broker_at_venue.broker.refusal(first) is None
    broker_at_venue.venue.fault("silent")

    reports = broker_at_venue.broker.submit([first, second], window=a_window(0.5))

    assert [report.state for report in reports] == [OrderState.UNKNOWN, OrderState.RESUBMIT_OK]
    assert broker_at_venue.venue.ledger.list_requests("submit", client_id=second.client_order_id) == []


def test_a_throttled_order_was_not_taken_and_is_not_retried_here(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("throttle", after_s=1)

    report = broker_at_venue.submit(order)

    assert report.state is OrderState.RESUBMIT_OK
    assert len(broker_at_venue.venue.ledger.list_requests("submit", client_id=order.client_order_id)) == 1


def test_a_rejection_is_reported_with_the_venues_words(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("reject")

    report = broker_at_venue.submit(order)

    assert report.state is OrderState.REJECTED
    assert "insufficient" in str(report.detail)
    assert broker_at_venue.find(order) is None


def test_an_order_beyond_the_balance_is_rejected(binance: BrokerAtVenue) -> None:
    report = binance.submit(binance.build_order(quantity="8000", is_buy=False, intent=Intent.EXIT))

    assert report.state is OrderState.REJECTED


def test_a_wrong_secret_is_a_rejection_and_is_in_no_report(venue: SimulatedVenue) -> None:
    for name, instrument in BROKERS.items():
        broker = loader.make_broker(name, key=Secret(hidden=KEY), secret=Secret(hidden="wrong-secret"), url=venue.url)
        assert broker is not None
        order = a_live_order(instrument)

        (report,) = broker.submit([order], window=a_window())

        assert report.state in (OrderState.REJECTED, OrderState.RESUBMIT_OK)
        assert "wrong-secret" not in str(report)
        assert venue.count_orders(order.client_order_id) == 0


def test_a_duplicate_answer_adopts_the_order_that_is_ours(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("partial", fraction="0.4")
    first = broker_at_venue.submit(order)

    second = broker_at_venue.submit(order)

    assert first.state is OrderState.PARTIAL
    assert (second.state, second.fills) == (first.state, first.fills)
    assert broker_at_venue.venue.count_orders(order.client_order_id) == 1


@pytest.mark.parametrize("changes", [{"quantity": Decimal("0.6")}, {"is_buy": False, "intent": Intent.EXIT}])
def test_a_duplicate_that_differs_from_our_order_goes_to_manual_review(
    broker_at_venue: BrokerAtVenue, changes: dict[str, object]
) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("partial", fraction="0.4")
    broker_at_venue.submit(order)

    report = broker_at_venue.submit(replace(order, **changes))  # type: ignore[arg-type]

    assert report.state is OrderState.MANUAL_REVIEW
    assert "another order" in str(report.detail)


def test_a_duplicate_that_cannot_be_looked_up_is_unknown(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("partial", fraction="0.4")
    broker_at_venue.submit(order)
    broker_at_venue.venue.fault("error_before", on="look_up", times=None)

    report = broker_at_venue.submit(order)

    assert report.state is OrderState.UNKNOWN


def test_partial_fills_add_up_as_they_come(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("partial", fraction="0.4")
    first = broker_at_venue.submit(order)

    broker_at_venue.venue.fill_remainder(order.client_order_id)
    second = broker_at_venue.find_existing(order)

    assert (first.state, [fill.quantity for fill in first.fills]) == (OrderState.PARTIAL, [Decimal("0.2")])
    assert (second.state, [fill.quantity for fill in second.fills]) == (
        OrderState.FILLED,
        [Decimal("0.2"), Decimal("0.3")],
    )
    assert second.fills[0] == first.fills[0]


def test_cancelling_leaves_what_was_filled(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("partial", fraction="0.4")
    broker_at_venue.submit(order)

    (report,) = broker_at_venue.broker.cancel([order])

    assert report is not None
    assert (report.state, sum(fill.quantity for fill in report.fills)) == (OrderState.CANCELLED, Decimal("0.2"))


def test_cancelling_what_is_filled_or_unknown_says_what_it_is(broker_at_venue: BrokerAtVenue) -> None:
    filled, unknown = broker_at_venue.build_order(), broker_at_venue.build_order()
    broker_at_venue.submit(filled)

    reports = broker_at_venue.broker.cancel([filled, unknown])

    assert [report and report.state for report in reports] == [OrderState.FILLED, None]


def test_a_look_up_is_retried_after_a_temporary_error(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.submit(order)
    broker_at_venue.venue.fault("error_before", on="look_up", times=1)

    assert broker_at_venue.find_existing(order).state is OrderState.FILLED


@pytest.mark.parametrize("fault", ["error_before", "lose_answer", "throttle", "garbage"])
def test_absence_is_never_concluded_from_a_look_up_that_failed(broker_at_venue: BrokerAtVenue, fault: str) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.broker.refusal(order)
    broker_at_venue.venue.fault(fault, on="look_up", times=None)

    with pytest.raises(VenueUnavailable):
        broker_at_venue.find(order)


def test_a_silent_venue_is_unavailable_within_seconds(
    broker_at_venue: BrokerAtVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.broker.refusal(order)
    broker_at_venue.venue.fault("silent", on="look_up", times=None)
    monkeypatch.setattr(retries, "BUDGET_S", 0.6)
    began = time.monotonic()

    with pytest.raises(VenueUnavailable):
        broker_at_venue.find(order)

    assert time.monotonic() - began < 5


def test_fills_that_cannot_be_read_leave_the_order_open(broker_at_venue: BrokerAtVenue) -> None:
    order = broker_at_venue.build_order()
    broker_at_venue.venue.fault("lose_answer")
    broker_at_venue.submit(order)
    broker_at_venue.venue.fault("error_before", on="look_up", times=None)

    with pytest.raises(VenueUnavailable):
        broker_at_venue.find(order)
    broker_at_venue.venue.clear()
    assert broker_at_venue.find_existing(order).state is OrderState.FILLED


def test_positions_are_the_sums_of_the_fills(tmp_path_factory: pytest.TempPathFactory) -> None:
    with simulated_venue(tmp_path_factory.mktemp("positions")) as fresh_venue:
        fresh_venue.control(balances={"BTC": "0", "ETH": "0", "SOL": "0"})
        binance, alpaca = _connect_broker("ccxt:binance", fresh_venue), _connect_broker("alpaca", fresh_venue)
        for connected in (binance, alpaca):
            connected.submit(connected.build_order(quantity="0.5"))
        alpaca.submit(alpaca.build_order(quantity="2", is_buy=False))
        alpaca.broker.submit([a_live_order(COIN_AT_ALPACA, quantity="0.1", venue="alpaca")], window=a_window())

        coins = {position.symbol: position.quantity for position in binance.broker.positions()}
        stocks = {position.symbol: position.quantity for position in alpaca.broker.positions()}

    assert coins == {"BTCUSDT": Decimal("0.4995"), "BTCUSD": Decimal("0.4995")}
    assert stocks == {"AAPL": Decimal("-1.5"), "BTCUSD": Decimal("0.1")}


def test_positions_are_unavailable_while_the_venue_fails(broker_at_venue: BrokerAtVenue) -> None:
    broker_at_venue.broker.refusal(broker_at_venue.build_order())
    broker_at_venue.venue.fault("error_before", on="account", times=None)

    with pytest.raises(VenueUnavailable):
        broker_at_venue.broker.positions()


def test_orders_that_the_venue_can_never_take_are_refused_before_they_are_sent(broker_at_venue: BrokerAtVenue) -> None:
    assert broker_at_venue.broker.refusal(broker_at_venue.build_order()) is None
    unlisted = replace(broker_at_venue, instrument=UNLISTED)

    assert broker_at_venue.broker.refusal(unlisted.build_order()) == "unknown_symbol"
    assert broker_at_venue.broker.refusal(broker_at_venue.build_order(quantity="0.1234567890123")) == "lot"


def test_a_short_on_spot_is_refused_and_on_stocks_taken(venue: SimulatedVenue) -> None:
    binance, alpaca = _connect_broker("ccxt:binance", venue), _connect_broker("alpaca", venue)
    coin = replace(alpaca, instrument=COIN_AT_ALPACA)

    assert binance.broker.refusal(binance.build_order(is_buy=False)) == "no_short"
    assert binance.broker.refusal(binance.build_order(is_buy=False, intent=Intent.EXIT)) is None
    assert alpaca.broker.refusal(alpaca.build_order(quantity="2", is_buy=False)) is None
    assert alpaca.broker.refusal(alpaca.build_order(quantity="0.5", is_buy=False)) == "lot"
    assert alpaca.broker.refusal(coin.build_order(is_buy=False)) == "no_short"


def test_too_small_an_order_is_refused(binance: BrokerAtVenue) -> None:
    assert binance.broker.refusal(binance.build_order(quantity="0.00008")) == "min_notional"


def test_the_rules_of_an_instrument_come_from_the_venue(binance: BrokerAtVenue) -> None:
    rules = binance.broker.rules(BTC)

    assert rules is not None
    assert (rules.lot, rules.tick, rules.min_notional) == (Decimal("0.00001"), Decimal("0.01"), Decimal(5))
    assert binance.broker.rules(UNLISTED) is None


def test_a_venue_states_what_its_instruments_are_counted_in(binance: BrokerAtVenue) -> None:
    terms = binance.broker.terms(BTC)

    assert terms is not None
    assert (terms.base, terms.currency, terms.multiplier) == ("BTC", "USDT", Decimal(1))
    assert (terms.lot, terms.tick, terms.min_notional) == (Decimal("0.00001"), Decimal("0.01"), Decimal(5))
    assert binance.broker.terms(UNLISTED) is None


def test_stocks_of_a_broker_keep_the_sessions_of_their_exchange_and_its_coins_none(venue: SimulatedVenue) -> None:
    broker = _connect_broker("alpaca", venue).broker
    terms = [broker.terms(instrument) for instrument in (STOCK, COIN_AT_ALPACA)]

    assert [found and found.calendar for found in terms] == ["XNYS", None]


def test_orders_survive_a_kill_of_the_venue(tmp_path_factory: pytest.TempPathFactory) -> None:
    with simulated_venue(tmp_path_factory.mktemp("killed")) as fresh_venue:
        broker_at_venue = _connect_broker("ccxt:binance", fresh_venue)
        order = broker_at_venue.build_order()
        broker_at_venue.submit(order)

        fresh_venue.restart()

        assert broker_at_venue.find_existing(order).state is OrderState.FILLED
        assert fresh_venue.count_orders(order.client_order_id) == 1


def test_while_the_venue_is_down_an_order_is_unknown_and_cannot_be_looked_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with simulated_venue(tmp_path_factory.mktemp("gone")) as fresh_venue:
        broker_at_venue = _connect_broker("alpaca", fresh_venue)
        order = broker_at_venue.build_order()
        assert broker_at_venue.broker.refusal(order) is None
        fresh_venue.kill()

        assert broker_at_venue.submit(order).state is OrderState.UNKNOWN
        with pytest.raises(VenueUnavailable):
            broker_at_venue.find(order)


def _release_when_held(venue: SimulatedVenue) -> None:
    until(lambda: venue.held_answers, what="an answer is held")
    venue.release()
