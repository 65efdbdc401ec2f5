"""Spellings of one instrument: what may be the same, and what never is."""

from __future__ import annotations

import pytest

from alerts.vocabulary import symbols
from domain.symbol_spelling import is_same_symbol


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("BINANCE:XRPUSDT.P", "XRPUSDT"),
        ("BTC/USDT:USDT", "BYBIT:BTCUSDT.P"),
        ("BRK.B", "BRK-B"),
        ("BRK.B", "BRK/B"),
        ("ES1!", "ESZ2026"),
        ("ESZ6", "ESH2027"),
        ("ES2!", "ES"),
        ("ES 12-26", "ES1!"),
        ("6E1!", "6EZ2026"),
        ("BTC/USDT:USDT-261225", "BTCUSDT"),
    ],
)
def test_spellings_of_one_symbol_are_the_same(first: str, second: str) -> None:
    assert is_same_symbol(symbols.parse(first), symbols.parse(second))
    assert is_same_symbol(symbols.parse(second), symbols.parse(first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("BTCUSDT", "BTCUSDC"),
        ("ES1!", "MES1!"),
        ("ES1!", "NQ1!"),
        ("BRK.A", "BRK.B"),
        ("HKEX:09988", "HKEX:01810"),
        ("KRX:005930", "KRX:000660"),
        ("US30", "US500"),
        ("ETHUSDT", "ETHBTC"),
    ],
)
def test_symbols_that_only_look_alike_are_not_the_same(first: str, second: str) -> None:
    assert not is_same_symbol(symbols.parse(first), symbols.parse(second))
