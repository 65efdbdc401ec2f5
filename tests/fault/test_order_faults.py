"""A venue that loses answers, accepts late and goes silent (rows F32 to F37): at most one order, and none forgotten."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stack.servers import ServerUrls
from tests.fault.live_book import a_live_stack, are_settled, differences, live_signals, real_orders
from tests.support.servers.simulated_venue import SimulatedVenue, simulated_venue
from tests.support.servers.stacks import Stack, children_of
from tests.support.waiting import until

DEADLINE_S = 90.0
# What meets the requests, one fault each. After the first send's window nothing is accepted any more.
FAULTS: list[dict[str, Any]] = [
    {"fault": "lose_answer"},
    {"fault": "error_after", "status": 503},
    {"fault": "error_after", "status": 504},
    {"fault": "error_before", "status": 503},
    {"fault": "accept_late", "after_s": 1.5},
    {"fault": "accept_late", "after_s": 8},
    {"fault": "silent"},
    {"fault": "throttle"},
    {"fault": "garbage"},
    {"fault": "reject"},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A stack whose live book trades at a venue."""

    stack: Stack
    venue: SimulatedVenue
    broker: str

    def enter(self, count: int, name: str) -> list[Any]:
        """Send entry signals on their way and return their ids."""
        ids = live_signals(self.stack, self.broker, count=count, name=name)
        self.stack.enqueue(ids)
        return ids

    def wait_settled(self, ids: list[Any]) -> None:
        """Return when each signal is done and each of its real orders known to the end."""
        self.stack.wait_done(ids, deadline_s=DEADLINE_S)
        until(lambda: are_settled(self.stack, ids), deadline_s=DEADLINE_S, what="the end of every order")


@pytest.fixture(scope="module", params=["ccxt:binance", "alpaca"])
def live(
    request: pytest.FixtureRequest,
    server_urls: ServerUrls,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Live]:
    """Give a live book at a simulated venue, with a worker and beat."""
    broker, directory = str(request.param), tmp_path_factory.mktemp("orders")
    with (
        simulated_venue(tmp_path_factory.mktemp("venue")) as venue,
        a_live_stack(server_urls, template_database, directory, venue, broker=broker, redis_db=6) as stack,
    ):
        stack.processes.start_worker(concurrency=2)
        stack.processes.start_beat()
        yield Live(stack=stack, venue=venue, broker=broker)


def test_whatever_the_venue_does_each_order_is_executed_once_or_not_at_all(live: Live) -> None:
    live.venue.control(faults=[{"on": "submit", "times": 1, **one} for one in FAULTS])

    ids = live.enter(len(FAULTS) + 2, "faults")
    live.wait_settled(ids)
    live.venue.clear()

    states = [one["state"] for one in real_orders(live.stack, ids)]
    assert states.count("filled") == len(FAULTS) + 1
    assert states.count("rejected") == 1
    assert differences(live.stack, live.venue) == {}


def test_an_order_whose_worker_died_after_the_venue_took_it_is_found(live: Live) -> None:
    live.venue.fault("hold_answer")
    ids = live.enter(1, "taken")
    until(lambda: live.venue.held_answers, what="an answer that is held")

    kill_children(live.stack)
    live.venue.release()
    live.wait_settled(ids)

    assert [one["state"] for one in real_orders(live.stack, ids)] == ["filled"]
    assert differences(live.stack, live.venue) == {}


def test_an_order_whose_worker_died_before_the_venue_had_it_is_sent_again_after_its_window(live: Live) -> None:
    live.venue.fault("silent")
    ids = live.enter(1, "not taken")
    # The order is stored as being sent before its request is out: the silence must have met this one, not the next.
    until(lambda: live.venue.held_answers, what="a request that the venue is silent about")

    kill_children(live.stack)
    live.wait_settled(ids)

    (order,) = real_orders(live.stack, ids)
    way = [one["to_state"] for one in events(live.stack, order["order_id"])]
    assert way == ["intent", "submitting", "unknown", "resubmit_ok", "submitting", "filled"]
    assert differences(live.stack, live.venue) == {}


def test_while_the_venue_cannot_be_asked_an_unknown_order_stays_unknown(live: Live) -> None:
    live.venue.fault("lose_answer")
    live.venue.fault("error_before", on="look_up", times=None)
    ids = live.enter(1, "partition")
    until(lambda: looked_up(live.stack, ids) >= 2, deadline_s=DEADLINE_S, what="two look-ups in vain")

    before = [one["state"] for one in real_orders(live.stack, ids)]
    live.venue.clear()
    live.wait_settled(ids)

    assert before == ["unknown"]
    assert differences(live.stack, live.venue) == {}


def test_what_fills_in_parts_is_followed_to_the_end(live: Live) -> None:
    live.venue.fault("partial", fraction=0.25, rest_s=1.0)
    ids = live.enter(1, "partial")

    live.wait_settled(ids)

    (order,) = real_orders(live.stack, ids)
    assert order["state"] == "filled"
    assert len(live.stack.rows("SELECT FROM fills WHERE order_id = %(id)s", id=order["order_id"])) == 2
    assert differences(live.stack, live.venue) == {}


def test_afterwards_every_invariant_holds(live: Live) -> None:
    assert live.stack.asked("verify") == {"ok": True, "violations": []}


def kill_children(stack: Stack) -> None:
    for child in children_of(stack.processes.running["worker"].pid):
        os.kill(child, signal.SIGKILL)


def events(stack: Stack, order_id: Any) -> list[dict[str, Any]]:
    return stack.rows("SELECT to_state FROM order_events WHERE order_id = %(id)s ORDER BY event_id", id=order_id)


def looked_up(stack: Stack, ids: list[Any]) -> int:
    (found,) = stack.rows(
        "SELECT checks FROM orders JOIN trades USING (trade_id) JOIN experiments USING (experiment_id)"
        " WHERE signal_id = ANY(%(ids)s) AND NOT is_shadow",
        ids=ids,
    ) or [{"checks": 0}]
    return int(found["checks"])
