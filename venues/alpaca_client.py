"""Clients of alpaca-py that send each request once and in time; this module alone imports the library."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient

from venues import reading
from venues.answers import Answered, NotSent, code_in

T = TypeVar("T")

MISSING = 404
LIVE = "https://api.alpaca.markets"
PAPER = "https://paper-api.alpaca.markets"


class _Once:
    """Stands before a client of alpaca-py: one request per call, a time limit, decimals instead of floats.

    `ends` is the monotonic moment after which nothing may be sent; `seconds` the time limit of other requests.
    """

    ends: float | None = None
    seconds: float = 5.0

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:  # noqa: ARG002
        left = self.seconds if self.ends is None else self.ends - time.monotonic()
        if left <= 0:
            raise NotSent("its window was over before it was sent")
        session: Any = self._session  # type: ignore[attr-defined]
        response = session.request(method, url, timeout=left, **opts)
        if not response.ok:
            code = code_in(response.text, "code", "message")
            raise Answered(status=response.status_code, body=response.text, code=code)
        return response.json(parse_float=Decimal) if response.text else None


class Trading(_Once, TradingClient):  # type: ignore[misc]
    """The trading API."""


class Stocks(_Once, StockHistoricalDataClient):  # type: ignore[misc]
    """The data API for stocks."""


class Crypto(_Once, CryptoHistoricalDataClient):  # type: ignore[misc]
    """The data API for crypto."""


def trading(*, key: str, secret: str, url: str) -> Trading:
    """Make a client of the trading API at `url`."""
    return Trading(api_key=key, secret_key=secret, raw_data=True, url_override=url.rstrip("/"))


def data(*, key: str, secret: str, url: str | None) -> tuple[Stocks, Crypto]:
    """Make clients of the data API, at `url` instead of Alpaca's own when it is given."""
    given = {"api_key": key, "secret_key": secret, "raw_data": True, "url_override": url and url.rstrip("/")}
    return Stocks(**given), Crypto(**given)


def ask(client: _Once, question: Callable[[], T]) -> T:
    """Ask a client a question that changes nothing, a few times at most.

    Raises:
        Answered: when Alpaca refused the question.
        VenueUnavailable: when it did not answer in time.
    """
    return reading.ask(_timed(client, question))


def ask_surely(client: _Once, question: Callable[[], T], *, budget_s: float | None = None) -> T:
    """Ask a client what Alpaca has no reason to refuse.

    Raises:
        VenueUnavailable: when Alpaca did not answer, or refused to.
    """
    return reading.ask_surely(_timed(client, question), budget_s=budget_s)


def _timed(client: _Once, question: Callable[[], T]) -> Callable[[float], T]:
    def once(seconds: float) -> T:
        client.seconds = seconds
        return question()

    return once
