"""The alerts that benchmarks post: a strategy's message with its bar, each of them distinct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

SYMBOLS = tuple(f"BENCH{number:02d}USDT" for number in range(20))
STRATEGIES = 10
INTERVAL = "1h"
_WRITTEN_INTERVAL = "60"
_NUMBER = "00000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the alert with one number asks for: the same symbol and strategy always ask for the same side."""

    symbol: str
    strategy: str
    is_buy: bool


def order(number: int) -> Order:
    """Return what alert `number` asks for: symbols in turn, then strategies in turn, every other one short.

    No alert closes what another one opens, so that none has to wait for an earlier one.
    """
    strategy = number // len(SYMBOLS) % STRATEGIES
    return Order(symbol=SYMBOLS[number % len(SYMBOLS)], strategy=f"bench {strategy}", is_buy=strategy % 2 == 0)


def bodies(*, run: str, at: datetime) -> Iterator[bytes]:
    """Yield distinct bodies without end; `run` tells those of one run apart from another's.

    Everything but the running number is written before the first one is yielded.
    """
    templates = [_halves(number, run=run, at=at) for number in range(len(SYMBOLS) * STRATEGIES)]
    number = 0
    while True:
        for before, after in templates:
            yield b"%b%08d%b" % (before, number, after)
            number += 1


def _halves(number: int, *, run: str, at: datetime) -> tuple[bytes, bytes]:
    before, _, after = msgspec.json.encode(_message(order(number), run=run, at=at)).rpartition(_NUMBER.encode())
    return before, after


def _message(asked: Order, *, run: str, at: datetime) -> dict[str, object]:
    opened = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    return {
        "time": _written(at),
        "ticker": asked.symbol,
        "interval": _WRITTEN_INTERVAL,
        "bar": {
            "time": _written(opened),
            "open": 100.1,
            "high": 101.4,
            "low": 99.2,
            "close": 100.7,
            "volume": 1234.5,
        },
        "strategy": {
            "name": asked.strategy,
            "position_size": 1,
            "order_action": "buy" if asked.is_buy else "sell",
            "order_contracts": 1,
            "order_price": 100.7,
            "market_position": "long" if asked.is_buy else "short",
            "market_position_size": 1,
            "prev_market_position": "flat",
            "prev_market_position_size": 0,
            "order_id": f"{run}-{_NUMBER}",
        },
    }


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
