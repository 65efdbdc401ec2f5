"""One set of numbers for both directions: written for a long trade at 100, mirrored around 100 for a short one.

Bars record the bid for long and the ask for short, the side that tests the trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain import exit_orders, exits, fills
from domain.context import Bar
from domain.exits import WalkResult
from domain.fills import DEFAULT, FillModel
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import Clock, ExitEvent, Trade
from tests.support.builders.trades import MONDAY, a_plan, a_trade, dec, minute, walk_bars

FAR = minute(10_000)
QUIET = "100 101 99 100"


@dataclass(frozen=True)
class Market:
    """One direction's view: `price` and `bar` turn what is written for long into what it is for the direction."""

    side: Direction

    def price(self, text: str) -> Decimal:
        return dec(text) if self.side is Direction.LONG else 200 - dec(text)

    def bar(self, number: int, prices: str) -> Bar:
        opened, high, low, close = (self.price(price) for price in prices.split())
        high, low = max(high, low), min(high, low)
        return Bar(open_time=minute(number), open=opened, high=high, low=low, close=close, volume=None)

    def trade(
        self,
        *,
        stop: str = "95",
        targets: Sequence[tuple[str, str]] = (),
        trailing: tuple[str, str] | None = None,
        max_hold: timedelta = timedelta(hours=8),
        entry_at: datetime = MONDAY,
    ) -> Trade:
        plan = a_plan(
            self.side,
            stop=str(self.price(stop)),
            targets=[(str(self.price(price)), fraction) for price, fraction in targets],
            trailing=None if trailing is None else (str(self.price(trailing[0])), trailing[1]),
            max_hold=max_hold,
        )
        return a_trade(plan, entry_at=entry_at, time_limit_at=entry_at + max_hold)

    def walk(self, trade: Trade, *bars: str, start: int = 0, until: datetime = FAR) -> WalkResult:
        recorded = [self.bar(start + number, prices) for number, prices in enumerate(bars)]
        return exits.walk(trade, self.recorded(recorded), model=DEFAULT, until=until)

    def recorded(self, bars: Sequence[Bar]) -> WalkBars:
        return walk_bars(bid=bars) if self.side is Direction.LONG else walk_bars(ask=bars)

    def tested(self, event: ExitEvent) -> Decimal | None:
        return event.bid if self.side is Direction.LONG else event.ask

    def fill_price(self, trade: Trade, event: ExitEvent, model: FillModel = DEFAULT) -> Decimal:
        order = exit_orders.build_exit_order(trade, event, clock=Clock.OWN, leg=1, quantity=dec(1), venue="model")
        fill = fills.fill_order_by_model(order, model=model)
        assert fill is not None
        return fill.price


def reasons(walked: WalkResult) -> list[str]:
    return [event.reason for event in walked.events]
