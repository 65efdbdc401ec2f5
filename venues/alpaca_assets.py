"""Alpaca's tradable assets by our symbols: stocks keep their symbol, crypto pairs lose the slash."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from domain.ports import VenueUnavailable
from domain.signal import Instrument, InstrumentKind
from venues import alpaca_client
from venues.error_responses import ErrorResponse
from venues.rules import VenueRules
from venues.venue_order import VenueListing

_MAX_AGE_S = 600.0
_STOCK_QUOTE, _STOCK_CALENDAR = "USD", "XNYS"
_KINDS = frozenset({InstrumentKind.STOCK, InstrumentKind.SPOT, InstrumentKind.UNKNOWN})
_SHARE = Decimal(1)
_SMALLEST_SHARE_FRACTION = Decimal("0.000000001")


class AlpacaAssets:
    """Cache of assets by symbol; an entry older than ten minutes is read again."""

    def __init__(self, client: alpaca_client.AlpacaTrading) -> None:
        self._client = client
        self._assets_by_symbol: dict[str, tuple[float, Mapping[str, Any] | None]] = {}

    def find_listing(self, instrument: Instrument) -> VenueListing | None:
        """Return the instrument as Alpaca lists it; None when it is not tradable there."""
        asset = self._find_asset(instrument)
        return None if asset is None else build_listing(asset["symbol"])

    def find_rules(self, instrument: Instrument) -> VenueRules | None:
        """Return the order steps and limits of an instrument; None when it is not tradable."""
        asset = self._find_asset(instrument)
        return None if asset is None else _build_rules(asset)

    def _find_asset(self, instrument: Instrument) -> Mapping[str, Any] | None:
        """Return the asset, from the cache while it is fresh; None when Alpaca does not trade it now."""
        if instrument.kind not in _KINDS:
            return None
        read_at, asset = self._assets_by_symbol.get(instrument.symbol, (-_MAX_AGE_S, None))
        if time.monotonic() - read_at >= _MAX_AGE_S:
            asset = self._request_asset(instrument.symbol)
            self._assets_by_symbol[instrument.symbol] = (time.monotonic(), asset)
        return asset if asset is not None and asset["tradable"] and asset["status"] == "active" else None

    def _request_asset(self, symbol: str) -> Mapping[str, Any] | None:
        """Request an asset from Alpaca; None when it does not know the symbol."""
        try:
            asset: Mapping[str, Any] = alpaca_client.query(self._client, partial(self._client.get_asset, symbol))
        except ErrorResponse as response:
            if response.status == alpaca_client.NOT_FOUND:
                return None
            raise VenueUnavailable(str(response)) from response
        return asset


def build_listing(symbol: str) -> VenueListing:
    """Build the listing of an asset from Alpaca's symbol; stocks are quoted in US dollars."""
    base, _, quote = symbol.partition("/")
    return VenueListing(symbol=symbol, base=base, quote=quote or _STOCK_QUOTE)


def is_crypto_pair(listing: VenueListing) -> bool:
    """Return whether a listing is a crypto pair: Alpaca writes those with a slash."""
    return "/" in listing.symbol


def _build_rules(asset: Mapping[str, Any]) -> VenueRules:
    """Build the trading rules of an asset; whole shares only where it is not fractionable or sold short."""
    is_crypto = asset["class"] == "crypto"
    share_lot = _SMALLEST_SHARE_FRACTION if asset.get("fractionable") else _SHARE
    return VenueRules(
        symbol=asset["symbol"],
        lot=_parse_decimal(asset.get("min_trade_increment")) if is_crypto else share_lot,
        tick=_parse_decimal(asset.get("price_increment")),
        min_quantity=_parse_decimal(asset.get("min_order_size")) if is_crypto else None,
        min_notional=None,
        can_short=bool(asset.get("shortable")) and not is_crypto,
        short_lot=_SHARE,
        calendar=None if is_crypto else _STOCK_CALENDAR,
    )


def _parse_decimal(value: Any) -> Decimal | None:
    return None if value in (None, "") else Decimal(str(value))
