"""The simulator's HTTP side: requests in, the fault that meets them, answers out or not."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from simulator.account import AT_ONCE
from simulator.faults import Fault, FaultName
from simulator.venue import CONTROL, Simulator
from simulator.wire import Answer, Call, Request

_UNKNOWN = Answer(status=404, body={"message": "the simulator does not know this path"})
_GARBAGE = Answer(body="<html><body>upstream error</body></html>", headers={"Content-Type": "text/html"})


class Server(ThreadingHTTPServer):
    """Serves one simulator on a loopback port, a thread per connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        super().__init__(address, Handler)
        self.simulator = simulator


class Handler(BaseHTTPRequestHandler):
    """Reads one request after another from a connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        """Serve a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Serve a POST."""
        self._serve()

    def do_DELETE(self) -> None:
        """Serve a DELETE."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so by the base class
        """Say nothing: the ledger has it all."""

    def _serve(self) -> None:
        request, simulator = self._read(), self.server.simulator
        if request.path == CONTROL:
            self._send(simulator.control(request))
            return
        call = simulator.understand(request)
        if call is None:
            self._send(_UNKNOWN)
            return
        fault = simulator.met(request, call)
        if fault is None:
            self._send(call.run(AT_ONCE))
        else:
            self._go_wrong(fault, call)

    def _go_wrong(self, fault: Fault, call: Call) -> None:
        match fault.name:
            case FaultName.LOSE_ANSWER:
                call.run(AT_ONCE)
                self._hang_up()
            case FaultName.HOLD_ANSWER:
                answer = call.run(AT_ONCE)
                self.server.simulator.hold()
                self._send(answer)
            case FaultName.ACCEPT_LATE:
                self.server.simulator.run_later(call, after_s=fault.after_s)
                self._hang_up()
            case FaultName.SILENT:
                self.server.simulator.hold()
                self._hang_up()
            case _:
                self._send(_answered(fault, call))

    def _read(self) -> Request:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            method=self.command,
            path=unquote(path),
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length).decode() if length else "",
        )

    def _send(self, answer: Answer) -> None:
        payload = answer.payload
        try:
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
            self.wfile.flush()
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _answered(fault: Fault, call: Call) -> Answer:
    match fault.name:
        case FaultName.ERROR_AFTER:
            call.run(AT_ONCE)
            return _error(fault.status)
        case FaultName.ERROR_BEFORE:
            return _error(fault.status)
        case FaultName.GARBAGE:
            call.run(AT_ONCE)
            return _GARBAGE
        case FaultName.THROTTLE:
            body = {"code": -1003, "msg": "Too many requests.", "message": "too many requests."}
            return Answer(status=429, body=body, headers={"Retry-After": f"{fault.after_s:g}"})
        case FaultName.PARTIAL:
            return call.run(fault.plan)
        case _:
            return call.rejection


def _error(status: int) -> Answer:
    return Answer(status=status, body="Service Unavailable.", headers={"Content-Type": "text/plain"})
