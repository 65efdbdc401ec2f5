"""Messages to paste into a TradingView alert, with TradingView's placeholders in the fields that we read.

Numbers stand in quotes, since TradingView replaces a placeholder without a value by nothing or by NaN. The comment of
an order is left out, since a quote in it would break the message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

STRATEGY_NAME = "my strategy"
_BAR = {
    "time": "{{time}}",
    "open": "{{open}}",
    "high": "{{high}}",
    "low": "{{low}}",
    "close": "{{close}}",
    "volume": "{{volume}}",
}
_COMMON: Mapping[str, Any] = {"timenow": "{{timenow}}", "interval": "{{interval}}", "bar": _BAR}


def strategy_message() -> str:
    """Return the message for alerts of a strategy, whose placeholders carry its order and positions."""
    return _format_message(
        {
            "strategy": STRATEGY_NAME,
            "ticker": "{{exchange}}:{{ticker}}",
            "action": "{{strategy.order.action}}",
            "market_position": "{{strategy.market_position}}",
            "prev_market_position": "{{strategy.prev_market_position}}",
            "price": "{{strategy.order.price}}",
            "order_id": "{{strategy.order.id}}",
            **_COMMON,
        }
    )


def indicator_message(action: str) -> str:
    """Return the message for an alert of an indicator; each `action` needs an alert of its own."""
    return _format_message({"ticker": "{{exchange}}:{{ticker}}", "action": action, "price": "{{close}}", **_COMMON})


def bar_message() -> str:
    """Return the message for an alert of its own that fires once per bar close and carries only the bar."""
    return _format_message(
        {
            "feed": "bars",
            "ticker": "{{exchange}}:{{ticker}}",
            "interval": "{{interval}}",
            **_BAR,
            "timenow": "{{timenow}}",
        }
    )


def example_message(now: datetime) -> str:
    """Return a test message as TradingView would send it at `now`; its signal goes to the book `test`."""
    message = {
        "ticker": "BINANCE:BTCUSDT",
        "action": "buy",
        "price": "65000",
        "timenow": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "interval": "60",
        "is_test": True,
    }
    return json.dumps(message)


def _format_message(message: Mapping[str, Any]) -> str:
    return json.dumps(message, indent=2)
