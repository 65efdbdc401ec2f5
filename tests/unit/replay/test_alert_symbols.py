"""Symbols of logged alerts: from the log's Ticker where the message has none, and against those of the bars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.understand import understand
from domain.intervals import Interval
from domain.signal import NewSignal, Source
from replay import alert_symbols, source_settings
from replay.alert_files import LoggedAlert
from replay.alert_symbols import BarsUnfit
from tests.support.builders.replays import a_bar_file, an_alert

SETTINGS = source_settings.build_settings(None, timeframe=Interval.parse("1h"))
BUY = b'{"ticker": "BTCUSDT", "action": "buy"}'


def _logged(body: bytes, *, ticker: str = "BINANCE:BTCUSDT") -> LoggedAlert:
    return replace(an_alert(body=body), ticker=ticker)


def _completed(body: bytes, *, settings: Source = SETTINGS, ticker: str = "BINANCE:BTCUSDT") -> bytes:
    (alert,) = alert_symbols.add_missing_symbols([_logged(body, ticker=ticker)], settings)
    return alert.body


@pytest.mark.parametrize(
    "body",
    [
        b'{"action": "buy", "price": 102}',
        b'{"action": "buy", "symbol": ""}',
        b'{ "direction": "long" }',
        b"buy",
        b"action=buy;price=102",
        b"action: buy\nprice: 102",
    ],
)
def test_a_message_without_a_symbol_gets_that_of_the_log(body: bytes) -> None:
    completed = _completed(body)

    (signal,) = understand(completed, SETTINGS)
    assert isinstance(signal, NewSignal), signal
    assert (signal.symbol, signal.exchange, signal.direction.value) == ("BTCUSDT", "BINANCE", "long")


@pytest.mark.parametrize(
    "body",
    [
        BUY,
        b"buy ETHUSDT",
        b"BTCUSDT Crossing 101",
        b'{"app": "OTHER", "v": 1}',
        b'{"action": "sell"}',  # a bare sell is unclear with a symbol too
        b'[{"action": "buy"}]',
        b"",
        b"{",
    ],
)
def test_a_message_with_a_symbol_or_unreadable_for_another_reason_stays_as_it_is(body: bytes) -> None:
    assert _completed(body) == body


def test_without_a_ticker_nothing_is_added() -> None:
    assert _completed(b'{"action": "buy"}', ticker="") == b'{"action": "buy"}'


@pytest.mark.parametrize(
    ("bars", "body", "settings"),
    [
        ("BTCUSDT", BUY, {}),
        ("BTCUSDT", b'{"ticker": "BINANCE:BTCUSDT", "action": "buy"}', {}),
        ("BTCUSDT", b'{"ticker": "BTCUSDT.P", "action": "buy"}', {}),
        ("BINANCE:BTCUSDT", BUY, {"exchange": "BINANCE"}),
        ("BTCUSD", BUY, {"symbols": {"BTCUSDT": "BTCUSD"}}),
        ("ETHUSDT", b"hello", {}),  # nothing can be said of alerts that cannot be read
    ],
)
def test_bars_of_an_instrument_of_the_alerts_fit(bars: str, body: bytes, settings: dict[str, Any]) -> None:
    files = [a_bar_file(symbol="EURUSD"), a_bar_file(symbol=bars)]

    assert not alert_symbols.check_bars_fit([_logged(body)], files, replace(SETTINGS, **settings))


@pytest.mark.parametrize(
    ("bars", "problem"),
    [
        ("ETHUSDT", r"the bars are of ETHUSDT \(spot\), the alerts of BTCUSDT \(spot\) \(the first on line 2\)"),
        ("BINANCE:BTCUSDT", r"the bars are of BINANCE:BTCUSDT \(spot\), the alerts of BTCUSDT"),
    ],
)
def test_bars_of_another_instrument_are_refused_with_both_symbols(bars: str, problem: str) -> None:
    with pytest.raises(BarsUnfit, match=problem) as caught:
        alert_symbols.check_bars_fit([_logged(BUY)], [a_bar_file(symbol=bars)], SETTINGS)

    assert "--symbol BTCUSDT=" in str(caught.value)


def test_alerts_of_which_there_are_no_bars_beside_others_are_counted() -> None:
    alerts = [_logged(BUY), _logged(b"buy ETHUSDT"), _logged(b"sell short ETHUSDT")]

    counts = alert_symbols.check_bars_fit(alerts, [a_bar_file(symbol="BTCUSDT")], SETTINGS)

    assert counts == {"ETHUSDT (spot)": 2}
