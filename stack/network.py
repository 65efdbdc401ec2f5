"""Ports and addresses on this machine."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import closing

from stack.errors import StackRefused


def require_free_port(bind: str, port: int, *, flag: str, patience_s: float = 0.0) -> None:
    """Check that the port can be bound, waiting up to `patience_s` for the processes of a killed stack to release it.

    Raises:
        StackRefused: naming the port and the flag that chooses another.
    """
    deadline = time.monotonic() + patience_s
    while not _is_port_free(bind, port):
        if time.monotonic() > deadline:
            raise StackRefused(f"port {port} on {bind} is taken by another program; choose another with {flag}")
        time.sleep(0.1)


def _is_port_free(bind: str, port: int) -> bool:
    """Return whether the port can be bound on an address; raise StackRefused where it never can."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: connections in TIME_WAIT do not block the port.
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


def local_host(bind: str) -> str:
    """Return the host under which this machine reaches a server bound to `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared, not bound


def build_url(bind: str, port: int) -> str:
    """Return the URL under which this machine reaches a server bound to `bind`."""
    host = local_host(bind)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_answering(bind: str, port: int, path: str) -> bool:
    """Return whether `GET path` is answered with 200 within two seconds."""
    with closing(http.client.HTTPConnection(local_host(bind), port, timeout=2)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
