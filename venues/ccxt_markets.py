"""The spot markets of an exchange, by our symbols."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.signal import Instrument, InstrumentKind
from venues import ccxt_client
from venues.rules import VenueRules
from venues.venue_order import Listed

_LOAD_BUDGET_S = 30.0
_AGE_S = 600.0
_DECIMAL_PLACES = 2
_KINDS = frozenset({InstrumentKind.SPOT, InstrumentKind.UNKNOWN})


class Markets:
    """Markets by symbol (base + quote), read once, and again when a symbol is missed and the last reading is old."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._by_symbol: dict[str, Mapping[str, Any]] = {}
        self._read_at: float | None = None

    def load(self) -> None:
        """Read the markets unless they are known.

        Raises:
            VenueUnavailable: when the exchange does not answer.
        """
        if self._read_at is None:
            self._read()

    def listed(self, instrument: Instrument) -> Listed | None:
        """Return an instrument's names at the exchange; None when it lists no such spot market, or several."""
        market = self._market(instrument)
        return None if market is None else Listed(symbol=market["id"], base=market["base"], quote=market["quote"])

    def bases(self) -> dict[str, str]:
        """Return the base currency of each symbol."""
        self.load()
        return {symbol: market["base"] for symbol, market in self._by_symbol.items()}

    def unified(self, listed: Listed) -> str:
        """Return ccxt's name of a market."""
        return f"{listed.base}/{listed.quote}"

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's steps and limits; None when it is not listed."""
        market = self._market(instrument)
        if market is None:
            return None
        limits = market["limits"]
        return VenueRules(
            symbol=market["id"],
            lot=self._step(market["precision"]["amount"]),
            tick=self._step(market["precision"]["price"]),
            min_quantity=_decimal(limits["amount"]["min"]),
            min_notional=_decimal(limits["cost"]["min"]),
        )

    def _market(self, instrument: Instrument) -> Mapping[str, Any] | None:
        if instrument.kind not in _KINDS:
            return None
        self.load()
        is_old = self._read_at is not None and time.monotonic() - self._read_at > _AGE_S
        if instrument.symbol not in self._by_symbol and is_old:
            self._read()
        return self._by_symbol.get(instrument.symbol)

    def _read(self) -> None:
        markets = ccxt_client.ask_surely(
            self._client, lambda: self._client.load_markets(self._read_at is not None), budget_s=_LOAD_BUDGET_S
        )
        spot = [one for one in markets.values() if one["spot"] and one["active"] is not False]
        times = Counter(_symbol(one) for one in spot)
        self._by_symbol = {_symbol(one): one for one in spot if times[_symbol(one)] == 1}
        self._read_at = time.monotonic()

    def _step(self, precision: Any) -> Decimal | None:
        step = _decimal(precision)
        if step is not None and self._client.precisionMode == _DECIMAL_PLACES:
            return Decimal(1).scaleb(-int(step))
        return step


def _symbol(market: Mapping[str, Any]) -> str:
    return f"{market['base']}{market['quote']}".upper()


def _decimal(value: Any) -> Decimal | None:
    number = None if value is None else Decimal(str(value))
    return number or None
