"""The alerts that benchmarks post: distinct messages of strategies, each with a bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

SYMBOLS = tuple(f"BENCH{number:02d}USDT" for number in range(20))
STRATEGIES = 10
INTERVAL = "1h"
_INTERVAL_IN_ALERTS = "60"
_NUMBER_PLACEHOLDER = "00000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOrder:
    """Entry that an alert requests; the same symbol and strategy always have the same side."""

    symbol: str
    strategy: str
    is_buy: bool


def build_order(number: int) -> AlertOrder:
    """Build the entry of alert `number`: symbols in turn, then strategies in turn, every other strategy short.

    No alert closes the trade of another one, so that none has to wait for an earlier one.
    """
    strategy = number // len(SYMBOLS) % STRATEGIES
    return AlertOrder(symbol=SYMBOLS[number % len(SYMBOLS)], strategy=f"bench {strategy}", is_buy=strategy % 2 == 0)


def generate_bodies(*, run: str, at: datetime) -> Iterator[bytes]:
    """Yield distinct request bodies without end; `run` makes them differ between runs.

    All text but the running number is encoded before the first body is yielded.
    """
    templates = [_encode_around_number(number, run=run, at=at) for number in range(len(SYMBOLS) * STRATEGIES)]
    number = 0
    while True:
        for before, after in templates:
            yield b"%b%08d%b" % (before, number, after)
            number += 1


def _encode_around_number(number: int, *, run: str, at: datetime) -> tuple[bytes, bytes]:
    """Encode one message; return the bytes before and after the place of its running number."""
    before, _, after = msgspec.json.encode(_build_message(build_order(number), run=run, at=at)).rpartition(
        _NUMBER_PLACEHOLDER.encode()
    )
    return before, after


def _build_message(order: AlertOrder, *, run: str, at: datetime) -> dict[str, object]:
    """Build the alert's JSON message, in the form of a TradingView strategy alert."""
    bar_open = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    return {
        "time": _format_time(at),
        "ticker": order.symbol,
        "interval": _INTERVAL_IN_ALERTS,
        "bar": {
            "time": _format_time(bar_open),
            "open": 100.1,
            "high": 101.4,
            "low": 99.2,
            "close": 100.7,
            "volume": 1234.5,
        },
        "strategy": {
            "name": order.strategy,
            "position_size": 1,
            "order_action": "buy" if order.is_buy else "sell",
            "order_contracts": 1,
            "order_price": 100.7,
            "market_position": "long" if order.is_buy else "short",
            "market_position_size": 1,
            "prev_market_position": "flat",
            "prev_market_position_size": 0,
            "order_id": f"{run}-{_NUMBER_PLACEHOLDER}",
        },
    }


def _format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
