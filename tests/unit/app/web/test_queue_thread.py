from __future__ import annotations

import threading

import pytest
from structlog.contextvars import bind_contextvars, get_contextvars

from app.web.deadlines import ConcurrentCalls, DeadlineMissed, SerialCalls
from app.web.queue_thread import QueueFull, QueueThread


def test_what_waits_is_handled_together_in_order_up_to_a_batch() -> None:
    begun, go_on, seen = threading.Event(), threading.Event(), list[list[int]]()

    def handle(items: list[int]) -> None:
        seen.append(items)
        begun.set()
        assert go_on.wait(5)

    background = QueueThread("test", handle, capacity=10, batch=3)
    background.put(0)
    assert begun.wait(5)
    for item in range(1, 6):
        background.put(item)
    go_on.set()
    background.close()

    assert seen == [[0], [1, 2, 3], [4, 5]]


def test_no_more_waits_than_may_wait() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def handle(_: list[int]) -> None:
        begun.set()
        assert go_on.wait(5)

    background = QueueThread("test", handle, capacity=1)
    background.put(0)
    assert begun.wait(5)
    background.put(1)

    with pytest.raises(QueueFull):
        background.put(2)
    go_on.set()
    background.close()


def test_a_call_that_hangs_is_given_up_and_those_behind_it_are_dropped() -> None:
    go_on, called = threading.Event(), list[str]()
    calls: SerialCalls[bool] = SerialCalls("test")

    def note(what: str) -> bool:
        called.append(what)
        return True

    with pytest.raises(DeadlineMissed):
        calls.run(lambda: go_on.wait(5), within_s=0.02)
    with pytest.raises(DeadlineMissed):
        calls.run(lambda: note("dropped"), within_s=0.02)
    go_on.set()

    assert calls.run(lambda: note("later"), within_s=5)
    assert called == ["later"]
    calls.close()


def test_an_error_of_a_call_is_raised_to_its_caller() -> None:
    calls: SerialCalls[int] = SerialCalls("test")

    with pytest.raises(ZeroDivisionError):
        calls.run(lambda: 1 // 0, within_s=5)
    calls.close()


def test_concurrent_calls_do_not_wait_for_one_that_hangs() -> None:
    go_on = threading.Event()
    calls = ConcurrentCalls("test", at_once=2)

    with pytest.raises(DeadlineMissed):
        calls.run(lambda: go_on.wait(5), within_s=0.02)

    assert calls.run(lambda: "at once", within_s=5) == "at once"
    go_on.set()


def test_at_most_at_once_calls_run_and_the_others_are_given_up_in_time() -> None:
    go_on, called = threading.Event(), list[str]()
    calls = ConcurrentCalls("test", at_once=1)

    with pytest.raises(DeadlineMissed):
        calls.run(lambda: go_on.wait(5), within_s=0.02)
    with pytest.raises(DeadlineMissed, match="no free slot"):
        calls.run(lambda: called.append("dropped"), within_s=0.02)
    go_on.set()

    assert calls.run(lambda: "later", within_s=5) == "later"
    assert called == []


def test_an_error_of_a_concurrent_call_is_raised_to_its_caller_and_frees_its_slot() -> None:
    calls = ConcurrentCalls("test", at_once=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            calls.run(lambda: 1 // 0, within_s=5)


def test_a_concurrent_call_has_the_log_context_of_its_caller() -> None:
    calls = ConcurrentCalls("test", at_once=1)
    bind_contextvars(request_id="the one")

    assert calls.run(get_contextvars, within_s=5) == {"request_id": "the one"}
