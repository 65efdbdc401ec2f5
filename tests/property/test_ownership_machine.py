"""Any interleaving of work, deaths, losses, sweeps, reruns and the switch trades a leg once and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from domain.policy import Switch
from domain.signal import Stage
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.fault.mutants import guards
from tests.support.fakes.scripted_venue import VenueBehavior
from tests.support.in_process_pipeline import BOOK, Desk, a_desk, take_the_place_of_the_broker
from tests.support.pipeline import add_trend, prepared

Desks = Callable[[], AbstractContextManager[Desk]]
ALERTS = 4
lives = st.one_of(st.none(), st.none(), st.integers(0, 9))
rarely = st.sampled_from([False, False, False, True])
behaviors = st.sampled_from([*VenueBehavior, VenueBehavior.DELAYS_ORDER, VenueBehavior.LOSES_ANSWER])
often = ["taken over and died", "looked up"]
meanwhiles = st.sampled_from([*often, *often, "taken over", "paused", "windows end", "sent again"])
starts = st.sampled_from([Stage.RECEIVED, Stage.RECEIVED, Stage.POLICY_RESOLVED, Stage.OUTCOME_RECORDED])


class Machine(RuleBasedStateMachine):
    """One desk, one venue, and everything that may go wrong between them, in any order.

    The rules are few, so that each is likely: what a rule stands for is drawn with what happens in it.
    """

    def __init__(self, desks: Desks) -> None:
        super().__init__()
        self.resources = ExitStack()
        self.desk = self.resources.enter_context(desks())

    @initialize(reached=starts)
    def an_alert_came(self, reached: Stage) -> None:
        """Begin with one alert, somewhere on its way."""
        self.an_alert_comes("entry", reached)

    @precondition(lambda self: len(self.desk.ids) < ALERTS)
    @rule(action=st.sampled_from(["entry", "exit"]), reached=starts)
    def an_alert_comes(self, action: str, reached: Stage) -> None:
        """Store an alert and take it, undisturbed, as far as a stage."""
        self.desk.store(is_sent=True, action=action)
        for _ in range(reached):
            if self.desk.messages:
                self.desk.work(self.desk.messages.pop())

    @precondition(lambda self: self.desk.messages)
    @rule(stages=st.integers(1, 5), is_lost=rarely, dies_after=lives, meanwhile=meanwhiles)
    def a_worker_takes_a_message(self, stages: int, is_lost: bool, dies_after: int | None, meanwhile: str) -> None:
        """Work off some stages of the newest message, with trouble on the way; or lose it."""
        for left in range(stages, 0, -1):
            if self.desk.messages:
                message, life = self.desk.messages.pop(), dies_after if left == 1 else None
                with self.desk.trouble(
                    lives=life, behavior=VenueBehavior.FILLS, meanwhile=lambda: self.happens(meanwhile)
                ):
                    if not is_lost:
                        self.desk.work(message)

    @precondition(lambda self: self.desk.orders)
    @rule(behavior=behaviors, dies_after=lives, meanwhile=meanwhiles)
    def a_worker_takes_an_order(self, behavior: VenueBehavior, dies_after: int | None, meanwhile: str) -> None:
        """Send an order, with trouble on the way."""
        with self.desk.trouble(lives=dies_after, behavior=behavior, meanwhile=lambda: self.happens(meanwhile)):
            self.desk.deliver(self.desk.orders.pop())

    @precondition(lambda self: self.desk.old_orders)
    @rule(is_silent=rarely, has_ended=st.booleans(), dies_after=lives, behavior=behaviors)
    def orders_are_looked_up(
        self, is_silent: bool, has_ended: bool, dies_after: int | None, behavior: VenueBehavior
    ) -> None:
        """Look the orders up, before or after their windows ended, and send what follows."""
        if has_ended:
            self.desk.end_windows()
        self.desk.venue.is_silent = is_silent
        with self.desk.trouble(lives=dies_after, behavior=VenueBehavior.FILLS, meanwhile=lambda: None):
            self.desk.look_up()
        self.desk.venue.is_silent = False
        with self.desk.trouble(lives=None, behavior=behavior, meanwhile=lambda: None):
            self.desk.deliver_all()

    @rule(dies_after=lives, which=st.integers(0, 50), behavior=behaviors)
    def time_passes_and_what_was_sent_comes_again(
        self, dies_after: int | None, which: int, behavior: VenueBehavior
    ) -> None:
        """Let leases run out and the sweep run; then some old message and order come once more."""
        self.desk.pass_time()
        with self.desk.trouble(lives=dies_after, behavior=behavior, meanwhile=lambda: None):
            self.desk.sweep()
            if self.desk.old_messages:
                self.desk.work(self.desk.old_messages[which % len(self.desk.old_messages)])
            if self.desk.old_orders:
                self.desk.deliver(self.desk.old_orders[which % len(self.desk.old_orders)])

    @precondition(lambda self: self.desk.orders or self.desk.messages)
    @rule(
        switch=st.sampled_from([Switch.ON, *Switch]), is_away=rarely, behavior=behaviors, which=st.integers(0, ALERTS)
    )
    def an_operator_sets_the_switches_and_reruns(
        self, switch: Switch, is_away: bool, behavior: VenueBehavior, which: int
    ) -> None:
        """Set the switch, leave the venue or come back, flatten what the switch wants flat, and rerun a signal."""
        self.desk.throw(switch)
        self.desk.be_live(is_on=not is_away)
        with self.desk.trouble(lives=None, behavior=behavior, meanwhile=lambda: None):
            self.desk.flatten()
        self.desk.rerun(self.desk.ids[which % len(self.desk.ids)])

    @invariant()
    def no_leg_is_traded_twice(self) -> None:
        """Look at what the venue traded."""
        assert self.desk.venue.overtraded() == []

    def teardown(self) -> None:
        """Let everything go well, and look at what is left."""
        with self.resources:
            self.desk.drain()
            assert self.desk.venue.overtraded() == []
            assert self.desk.wrongs() == []

    def happens(self, what: str) -> None:
        """Let something happen while a worker waits for an engine or for the venue."""
        desk = self.desk
        if what in ("taken over", "taken over and died"):
            desk.pass_time()
            desk.sweep()
            if desk.messages:
                desk.parts.life.left = None if what == "taken over" else 2
                desk.work(desk.messages.pop())
                desk.parts.life.left = None
        elif what == "paused":
            desk.throw(Switch.PAUSED)
        elif what == "looked up":
            desk.look_up()
            desk.deliver_all()
        elif what == "windows end":
            desk.end_windows()
            desk.look_up()
        elif what == "sent again" and desk.old_orders:
            desk.deliver(desk.old_orders[-1])


EXAMPLES = settings(
    max_examples=100, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
UNTIL_CAUGHT = settings(EXAMPLES, max_examples=200, derandomize=True, database=None, phases=[Phase.generate])
MUTANTS = {
    "no token check": guards.no_token_check,
    "resubmit at once": guards.resubmit_at_once,
    "switch not read again": guards.switch_not_read_again,
    "live not read again": guards.live_not_read_again,
    "sent again while it is being sent": guards.sent_again_blindly,
}


@pytest.mark.property_id(36)
def test_any_interleaving_trades_each_leg_once_at_most_and_loses_nothing(desks: Desks) -> None:
    run_at(desks, EXAMPLES)


@pytest.mark.property_id(36)
@pytest.mark.parametrize("without", MUTANTS.values(), ids=list(MUTANTS))
def test_some_interleaving_does_harm_where_a_guard_is_missing(
    desks: Desks, monkeypatch: pytest.MonkeyPatch, without: Callable[[object, pytest.MonkeyPatch], None]
) -> None:
    without(None, monkeypatch)

    with pytest.raises(AssertionError):
        run_at(desks, UNTIL_CAUGHT)


def run_at(desks: Desks, chosen: settings) -> None:
    """Run the machine, each example at a desk of its own."""

    class AtThese(Machine):
        def __init__(self) -> None:
            super().__init__(desks)

    run_state_machine_as_test(AtThese, settings=chosen)


@pytest.fixture(scope="module")
def prepared_database(server_urls: ServerUrls, template_database: str) -> Iterator[str]:
    """Give the name of a database with books, policies and a market, to be copied."""
    with a_copy(server_urls, template_database) as name:
        parts = prepared(with_database(server_urls.database_url, name), server_urls.redis_url)
        add_trend(parts.database, book=BOOK)
        parts.database.dispose()
        yield name


@pytest.fixture
def desks(server_urls: ServerUrls, prepared_database: str, monkeypatch: pytest.MonkeyPatch) -> Desks:
    """Give a maker of desks, each on a database of its own."""

    @contextmanager
    def one() -> Iterator[Desk]:
        with a_copy(server_urls, prepared_database) as name:
            desk = a_desk(with_database(server_urls.database_url, name), server_urls.redis_url)
            take_the_place_of_the_broker(desk, monkeypatch)
            try:
                with capture_logs():
                    yield desk
            finally:
                desk.parts.database.dispose()

    return one
