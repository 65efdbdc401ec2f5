"""Three simple, public trading rules for the demo's alerts; each sees closed bars only, one at a time.

They are textbook rules with textbook parameters, taken as they are. They exist to give the engines something to
agree and to disagree about, and are no advice.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from domain.context import Bar
from domain.signal import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChange:
    """A change of position at the close of a bar; `indicator_value` is the number the rule would plot."""

    before: Position
    after: Position
    indicator_value: Decimal


class TradingRule(Protocol):
    """A trading rule that gets each closed bar once, oldest first."""

    def step(self, bar: Bar) -> PositionChange | None:
        """Process one closed bar; return the change of position, if any."""
        ...


class ExponentialAverage:
    """Exponential moving average, started at the first price."""

    def __init__(self, span: int) -> None:
        self._weight = Decimal(2) / (span + 1)
        self.value: Decimal | None = None

    def update(self, price: Decimal) -> Decimal:
        """Process one price and return the average."""
        self.value = price if self.value is None else self.value + self._weight * (price - self.value)
        return self.value


class AveragePair:
    """A fast and a slow average, and the bars on which one crosses the other."""

    def __init__(self, *, fast: int, slow: int) -> None:
        self._fast, self._slow = ExponentialAverage(fast), ExponentialAverage(slow)
        self.gap = Decimal(0)

    def detect_cross(self, price: Decimal) -> Position | None:
        """Process one close; return LONG when the fast average crosses above, SHORT below, None otherwise."""
        before, self.gap = self.gap, self._fast.update(price) - self._slow.update(price)
        if before <= 0 < self.gap:
            return Position.LONG
        return Position.SHORT if before >= 0 > self.gap else None


class DonchianBreakout:
    """Enter on a close beyond the 20-bar channel; leave when EMA 8 crosses EMA 21 against the position.

    A further breakout the same way adds to the position when the last entry is at least a channel's length ago.
    """

    def __init__(self, *, length: int = 20) -> None:
        self._length = length
        self._channel: deque[Bar] = deque(maxlen=length)
        self._averages = AveragePair(fast=8, slow=21)
        self._position = Position.FLAT
        self._bars_held = 0

    def step(self, bar: Bar) -> PositionChange | None:
        """Enter on a breakout, leave on the opposite cross."""
        self._bars_held += 1
        crossed = self._averages.detect_cross(bar.close)
        target = self._detect_breakout(bar) or (Position.FLAT if self._is_against(crossed) else None)
        self._channel.append(bar)
        if target is None or (target is self._position and self._bars_held < self._length):
            return None
        before, self._position, self._bars_held = self._position, target, 0
        return PositionChange(before=before, after=target, indicator_value=self._averages.gap)

    def _detect_breakout(self, bar: Bar) -> Position | None:
        """Return the direction in which a close leaves the range of the last bars; None when it stays inside."""
        if len(self._channel) < self._length:
            return None
        if bar.close > max(past.high for past in self._channel):
            return Position.LONG
        return Position.SHORT if bar.close < min(past.low for past in self._channel) else None

    def _is_against(self, crossed: Position | None) -> bool:
        """Return whether a cross of the averages is against the present position."""
        return crossed is not None and self._position not in (Position.FLAT, crossed)


class EmaCross:
    """Be long while EMA 8 is above EMA 21 and short while it is below; each cross reverses the position."""

    def __init__(self) -> None:
        self._averages = AveragePair(fast=8, slow=21)
        self._position = Position.FLAT

    def step(self, bar: Bar) -> PositionChange | None:
        """Reverse on a cross."""
        crossed = self._averages.detect_cross(bar.close)
        if crossed is None or crossed is self._position:
            return None
        before, self._position = self._position, crossed
        return PositionChange(before=before, after=crossed, indicator_value=self._averages.gap)


class RsiReversion:
    """Buy an RSI 14 below 30, sell one above 70; once per excursion, that is until RSI was back at 50.

    It names no exit: its trades run to their stops, targets and time limits, or to the opposite entry.
    """

    def __init__(self, *, length: int = 14) -> None:
        self._rsi = RelativeStrengthIndex(length)
        self._position = Position.FLAT
        self._spent: Position | None = None

    def step(self, bar: Bar) -> PositionChange | None:
        """Enter against an excursion of RSI."""
        rsi = self._rsi.update(bar.close)
        if rsi is None:
            return None
        if (self._spent is Position.LONG and rsi >= 50) or (self._spent is Position.SHORT and rsi <= 50):
            self._spent = None
        target = Position.LONG if rsi < 30 else Position.SHORT if rsi > 70 else None
        if target is None or target is self._spent:
            return None
        before, self._position, self._spent = self._position, target, target
        return PositionChange(before=before, after=target, indicator_value=rsi)


class RelativeStrengthIndex:
    """Relative strength index after Wilder (New Concepts in Technical Trading Systems, 1978), on 0..100."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._last: Decimal | None = None
        self._seen = 0
        self._gain = self._loss = Decimal(0)

    def update(self, price: Decimal) -> Decimal | None:
        """Process one price; return None until `length` changes were seen."""
        last, self._last = self._last, price
        if last is None:
            return None
        self._seen += 1
        weight = Decimal(1) / min(self._seen, self._length)
        self._gain += weight * (max(price - last, Decimal(0)) - self._gain)
        self._loss += weight * (max(last - price, Decimal(0)) - self._loss)
        moved = self._gain + self._loss
        if self._seen < self._length:
            return None
        return Decimal(50) if moved == 0 else 100 * self._gain / moved
