from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from alerts.understand import UnreadableAlert, understand
from domain.intervals import Interval
from domain.signal import InstrumentKind, NewSignal, SellAlone, Source

SOURCE = Source(
    name="desk",
    book="paper",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
)
NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


def read_signal(body: bytes | dict[str, Any], source: Source = SOURCE) -> NewSignal:
    [result] = understand(body if isinstance(body, bytes) else msgspec.json.encode(body), source)
    assert isinstance(result, NewSignal), result
    return result


def read_errors(body: bytes | dict[str, Any], source: Source = SOURCE) -> dict[str, list[str]]:
    [result] = understand(body if isinstance(body, bytes) else msgspec.json.encode(body), source)
    assert isinstance(result, UnreadableAlert), result
    return dict(result.errors)


def order_of(signal: NewSignal) -> tuple[str, str, str]:
    return signal.symbol, signal.direction.value, signal.action.value


HACKING = {
    "passphrase": "open sesame",
    "time": "2024-01-31T12:05:01Z",
    "exchange": "BINANCE",
    "ticker": "BTCUSDT",
    "interval": "5",
    "bar": {"time": "2024-01-31T12:00:00Z", "open": 1, "high": 4, "low": 1, "close": 3, "volume": 10},
    "strategy": {
        "position_size": 0,
        "order_action": "sell",
        "order_contracts": 1,
        "order_price": 2,
        "order_id": "Close",
        "market_position": "flat",
        "prev_market_position": "long",
    },
}


def test_hackingthemarkets_tells_firing_time_bar_and_positions() -> None:
    signal = read_signal(HACKING)

    assert signal.dialect == "hackingthemarkets"
    assert order_of(signal) == ("BTCUSDT", "long", "exit")
    assert (signal.timestamp, signal.event_at) == (NOON, NOON.replace(minute=5, second=1))
    assert signal.price == 2
    assert signal.bar is not None
    assert (signal.bar.open_time, signal.bar.high) == (NOON, Decimal(4))
    assert signal.raw_payload["passphrase"] == "***"


def test_the_template_of_the_readme_tells_firing_time_and_bar() -> None:
    signal = read_signal(
        {
            "ticker": "BINANCE:BTCUSDT",
            "action": "buy",
            "sentiment": "long",
            "price": "65000",
            "time": "2024-01-31T13:00:00Z",
            "interval": "60",
            "bar": {"time": "2024-01-31T12:00:00Z", "open": 64, "high": 66, "low": 63, "close": 65, "volume": 12},
        }
    )

    assert order_of(signal) == ("BTCUSDT", "long", "entry")
    assert (signal.timestamp, signal.event_at) == (NOON, datetime(2024, 1, 31, 13, tzinfo=UTC))
    assert signal.bar is not None
    assert (signal.bar.open_time, signal.bar.close) == (NOON, Decimal(65))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"action": "buy", "sentiment": "bullish"}, ("AAPL", "long", "entry")),
        ({"action": "sell", "sentiment": "bearish"}, ("AAPL", "short", "entry")),
        ({"action": "sell", "sentiment": "short"}, ("AAPL", "short", "entry")),
        ({"action": "sell", "sentiment": "flat"}, ("AAPL", "long", "exit")),
        ({"action": "buy", "sentiment": "flat"}, ("AAPL", "short", "exit")),
        ({"action": "exit", "sentiment": "bearish"}, ("AAPL", "short", "exit")),
        ({"action": "add", "sentiment": "bullish"}, ("AAPL", "long", "entry")),
        ({"action": "buy", "quantityType": "dollar_amount"}, ("AAPL", "long", "entry")),
    ],
)
def test_traderspost_reads_action_and_sentiment_together(
    change: dict[str, str], expected: tuple[str, str, str]
) -> None:
    signal = read_signal({"ticker": "AAPL", "price": "180.5", "time": "2024-01-31T12:00:00Z"} | change)

    assert signal.dialect == "traderspost"
    assert order_of(signal) == expected
    assert (signal.event_at, signal.price) == (NOON, Decimal("180.5"))


@pytest.mark.parametrize("action", ["cancel", "sell"])
def test_traderspost_cancel_and_bare_sell_are_refused(action: str) -> None:
    assert list(read_errors({"ticker": "AAPL", "action": action, "stopLoss": {"type": "stop"}})) == ["action"]


