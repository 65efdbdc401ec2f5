"""The public part of the simulated Binance: instruments, time, quotes and bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from simulator.account import SimulatedAccount
from simulator.catalogue import ListedInstrument
from simulator.orders import now_ms
from simulator.wire import WireAnswer

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
# Unix time began on a Thursday, and weeks open on Mondays.
_MONDAY_MS = 4 * 86_400_000
_INVALID_SYMBOL = WireAnswer(status=400, body={"code": -1121, "msg": "Invalid symbol."})


class BinanceMarket:
    """Binance's public API; `hides_quotes` leaves bid and ask out of tickers, `offset_ms` shifts the venue's clock."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self.hides_quotes = False
        self.offset_ms = 0

    def now_ms(self) -> int:
        """Return the venue's present time in milliseconds of Unix time."""
        return now_ms() + self.offset_ms

    def answer(self, endpoint: str, parameters: Parameters) -> WireAnswer:
        """Answer one public request by the last part of its path."""
        match endpoint:
            case "ping":
                return WireAnswer(body={})
            case "time":
                return WireAnswer(body={"serverTime": self.now_ms()})
            case "exchangeInfo":
                return WireAnswer(body=self._render_exchange_info())
            case _:
                return self._answer_about_symbol(endpoint, parameters)

    def _answer_about_symbol(self, endpoint: str, parameters: Parameters) -> WireAnswer:
        """Answer a public request about one instrument."""
        instrument = self._account.instruments.get(parameters.get("symbol", ""))
        if instrument is None:
            return _INVALID_SYMBOL
        match endpoint:
            case "ticker/24hr" | "ticker/bookTicker" | "ticker/price":
                return WireAnswer(body=self._render_ticker(instrument))
            case "depth":
                return WireAnswer(body=self._render_order_book(instrument))
            case "klines":
                return WireAnswer(body=self._render_bars(instrument, parameters))
            case _:
                return WireAnswer(status=404, body={"code": -1100, "msg": "Not found."})

    def _render_exchange_info(self) -> dict[str, Any]:
        symbols = [_render_instrument(instrument) for instrument in self._account.instruments.values()]
        return {"timezone": "UTC", "serverTime": self.now_ms(), "rateLimits": [], "symbols": symbols}

    def _render_ticker(self, instrument: ListedInstrument) -> dict[str, Any]:
        """Render the ticker of an instrument, without bid and ask while quotes are hidden."""
        level, shows_quotes = self._account.prices.current(instrument.symbol), not self.hides_quotes
        return {
            "symbol": instrument.symbol,
            "lastPrice": str(level.mid),
            "price": str(level.mid),
            "volume": "1000",
            "quoteVolume": "1000",
            "bidPrice": str(level.bid) if shows_quotes else None,
            "bidQty": "10",
            "askPrice": str(level.ask) if shows_quotes else None,
            "askQty": "10",
            "openTime": self.now_ms() - 86_400_000,
            "closeTime": self.now_ms(),
        }

    def _render_order_book(self, instrument: ListedInstrument) -> dict[str, Any]:
        level = self._account.prices.current(instrument.symbol)
        return {"lastUpdateId": 1, "bids": [[str(level.bid), "10"]], "asks": [[str(level.ask), "10"]]}

    def _render_bars(self, instrument: ListedInstrument, parameters: Parameters) -> list[list[Any]]:
        """Render the bars of an interval that the parameters ask for, oldest first."""
        length_ms, limit = INTERVALS_MS[parameters["interval"]], min(int(parameters.get("limit", 500)), 1000)
        week_shift_ms = _MONDAY_MS if parameters["interval"] == "1w" else 0
        newest_open = _floor_to_bar(
            min(self.now_ms(), int(parameters.get("endTime", self.now_ms()))), length_ms, week_shift_ms
        )
        first_open = newest_open - (limit - 1) * length_ms
        if "startTime" in parameters:
            start = int(parameters["startTime"])
            first_open = max(_floor_to_bar(start + length_ms - 1, length_ms, week_shift_ms), 0)
        open_times = range(first_open, min(newest_open, first_open + (limit - 1) * length_ms) + 1, length_ms)
        return [self._render_bar(instrument, start, length_ms) for start in open_times]

    def _render_bar(self, instrument: ListedInstrument, open_time: int, length_ms: int) -> list[Any]:
        """Render the bar that opens at a time in milliseconds."""
        prices = self._account.prices.build_bar(instrument.symbol, start=open_time, end=open_time + length_ms)
        return [
            open_time,
            *(str(price) for price in prices),
            "12.5",
            open_time + length_ms - 1,
            "750000",
            100,
            "6",
            "360000",
            "0",
        ]


def _floor_to_bar(at: int, length_ms: int, shift_ms: int) -> int:
    """Return the open time of the bar that covers a moment, in milliseconds."""
    return at - (at - shift_ms) % length_ms


def _render_instrument(instrument: ListedInstrument) -> dict[str, Any]:
    """Render an instrument as a symbol of Binance's exchange information."""
    return {
        "symbol": instrument.symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "orderTypes": ["LIMIT", "MARKET"],
        "permissions": ["SPOT"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": str(instrument.tick),
                "maxPrice": "1000000",
                "tickSize": str(instrument.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": str(instrument.lot),
                "maxQty": "9000",
                "stepSize": str(instrument.lot),
            },
            {"filterType": "NOTIONAL", "minNotional": str(instrument.min_notional), "applyMinToMarket": True},
        ],
    }
