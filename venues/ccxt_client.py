"""A client of ccxt that says what it sent and what was answered; this module alone imports the library."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import ccxt

from venues import reading
from venues.answers import Answered, NotSent, code_in

T = TypeVar("T")

_HOST = re.compile(r"^https?://[^/]+")
_LOOPBACK = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)")
_SPOT_ONLY = {"fetchMargins": False, "fetchCurrencies": False, "fetchMarkets": {"types": ["spot"]}}
_OPTIONS: dict[str, dict[str, Any]] = {"binance": _SPOT_ONLY, "binanceus": _SPOT_ONLY}


class UnknownExchange(ValueError):
    """The library has no exchange of this name."""


class _Watched:
    """Stands before an exchange of ccxt: keeps deadlines on the wire and turns error answers into `Answered`.

    `ends` is the monotonic moment after which nothing may be sent; `sent` counts requests.
    """

    ends: float | None = None
    sent = 0

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if self.ends is not None:
            left = self.ends - time.monotonic()
            if left <= 0:
                raise NotSent("its window was over before it was sent")
            self.timeout = max(1, int(left * 1000))
        self.sent += 1
        return super().fetch(url, method, headers, body)  # type: ignore[misc]

    def handle_errors(self, code: int, reason: str, url: str, method: str, *rest: Any) -> Any:
        body = str(rest[1] or "")
        try:
            handled = super().handle_errors(code, reason, url, method, *rest)  # type: ignore[misc]
        except ccxt.BaseError as error:
            raise _answered(code, body, kind=type(error).__name__) from error
        if code >= 400:
            raise _answered(code, body, kind="")
        return handled


def make(exchange: str, *, key: str | None, secret: str | None, url: str | None) -> Any:
    """Make a client that retries nothing and reads numbers as text; `url` replaces every host it would talk to.

    Raises:
        UnknownExchange: when ccxt does not know the name.
    """
    base = getattr(ccxt, exchange, None)
    if exchange not in ccxt.exchanges or base is None:
        raise UnknownExchange(f"ccxt knows no exchange {exchange!r}")
    logging.getLogger("ccxt").setLevel(logging.INFO)  # its debug records carry keys and signatures
    made = type(f"Watched{exchange}", (_Watched, base), {})(
        {"apiKey": key or "", "secret": secret or "", "enableRateLimit": not _is_loopback(url)}
    )
    made.options.update(_OPTIONS.get(exchange, {}))
    made.number = str
    if url is not None:
        made.urls["api"] = _moved(made.urls["api"], url.rstrip("/"))
    return made


def is_missing(answer: Answered) -> bool:
    """Whether an answer says that there is no such order."""
    return answer.kind in ("OrderNotFound", "OrderNotCached")


def _answered(status: int, body: str, *, kind: str) -> Answered:
    return Answered(status=status, body=body, code=code_in(body, "code", "retCode"), kind=kind)


def _is_loopback(url: str | None) -> bool:
    return url is not None and _LOOPBACK.match(url) is not None


def _moved(urls: Any, base: str) -> Any:
    if isinstance(urls, dict):
        return {name: _moved(one, base) for name, one in urls.items()}
    return _HOST.sub(base, urls) if isinstance(urls, str) else urls


def ask(client: Any, question: Callable[[], T]) -> T:
    """Ask a client a question that changes nothing, a few times at most.

    Raises:
        Answered: when the exchange refused the question.
        VenueUnavailable: when it did not answer in time.
    """
    return reading.ask(_timed(client, question))


def ask_surely(client: Any, question: Callable[[], T], *, budget_s: float | None = None) -> T:
    """Ask a client what the exchange has no reason to refuse.

    Raises:
        VenueUnavailable: when the exchange did not answer, or refused to.
    """
    return reading.ask_surely(_timed(client, question), budget_s=budget_s)


def _timed(client: Any, question: Callable[[], T]) -> Callable[[float], T]:
    def once(seconds: float) -> T:
        client.timeout = max(1, int(seconds * 1000))
        return question()

    return once
