"""The simulator's ledger file, one JSON line per event: the record that tests and rehearsals compare with."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

LedgerEvent: TypeAlias = Mapping[str, Any]


class LedgerFile:
    """Ledger file opened for appending; an appended event survives a kill of the process.

    An incomplete last line is cut off; `replayed` holds the events that were in the file before.
    """

    def __init__(self, path: Path) -> None:
        content = path.read_bytes() if path.exists() else b""
        complete_lines = content[: content.rfind(b"\n") + 1]
        if complete_lines != content:
            path.write_bytes(complete_lines)
        self.replayed = tuple(_parse_lines(complete_lines.decode().splitlines()))
        self._path, self._lock = path, Lock()

    def append(self, event: str, **fields: Any) -> None:
        """Append one event; decimals are written as strings."""
        line = json.dumps({"event": event, **fields}, default=str).encode() + b"\n"
        with self._lock, self._path.open("ab", buffering=0) as out:
            out.write(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFill:
    """One execution in the ledger: `quantity` > 0 of a symbol at a price."""

    fill_id: int
    client_id: str
    symbol: str
    is_buy: bool
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The events of a ledger file, in order."""

    events: tuple[LedgerEvent, ...]

    @property
    def order_counts(self) -> Counter[str]:
        """Number of orders accepted with each client id."""
        return Counter(event["client_id"] for event in self._select_events("accepted"))

    @property
    def duplicated_orders(self) -> dict[str, int]:
        """Client ids with which more than one order was accepted, with their number."""
        return {client_id: count for client_id, count in self.order_counts.items() if count > 1}

    @property
    def accepted(self) -> list[LedgerEvent]:
        """The accepted orders, as events with venue, client_id, symbol, is_buy and quantity."""
        return self._select_events("accepted")

    @property
    def refusals(self) -> list[LedgerEvent]:
        """The refused orders, as events with client_id and reason."""
        return self._select_events("refused")

    def list_fills(self, client_id: str | None = None) -> list[LedgerFill]:
        """Return the fills of one client id, or all of them."""
        return [
            _parse_fill(event) for event in self._select_events("filled") if client_id in (None, event["client_id"])
        ]

    def sum_positions(self) -> dict[str, Decimal]:
        """Return the non-zero positions by symbol: the sum of all fills."""
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fill in self.list_fills():
            totals[fill.symbol] += fill.quantity if fill.is_buy else -fill.quantity
        return {symbol: total for symbol, total in totals.items() if total}

    def list_requests(self, kind: str | None = None, *, client_id: str | None = None) -> list[LedgerEvent]:
        """Return the requests that arrived, as events with at, venue, kind, client_id and the fault that applied."""
        return [
            event
            for event in self._select_events("request")
            if kind in (None, event["kind"]) and client_id in (None, event["client_id"])
        ]

    def _select_events(self, event_name: str) -> list[LedgerEvent]:
        """Return the events of one name."""
        return [event for event in self.events if event["event"] == event_name]


def read_ledger(path: Path) -> Ledger:
    """Read a ledger file; an incomplete last line is left out."""
    text = path.read_text() if path.exists() else ""
    return Ledger(events=tuple(_parse_lines(text[: text.rfind("\n") + 1].splitlines())))


def _parse_lines(lines: Iterable[str]) -> Iterable[LedgerEvent]:
    return (json.loads(line) for line in lines)


def _parse_fill(event: LedgerEvent) -> LedgerFill:
    return LedgerFill(
        fill_id=event["fill_id"],
        client_id=event["client_id"],
        symbol=event["symbol"],
        is_buy=event["is_buy"],
        quantity=Decimal(event["quantity"]),
        price=Decimal(event["price"]),
    )
