"""The two charts of the report, as shapes in a fixed coordinate system that a template writes as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from domain.comparison import naive, paired, summary
from domain.comparison.record import StudyRecord
from domain.decision import EngineSlot
from reporting import formatting
from reporting.phrases import format_confidence

WIDTH, HEIGHT = 720, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 92, 14, 34
_MOST_POINTS = 500
_BPS = 10_000
_NAME_HEIGHT = 14.0
# The first intervals are so wide that nothing else could be seen.
_BAND_FROM = 10

Point = tuple[float, float]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """A line with its label at its end; `kind` is the style class (a, b or difference)."""

    kind: str
    label: str
    points: str
    end: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisTick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart in picture coordinates: `description` is its text alternative, `zero` the height of the zero line."""

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    lines: tuple[ChartLine, ...]
    band: str | None
    band_label: str
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    zero: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Maps data values to picture coordinates."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float

    def x(self, value: float) -> float:
        """Return the horizontal picture coordinate of a value."""
        return _interpolate(value, self.low_x, self.high_x, _LEFT, WIDTH - _RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical picture coordinate of a value; larger values are higher."""
        return _interpolate(value, self.low_y, self.high_y, HEIGHT - _BOTTOM, _TOP)

    def path(self, points: Sequence[Point]) -> str:
        """Return points as the text of an SVG polyline."""
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)


def build_charts(record: StudyRecord) -> list[Chart]:
    """Build the charts that have data."""
    return [chart for chart in (build_pnl_chart(record), build_difference_chart(record)) if chart is not None]


def build_pnl_chart(record: StudyRecord) -> Chart | None:
    """Build the chart of each engine's cumulative model P&L by exit time; None before the first trade has closed."""
    curves = {engine: _build_curve(record, engine) for engine in EngineSlot}
    span = summary.find_span(record)
    if span is None or not any(len(curve) > 1 for curve in curves.values()):
        return None
    frame = _build_frame([point for curve in curves.values() for point in curve], x_to=span.last.timestamp())
    ends = {engine: curve[-1][1] for engine, curve in curves.items()}
    totals = ", ".join(f"engine {engine.value} {formatting.format_money(str(end))}" for engine, end in ends.items())
    return Chart(
        name="pnl",
        title="Cumulative P&L of the model trades, by exit time",
        description=f"At the end {totals} {formatting.replace_unprintable(record.currency)}.",
        x_label="exit time, UTC",
        y_label=f"P&L, {formatting.replace_unprintable(record.currency)}",
        lines=_separate_labels(
            _build_line(
                frame, _build_steps(curve, frame.high_x), kind=engine.value.lower(), label=f"engine {engine.value}"
            )
            for engine, curve in curves.items()
        ),
        band=None,
        band_label="",
        x_ticks=_build_time_ticks(frame),
        y_ticks=_build_ticks(
            frame.low_y, frame.high_y, place=frame.y, write=lambda value: formatting.use_minus_sign(f"{value:,.0f}")
        ),
        zero=frame.y(0),
    )


def build_difference_chart(record: StudyRecord) -> Chart | None:
    """Build the chart of the mean difference after each pair with its naive interval; None below two pairs."""
    pairs = paired.build_pairs(record, clock=record.study.exit_clock)
    points = list(naive.iterate_running_intervals([pair.difference for pair in pairs], alpha=record.study.alpha))
    if len(points) < 2:
        return None
    confidence = format_confidence(float(record.study.alpha))
    settled = min(_BAND_FROM, len(points))
    line = [(float(point.count), point.estimate * _BPS) for point in _thin_out(points)]
    upper, lower = _build_band([point for point in points if point.count >= settled])
    frame = _build_frame(
        [*((x, y) for x, y in line if x >= settled), *upper, *lower, (1.0, 0.0)], x_to=float(len(points))
    )
    kept = [(x, y) for x, y in line if frame.low_y <= y <= frame.high_y]
    return Chart(
        name="difference",
        title="Mean return difference per signal, B − A, after each pair",
        description=f"After {len(points)} pairs it stands at {formatting.format_bps(points[-1].estimate)}.",
        x_label="pairs that have ended",
        y_label="B − A, bps of reference notional",
        lines=(_build_line(frame, kept, kind="difference", label="B − A"),),
        band=frame.path([*upper, *reversed(lower)]) if upper else None,
        band_label=f"{confidence} naive interval after each pair: not valid when peeking",
        x_ticks=_build_ticks(1, frame.high_x, place=frame.x, write=lambda value: f"{value:,.0f}"),
        y_ticks=_build_ticks(
            frame.low_y, frame.high_y, place=frame.y, write=lambda value: formatting.use_minus_sign(f"{value:g}")
        ),
        zero=frame.y(0),
    )


def _build_band(points: Sequence[naive.RunningPoint]) -> tuple[list[Point], list[Point]]:
    """Return the upper and lower bounds of the intervals, in bps by number of pairs."""
    plotted = _thin_out(points)
    upper = [(float(point.count), point.high * _BPS) for point in plotted if point.high is not None]
    lower = [(float(point.count), point.low * _BPS) for point in plotted if point.low is not None]
    return upper, lower


def _build_curve(record: StudyRecord, engine: EngineSlot) -> list[Point]:
    """Return an engine's cumulative P&L by exit time (Unix seconds), starting with 0."""
    span = summary.find_span(record)
    start = [] if span is None else [(span.first.timestamp(), 0.0)]
    points = summary.build_equity_curve(record, engine, clock=record.study.exit_clock)
    return start + [(point.at.timestamp(), float(point.pnl)) for point in _thin_out(points)]


def _build_steps(curve: Sequence[Point], until: float) -> list[Point]:
    """Return a curve as steps: each value stays until the next point, the last one until `until`."""
    out = [curve[0]]
    for x, y in curve[1:]:
        out += [(x, out[-1][1]), (x, y)]
    return [*out, (until, out[-1][1])]


def _thin_out(points: Sequence[T]) -> list[T]:
    """Return at most about 500 evenly chosen points, always with the last."""
    every = math.ceil(len(points) / _MOST_POINTS) or 1
    return [*points[:-1:every], *points[-1:]]


def _build_line(frame: _Frame, points: Sequence[Point], *, kind: str, label: str) -> ChartLine:
    """Build a line with its label to the right of its last point."""
    x, y = points[-1]
    end = (round(frame.x(x) + 6, 1), round(frame.y(y) + 4, 1))
    return ChartLine(kind=kind, label=label, points=frame.path(points), end=end)


def _separate_labels(lines: Iterable[ChartLine]) -> tuple[ChartLine, ...]:
    """Move the labels of two lines apart where they would overlap."""
    upper, lower = sorted(lines, key=lambda line: line.end[1])
    missing = max(0.0, _NAME_HEIGHT - (lower.end[1] - upper.end[1])) / 2
    moved = (
        replace(line, end=(line.end[0], round(line.end[1] + by, 1)))
        for line, by in ((upper, -missing), (lower, missing))
    )
    return tuple(sorted(moved, key=lambda line: line.kind))


def _build_frame(points: Sequence[Point], *, x_to: float) -> _Frame:
    """Build the frame that holds all points, the zero line and some room above and below."""
    lowest, highest = min(0.0, *(y for _, y in points)), max(0.0, *(y for _, y in points))
    room = (highest - lowest) * 0.06 or 1.0
    first = min(x for x, _ in points)
    return _Frame(low_x=first, high_x=max(x_to, first + 1), low_y=lowest - room, high_y=highest + room)


def _interpolate(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map a value of low..high linearly to start..end."""
    return start + (value - low) / (high - low) * (end - start)


def _build_ticks(
    low: float, high: float, *, place: Callable[[float], float], write: Callable[[float], str]
) -> tuple[AxisTick, ...]:
    """Build ticks at round values; `place` maps a value to a coordinate, `write` to its label."""
    step = _round_up_step((high - low) / 4)
    first = math.ceil(low / step)
    marks = (number * step for number in range(first, math.floor(high / step) + 1))
    return tuple(
        AxisTick(at=round(place(mark), 1), label=write(round(mark, 10))) for mark in marks if low <= mark <= high
    )


def _round_up_step(rough: float) -> float:
    """Return the next larger step of the form 1, 2, 5 or 10 times a power of ten."""
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)


def _build_time_ticks(frame: _Frame) -> tuple[AxisTick, ...]:
    """Build five evenly spaced ticks on the time axis, labelled with their days."""
    marks = (frame.low_x + (frame.high_x - frame.low_x) * quarter / 4 for quarter in range(5))
    return tuple(AxisTick(at=round(frame.x(mark), 1), label=_format_day(mark)) for mark in marks)


def _format_day(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d")
