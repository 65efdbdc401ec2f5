"""The data side of the simulated Alpaca: assets, latest quotes and trades, and bars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from simulator.account import Account, now_ms
from simulator.catalogue import Listing
from simulator.wire import Answer

Parameters: TypeAlias = Mapping[str, str]

CRYPTO_PREFIX = "/v1beta3/crypto/us/"
STOCK_PREFIX = "/v2/stocks/"
_UNITS_MS = {"Min": 60_000, "Hour": 3_600_000, "Day": 86_400_000, "Week": 604_800_000}
_MONDAY_MS = 4 * 86_400_000
_MISSING = Answer(status=404, body={"code": 40410000, "message": "not found"})


class Market:
    """Answers requests about assets and their prices."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, path: str, given: Parameters) -> Answer:
        """Answer one request by its path."""
        if path == "/v2/assets":
            return Answer(body=[_asset(one) for one in self._account.listings.values() if _is_of(one, given)])
        if path.startswith("/v2/assets/"):
            return self._asset(path.removeprefix("/v2/assets/"))
        listings = [
            self._account.listings[one] for one in given.get("symbols", "").split(",") if one in self._account.listings
        ]
        match path.removeprefix(CRYPTO_PREFIX).removeprefix(STOCK_PREFIX):
            case "latest/quotes" | "quotes/latest":
                return Answer(body={"quotes": {one.symbol: self._quote(one) for one in listings}})
            case "latest/trades" | "trades/latest":
                return Answer(body={"trades": {one.symbol: self._trade(one) for one in listings}})
            case "bars":
                return Answer(
                    body={"bars": {one.symbol: self._bars(one, given) for one in listings}, "next_page_token": None}
                )
            case _:
                return _MISSING

    def _asset(self, name: str) -> Answer:
        found = [one for one in self._account.listings.values() if name in (one.symbol, one.symbol.replace("/", ""))]
        return Answer(body=_asset(found[0])) if found else _MISSING

    def _quote(self, listing: Listing) -> dict[str, Any]:
        level = self._account.prices.now(listing.symbol)
        return {"t": _written(now_ms()), "bp": float(level.bid), "bs": 1, "ap": float(level.ask), "as": 1}

    def _trade(self, listing: Listing) -> dict[str, Any]:
        return {"t": _written(now_ms()), "p": float(self._account.prices.now(listing.symbol).mid), "s": 1}

    def _bars(self, listing: Listing, given: Parameters) -> list[dict[str, Any]]:
        length = _length_ms(given["timeframe"])
        shift = _MONDAY_MS if given["timeframe"].endswith("Week") else 0
        start, end = (_read(given[one]) if one in given else now_ms() for one in ("start", "end"))
        opens = range(start + (shift - start) % length, end + 1, length)
        if given.get("sort") == "desc":
            opens = opens[::-1]
        opens = opens[: int(given.get("limit") or 1000)]
        return [self._bar(listing, one, length) for one in opens]

    def _bar(self, listing: Listing, start: int, length: int) -> dict[str, Any]:
        first, high, low, last = self._account.prices.bar(listing.symbol, start=start, end=start + length)
        return {
            "t": _written(start),
            "o": float(first),
            "h": float(high),
            "l": float(low),
            "c": float(last),
            "v": 12.5,
            "n": 3,
            "vw": float(last),
        }


def _asset(listing: Listing) -> dict[str, Any]:
    is_stock = listing.base == listing.symbol
    return {
        "id": str(UUID(int=sum(listing.symbol.encode()))),
        "class": "us_equity" if is_stock else "crypto",
        "exchange": "NASDAQ" if is_stock else "CRYPTO",
        "symbol": listing.symbol,
        "status": "active",
        "tradable": True,
        "marginable": is_stock,
        "shortable": is_stock,
        "easy_to_borrow": is_stock,
        "fractionable": True,
        "min_order_size": str(listing.lot),
        "min_trade_increment": str(listing.lot),
        "price_increment": str(listing.tick),
    }


def _is_of(listing: Listing, given: Parameters) -> bool:
    return given.get("asset_class") in (None, "us_equity" if listing.base == listing.symbol else "crypto")


def _length_ms(timeframe: str) -> int:
    found = re.fullmatch(r"(\d+)([A-Z][a-z]+)", timeframe)
    if found is None:
        raise ValueError(timeframe)
    return int(found.group(1)) * _UNITS_MS[found.group(2)]


def _read(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _written(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).isoformat().replace("+00:00", "Z")
