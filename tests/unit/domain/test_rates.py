"""Pairs that give a rate between two currencies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain import rates


@pytest.mark.parametrize(
    ("currency", "base", "first", "inverse"),
    [("EUR", "USD", "EURUSD", "USDEUR"), ("JPY", "USD", "JPYUSD", "USDJPY"), ("BTC", "USD", "BTCUSD", "USDBTC")],
)
def test_the_plainest_pairs_come_first(currency: str, base: str, first: str, inverse: str) -> None:
    pairs = rates.list_rate_pairs(currency, base)

    assert [(pair.symbol, pair.is_inverse) for pair in pairs[:2]] == [(first, False), (inverse, True)]


def test_a_coin_may_give_the_rate_of_what_it_stands_for() -> None:
    assert "BTCUSDT" in {pair.symbol for pair in rates.list_rate_pairs("BTC", "USD")}
    assert "EURUSD" in {pair.symbol for pair in rates.list_rate_pairs("EURC", "USD")}


def test_a_coin_in_its_own_currency_is_priced_by_its_own_pair_alone() -> None:
    assert [pair.symbol for pair in rates.list_rate_pairs("USDT", "USD")] == ["USDTUSD", "USDUSDT"]
    assert rates.is_pegged("USDT", "USD")


def test_a_third_currency_is_neither_of_the_two_nor_stands_for_one() -> None:
    assert rates.list_intermediates("JPY", "EUR") == ("USD", "GBP", "BTC")
    assert "USD" not in rates.list_intermediates("USDT", "EUR")


def test_a_rate_is_the_price_or_its_inverse() -> None:
    plain, inverse = rates.list_rate_pairs("JPY", "USD")[:2]

    assert plain.compute_rate(Decimal("0.007")) == Decimal("0.007")
    assert inverse.compute_rate(Decimal(125)) == Decimal("0.008")


def test_pence_are_hundredths_of_a_pound() -> None:
    assert rates.split_minor_unit("GBX") == ("GBP", Decimal("0.01"))
    assert rates.split_minor_unit("EUR") == ("EUR", Decimal(1))
