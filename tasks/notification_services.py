"""Sending notifications with Apprise, which only this module knows and loads only when something is sent.

Apprise's URLs hold tokens, and its services' log lines may too: of both, only a service's kind and the status of an
HTTP answer leave this module.
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
class NotificationService:
    """A service of NOTIFY_URLS: its number in the list, its kind (the URL's scheme), and a hash that identifies it."""

    number: int
    kind: str
    mark: str
    url: Secret

    @property
    def name(self) -> str:
        """The service's name in messages, without its secret."""
        return f"{self.number} ({self.kind})"


@dataclass(slots=True, kw_only=True)
class _Sending:
    """A message on its way to a service, and the error so far."""

    target: Any
    message: Message
    error: str | None = "no answer in time"


class _Statuses(logging.Handler):
    """Keeps the HTTP status that a service logs, for the sending thread."""

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the HTTP status in a log record, if it holds one."""
        match = _STATUS.search(record.getMessage())
        if match is not None:
            _ON_THIS_THREAD.status = match.group(1)


def list_services(settings: Settings) -> list[NotificationService]:
    """Return the services of NOTIFY_URLS, in order."""
    return [
        NotificationService(
            number=number,
            kind=url.reveal().partition("://")[0],
            mark=hashlib.sha256(url.reveal().encode()).hexdigest()[:12],
            url=url,
        )
        for number, url in enumerate(settings.notify_urls, 1)
    ]


def require_usable_urls(settings: Settings) -> None:
    """Check that Apprise accepts the form of each URL of NOTIFY_URLS.

    Raises:
        SettingInvalid: naming the first that it does not accept, by its number.
    """
    for service in list_services(settings):
        if _build_target(service) is None:
            allowed = f"URL {service.number}, which begins with {service.kind}://, is none that Apprise can send to"
            raise SettingInvalid("NOTIFY_URLS", "…", allowed)


def send_messages(messages: Sequence[tuple[NotificationService, Message]], *, within_s: float) -> list[str | None]:
    """Send messages in parallel; return for each None when it was accepted, else the error.

    A service that does not answer within the time counts as failed, though it may still deliver its message.
    """
    ends = time.monotonic() + within_s
    sendings = [_Sending(target=_build_target(service), message=message) for service, message in messages]
    threads = [
        threading.Thread(target=_send_message, args=(sending,), name="notification", daemon=True)
        for sending in sendings
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return [sending.error for sending in sendings]


def _send_message(sending: _Sending) -> None:
    """Send one message, and store on it None, or an error without the service's secret."""
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


def _build_target(service: NotificationService) -> Any:
    """Return Apprise's object for a service; None when Apprise does not know the form of its URL."""
    with warnings.catch_warnings():  # its services use deprecated functions of other libraries, which we cannot change
        warnings.simplefilter("ignore")
        import apprise  # noqa: PLC0415 - it is slow to load, and most processes send nothing

        _capture_statuses()
        return apprise.Apprise.instantiate(service.url.reveal())


def _capture_statuses() -> None:
    """Keep the services' log lines out of our log, except the HTTP status in them."""
    logger = logging.getLogger("apprise")
    if not any(isinstance(handler, _Statuses) for handler in logger.handlers):
        logger.handlers[:] = [_Statuses()]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
