"""How exchanges that ccxt knows name our order ids, and which of their error codes matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from venues.answers import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """An exchange's ways.

    `sends_as` is the parameter of a new order that carries our id, `finds_by` that of a look-up; None where ccxt has
    none that is known to us. `keeps_windows`: the exchange itself refuses what comes after `timestamp` + `recvWindow`.
    `trades_by_order`: trades can be asked for by the exchange's own order number.
    """

    sends_as: str = "clientOrderId"
    finds_by: str | None = None
    keeps_windows: bool = False
    trades_by_order: bool = False
    codes: Codes = field(default_factory=Codes)


_BINANCE = Dialect(
    sends_as="newClientOrderId",
    finds_by="origClientOrderId",
    keeps_windows=True,
    trades_by_order=True,
    codes=Codes(
        duplicate=frozenset({"-2010", "-4116"}),
        duplicate_words="duplicate",
        not_taken=frozenset({"-1021", "-1003", "-1015"}),
        unclear=frozenset({"-1000", "-1001", "-1006", "-1007", "-1008"}),
        all_reject=True,
    ),
)
_DIALECTS: Mapping[str, Dialect] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "okx": Dialect(sends_as="clOrdId", finds_by="clOrdId", codes=Codes(duplicate=frozenset({"51016"}))),
    "kucoin": Dialect(finds_by="clientOid", codes=Codes(duplicate=frozenset({"126044"}))),
    "bybit": Dialect(codes=Codes(duplicate=frozenset({"110072", "170141"}))),
}


def dialect(exchange: str) -> Dialect:
    """Return an exchange's dialect; one that is not known sends the unified parameter and finds nothing."""
    return _DIALECTS.get(exchange, Dialect())
