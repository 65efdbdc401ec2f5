"""One engine's figures over its closed model trades."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from domain.comparison import numbers, trading_days
from domain.comparison.record import SideOutcome, StudyRecord
from domain.comparison.trading_days import TradingDays
from domain.decision import EngineSlot
from domain.signal import Direction
from domain.study import ExitClock

SHARPE_MIN_DAYS = 20
_NO_DAYS = TradingDays(days=(), per_year=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSummary:
    """The figures of one engine on one exit clock.

    `decisions` counts the entry signals it decided, `trades` its closed model trades, a win is a P&L above 0.
    Money is in the book's currency; `win_rate` and the drawdowns are fractions of 1. `max_drawdown` has open trades at
    the close of each bar where these are known, `max_drawdown_closed` has closed trades only.
    """

    decisions: int
    trades: int
    wins: int
    win_rate: float | None
    total_pnl: Decimal
    average_pnl: Decimal | None
    sharpe: float | None
    max_drawdown: float
    max_drawdown_closed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The first and the last time of a study's data."""

    first: datetime
    last: datetime

    @property
    def days(self) -> int:
        """The number of UTC days that the span touches."""
        return (self.last.date() - self.first.date()).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The cumulative P&L after all trades that closed at `at`."""

    at: datetime
    pnl: Decimal


def summarize(record: StudyRecord, engine: EngineSlot, *, clock: ExitClock) -> EngineSummary:
    """Compute an engine's figures on one exit clock."""
    pnls = [outcome.pnl for _, outcome in record.closed_trades(engine, clock)]
    wins = sum(pnl > 0 for pnl in pnls)
    curve = build_equity_curve(record, engine, clock=clock)
    closed_drawdown = compute_max_drawdown([point.pnl for point in curve], capital=record.reference_capital)
    return EngineSummary(
        decisions=sum(entry.sides[engine].verdict is not None for entry in record.entries),
        trades=len(pnls),
        wins=wins,
        win_rate=numbers.divide(Decimal(wins), Decimal(len(pnls))) if pnls else None,
        total_pnl=numbers.sum_exactly(pnls),
        average_pnl=numbers.compute_money_mean(pnls),
        sharpe=compute_sharpe(
            sum_daily_pnl(record, engine, clock=clock),
            measured=list_days(record),
            capital=record.reference_capital,
        ),
        max_drawdown=record.marked_drawdowns.get((engine, clock), closed_drawdown),
        max_drawdown_closed=closed_drawdown,
    )


def find_span(record: StudyRecord) -> Span | None:
    """Return the span from the first entry signal to the last entry or exit, over both engines and clocks.

    Both engines are measured over this one span. None without entries.
    """
    times = [entry.received_at for entry in record.entries]
    for engine in EngineSlot:
        for clock in ExitClock:
            times += [_require_exit_time(outcome) for _, outcome in record.closed_trades(engine, clock)]
    return Span(first=min(times), last=max(times)) if times else None


def build_equity_curve(record: StudyRecord, engine: EngineSlot, *, clock: ExitClock) -> list[EquityPoint]:
    """Return the cumulative P&L by exit time; trades that closed at the same time make one point."""
    closings = sorted(
        ((_require_exit_time(outcome), outcome.pnl) for _, outcome in record.closed_trades(engine, clock)),
        key=itemgetter(0),
    )
    points, total = list[EquityPoint](), Decimal(0)
    for at, group in groupby(closings, key=itemgetter(0)):
        total = numbers.sum_exactly((total, *(pnl for _, pnl in group)))
        points.append(EquityPoint(at=at, pnl=total))
    return points


def sum_daily_pnl(record: StudyRecord, engine: EngineSlot, *, clock: ExitClock) -> dict[date, Decimal]:
    """Return the P&L of each UTC day on which a trade closed."""
    days: dict[date, list[Decimal]] = {}
    for _, outcome in record.closed_trades(engine, clock):
        days.setdefault(_require_exit_time(outcome).date(), []).append(outcome.pnl)
    return {day: numbers.sum_exactly(pnls) for day, pnls in days.items()}


def compute_sharpe(pnl_by_day: dict[date, Decimal], *, measured: TradingDays, capital: Decimal) -> float | None:
    """Return the mean over the standard deviation (n - 1) of daily returns on `capital`, times a root.

    The root is that of the number of such days in a year. Days on which no trade closed have a return of 0. None below
    20 days or without variation.
    """
    pnl_by_day, days = measured.gather(pnl_by_day), len(measured.days)
    days_without_exit = days - len(pnl_by_day)
    if days < SHARPE_MIN_DAYS or len({*pnl_by_day.values(), *([Decimal(0)] if days_without_exit else [])}) < 2:
        return None
    returns = [float(pnl / capital) for pnl in pnl_by_day.values()]
    mean = math.fsum(returns) / days
    variance = math.fsum([*((value - mean) ** 2 for value in returns), days_without_exit * mean**2]) / (days - 1)
    return numbers.round_to_12_digits(mean / math.sqrt(variance) * math.sqrt(measured.per_year))


def compute_max_drawdown(cumulative_pnl: Iterable[Decimal], *, capital: Decimal) -> float:
    """Return the deepest fall from a peak of `capital` + cumulative P&L, as a fraction of that peak."""
    peak, deepest = capital, Decimal(0)
    for pnl in cumulative_pnl:
        equity_now = capital + pnl
        peak = max(peak, equity_now)
        deepest = max(deepest, (peak - equity_now) / peak)
    return numbers.round_to_12_digits(float(deepest))


def count_exit_reasons(record: StudyRecord, engine: EngineSlot, *, clock: ExitClock) -> dict[Direction, Counter[str]]:
    """Count the exit reasons of closed trades, by direction."""
    counts: dict[Direction, Counter[str]] = {direction: Counter() for direction in Direction}
    for entry, outcome in record.closed_trades(engine, clock):
        direction = entry.sides[engine].direction
        if direction is not None:
            counts[direction][outcome.exit_reason] += 1
    return counts


def count_verdicts(record: StudyRecord, engine: EngineSlot) -> Counter[str]:
    """Count the verdicts of the engine."""
    answers = (entry.sides[engine].verdict for entry in record.entries)
    return Counter(verdict.value for verdict in answers if verdict is not None)


def list_days(record: StudyRecord) -> TradingDays:
    """Return the days of a study on which its instruments are traded; none without entries."""
    measured = find_span(record)
    if measured is None:
        return _NO_DAYS
    first, last = measured.first.date(), measured.last.date()
    return trading_days.list_trading_days(record.calendars, first=first, last=last)


def _require_exit_time(outcome: SideOutcome) -> datetime:
    assert outcome.exit_time is not None  # noqa: S101 - a closed trade has an exit time
    return outcome.exit_time
