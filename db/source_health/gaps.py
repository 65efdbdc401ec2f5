"""Alerts that never came: a hole in a strategy's own numbers, or a position that no alert led to.

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

# Alerts come up to a minute late and in any order; a larger hole in the numbers is another count.
SETTLES_AFTER_S, JUDGED_FOR_S, LOOKED_BACK_S, LARGEST_HOLE = 120, 86_400, 90_000, 1000

_COLUMNS = ("source", "symbol", "strategy", "exchange", "instrument_kind", "book", "timeframe")
_CHART = ", ".join(_COLUMNS)
_THERE, _HERE = (f"({', '.join(f'{table}.{one}' for one in _COLUMNS)})" for table in ("told", "one"))


def _alerts(which: str) -> str:
    """Return the beginning of a query: `alerts` holds those that are judged, and next before each the one that is.

    Judged are the alerts of the last day and those that an open incident is about, however old. What stands before the
    first of a chart, or before one that tells an old time (a weekly bar's, or from quarantine), may be much older.
    """
    return f"""
    WITH told AS NOT MATERIALIZED (
        SELECT signal_id, seq, source, symbol, strategy, exchange, instrument_kind, book,
            coalesce(timeframe, '') AS timeframe, sequence, position_before, position_after, stored_at,
            coalesce(event_at, timestamp, received_at) AS at
        FROM signals WHERE coalesce(sequence::text, position_before, position_after) IS NOT NULL AND {which}),
    asked AS (
        SELECT cast(detail->>'before' AS uuid) AS signal_id FROM incidents WHERE kind = :kind AND closed_at IS NULL),
    recent AS (
        SELECT told.* FROM sources JOIN told ON told.source = sources.name
        WHERE sources.book = ANY(:books) AND stored_at > clock_timestamp() - make_interval(secs => :looked_back_s)),
    edges AS (
        SELECT {_CHART}, min(at) AS at FROM recent
        WHERE at > clock_timestamp() - make_interval(secs => :looked_back_s) GROUP BY {_CHART}
        UNION SELECT {_CHART}, at FROM recent WHERE at <= clock_timestamp() - make_interval(secs => :looked_back_s)
        UNION SELECT {_CHART}, at FROM told WHERE signal_id IN (SELECT signal_id FROM asked)),
    around AS (
        SELECT DISTINCT told.* FROM edges AS one
        LEFT JOIN LATERAL (
            SELECT told.at FROM told WHERE {_THERE} = {_HERE} AND told.at < one.at ORDER BY told.at DESC LIMIT 1
        ) AS before ON true
        CROSS JOIN LATERAL (
            SELECT * FROM told WHERE {_THERE} = {_HERE} AND told.at IN (one.at, before.at) OFFSET 0) AS told),
    alerts AS (
        SELECT *, signal_id IN (SELECT signal_id FROM asked)
            OR stored_at BETWEEN clock_timestamp() - make_interval(secs => :judged_for_s)
                             AND clock_timestamp() - make_interval(secs => :settles_after_s) AS is_judged
        FROM (
            SELECT * FROM recent
            UNION ALL SELECT * FROM around WHERE signal_id NOT IN (SELECT signal_id FROM recent)) AS found)"""


# A number counts as come wherever it stands among those that arrived since just before the hole began.
_NUMBERS = text(f"""
    {_alerts("sequence IS NOT NULL")},
    one AS (
        SELECT *, lag(signal_id) OVER chart AS after, lag(sequence) OVER chart AS reached,
            lag(stored_at) OVER chart AS since
        FROM alerts WINDOW chart AS (PARTITION BY {_CHART} ORDER BY at, sequence, seq))
    SELECT source, symbol, strategy, after, signal_id AS before, hole.numbers
    FROM one CROSS JOIN LATERAL (
        SELECT array_agg(number ORDER BY number) AS numbers
        FROM generate_series(one.reached + 1, least(one.sequence - 1, one.reached + :largest_hole)) AS number
        WHERE NOT EXISTS (
            SELECT FROM told WHERE {_THERE} = {_HERE} AND told.sequence = number
              AND told.stored_at > one.since - make_interval(secs => :settles_after_s))) AS hole
    WHERE is_judged AND one.sequence - one.reached - 1 BETWEEN 1 AND :largest_hole AND hole.numbers IS NOT NULL
    ORDER BY at, seq
""")

# Alerts of one moment may have happened in any order: one of them, or of those just before, must lead there.
_POSITIONS = text(f"""
    {_alerts("coalesce(position_before, position_after) IS NOT NULL AND coalesce(event_at, timestamp) IS NOT NULL")},
    one AS (
        SELECT *, array_agg(position_after) OVER (chart GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW)
                AS led_to,
            min(signal_id || ' ' || position_after) OVER (chart GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS earlier
        FROM alerts WINDOW chart AS (PARTITION BY {_CHART} ORDER BY at))
    SELECT source, symbol, strategy, cast(split_part(earlier, ' ', 1) AS uuid) AS after, signal_id AS before,
        split_part(earlier, ' ', 2) AS left_at, position_before AS found_at
    FROM one WHERE is_judged AND earlier IS NOT NULL AND position_before <> ALL(led_to)
    ORDER BY at, seq
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceGap:
    """A hole between two alerts that came: its subject, and what is missing in it."""

    subject: str
    detail: dict[str, Any]


def find(session: Session, *, kind: str) -> list[SequenceGap]:
    """Return the gaps of the standing books; `kind` is that of the incidents that are about gaps."""
    given = {
        "books": list(STANDING_BOOKS),
        "kind": kind,
        "judged_for_s": JUDGED_FOR_S,
        "settles_after_s": SETTLES_AFTER_S,
        "looked_back_s": LOOKED_BACK_S,
    }
    details: dict[str, dict[str, Any]] = {}
    for row in session.execute(_NUMBERS, given | {"largest_hole": LARGEST_HOLE}).mappings():
        details.setdefault(_subject(row), _between(row)).update(numbers=_spans(row["numbers"]))
    for row in session.execute(_POSITIONS, given).mappings():
        details.setdefault(_subject(row), _between(row)).update({"from": row["left_at"], "to": row["found_at"]})
    return [SequenceGap(subject=subject, detail=detail) for subject, detail in details.items()]


def _subject(row: RowMapping) -> str:
    chart = " ".join(one for one in (row["source"], row["symbol"], row["strategy"]) if one)
    return f"{chart} {_short(row['after'])}..{_short(row['before'])}"


def _short(signal_id: UUID) -> str:
    return signal_id.hex[:8]


def _between(row: RowMapping) -> dict[str, Any]:
    return {"after": str(row["after"]), "before": str(row["before"])}


def _spans(numbers: Sequence[int]) -> str:
    """Write ascending numbers as spans: 2, 4 to 6."""
    ends = [place for place, one in enumerate(numbers) if one + 1 != next(iter(numbers[place + 1 :]), None)]
    starts = [0, *(place + 1 for place in ends[:-1])]
    return ", ".join(_span(numbers[start], numbers[end]) for start, end in zip(starts, ends, strict=True))


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
