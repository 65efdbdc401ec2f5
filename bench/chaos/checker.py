"""What is wrong with what is left: our rows against the venue's own ledger and the answers the sender got."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString

import psycopg

from simulator.ledger import Ledger

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is compared: our database, the ids that were answered with 2xx, and what the venue did."""

    connection: psycopg.Connection
    acknowledged: Set[str]
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that must not be, with how often it is and up to five examples."""

    name: str
    count: int
    examples: tuple[str, ...]


# Where the rules of `verify` say it already, they are not repeated here; a rehearsal names them `verify:RULE`.
LOST = frozenset(
    {
        "acknowledged_but_missing",
        "not_terminal",
        "order_not_ended",
        "verify:one_context_per_signal",
        "verify:one_experiment",
        "verify:both_decisions_present",
    }
)
DOUBLED = frozenset(
    {
        "executed_twice",
        "verify:an_alert_is_stored_once",
        "verify:client_order_ids_are_unique",
        "verify:attempts_follow_refusals",
        "verify:closed_not_more_than_opened",
    }
)

_QUERIES: Mapping[str, LiteralString] = {
    "not_terminal": "SELECT signal_id FROM signals WHERE status = 'open'",
    "order_not_ended": """
        SELECT client_order_id FROM orders WHERE state NOT IN ('filled', 'cancelled', 'expired', 'rejected', 'denied')
    """,
}
_FILLED: LiteralString = """
    SELECT client_order_id, sum(fills.quantity) FROM orders JOIN fills USING (order_id)
    WHERE orders.venue NOT IN ('model', 'paper') GROUP BY 1
"""


def check(evidence: Evidence) -> list[Violation]:
    """Return what is wrong beside the rules of `verify`, in a fixed order; nothing when all is well."""
    stored = {str(signal_id) for (signal_id,) in evidence.connection.execute("SELECT signal_id FROM signals")}
    found = {"acknowledged_but_missing": evidence.acknowledged - stored}
    found |= {name: _first_column(evidence.connection.execute(query)) for name, query in _QUERIES.items()}
    found["executed_twice"] = set(evidence.ledger.duplicated_orders)
    found |= _fills(evidence)
    return [
        Violation(name=name, count=len(ids), examples=tuple(sorted(ids)[:EXAMPLES]))
        for name, ids in found.items()
        if ids
    ]


def _first_column(rows: Iterable[tuple[Any, ...]]) -> set[str]:
    return {str(row[0]) for row in rows}


def _fills(evidence: Evidence) -> dict[str, set[str]]:
    """Compare how much was traded under each client_order_id."""
    ours: dict[str, Decimal] = dict(evidence.connection.execute(_FILLED).fetchall())
    theirs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in evidence.ledger.list_fills():
        theirs[fill.client_id] += fill.quantity
    return {
        "only_the_venue_knows": theirs.keys() - ours.keys(),
        "only_we_know": ours.keys() - theirs.keys(),
        "fills_differ": {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]},
    }
