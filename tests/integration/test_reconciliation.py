"""What a look-up concludes from what a venue says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from db.submissions import DueOrder
from domain.ports import OrderReport, VenueTraits
from domain.trade import Intent, Order, OrderState
from stack.servers import ServerUrls
from tasks import order_reconciliation
from tasks.parts import Parts
from tests.support.builders.trades import a_fill, an_order
from tests.support.fakes.scripted_venue import VenueBehavior
from tests.support.in_process_pipeline import BOOK, Desk, a_desk, take_the_place_of_the_broker
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal


class PartlyFilled:
    """A venue that has half of every order and cancels the rest when asked."""

    name, account = "venue", ""
    traits = VenueTraits(finds_orders=True, settle_s=0, can_short=True)

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return every order as filled in part."""
        return [_report(one, OrderState.PARTIAL) for one in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return every order as cancelled, with what was filled before."""
        return [_report(one, OrderState.CANCELLED) for one in orders]


def _report(order: Order, state: OrderState) -> OrderReport:
    fill = replace(a_fill(Intent.ENTRY, quantity=order.quantity / 2), order_id=order.order_id)
    return OrderReport(order=order, state=state, fills=(fill,))


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


@pytest.mark.parametrize("intent", Intent)
@pytest.mark.parametrize(("checks", "state"), [(1, OrderState.PARTIAL), (3, OrderState.CANCELLED)])
def test_an_order_makes_one_move_at_a_look_up_also_when_what_is_left_of_it_is_cancelled(
    parts: Parts, checks: int, state: OrderState, intent: Intent
) -> None:
    due = DueOrder(order=replace(an_order(), intent=intent), state=OrderState.UNKNOWN, checks=checks, is_over=True)

    (report,) = order_reconciliation.query_venue(parts, PartlyFilled(), [due])  # type: ignore[arg-type]  # what is asked of it

    assert report.state is state
    assert sum(one.quantity for one in report.fills) == due.order.quantity / Decimal(2)


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give a desk whose real entry is filled and whose exit stands before its venue."""
    prepared(database_url, server_urls.redis_url).database.dispose()
    made = a_desk(database_url, server_urls.redis_url)
    add_trend(made.parts.database, book=BOOK)
    take_the_place_of_the_broker(made, monkeypatch)
    for action in ("entry", "exit"):
        run_all(made.parts, [store_signal(made.parts.database, book=BOOK, action=action)])
        if action == "entry":
            made.deliver_all()
    yield made
    made.parts.database.dispose()


def test_an_order_that_is_still_filled_in_part_has_not_moved(desk: Desk) -> None:
    with desk.trouble(lives=None, behavior=VenueBehavior.FILLS_HALF, meanwhile=lambda: None):
        desk.deliver_all()

    desk.look_up()
    desk.look_up()

    assert exit_moves(desk) == ["intent", "submitting", "partial"]


def test_an_exit_whose_rest_never_comes_is_cancelled_and_asked_for_again(desk: Desk) -> None:
    with desk.trouble(lives=None, behavior=VenueBehavior.FILLS_HALF, meanwhile=lambda: None):
        desk.deliver_all()

    desk.drain()

    assert exit_moves(desk) == [
        "intent",
        "submitting",
        "partial",
        "cancelled",
        "intent",
        "submitting",
        "filled",
    ]
    assert rows(desk.parts.database, OPEN_REALS) == []
    assert desk.wrongs() == []


OPEN_REALS = "SELECT trade_id FROM trades WHERE NOT is_shadow AND status = 'open'"


def exit_moves(desk: Desk) -> list[str]:
    query = """
        SELECT to_state FROM order_events JOIN orders USING (order_id)
        WHERE intent = 'exit' AND venue = 'scripted' ORDER BY attempt, event_id
    """
    return [one["to_state"] for one in rows(desk.parts.database, query)]
