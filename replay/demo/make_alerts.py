"""Write the demo's alerts on EURUSD: the messages that three public strategies would have sent from TradingView.

Usage: python -m replay.demo.make_alerts

The alerts are made, the market under them is real. Each strategy sees closed bars only; an alert fires when its bar
has closed, that is at the open of the next bar there is. The messages are TradingView templates with placeholders,
one form per strategy, filled in as TradingView fills them. The parameters are the usual ones; they were chosen
without a look at any result, only so that there are enough alerts of each kind. The same bars give the same bytes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from domain.context import Bar
from domain.signal import Position
from replay import alert_files, bar_files
from replay.demo import CURRENCY
from replay.demo.strategies import DonchianBreakout, EmaCross, PositionChange, RsiReversion, TradingRule

WARM_UP_BARS = 400  # a context shows 250 hourly bars and 100 four-hourly ones
_EXCHANGE, _TICKER, _INTERVAL = "FX", "EURUSD", "60"
_PLACEHOLDER = re.compile(r"{{([a-z0-9_.]+)}}")

_TRADERSPOST = (
    '{"ticker": "{{ticker}}", "action": "{{strategy.order.action}}", "sentiment": "{{strategy.market_position}}", '
    '"price": "{{close}}", "time": "{{timenow}}", "interval": "{{interval}}", "strategy": "donchian_20", '
    '"bar_time": "{{time}}"}'
)
_HACKINGTHEMARKETS = (
    '{"time": "{{timenow}}", "exchange": "{{exchange}}", "ticker": "{{ticker}}", "interval": "{{interval}}", '
    '"strategy_name": "ema_8_21", "bar": {"time": "{{time}}", "open": {{open}}, "high": {{high}}, "low": {{low}}, '
    '"close": {{close}}, "volume": {{volume}}}, "strategy": {"order_action": "{{strategy.order.action}}", '
    '"order_price": {{close}}, "order_id": "{{strategy.order.id}}", '
    '"market_position": "{{strategy.market_position}}", '
    '"prev_market_position": "{{strategy.prev_market_position}}"}}'
)
_DUAL_ENGINE = (
    '{"symbol": "{{exchange}}:{{ticker}}", "direction": "{{strategy.market_position}}", "timeframe": "{{interval}}", '
    '"time": "{{time}}", "timestamp": "{{timenow}}", "price": {{close}}, "strategy": "rsi_14_reversion", '
    '"indicators": {"rsi": {{plot_0}}}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStrategy:
    """One TradingView alert: its number and name in the log, its rule, and the template of its message."""

    alert_id: str
    name: str
    rule: Callable[[], TradingRule]
    template: str


STRATEGIES = (
    DemoStrategy(alert_id="2017000001", name="Donchian 20 breakout", rule=DonchianBreakout, template=_TRADERSPOST),
    DemoStrategy(alert_id="2017000002", name="EMA 8/21 cross", rule=EmaCross, template=_HACKINGTHEMARKETS),
    DemoStrategy(alert_id="2017000003", name="RSI 14 reversion", rule=RsiReversion, template=_DUAL_ENGINE),
)


def render_alert_log(bars: Sequence[Bar]) -> str:
    """Return the alert log of all strategies over `bars`, oldest alert first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(alert_files.HEADER.split(","))
    writer.writerows(_iterate_rows(bars))
    return text.getvalue()


def _iterate_rows(bars: Sequence[Bar]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each position change of a strategy, fired when the next bar opens, after a warm-up."""
    running = [(strategy, strategy.rule()) for strategy in STRATEGIES]
    for index, (bar, following) in enumerate(pairwise(bars)):
        moves = [(strategy, rule.step(bar)) for strategy, rule in running]
        for strategy, move in moves:
            if move is not None and index >= WARM_UP_BARS:
                yield _build_row(strategy, move, bar=bar, fired_at=following.open_time)


def _build_row(strategy: DemoStrategy, move: PositionChange, *, bar: Bar, fired_at: datetime) -> tuple[str, ...]:
    """Build the log's row of one alert, with the strategy's message template filled in."""
    message = fill_template(strategy.template, _placeholder_values(move, bar=bar, fired_at=fired_at))
    return strategy.alert_id, f"{_EXCHANGE}:{_TICKER}", strategy.name, message, format_time(fired_at)


def fill_template(template: str, values: dict[str, str]) -> str:
    """Replace each `{{placeholder}}` by its value; an unknown one is an error."""
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)


def _placeholder_values(move: PositionChange, *, bar: Bar, fired_at: datetime) -> dict[str, str]:
    """Return the values of TradingView's placeholders. Closing a short is a buy, closing a long a sell."""
    is_buy = move.after is Position.LONG or (move.after is Position.FLAT and move.before is Position.SHORT)
    return {
        "ticker": _TICKER,
        "exchange": _EXCHANGE,
        "interval": _INTERVAL,
        "open": str(bar.open),
        "high": str(bar.high),
        "low": str(bar.low),
        "close": str(bar.close),
        "volume": str(bar.volume),
        "time": format_time(bar.open_time),
        "timenow": format_time(fired_at),
        "plot_0": f"{move.indicator_value:.2f}",
        "strategy.order.action": "buy" if is_buy else "sell",
        "strategy.order.id": move.after.value,
        "strategy.market_position": move.after.value,
        "strategy.prev_market_position": move.before.value,
    }


def format_time(at: datetime) -> str:
    """Write a time as TradingView does, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    _history = bar_files.inspect_bar_file(bar_files.parse_spec(CURRENCY.bars_spec))
    CURRENCY.alerts.write_text(render_alert_log(list(bar_files.read_bars(_history))), encoding="utf-8", newline="")
