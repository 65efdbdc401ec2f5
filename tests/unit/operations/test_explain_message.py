"""What a message in quarantine is shown as: its form and the words we know, and nothing that might be a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from db.webhook_events import QuarantinedEvent
from operations import explain_message
from tests.unit.alerts.test_formats import SOURCE

CANARY = "CANARY4711"


def kept(body: str) -> QuarantinedEvent:
    return QuarantinedEvent(
        event_id=UUID(int=7),
        source="desk",
        book="paper",
        received_at=datetime(2026, 3, 4, tzinfo=UTC),
        raw_body=body.encode(),
        errors={"action": ["is not known"]},
        redriven_at=None,
        redriven_signal_id=None,
    )


@pytest.mark.parametrize(
    "body",
    [
        f'{{"passphrase":"{CANARY}","ticker":"BTCUSDT","action":"hold"}}',
        f"{CANARY},buylimit,EURUSD",
        f"{CANARY}|waves|hold|BTCUSDT",
        f"buy {CANARY} now or never",
        f'{{"{CANARY}":1,"action":"hold"}}',
    ],
)
def test_nothing_is_shown_of_what_may_be_a_secret(body: str) -> None:
    told = explain_message.document(kept(body), SOURCE)

    assert CANARY not in str(told)
    assert CANARY not in "\n".join(explain_message.tell(told))


def test_the_form_and_the_words_that_are_known_are_shown() -> None:
    told = explain_message.document(kept('{"ticker": "BTCUSDT", "action": "buy", "comment": "a "quote""'), SOURCE)

    assert told["body"] == '{"ticker": "·······", "action": "buy", "comment": "· "·····""'


def test_what_it_would_be_read_as_today_is_told() -> None:
    told = explain_message.document(kept('{"ticker":"BTCUSDT","action":"buy"}'), SOURCE)

    [line] = [one for one in explain_message.tell(told) if "today" in one]
    assert "entry long BTCUSDT (general)" in line
    assert "signals redrive 00000000-0000-0000-0000-000000000007" in line


def test_what_would_still_be_refused_is_told_by_its_field() -> None:
    told = explain_message.document(kept('{"ticker":"BTCUSDT","action":"hold"}'), SOURCE)

    lines = list(explain_message.tell(told))
    assert "would be refused today:" in lines
    assert any(line.startswith("  action: is not known") for line in lines)
