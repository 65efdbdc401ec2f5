"""Clients of alpaca-py that send each request once and in time; this module alone imports the library."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient

from venues import retries
from venues.error_responses import ErrorResponse, RequestNotSent, read_error_code

T = TypeVar("T")

NOT_FOUND = 404
LIVE_URL = "https://api.alpaca.markets"
PAPER_URL = "https://paper-api.alpaca.markets"


class _SingleRequestClient:
    """Mixin for clients of alpaca-py: one HTTP request per call, a time limit, numbers parsed as Decimal.

    `deadline` is the monotonic time after which no request may be sent; without one each request may take `seconds`.
    """

    deadline: float | None = None
    seconds: float = 5.0

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:  # noqa: ARG002
        """Send one HTTP request within its time limit, in place of alpaca-py's own method, which retries."""
        seconds_left = self.seconds if self.deadline is None else self.deadline - time.monotonic()
        if seconds_left <= 0:
            raise RequestNotSent("its send window ended before it was sent")
        session: Any = self._session  # type: ignore[attr-defined]
        response = session.request(method, url, timeout=seconds_left, **opts)
        if not response.ok:
            code = read_error_code(response.text, "code", "message")
            raise ErrorResponse(status=response.status_code, body=response.text, code=code)
        return response.json(parse_float=Decimal) if response.text else None


class AlpacaTrading(_SingleRequestClient, TradingClient):  # type: ignore[misc]
    """Client of the trading API."""


class AlpacaStocks(_SingleRequestClient, StockHistoricalDataClient):  # type: ignore[misc]
    """Client of the data API for stocks."""


class AlpacaCrypto(_SingleRequestClient, CryptoHistoricalDataClient):  # type: ignore[misc]
    """Client of the data API for crypto."""


def make_trading_client(*, key: str, secret: str, url: str) -> AlpacaTrading:
    """Make a client of the trading API at `url`."""
    return AlpacaTrading(api_key=key, secret_key=secret, raw_data=True, url_override=url.rstrip("/"))


def make_data_clients(*, key: str, secret: str, url: str | None) -> tuple[AlpacaStocks, AlpacaCrypto]:
    """Make the clients of the data API for stocks and for crypto; `url` replaces Alpaca's own."""
    options = {"api_key": key, "secret_key": secret, "raw_data": True, "url_override": url and url.rstrip("/")}
    return AlpacaStocks(**options), AlpacaCrypto(**options)


def query(client: _SingleRequestClient, request: Callable[[], T]) -> T:
    """Send a read-only request, with a few retries.

    Raises:
        ErrorResponse: when Alpaca answered with an error that a retry cannot mend.
        VenueUnavailable: when it did not answer in time.
    """
    return retries.query(_with_time_limit(client, request))


def query_or_unavailable(client: _SingleRequestClient, request: Callable[[], T], *, budget_s: float | None = None) -> T:
    """Send a read-only request that Alpaca has no reason to refuse, with a few retries.

    Raises:
        VenueUnavailable: when Alpaca did not answer in time, or answered with an error.
    """
    return retries.query_or_unavailable(_with_time_limit(client, request), budget_s=budget_s)


def _with_time_limit(client: _SingleRequestClient, request: Callable[[], T]) -> Callable[[float], T]:
    """Wrap a request as a function of the seconds that it may take."""

    def send_within(seconds: float) -> T:
        """Send the request with a time limit in seconds."""
        client.seconds = seconds
        return request()

    return send_within
