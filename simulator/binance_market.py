"""The public side of the simulated Binance: instruments, time, quotes and bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from simulator.account import Account, now_ms
from simulator.catalogue import Listing
from simulator.wire import Answer

Parameters: TypeAlias = Mapping[str, str]

INTERVALS_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "1w": 604_800_000,
}
_MONDAY_MS = 4 * 86_400_000
_INVALID_SYMBOL = Answer(status=400, body={"code": -1121, "msg": "Invalid symbol."})


class Market:
    """Answers public requests. `hides_quotes` leaves bid and ask out of tickers; `offset_ms` shifts its clock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.hides_quotes = False
        self.offset_ms = 0

    def now(self) -> int:
        """Return the venue's time in milliseconds."""
        return now_ms() + self.offset_ms

    def answer(self, name: str, given: Parameters) -> Answer:
        """Answer one public request by the last part of its path."""
        match name:
            case "ping":
                return Answer(body={})
            case "time":
                return Answer(body={"serverTime": self.now()})
            case "exchangeInfo":
                return Answer(body=self._instruments())
            case _:
                return self._about(name, given)

    def _about(self, name: str, given: Parameters) -> Answer:
        listing = self._account.listings.get(given.get("symbol", ""))
        if listing is None:
            return _INVALID_SYMBOL
        match name:
            case "ticker/24hr" | "ticker/bookTicker" | "ticker/price":
                return Answer(body=self._ticker(listing))
            case "depth":
                return Answer(body=self._depth(listing))
            case "klines":
                return Answer(body=self._bars(listing, given))
            case _:
                return Answer(status=404, body={"code": -1100, "msg": "Not found."})

    def _instruments(self) -> dict[str, Any]:
        symbols = [_instrument(one) for one in self._account.listings.values()]
        return {"timezone": "UTC", "serverTime": self.now(), "rateLimits": [], "symbols": symbols}

    def _ticker(self, listing: Listing) -> dict[str, Any]:
        level, shown = self._account.prices.now(listing.symbol), not self.hides_quotes
        return {
            "symbol": listing.symbol,
            "lastPrice": str(level.mid),
            "price": str(level.mid),
            "volume": "1000",
            "quoteVolume": "1000",
            "bidPrice": str(level.bid) if shown else None,
            "bidQty": "10",
            "askPrice": str(level.ask) if shown else None,
            "askQty": "10",
            "openTime": self.now() - 86_400_000,
            "closeTime": self.now(),
        }

    def _depth(self, listing: Listing) -> dict[str, Any]:
        level = self._account.prices.now(listing.symbol)
        return {"lastUpdateId": 1, "bids": [[str(level.bid), "10"]], "asks": [[str(level.ask), "10"]]}

    def _bars(self, listing: Listing, given: Parameters) -> list[list[Any]]:
        length, limit = INTERVALS_MS[given["interval"]], min(int(given.get("limit", 500)), 1000)
        shift = _MONDAY_MS if given["interval"] == "1w" else 0
        newest = _floor(min(self.now(), int(given.get("endTime", self.now()))), length, shift)
        first = newest - (limit - 1) * length
        if "startTime" in given:
            start = int(given["startTime"])
            first = max(_floor(start + length - 1, length, shift), 0)
        opens = range(first, min(newest, first + (limit - 1) * length) + 1, length)
        return [self._bar(listing, start, length) for start in opens]

    def _bar(self, listing: Listing, start: int, length: int) -> list[Any]:
        prices = self._account.prices.bar(listing.symbol, start=start, end=start + length)
        return [start, *(str(one) for one in prices), "12.5", start + length - 1, "750000", 100, "6", "360000", "0"]


def _floor(at: int, length: int, shift: int) -> int:
    return at - (at - shift) % length


def _instrument(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "orderTypes": ["LIMIT", "MARKET"],
        "permissions": ["SPOT"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": str(listing.tick),
                "maxPrice": "1000000",
                "tickSize": str(listing.tick),
            },
            {"filterType": "LOT_SIZE", "minQty": str(listing.lot), "maxQty": "9000", "stepSize": str(listing.lot)},
            {"filterType": "NOTIONAL", "minNotional": str(listing.min_notional), "applyMinToMarket": True},
        ],
    }
