"""A TCP proxy between our processes and a server: it can freeze, slow down or cut what passes through."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK = 64 * 1024
Target = tuple[str, int] | Path


class Proxy:
    """Listens on `port` of 127.0.0.1 and passes everything to `target` (an address, or a unix socket) and back.

    While frozen, connections stand and nothing passes, new ones are accepted and hear nothing: what a stopped server
    looks like.
    """

    def __init__(self, target: Target) -> None:
        self._delay_s = 0.0
        self._target = target
        self._passing = threading.Event()
        self._passing.set()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._serve()

    def freeze(self) -> None:
        """Let nothing pass."""
        self._passing.clear()

    def thaw(self) -> None:
        """Let everything pass again, what waited first."""
        self._passing.set()

    def delay(self, seconds: float) -> None:
        """Hold up each piece of data, both ways; 0 ends that."""
        self._delay_s = seconds

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        # A listener that only closes would go on accepting while another thread waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Close all connections; new ones are accepted."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Listen again after a cut, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        self._passing.wait()
        with suppress(OSError), client, self._reach() as server:
            pair = {client, server}
            self._open |= pair
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()
            self._open -= pair

    def _reach(self) -> socket.socket:
        if not isinstance(self._target, Path):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self._target))
        except OSError:
            server.close()
            raise
        return server

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        """Pass what comes from one side on to the other until either side closes; then close both ways."""
        with suppress(OSError):
            while data := one.recv(_CHUNK):
                self._passing.wait()
                time.sleep(self._delay_s)
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def a_proxy(target: Target) -> Iterator[Proxy]:
    """Give a proxy; afterwards its connections are closed."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.thaw()
        proxy.cut()
