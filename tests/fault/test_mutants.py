"""The checker is tested: seven guards of the product, each taken out under the fault it is there for.

Without the guard the harm must come about and be reported by its name; with it, under the very same fault, nothing is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.vault import TokenVault
from operations import source_tokens
from simulator.ledger import Ledger
from stack.servers import ServerUrls
from tests.fault.mutants import faults, guards
from tests.fault.mutants.harness import SOURCE, Desk, a_desk, reported
from tests.support.servers.alert_sender import an_alert, post
from tests.support.servers.processes import ORCHESTRATOR, SECRET_KEY, free_port
from tests.support.servers.simulated_venue import simulated_venue
from tests.support.servers.stacks import Stack, a_stack, http_status
from tests.support.waiting import until

REDIS_DB = 14
EARLY_ANSWER = (sys.executable, "-m", "tests.fault.mutants.early_answer")
UNFINISHED = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
Step = Callable[[Desk, pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The product without one guard, the fault that the guard is for, and by which names the harm is reported."""

    without: Step
    fault: Step
    harm: frozenset[str]


MUTANTS = {
    "no unique keys": Mutant(
        without=guards.no_unique_keys,
        fault=faults.an_alert_comes_twice_at_once,
        harm=frozenset({"executed_twice", "verify:an_alert_is_stored_once", "verify:one_experiment"}),
    ),
    "no unique key of fills": Mutant(
        without=guards.no_key_of_fills,
        fault=faults.a_fill_is_reported_twice,
        harm=frozenset({"fills_differ", "verify:client_order_ids_are_unique"}),
    ),
    "no token check": Mutant(
        without=guards.no_token_check,
        fault=faults.a_chain_sleeps_beyond_its_lease,
        harm=frozenset({"verify:stages_are_written_by_the_owner"}),
    ),
    "resubmit at once": Mutant(
        without=guards.resubmit_at_once,
        fault=faults.an_order_arrives_late,
        harm=frozenset({"executed_twice", "fills_differ"}),
    ),
    "switch not read again": Mutant(
        without=guards.switch_not_read_again,
        fault=faults.the_switch_is_thrown_before_the_order_is_sent,
        harm=frozenset({"verify:no_entry_begins_under_the_switch"}),
    ),
    "live not read again": Mutant(
        without=guards.live_not_read_again,
        fault=faults.live_ends_before_the_order_is_sent,
        harm=frozenset({"verify:no_entry_begins_at_a_venue_unless_live"}),
    ),
    "no one-open index": Mutant(
        without=guards.no_one_open_exit,
        fault=faults.two_exits_at_once,
        harm=frozenset({"verify:closed_not_more_than_opened"}),
    ),
}
each_mutant = pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give a live book in this process, at a venue of its own."""
    with (
        simulated_venue(tmp_path) as venue,
        a_desk(database_url, server_urls.redis_url, venue, monkeypatch) as made,
    ):
        yield made


@pytest.fixture
def stack(server_urls: ServerUrls, template_database: str, tmp_path: Path) -> Iterator[Stack]:
    """Give a database whose web process can be stopped before a commit."""
    (tmp_path / "failpoints").mkdir()
    environ = {"FAILPOINTS": "1", "FAILPOINT_DIR": str(tmp_path / "failpoints")}
    with a_stack(server_urls, template_database, tmp_path, redis_db=REDIS_DB, **environ) as made:
        yield made


@each_mutant
def test_without_its_guard_the_harm_is_done_and_reported_by_its_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    mutant.without(desk, monkeypatch)

    mutant.fault(desk, monkeypatch)

    assert mutant.harm <= desk.reported()


@each_mutant
def test_with_its_guard_nothing_is_reported_under_the_same_fault(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    mutant.fault(desk, monkeypatch)

    assert desk.reported() == set()


@pytest.mark.parametrize(
    ("program", "harm"),
    [(EARLY_ANSWER, {"acknowledged_but_missing"}), ((ORCHESTRATOR,), set())],
    ids=["acknowledges before commit", "the product"],
)
def test_only_a_web_process_that_acknowledges_before_it_commits_is_reported_when_it_is_killed_in_between(
    stack: Stack, program: tuple[str, ...], harm: set[str]
) -> None:
    webhook = a_webhook(stack, program)

    acknowledged = acknowledged_by_one_killed_before_its_commit(stack, webhook)

    ledger = Ledger(events=())
    assert reported(stack.processes.database_url, stack.database, acknowledged=acknowledged, ledger=ledger) == harm


def a_webhook(stack: Stack, program: tuple[str, ...]) -> str:
    """Start a web process of a program and return the URL of a source."""
    port = str(free_port())
    stack.processes.start("web", "run", "web", "--port", port, program=program)
    with stack.database.transaction() as session:
        token = source_tokens.issue(session, TokenVault(SECRET_KEY), SOURCE)
    until(lambda: http_status(f"http://127.0.0.1:{port}/readyz") == 200, deadline_s=30, what="web is ready")
    return f"http://127.0.0.1:{port}/webhook/{token}"


def acknowledged_by_one_killed_before_its_commit(stack: Stack, webhook: str) -> set[str]:
    """Kill -9 the web process while its transaction is open; return what it had acknowledged by then."""
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / "writer.committing"
    failpoint.write_text("pause")
    answer = post(webhook, an_alert())
    until(failpoint.with_name("writer.committing.reached").exists, what="the writer before its commit")
    stack.processes.kill("web")
    until(lambda: not stack.rows(UNFINISHED), what="the end of its transaction")
    return {str(answer.signal_id)} if answer.status == 200 else set()
