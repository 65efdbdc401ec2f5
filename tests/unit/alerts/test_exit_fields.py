"""An exit is never refused for a field that it does not need; an entry is."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from alerts.understand import UnreadableAlert, understand
from domain.signal import Flag, NewSignal
from tests.unit.alerts.other_formats import CLOSES_LONG
from tests.unit.alerts.test_formats import SOURCE

UNREADABLE: list[tuple[dict[str, Any], Flag]] = [
    ({"price": "-37.63"}, Flag.PRICE_UNREADABLE),
    ({"price": -1}, Flag.PRICE_UNREADABLE),
    ({"price": "n.v."}, Flag.PRICE_UNREADABLE),
    ({"price": "1e400"}, Flag.PRICE_UNREADABLE),
    ({"triggered_at": "2:34 pm"}, Flag.TIME_UNREADABLE),
    ({"time": "29.11.2026"}, Flag.TIME_UNREADABLE),
    ({"timenow": "yesterday"}, Flag.TIME_UNREADABLE),
    ({"interval": "fast"}, Flag.TIMEFRAME_UNREADABLE),
    ({"confidence": 500}, Flag.CONFIDENCE_UNREADABLE),
]
EXITS: list[dict[str, Any]] = [
    {"ticker": "CL1!", "action": "exit", "direction": "long"},
    {"ticker": "CL1!", "action": "sell", "market_position": "flat", "prev_market_position": "long"},
    {"ticker": "CL1!", "action": "sell", "comment": "EOD Close"},
]


def read(payload: dict[str, Any]) -> NewSignal | UnreadableAlert:
    [result] = understand(json.dumps(payload).encode(), SOURCE)
    return result


@pytest.mark.parametrize("exit_alert", EXITS, ids=json.dumps)
@pytest.mark.parametrize(("fields", "flag"), UNREADABLE, ids=[str(case[0]) for case in UNREADABLE])
def test_an_exit_leaves_out_what_it_does_not_need_and_says_so(
    exit_alert: dict[str, Any], fields: dict[str, Any], flag: Flag
) -> None:
    signal = read(exit_alert | fields)

    assert isinstance(signal, NewSignal), signal
    assert (signal.symbol, signal.direction.value, signal.action.value) == ("CL", *CLOSES_LONG)
    assert signal.flags == (flag,)
    assert (signal.price, signal.timestamp, signal.event_at) == (None, None, None)
    assert (signal.timeframe, signal.confidence) == (None, None)


def test_an_exit_that_has_everything_wrong_names_each_kind_once() -> None:
    signal = read(EXITS[0] | {"time": "noon", "timenow": "noon", "price": "?", "tf": "?", "confidence": "?"})

    assert isinstance(signal, NewSignal)
    assert set(signal.flags) == {flag for _, flag in UNREADABLE}
    assert len(signal.flags) == 4


@pytest.mark.parametrize("fields", [case[0] for case in UNREADABLE], ids=str)
def test_the_same_field_is_an_error_of_an_entry(fields: dict[str, Any]) -> None:
    result = read({"ticker": "CL1!", "action": "buy"} | fields)

    assert isinstance(result, UnreadableAlert)
    assert list(result.errors) == list(fields)


def test_an_alert_without_bad_fields_has_no_flags() -> None:
    for order in (EXITS[0], {"ticker": "CL1!", "action": "buy", "price": "60"}):
        signal = read(order)
        assert isinstance(signal, NewSignal)
        assert signal.flags == ()


def test_an_exit_with_the_price_of_its_entry_beside_has_its_own_price() -> None:
    exit_alert = {"ev": "EXIT", "sym": "MNQ1!", "dir": "long", "sig_px": 21500.25}

    with_price, without_price = read(exit_alert | {"exit_px": "21600"}), read(exit_alert)

    assert isinstance(with_price, NewSignal)
    assert isinstance(without_price, NewSignal)
    assert (with_price.price, without_price.price) == (Decimal(21600), None)


def test_a_refused_alert_tells_the_symbol_and_the_price_that_it_names() -> None:
    hold = read({"ticker": "BINANCE:BTCUSDT", "action": "hold", "price": "43000"})
    nothing = read({"ticker": "?", "action": "hold", "price": "?"})

    assert isinstance(hold, UnreadableAlert)
    assert isinstance(nothing, UnreadableAlert)
    assert (hold.symbol, hold.price) == ("BTCUSDT", Decimal(43000))
    assert (nothing.symbol, nothing.price) == (None, None)
