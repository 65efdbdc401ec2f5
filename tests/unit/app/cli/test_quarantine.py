"""An explanation in lines: the message, its errors, and what it would be read as today."""

from __future__ import annotations

import pytest

from app.cli.quarantine import format_explanation
from operations import explain_message
from tests.support.builders.quarantine import a_quarantined_event
from tests.unit.alerts.test_formats import SOURCE
from tests.unit.operations.test_explain_message import CANARY, MESSAGES_WITH_A_SECRET


def explanation_lines(body: str) -> list[str]:
    return list(format_explanation(explain_message.document(a_quarantined_event(body), SOURCE)))


@pytest.mark.parametrize("body", MESSAGES_WITH_A_SECRET)
def test_no_line_shows_what_may_be_a_secret(body: str) -> None:
    lines = explanation_lines(body)

    assert CANARY not in "\n".join(lines)


def test_the_signal_that_the_message_would_be_read_as_today_is_shown() -> None:
    lines = explanation_lines('{"ticker":"BTCUSDT","action":"buy"}')

    [line] = [line for line in lines if "today" in line]
    assert "entry long BTCUSDT (general)" in line
    assert "signals redrive 00000000-0000-0000-0000-000000000007" in line


def test_a_message_that_would_still_be_refused_is_shown_with_the_field() -> None:
    lines = explanation_lines('{"ticker":"BTCUSDT","action":"hold"}')

    assert "would be refused today:" in lines
    assert any(line.startswith("  action: is not known") for line in lines)


def test_a_refused_message_is_shown_with_the_symbol_and_the_price_that_it_names() -> None:
    lines = explanation_lines('{"ticker":"BTCUSDT","action":"hold","price":"43000.5"}')

    assert "names BTCUSDT at 43000.5" in lines
    assert '  | {"ticker":"·······","action":"····","price":"·····.·"}' in lines


def test_a_message_without_a_symbol_is_shown_without_one() -> None:
    lines = explanation_lines('{"action":"hold","price":"43000.5"}')

    assert not [line for line in lines if line.startswith("names")]
