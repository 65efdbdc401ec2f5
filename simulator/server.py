"""The simulator's HTTP server: it reads requests, applies faults and sends the answers."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from simulator.faults import FaultKind, SimulatorFault
from simulator.orders import FILL_AT_ONCE
from simulator.venue import CONTROL_PATH, Simulator
from simulator.wire import VenueCall, WireAnswer, WireRequest

_UNKNOWN_PATH = WireAnswer(status=404, body={"message": "the simulator does not know this path"})
_GARBAGE = WireAnswer(body="<html><body>upstream error</body></html>", headers={"Content-Type": "text/html"})


class SimulatorServer(ThreadingHTTPServer):
    """HTTP server of one simulator on a loopback port, with a thread per connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        super().__init__(address, SimulatorHandler)
        self.simulator = simulator


class SimulatorHandler(BaseHTTPRequestHandler):
    """Handler of one connection's requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: SimulatorServer

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
        """Log nothing: the ledger records every request."""

    def _serve(self) -> None:
        """Answer the request on the connection, unless a fault prevents it."""
        request, simulator = self._read_request(), self.server.simulator
        if request.path == CONTROL_PATH:
            self._send(simulator.handle_control(request))
            return
        call = simulator.resolve_call(request)
        if call is None:
            self._send(_UNKNOWN_PATH)
            return
        fault = simulator.draw_fault(request, call)
        if fault is None:
            self._send(call.run(FILL_AT_ONCE))
        else:
            self._apply_fault(fault, call)

    def _apply_fault(self, fault: SimulatorFault, call: VenueCall) -> None:
        """Perform a call in the way of a fault: late, without an answer, or with a wrong one."""
        match fault.kind:
            case FaultKind.LOSE_ANSWER:
                call.run(FILL_AT_ONCE)
                self._hang_up()
            case FaultKind.HOLD_ANSWER:
                answer = call.run(FILL_AT_ONCE)
                self.server.simulator.wait_for_release()
                self._send(answer)
            case FaultKind.ACCEPT_LATE:
                self.server.simulator.run_later(call, after_s=fault.after_s)
                self._hang_up()
            case FaultKind.SILENT:
                self.server.simulator.wait_for_release()
                self._hang_up()
            case _:
                self._send(_build_faulty_answer(fault, call))

    def _read_request(self) -> WireRequest:
        """Read the request from the connection."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        return WireRequest(
            method=self.command,
            path=unquote(path),
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length).decode() if length else "",
        )

    def _send(self, answer: WireAnswer) -> None:
        """Send an answer; a client that has gone away is no error."""
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
        """Close the connection without an answer."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _build_faulty_answer(fault: SimulatorFault, call: VenueCall) -> WireAnswer:
    """Return the answer of a fault that sends one; some perform the call first."""
    match fault.kind:
        case FaultKind.ERROR_AFTER:
            call.run(FILL_AT_ONCE)
            return _build_error(fault.status)
        case FaultKind.ERROR_BEFORE:
            return _build_error(fault.status)
        case FaultKind.GARBAGE:
            call.run(FILL_AT_ONCE)
            return _GARBAGE
        case FaultKind.THROTTLE:
            body = {"code": -1003, "msg": "Too many requests.", "message": "too many requests."}
            return WireAnswer(status=429, body=body, headers={"Retry-After": f"{fault.after_s:g}"})
        case FaultKind.PARTIAL:
            return call.run(fault.plan)
        case _:
            return call.rejection


def _build_error(status: int) -> WireAnswer:
    return WireAnswer(status=status, body="Service Unavailable.", headers={"Content-Type": "text/plain"})
