"""Checks of an alert's sender beside its token: the client's address and its TLS certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from app.web import client_certificate
from config.values import Network

Address = IPv4Address | IPv6Address


def client_address(environ: Mapping[str, Any], *, trusted_proxies: int) -> Address | None:
    """Return the address of the client that reached the first of our own proxies; None when it is unknown.

    Each proxy adds the address it was reached from to X-Forwarded-For. With two of ours, the last but one is what the
    outer proxy saw, whatever the sender wrote before it.
    """
    address = str(environ.get("REMOTE_ADDR", ""))
    if trusted_proxies:
        hops = [hop.strip() for hop in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
        address = hops[-trusted_proxies] if len(hops) >= trusted_proxies else ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def make_sender_check(
    networks: Sequence[Network] | None, *, trusted_proxies: int
) -> Callable[[Mapping[str, Any]], bool]:
    """Return a check whether a request comes from one of these networks; without a list every request does."""

    def is_allowed(environ: Mapping[str, Any]) -> bool:
        if networks is None:
            return True
        address = client_address(environ, trusted_proxies=trusted_proxies)
        return address is not None and any(address in network for network in networks)

    return is_allowed


def make_certificate_check(header: str | None) -> Callable[[Mapping[str, Any]], bool]:
    """Return a check whether our proxy verified TradingView's certificate; without a header every request passes.

    The settings allow no dash or underscore in the header's name: WSGI servers treat them alike, so that a sender could
    set the same variable by a header that the proxy does not overwrite. A header that comes twice is joined by the
    server, and the joined text is no valid subject.
    """
    key = f"HTTP_{header.upper()}" if header is not None else None

    def is_certified(environ: Mapping[str, Any]) -> bool:
        return key is None or client_certificate.is_tradingview_subject(str(environ.get(key, "")))

    return is_certified
