"""Checks and spellings of URLs in settings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_ENGINE = re.compile(r"https?://[^/?#@\s]+([/?][^#\s]*)?(#latency=[0-9]{1,2}(\.[0-9]{1,3})?)?", flags=re.ASCII)
_VENUE = re.compile(r"(https://[^/@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(/[^@]*)?")
_HOST = re.compile(r"[a-z0-9._:\[\]-]+")


def hide_password(value: str) -> str:
    """Replace user and password of a URL by `…`: everything before the last @, as the URL may be malformed."""
    return re.sub(r"^([A-Za-z0-9+.-]*:/*)?.*@", r"\1…@", value, flags=re.DOTALL)


def spell_for_kombu(url: str | None) -> str | None:
    """Return the URL as Celery spells it: `unix:///path?db=0` becomes `redis+socket:///path?virtual_host=0`."""
    if url is None or not url.startswith("unix://"):
        return url
    return "redis+socket://" + url.removeprefix("unix://").replace("?db=", "?virtual_host=")


def is_engine_url(value: str) -> bool:
    """Return whether the text is `http(s)://host[:port][/path][?query][#latency=SECONDS]`, without a user."""
    return value.isascii() and _ENGINE.fullmatch(value) is not None and _has_host(value)


def is_venue_url(value: str) -> bool:
    """Return whether the text is an https URL, or an http URL of this machine, without a user."""
    return _VENUE.fullmatch(value) is not None


def is_host(value: str) -> bool:
    """Return whether the text is `host` or `host:port` in lower case, with IPv6 addresses in brackets."""
    return _HOST.fullmatch(value) is not None and _has_host(f"//{value}")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
