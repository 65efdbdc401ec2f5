"""Messages about incidents: each kind in use has its own text, with its subject, its beginning and an advice."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db import canaries, database_starts, exit_incidents, order_incidents
from db.source_health import watch
from domain import incidents
from domain.incidents import Incident, IncidentEvent
from tasks import problem_watch

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
OPENING = re.compile(r"""(?:kind=|_raise_incident\(\s*parts, )"([a-z_]+)\"""")
SOURCE = "".join(file.read_text() for file in (ROOT / "tasks").glob("*.py"))
KINDS = sorted(
    {*OPENING.findall(SOURCE), *watch.KINDS, *exit_incidents.KINDS, *problem_watch.KINDS, canaries.SILENT}
    | {order_incidents.MISSING, database_starts.RESTORED}
)


def an_incident(**changes: Any) -> Incident:
    values: dict[str, Any] = {"kind": "source_silent", "subject": "desk", "detail": {}, "opened_at": NOON}
    return Incident(**values | changes)


def test_the_kinds_in_use_are_found() -> None:
    assert {"order_manual_review", "order_missing", "order_unknown", "position_mismatch", "alerts_missing"} <= set(
        KINDS
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_happened_and_what_to_do(kind: str) -> None:
    detail = {"after": "a", "before": "b", "numbers": "7"} if kind == "alerts_missing" else {"why": "because"}

    message = incidents.build_message(an_incident(kind=kind, detail=detail), IncidentEvent.OPENED)

    assert message.title == f"[desk] {kind}"
    assert re.fullmatch(r"What: .+\.\nAbout: desk \(.+\)\nSince: 2026-03-04 12:00 UTC\nTo do: .+\.", message.body)
    assert kind.replace("_", " ") not in message.body
    assert f"`{kind}`" in (ROOT / "docs" / "reliability.md").read_text()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"subject": "desk BTCUSDT waves"}, "desk"),
        ({"subject": "live:BTCUSDT"}, "live"),
        ({"subject": "0f3e", "book": "live"}, "live"),
        ({"subject": "0f3e", "book": None}, "0f3e"),
        ({"subject": "0f3e", "detail": {"source": "desk", "book": "paper"}}, "desk"),
    ],
)
def test_the_title_names_the_book_or_the_source(changes: dict[str, Any], place: str) -> None:
    assert incidents.build_message(an_incident(**changes), IncidentEvent.OPENED).title.startswith(f"[{place}] ")


@pytest.mark.parametrize(
    ("duration", "text"), [(timedelta(seconds=59), "less than a minute"), (timedelta(hours=2), "120 min")]
)
def test_the_message_about_the_end_states_the_duration(duration: timedelta, text: str) -> None:
    message = incidents.build_message(an_incident(closed_at=NOON + duration), IncidentEvent.CLOSED)

    assert message.title == "[desk] over: source_silent"
    assert message.body.endswith(f"Since: 2026-03-04 12:00 UTC, for {text}")


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ({"numbers": "7 to 9"}, "number 7 to 9 did not arrive"),
        ({"from": "long", "to": "flat"}, "no alert about the change from long to flat arrived"),
        (
            {"numbers": "7", "from": "long", "to": "flat"},
            "number 7 did not arrive and no alert about the change from long to flat arrived",
        ),
    ],
)
def test_a_missing_alert_is_reported_with_the_alerts_before_and_after_it(detail: dict[str, str], text: str) -> None:
    line = incidents.format_details("alerts_missing", {"after": "a1", "before": "b2"} | detail)

    assert line == f"{text}, between signal a1 and signal b2"


def test_an_unknown_kind_is_reported_by_its_name() -> None:
    message = incidents.build_message(an_incident(kind="engine_on_fire"), IncidentEvent.OPENED)

    assert "What: engine on fire." in message.body
    assert "incidents list" in message.body