@pytest.mark.parametrize(
    "payload",
    [
        {"symbol": "SPY", "direction": "long", "is_test": False},
        {"ticker": "SPY", "side": "BUY", "meta": {"timeframe": "5"}},
        {"meta": {"ticker": "SPY", "timeframe": "5"}, "trend": "bullish"},
        {"meta": {"ticker": "SPY"}, "bias": "BULL"},
        {"symbol": "SPY", "signal": {"type": "BUY"}},
        {"symbol": "SPY", "signal": {"direction": "LONG"}},
        {"symbol": "SPY", "strategy": {"order_action": "buy"}, "indicators": {"rsi": 60}},
        {"symbol": "SPY", "event": {"phase_name": "BULLISH_EXPANSION"}},
        {"indicator": "ORB", "ticker": "SPY", "action": "BUY", "side": "LONG", "entry": 690.1, "stop": 689.4},
    ],
)
def test_the_dual_engine_platforms_direction_is_found_where_it_stands(payload: dict[str, Any]) -> None:
    assert order_of(read_signal(payload)) == ("SPY", "long", "entry")


def test_a_hint_decides_only_when_nothing_else_does() -> None:
    signal = read_signal({"symbol": "SPY", "action": "short", "trend": "bullish", "bias": "bullish"})

    assert order_of(signal) == ("SPY", "short", "entry")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            {
                "secret": "x",
                "max_lag": "300",
                "timestamp": "2024-01-31T12:00:00Z",
                "trigger_price": "2",
                "tv_exchange": "BINANCE",
                "tv_instrument": "BTCUSDT.P",
                "action": "sell",
                "strategy_info": {"market_position": "short", "prev_market_position": "long"},
                "order": {"amount": "1", "currency_type": "base"},
            },
            ("BTCUSDT", "short", "entry"),
        ),
        ({"tv_instrument": "BTCUSDT", "action": "exit_short", "trigger_price": 2}, ("BTCUSDT", "short", "exit")),
        ({"apikey": "x", "strategy": "s", "symbol": "SBIN", "action": "BUY"}, ("SBIN", "long", "entry")),
        ({"symbol": "BTC/USDT", "direction": "short", "size": "5%"}, ("BTCUSDT", "short", "entry")),
        ({"PIN": "1", "ID": "a", "EXCHANGE": "x", "SYMBOL": "ETHUSDT", "SIDE": "buy"}, ("ETHUSDT", "long", "entry")),
        (
            {"data": {"strategy-order-action": "sell", "ticker": "ES1!", "strategy-prev_market_position": "flat"}},
            ("ES", "short", "entry"),
        ),
        (
            {"ticker": "SPY", "entry": {"price": 1, "stop_loss": 2}, "confidence": 72, "signal": {"type": "BUY"}},
            ("SPY", "long", "entry"),
        ),
        ({"strategy.order.action": "buy", "Ticker": "spy"}, ("SPY", "long", "entry")),
    ],
)
def test_other_senders_are_read_by_the_names_of_their_fields(
    payload: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert order_of(read_signal(payload)) == expected


def test_the_sources_settings_fill_what_an_alert_leaves_out() -> None:
    source = replace(
        SOURCE,
        strategy="swing",
        timeframe=Interval.parse("1h"),
        exchange="KRAKEN",
        sell_alone=SellAlone.SHORT,
        instrument_kind=InstrumentKind.PERP,
    )

    signal = read_signal({"symbol": "BTCUSD", "action": "sell"}, source)

    assert (signal.strategy, str(signal.timeframe), signal.exchange) == ("swing", "1h", "KRAKEN")
    assert (signal.instrument_kind, signal.direction.value) == (InstrumentKind.PERP, "short")


def test_values_of_an_alert_override_the_sources_settings() -> None:
    source = replace(SOURCE, strategy="swing", timeframe=Interval.parse("1h"), exchange="KRAKEN")

    signal = read_signal({"symbol": "CME:ES1!", "action": "buy", "strategy": "orb", "tf": "5", "exchange": "X"}, source)

    assert (signal.strategy, str(signal.timeframe), signal.exchange) == ("orb", "5m", "CME")


@pytest.mark.parametrize(("scale", "value"), [(1, "0.72"), (10, 7.2), (100, "72")])
def test_confidence_is_stored_from_0_to_100_by_the_sources_scale(scale: int, value: object) -> None:
    source = replace(SOURCE, confidence_scale=scale)

    assert read_signal({"symbol": "A", "action": "buy", "confidence": value}, source).confidence == 72
    assert list(read_errors({"symbol": "A", "action": "buy", "confidence": scale + 1}, source)) == ["confidence"]
    assert list(read_errors({"symbol": "A", "action": "buy", "confidence": -0.1}, source)) == ["confidence"]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"action": "buy"}, "symbol"),
        ({"symbol": "{{ticker}}", "action": "buy"}, "symbol"),
        ({"symbol": "A"}, "direction"),
        ({"symbol": "A", "action": "{{strategy.order.action}}"}, "direction"),
        ({"symbol": "A", "action": "hold"}, "action"),
        ({"symbol": "A", "action": "hold", "direction": "long"}, "action"),
        ({"symbol": "A", "action": "sell"}, "action"),
        ({"symbol": "A", "action": "buy", "direction": "short"}, "action"),
        ({"symbol": "A", "direction": "close"}, "direction"),
        ({"symbol": "A", "action": "buy", "price": -1}, "price"),
        ({"symbol": "A", "action": "buy", "is_test": "perhaps"}, "is_test"),
        ({"symbol": True, "action": "buy"}, "symbol"),
    ],
)
def test_each_missing_or_ambiguous_field_has_an_error_and_no_other(payload: dict[str, Any], field: str) -> None:
    assert list(read_errors(payload)) == [field]


