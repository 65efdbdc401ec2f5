"""Messages to paste into a TradingView alert: what every placeholder there is, written where it is read again.

Numbers stand in quotes, since a placeholder that does not apply leaves nothing or NaN in its place. The comment of an
order is left out: a quote in it would break the message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

NAME_IT = "my strategy"
_BAR = {
    "time": "{{time}}",
    "open": "{{open}}",
    "high": "{{high}}",
    "low": "{{low}}",
    "close": "{{close}}",
    "volume": "{{volume}}",
}
_COMMON: Mapping[str, Any] = {"timenow": "{{timenow}}", "interval": "{{interval}}", "bar": _BAR}


def strategy() -> str:
    """Return the message of a strategy alert, whose placeholders say what the strategy did."""
    return _written(
        {
            "strategy": NAME_IT,
            "ticker": "{{exchange}}:{{ticker}}",
            "action": "{{strategy.order.action}}",
            "market_position": "{{strategy.market_position}}",
            "prev_market_position": "{{strategy.prev_market_position}}",
            "price": "{{strategy.order.price}}",
            "order_id": "{{strategy.order.id}}",
            **_COMMON,
        }
    )


def indicator(action: str) -> str:
    """Return the message of an indicator alert, which says itself what to do: one alert for each `action`."""
    return _written({"ticker": "{{exchange}}:{{ticker}}", "action": action, "price": "{{close}}", **_COMMON})


def example(now: datetime) -> str:
    """Return a message as it would come now, of a test: it goes to the book `test` and touches no figures."""
    said = {
        "ticker": "BINANCE:BTCUSDT",
        "action": "buy",
        "price": "65000",
        "timenow": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "interval": "60",
        "is_test": True,
    }
    return json.dumps(said)


def _written(message: Mapping[str, Any]) -> str:
    return json.dumps(message, indent=2)
