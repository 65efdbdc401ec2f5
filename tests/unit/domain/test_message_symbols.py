"""Which symbols a message that could not be read may mean."""

from __future__ import annotations

import pytest

from domain.message_symbols import may_mean


@pytest.mark.parametrize(
    ("text", "symbol", "unreadable"),
    [
        ("garbage", "BTCUSDT", ("body",)),
        ('{"action": "exit"}', "BTCUSDT", ("symbol",)),
        ('{"ticker": "BTC/USDT", "price": "x"}', "BTCUSDT", ("price",)),
        ('{"ticker": "CL1!", "price": "-37.63"}', "CL", ("price",)),
        ('{"ticker": "ESZ2026"}', "ES", ("action",)),
        ('{"ticker": "nasdaq:f"}', "F", ("action",)),
        ('{"ticker": "US 100"}', "NDX", ("action",)),
    ],
)
def test_a_message_may_mean_the_symbol(text: str, symbol: str, unreadable: tuple[str, ...]) -> None:
    assert may_mean(text, symbol, unreadable=unreadable, mapped={"US 100": "NASDAQ:NDX"})


@pytest.mark.parametrize(
    ("text", "symbol"), [('{"ticker": "ETHUSDT"}', "BTCUSDT"), ('{"ticker": "MES1!", "desk": "trades"}', "ES")]
)
def test_a_message_about_another_symbol_does_not(text: str, symbol: str) -> None:
    assert not may_mean(text, symbol, unreadable=("action",), mapped={"US 100": "NASDAQ:NDX"})
