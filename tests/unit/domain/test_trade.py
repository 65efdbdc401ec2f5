"""Names of trades, orders and quotes: the same thing has one name, two things have two."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.context import PriceBasis
from domain.decision import EngineSlot
from domain.signal import Instrument, InstrumentKind
from domain.trade import Clock, Intent, client_order_id_for, experiment_id_for, order_id_for, quote_id_for, trade_id_for

OPEN = PriceBasis.OPEN

BOOKS = st.sampled_from(["live", "paper", "test", "replay:0123456789ab"])
ORDERS = st.fixed_dictionaries(
    {
        "book": BOOKS,
        "account": st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), max_size=20),
        "trade_id": st.uuids(),
        "intent": st.sampled_from(Intent),
        "clock": st.sampled_from(Clock),
        "leg": st.integers(0, 1000),
        "attempt": st.integers(1, 1000),
    }
)
EURUSD = Instrument(symbol="EURUSD", exchange="FX", kind=InstrumentKind.FOREX)
AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def key(order: dict[str, Any]) -> Hashable:
    return tuple(order.values())


@pytest.mark.property_id(37)
@given(ORDERS, ORDERS)
def test_two_orders_have_one_name_only_when_they_are_the_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (client_order_id_for(**first) == client_order_id_for(**second)) == (key(first) == key(second))


@pytest.mark.property_id(37)
@given(ORDERS)
def test_a_name_is_one_that_every_venue_takes(order: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]{0,31}", client_order_id_for(**order))


@pytest.mark.property_id(37)
def test_all_orders_of_many_trades_have_names_of_their_own() -> None:
    numbers = product(range(200), Intent, Clock, range(4), range(1, 4), ("", "main"), ("paper", "live"))

    names = Counter(
        client_order_id_for(
            book=book, account=account, trade_id=UUID(int=trade), intent=intent, clock=clock, leg=leg, attempt=attempt
        )
        for trade, intent, clock, leg, attempt, account, book in numbers
    )

    assert max(names.values()) == 1
    assert len(names) == 200 * 2 * 3 * 4 * 3 * 2 * 2


@pytest.mark.property_id(37)
@given(ORDERS, st.sampled_from(["book", "account", "trade_id", "intent", "clock", "leg", "attempt"]), st.data())
def test_a_change_of_any_one_part_changes_the_name(order: dict[str, Any], part: str, data: st.DataObject) -> None:
    changed = order | {part: data.draw(ORDERS)[part]}

    assert (client_order_id_for(**changed) != client_order_id_for(**order)) == (changed[part] != order[part])


@given(st.uuids(), st.uuids())
def test_experiments_trades_and_orders_are_named_after_what_they_belong_to(first: UUID, second: UUID) -> None:
    names = {
        trade_id_for(experiment_id_for(signal), engine=engine, is_shadow=is_shadow)
        for signal in (first, second)
        for engine in EngineSlot
        for is_shadow in (True, False)
    }

    assert len(names) == (4 if first == second else 8)
    assert experiment_id_for(first) == experiment_id_for(UUID(str(first)))
    assert (order_id_for(first, "t1") == order_id_for(second, "t1")) == (first == second)
    assert order_id_for(first, "t1") != order_id_for(first, "t2")


def test_a_quote_is_named_by_its_content_however_its_numbers_are_written() -> None:
    plain = quote_id_for("paper", EURUSD, at=AT, bid=Decimal("1.1"), ask=None, last=None, basis=OPEN)

    assert quote_id_for("paper", EURUSD, at=AT, bid=Decimal("1.1000"), ask=None, last=None, basis=OPEN) == plain
    assert quote_id_for("paper", EURUSD, at=AT, bid=None, ask=Decimal("1.1"), last=None, basis=OPEN) != plain
    assert (
        quote_id_for("paper", EURUSD, at=AT, bid=Decimal("1.1"), ask=None, last=None, basis=PriceBasis.ALERT) != plain
    )
    assert quote_id_for("test", EURUSD, at=AT, bid=Decimal("1.1"), ask=None, last=None, basis=OPEN) != plain
    assert (
        quote_id_for(
            "paper", EURUSD, at=AT + timedelta(0, 1), bid=Decimal("1.1"), ask=None, last=None, basis=PriceBasis.OPEN
        )
        != plain
    )
