"""Market data from a simulated venue in a process, through ccxt and alpaca-py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from config.values import Secret
from domain.context import Bar, MarketView, Quality
from domain.intervals import Interval
from domain.ports import MarketData, ViewRequest
from domain.signal import Instrument
from tests.support.builders.trades import a_signal
from tests.support.builders.venue_orders import BTC, COIN_AT_ALPACA, STOCK
from tests.support.servers.simulated_venue import KEY, SECRET, SimulatedVenue, simulated_venue
from venues import loader, retries

MINUTE = timedelta(minutes=1)
PROVIDERS = [("ccxt:binance", BTC), ("alpaca", STOCK), ("alpaca", COIN_AT_ALPACA)]
SYMBOLS_AT_VENUE = {BTC: "BTCUSDT", STOCK: "AAPL", COIN_AT_ALPACA: "BTC/USD"}


@dataclass(kw_only=True)
class FixedClock:
    """A book's clock that a test sets."""

    at: datetime

    def now(self, book: str) -> datetime:
        return self.at


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A market data provider connected to the simulated venue, and the instrument that is requested."""

    data: MarketData
    venue: SimulatedVenue
    instrument: Instrument
    clock: FixedClock

    def view(self, timeframe: str | None = "5m", *, as_of: datetime | None = None, symbol: str = "") -> MarketView:
        instrument = self.instrument
        signal = replace(
            a_signal(),
            symbol=symbol or instrument.symbol,
            exchange=instrument.exchange,
            instrument_kind=instrument.kind,
            timeframe=None if timeframe is None else Interval.parse(timeframe),
        )
        (view,) = self.data.views([ViewRequest(signal=signal, as_of=as_of or self.clock.at)])
        return view

    def walk(self, *, after: datetime, until: datetime) -> tuple[Bar, ...]:
        series = self.data.walk_bars("paper", self.instrument, after=after, until=until).series
        return series[0].bars if series else ()

    def count_bar_requests(self) -> int:
        paths = [request["path"] for request in self.venue.ledger.list_requests("market")]
        return sum(path.endswith(("klines", "bars")) for path in paths)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as running:
        yield running


@pytest.fixture(params=PROVIDERS, ids=lambda provider: f"{provider[0]}-{provider[1].symbol}")
def provider(request: pytest.FixtureRequest, venue: SimulatedVenue) -> Iterator[Provider]:
    name, instrument = request.param
    yield _connect_provider(name, instrument, venue)
    venue.control(clear=True, release=True, hide_quotes=False)


@pytest.fixture
def binance(venue: SimulatedVenue) -> Iterator[Provider]:
    yield _connect_provider("ccxt:binance", BTC, venue)
    venue.control(clear=True, release=True, hide_quotes=False)


def _connect_provider(name: str, instrument: Instrument, venue: SimulatedVenue) -> Provider:
    clock = FixedClock(at=datetime.now(UTC).replace(second=20, microsecond=0))
    keys = {"key": Secret(hidden=KEY), "secret": Secret(hidden=SECRET)}
    data = loader.make_market_data(name, **keys, url=venue.url, clock=clock)
    assert data is not None
    return Provider(data=data, venue=venue, instrument=instrument, clock=clock)


def test_a_view_has_the_best_prices_of_now(provider: Provider) -> None:
    level = {"bid": "123.45", "ask": "123.47"}
    provider.venue.set_price(SYMBOLS_AT_VENUE[provider.instrument], **level)

    view = provider.view()

    assert (view.quote.bid, view.quote.ask, view.quote.last) == (
        Decimal("123.45"),
        Decimal("123.47"),
        Decimal("123.46"),
    )
    assert view.quote.at == provider.clock.at
    assert view.quote.quality is Quality.LIVE
    assert {name: view.quality[name] for name in ("bid", "ask", "last")} == dict.fromkeys(
        ("bid", "ask", "last"), Quality.LIVE
    )


@pytest.mark.parametrize("timeframe", ["1m", "5m", "10m", "1h", "1d"])
def test_a_view_has_closed_bars_of_the_signals_interval_and_of_the_next(provider: Provider, timeframe: str) -> None:
    interval, as_of = Interval.parse(timeframe), provider.clock.at

    view = provider.view(timeframe)

    base, higher = view.window.base, view.window.higher
    assert base is not None
    assert higher is not None
    assert (base.interval, len(base.bars)) == (interval, 250)
    assert (higher.interval, len(higher.bars)) == (interval.next, 100)
    for series in (base, higher):
        ends = [series.interval.end(bar.open_time) for bar in series.bars]
        assert ends[-1] <= as_of < series.interval.end(ends[-1])
        assert all(later - earlier == series.interval.approximate for earlier, later in pairwise(ends))
    assert {view.quality[name] for name in ("bars", "higher_bars", "volume")} == {Quality.LIVE}


def test_prices_are_read_as_they_are_written(provider: Provider) -> None:
    base = provider.view("1m").window.base

    assert base is not None
    assert all(abs(bar.close.as_tuple().exponent) <= 2 for bar in base.bars)  # type: ignore[arg-type]
    assert base.bars[-1].volume == Decimal("12.5")


def test_signals_on_one_bar_share_one_window_that_is_fetched_once(provider: Provider) -> None:
    first = provider.view("1h")
    requests_before = provider.count_bar_requests()

    second = provider.view("1h", as_of=provider.clock.at + timedelta(milliseconds=1))

    assert second.window is first.window
    assert provider.count_bar_requests() == requests_before


def test_a_moment_that_has_passed_gets_no_present_quote_and_no_later_bar(provider: Provider) -> None:
    as_of = provider.clock.at - timedelta(hours=2)

    view = provider.view("5m", as_of=as_of)

    base = view.window.base
    assert base is not None
    assert base.interval.end(base.bars[-1].open_time) <= as_of
    assert (view.quote.bid, view.quote.ask) == (None, None)
    assert (view.quality["bid"], view.quality["last"]) == (Quality.MISSING, Quality.DELAYED)
    (closing,) = (bar for bar in provider.walk(after=as_of - MINUTE, until=as_of + 3 * MINUTE) if _ends_by(bar, as_of))
    assert view.quote.last == closing.close


def test_an_instrument_that_the_venue_does_not_list_is_missing(provider: Provider) -> None:
    view = provider.view(symbol="NOSUCH")

    assert not view.quote.is_usable
    assert set(view.quality.values()) == {Quality.MISSING}
    assert (view.window.base, view.window.higher) == (None, None)


def test_a_signal_without_a_timeframe_gets_a_quote_and_no_bars(provider: Provider) -> None:
    view = provider.view(None)

    assert view.quote.is_usable
    assert view.window.base is None


def test_while_the_venue_fails_everything_is_missing(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.02)
    provider.venue.fault("error_before", on="market", times=None)

    view = provider.view()
    walked = provider.walk(after=provider.clock.at - 5 * MINUTE, until=provider.clock.at)

    assert not view.quote.is_usable
    assert set(view.quality.values()) == {Quality.MISSING}
    assert walked == ()


def test_a_request_is_retried_after_a_temporary_error(provider: Provider) -> None:
    provider.venue.fault("lose_answer", on="market", times=1)

    assert provider.view().quote.is_usable


def test_a_quote_has_no_bars(provider: Provider) -> None:
    view = provider.data.quote("paper", provider.instrument, at=provider.clock.at)

    assert view.quote.is_usable
    assert (view.window.base, view.window.higher) == (None, None)


def test_a_ticker_without_bid_and_ask_is_completed_from_the_order_book(binance: Provider) -> None:
    binance.venue.set_price("BTCUSDT", bid="200.01", ask="200.03")
    binance.venue.control(hide_quotes=True)

    view = binance.view()

    assert (view.quote.bid, view.quote.ask) == (Decimal("200.01"), Decimal("200.03"))
    assert view.quality["bid"] is Quality.LIVE


def test_exits_walk_one_minute_bars_that_are_closed(provider: Provider) -> None:
    until = provider.clock.at
    after = until - 90 * MINUTE

    bars = provider.walk(after=after, until=until)

    ends = [bar.open_time + MINUTE for bar in bars]
    assert len(bars) >= 88
    assert after < ends[0] <= after + MINUTE
    assert ends[-1] <= until
    assert all(later - earlier == MINUTE for earlier, later in pairwise(ends))


def test_bars_that_were_walked_are_not_fetched_again(provider: Provider) -> None:
    until = provider.clock.at
    first = provider.walk(after=until - 60 * MINUTE, until=until)
    requests_before = provider.count_bar_requests()

    again = provider.walk(after=until - 30 * MINUTE, until=until)

    assert provider.count_bar_requests() == requests_before
    assert again == tuple(bar for bar in first if bar.open_time + MINUTE > until - 30 * MINUTE)


def test_new_bars_follow_what_was_walked_without_a_gap(provider: Provider) -> None:
    until = provider.clock.at
    whole = provider.walk(after=until - 60 * MINUTE, until=until)
    fresh = _connect_provider(
        "alpaca" if provider.instrument is not BTC else "ccxt:binance", provider.instrument, provider.venue
    )

    parts = fresh.walk(after=until - 60 * MINUTE, until=until - 40 * MINUTE)
    parts += fresh.walk(after=parts[-1].open_time + MINUTE, until=until)

    assert parts == whole


def test_a_long_absence_is_walked_page_by_page(provider: Provider) -> None:
    until = provider.clock.at

    bars = provider.walk(after=until - 2500 * MINUTE, until=until)

    assert 2498 <= len(bars) <= 2500


def _ends_by(bar: Bar, moment: datetime) -> bool:
    return moment - MINUTE < bar.open_time + MINUTE <= moment
