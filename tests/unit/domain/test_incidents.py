"""Incidents in words: every kind in use has its own, and each message says what a person needs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.source_health import watch
from domain import incidents
from domain.incidents import Incident, IncidentEvent

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
OPENING = re.compile(r"""(?:kind=|_raise_incident\(parts, )"([a-z_]+)\"""")
KINDS = sorted({*OPENING.findall("".join(one.read_text() for one in (ROOT / "tasks").glob("*.py"))), *watch.KINDS})


def an_incident(**changes: Any) -> Incident:
    given: dict[str, Any] = {"kind": "source_silent", "subject": "desk", "detail": {}, "opened_at": NOON}
    return Incident(**given | changes)


def test_the_kinds_in_use_are_found() -> None:
    assert {"order_manual_review", "order_missing", "order_unknown", "position_mismatch", "alerts_missing"} <= set(
        KINDS
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_happened_and_what_to_do(kind: str) -> None:
    detail = {"after": "a", "before": "b", "numbers": "7"} if kind == "alerts_missing" else {"why": "because"}

    told = incidents.build_message(an_incident(kind=kind, detail=detail), IncidentEvent.OPENED)

    assert told.title == f"[desk] {kind}"
    assert re.fullmatch(r"What: .+\.\nAbout: desk \(.+\)\nSince: 2026-03-04 12:00 UTC\nTo do: .+\.", told.body)
    assert kind.replace("_", " ") not in told.body
    assert f"`{kind}`" in (ROOT / "docs" / "reliability.md").read_text()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"subject": "desk BTCUSDT waves"}, "desk"),
        ({"subject": "live:BTCUSDT"}, "live"),
        ({"subject": "0f3e", "book": "live"}, "live"),
        ({"subject": "0f3e", "book": None}, "0f3e"),
    ],
)
def test_the_title_names_the_book_or_the_source(changes: dict[str, Any], place: str) -> None:
    assert incidents.build_message(an_incident(**changes), IncidentEvent.OPENED).title.startswith(f"[{place}] ")


@pytest.mark.parametrize(
    ("lasted", "told"), [(timedelta(seconds=59), "less than a minute"), (timedelta(hours=2), "120 min")]
)
def test_the_end_says_how_long_it_was_so(lasted: timedelta, told: str) -> None:
    ended = incidents.build_message(an_incident(closed_at=NOON + lasted), IncidentEvent.CLOSED)

    assert ended.title == "[desk] over: source_silent"
    assert ended.body.endswith(f"Since: 2026-03-04 12:00 UTC, for {told}")


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"numbers": "7 to 9"}, "number 7 to 9 did not come"),
        ({"from": "long", "to": "flat"}, "how it went from long to flat was not told"),
        (
            {"numbers": "7", "from": "long", "to": "flat"},
            "number 7 did not come and how it went from long to flat was not told",
        ),
    ],
)
def test_what_is_missing_between_two_alerts_is_told_with_both(detail: dict[str, str], told: str) -> None:
    line = incidents.format_details("alerts_missing", {"after": "a1", "before": "b2"} | detail)

    assert line == f"{told}, between signal a1 and signal b2"


def test_an_unknown_kind_is_told_by_its_name() -> None:
    told = incidents.build_message(an_incident(kind="engine_on_fire"), IncidentEvent.OPENED)

    assert "What: engine on fire." in told.body
    assert "incidents list" in told.body
