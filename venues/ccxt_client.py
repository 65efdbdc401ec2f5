"""Clients of ccxt that keep deadlines, count their requests and raise ErrorResponse; no other module imports ccxt."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import ccxt

from venues import retries
from venues.error_responses import ErrorResponse, RequestNotSent, read_error_code

T = TypeVar("T")

_HOST = re.compile(r"^https?://[^/]+")
_LOOPBACK = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)")
_SPOT_ONLY = {"fetchMargins": False, "fetchCurrencies": False, "fetchMarkets": {"types": ["spot"]}}
_OPTIONS: dict[str, dict[str, Any]] = {
    "binance": _SPOT_ONLY,
    "binanceus": _SPOT_ONLY,
    "binanceusdm": {"fetchMargins": False, "fetchCurrencies": False},
}


class UnknownExchange(ValueError):
    """The library has no exchange of this name."""


class _GuardedExchange:
    """Mixin for ccxt's exchange classes: enforces a deadline and raises ErrorResponse for every error response.

    `deadline` is the monotonic time after which no request may be sent; `requests_sent` counts the requests.
    """

    deadline: float | None = None
    requests_sent = 0

    def throttle(self, cost: Any = None) -> Any:
        """Keep to the exchange's rate limit; after this machine's clock was set back, ccxt would sleep for the step."""
        self.lastRestRequestTimestamp = min(self.lastRestRequestTimestamp, self.milliseconds())  # type: ignore[attr-defined, has-type]
        return super().throttle(cost)  # type: ignore[misc]

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Send one HTTP request, unless the deadline has passed."""
        if self.deadline is not None:
            seconds_left = self.deadline - time.monotonic()
            if seconds_left <= 0:
                raise RequestNotSent("its send window ended before it was sent")
            self.timeout = max(1, int(seconds_left * 1000))
        self.requests_sent += 1
        return super().fetch(url, method, headers, body)  # type: ignore[misc]

    def handle_errors(self, code: int, reason: str, url: str, method: str, *rest: Any) -> Any:
        """Raise ErrorResponse where ccxt would raise an error of its own, and for any other 4xx or 5xx."""
        body = str(rest[1] or "")
        try:
            handled = super().handle_errors(code, reason, url, method, *rest)  # type: ignore[misc]
        except ccxt.BaseError as error:
            raise _build_error_response(code, body, kind=type(error).__name__) from error
        if code >= 400:
            raise _build_error_response(code, body, kind="")
        return handled


def make_client(exchange: str, *, key: str | None, secret: str | None, url: str | None) -> Any:
    """Make a client that never retries and reads numbers as text; `url` replaces the host of every address it uses.

    Raises:
        UnknownExchange: when ccxt does not know the name.
    """
    exchange_class = getattr(ccxt, exchange, None)
    if exchange not in ccxt.exchanges or exchange_class is None:
        raise UnknownExchange(f"ccxt knows no exchange {exchange!r}")
    logging.getLogger("ccxt").setLevel(logging.INFO)  # its debug records carry keys and signatures
    client = type(f"Guarded{exchange}", (_GuardedExchange, exchange_class), {})(
        {"apiKey": key or "", "secret": secret or "", "enableRateLimit": not _is_loopback(url)}
    )
    client.options.update(_OPTIONS.get(exchange, {}))
    client.number = str
    if url is not None:
        client.urls["api"] = _replace_hosts(client.urls["api"], url.rstrip("/"))
    return client


def is_order_missing(response: ErrorResponse) -> bool:
    """Return whether an error response means that there is no such order."""
    return response.kind in ("OrderNotFound", "OrderNotCached")


def _build_error_response(status: int, body: str, *, kind: str) -> ErrorResponse:
    return ErrorResponse(status=status, body=body, code=read_error_code(body, "code", "retCode"), kind=kind)


def _is_loopback(url: str | None) -> bool:
    return url is not None and _LOOPBACK.match(url) is not None


def _replace_hosts(urls: Any, base: str) -> Any:
    """Replace scheme and host in ccxt's nested address table by those of `base`."""
    if isinstance(urls, dict):
        return {name: _replace_hosts(url, base) for name, url in urls.items()}
    return _HOST.sub(base, urls) if isinstance(urls, str) else urls


def query(client: Any, request: Callable[[], T]) -> T:
    """Send a read-only request, with a few retries.

    Raises:
        ErrorResponse: when the exchange answered with an error that a retry cannot mend.
        VenueUnavailable: when it did not answer in time.
    """
    return retries.query(_with_time_limit(client, request))


def query_or_unavailable(client: Any, request: Callable[[], T], *, budget_s: float | None = None) -> T:
    """Send a read-only request that the exchange has no reason to refuse, with a few retries.

    Raises:
        VenueUnavailable: when the exchange did not answer in time, or answered with an error.
    """
    return retries.query_or_unavailable(_with_time_limit(client, request), budget_s=budget_s)


def _with_time_limit(client: Any, request: Callable[[], T]) -> Callable[[float], T]:
    """Wrap a request as a function of the seconds that it may take."""

    def send_within(seconds: float) -> T:
        """Send the request with a time limit in seconds."""
        client.timeout = max(1, int(seconds * 1000))
        return request()

    return send_within
