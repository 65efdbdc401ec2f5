"""Placeholders that TradingView did not replace are named in the error of a refused message."""

from __future__ import annotations

import pytest

from alerts.understand import UnreadableAlert, understand
from tests.unit.alerts.test_formats import SOURCE


@pytest.mark.parametrize(
    ("message", "field", "note"),
    [
        ('{"symbol":"{{ticker}}","action":"buy"}', "symbol", "{{ticker}} in symbol"),
        ('{"symbol":"BINANCE:{{ticker}}","action":"buy"}', "symbol", "{{ticker}} in symbol"),
        (
            '{"symbol":"{{exchange}}:{{ticker}}","action":"buy"}',
            "symbol",
            "{{exchange}} in symbol, {{ticker}} in symbol",
        ),
        ('{"symbol":"A","action":"{{strategy.order.action}}"}', "direction", "{{strategy.order.action}} in action"),
        (
            '{"symbol":"A","order":{"side":"{{ strategy.order.action }}"}}',
            "direction",
            "{{strategy.order.action}} in order.side",
        ),
        ('{"symbol":"A","action":"buy","price":"x{{close}}"}', "price", "{{close}} in price"),
        ('{"symbol":"A","action":"sell","note":"{{plot_3}}"}', "action", "{{plot_3}} in note"),
        ('{"ticker":{{ticker}},"action":"buy"}', "symbol", "{{ticker}} in the text"),
        ("SYMBOL={{ticker}};SIGNAL=buy;VOLUME=1", "symbol", "{{ticker}} in SYMBOL"),
        ("buy {{ticker}} now @ 5", "body", "{{ticker}} in the text"),
        ('{"symbol":"A","side":"{{anything else}}"}', "direction", "a placeholder in side"),
    ],
)
def test_a_placeholder_is_named_with_the_place_where_it_stands(message: str, field: str, note: str) -> None:
    [result] = understand(message.encode(), SOURCE)

    assert isinstance(result, UnreadableAlert)
    assert result.errors[field][-1] == f"TradingView did not replace {note}"


def test_a_text_in_brackets_that_is_no_placeholder_of_tradingview_is_not_repeated() -> None:
    [result] = understand(b'{"symbol":"{{CANARY}}","action":"{{CANARY}}"}', SOURCE)

    assert isinstance(result, UnreadableAlert)
    assert "CANARY" not in str(result.errors)


def test_a_refused_message_without_placeholders_has_no_such_note() -> None:
    [result] = understand(b'{"symbol":"A","action":"hold"}', SOURCE)

    assert isinstance(result, UnreadableAlert)
    assert "TradingView" not in str(result.errors)
