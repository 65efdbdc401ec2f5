"""The load generator: `python -m bench.load_generator PLAN RESULT` posts alerts by a plan and writes the result.

It speaks HTTP/1.1 on raw sockets under asyncio: bodies are encoded beforehand but for their number, and of a response
only status, length and signal id are read. Its processor time is in the result, since it runs on the measured machine.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from bench import alerts

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ID = b'"signal_id":"'
_NEW = b'"status":"accepted"'
_LAST_ANSWER_WITHIN_S = 15.0
_RETRY_STATUS = "503"
RETRY_AFTER_S = 0.25
MAX_TRIES = 8


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Plan of a load: the address, and the number and rate of alerts.

    Without `rate` each connection posts again as soon as it has its answer; with it (alerts per second) alerts are sent
    on schedule, and latency counts from when they were due. The load ends after `seconds` or `count` alerts.
    """

    host: str
    port: int
    path: str
    run: str
    at: datetime
    connections: int
    seconds: float
    count: int | None = None
    rate: float | None = None


class AcknowledgedAlert(msgspec.Struct, frozen=True, array_like=True):
    """An alert answered with 200: its signal's id, when it was first due (Unix time), whether the signal is new."""

    signal_id: str
    sent_at: float
    is_new: bool


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a load: latencies of all answers, number of answers by HTTP status, alerts without any answer.

    `posted` counts alerts, however often each was sent. `cpu_s` is the generator's own processor time during `seconds`.
    """

    seconds: float
    cpu_s: float
    posted: int
    statuses: dict[str, int]
    unanswered: int
    latencies_ms: list[float]
    acknowledged: list[AcknowledgedAlert]


class _LoadRun:
    """One run of a load plan over several connections.

    An alert that is answered with 503 is sent again, as the answer requests: it may have been stored all the same, and
    is then answered with the id it has.
    """

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.statuses: Counter[str] = Counter()
        self.latencies_ms: list[float] = []
        self.acknowledged: list[AcknowledgedAlert] = []
        self.unanswered = 0
        self.posted = 0
        self._requests = islice(_build_requests(plan), plan.count)
        self._connections: list[_Connection] = []
        self._idle: list[_Connection] = []
        self._due: deque[float] = deque()
        self._busy = 0
        self._ends = 0.0
        self._done = asyncio.Event()

    async def run(self) -> float:
        """Run the plan; return how many seconds it took."""
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            _, connection = await loop.create_connection(lambda: _Connection(self), self.plan.host, self.plan.port)
            self._connections.append(connection)
        try:
            return await self._post_all()
        finally:
            for connection in self._connections:
                connection.close()

    async def _post_all(self) -> float:
        """Post until the plan is done; return how many seconds it took."""
        self._idle = list(self._connections)
        started = time.perf_counter()
        self._ends = started + self.plan.seconds
        if self.plan.rate is None:
            for connection in self._take_idle():
                self._send_next(connection, due=time.perf_counter())
        else:
            await self._post_on_schedule(started, self.plan.rate)
        await asyncio.wait_for(self._done.wait(), self.plan.seconds + _LAST_ANSWER_WITHIN_S)
        return time.perf_counter() - started

    def handle_answer(self, connection: _Connection, request: _SentRequest, status: str, *, body: bytes) -> None:
        """Record an answer and send the next alert on the connection, or the same one again after a 503."""
        now = time.perf_counter()
        self.latencies_ms.append((now - request.at) * 1000)
        self.statuses[status] += 1
        if status == _RETRY_STATUS and request.tries < MAX_TRIES:
            asyncio.get_running_loop().call_later(
                RETRY_AFTER_S, connection.send, request.build_retry(now + RETRY_AFTER_S)
            )
            return
        self._busy -= 1
        if status == "200":
            at = body.find(_ID) + len(_ID)
            due_at = time.time() - (now - request.due)
            self.acknowledged.append(AcknowledgedAlert(body[at : at + 36].decode(), due_at, _NEW in body))
        self._continue_with(connection)

    def handle_lost_connection(self, connection: _Connection, *, is_busy: bool) -> None:
        """Record a connection that ended, and the request on it that gets no answer."""
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._busy -= is_busy
        self.unanswered += is_busy
        if self._connections:
            self._finish_if_done()
        else:
            self.unanswered += len(self._due)
            self._done.set()

    def _continue_with(self, connection: _Connection) -> None:
        """Send the next alert on a connection, or keep it idle until one is due."""
        if self.plan.rate is None:
            self._send_next(connection, due=time.perf_counter())
        elif self._due:
            self._send_next(connection, due=self._due.popleft())
        else:
            self._idle.append(connection)
            self._finish_if_done()

    async def _post_on_schedule(self, started: float, rate: float) -> None:
        """Post alerts when they are due; those that find no idle connection wait for one."""
        for number in range(int(self.plan.seconds * rate)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._idle:
                self._send_next(self._idle.pop(0), due=due)
            else:
                self._due.append(due)
        self._ends = 0.0
        self._finish_if_done()

    def _send_next(self, connection: _Connection, *, due: float) -> None:
        """Send the next alert on a connection, unless the time or the alerts are used up."""
        is_in_time = self.plan.rate is not None or due < self._ends
        payload = next(self._requests, None) if is_in_time else None
        if payload is None:
            self._ends = 0.0
            self._finish_if_done()
            return
        self._busy += 1
        self.posted += 1
        connection.send(_SentRequest(payload=payload, due=due, at=due))

    def _finish_if_done(self) -> None:
        """End the run when nothing is under way or due and its time is over."""
        if not self._busy and not self._due and self._ends < time.perf_counter():
            self._done.set()

    def _take_idle(self) -> list[_Connection]:
        """Return the idle connections and count them as busy."""
        idle, self._idle = self._idle, []
        return idle


@dataclass(frozen=True, slots=True, kw_only=True)
class _SentRequest:
    """A request on its way: its alert was first `due` then; the latency of its answer counts from `at`."""

    payload: bytes
    due: float
    at: float
    tries: int = 1

    def build_retry(self, at: float) -> _SentRequest:
        """Return the next try of the same alert."""
        return replace(self, at=at, tries=self.tries + 1)


class _Connection(asyncio.Protocol):
    """One keep-alive HTTP connection with at most one request at a time."""

    def __init__(self, load_run: _LoadRun) -> None:
        self._load_run = load_run
        self._request: _SentRequest | None = None
        self._buffer = b""
        self._is_closed = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream connection has one
        self._transport = transport

    def send(self, request: _SentRequest) -> None:
        """Send one request."""
        assert self._transport is not None  # noqa: S101 - it is connected before it is used
        self._request = request
        self._transport.write(request.payload)

    def close(self) -> None:
        """Close the connection without counting it as lost."""
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Collect received bytes; hand over each answer when it is complete."""
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(_HEAD_END)
        if head < 0:
            return
        total_length = head + len(_HEAD_END) + _read_content_length(self._buffer[:head])
        if len(self._buffer) < total_length:
            return
        answer, self._buffer = self._buffer[:total_length], self._buffer[total_length:]
        request, self._request = self._request, None
        if request is not None:
            self._load_run.handle_answer(self, request, answer[9:12].decode(), body=answer[head:])

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._is_closed:
            self._load_run.handle_lost_connection(self, is_busy=self._request is not None)


def _read_content_length(head: bytes) -> int:
    """Return the value of the Content-Length header; 0 without one."""
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _build_requests(plan: LoadPlan) -> Iterator[bytes]:
    """Yield complete HTTP requests without end."""
    lines = (
        f"POST {plan.path} HTTP/1.1",
        f"Host: {plan.host}:{plan.port}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: ",
    )
    head = "\r\n".join(lines).encode()
    for body in alerts.generate_bodies(run=plan.run, at=plan.at):
        yield b"%b%d\r\n\r\n%b" % (head, len(body), body)


async def run_load(plan: LoadPlan) -> LoadResult:
    """Run a load plan and return its result."""
    load_run = _LoadRun(plan)
    before = _read_cpu_seconds()
    seconds = await load_run.run()
    return LoadResult(
        seconds=seconds,
        cpu_s=_read_cpu_seconds() - before,
        posted=load_run.posted,
        statuses=dict(load_run.statuses),
        unanswered=load_run.unanswered,
        latencies_ms=load_run.latencies_ms,
        acknowledged=load_run.acknowledged,
    )


def _read_cpu_seconds() -> float:
    """Return the processor time that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=LoadPlan)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(asyncio.run(run_load(_plan))))
