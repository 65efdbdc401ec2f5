"""Builds the WSGI environment of a request from the server's description of it."""

from __future__ import annotations

import sys
from typing import Any

from granian.rsgi import Scope

_PLAIN_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_FIXED: dict[str, Any] = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


def build_environ(scope: Scope) -> dict[str, Any]:
    """Return the WSGI environment, without `wsgi.input`."""
    server, _, port = scope.server.rpartition(":")
    return {
        **_FIXED,
        "REQUEST_METHOD": scope.method,
        # WSGI wants the bytes of the path, read as Latin-1.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        **_name_headers(scope),
    }


def _name_headers(scope: Scope) -> dict[str, str]:
    """Return the headers by their WSGI names; one that comes several times has its values joined by commas.

    A name with an underscore is dropped: under its WSGI name `X_Forwarded_For` would replace the header that a proxy
    has checked.
    """
    named: dict[str, str] = {}
    for name, value in scope.headers.items():
        if "_" not in name:
            key = _PLAIN_NAMES.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
            named[key] = f"{named[key]}{'; ' if name == 'cookie' else ','}{value}" if key in named else value
    return named
