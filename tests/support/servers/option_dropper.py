"""A stand-in for a pooler that swallows start options: it passes connections on to Postgres without their `options`."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SSL_REQUEST = 80_877_103


@contextmanager
def a_dropper(postgres: Path, *, refuses: bool = False) -> Iterator[int]:
    """Give the port of a pooler before the Postgres at a unix socket; with `refuses` it ends such connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, postgres, refuses), daemon=True).start()
        yield int(listener.getsockname()[1])


def _accept(listener: socket.socket, postgres: Path, refuses: bool) -> None:
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=_pass_on, args=(client, postgres, refuses), daemon=True).start()


def _pass_on(client: socket.socket, postgres: Path, refuses: bool) -> None:
    with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError, struct.error):
        code, fields = _read_start(client)
        while code == _SSL_REQUEST:
            client.sendall(b"N")
            code, fields = _read_start(client)
        words = fields.rstrip(b"\0").split(b"\0")
        pairs = [(name, value) for name, value in zip(words[::2], words[1::2], strict=True) if name != b"options"]
        if refuses:
            client.sendall(_build_refusal())
            return
        server.connect(str(postgres))
        body = struct.pack("!i", code) + b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
        server.sendall(struct.pack("!i", len(body) + 4) + body)
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        _copy(client, server)


def _read_start(client: socket.socket) -> tuple[int, bytes]:
    size, code = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
    return code, client.recv(size - 8, socket.MSG_WAITALL) if size > 8 else b""


def _build_refusal() -> bytes:
    body = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
