"""Orders a venue can never take."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.trade import Order
from tests.support.builders.trades import an_order, dec
from venues import rules
from venues.rules import VenueRules

RULES = VenueRules(
    symbol="BTCUSD", lot=dec("0.01"), tick=dec("0.1"), min_quantity=dec("0.05"), min_notional=dec(10), can_short=False
)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (an_order(quantity="0.1"), None),
        (an_order(quantity="0.10"), None),
        (an_order(quantity="0.015"), rules.LOT),
        (an_order(quantity="0.04"), rules.MIN_QUANTITY),
        (an_order(quantity="0.09", ask="100"), rules.MIN_NOTIONAL),
        (an_order(quantity="0.09", bid=None, ask=None, last="100"), rules.MIN_NOTIONAL),
        (an_order(quantity="0.09", bid=None, ask=None), None),
        (an_order(quantity="1", is_buy=False), rules.NO_SHORT),
        (an_order(quantity="1", is_buy=False, leg=1), None),
    ],
)
def test_an_order_is_refused_for_what_can_never_be(order: Order, expected: str | None) -> None:
    assert rules.find_refusal(RULES, order) == expected


def test_where_shorts_are_taken_a_short_entry_is_no_reason() -> None:
    assert rules.find_refusal(replace(RULES, can_short=True), an_order(quantity="1", is_buy=False)) is None


def test_a_short_may_have_steps_of_its_own() -> None:
    wide = replace(RULES, can_short=True, short_lot=dec(1))

    assert rules.find_refusal(wide, an_order(quantity="1.5", is_buy=False)) == rules.LOT
    assert rules.find_refusal(wide, an_order(quantity="2", is_buy=False)) is None
    assert rules.find_refusal(wide, an_order(quantity="1.5")) is None
    assert rules.find_refusal(wide, an_order(quantity="1.5", is_buy=False, leg=1)) is None


def test_what_a_venue_does_not_state_refuses_nothing() -> None:
    silent = VenueRules(symbol="X", lot=None, tick=None, min_quantity=None, min_notional=None)

    assert rules.find_refusal(silent, an_order(quantity=str(Decimal("1E-18")))) is None
