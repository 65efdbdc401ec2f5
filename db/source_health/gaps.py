"""Alerts that never arrived: gaps in a strategy's own numbers, and positions that no alert led to.

The alerts of one chart are those of one source, strategy, instrument and timeframe in one book, ordered by their own
time, then by their number, then by arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.books import STANDING_BOOKS

# Alerts arrive up to a minute late and in any order; a larger gap in the numbers means that counting began anew.
SETTLES_AFTER_S, JUDGED_FOR_S, LOOKED_BACK_S, LARGEST_GAP = 120, 86_400, 90_000, 1000

_COLUMNS = ("source", "symbol", "strategy", "exchange", "instrument_kind", "book", "timeframe")
_CHART = ", ".join(_COLUMNS)
_HAS_POSITION_AND_TIME = (
    "coalesce(position_before, position_after) IS NOT NULL AND coalesce(event_at, timestamp) IS NOT NULL"
)
_THERE, _HERE = (f"({', '.join(f'{table}.{column}' for column in _COLUMNS)})" for table in ("tracked", "here"))


def _select_alerts(condition: str) -> str:
    """Return the WITH clauses whose last, `alerts`, holds the alerts to be judged and those just before them.

    Judged are the alerts of the last day and those that an open incident is about, however old. The alert before the
    first of a chart, or before one with an old time (that of a weekly bar, or from quarantine), may be much older.
    """
    return f"""
    WITH tracked AS NOT MATERIALIZED (
        SELECT signal_id, seq, source, symbol, strategy, exchange, instrument_kind, book,
            coalesce(timeframe, '') AS timeframe, sequence, position_before, position_after, stored_at,
            coalesce(event_at, timestamp, received_at) AS at
        FROM signals WHERE coalesce(sequence::text, position_before, position_after) IS NOT NULL AND {condition}),
    asked AS (
        SELECT cast(detail->>'before' AS uuid) AS signal_id FROM incidents WHERE kind = :kind AND closed_at IS NULL),
    recent AS (
        SELECT tracked.* FROM sources JOIN tracked ON tracked.source = sources.name
        WHERE sources.book = ANY(:books) AND stored_at > clock_timestamp() - make_interval(secs => :looked_back_s)),
    edges AS (
        SELECT {_CHART}, min(at) AS at FROM recent
        WHERE at > clock_timestamp() - make_interval(secs => :looked_back_s) GROUP BY {_CHART}
        UNION SELECT {_CHART}, at FROM recent WHERE at <= clock_timestamp() - make_interval(secs => :looked_back_s)
        UNION SELECT {_CHART}, at FROM tracked WHERE signal_id IN (SELECT signal_id FROM asked)),
    around AS (
        SELECT DISTINCT tracked.* FROM edges AS here
        LEFT JOIN LATERAL (
            SELECT tracked.at FROM tracked WHERE {_THERE} = {_HERE} AND tracked.at < here.at
            ORDER BY tracked.at DESC LIMIT 1
        ) AS before ON true
        CROSS JOIN LATERAL (
            SELECT * FROM tracked WHERE {_THERE} = {_HERE} AND tracked.at IN (here.at, before.at) OFFSET 0
        ) AS tracked),
    alerts AS (
        SELECT *, signal_id IN (SELECT signal_id FROM asked)
            OR stored_at BETWEEN clock_timestamp() - make_interval(secs => :judged_for_s)
                             AND clock_timestamp() - make_interval(secs => :settles_after_s) AS is_judged
        FROM (
            SELECT * FROM recent
            UNION ALL SELECT * FROM around WHERE signal_id NOT IN (SELECT signal_id FROM recent)) AS judged)"""


# A number is not missing when it arrived at any place in the order since just before the gap began.
_NUMBERS = text(f"""
    {_select_alerts("sequence IS NOT NULL")},
    steps AS (
        SELECT *, lag(signal_id) OVER chart AS after, lag(sequence) OVER chart AS reached,
            lag(stored_at) OVER chart AS since
        FROM alerts WINDOW chart AS (PARTITION BY {_CHART} ORDER BY at, sequence, seq))
    SELECT source, symbol, strategy, after, signal_id AS before, gap.numbers
    FROM steps AS here CROSS JOIN LATERAL (
        SELECT array_agg(number ORDER BY number) AS numbers
        FROM generate_series(here.reached + 1, least(here.sequence - 1, here.reached + :largest_gap)) AS number
        WHERE NOT EXISTS (
            SELECT FROM tracked WHERE {_THERE} = {_HERE} AND tracked.sequence = number
              AND tracked.stored_at > here.since - make_interval(secs => :settles_after_s))) AS gap
    WHERE is_judged AND here.sequence - here.reached - 1 BETWEEN 1 AND :largest_gap AND gap.numbers IS NOT NULL
    ORDER BY at, seq
