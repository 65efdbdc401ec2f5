"""Where a request comes from and whose certificate came with it: the second factors beside the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from app.web import client_certificate
from config.values import Network

Address = IPv4Address | IPv6Address


def address_of(environ: Mapping[str, Any], *, trusted_proxies: int) -> Address | None:
    """Return the address that reached the first of our own proxies; None when it is not told.

    Each proxy adds the address it was reached from to X-Forwarded-For. With two of ours, the last but one is what the
    outer one saw, whatever the sender wrote before it.
    """
    told = str(environ.get("REMOTE_ADDR", ""))
    if trusted_proxies:
        hops = [one.strip() for one in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
        told = hops[-trusted_proxies] if len(hops) >= trusted_proxies else ""
    try:
        found = ip_address(told)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def allowed_by(networks: Sequence[Network] | None, *, trusted_proxies: int) -> Callable[[Mapping[str, Any]], bool]:
    """Return what says of a request whether its sender is on the list; without a list everybody is."""

    def is_allowed(environ: Mapping[str, Any]) -> bool:
        if networks is None:
            return True
        address = address_of(environ, trusted_proxies=trusted_proxies)
        return address is not None and any(address in network for network in networks)

    return is_allowed


def certified(header: str | None) -> Callable[[Mapping[str, Any]], bool]:
    """Return what says of a request whether our proxy saw TradingView's certificate; without a header everybody passes.

    The header's name has neither dash nor underscore: a server takes one for the other, so that a sender could send
    what the proxy does not know for the header that it sets. One that comes twice is joined, and is no subject then.
    """
    key = f"HTTP_{header.upper()}" if header is not None else None

    def is_certified(environ: Mapping[str, Any]) -> bool:
        return key is None or client_certificate.is_tradingviews(str(environ.get(key, "")))

    return is_certified
