"""What Alpaca trades, by our symbols: stocks under their own, crypto pairs without the slash."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from domain.ports import VenueUnavailable
from domain.signal import Instrument, InstrumentKind
from venues import alpaca_client
from venues.answers import Answered
from venues.rules import VenueRules
from venues.venue_order import Listed

_AGE_S = 600.0
_QUOTE = "USD"
_KINDS = frozenset({InstrumentKind.STOCK, InstrumentKind.SPOT, InstrumentKind.UNKNOWN})
_SHARE = Decimal(1)
_PART_OF_A_SHARE = Decimal("0.000000001")


class Assets:
    """Assets by symbol, each read when it is first asked for and again when that is long ago."""

    def __init__(self, client: alpaca_client.Trading) -> None:
        self._client = client
        self._known: dict[str, tuple[float, Mapping[str, Any] | None]] = {}

    def listed(self, instrument: Instrument) -> Listed | None:
        """Return an instrument's names at Alpaca; None when it is not traded there."""
        asset = self._asset(instrument)
        return None if asset is None else names(asset["symbol"])

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's steps and limits; None when it is not traded."""
        asset = self._asset(instrument)
        return None if asset is None else _rules(asset)

    def _asset(self, instrument: Instrument) -> Mapping[str, Any] | None:
        if instrument.kind not in _KINDS:
            return None
        read_at, asset = self._known.get(instrument.symbol, (-_AGE_S, None))
        if time.monotonic() - read_at >= _AGE_S:
            asset = self._read(instrument.symbol)
            self._known[instrument.symbol] = (time.monotonic(), asset)
        return asset if asset is not None and asset["tradable"] and asset["status"] == "active" else None

    def _read(self, symbol: str) -> Mapping[str, Any] | None:
        try:
            asset: Mapping[str, Any] = alpaca_client.ask(self._client, partial(self._client.get_asset, symbol))
        except Answered as answer:
            if answer.status == alpaca_client.MISSING:
                return None
            raise VenueUnavailable(str(answer)) from answer
        return asset


def names(symbol: str) -> Listed:
    """Return the names of an asset by Alpaca's symbol of it."""
    base, _, quote = symbol.partition("/")
    return Listed(symbol=symbol, base=base, quote=quote or _QUOTE)


def is_crypto(listed: Listed) -> bool:
    """Whether an asset is a crypto pair."""
    return "/" in listed.symbol


def _rules(asset: Mapping[str, Any]) -> VenueRules:
    crypto = asset["class"] == "crypto"
    whole = _PART_OF_A_SHARE if asset.get("fractionable") else _SHARE
    return VenueRules(
        symbol=asset["symbol"],
        lot=_decimal(asset.get("min_trade_increment")) if crypto else whole,
        tick=_decimal(asset.get("price_increment")),
        min_quantity=_decimal(asset.get("min_order_size")) if crypto else None,
        min_notional=None,
        can_short=bool(asset.get("shortable")) and not crypto,
        short_lot=_SHARE,
    )


def _decimal(value: Any) -> Decimal | None:
    return None if value in (None, "") else Decimal(str(value))
