"""Check after a rehearsal: the stored rows against the venue's ledger and the answers that the sender got."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString

import psycopg

from simulator.ledger import Ledger

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence of a rehearsal: the database, the signal ids that were answered with 2xx, and the venue's ledger.

    `sent` is how many alerts were sent whole, None when that is not known.
    """

    connection: psycopg.Connection
    acknowledged: Set[str]
    ledger: Ledger
    sent: int | None = None


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
        "more_signals_than_alerts",
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
# What was traded, and for how much: where both are the venue's own, so is the profit, which `verify` recomputes.
_FILLED: LiteralString = """
    SELECT client_order_id, sum(fills.quantity), sum(fills.quantity * fills.price)
    FROM orders JOIN fills USING (order_id)
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
    ids_by_violation["more_signals_than_alerts"] = (
        stored - evidence.acknowledged if evidence.sent is not None and len(stored) > evidence.sent else set()
    )
    ids_by_violation |= _compare_fills(evidence)
    return [build_violation(name, ids) for name, ids in ids_by_violation.items() if ids]


def build_violation(name: str, cases: Collection[str]) -> Violation:
    """Build a violation from its cases."""
    return Violation(name=name, count=len(cases), examples=tuple(sorted(cases)[:EXAMPLES]))


def _read_first_column(rows: Iterable[tuple[Any, ...]]) -> set[str]:
    return {str(row[0]) for row in rows}


def _compare_fills(evidence: Evidence) -> dict[str, set[str]]:
    """Compare the quantity and value that each client_order_id filled at the venue with the stored ones."""
    stored = {client_id: (quantity, value) for client_id, quantity, value in evidence.connection.execute(_FILLED)}
    executed: dict[str, tuple[Decimal, Decimal]] = {}
    for fill in evidence.ledger.list_fills():
        quantity, value = executed.get(fill.client_id, (Decimal(0), Decimal(0)))
        executed[fill.client_id] = (quantity + fill.quantity, value + fill.quantity * fill.price)
    return {
        "only_the_venue_knows": executed.keys() - stored.keys(),
        "only_we_know": stored.keys() - executed.keys(),
        "fills_differ": {
            client_order_id
            for client_order_id in stored.keys() & executed.keys()
            if stored[client_order_id] != executed[client_order_id]
        },
    }
