"""Exits that a venue refused or ended in part: what is sent again, and how much."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import exit_synchronization
from domain.exit_synchronization import Family, PlacedOrder
from domain.trade import OrderState, Trade
from tests.unit.domain.test_exit_synchronization import (
    HALF,
    PAPER,
    REST,
    A,
    a_family,
    a_model,
    a_real,
    an_exit,
    fill_orders,
    make_own_exits,
    make_real_exits,
)


def close_by_hand(family: Family, real: Trade) -> PlacedOrder:
    (placed,) = exit_synchronization.find_owed_flattening_exits(family, real, an_exit(4, reason="closed"), venue=PAPER)
    return placed


@pytest.mark.parametrize("may_retry", [True, False])
def test_a_refused_exit_that_no_engine_made_is_sent_again_after_its_pause(*, may_retry: bool) -> None:
    real = a_real()
    family = a_family(real, a_model(A))
    refused = replace(close_by_hand(family, real), state=OrderState.REJECTED, may_retry=may_retry)

    owed = exit_synchronization.find_owed_real_exits(replace(family, exits=(refused,)), venue=PAPER)

    attempts = [(placed.order.leg, placed.order.attempt, placed.order.quantity, placed.order.reason) for placed in owed]
    assert attempts == ([(1, 2, Decimal(10), "closed")] if may_retry else [])


def test_of_an_exit_that_was_cancelled_after_a_part_filled_only_the_rest_is_sent_again() -> None:
    real = a_real()
    family = a_family(real, a_model(A))
    placed = close_by_hand(family, real)
    part = replace(fill_orders(family, [placed.order]).fills[-1], quantity=Decimal(4))
    cancelled = replace(placed, state=OrderState.CANCELLED, may_retry=True)
    family = replace(family, exits=(cancelled,), fills=(*family.fills, part))

    (again,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)

    assert (again.order.leg, again.order.attempt, again.order.quantity) == (1, 2, Decimal(6))
    assert again.state is OrderState.INTENT


def test_a_trade_of_which_all_is_closed_owes_no_flattening() -> None:
    real = a_real()
    family = a_family(real, a_model(A))
    family = fill_orders(family, [close_by_hand(family, real).order])

    assert exit_synchronization.find_owed_flattening_exits(family, real, an_exit(5), venue=PAPER) == []


def test_two_real_exits_that_are_copied_at_once_close_a_model_trade_once() -> None:
    real, mine = a_real(), a_model(A)
    family = make_real_exits(make_real_exits(make_own_exits(a_family(real, mine), mine, HALF, REST)))

    orders = exit_synchronization.find_owed_synchronized_exits(family)

    assert [(order.leg, order.quantity) for order in orders] == [(1, Decimal(5)), (2, Decimal(5))]
