"""Terms of instruments: which row serves a symbol, and what a symbol says by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from alerts.vocabulary import symbols
from db import instruments as stored
from domain.instruments import (
    InstrumentTerms,
    ListedInstrument,
    TermsOrigin,
    derive_terms,
    find_terms,
    is_future,
    list_lookup_symbols,
    merge_terms,
)
from domain.signal import Instrument, InstrumentKind


def shipped() -> list[ListedInstrument]:
    return [a_row(**row) for row in stored.read_shipped()]


def a_row(*, origin: TermsOrigin = TermsOrigin.SHIPPED, **columns: Any) -> ListedInstrument:
    return ListedInstrument(
        symbol=columns["symbol"],
        exchange=columns.get("exchange", ""),
        kind=InstrumentKind(columns["kind"]),
        terms=InstrumentTerms(
            currency=columns["currency"],
            multiplier=Decimal(columns["multiplier"]),
            calendar=columns.get("calendar"),
            tick=None if columns.get("tick") is None else Decimal(columns["tick"]),
        ),
        origin=origin,
    )


def terms_of(symbol: str, *more: ListedInstrument) -> InstrumentTerms:
    return find_terms(symbols.parse(symbol), [*shipped(), *more])


MULTIPLIERS = {
    "ES": "50",
    "NQ": "20",
    "RTY": "50",
    "YM": "5",
    "MES": "5",
    "MNQ": "2",
    "M2K": "5",
    "MYM": "0.5",
    "CL": "1000",
    "MCL": "100",
    "NG": "10000",
    "GC": "100",
    "MGC": "10",
    "SI": "5000",
    "HG": "25000",
    "ZB": "1000",
    "ZN": "1000",
    "ZF": "1000",
    "ZT": "2000",
    "ZC": "50",
    "ZS": "50",
    "ZW": "50",
    "6E": "125000",
    "6B": "62500",
    "6J": "12500000",
    "6A": "100000",
    "6C": "100000",
    "6S": "125000",
    "M6E": "12500",
    "BTC": "5",
    "MBT": "0.1",
    "ETH": "50",
    "MET": "0.1",
    "FDAX": "25",
    "FDXM": "5",
    "FESX": "10",
    "FGBL": "1000",
}


@pytest.mark.parametrize(("root", "multiplier"), MULTIPLIERS.items())
def test_a_common_future_has_the_multiplier_of_its_contract(root: str, multiplier: str) -> None:
    assert terms_of(f"{root}1!").multiplier == Decimal(multiplier)


@pytest.mark.parametrize("symbol", ["ES1!", "ES2!", "CME_MINI:ES1!", "ESZ2026", "ESZ26", "ESZ6", "ES 09-26", "CME:ES"])
def test_every_contract_of_a_root_has_the_terms_of_the_root(symbol: str) -> None:
    terms = terms_of(symbol)

    assert (terms.currency, terms.multiplier, terms.tick) == ("USD", Decimal(50), Decimal("0.25"))
    assert terms.calendar == "CMES"


@pytest.mark.parametrize("symbol", ["MCX:SI1!", "XYZ1!", "XYZH2027", "NSE:NIFTY1!", "CME:XYZ"])
def test_a_future_that_no_row_serves_has_no_multiplier(symbol: str) -> None:
    assert is_future(symbols.parse(symbol))
    assert terms_of(symbol).multiplier is None


@pytest.mark.parametrize("symbol", ["US30", "CN50", "EU50", "HK50", "SPN35", "NAS100", "AAPL", "NASDAQ:ES", "BTCUSD"])
def test_what_only_looks_like_a_contract_is_none(symbol: str) -> None:
    assert not is_future(symbols.parse(symbol))
    assert terms_of(symbol).multiplier == 1


@pytest.mark.parametrize(
    ("symbol", "base", "currency"),
    [
        ("EURUSD", "EUR", "USD"),
        ("FX:USDJPY", "USD", "JPY"),
        ("OANDA:XAUUSD", "XAU", "USD"),
        ("BINANCE:BTCUSDT", "BTC", "USDT"),
        ("BTCUSDT.P", "BTC", "USDT"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("COINBASE:BTCUSD", "BTC", "USD"),
        ("ETHBTC", "ETH", "BTC"),
        ("1000PEPEUSDT", "1000PEPE", "USDT"),
    ],
)
def test_a_pair_says_its_currency_itself(symbol: str, base: str, currency: str) -> None:
    terms = terms_of(symbol)

    assert (terms.base, terms.currency, terms.multiplier) == (base, currency, Decimal(1))


@pytest.mark.parametrize(
    ("symbol", "currency", "calendar"),
    [("NASDAQ:AAPL", "USD", "XNYS"), ("LSE:VOD", "GBX", "XLON"), ("NSE:SBIN", "INR", "XBOM"), ("AAPL", None, None)],
)
def test_a_stock_has_the_currency_of_its_exchange_and_none_without_one(
    symbol: str, currency: str | None, calendar: str | None
) -> None:
    terms = terms_of(symbol)

    assert (terms.currency, terms.calendar, terms.multiplier) == (currency, calendar, Decimal(1))


def test_an_option_has_no_multiplier_by_itself() -> None:
    assert derive_terms(Instrument(symbol="AAPL", exchange="", kind=InstrumentKind.OPTION)).multiplier is None


@pytest.mark.parametrize(
    ("symbol", "multiplier"),
    [
        ("BYBIT:BTCUSD.P", None),
        ("BINANCE:ETHUSD.P", None),
        ("BTCUSD.P", None),
        ("KRAKEN:BTCUSD.P", 1),
        ("BYBIT:BTCUSDT.P", 1),
        ("BTCUSDC.P", 1),
        ("BYBIT:BTCUSD", 1),
    ],
)
def test_a_perpetual_in_dollars_may_be_settled_in_its_coin_and_then_has_no_multiplier(
    symbol: str, multiplier: int | None
) -> None:
    assert terms_of(symbol).multiplier == multiplier


def test_a_perpetual_that_a_user_says_is_settled_in_dollars_has_its_multiplier() -> None:
    of_user = a_row(symbol="BTCUSD", kind="perp", currency="USD", multiplier="1", origin=TermsOrigin.USER)

    assert terms_of("BTCUSD.P", of_user).multiplier == 1
    assert terms_of("BYBIT:BTCUSD.P", of_user).multiplier == 1


def test_a_users_row_comes_before_a_shipped_one_and_its_contract_before_its_root() -> None:
    of_user = a_row(symbol="ES", kind="future", currency="USD", multiplier="1", origin=TermsOrigin.USER)
    of_contract = a_row(symbol="ESZ2026", kind="future", currency="USD", multiplier="2")

    assert terms_of("ES1!", of_user).multiplier == 1
    assert terms_of("ESZ2026", of_user, of_contract).multiplier == 2


def test_a_row_of_an_exchange_serves_no_other() -> None:
    indian = a_row(symbol="GOLD", kind="future", currency="INR", multiplier="100", exchange="MCX")

    assert terms_of("MCX:GOLD1!", indian).currency == "INR"
    assert terms_of("GOLD1!", indian).currency == "INR"
    assert terms_of("CME:GOLD1!", indian).multiplier is None


def test_the_roots_of_a_contract_are_looked_up_with_it() -> None:
    assert list_lookup_symbols(symbols.parse("ESZ2026")) == ("ESZ2026", "ES")
    assert list_lookup_symbols(symbols.parse("AAPL")) == ("AAPL",)


def test_every_shipped_row_is_complete_and_stands_once() -> None:
    rows = list(stored.read_shipped())
    keys = [(row["symbol"], row["exchange"], row["kind"]) for row in rows]

    assert len(keys) == len(set(keys)) > 100
    for row in rows:
        assert row["currency"]
        assert Decimal(row["multiplier"]) > 0
        assert Decimal(row["tick"]) > 0
        assert Decimal(row["lot"]) > 0


def test_what_a_venue_states_comes_first_and_the_stored_terms_complete_it() -> None:
    venue = InstrumentTerms(currency="USDC", multiplier=Decimal(1), lot=Decimal("0.1"), base="BTC")
    stored_terms = InstrumentTerms(
        currency="USD", multiplier=Decimal(5), tick=Decimal("0.5"), calendar="24/7", base="X"
    )

    merged = merge_terms(venue, stored_terms)

    assert (merged.currency, merged.base, merged.multiplier, merged.lot) == ("USDC", "BTC", Decimal(1), Decimal("0.1"))
    assert (merged.tick, merged.calendar) == (Decimal("0.5"), "24/7")
    assert merge_terms(None, stored_terms) == stored_terms
