from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alerts.parsing import values
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary import symbols
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.signal import Instrument, InstrumentKind


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("5", "5m"),
        (5, "5m"),
        ("60", "1h"),
        ("240", "4h"),
        ("90", "90m"),
        ("1440", "1d"),
        ("D", "1d"),
        ("1D", "1d"),
        ("W", "1w"),
        ("M", "1mo"),
        ("1M", "1mo"),
        ("3M", "3mo"),
        ("1m", "1m"),
        ("15m", "15m"),
        ("15S", "15s"),
        ("60s", "1m"),
        ("1h", "1h"),
        ("4H", "4h"),
        ("H4", "4h"),
        ("D1", "1d"),
        ("15min", "15m"),
        ("1 hour", "1h"),
        ("24h", "1d"),
        ("1mo", "1mo"),
        ("daily", "1d"),
        ("7D", "7d"),
    ],
)
def test_intervals_are_stored_in_one_spelling(written: Leaf, read: str) -> None:
    assert str(values.parse_interval(written)) == read


@pytest.mark.parametrize("written", ["", "R5", "0", "M15", "five", "1y", "99999mo", "367D", "5.5", True, None, "1T"])
def test_what_is_no_interval_is_refused(written: Leaf) -> None:
    with pytest.raises(ValueUnreadable):
        values.parse_interval(written)


@pytest.mark.parametrize(
    "written",
    [
        1706702400,
        "1706702400",
        1706702400000,
        "1706702400000",
        Decimal("1706702400.0"),
        1706702400000000,
        1706702400000000000,
        "2024-01-31T12:00:00Z",
        "2024-01-31T12:00:00",
        "2024-01-31 12:00:00+00:00",
        "2024-01-31T13:00:00+01:00",
    ],
)
def test_times_are_read_in_seconds_milliseconds_and_iso(written: Leaf) -> None:
    assert values.parse_time(written) == datetime(2024, 1, 31, 12, tzinfo=UTC)
    assert values.parse_time(written).utcoffset() == datetime(2024, 1, 31, tzinfo=UTC).utcoffset()


@pytest.mark.parametrize("written", [-1, "noon", "1e25", "2300-01-01T00:00:00Z", "1960-01-01", True, "9" * 99])
def test_what_is_no_time_is_refused(written: Leaf) -> None:
    with pytest.raises(ValueUnreadable):
        values.parse_time(written)


@pytest.mark.parametrize("written", [None, "", " ", "NaN", "nan", "{{plot_0}}", "null", "n/a"])
def test_what_does_not_apply_is_missing(written: Leaf) -> None:
    assert values.is_missing(written)


@pytest.mark.parametrize(
    ("written", "read"), [("1.50", "1.50"), (1, "1"), (" 2e3 ", "2E+3"), (".5", "0.5"), ("5.", "5")]
)
def test_prices_keep_their_digits(written: Leaf, read: str) -> None:
    assert values.parse_price(written).as_tuple() == Decimal(read).as_tuple()


@pytest.mark.parametrize(
    "written", ["0", "-1", "1,5", "abc", "1e31", "1e-31", "1" * 61, True, "٣", "Infinity", "1e9999"]
)
def test_what_is_no_price_is_refused(written: Leaf) -> None:
    with pytest.raises(ValueUnreadable):
        values.parse_price(written)


@pytest.mark.parametrize(
    ("written", "symbol", "exchange", "kind"),
    [
        ("BINANCE:BTCUSDT", "BTCUSDT", "BINANCE", "spot"),
        ("BTCUSDT.P", "BTCUSDT", "", "perp"),
        ("BYBIT:BTCUSDT.P", "BTCUSDT", "BYBIT", "perp"),
        ("BTC/USDT:USDT", "BTCUSDT", "", "perp"),
        ("binance:btc/usdt:usdt", "BTCUSDT", "BINANCE", "perp"),
        ("BTC/USDT:USDT-240628", "BTCUSDT-240628", "", "future"),
        ("BTC/USDT", "BTCUSDT", "", "spot"),
        ("BTC-USDT", "BTCUSDT", "", "spot"),
        ("BTC-USDT-SWAP", "BTCUSDT", "", "perp"),
        ("BTC-PERP", "BTC", "", "perp"),
        ("BTCUSDTPERP", "BTCUSDT", "", "perp"),
        ("CME_MINI:ES1!", "ES", "CME_MINI", "future"),
        ("ES2!", "ES2!", "", "future"),
        (" eurusd ", "EURUSD", "", "forex"),
        ("OANDA:EUR/USD", "EURUSD", "OANDA", "forex"),
        ("ETHBTC", "ETHBTC", "", "spot"),
        ("NASDAQ:AAPL", "AAPL", "NASDAQ", "unknown"),
        ("BRK.B", "BRK.B", "", "unknown"),
        ("BRK-B", "BRK-B", "", "unknown"),
        ("NA", "NA", "", "unknown"),
        ("BTC", "BTC", "", "unknown"),
        ("7203", "7203", "", "unknown"),
    ],
)
def test_symbols_are_base_and_quote_with_exchange_and_kind_beside(
    written: str, symbol: str, exchange: str, kind: str
) -> None:
    assert symbols.parse(written) == Instrument(symbol=symbol, exchange=exchange, kind=InstrumentKind(kind))


@pytest.mark.parametrize("written", ["", ":", "??", "A:B:C:D", "BINANCE:", "x" * 65, "BTC USDT; DROP", "../etc", "_A"])
def test_what_is_no_symbol_is_refused(written: str) -> None:
    with pytest.raises(SymbolUnreadable, match="such as BTCUSDT"):
        symbols.parse(written)
