"""What a look-up concludes from what a venue says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from app.local.stack import ServerUrls
from db.submissions import Due
from domain.ports import Report, VenueTraits
from domain.trade import Intent, Order, OrderState
from tasks import reconciliation
from tasks.parts import Parts
from tests.pipeline_support import prepared
from tests.trade_builders import a_fill, an_order


class PartlyFilled:
    """A venue that has half of every order and cancels the rest when asked."""

    name, account = "venue", ""
    traits = VenueTraits(finds_orders=True, settle_s=0, can_short=True)

    def find(self, orders: Sequence[Order]) -> list[Report | None]:
        """Return every order as filled in part."""
        return [_report(one, OrderState.PARTIAL) for one in orders]

    def cancel(self, orders: Sequence[Order]) -> list[Report | None]:
        """Return every order as cancelled, with what was filled before."""
        return [_report(one, OrderState.CANCELLED) for one in orders]


def _report(order: Order, state: OrderState) -> Report:
    fill = replace(a_fill(Intent.ENTRY, quantity=order.quantity / 2), order_id=order.order_id)
    return Report(order=order, state=state, fills=(fill,))


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


@pytest.mark.parametrize(("checks", "state"), [(1, OrderState.PARTIAL), (3, OrderState.CANCELLED)])
def test_an_order_makes_one_move_at_a_look_up_also_when_what_is_left_of_it_is_cancelled(
    parts: Parts, checks: int, state: OrderState
) -> None:
    due = Due(order=an_order(), state=OrderState.UNKNOWN, checks=checks, is_over=True)

    (report,) = reconciliation.learned(parts, PartlyFilled(), [due])  # type: ignore[arg-type]  # what is asked of it

    assert report.state is state
    assert sum(one.quantity for one in report.fills) == due.order.quantity / Decimal(2)
