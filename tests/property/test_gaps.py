"""Whatever is lost on the way and in whatever order the rest comes: what is missing is found, and nothing else (46)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.source_health import gaps, watch
from domain.signal import Position
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.pipeline import prepared

NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An alert as its strategy sent it: its number, and the position around it."""

    number: int
    before: Position
    after: Position


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[Sent], list[Sent]]:
    """Draw what a strategy sent, and those that came, in the order of their arrival."""
    stood = draw(st.lists(st.sampled_from(Position), min_size=3, max_size=12))
    first = draw(st.integers(0, 10**9))
    sent = [Sent(number=first + at, before=one, after=two) for at, (one, two) in enumerate(pairwise(stood))]
    lost = draw(st.sets(st.sampled_from(range(len(sent)))))
    return sent, draw(st.permutations([one for at, one in enumerate(sent) if at not in lost]))


@pytest.mark.property_id(46)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(chain=chains(), is_timed=st.booleans())
def test_exactly_what_did_not_come_is_missing(
    parts: Parts, chain: tuple[list[Sent], list[Sent]], is_timed: bool
) -> None:
    sent, arrived = chain
    came = sorted(arrived, key=lambda one: one.number)
    between = {one.number for one in sent if came and came[0].number < one.number < came[-1].number}

    with parts.transaction() as session:
        ids = store(session, arrived, first=sent[0].number, is_timed=is_timed)
        found = gaps.find(session, kind=watch.MISSING)
        session.rollback()

    told = {number for one in found for number in numbers(one.detail.get("numbers", ""))}
    if is_timed:
        assert told == between - {one.number for one in came}
        jumps = {str(ids[two.number]) for one, two in pairwise(came) if one.after is not two.before}
        assert {one.detail["before"] for one in found if "to" in one.detail} == jumps
    else:
        assert told <= between - {one.number for one in came}
        assert not any("to" in one.detail for one in found)


def store(session: Session, arrived: list[Sent], *, first: int, is_timed: bool) -> dict[int, UUID]:
    """Store alerts in this order, a second apart, some minutes ago; those that tell a time fired a minute apart."""
    ids: dict[int, UUID] = {}
    for place, one in enumerate(arrived):
        ids[one.number] = uuid4()
        came_at = NOW - timedelta(minutes=20) + timedelta(seconds=place)
        fired_at = NOW - timedelta(hours=1) + timedelta(minutes=one.number - first) if is_timed else None
        given: dict[str, Any] = {
            "id": ids[one.number],
            "hash": ids[one.number].hex,
            "at": came_at,
            "fired_at": fired_at,
            "number": one.number,
            "before": one.before.value,
            "after": one.after.value,
        }
        session.execute(_STORE, given)
    return ids


def numbers(told: str) -> Iterator[int]:
    """Read spans of numbers: 2, 4 to 6."""
    for span in told.split(", ") if told else ():
        first, _, last = span.partition(" to ")
        yield from range(int(first), int(last or first) + 1)


_STORE = text("""
    INSERT INTO signals (signal_id, book, source, strategy, symbol, exchange, instrument_kind, direction, action,
        event_at, received_at, stored_at, sequence, position_before, position_after, signal_hash, content_hash,
        occurrence, dialect, raw_body, raw_payload, is_test)
    VALUES (:id, 'paper', 'tests', '', 'BTCUSDT', '', 'spot', 'long', 'entry', :fired_at, :at, :at, :number, :before,
        :after, :hash, :hash, 0, 'test', '', '{}', false)
""")
