"""The switch is an order of strength, on < paused < flattening: a weaker act never loosens a stronger one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import policies
from db.core.session import Database
from db.queries import real_exposure
from domain.policy import ExecutionMode, Switch
from operations import policy
from operations.audit_entry import AuditContext
from operations.policy import FlattenUnfinished, NotFlattening, PolicyRequest
from tasks import flattening
from tests.support.open_positions import OpenBook, an_open_book
from tests.support.pipeline import rows
from tests.support.waiting import until

OPEN = 3
HISTORY = "SELECT set_by, mode, paused, flatten FROM policy_versions WHERE book = 'paper' ORDER BY policy_version_id"
Act = Callable[..., dict[str, Any]]


@pytest.fixture
def book(database_url: str) -> Iterator[OpenBook]:
    """Give a paper book with three open real trades."""
    made = an_open_book(database_url, count=OPEN)
    yield made
    made.database.dispose()


def act(database: Database, operation: Act, *, actor: str = "anna") -> dict[str, Any]:
    audit = AuditContext(actor=actor, reason="a test", at=datetime.now(UTC))
    with database.transaction() as session:
        return operation(session, "paper", audit=audit)


def switch_of(database: Database) -> Switch:
    with database.transaction() as session:
        return policies.load_current(session, ["paper"])["paper"].switch


def close_everything(book: OpenBook) -> None:
    with book.parts.transaction() as session:
        wanted = real_exposure.find_to_flatten(session)
    for name, ids in wanted.items():
        flattening.flatten_book(book.parts, name, ids, now=book.parts.clock.now(name))


def test_a_pause_during_a_flatten_leaves_it_going(book: OpenBook) -> None:
    flattened = act(book.database, policy.flatten)

    paused = act(book.database, policy.pause)

    assert flattened["changed"] is True
    assert (paused["changed"], paused["policy"]) == (False, flattened["policy"])
    assert paused["open"]["trades"] == OPEN
    assert switch_of(book.database) is Switch.FLAT
    with book.database.transaction() as session:
        assert set(real_exposure.find_to_flatten(session)) == {"paper"}


def test_resume_during_a_flatten_is_refused_and_says_how_many_positions_are_open(book: OpenBook) -> None:
    act(book.database, policy.flatten)

    with pytest.raises(FlattenUnfinished, match=f"{OPEN} real positions and 0 entry orders are still open"):
        act(book.database, policy.resume)

    assert switch_of(book.database) is Switch.FLAT


def test_a_flatten_is_ended_by_name_and_leaves_the_book_paused(book: OpenBook) -> None:
    act(book.database, policy.flatten)

    ended = act(book.database, policy.end_flatten)

    assert ended["open"] == {"trades": OPEN, "orders": 0}
    assert switch_of(book.database) is Switch.PAUSED
    assert act(book.database, policy.resume)["policy"]["switch"] == "on"
    entries = rows(book.database, "SELECT action, detail FROM audit_log WHERE actor = 'anna' ORDER BY entry_id")
    assert [entry["action"] for entry in entries] == ["policy.flat", "policy.flatten_ended", "policy.on"]
    assert entries[1]["detail"]["open_trades"] == OPEN


@pytest.mark.parametrize("before", [None, policy.pause])
def test_a_flatten_that_does_not_go_on_cannot_be_ended(book: OpenBook, before: Act | None) -> None:
    if before is not None:
        act(book.database, before)
    position = switch_of(book.database)

    with pytest.raises(NotFlattening, match=f"paper is not being flattened: its switch is {position.value}"):
        act(book.database, policy.end_flatten)

    assert switch_of(book.database) is position


def test_a_finished_flatten_is_a_pause(book: OpenBook) -> None:
    act(book.database, policy.flatten)
    close_everything(book)

    resumed = act(book.database, policy.resume)

    assert resumed["open"] == {"trades": 0, "orders": 0}
    assert switch_of(book.database) is Switch.ON


def test_a_new_policy_leaves_the_switch_as_it_is(book: OpenBook) -> None:
    act(book.database, policy.flatten)

    act(
        book.database,
        lambda session, name, audit: policy.set_policy(
            session, name, PolicyRequest(mode=ExecutionMode.ENGINE_B_PRIMARY), audit=audit
        ),
    )

    assert switch_of(book.database) is Switch.FLAT


def test_a_pause_keeps_the_mode_that_somebody_is_setting_at_the_same_time(book: OpenBook) -> None:
    is_set, may_commit = Event(), Event()

    def set_slowly(session: Any, name: str, audit: AuditContext) -> dict[str, Any]:
        request = PolicyRequest(mode=ExecutionMode.SHADOW_ONLY)
        document = policy.set_policy(session, name, request, audit=audit)
        is_set.set()
        may_commit.wait(10)
        return document

    with ThreadPoolExecutor(2) as pool:
        setting = pool.submit(act, book.database, set_slowly)
        assert is_set.wait(10)
        pausing = pool.submit(act, book.database, policy.pause)
        until_waiting(book.database)
        may_commit.set()
        setting.result(20)
        paused = pausing.result(20)

    assert (paused["policy"]["mode"], paused["policy"]["switch"]) == ("SHADOW_ONLY", "paused")


def until_waiting(database: Database) -> None:
    """Return when somebody waits for the lock of a policy."""
    query = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    until(lambda: bool(rows(database, query)), deadline_s=10, what="an operator who waits for the lock")


@pytest.mark.property_id(45)
@pytest.mark.parametrize("seed", range(5))
def test_two_operators_storming_the_switch_never_loosen_a_flatten(book: OpenBook, seed: int) -> None:
    """Anna pauses and flattens while Bert pauses and resumes, all at once."""
    choice = random.Random(seed)
    acts = [policy.pause, policy.flatten] * 6, [policy.pause, policy.resume] * 6

    def storm(actor: str, operations: list[Act]) -> None:
        for operation in operations:
            with suppress(FlattenUnfinished):
                act(book.database, operation, actor=actor)

    with ThreadPoolExecutor(2) as pool:
        stormed = [
            pool.submit(storm, name, choice.sample(mine, len(mine)))
            for name, mine in zip(("anna", "bert"), acts, strict=True)
        ]
        for one in stormed:
            one.result(60)

    positions = [(row["paused"], row["flatten"]) for row in rows(book.database, HISTORY)]
    assert positions[-1] == (True, True)
    first_flat = positions.index((True, True))
    assert set(positions[first_flat:]) == {(True, True)}


@given(acts=st.lists(st.sampled_from(["pause", "flatten", "set"]), max_size=8), present=st.sampled_from(Switch))
def test_safety_acts_in_any_order_leave_the_strongest_position(acts: list[str], present: Switch) -> None:
    wanted = {"pause": Switch.PAUSED, "flatten": Switch.FLAT, "set": present}
    strength = list(Switch).index

    final = present
    for name in acts:
        final = final.tighten(wanted[name])

    assert strength(final) == max(strength(position) for position in (present, *(wanted[name] for name in acts)))
