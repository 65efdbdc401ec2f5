"""The load generator against small servers that answer in different ways."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from bench import load_generator
from bench.load_generator import LoadPlan, LoadResult

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Takes requests, remembers their bodies, and answers each as it is told."""

    def __init__(self, answer: Answer) -> None:
        self.bodies: list[bytes] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"Content-Length: (\d+)", head)
                assert found is not None
                self.bodies.append(await reader.readexactly(int(found.group(1))))
                await self._answer(self.bodies[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def post(answer: Answer, **given: object) -> tuple[LoadResult, list[bytes]]:
    """Run a plan against a server that answers so; return what came back and the bodies the server got."""

    async def go() -> tuple[LoadResult, list[bytes]]:
        server = Server(answer)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        terms = {"connections": 2, "seconds": 20.0, "run": "test"} | given
        plan = LoadPlan(host="127.0.0.1", port=port, path="/webhook/token", at=AT, **terms)  # type: ignore[arg-type]
        done = await load_generator.run_load(plan)
        listening.close()
        return done, server.bodies

    return asyncio.run(go())


async def accept(body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(response(200, b'{"status":"accepted","signal_id":"%b"}' % str(uuid4()).encode()))


def response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Any\r\ncontent-type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


def test_every_alert_is_posted_once_and_its_answer_is_counted() -> None:
    done, bodies = post(accept, count=25)

    assert done.statuses == {"200": 25}
    assert len(done.latencies_ms) == len({one.signal_id for one in done.acknowledged}) == 25
    assert len(set(bodies)) == 25
    assert all(one.is_new for one in done.acknowledged)
    assert done.unanswered == 0


def test_an_answer_that_comes_in_pieces_is_one_answer() -> None:
    async def slowly(body: bytes, writer: asyncio.StreamWriter) -> None:
        whole = response(200, b'{"status":"duplicate","signal_id":"%b"}' % str(UUID(int=7)).encode())
        for start in range(0, len(whole), 11):
            writer.write(whole[start : start + 11])
            await writer.drain()
            await asyncio.sleep(0)

    done, _ = post(slowly, count=4)

    assert done.statuses == {"200": 4}
    assert {(one.signal_id, one.is_new) for one in done.acknowledged} == {(str(UUID(int=7)), False)}


@pytest.mark.parametrize(("status", "tries"), [(422, 1), (503, load_generator.MAX_TRIES)])
def test_a_refusal_is_counted_by_its_status_and_acknowledges_nothing(
    status: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_generator, "RETRY_AFTER_S", 0.0)

    async def refuse(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response(status, b'{"status":"unavailable"}'))

    done, bodies = post(refuse, count=6)

    assert done.statuses == {str(status): 6 * tries}
    assert done.posted == len(set(bodies)) == 6
    assert done.acknowledged == []


def test_an_alert_that_is_answered_with_503_is_sent_again_until_it_is_taken() -> None:
    seen: Counter[bytes] = Counter()

    async def at_the_second_try(body: bytes, writer: asyncio.StreamWriter) -> None:
        seen[body] += 1
        if seen[body] == 1:
            writer.write(response(503, b'{"status":"unavailable"}'))
        else:
            await accept(body, writer)

    done, _ = post(at_the_second_try, count=6)

    assert set(seen.values()) == {2}
    assert done.statuses == {"503": 6, "200": 6}
    assert done.posted == len(done.acknowledged) == 6


def test_a_connection_that_is_closed_instead_of_answered_leaves_its_alert_unanswered() -> None:
    async def hang_up(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    done, bodies = post(hang_up, count=10)

    assert done.unanswered == len(bodies) == 2
    assert done.statuses == {}


def test_a_paced_load_sends_as_many_alerts_as_its_rate_says() -> None:
    done, bodies = post(accept, rate=50.0, seconds=0.4)

    assert len(bodies) == len(done.latencies_ms) == 20
    gaps = sorted(one.sent_at for one in done.acknowledged)
    assert 0.3 < gaps[-1] - gaps[0] < 0.5


def test_a_paced_load_counts_the_time_an_alert_had_to_wait_for_a_connection() -> None:
    async def late(body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await accept(body, writer)

    done, _ = post(late, rate=100.0, seconds=0.1, connections=1)

    assert len(done.latencies_ms) == 10
    assert max(done.latencies_ms) > 300
