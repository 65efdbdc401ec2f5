"""What the simulator did, one JSON line per event: the truth that tests and rehearsals compare with."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

Event: TypeAlias = Mapping[str, Any]


class LedgerFile:
    """Appends events to a file; a line that was handed over survives the end of the process."""

    def __init__(self, path: Path) -> None:
        known = path.read_bytes() if path.exists() else b""
        whole = known[: known.rfind(b"\n") + 1]
        if whole != known:
            path.write_bytes(whole)
        self.replayed = tuple(_parsed(whole.decode().splitlines()))
        self._path, self._lock = path, Lock()

    def add(self, event: str, **fields: Any) -> None:
        """Append one event; decimals are written as strings."""
        line = json.dumps({"event": event, **fields}, default=str).encode() + b"\n"
        with self._lock, self._path.open("ab", buffering=0) as out:
            out.write(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFill:
    """One execution: `quantity` > 0 of a symbol at a price."""

    fill_id: int
    client_id: str
    symbol: str
    is_buy: bool
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The events of a ledger file, in order."""

    events: tuple[Event, ...]

    @property
    def executions(self) -> Counter[str]:
        """How many orders were taken under each client id; more than one is a doubled order."""
        return Counter(one["client_id"] for one in self._of("accepted"))

    @property
    def doubled(self) -> dict[str, int]:
        """The client ids that were executed more than once."""
        return {client_id: count for client_id, count in self.executions.items() if count > 1}

    @property
    def accepted(self) -> list[Event]:
        """The orders that were taken, as events with venue, client_id, symbol, is_buy and quantity."""
        return self._of("accepted")

    @property
    def refusals(self) -> list[Event]:
        """The orders that were refused, as events with client_id and reason."""
        return self._of("refused")

    def fills(self, client_id: str | None = None) -> list[LedgerFill]:
        """Return the fills of one client id, or all of them."""
        return [_fill(one) for one in self._of("filled") if client_id in (None, one["client_id"])]

    def positions(self) -> dict[str, Decimal]:
        """Return what the fills add up to by symbol, without what is zero."""
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for one in self.fills():
            totals[one.symbol] += one.quantity if one.is_buy else -one.quantity
        return {symbol: total for symbol, total in totals.items() if total}

    def requests(self, kind: str | None = None, *, client_id: str | None = None) -> list[Event]:
        """Return the requests that arrived, as events with at, venue, kind, client_id and the fault that met them."""
        return [
            one for one in self._of("request") if kind in (None, one["kind"]) and client_id in (None, one["client_id"])
        ]

    def _of(self, event: str) -> list[Event]:
        return [one for one in self.events if one["event"] == event]


def read(path: Path) -> Ledger:
    """Read a ledger file as far as it is written; a line that is still being written is left out."""
    text = path.read_text() if path.exists() else ""
    return Ledger(events=tuple(_parsed(text[: text.rfind("\n") + 1].splitlines())))


def _parsed(lines: Iterable[str]) -> Iterable[Event]:
    return (json.loads(line) for line in lines)


def _fill(event: Event) -> LedgerFill:
    return LedgerFill(
        fill_id=event["fill_id"],
        client_id=event["client_id"],
        symbol=event["symbol"],
        is_buy=event["is_buy"],
        quantity=Decimal(event["quantity"]),
        price=Decimal(event["price"]),
    )
