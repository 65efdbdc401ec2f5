"""Check after a rehearsal: the stored rows against the venue's ledger and the answers that the sender got."""

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
    """Evidence of a rehearsal: the database, the signal ids that were answered with 2xx, and the venue's ledger."""

    connection: psycopg.Connection
    acknowledged: Set[str]
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A violated rule, with the number of its cases and up to five examples."""

    name: str
    count: int
    examples: tuple[str, ...]


# Rules that `verify` checks already are not repeated here; a rehearsal reports them as `verify:RULE`.
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
_FILLED_QUANTITIES: LiteralString = """
    SELECT client_order_id, sum(fills.quantity) FROM orders JOIN fills USING (order_id)
    WHERE orders.venue NOT IN ('model', 'paper') GROUP BY 1
"""


def find_violations(evidence: Evidence) -> list[Violation]:
    """Return the violations that `verify` does not check for, in a fixed order; empty when there are none."""
    stored = {str(signal_id) for (signal_id,) in evidence.connection.execute("SELECT signal_id FROM signals")}
    ids_by_violation = {"acknowledged_but_missing": evidence.acknowledged - stored}
    ids_by_violation |= {
        name: _read_first_column(evidence.connection.execute(query)) for name, query in _QUERIES.items()
    }
    ids_by_violation["executed_twice"] = set(evidence.ledger.duplicated_orders)
    ids_by_violation |= _compare_fills(evidence)
    return [
        Violation(name=name, count=len(ids), examples=tuple(sorted(ids)[:EXAMPLES]))
        for name, ids in ids_by_violation.items()
        if ids
    ]


def _read_first_column(rows: Iterable[tuple[Any, ...]]) -> set[str]:
    return {str(row[0]) for row in rows}


def _compare_fills(evidence: Evidence) -> dict[str, set[str]]:
    """Compare the filled quantity of each client_order_id at the venue with the stored one."""
    stored: dict[str, Decimal] = dict(evidence.connection.execute(_FILLED_QUANTITIES).fetchall())
    executed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in evidence.ledger.list_fills():
        executed[fill.client_id] += fill.quantity
    return {
        "only_the_venue_knows": executed.keys() - stored.keys(),
        "only_we_know": stored.keys() - executed.keys(),
        "fills_differ": {
            client_order_id
            for client_order_id in stored.keys() & executed.keys()
            if stored[client_order_id] != executed[client_order_id]
        },
    }
