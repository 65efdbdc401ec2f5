"""`MARKET_DATA=auto`: the exchange that an alert names is asked first, else stored bars answer; and why is kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.context import BarSeries, MarketView, PriceBasis, PriceSide, Quality
from domain.intervals import Interval
from domain.market_prices import AlertPrice, FillRequest
from domain.ports import BookClock, Feed, ViewRequest
from domain.signal import Instrument, InstrumentKind
from tests.support.builders.markets import BarsInMemory, a_walk
from tests.support.builders.trades import a_signal
from tests.support.servers.simulated_venue import SimulatedVenue, simulated_venue
from venues import ccxt_data, loader
from venues.auto_market_data import AutoMarketData, PublicExchange
from venues.stored_market_data import StoredMarketData

NOW = datetime.now(UTC).replace(second=20, microsecond=0)
BTC = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
UNLISTED = Instrument(symbol="NEWUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
MINUTE = Interval.parse("1m")


class FixedClock:
    """A book's clock that stands still."""

    def now(self, book: str) -> datetime:
        return NOW


class Auto:
    """A provider over the simulated Binance and 300 stored minutes of each instrument; it keeps what is reported."""

    def __init__(self, venue: SimulatedVenue, *, broker: str = "paper") -> None:
        self.venue, self.reported = venue, list[tuple[str, str | None]]()
        bars = a_walk(300, start=NOW.replace(second=0) - timedelta(minutes=300))
        stored = BarsInMemory(
            {_feed(book, instrument): bars for book in ("paper", "test") for instrument in (BTC, UNLISTED)}
        )
        self.data: AutoMarketData = loader.make_auto_market_data(
            StoredMarketData(bars=stored, opened=Quality.ALERT),
            broker=broker,
            url=venue.url,
            clock=FixedClock(),
            report=self._keep,
        )

    def view(self, instrument: Instrument = BTC, *, book: str = "paper") -> MarketView:
        signal = replace(
            a_signal(),
            book=book,
            symbol=instrument.symbol,
            exchange=instrument.exchange,
            instrument_kind=instrument.kind,
            timeframe=MINUTE,
        )
        (view,) = self.data.views([ViewRequest(signal=signal, as_of=NOW)])
        return view

    def count_requests(self) -> int:
        return len(self.venue.ledger.list_requests("market"))

    def _keep(self, instrument: Instrument, *, exchange: str, problem: str | None) -> None:
        self.reported.append((instrument.symbol, problem))


def _feed(book: str, instrument: Instrument) -> Feed:
    return Feed(book=book, instrument=instrument, interval=MINUTE, side=PriceSide.MID)


@pytest.fixture
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as running:
        yield running


@pytest.fixture
def auto(venue: SimulatedVenue) -> Auto:
    return Auto(venue)


def _closes(series: BarSeries | None) -> list[Decimal]:
    return [] if series is None else [bar.close for bar in series.bars]


def test_the_exchange_that_the_alert_names_gives_quote_and_bars(auto: Auto) -> None:
    auto.venue.set_price("BTCUSDT", bid="123.45", ask="123.47")

    view = auto.view()

    assert (view.quote.bid, view.quote.ask, view.quote.basis) == (
        Decimal("123.45"),
        Decimal("123.47"),
        PriceBasis.LIVE,
    )
    assert len(_closes(view.window.base)) == 250
    assert view.quality["bars"] is Quality.LIVE
    assert auto.reported == [("BTCUSDT", None)]


def test_a_test_alert_asks_no_exchange(auto: Auto) -> None:
    before = auto.count_requests()

    view = auto.view(book="test")

    assert len(_closes(view.window.base)) == 250
    assert view.quality["bars"] is Quality.ALERT
    assert (auto.count_requests(), auto.reported) == (before, [])


def test_stored_bars_answer_for_what_the_exchange_does_not_list(auto: Auto) -> None:
    view = auto.view(UNLISTED)

    assert view.quote.basis is PriceBasis.CLOSE
    assert len(_closes(view.window.base)) == 250
    assert auto.reported == [("NEWUSDT", "lists no such spot market")]


def test_stored_bars_answer_while_the_exchange_cannot_be_reached(auto: Auto) -> None:
    auto.venue.kill()

    view = auto.view()
    walked = auto.data.walk_bars("paper", BTC, after=NOW - timedelta(minutes=5), until=NOW)
    quote = auto.data.quote("paper", BTC, at=NOW).quote

    assert len(_closes(view.window.base)) == 250
    assert view.quality["bars"] is Quality.ALERT
    assert [len(series.bars) for series in walked.series] == [5]
    assert quote.basis is PriceBasis.CLOSE
    assert {symbol for symbol, _ in auto.reported} == {"BTCUSDT"}
    assert all(str(problem).startswith("does not answer: ") for _, problem in auto.reported)


def test_exits_wait_for_the_bars_of_an_exchange_that_is_only_late(auto: Auto) -> None:
    auto.view()
    auto.venue.kill()
    auto.view()

    walked = auto.data.walk_bars("paper", BTC, after=NOW - timedelta(minutes=5), until=NOW)

    assert walked.series == ()


def test_an_order_fills_at_the_live_quote_and_without_one_at_the_price_of_the_alert(auto: Auto) -> None:
    auto.venue.set_price("BTCUSDT", bid="1.08", ask="1.12")
    alert = AlertPrice(price=Decimal("1.1"), fired_at=NOW)
    request = FillRequest(book="paper", instrument=BTC, at=NOW, until=NOW, alert=alert)

    (live,) = auto.data.fill_quotes([request])
    auto.venue.kill()
    (stated,) = auto.data.fill_quotes([request])

    assert live is not None
    assert (live.basis, live.bid) == (PriceBasis.LIVE, Decimal("1.08"))
    assert stated is not None
    assert (stated.basis, stated.last) == (PriceBasis.ALERT, Decimal("1.1"))


def test_requests_that_come_together_cost_the_exchange_one_request_for_its_price(auto: Auto) -> None:
    requests = [FillRequest(book="paper", instrument=BTC, at=NOW, until=NOW)] * 5
    auto.data.fill_quotes(requests[:1])
    before = auto.count_requests()

    quotes = auto.data.fill_quotes(requests)

    assert auto.count_requests() == before + 1
    assert {quote.basis for quote in quotes if quote is not None} == {PriceBasis.LIVE}
    assert len(quotes) == 5


def test_without_the_library_stored_bars_answer_and_it_is_said_what_to_install(
    venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    auto = Auto(venue)

    view = auto.view()

    assert len(_closes(view.window.base)) == 250
    ((_, problem),) = auto.reported
    assert problem is not None
    assert "ccxt, which is not installed: make install-venues" in problem
    assert str(loader.explain_missing_public_library()) in problem


@pytest.mark.parametrize(("broker", "is_at_url"), [("paper", True), ("ccxt:binance", True), ("ccxt:kraken", False)])
def test_the_address_of_another_venue_is_not_taken_for_the_exchanges(
    venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch, broker: str, is_at_url: bool
) -> None:
    made, make = list[str | None](), ccxt_data.make_public_exchange

    def make_at_simulator(exchange: str, *, url: str | None, clock: BookClock) -> PublicExchange:
        made.append(url)
        return make(exchange, url=venue.url, clock=clock)

    monkeypatch.setattr(ccxt_data, "make_public_exchange", make_at_simulator)

    Auto(venue, broker=broker).view()

    assert made == [venue.url if is_at_url else None]
