"""The arithmetic of an entry: stop distance, quantity, and how its numbers are written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import canonical
from trading_orchestrator import sizing
from trading_orchestrator.sizing import Entry

LONG, SHORT = 1, -1
FULL = Decimal(1)
ENTRY = Entry(
    sign=LONG,
    price=Decimal(100),
    atr=Decimal(1),
    swing=None,
    bar_length=timedelta(hours=1),
    lot=Decimal("0.001"),
    reference_capital=Decimal(100_000),
    max_notional=Decimal(1_000_000),
)


@pytest.mark.parametrize(
    ("sign", "swing", "distance"),
    [
        (LONG, "98.2", "1.8"),
        (SHORT, "101.8", "1.8"),
        (LONG, "90", "3"),
        (SHORT, "110", "3"),
        (LONG, "101", "1.5"),
        (SHORT, "99", "1.5"),
        (LONG, None, "1.5"),
    ],
)
def test_the_stop_stands_beyond_the_last_swing_within_three_atr(sign: int, swing: str | None, distance: str) -> None:
    entry = replace(ENTRY, sign=sign, swing=None if swing is None else Decimal(swing))

    found = sizing.stop_distance(entry, price=Decimal(100), atr=Decimal(1))

    assert found == Decimal(distance)


def test_the_quantity_is_capped_by_the_notional_before_its_share_is_taken() -> None:
    entry = replace(ENTRY, lot=Decimal(1), max_notional=Decimal(10_050))

    found = [
        sizing.quantity_for(entry, price=Decimal(100), distance=Decimal("0.1"), share=share)
        for share in (FULL, Decimal("0.5"))
    ]

    assert found == [100, 50]


def test_the_quantity_is_floored_to_whole_lots() -> None:
    entry = replace(ENTRY, lot=Decimal("0.2"), reference_capital=Decimal(100), max_notional=Decimal(10_000))

    assert sizing.quantity_for(entry, price=Decimal(100), distance=Decimal("0.627"), share=FULL) == Decimal("0.6")


@pytest.mark.parametrize(
    "entry", [replace(ENTRY, price=None), replace(ENTRY, atr=None), replace(ENTRY, bar_length=None)]
)
def test_without_a_price_an_atr_or_an_interval_nothing_is_sized(entry: Entry) -> None:
    entry_size = sizing.size(entry, share=FULL)

    assert (entry_size.levels, entry_size.refusal) == (None, "inputs_missing")


@pytest.mark.parametrize(
    ("value", "written"),
    [("1.234567891", "1.2345679"), ("43123.45678", "43123.457"), ("100.500", "100.5"), ("123456789", "123456790")],
)
def test_prices_are_written_in_eight_digits_without_an_exponent(value: str, written: str) -> None:
    assert str(sizing.canonical_price(Decimal(value))) == written


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_a_number_is_written_as_in_every_other_rationale(value: Decimal) -> None:
    assert sizing.decimal_text(value) == canonical.format_number(value)