""")

# Alerts with the same time may have happened in any order: one of them, or of those just before, must lead to the
# position.
_POSITIONS = text(f"""
    {_select_alerts(_HAS_POSITION_AND_TIME)},
    steps AS (
        SELECT *, array_agg(position_after) OVER (chart GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW)
                AS led_to,
            min(signal_id || ' ' || position_after) OVER (chart GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS earlier
        FROM alerts WINDOW chart AS (PARTITION BY {_CHART} ORDER BY at))
    SELECT source, symbol, strategy, cast(split_part(earlier, ' ', 1) AS uuid) AS after, signal_id AS before,
        split_part(earlier, ' ', 2) AS left_at, position_before AS found_at
    FROM steps WHERE is_judged AND earlier IS NOT NULL AND position_before <> ALL(led_to)
    ORDER BY at, seq
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceGap:
    """Gap between two alerts that arrived: the subject of its incident, and the missing numbers or position change."""

    subject: str
    detail: dict[str, Any]


def find(session: Session, *, kind: str) -> list[SequenceGap]:
    """Return the gaps of the standing books; `kind` is the kind of incidents about gaps."""
    parameters = {
        "books": list(STANDING_BOOKS),
        "kind": kind,
        "judged_for_s": JUDGED_FOR_S,
        "settles_after_s": SETTLES_AFTER_S,
        "looked_back_s": LOOKED_BACK_S,
    }
    details: dict[str, dict[str, Any]] = {}
    for row in session.execute(_NUMBERS, parameters | {"largest_gap": LARGEST_GAP}).mappings():
        details.setdefault(_format_subject(row), _build_detail(row)).update(numbers=_format_spans(row["numbers"]))
    for row in session.execute(_POSITIONS, parameters).mappings():
        details.setdefault(_format_subject(row), _build_detail(row)).update(
            {"from": row["left_at"], "to": row["found_at"]}
        )
    return [SequenceGap(subject=subject, detail=detail) for subject, detail in details.items()]


def _format_subject(row: RowMapping) -> str:
    """Name a gap by its source, symbol and strategy, and the shortened ids of the alerts around it."""
    chart = " ".join(name for name in (row["source"], row["symbol"], row["strategy"]) if name)
    return f"{chart} {_shorten_id(row['after'])}..{_shorten_id(row['before'])}"


def _shorten_id(signal_id: UUID) -> str:
    return signal_id.hex[:8]


def _build_detail(row: RowMapping) -> dict[str, Any]:
    """Return the detail of a gap that names the alerts around it."""
    return {"after": str(row["after"]), "before": str(row["before"])}


def _format_spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers as spans: `2, 4 to 6`."""
    ends = [place for place, number in enumerate(numbers) if number + 1 != next(iter(numbers[place + 1 :]), None)]
    starts = [0, *(place + 1 for place in ends[:-1])]
    return ", ".join(_format_span(numbers[start], numbers[end]) for start, end in zip(starts, ends, strict=True))


def _format_span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
