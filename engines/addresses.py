"""Endpoint of a remote engine, and resolution of its host to addresses that a connection may go to."""

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
    """The host resolves to a private or otherwise non-public address, and is not on the allow-list."""


class HostUnknown(ConnectionError):
    """The host's name cannot be resolved."""


class ResolveTimeout(TimeoutError):
    """The name service did not answer within the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Parts of a URL: `target` is path and query, as in the request line; an IPv6 `host` has no brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Parse `http(s)://host[:port][/path][?query]`.

        Raises:
            ValueError: for another scheme, a user, a fragment, or no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or parts.fragment:
            raise ValueError("http(s)://host[:port]/path, without user and fragment but #latency=SECONDS")
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        return cls(scheme=parts.scheme, host=parts.hostname, port=parts.port or _PORTS[parts.scheme], target=target)

    @property
    def authority(self) -> str:
        """The value of the Host header, with the port unless it is the default of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_among(self, allowed: Collection[str]) -> bool:
        """Return whether one of the entries `host` or `host:port` names this endpoint."""
        entries = [urlsplit(f"//{entry}") for entry in allowed]
        return any(entry.hostname == self.host and entry.port in (None, self.port) for entry in entries)


def resolve(endpoint: Endpoint, *, allowed: Collection[str], deadline_at: float) -> list[str]:
    """Look the host up once and return its addresses; a connection may go to any of them.

    Raises:
        AddressRefused: when any address is loopback, private, link-local or otherwise not public, and the host is not
            among the `allowed`.
        HostUnknown, ResolvingTimeout: when there is no address, or none in time.
    """
    host_addresses = _look_up_in_thread(endpoint, deadline_at=deadline_at)
    if not endpoint.is_among(allowed):
        for address in host_addresses:
            if not is_public(address):
                raise AddressRefused(f"{endpoint.host} is {address}, not a public address; see ENGINE_HOSTS_ALLOWED")
    return host_addresses


def is_public(address: str) -> bool:
    """Return whether an address, or the IPv4 address embedded in it, belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    embedded = _embedded_ipv4(ip) if isinstance(ip, IPv6Address) else None
    if embedded is not None:
        return is_public(str(embedded))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _embedded_ipv4(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address in a Teredo, NAT64, mapped or 6to4 address, else None."""
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _look_up_in_thread(endpoint: Endpoint, *, deadline_at: float) -> list[str]:
    """Look the host up in a thread of its own and wait for it until the deadline."""
    # getaddrinfo takes no deadline, so the thread is abandoned when it is too slow.
    answers: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()
    threading.Thread(target=_put_addresses, args=(endpoint, answers), name="engine-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, deadline_at - time.monotonic()))
    except queue.Empty:
        raise ResolveTimeout(f"the name {endpoint.host} was not resolved within the deadline") from None
    if isinstance(answer, list):
        return answer
    raise HostUnknown(f"the name {endpoint.host} cannot be resolved: {answer}")


def _put_addresses(endpoint: Endpoint, answers: queue.SimpleQueue[list[str] | OSError | UnicodeError]) -> None:
    """Put the host's addresses, or the error of the lookup, into a queue."""
    try:
        entries = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(socket_address[0]) for *_, socket_address in entries)))
    except (OSError, UnicodeError) as error:
        answers.put(error)
