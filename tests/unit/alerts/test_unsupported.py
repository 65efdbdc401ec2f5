"""Options, reports of a fill and pairs with their quote first: refused, or read as the pair that is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alerts.understand import UnreadableAlert, understand
from domain.signal import NewSignal
from tests.unit.alerts.other_formats import CLOSES_LONG, CLOSES_SHORT, LONG
from tests.unit.alerts.test_formats import SOURCE

BUY = {"ticker": "SPY", "action": "buy", "price": "500"}


def read(message: str | dict[str, Any]) -> NewSignal | UnreadableAlert:
    text = message if isinstance(message, str) else json.dumps(message)
    [result] = understand(text.encode(), SOURCE)
    return result


def read_errors(message: str | dict[str, Any]) -> str:
    result = read(message)
    assert isinstance(result, UnreadableAlert), result
    return json.dumps(dict(result.errors))


@pytest.mark.parametrize(
    "fields",
    [
        {"strike": 24400, "option": "PE"},
        {"option": {"type": "put", "strike": 5000, "expiry": "2027-03-19"}},
        {"option": {"type": "put"}},
        {"option": {"kind": "PUT"}},
        {"option": {"right": "P"}},
        {"options": {"type": "call"}},
        {"type": "put"},
        {"optionType": "P"},
        {"right": "PUT"},
        {"cp": "P"},
        {"call_put": "put"},
        {"option_side": "long put"},
        {"instrument_type": "PE"},
        {"series": "CE"},
        {"contract": "put"},
        {"segment": "OPTIDX"},
        {"asset_class": "option"},
        {"strike_price": "24400"},
        {"option_symbol": "SPY240621P00500000"},
        {"contract": "SPY240621P00500000"},
        {"local_symbol": "SPY   240621P00500000"},
        {"comment": "Buy PE"},
        {"comment": "ATM put"},
        {"message": "BUY PUT"},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("command", [{}, {"action": "exit_long"}, {"market_position": "long"}], ids=json.dumps)
def test_an_order_for_an_option_is_never_one_of_its_underlying(fields: dict[str, Any], command: dict[str, str]) -> None:
    assert "option" in read_errors(BUY | command | fields)


@pytest.mark.parametrize(
    "symbol",
    [
        "AAPL240216P00180000",
        "AAPL  240216C00180000",
        "O:SPY251219P00650000",
        "OPRA:SPY240621P500.0",
        ".AAPL240216P180",
        "AAPL_021624P180",
        "SPXW 240621P5000",
        "SPY 500P",
        "SPY PUT",
        "NIFTY24DEC24400PE",
        "NSE:NIFTY260811P24400",
        "NFO:NIFTY24D1924400PE",
        "BANKNIFTY2481451000CE",
        "NIFTY 24400 PE",
        "NIFTY-24400-PE",
        "NIFTY_PE",
        "BTC-27DEC24-60000-P",
        "BTC-USD-241227-60000-P",
        "BTC/USDT:USDT-240329-60000-P",
        "P-BTC-60000-271224",
        "SPX19MAR27P5000",
    ],
)
def test_the_symbol_of_an_option_is_refused_as_one(symbol: str) -> None:
    assert "is an option" in read_errors({"symbol": symbol, "action": "buy"})


@pytest.mark.parametrize(
    "message",
    ["BUY NIFTY 24400 PE", "buy put SPY", "long SPY put", {"action": "buy_put", "symbol": "SPY"}, "BUY NIFTY24400PE"],
)
def test_a_put_in_words_is_refused(message: str | dict[str, Any]) -> None:
    read_errors(message)


@pytest.mark.parametrize("symbol", ["PE", "NYSE:CE", "NSE:APE", "BRK-B", "1INCHUSDT", "ES09-26", "GC1!", "NAS100"])
def test_symbols_that_only_look_like_an_option_are_read(symbol: str) -> None:
    assert isinstance(read({"symbol": symbol, "action": "buy"}), NewSignal)


@pytest.mark.parametrize(
    "comment", ["Margin call", "put on a long at the low", "P/E below 12", "called it", "Call it a day"]
)
def test_words_that_only_look_like_an_option_do_not_make_one(comment: str) -> None:
    flat = {"market_position": "flat", "prev_market_position": "short"}

    signal = read(BUY | flat | {"comment": comment})

    assert isinstance(signal, NewSignal)
    assert (signal.direction.value, signal.action.value) == CLOSES_SHORT


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "entry_fill"},
        {"type": "exit_fill"},
        {"type": "buy_fill"},
        {"type": "fill"},
        {"type": "execution"},
        {"event": "fill"},
        {"event": "partial_fill"},
        {"event": "order.filled"},
        {"event": "Order Executed"},
        {"event": "trade_update"},
        {"event_type": "trade_executed"},
        {"e": "executionReport"},
        {"e": "ORDER_TRADE_UPDATE"},
        {"msg_type": "ExecutionReport"},
        {"topic": "execution"},
        {"status": "FILLED", "order_id": "7"},
        {"orderStatus": "PartiallyFilled"},
        {"data": {"event": "fill"}},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("command", [{}, {"action": "exit_long"}, {"market_position": "long"}], ids=json.dumps)
def test_a_report_of_a_fill_is_no_signal_and_is_told_so(fields: dict[str, Any], command: dict[str, str]) -> None:
    assert "reports a fill" in read_errors(BUY | command | fields)


def test_a_bots_report_of_its_entry_is_no_signal_and_its_exit_is_one() -> None:
    shared = {"trade_id": 7, "exchange": "Binance", "pair": "ETH/USDT:USDT", "direction": "Long", "amount": 1}

    assert "reports a fill" in read_errors({"type": "entry_fill", "open_rate": 3000.1} | shared)
    assert "reports a fill" in read_errors({"type": "exit_fill", "close_rate": 3000.1} | shared)
    signal = read({"type": "exit", "exit_reason": "stop_loss", "order_type": "limit"} | shared)
    assert isinstance(signal, NewSignal)
    assert (signal.symbol, signal.direction.value, signal.action.value) == ("ETHUSDT", *CLOSES_LONG)


@pytest.mark.parametrize("event", ["position_opened", "once per bar close", "market execution", "fill or kill"])
def test_events_and_order_types_that_are_no_report_are_read(event: str) -> None:
    signal = read(BUY | {"event" if event != "fill or kill" else "time_in_force": event})

    assert isinstance(signal, NewSignal)
    assert (signal.direction.value, signal.action.value) == LONG


@pytest.mark.parametrize(
    ("pair", "symbol"),
    [
        ("KRW-BTC", "BTCKRW"),
        ("UPBIT:KRW-XRP", "XRPKRW"),
        ("USDT-BTC", "BTCUSDT"),
        ("USDT_PEPE", "PEPEUSDT"),
        ("usdt_pepe", "PEPEUSDT"),
        ("USDT_1000PEPE", "1000PEPEUSDT"),
        ("USDT/SOL", "SOLUSDT"),
        ("USDC-TRUMP", "TRUMPUSDC"),
        ("INR_BTC", "BTCINR"),
        ("EUR_BTC", "BTCEUR"),
        ("BTC-XMR", "XMRBTC"),
        ("ETH_LINK", "LINKETH"),
        ("USDT_BTCUSDT", "BTCUSDT"),
        ("USDT_BTC-USDT-SWAP", "BTCUSDT"),
        ("USDT_ETH-PERP", "ETHUSDT"),
        ("BTC_BTCUSD_PERP", "BTCUSD"),
        ("USDTSOL", "SOLUSDT"),
        ("tBTCF0:USTF0", "BTCUSDT"),
        ("tSOLF0:USTF0", "SOLUSDT"),
        ("tBTCUSD", "BTCUSD"),
        ("tDUSK:USD", "DUSKUSD"),
        ("BTC-USDT", "BTCUSDT"),
        ("BTC_KRW", "BTCKRW"),
        ("ETH-BTC", "ETHBTC"),
        ("EUR-USDT", "EURUSDT"),
        ("USDT-TRY", "USDTTRY"),
        ("USDT-USD", "USDTUSD"),
        ("BTC-USDX", "BTCUSDX"),
        ("EUR/USD", "EURUSD"),
        ("USD/JPY", "USDJPY"),
        ("USDTRY", "USDTRY"),
        ("BNB-ETH", "BNBETH"),
        ("BTC-USDT-SWAP", "BTCUSDT"),
        ("BTC-PERP", "BTC"),
        ("BRK-B", "BRK-B"),
    ],
)
def test_a_pair_is_read_with_its_base_first_also_where_it_names_the_quote_first(pair: str, symbol: str) -> None:
    signal = read({"pair": pair, "action": "buy"})

    assert isinstance(signal, NewSignal)
    assert signal.symbol == symbol


@pytest.mark.parametrize("pair", ["BTC-ETH", "BTC_ETH", "KRW-USDT", "INR-USDC", "BTC:USDT", "SOL:USD"])
def test_a_pair_that_may_be_meant_in_either_order_is_refused(pair: str) -> None:
    assert "base" in read_errors({"pair": pair, "action": "buy"})
