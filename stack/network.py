"""Ports and addresses on this machine."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import closing

from stack.errors import StackRefused


def require_free(bind: str, port: int, *, flag: str, patience_s: float = 0.0) -> None:
    """Return when the port can be bound, waiting up to `patience_s` for what a killed stack still holds.

    Raises:
        StackRefused: naming the port and the flag that chooses another.
    """
    deadline = time.monotonic() + patience_s
    while not _is_free(bind, port):
        if time.monotonic() > deadline:
            raise StackRefused(f"port {port} on {bind} is taken by another program; choose another with {flag}")
        time.sleep(0.1)


def _is_free(bind: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: connections that are only waiting out their time do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except PermissionError:
            raise StackRefused(f"no permission to bind port {port} on {bind}") from None
        except socket.gaierror:
            raise StackRefused(f"BIND={bind!r} is not an address of this machine") from None
        except OSError:
            return False
    return True


def reachable(bind: str) -> str:
    """Name the host under which this machine reaches a server bound to `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared, not bound


def url(bind: str, port: int) -> str:
    """Return the URL under which this machine reaches a server bound to `bind`."""
    host = reachable(bind)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(bind: str, port: int, path: str) -> bool:
    """Tell whether `GET path` is answered with 200 within two seconds."""
    with closing(http.client.HTTPConnection(reachable(bind), port, timeout=2)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
