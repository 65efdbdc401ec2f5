from __future__ import annotations

import threading

import pytest
from structlog.contextvars import bind_contextvars, get_contextvars

from app.web.deadlines import Aside, Besides, DeadlineMissed
from app.web.queue_thread import Background, QueueFull


def test_what_waits_is_handled_together_in_order_up_to_a_batch() -> None:
    begun, go_on, seen = threading.Event(), threading.Event(), list[list[int]]()

    def handle(items: list[int]) -> None:
        seen.append(items)
        begun.set()
        assert go_on.wait(5)

    background = Background("test", handle, waiting=10, batch=3)
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

    background = Background("test", handle, waiting=1)
    background.put(0)
    assert begun.wait(5)
    background.put(1)

    with pytest.raises(QueueFull):
        background.put(2)
    go_on.set()
    background.close()


def test_a_call_that_hangs_is_given_up_and_those_behind_it_are_dropped() -> None:
    go_on, called = threading.Event(), list[str]()
    aside: Aside[bool] = Aside("test")

    def note(what: str) -> bool:
        called.append(what)
        return True

    with pytest.raises(DeadlineMissed):
        aside.run(lambda: go_on.wait(5), within_s=0.02)
    with pytest.raises(DeadlineMissed):
        aside.run(lambda: note("dropped"), within_s=0.02)
    go_on.set()

    assert aside.run(lambda: note("later"), within_s=5)
    assert called == ["later"]
    aside.close()


def test_an_error_of_a_call_is_raised_where_it_is_waited_for() -> None:
    aside: Aside[int] = Aside("test")

    with pytest.raises(ZeroDivisionError):
        aside.run(lambda: 1 // 0, within_s=5)
    aside.close()


def test_calls_beside_each_other_do_not_wait_for_one_that_hangs() -> None:
    go_on = threading.Event()
    besides = Besides("test", at_once=2)

    with pytest.raises(DeadlineMissed):
        besides.run(lambda: go_on.wait(5), within_s=0.02)

    assert besides.run(lambda: "at once", within_s=5) == "at once"
    go_on.set()


def test_no_more_calls_than_there_are_places_run_and_the_rest_is_given_up_in_time() -> None:
    go_on, called = threading.Event(), list[str]()
    besides = Besides("test", at_once=1)

    with pytest.raises(DeadlineMissed):
        besides.run(lambda: go_on.wait(5), within_s=0.02)
    with pytest.raises(DeadlineMissed, match="no place"):
        besides.run(lambda: called.append("dropped"), within_s=0.02)
    go_on.set()

    assert besides.run(lambda: "later", within_s=5) == "later"
    assert called == []


def test_an_error_of_a_call_beside_is_raised_where_it_is_waited_for_and_gives_its_place_back() -> None:
    besides = Besides("test", at_once=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            besides.run(lambda: 1 // 0, within_s=5)


def test_a_call_beside_logs_under_the_names_of_who_called() -> None:
    besides = Besides("test", at_once=1)
    bind_contextvars(request_id="the one")

    assert besides.run(get_contextvars, within_s=5) == {"request_id": "the one"}
