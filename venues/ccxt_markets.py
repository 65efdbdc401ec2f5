"""The spot markets of an exchange, and its perpetual contracts, by our symbols."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.signal import Instrument, InstrumentKind
from venues import ccxt_client
from venues.rules import VenueRules
from venues.venue_order import VenueListing

LOAD_BUDGET_S = 30.0
_MAX_AGE_S = 600.0
_DECIMAL_PLACES = 2


class SpotMarkets:
    """Spot markets by symbol (base + quote), read once, and again when a symbol is missing and the list is old."""

    kinds = frozenset({InstrumentKind.SPOT, InstrumentKind.UNKNOWN})

    def __init__(self, client: Any, *, load_budget_s: float = LOAD_BUDGET_S) -> None:
        self._client, self._load_budget_s = client, load_budget_s
        self._by_symbol: dict[str, Mapping[str, Any]] = {}
        self._read_at: float | None = None

    def load(self) -> None:
        """Read the markets unless they are loaded.

        Raises:
            VenueUnavailable: when the exchange does not answer.
        """
        if self._read_at is None:
            self._read_markets()

    def find_listing(self, instrument: Instrument) -> VenueListing | None:
        """Return the instrument as the exchange lists it; None when it has no such market, or several."""
        market = self._find_market(instrument)
        return None if market is None else VenueListing(symbol=market["id"], base=market["base"], quote=market["quote"])

    def bases_by_symbol(self) -> dict[str, str]:
        """Return the base currency of each symbol."""
        self.load()
        return {symbol: market["base"] for symbol, market in self._by_symbol.items()}

    def unified_symbol(self, listing: VenueListing) -> str:
        """Return ccxt's symbol of a market."""
        return f"{listing.base}/{listing.quote}"

    def find_rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's order steps and limits; None when it is not listed."""
        market = self._find_market(instrument)
        if market is None:
            return None
        limits = market["limits"]
        return VenueRules(
            symbol=market["id"],
            lot=self._parse_step(market["precision"]["amount"]),
            tick=self._parse_step(market["precision"]["price"]),
            min_quantity=_parse_decimal(limits["amount"]["min"]),
            min_notional=_parse_decimal(limits["cost"]["min"]),
        )

    def _find_market(self, instrument: Instrument) -> Mapping[str, Any] | None:
        """Return ccxt's market of an instrument, reading old markets again before it counts as missing."""
        if instrument.kind not in self.kinds:
            return None
        self.load()
        is_old = self._read_at is not None and time.monotonic() - self._read_at > _MAX_AGE_S
        if instrument.symbol not in self._by_symbol and is_old:
            self._read_markets()
        return self._by_symbol.get(instrument.symbol)

    def _read_markets(self) -> None:
        """Read the active markets of these kinds; a symbol that several of them share is left out."""
        markets = ccxt_client.query_or_unavailable(
            self._client, lambda: self._client.load_markets(self._read_at is not None), budget_s=self._load_budget_s
        )
        active = [market for market in markets.values() if self._is_of_these(market) and market["active"] is not False]
        symbol_counts = Counter(_build_symbol(market) for market in active)
        self._by_symbol = {
            _build_symbol(market): market for market in active if symbol_counts[_build_symbol(market)] == 1
        }
        self._read_at = time.monotonic()

    def _is_of_these(self, market: Mapping[str, Any]) -> bool:
        """Return whether a market of ccxt is one of spot."""
        return bool(market["spot"])

    def _parse_step(self, precision: Any) -> Decimal | None:
        """Return a precision as a step; some exchanges give it as a number of decimal places."""
        step = _parse_decimal(precision)
        if step is not None and self._client.precisionMode == _DECIMAL_PLACES:
            return Decimal(1).scaleb(-int(step))
        return step


class PerpetualMarkets(SpotMarkets):
    """Perpetual contracts by symbol (base + quote), those that are settled in the currency they are quoted in."""

    kinds = frozenset({InstrumentKind.PERP})

    def unified_symbol(self, listing: VenueListing) -> str:
        """Return ccxt's symbol of a contract, which names what it is settled in."""
        return f"{listing.base}/{listing.quote}:{listing.quote}"

    def _is_of_these(self, market: Mapping[str, Any]) -> bool:
        """Return whether a market of ccxt is such a contract."""
        return bool(market.get("swap")) and market.get("settle") == market["quote"]


def _build_symbol(market: Mapping[str, Any]) -> str:
    return f"{market['base']}{market['quote']}".upper()


def _parse_decimal(value: Any) -> Decimal | None:
    number = None if value is None else Decimal(str(value))
    return number or None
