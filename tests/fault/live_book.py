"""A live book that trades at a simulated venue, and what is asked of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from stack.servers import ServerUrls
from tests.support.going_live import go_live
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.simulated_venue import SimulatedVenue
from tests.support.servers.stacks import Stack, a_stack

SYMBOLS = {"ccxt:binance": "BTCUSDT", "alpaca": "BTCUSD"}
# Not one fill more or less than the venue's own: by client_order_id, how much was traded.
FILLED = """
    SELECT client_order_id, sum(fills.quantity) AS quantity FROM orders JOIN fills USING (order_id)
    WHERE orders.venue NOT IN ('model', 'paper') GROUP BY 1
"""
REAL = """
    SELECT order_id, client_order_id, intent, state, attempt FROM orders
    WHERE venue NOT IN ('model', 'paper') ORDER BY created_at
"""


@contextmanager
def a_live_stack(
    server_urls: ServerUrls,
    template_database: str,
    directory: Path,
    venue: SimulatedVenue,
    *,
    broker: str,
    redis_db: int,
    **environ: str,
) -> Iterator[Stack]:
    """Give a database whose live book trades at the venue; both engines like the trend in its symbol at noon."""
    settings = {"ENGINE_A": "committee", "ENGINE_B": "committee", "MAX_OPEN_PER_SYMBOL": "10000"}
    wired = settings | venue.environment(broker) | environ
    with a_stack(server_urls, template_database, directory, redis_db=redis_db, **wired) as made:
        go_live(made.database, venue=broker)
        add_trend(made.database, symbol=SYMBOLS[broker], book="live")
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'live', 'x', '', 1000)"
            " RETURNING 1"
        )
        yield made


def live_signals(stack: Stack, broker: str, *, count: int, name: str, **columns: Any) -> list[UUID]:
    """Store entry signals of the live book."""
    given = {"book": "live", "symbol": SYMBOLS[broker]} | columns
    return [store_signal(stack.database, strategy=f"{name} {number}", **given) for number in range(count)]


def real_orders(stack: Stack, ids: Sequence[UUID] = ()) -> list[dict[str, Any]]:
    """Return the orders that went to the venue, of some signals or of all."""
    if not ids:
        return stack.rows(REAL)
    return stack.rows(
        "SELECT order_id, client_order_id, intent, state, attempt FROM orders JOIN trades USING (trade_id)"
        " JOIN experiments USING (experiment_id) WHERE signal_id = ANY(%(ids)s) AND NOT is_shadow",
        ids=list(ids),
    )


def are_settled(stack: Stack, ids: Sequence[UUID] = ()) -> bool:
    """Say whether each real order is known to the end."""
    ended = {"filled", "rejected", "cancelled", "expired", "denied"}
    found = real_orders(stack, ids)
    return bool(found) and all(one["state"] in ended for one in found)


def differences(stack: Stack, venue: SimulatedVenue) -> dict[str, Any]:
    """Return where our records and the venue's ledger disagree; empty when they are one."""
    ours = {one["client_order_id"]: one["quantity"] for one in stack.rows(FILLED)}
    theirs: dict[str, Decimal] = {}
    for fill in venue.ledger.list_fills():
        theirs[fill.client_id] = theirs.get(fill.client_id, Decimal(0)) + fill.quantity
    found = {key: (ours.get(key), theirs.get(key)) for key in ours | theirs if ours.get(key) != theirs.get(key)}
    return found | {key: f"executed {count} times" for key, count in venue.ledger.duplicated_orders.items()}
