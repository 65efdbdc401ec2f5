"""The costs under which a study's trades are filled: the rows of the table that its instruments use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import costs, fills
from domain.canonical import format_number
from domain.comparison.record import StudyRecord
from domain.costs import HoldingCost, InstrumentCosts

JsonDocument = dict[str, Any]


def build_rows(record: StudyRecord) -> list[JsonDocument]:
    """Return the rows of the kinds and venues that a study's entries are of, by kind and venue.

    There are none for a study under an earlier fill model, whose table is not kept.
    """
    if record.fill_model != fills.DEFAULT.version:
        return []
    rows = {costs.find_costs(instrument) for instrument in record.instruments}
    return [_build_row(row) for row in sorted(rows, key=lambda row: (row.kind.value, row.venue))]


def describe_rows(document: Mapping[str, Any]) -> list[str]:
    """Return the costs of a report's document as lines, one for each row and one above them."""
    rows = document["cost_rows"]
    title = f"Costs by table {document['costs']}, in basis points of each fill:"
    return [title, *(f"  {_describe_row(row)}" for row in rows)] if rows else []


def _build_row(row: InstrumentCosts) -> JsonDocument:
    return {
        "instrument_kind": row.kind.value,
        "venue": row.venue,
        "spread_bps": format_number(row.spread_bps),
        "slippage_bps": format_number(row.slippage_bps),
        "fee_bps": format_number(row.fee_bps),
        "holding": None if row.holding is None else _build_holding(row.holding),
        "basis": row.basis,
    }


def _build_holding(holding: HoldingCost) -> JsonDocument:
    return {
        "name": holding.name,
        "hours": int(holding.interval.total_seconds() // 3600),
        "long_bps": format_number(holding.long_bps),
        "short_bps": format_number(holding.short_bps),
    }


def _describe_row(row: Mapping[str, Any]) -> str:
    """Write a row in one line; the spread is the whole one, where a side of the market is not known."""
    place = row["instrument_kind"] + (f" at {row['venue']}" if row["venue"] else "")
    text = f"{place}: spread {row['spread_bps']}, slippage {row['slippage_bps']}, fee {row['fee_bps']}"
    held = row["holding"]
    if held is None:
        return text
    return f"{text}, {held['name']} {held['long_bps']} long and {held['short_bps']} short in {held['hours']} h"
