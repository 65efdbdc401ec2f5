"""The base currency of a replay, and what it warns of before it starts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.vocabulary import symbols
from domain.instruments import InstrumentTerms, derive_terms
from domain.signal import Instrument
from replay import money
from replay.money import ReplayMoney


def terms_of(*names: str) -> dict[Instrument, InstrumentTerms]:
    return {symbols.parse(name): derive_terms(symbols.parse(name)) for name in names}


def warnings(base_currency: str, *names: str) -> list[str]:
    found = terms_of(*names)
    chosen = money.build_money(found, base_currency=base_currency)
    return money.format_warnings(found, chosen, symbols=[instrument.symbol for instrument in found])


@pytest.mark.parametrize(
    ("names", "currency"),
    [
        (["FX:USDJPY"], "JPY"),
        (["EURUSD", "GBPUSD"], "USD"),
        (["BTCUSDT", "ETHUSDC", "COINBASE:SOLUSD"], "USD"),
        (["EURUSD", "USDJPY"], "USD"),
        (["XETR:SAP", "EURONEXT:AIR"], "EUR"),
        (["LSE:VOD"], "GBP"),
        (["AAPL"], "USD"),
        (["AAPL", "FX:EURJPY"], "JPY"),
    ],
)
def test_instruments_that_share_a_currency_give_it_to_the_book(names: list[str], currency: str) -> None:
    assert money.build_money(terms_of(*names), base_currency=None).base_currency == currency


def test_a_wanted_currency_comes_first() -> None:
    assert money.build_money(terms_of("USDJPY"), base_currency="EUR").base_currency == "EUR"


def test_other_terms_of_an_instrument_make_another_replay() -> None:
    instrument = symbols.parse("ES1!")
    plain, other = (
        money.build_money({instrument: InstrumentTerms(currency="USD", multiplier=Decimal(number))}, base_currency=None)
        for number in ("50", "5")
    )

    assert plain.parts != other.parts
    assert ReplayMoney().parts == ()


def test_what_cannot_be_traded_is_told_with_the_cure() -> None:
    (unknown,) = warnings("USD", "XYZ1!")
    (no_rate,) = warnings("USD", "XETR:SAP")
    (assumed,) = warnings("USD", "AAPL")

    (inverse,) = warnings("USD", "BYBIT:BTCUSD.P")

    assert "unknown_multiplier" in unknown
    assert "settled in its coin (inverse)" in inverse
    assert "orchestrator instruments set BTCUSD.P --multiplier 1" in inverse
    assert "orchestrator instruments set XYZ" in unknown
    assert "no_rate" in no_rate
    assert "EURUSD or USDEUR" in no_rate
    assert "--base-currency EUR" in no_rate
    assert assumed == "AAPL: its currency is not known; USD is taken for it"


def test_a_rate_through_a_third_currency_needs_no_warning() -> None:
    assert warnings("EUR", "OANDA:AUDJPY", "USDJPY", "EURUSD") == []
    assert len(warnings("EUR", "OANDA:AUDJPY", "USDJPY")) == 2


def test_nothing_is_told_of_what_can_be_converted() -> None:
    assert warnings("USD", "EURUSD", "USDJPY", "BTCUSDT", "XETR:SAP") == []
    assert warnings("GBP", "LSE:VOD") == []


def test_leverage_belongs_to_what_decides_a_replay_and_none_changes_nothing() -> None:
    plain = money.build_money(terms_of("EURUSD"), base_currency=None)
    five = money.build_money(terms_of("EURUSD"), base_currency=None, max_leverage=Decimal("5.0"))

    assert five.parts == (*plain.parts, "leverage=5")
    assert money.build_money(terms_of("EURUSD"), base_currency=None, max_leverage=Decimal(1)).parts == plain.parts
