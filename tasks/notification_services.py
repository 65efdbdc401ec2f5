"""Sending messages to people: the one place that knows Apprise, which is loaded only where something is sent.

Apprise's URLs hold tokens, and what its services log may too: nothing of either leaves this module but a service's kind
and the number of an HTTP answer.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.settings import Settings
from config.values import Secret, SettingInvalid
from domain.incidents import Message

_STATUS = re.compile(r"error=(\d{3})\b")
_ON_THIS_THREAD = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service that takes messages: its place among the URLs, its kind, and a mark that tells it from others."""

    number: int
    kind: str
    mark: str
    url: Secret

    @property
    def name(self) -> str:
        """How it is called where people read, without its secret."""
        return f"{self.number} ({self.kind})"


@dataclass(slots=True, kw_only=True)
class _Sending:
    target: Any
    message: Message
    error: str | None = "no answer in time"


class _Statuses(logging.Handler):
    """Keeps the HTTP status that a service logs, for the thread that sends."""

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found is not None:
            _ON_THIS_THREAD.status = found.group(1)


def services(settings: Settings) -> list[Service]:
    """Return the services of NOTIFY_URLS, in order."""
    return [
        Service(
            number=number,
            kind=one.reveal().partition("://")[0],
            mark=hashlib.sha256(one.reveal().encode()).hexdigest()[:12],
            url=one,
        )
        for number, one in enumerate(settings.notify_urls, 1)
    ]


def check(settings: Settings) -> None:
    """Prove that each URL of NOTIFY_URLS is one that can be sent to, as far as its form tells.

    Raises:
        SettingInvalid: naming the first that is not, by its number.
    """
    for one in services(settings):
        if _target(one) is None:
            told = f"URL {one.number}, which begins with {one.kind}://, is none that Apprise can send to"
            raise SettingInvalid("NOTIFY_URLS", "…", told)


def send(messages: Sequence[tuple[Service, Message]], *, within_s: float) -> list[str | None]:
    """Send messages side by side; return for each None when it was taken, else why not.

    Services that do not answer within the time are left to themselves: one may still take its message.
    """
    ends = time.monotonic() + within_s
    sendings = [_Sending(target=_target(service), message=message) for service, message in messages]
    threads = [threading.Thread(target=_send, args=(one,), name="notification", daemon=True) for one in sendings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return [one.error for one in sendings]


def _send(sending: _Sending) -> None:
    if sending.target is None:
        sending.error = "is none that Apprise can send to"
        return
    _ON_THIS_THREAD.status = None
    try:
        taken = sending.target.notify(title=sending.message.title, body=sending.message.body)
    except Exception as error:  # noqa: BLE001 - a service fails in its own ways; their texts may hold its secret
        sending.error = type(error).__name__
        return
    status = _ON_THIS_THREAD.status
    sending.error = None if taken else f"answered {status}" if status else "did not take it"


def _target(service: Service) -> Any:
    """Return Apprise's object for a service; None when it knows none of that form."""
    with warnings.catch_warnings():  # its many services use what is deprecated, which is none of our matter
        warnings.simplefilter("ignore")
        import apprise  # noqa: PLC0415 - it is slow to load, and most processes send nothing

        _silence()
        return apprise.Apprise.instantiate(service.url.reveal())


def _silence() -> None:
    """Keep what services log away from our log, except the number that it tells."""
    logger = logging.getLogger("apprise")
    if not any(isinstance(one, _Statuses) for one in logger.handlers):
        logger.handlers[:] = [_Statuses()]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
