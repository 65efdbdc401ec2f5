"""When the publisher sends, and what travels together."""

from __future__ import annotations

import threading
from uuid import UUID

from app.webhook.publisher import Publisher

PATIENCE_S = 5.0


class Pipeline:
    """Remembers what was sent; `pausing` says when the publisher pauses, which lasts until `resume`."""

    def __init__(self, *, failures: int = 0) -> None:
        self.sent: list[list[UUID]] = []
        self.pauses_s: list[float] = []
        self.pausing = threading.Semaphore(0)
        self._resumed = threading.Semaphore(0)
        self._failures = failures

    def enqueue(self, signal_ids: list[UUID]) -> None:
        self.sent.append(signal_ids)
        if len(self.sent) <= self._failures:
            raise ConnectionError

    def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.pausing.release()
        assert self._resumed.acquire(timeout=PATIENCE_S)

    def await_pause(self) -> None:
        assert self.pausing.acquire(timeout=PATIENCE_S)

    def resume(self, times: int = 1) -> None:
        self._resumed.release(times)


def ids(*numbers: int) -> list[UUID]:
    return [UUID(int=one) for one in numbers]


def test_a_commit_that_comes_alone_is_sent_at_once() -> None:
    pipeline = Pipeline()
    publisher = Publisher(pipeline.enqueue, sleep=pipeline.sleep)

    publisher.publish(ids(1))
    pipeline.await_pause()

    assert pipeline.sent == [ids(1)]
    pipeline.resume()
    publisher.close()


def test_commits_that_come_while_the_pipeline_is_busy_are_sent_together_in_order() -> None:
    pipeline = Pipeline()
    publisher = Publisher(pipeline.enqueue, sleep=pipeline.sleep)
    publisher.publish(ids(1))
    pipeline.await_pause()

    publisher.publish(ids(2, 3))
    publisher.publish(ids(4))
    pipeline.resume(2)
    publisher.close()

    assert pipeline.sent == [ids(1), ids(2, 3, 4)]


def test_the_pause_grows_with_what_was_sent_up_to_a_limit() -> None:
    pipeline = Pipeline()
    publisher = Publisher(pipeline.enqueue, sleep=pipeline.sleep)
    pipeline.resume(3)

    for commit in (ids(1), ids(*range(10)), ids(*range(1000))):
        publisher.publish(commit)
        pipeline.await_pause()
    publisher.close()

    assert pipeline.pauses_s == sorted(set(pipeline.pauses_s))
    assert pipeline.pauses_s[0] < 0.005
    assert pipeline.pauses_s[-1] < 0.2


def test_a_failure_to_send_does_not_keep_later_commits_from_being_sent() -> None:
    pipeline = Pipeline(failures=1)
    publisher = Publisher(pipeline.enqueue, sleep=pipeline.sleep)
    pipeline.resume(2)

    publisher.publish(ids(1))
    pipeline.await_pause()
    publisher.publish(ids(2))
    pipeline.await_pause()
    publisher.close()

    assert pipeline.sent == [ids(1), ids(2)]
