"""The load generator, a process of its own: `python -m bench.load PLAN RESULT` posts alerts and tells the answers.

HTTP/1.1 on raw sockets under asyncio: bodies are written beforehand but for their number, of a response only its
status, its length and the signal's id are read. What it costs is part of the result, since it runs beside what it
measures.
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
_AGAIN_STATUS = "503"
AGAIN_AFTER_S = 0.25
TRIES = 8


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to post where.

    Without `rate` each connection posts again as soon as it has its answer; with it (alerts per second) alerts leave
    on schedule, and their time counts from when they were due. It ends after `seconds` or `count` alerts.
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


class Acknowledged(msgspec.Struct, frozen=True, array_like=True):
    """A signal that was answered with 200: its id, when its alert was first due (Unix time), whether it is new."""

    signal_id: str
    sent_at: float
    is_new: bool


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: `latencies_ms` of all answers, `statuses` by HTTP status, `unanswered` alerts without any.

    `posted` counts alerts, however often each was sent. `cpu_s` is the generator's own processor time while it ran for
    `seconds`.
    """

    seconds: float
    cpu_s: float
    posted: int
    statuses: dict[str, int]
    unanswered: int
    latencies_ms: list[float]
    acknowledged: list[Acknowledged]


class _Run:
    """One run of a plan over connections that know nothing of each other.

    An alert that is answered with 503 is sent again, as its sender is told to: it may have been stored all the same,
    and is then answered with the id it has.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.statuses: Counter[str] = Counter()
        self.latencies_ms: list[float] = []
        self.acknowledged: list[Acknowledged] = []
        self.unanswered = 0
        self.posted = 0
        self._requests = islice(_requests(plan), plan.count)
        self._connections: list[_Connection] = []
        self._idle: list[_Connection] = []
        self._due: deque[float] = deque()
        self._busy = 0
        self._ends = 0.0
        self._done = asyncio.Event()

    async def go(self) -> float:
        """Run the plan; return how many seconds it took."""
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            _, connection = await loop.create_connection(lambda: _Connection(self), self.plan.host, self.plan.port)
            self._connections.append(connection)
        try:
            return await self._post()
        finally:
            for connection in self._connections:
                connection.close()

    async def _post(self) -> float:
        self._idle = list(self._connections)
        started = time.perf_counter()
        self._ends = started + self.plan.seconds
        if self.plan.rate is None:
            for connection in self._take_idle():
                self._next(connection, due=time.perf_counter())
        else:
            await self._on_schedule(started, self.plan.rate)
        await asyncio.wait_for(self._done.wait(), self.plan.seconds + _LAST_ANSWER_WITHIN_S)
        return time.perf_counter() - started

    def answered(self, connection: _Connection, sent: _Sent, status: str, *, body: bytes) -> None:
        """Take note of an answer and give the connection its next alert, or the same one again."""
        now = time.perf_counter()
        self.latencies_ms.append((now - sent.at) * 1000)
        self.statuses[status] += 1
        if status == _AGAIN_STATUS and sent.tries < TRIES:
            asyncio.get_running_loop().call_later(AGAIN_AFTER_S, connection.send, sent.again(now + AGAIN_AFTER_S))
            return
        self._busy -= 1
        if status == "200":
            at = body.find(_ID) + len(_ID)
            due_at = time.time() - (now - sent.due)
            self.acknowledged.append(Acknowledged(body[at : at + 36].decode(), due_at, _NEW in body))
        self._again(connection)

    def lost(self, connection: _Connection, *, is_busy: bool) -> None:
        """Take note of a connection that ended, and of the request on it that gets no answer."""
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._busy -= is_busy
        self.unanswered += is_busy
        if self._connections:
            self._note_end()
        else:
            self.unanswered += len(self._due)
            self._done.set()

    def _again(self, connection: _Connection) -> None:
        if self.plan.rate is None:
            self._next(connection, due=time.perf_counter())
        elif self._due:
            self._next(connection, due=self._due.popleft())
        else:
            self._idle.append(connection)
            self._note_end()

    async def _on_schedule(self, started: float, rate: float) -> None:
        for number in range(int(self.plan.seconds * rate)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._idle:
                self._next(self._idle.pop(0), due=due)
            else:
                self._due.append(due)
        self._ends = 0.0
        self._note_end()

    def _next(self, connection: _Connection, *, due: float) -> None:
        on_time = self.plan.rate is not None or due < self._ends
        request = next(self._requests, None) if on_time else None
        if request is None:
            self._ends = 0.0
            self._note_end()
            return
        self._busy += 1
        self.posted += 1
        connection.send(_Sent(request=request, due=due, at=due))

    def _note_end(self) -> None:
        if not self._busy and not self._due and self._ends < time.perf_counter():
            self._done.set()

    def _take_idle(self) -> list[_Connection]:
        taken, self._idle = self._idle, []
        return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A request that was sent: its alert was `due` first; the latency of its answer counts from `at`."""

    request: bytes
    due: float
    at: float
    tries: int = 1

    def again(self, at: float) -> _Sent:
        """Return the same alert's next try."""
        return replace(self, at=at, tries=self.tries + 1)


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._sent: _Sent | None = None
        self._buffer = b""
        self._is_closed = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream connection has one
        self._transport = transport

    def send(self, sent: _Sent) -> None:
        """Send one request."""
        assert self._transport is not None  # noqa: S101 - it is connected before it is used
        self._sent = sent
        self._transport.write(sent.request)

    def close(self) -> None:
        """Close the connection, which is then not lost."""
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(_HEAD_END)
        if head < 0:
            return
        whole = head + len(_HEAD_END) + _length(self._buffer[:head])
        if len(self._buffer) < whole:
            return
        answer, self._buffer = self._buffer[:whole], self._buffer[whole:]
        sent, self._sent = self._sent, None
        if sent is not None:
            self._run.answered(self, sent, answer[9:12].decode(), body=answer[head:])

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._is_closed:
            self._run.lost(self, is_busy=self._sent is not None)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _requests(plan: Plan) -> Iterator[bytes]:
    lines = (
        f"POST {plan.path} HTTP/1.1",
        f"Host: {plan.host}:{plan.port}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: ",
    )
    head = "\r\n".join(lines).encode()
    for body in alerts.bodies(run=plan.run, at=plan.at):
        yield b"%b%d\r\n\r\n%b" % (head, len(body), body)


async def generate(plan: Plan) -> Load:
    """Run a plan; return what came back."""
    run = _Run(plan)
    before = _cpu_s()
    seconds = await run.go()
    return Load(
        seconds=seconds,
        cpu_s=_cpu_s() - before,
        posted=run.posted,
        statuses=dict(run.statuses),
        unanswered=run.unanswered,
        latencies_ms=run.latencies_ms,
        acknowledged=run.acknowledged,
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    _plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(asyncio.run(generate(_plan))))
