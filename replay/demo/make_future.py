"""Make the demo's bars and alerts of the E-mini S&P 500 future from upstream's file of its trades.

Usage: python -m replay.demo.make_future tick_data.csv

The file comes with the Python package mlfinpy 0.1.2 (see README.md beside this script): half a million trades of
1 to 3 September 2013, with times of the exchange in Chicago. Trades become bars of a minute. Two textbook rules watch
each trade: the first one beyond the range of the last 20 or 60 closed bars turns the position. Its alert has the price
of that trade and fires at the next full second. The same input gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from domain.context import Bar
from domain.signal import Position
from replay import alert_files
from replay.bar_files import HEADER_WITH_VOLUME
from replay.demo import FUTURE
from replay.demo.make_alerts import fill_template, format_time
from replay.demo.make_data import gzip_reproducibly

WARM_UP_BARS = 250
LENGTHS = (20, 60)
_HEADER = ["DateTime", "Price", "Volume"]
_CHICAGO = ZoneInfo("America/Chicago")
_SECOND = timedelta(seconds=1)
_EXCHANGE, _TICKER, _INTERVAL = "CME_MINI", "ES1!", "1"
_TEMPLATE = (
    '{"symbol": "{{exchange}}:{{ticker}}", "direction": "{{strategy.market_position}}", "timeframe": "{{interval}}", '
    '"time": "{{time}}", "timestamp": "{{timenow}}", "price": {{close}}, "strategy": "{{name}}"}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTrade:
    """One trade of the market."""

    at: datetime
    price: Decimal
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeBreak:
    """The trade that broke the range of the last `length` bars, in the bar that opened at `bar_open`."""

    length: int
    trade: MarketTrade
    bar_open: datetime
    after: Position


class RangeBreakout:
    """Turn to the side on which a price leaves the range of the last closed bars, within the bar."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._bars: deque[Bar] = deque(maxlen=length)
        self._position = Position.FLAT

    def add_bar(self, bar: Bar) -> None:
        """Take in a bar that has closed."""
        self._bars.append(bar)

    def turn_at(self, price: Decimal) -> Position | None:
        """Return the new position when a price turns it, else None."""
        side = self._find_side(price)
        if side is None or side is self._position:
            return None
        self._position = side
        return side

    def _find_side(self, price: Decimal) -> Position | None:
        if len(self._bars) < self.length:
            return None
        if price > max(bar.high for bar in self._bars):
            return Position.LONG
        return Position.SHORT if price < min(bar.low for bar in self._bars) else None


def read_trades(upstream: str) -> Iterator[MarketTrade]:
    """Read upstream's csv of trades.

    Raises:
        ValueError: when the header or a time is not as expected.
    """
    header, *rows = csv.reader(io.StringIO(upstream))
    if header != _HEADER:
        raise ValueError(f"the header is {header}, expected {_HEADER}")
    for moment, price, volume in rows:
        at = datetime.fromisoformat(moment).replace(tzinfo=_CHICAGO).astimezone(UTC)
        yield MarketTrade(at=at, price=Decimal(price), volume=int(volume))


def find_breaks(trades: Iterable[MarketTrade]) -> tuple[list[Bar], list[RangeBreak]]:
    """Return the bars of a minute that trades make, the last one as far as it goes, and the breaks among them."""
    rules = [RangeBreakout(length) for length in LENGTHS]
    bars, breaks, within = list[Bar](), list[RangeBreak](), list[MarketTrade]()
    for trade in trades:
        if within and _open_of(trade) != _open_of(within[0]):
            bars.append(build_bar(within))
            for rule in rules:
                rule.add_bar(bars[-1])
            within = []
        within.append(trade)
        if len(bars) >= WARM_UP_BARS:
            breaks.extend(_turn(rules, trade))
    return [*bars, build_bar(within)], breaks


def build_bar(trades: Sequence[MarketTrade]) -> Bar:
    """Build the bar of the trades of one minute, in order."""
    prices = [trade.price for trade in trades]
    return Bar(
        open_time=_open_of(trades[0]),
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=Decimal(sum(trade.volume for trade in trades)),
    )


def render_bars(bars: Sequence[Bar]) -> str:
    """Return the bars as lines of our bar format."""
    lines = (
        ",".join((format_time(bar.open_time), *map(str, (bar.open, bar.high, bar.low, bar.close, bar.volume))))
        for bar in bars
    )
    return "".join(f"{line}\n" for line in (HEADER_WITH_VOLUME, *lines))


def render_alerts(breaks: Sequence[RangeBreak]) -> str:
    """Return the alert log of the breaks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(alert_files.HEADER.split(","))
    writer.writerows(_build_row(found) for found in breaks)
    return text.getvalue()


def _open_of(trade: MarketTrade) -> datetime:
    return trade.at.replace(second=0, microsecond=0)


def _turn(rules: Sequence[RangeBreakout], trade: MarketTrade) -> Iterator[RangeBreak]:
    for rule in rules:
        after = rule.turn_at(trade.price)
        if after is not None:
            yield RangeBreak(length=rule.length, trade=trade, bar_open=_open_of(trade), after=after)


def _build_row(found: RangeBreak) -> tuple[str, ...]:
    """Build the log's row of one alert, fired at the first full second at or after its trade."""
    fired_at = format_time(_round_up(found.trade.at))
    name = f"range_{found.length}"
    message = fill_template(
        _TEMPLATE,
        {
            "exchange": _EXCHANGE,
            "ticker": _TICKER,
            "interval": _INTERVAL,
            "name": name,
            "time": format_time(found.bar_open),
            "timenow": fired_at,
            "close": str(found.trade.price),
            "strategy.market_position": found.after.value,
        },
    )
    return f"20130000{found.length}", f"{_EXCHANGE}:{_TICKER}", f"Break of {found.length} bars", message, fired_at


def _round_up(at: datetime) -> datetime:
    """Return the first full second at or after a moment."""
    return at if at.microsecond == 0 else at.replace(microsecond=0) + _SECOND


if __name__ == "__main__":
    _bars, _breaks = find_breaks(read_trades(Path(sys.argv[1]).read_text(encoding="utf-8")))
    FUTURE.bars.write_bytes(gzip_reproducibly(render_bars(_bars)))
    FUTURE.alerts.write_text(render_alerts(_breaks), encoding="utf-8", newline="")
