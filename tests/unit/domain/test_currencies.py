"""Currency codes and the pairs that are made of them."""

from __future__ import annotations

import pytest

from domain import currencies


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("EURUSD", ("EUR", "USD")),
        ("BTCUSDT", ("BTC", "USDT")),
        ("BTCBUSD", ("BTC", "BUSD")),
        ("SOLEUR", ("SOL", "EUR")),
        ("USD", None),
        ("AAPL", None),
        ("BTCUSDT-260327", None),
    ],
)
def test_a_pair_is_split_at_its_longest_quote(symbol: str, pair: tuple[str, str] | None) -> None:
    assert currencies.split_pair(symbol) == pair


@pytest.mark.parametrize(("code", "currency"), [("USDT", "USD"), ("USDC", "USD"), ("EURC", "EUR"), ("BTC", "BTC")])
def test_a_stable_coin_stands_for_its_currency(code: str, currency: str) -> None:
    assert currencies.resolve_peg(code) == currency


def test_a_currency_is_spelled_by_itself_first_and_then_by_its_coins() -> None:
    assert currencies.list_spellings("USD")[:2] == ("USD", "USDT")
    assert currencies.list_spellings("JPY") == ("JPY",)
