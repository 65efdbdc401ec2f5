"""Where a remote engine lives, and which addresses a connection to it may go to."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
# Well-known prefix under which a gateway carries IPv4 (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(PermissionError):
    """The host resolves to an address of our own network, and is not on the allow-list."""


class HostUnknown(ConnectionError):
    """The host's name cannot be resolved."""


class ResolvingTimeout(TimeoutError):
    """The name service did not answer within the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A URL taken apart; `target` is what the request line asks for, `host` has no brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read `http(s)://host[:port][/path][?query]`.

        Raises:
            ValueError: for another scheme, a user, a fragment, or no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or parts.fragment:
            raise ValueError("http(s)://host[:port]/path, without user and fragment")
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        return cls(scheme=parts.scheme, host=parts.hostname, port=parts.port or _PORTS[parts.scheme], target=target)

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_among(self, allowed: Collection[str]) -> bool:
        """Say whether one of the entries `host` or `host:port` names this host."""
        parts = [urlsplit(f"//{one}") for one in allowed]
        return any(one.hostname == self.host and one.port in (None, self.port) for one in parts)


def resolve(endpoint: Endpoint, *, allowed: Collection[str], deadline_at: float) -> list[str]:
    """Look the host up once and return its addresses, each of which a connection may go to.

    Raises:
        AddressRefused: when any address is loopback, private, link-local or otherwise not public, and the host is not
            among the `allowed`.
        HostUnknown, ResolvingTimeout: when there is no address, or none in time.
    """
    found = _looked_up(endpoint, deadline_at=deadline_at)
    if not endpoint.is_among(allowed):
        for address in found:
            if not is_public(address):
                raise AddressRefused(f"{endpoint.host} is {address}, not a public address; see ENGINE_HOSTS_ALLOWED")
    return found


def is_public(address: str) -> bool:
    """Say whether an address, or the IPv4 address it carries inside, belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _carried(ip) if isinstance(ip, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _looked_up(endpoint: Endpoint, *, deadline_at: float) -> list[str]:
    # getaddrinfo takes no deadline; a thread that waits for it can be left behind.
    answers: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(endpoint, answers), name="engine-lookup", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, deadline_at - time.monotonic()))
    except queue.Empty:
        raise ResolvingTimeout(f"the name {endpoint.host} was not resolved within the deadline") from None
    if isinstance(found, list):
        return found
    raise HostUnknown(f"the name {endpoint.host} cannot be resolved: {found}")


def _look_up(endpoint: Endpoint, answers: queue.SimpleQueue[list[str] | OSError | UnicodeError]) -> None:
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(one[4][0]) for one in found)))
    except (OSError, UnicodeError) as error:
        answers.put(error)
