"""The market data part of the simulated Alpaca: assets, latest quotes and trades, and bars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from simulator.account import SimulatedAccount
from simulator.catalogue import ListedInstrument
from simulator.orders import now_ms
from simulator.wire import WireAnswer

Parameters: TypeAlias = Mapping[str, str]

CRYPTO_PREFIX = "/v1beta3/crypto/us/"
STOCK_PREFIX = "/v2/stocks/"
_UNITS_MS = {"Min": 60_000, "Hour": 3_600_000, "Day": 86_400_000, "Week": 604_800_000}
# Unix time began on a Thursday, and weeks open on Mondays.
_MONDAY_MS = 4 * 86_400_000
_NOT_FOUND = WireAnswer(status=404, body={"code": 40410000, "message": "not found"})


class AlpacaMarket:
    """Alpaca's assets and prices, over the instruments of one account."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account

    def answer(self, path: str, parameters: Parameters) -> WireAnswer:
        """Answer one request by its path."""
        if path == "/v2/assets":
            return self._list_assets(parameters)
        if path.startswith("/v2/assets/"):
            return self._get_asset(path.removeprefix("/v2/assets/"))
        symbols = [symbol for symbol in parameters.get("symbols", "").split(",") if symbol in self._account.instruments]
        instruments = {symbol: self._account.instruments[symbol] for symbol in symbols}
        match path.removeprefix(CRYPTO_PREFIX).removeprefix(STOCK_PREFIX):
            case "latest/quotes" | "quotes/latest":
                return WireAnswer(
                    body={
                        "quotes": {symbol: self._render_quote(instrument) for symbol, instrument in instruments.items()}
                    }
                )
            case "latest/trades" | "trades/latest":
                return WireAnswer(
                    body={
                        "trades": {symbol: self._render_trade(instrument) for symbol, instrument in instruments.items()}
                    }
                )
            case "bars":
                bars = {symbol: self._render_bars(instrument, parameters) for symbol, instrument in instruments.items()}
                return WireAnswer(body={"bars": bars, "next_page_token": None})
            case _:
                return _NOT_FOUND

    def _list_assets(self, parameters: Parameters) -> WireAnswer:
        """Answer with the assets of the requested class."""
        assets = [
            _render_asset(instrument)
            for instrument in self._account.instruments.values()
            if _has_asset_class(instrument, parameters)
        ]
        return WireAnswer(body=assets)

    def _get_asset(self, name: str) -> WireAnswer:
        """Answer with one asset; crypto pairs are found with and without the slash."""
        instruments = [
            instrument
            for instrument in self._account.instruments.values()
            if name in (instrument.symbol, instrument.symbol.replace("/", ""))
        ]
        return WireAnswer(body=_render_asset(instruments[0])) if instruments else _NOT_FOUND

    def _render_quote(self, instrument: ListedInstrument) -> dict[str, Any]:
        level = self._account.prices.current(instrument.symbol)
        return {"t": _format_time(now_ms()), "bp": float(level.bid), "bs": 1, "ap": float(level.ask), "as": 1}

    def _render_trade(self, instrument: ListedInstrument) -> dict[str, Any]:
        return {"t": _format_time(now_ms()), "p": float(self._account.prices.current(instrument.symbol).mid), "s": 1}

    def _render_bars(self, instrument: ListedInstrument, parameters: Parameters) -> list[dict[str, Any]]:
        """Render the bars between `start` and `end`, in the requested order and number."""
        length_ms = _parse_length_ms(parameters["timeframe"])
        week_shift_ms = _MONDAY_MS if parameters["timeframe"].endswith("Week") else 0
        start, end = (
            _parse_time_ms(parameters[open_time]) if open_time in parameters else now_ms()
            for open_time in ("start", "end")
        )
        open_times = range(start + (week_shift_ms - start) % length_ms, end + 1, length_ms)
        if parameters.get("sort") == "desc":
            open_times = open_times[::-1]
        open_times = open_times[: int(parameters.get("limit") or 1000)]
        return [self._render_bar(instrument, open_time, length_ms) for open_time in open_times]

    def _render_bar(self, instrument: ListedInstrument, start: int, length_ms: int) -> dict[str, Any]:
        """Render the bar that opens at a time in milliseconds."""
        open_price, high, low, close_price = self._account.prices.build_bar(
            instrument.symbol, start=start, end=start + length_ms
        )
        return {
            "t": _format_time(start),
            "o": float(open_price),
            "h": float(high),
            "l": float(low),
            "c": float(close_price),
            "v": 12.5,
            "n": 3,
            "vw": float(close_price),
        }


def _render_asset(instrument: ListedInstrument) -> dict[str, Any]:
    """Render an instrument as an asset of Alpaca's API."""
    is_stock = instrument.base == instrument.symbol
    return {
        "id": str(UUID(int=sum(instrument.symbol.encode()))),
        "class": "us_equity" if is_stock else "crypto",
        "exchange": "NASDAQ" if is_stock else "CRYPTO",
        "symbol": instrument.symbol,
        "status": "active",
        "tradable": True,
        "marginable": is_stock,
        "shortable": is_stock,
        "easy_to_borrow": is_stock,
        "fractionable": True,
        "min_order_size": str(instrument.lot),
        "min_trade_increment": str(instrument.lot),
        "price_increment": str(instrument.tick),
    }


def _has_asset_class(instrument: ListedInstrument, parameters: Parameters) -> bool:
    return parameters.get("asset_class") in (None, "us_equity" if instrument.base == instrument.symbol else "crypto")


def _parse_length_ms(timeframe: str) -> int:
    """Parse a timeframe such as `15Min` into milliseconds."""
    match = re.fullmatch(r"(\d+)([A-Z][a-z]+)", timeframe)
    if match is None:
        raise ValueError(timeframe)
    return int(match.group(1)) * _UNITS_MS[match.group(2)]


def _parse_time_ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _format_time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).isoformat().replace("+00:00", "Z")
