"""Messages as people send them, by origin: which dialect reads them, and as what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from alerts.understand import UnreadableAlert, understand
from domain.intervals import Interval
from domain.signal import InstrumentKind, NewSignal, SellAlone, Source
from tests.unit.alerts.lookalikes import ELSEWHERE, LOOKALIKES
from tests.unit.alerts.other_formats import BROKEN, CLOSES_LONG, CLOSES_SHORT, LONG, OTHERS, SHORT
from tests.unit.alerts.service_formats import SERVICES

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

THREE_COMMAS = (
    '{"secret":"s","max_lag":"300","timestamp":"2024-01-31T12:00:00Z","trigger_price":"43250.5","tv_exchange":"BINANCE",'
    '"tv_instrument":"BTCUSDT","action":"%s","bot_uuid":"7","strategy_info":{"market_position":"%s",'
    '"market_position_size":"1","prev_market_position":"%s","prev_market_position_size":"1"},'
    '"order":{"amount":"1","currency_type":"base"}}'
)
CUSTOM = (
    '{"secret":"s","max_lag":"300","timestamp":"2024-01-31T12:00:00Z","trigger_price":"43250.5",'
    '"tv_exchange":"BINANCE","tv_instrument":"BTCUSDT","action":"%s","bot_uuid":"7"}'
)
HACKING = (
    '{"passphrase":"p","time":"2024-01-31T12:05:01Z","exchange":"BINANCE","ticker":"BTCUSDT",'
    '"bar":{"time":"2024-01-31T12:00:00Z","open":1,"high":4,"low":1,"close":3,"volume":10},"strategy":{'
    '"position_size":1,"order_action":"%s","order_contracts":1,"order_price":2,"order_id":"a","market_position":"%s",'
    '"market_position_size":1,"prev_market_position":"%s","prev_market_position_size":0}}'
)
OPENALGO = (
    '{"apikey":"k","strategy":"waves","symbol":"INFY","exchange":"NSE","action":"%s","product":"MIS",'
    '"pricetype":"MARKET","quantity":"10","position_size":"%s"}'
)
NESTED = (
    '{"data":{"strategy-order-action":"%s","ticker":"BTCUSDT","strategy-prev_market_position":"%s",'
    '"strategy-market_position":"%s"},"key":"k"}'
)
SENTENCE = "Waves (14, close): order %s @ 2.5 filled on BINANCE:BTCUSDT. New strategy position is %s"

# Of each: the dialect, the message, and what it asks for.
FORMATS: list[tuple[str, str, str, tuple[str, str]]] = [
    ("traderspost", '{"ticker":"AAPL","action":"buy","sentiment":"bullish","price":"180.5"}', "AAPL", LONG),
    ("traderspost", '{"ticker":"AAPL","action":"sell","sentiment":"bearish"}', "AAPL", SHORT),
    ("traderspost", '{"ticker":"AAPL","action":"sell","sentiment":"flat"}', "AAPL", CLOSES_LONG),
    ("traderspost", '{"ticker":"AAPL","action":"buy","sentiment":"flat"}', "AAPL", CLOSES_SHORT),
    ("traderspost", '{"ticker":"AAPL","action":"exit","sentiment":"long"}', "AAPL", CLOSES_LONG),
    ("traderspost", '{"ticker":"AAPL","action":"add","sentiment":"long","quantity":1}', "AAPL", LONG),
    (
        "traderspost",
        '{"ticker":"AAPL","action":"buy","takeProfit":{"percent":5},"stopLoss":{"type":"stop"}}',
        "AAPL",
        LONG,
    ),
    ("traderspost", '{"ticker":"ES1!","action":"buy","quantity":"2","quantityType":"fixed_quantity"}', "ES", LONG),
    ("three_commas", THREE_COMMAS % ("buy", "long", "flat"), "BTCUSDT", LONG),
    ("three_commas", THREE_COMMAS % ("sell", "short", "flat"), "BTCUSDT", SHORT),
    ("three_commas", THREE_COMMAS % ("sell", "short", "long"), "BTCUSDT", SHORT),
    ("three_commas", THREE_COMMAS % ("sell", "flat", "long"), "BTCUSDT", CLOSES_LONG),
    ("three_commas", THREE_COMMAS % ("buy", "flat", "short"), "BTCUSDT", CLOSES_SHORT),
    ("three_commas", CUSTOM % "enter_long", "BTCUSDT", LONG),
    ("three_commas", CUSTOM % "enter_short", "BTCUSDT", SHORT),
    ("three_commas", CUSTOM % "exit_long", "BTCUSDT", CLOSES_LONG),
    ("three_commas", CUSTOM % "exit_short", "BTCUSDT", CLOSES_SHORT),
    ("hackingthemarkets", HACKING % ("buy", "long", "flat"), "BTCUSDT", LONG),
    ("hackingthemarkets", HACKING % ("sell", "short", "long"), "BTCUSDT", SHORT),
    ("hackingthemarkets", HACKING % ("sell", "flat", "long"), "BTCUSDT", CLOSES_LONG),
    ("hackingthemarkets", HACKING % ("buy", "flat", "short"), "BTCUSDT", CLOSES_SHORT),
    ("octobot", "EXCHANGE=binance\nSYMBOL=BTCUSDT\nSIGNAL=BUY\nVOLUME=0.1\nPRICE=43000\nTOKEN=t", "BTCUSDT", LONG),
    ("octobot", "EXCHANGE=binance;SYMBOL=BTC/USDT;SIGNAL=buy;STOP_PRICE=42000", "BTCUSDT", LONG),
    ("octobot", "exchange = binance ; symbol = btcusdt ; signal = long ; take_profit_price = 5", "BTCUSDT", LONG),
    ("openalgo", OPENALGO % ("BUY", "10"), "INFY", LONG),
    ("openalgo", OPENALGO % ("SELL", "-10"), "INFY", SHORT),
    ("openalgo", OPENALGO % ("SELL", "0"), "INFY", CLOSES_LONG),
    ("openalgo", OPENALGO % ("BUY", "0"), "INFY", CLOSES_SHORT),
    ("thibaultyou", '{"symbol":"ETHUSDT","direction":"long","size":"50"}', "ETHUSDT", LONG),
    ("thibaultyou", '{"symbol":"ETHUSDT","direction":"short","size":"5%"}', "ETHUSDT", SHORT),
    ("thibaultyou", '[{"symbol":"ETHUSDT","direction":"long","size":50}]', "ETHUSDT", LONG),
    (
        "tradex",
        '{"PIN":"1","ID":"a","EXCHANGE":"BYBIT","SYMBOL":"BTCUSDT.P","SIDE":"BUY","ORDER_TYPE":"MARKET"}',
        "BTCUSDT",
        LONG,
    ),
    (
        "tradex",
        '{"PIN":"1","ID":"a","SYMBOL":"BTCUSDT","SIDE":"close_short","QUANTITY":"1","PRICE":"5"}',
        "BTCUSDT",
        CLOSES_SHORT,
    ),
    ("pineconnector", "60123456,buy,EURUSD,risk=1,sl=30,tp=60", "EURUSD", LONG),
    ("pineconnector", "60123456, closelong, EURUSD", "EURUSD", CLOSES_LONG),
    ("pineconnector", "60123456,closeshort,XAUUSD,risk=0.5", "XAUUSD", CLOSES_SHORT),
    ("piped", "k|waves|buy|BTCUSDT", "BTCUSDT", LONG),
    ("piped", "k | waves | exit_long | BINANCE:BTCUSDT", "BTCUSDT", CLOSES_LONG),
    ("piped", "k|waves|ETHUSDT|short", "ETHUSDT", SHORT),
    ("nested", NESTED % ("buy", "flat", "long"), "BTCUSDT", LONG),
    ("nested", NESTED % ("sell", "long", "flat"), "BTCUSDT", CLOSES_LONG),
    ("nested", NESTED % ("sell", "long", "short"), "BTCUSDT", SHORT),
    ("strategy_sentence", SENTENCE % ("buy", "2.5"), "BTCUSDT", LONG),
    ("strategy_sentence", SENTENCE % ("sell", "-2.5"), "BTCUSDT", SHORT),
    ("strategy_sentence", SENTENCE % ("sell", "0"), "BTCUSDT", CLOSES_LONG),
    ("strategy_sentence", SENTENCE % ("buy", "0"), "BTCUSDT", CLOSES_SHORT),
    (
        "dual_engine",
        '{"meta":{"ticker":"SPY","timeframe":"15"},"signal":{"type":"LONG","direction":"long"}}',
        "SPY",
        LONG,
    ),
    ("dual_engine", '{"symbol":"SPY","trend":"BEARISH","timestamp":1706702400}', "SPY", SHORT),
    ("dual_engine", '{"symbol":"SPY","bias":"bullish","timestamp":1706702400000}', "SPY", LONG),
    ("dual_engine", '{"ticker":"SPY","event":{"phase_name":"BULLISH_EXPANSION"},"tf":"5"}', "SPY", LONG),
    (
        "dual_engine",
        '{"symbol":"SPY","strategy":{"order_action":"buy"},"trigger_timeframe":"5","is_test":false}',
        "SPY",
        LONG,
    ),
    (
        "dual_engine",
        '{"symbol":"NQ1!","entry":{"price":1,"stop_loss":2,"target_1":3},"confidence":72,"signal":{"type":"BUY"}}',
        "NQ",
        LONG,
    ),
    (
        "general",
        '{"indicator":"ORB","symbol":"SPY","action":"BUY","side":"LONG","entry":690.1,"stop":689.4}',
        "SPY",
        LONG,
    ),
    ("general", '{"symbol":"BTCUSDT","action":"flat","prev_market_position":"short"}', "BTCUSDT", CLOSES_SHORT),
    ("general", '{"Symbol":"BTCUSDT","ACTION":"Enter Long","Time":"2024-01-31T12:00:00Z"}', "BTCUSDT", LONG),
    ("general", '{"ticker":"{{ticker}}","symbol":"BTCUSDT","side":"short","price":NaN}', "BTCUSDT", SHORT),
    ("general", '{"symbol":"BTCUSDT","action":"reverse","prev_market_position":"long"}', "BTCUSDT", SHORT),
    ("general", '{"symbol":"BTCUSDT","action":"reverse","market_position":"long"}', "BTCUSDT", LONG),
    ("general", '{"symbol":"BTCUSDT","action":"reverse_sell"}', "BTCUSDT", SHORT),
    ("general", '{"symbol":"BTCUSDT","action":"short","position_size":10}', "BTCUSDT", SHORT),
    ("general", '{"symbol":"BTCUSDT","action":"buy","position_size":0}', "BTCUSDT", CLOSES_SHORT),
    ("general", "symbol=BTCUSDT&action=enter+long&price=43%2E5", "BTCUSDT", LONG),
    ("general", "symbol: BTCUSDT\r\nside: long\r\ntimeframe: 15m", "BTCUSDT", LONG),
    ("general", "ticker:BTCUSDT\nside:short", "BTCUSDT", SHORT),
    ("general", "ticker=BTCUSDT side=short", "BTCUSDT", SHORT),
    ("general", "action=buy, symbol=BINANCE:BTCUSDT, price=43250.5", "BTCUSDT", LONG),
    ("general", "BUY BTCUSDT @ 43000", "BTCUSDT", LONG),
    ("general", "Long BINANCE:BTCUSDT at 43000", "BTCUSDT", LONG),
    ("general", "BTCUSDT,close long", "BTCUSDT", CLOSES_LONG),
    ("general", "BTCUSDT.P|short", "BTCUSDT", SHORT),
    *OTHERS,
    *SERVICES,
]

UNCLEAR: list[tuple[str, str]] = [
    ("SIGNAL", "EXCHANGE=binance;SYMBOL=BTCUSDT;SIGNAL=SELL;VOLUME=1"),
    ("SIGNAL", "EXCHANGE=binance;SYMBOL=BTCUSDT;SIGNAL=CANCEL;VOLUME=1"),
    ("action", '{"ticker":"AAPL","action":"cancel","sentiment":"flat"}'),
    ("direction", '{"symbol":"BTCUSDT","direction":"close","size":"100%"}'),
    ("command", "60123456,sell,EURUSD,risk=1"),
    ("command", "60123456,newsltplong,EURUSD,sl=30"),
    ("action", '{"symbol":"BTCUSDT","action":"reverse"}'),
    ("action", '{"symbol":"BTCUSDT","action":"reverse long"}'),
    ("action", '{"symbol":"BTCUSDT","action":"reverse_buy","market_position":"short"}'),
    ("body", "BTCUSDT Crossing 43000"),
    ("body", "buy BTCUSDT ETHUSDT"),
    ("body", "the market is going up, buy now"),
    ("body", 'do not: {"ticker":"BTCUSDT","action":"buy"}'),
    ("action", '{"symbol":"BTCUSDT","action":"reverse","prev_market_position":"long","market_position":"long"}'),
    ("body", "symbol=BTCUSDT;action=buy;symbol=ETHUSDT"),
    ("body", "hello"),
    ("body", '{"ticker":"BTCUSDT","action":"buy","comment":"a", "b": c"}'),
    ("body", '{"ticker":"BTCUSDT","action":"buy"'),
    ("body", '{"ticker":"BTCUSDT","action":"buy"} {"ticker":"ETHUSDT","action":"buy"}'),
    ("body", "{ticker: BTCUSDT, action: buy, action: sell}"),
    ("side", '{"symbol":"BTCUSDT","event":"tp1","side":"long"}'),
    ("side", '{"symbol":"BTCUSDT","signal":"Take Profit 1","side":"long"}'),
    ("signal", '{"symbol":"BTCUSDT","signal":"no buy","trend":"bullish"}'),
    ("action", '{"symbol":"BTCUSDT","action":"buy","comment":"Close entry(s) order Long"}'),
    ("action", '{"symbol":"BTCUSDT","action":"enter_long","reduce_only":true}'),
    ("direction", '{"symbol":"BTCUSDT","buy":1}'),
    ("direction", '{"symbol":"BTCUSDT","buy":true,"sell":true}'),
    ("direction", '{"symbol":"BTCUSDT","previous":{"side":"long"}}'),
    ("direction", '{"symbol":"BTCUSDT","legs":[{"side":"buy"},{"side":"sell"}]}'),
    ("body", "❌ BUY BTCUSDT"),
    ("body", "do not buy BTCUSDT"),
    ("body", "SuperTrend Buy! BTCUSDT"),
    *LOOKALIKES,
]


def read_signal(message: str, source: Source = SOURCE) -> NewSignal:
    [result] = understand(message.encode(), source)
    assert isinstance(result, NewSignal), result
    return result


@pytest.mark.parametrize(("dialect", "message", "symbol", "asks"), FORMATS, ids=[case[1][:40] for case in FORMATS])
def test_a_message_is_read_by_its_dialect_as_what_it_says(
    dialect: str, message: str, symbol: str, asks: tuple[str, str]
) -> None:
    signal = read_signal(message)

    assert (signal.dialect, signal.symbol) == (dialect, symbol)
    assert (signal.direction.value, signal.action.value) == asks


@pytest.mark.parametrize("message", [case[1] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_message_with_one_reading_is_read(message: str) -> None:
    signal = read_signal(message)

    assert (signal.symbol, signal.direction.value, signal.action.value) == ("BTCUSDT", "long", "entry")
    assert signal.raw_body == message.encode()


@pytest.mark.parametrize(("field", "message"), UNCLEAR, ids=[case[1][:40] for case in UNCLEAR])
def test_an_unclear_message_has_an_error_for_the_field(field: str, message: str) -> None:
    [result] = understand(message.encode(), SOURCE)

    assert isinstance(result, UnreadableAlert)
    assert list(result.errors) == [field]


@pytest.mark.parametrize("message", ELSEWHERE)
def test_fields_in_a_group_of_another_time_or_order_are_ignored(message: str) -> None:
    assert [isinstance(result, UnreadableAlert) for result in understand(message.encode(), SOURCE)] == [True]


def test_utf_16_with_its_mark_is_read() -> None:
    [signal] = understand('{"ticker":"BTCUSDT","action":"buy"}'.encode("utf-16"), SOURCE)

    assert isinstance(signal, NewSignal)


def test_an_array_gives_a_signal_of_each_element_and_the_bad_one_alone_is_refused() -> None:
    results = understand(
        b'[{"symbol":"A","direction":"long","size":1},{"symbol":"B","size":1},{symbol: C, side: short}]', SOURCE
    )

    assert [isinstance(result, NewSignal) for result in results] == [True, False, True]


def test_a_list_within_an_object_gives_a_signal_of_each_with_what_stands_beside_it() -> None:
    results = understand(
        b'{"strategy":"waves","alerts":[{"ticker":"BTCUSDT","action":"buy"},{"ticker":"ETHUSDT","side":"short"}]}',
        SOURCE,
    )

    signals = [result for result in results if isinstance(result, NewSignal)]
    assert [(signal.symbol, signal.direction.value, signal.strategy) for signal in signals] == [
        ("BTCUSDT", "long", "waves"),
        ("ETHUSDT", "short", "waves"),
    ]
    reread = [understand(signal.raw_body, SOURCE)[0] for signal in signals]
    hashes = [result.content_hash for result in reread if isinstance(result, NewSignal)]
    assert hashes == [signal.content_hash for signal in signals]


@pytest.mark.parametrize(
    ("setting", "asks"), [(SellAlone.SHORT, SHORT), (SellAlone.EXIT, CLOSES_LONG)], ids=["short", "exit"]
)
def test_the_source_says_what_a_bare_sell_means(setting: SellAlone, asks: tuple[str, str]) -> None:
    signal = read_signal("60123456,sell,EURUSD,risk=1", replace(SOURCE, sell_alone=setting))

    assert (signal.direction.value, signal.action.value) == asks


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (CUSTOM % "enter_long", {"price": Decimal("43250.5"), "event_at": NOON, "exchange": "BINANCE"}),
        ("BUY BTCUSDT @ 43000", {"price": Decimal(43000)}),
        ("buy @ 0.5 BTCUSDT", {"price": None}),
        ("BUY BTCUSDT 43000", {"price": None}),
        ("BTCUSDT.P|short", {"instrument_kind": InstrumentKind.PERP}),
        ("instrument=ES 09-26;action=BUY", {"symbol": "ES09-26", "instrument_kind": InstrumentKind.FUTURE}),
        (SENTENCE % ("buy", "2.5"), {"strategy": "Waves", "exchange": "BINANCE"}),
        ("symbol=BTCUSDT&action=enter+long&price=43%2E5", {"price": Decimal("43.5")}),
        ('{"symbol":"BTCUSDT","action":"buy","price":"$43,250.50"}', {"price": Decimal("43250.50")}),
        ('{"symbol":"BTCUSDT","action":"buy","price":"43.250,50 EUR"}', {"price": Decimal("43250.50")}),
        ("#BTC/USDT\nLong\nEntry: 43000\nStop: 42000", {"price": Decimal(43000)}),
        ('{"symbol":"BTCUSDT","side":"buy","price":0,"close":"43000"}', {"price": Decimal(43000)}),
        ('{"symbol":"BTCUSDT","side":"buy","price":"market"}', {"price": None}),
        ('{"symbol":"BTCUSDT","side":"buy","entry":true,"close":43000}', {"price": Decimal(43000)}),
        ('{"alerts":{"item":{"pair":"ETHUSDT","side":"long","tf":"4H"}}}', {"timeframe": Interval.parse("4h")}),
        ("BUY BTCUSDT on 4h @ 5", {"timeframe": Interval.parse("4h"), "price": None}),
    ],
)
def test_the_other_values_are_read_too(message: str, expected: dict[str, Any]) -> None:
    signal = read_signal(message)

    assert {name: getattr(signal, name) for name in expected} == expected