def test_errors_never_repeat_the_senders_text() -> None:
    canary = "CANARY-4711"
    payload = {"symbol": f"?{canary}", "action": canary, "price": canary, "time": canary, "tf": canary, "test": canary}

    assert canary not in str(read_errors(payload))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b'"buy"',
        b"null",
        b"{}",
        b"[]",
        b"[5]",
        b"a word",
        b"\xff\xfe",
        b'{"a":1,"a":2}',
        b'{"a":1} x',
        b'{"symbol":"A","action":"buy","b":' + b"[" * 20 + b"]" * 20 + b"}",
        b"[" * 60_000,
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":1e99999999999999999999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" + b"{}," * 70 + b"{}]",
    ],
)
def test_a_body_we_cannot_trust_is_refused_as_a_whole(body: bytes) -> None:
    assert list(read_errors(body)) == ["body"]


def test_a_byte_order_mark_is_tolerated() -> None:
    assert order_of(read_signal(b'\xef\xbb\xbf{"symbol": "A", "action": "buy"}')) == ("A", "long", "entry")


def test_sixteen_levels_are_read_and_seventeen_are_not() -> None:
    def nested(levels: int) -> bytes:
        return b'{"symbol":"A","action":"buy","x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"

    assert order_of(read_signal(nested(16))) == ("A", "long", "entry")
    assert list(read_errors(nested(17))) == ["body"]


@pytest.mark.parametrize(
    ("more", "before", "after"),
    [
        ({"action": "buy", "market_position": "long", "prev_market_position": "flat"}, "flat", "long"),
        ({"action": "sell", "market_position": "short", "prev_market_position": "long"}, "long", "short"),
        ({"action": "sell", "market_position": "flat", "prev_market_position": "long"}, "long", "flat"),
        ({"action": "buy", "strategy": {"position_size": "-0"}, "prev_market_position": "short"}, "short", "flat"),
        ({"action": "buy", "strategy.position_size": 3}, None, "long"),
        ({"action": "exit", "sentiment": "long"}, None, None),
        ({"action": "exit_long", "prev_market_position": "long"}, "long", None),
        ({"action": "buy"}, None, None),
    ],
)
def test_positions_before_and_after_are_read_where_an_alert_states_them(
    more: dict[str, Any], before: str | None, after: str | None
) -> None:
    signal = read_signal({"symbol": "BTCUSDT"} | more)

    positions = [position and position.value for position in (signal.position_before, signal.position_after)]
    assert positions == [before, after]


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("sequence", 0, 0),
        ("seq", "17", 17),
        ("alert_no", Decimal("8.0"), 8),
        ("meta", {"seq": 4}, 4),
        ("sequence", 2**53, 2**53),
        ("sequence", 2**53 + 1, None),
        ("sequence", -1, None),
        ("sequence", "1.5", None),
        ("sequence", "A-7", None),
        ("sequence", True, None),
        ("sequence", "NaN", None),
        ("sequence", [5], None),
        ("number", 5, None),
        ("indicators", {"sequence": 9}, None),
        ("bar_index", 5, None),
        ("id", 5, None),
    ],
)
def test_the_number_of_an_alert_is_a_whole_number_under_a_name_that_means_it(
    name: str, value: Any, read: int | None
) -> None:
    signal = read_signal({"symbol": "BTCUSDT", "action": "buy", name: value})

    assert signal.sequence == read
    assert signal.read_from.get("sequence") == (None if read is None else [f"{name}.seq" if name == "meta" else name])


def test_the_message_that_the_documents_write_in_pine_is_understood() -> None:
    opening = '{"ticker":"BINANCE:BTCUSDT","action":"buy","sequence":7,"time":1706702400000,"timenow":1706706000000,'

    signal = read_signal(f'{opening}"price":43250.5}}'.encode())

    assert order_of(signal) == ("BTCUSDT", "long", "entry")
    assert (signal.sequence, signal.timestamp, signal.event_at) == (7, NOON, NOON.replace(hour=13))
