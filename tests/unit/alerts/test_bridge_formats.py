"""Messages of bridges and scanners: read, or refused with a message that names the cause."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from alerts.understand import UnreadableAlert, understand
from domain.intervals import Interval
from domain.signal import NewSignal
from tests.unit.alerts.other_formats import CLOSES_LONG, CLOSES_SHORT, LONG, SHORT
from tests.unit.alerts.test_formats import SOURCE

N8N_FORWARD = (
    '[{"headers":{"host":"n8n.example.com"},"params":{},"query":{},"body":{"ticker":"BTCUSDT","action":"exit",'
    '"direction":"long","price":"43000"},"webhookUrl":"https://n8n.example.com/webhook/x"}]'
)
READ: list[tuple[str, str, tuple[str, str]]] = [
    ("6678632939770,XAUUSD,buy,vol_dollar=15,sl_price=2650,tp1_price=2660,pct1=0.25", "XAUUSD", LONG),
    ("6678632939770,US30,closeshort,vol=1", "US30", CLOSES_SHORT),
    ("ENTER-LONG_BINANCE_BTCUSDT_Groot_4M_c1d9bfa4", "BTCUSDT", LONG),
    ("ENTER-SHORT_BYBIT_ETHUSDT_My_Bot_1H_ab12cd34ef", "ETHUSDT", SHORT),
    ("EXIT-LONG_BINANCE_FUTURES_BTCUSDT_Groot_4M_c1d9bfa4", "BTCUSDT", CLOSES_LONG),
    ('{"code":"ENTER-LONG_BINANCE_BTCUSDT_Groot_4M_c1d9bfa4","orderType":"market"}', "BTCUSDT", LONG),
    ('""EXCHANGE=KUCOIN;\r\nSYMBOL=CRVUSDT;\r\nSIGNAL=buy;\r\nVOLUME=1.115;\r\nPRICE=0.9060\r\n""', "CRVUSDT", LONG),
    ('"EXCHANGE=KUCOIN;SYMBOL=CRVUSDT;SIGNAL=buy;VOLUME=1"', "CRVUSDT", LONG),
    ('"{""ticker"":""CRVUSDT"",""action"":""buy""}"', "CRVUSDT", LONG),
    ("EXCHANGE=KUCOIN;\nSYMBOL=CRVUSDT;\nSIGNAL=buy;\nVOLUME=1;", "CRVUSDT", LONG),
    ('{"type":"LONG_ENTRY","symbol":"NQ1!","tf":"5","entry":"21450.50","sl":"21420.00","tp1":"21481.00"}', "NQ", LONG),
    ('{"type":"SHORT_EXIT","symbol":"NQ1!","tf":"5"}', "NQ", CLOSES_SHORT),
    ('{"app":"NQML","v":1,"ev":"ENTRY","id":"a","sym":"MNQ1!","tf":"1","dir":"long","stop":21300.0}', "MNQ", LONG),
    ('{"app":"NQML","v":1,"ev":"EXIT","sym":"MNQ1!","dir":"short","exit_reason":"stop"}', "MNQ", CLOSES_SHORT),
    ('{"stocks":"RELIANCE","trigger_prices":"2450","action":"BUY"}', "RELIANCE", LONG),
    ('{"ticker":"SHIBUSDT","action":"buy","price":"8.97e-6"}', "SHIBUSDT", LONG),
    (N8N_FORWARD, "BTCUSDT", CLOSES_LONG),
]
# Of each: the message, the field with the error, and what the error says.
REFUSED: list[tuple[str, str, str]] = [
    ("PasswordTest\nlong BTCUSD q=0.1 sl=1000", "body", "leave a password out"),
    ("PasswordTest\nflat BTCUSD q=0.06", "body", "leave a password out"),
    ("EXIT-ALL_BINANCE_BTCUSDT_Groot_4M_c1d9bfa4", "action", "which side is closed"),
    ('{"stocks":"SEPOWER,ASTEC","trigger_prices":"3.75,541.8","scan_name":"s"}', "stocks", "lists several symbols"),
    ('{"stocks":"RELIANCE,TCS,INFY","trigger_prices":"1,2,3","action":"BUY"}', "stocks", "lists several symbols"),
    ('{"symbols":["AAPL","MSFT"],"action":"buy"}', "symbols", "lists several symbols"),
    ('{"action":"PES_SIGNAL","symbol":"BTCUSDT","type":"LONG_ENTRY"}', "action", "what to do is in type"),
    ('{"app":"NQML","v":1,"ev":"SKIP","sym":"MNQ1!","dir":"short"}', "dir", "ev speaks of"),
    ('{"action":"BUY_OPTION","symbol":"NIFTY","option_type":"CE","strike":24400}', "action", "is not known"),
    (
        "Strat (1): order sell @ 1539 filled on LINKUSDT. New strategy position is 2001",
        "action",
        "says sell and leaves the position long",
    ),
    ('{"type":"exit","pair":"ETH/USDT","direction":"Long","sub_trade":true}', "direction", "only a part is closed"),
    ('{"type":"exit","pair":"ETH/USDT","direction":"Long","is_final_exit":false}', "direction", "only a part"),
    ("6678632939770,US30,sell,vol=1", "command", "sell may close a long or open a short"),
]


@pytest.mark.parametrize(("message", "symbol", "meaning"), READ)
def test_the_message_of_a_bridge_is_read(message: str, symbol: str, meaning: tuple[str, str]) -> None:
    [signal] = understand(message.encode(), SOURCE)

    assert isinstance(signal, NewSignal), signal
    assert (signal.symbol, signal.direction.value, signal.action.value) == (symbol, *meaning)
    assert signal.raw_body == message.encode() or message.startswith("[")


@pytest.mark.parametrize(("message", "field", "text"), REFUSED)
def test_a_message_that_cannot_be_read_is_refused_with_its_cause(message: str, field: str, text: str) -> None:
    [result] = understand(message.encode(), SOURCE)

    assert isinstance(result, UnreadableAlert)
    assert text in " ".join(result.errors[field])


def test_values_of_these_messages_are_read_too() -> None:
    [code] = understand(b"ENTER-LONG_BINANCE_BTCUSDT_Groot_4M_c1d9bfa4", SOURCE)
    [entry] = understand(READ[10][0].encode(), SOURCE)
    [tiny] = understand(READ[15][0].encode(), SOURCE)

    assert isinstance(code, NewSignal)
    assert isinstance(entry, NewSignal)
    assert isinstance(tiny, NewSignal)
    assert (code.exchange, code.strategy, code.timeframe) == ("BINANCE", "Groot", None)
    assert (entry.price, entry.timeframe) == (Decimal("21450.50"), Interval.parse("5m"))
    assert tiny.price == Decimal("0.00000897")


def test_the_legs_of_a_pair_trade_are_two_signals() -> None:
    legs = [{"symbol": "ES1!", "action": "long"}, {"symbol": "NQ1!", "action": "short"}]

    results = understand(json.dumps({"spread": "ES-NQ", "legs": legs}).encode(), SOURCE)

    signals = [result for result in results if isinstance(result, NewSignal)]
    assert [(signal.symbol, signal.direction.value) for signal in signals] == [("ES", "long"), ("NQ", "short")]
