"""Per exchange of ccxt: the parameters that carry our order ids, and the error codes that decide about orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from venues.error_responses import ErrorCodes


@dataclass(frozen=True, slots=True, kw_only=True)
class CcxtDialect:
    """An exchange's order parameters and error codes.

    `new_order_id_parameter` carries our id in a new order, `lookup_id_parameter` in a look-up; None where none is
    known. `enforces_receive_window`: the exchange refuses requests that arrive after `timestamp` + `recvWindow`.
    `lists_trades_by_order`: trades can be listed by the exchange's own order number.
    """

    new_order_id_parameter: str = "clientOrderId"
    lookup_id_parameter: str | None = None
    enforces_receive_window: bool = False
    lists_trades_by_order: bool = False
    codes: ErrorCodes = field(default_factory=ErrorCodes)


_BINANCE = CcxtDialect(
    new_order_id_parameter="newClientOrderId",
    lookup_id_parameter="origClientOrderId",
    enforces_receive_window=True,
    lists_trades_by_order=True,
    codes=ErrorCodes(
        duplicate=frozenset({"-2010", "-4116"}),
        duplicate_words="duplicate",
        not_taken=frozenset({"-1021", "-1003", "-1015"}),
        unclear=frozenset({"-1000", "-1001", "-1006", "-1007", "-1008"}),
        all_reject=True,
    ),
)
_DIALECTS: Mapping[str, CcxtDialect] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "okx": CcxtDialect(
        new_order_id_parameter="clOrdId",
        lookup_id_parameter="clOrdId",
        codes=ErrorCodes(duplicate=frozenset({"51016"})),
    ),
    "kucoin": CcxtDialect(lookup_id_parameter="clientOid", codes=ErrorCodes(duplicate=frozenset({"126044"}))),
    "bybit": CcxtDialect(codes=ErrorCodes(duplicate=frozenset({"110072", "170141"}))),
}


def find_dialect(exchange: str) -> CcxtDialect:
    """Return an exchange's dialect; the default one sends ccxt's unified parameter and cannot look orders up."""
    return _DIALECTS.get(exchange, CcxtDialect())
