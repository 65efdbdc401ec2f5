"""Whom the watchdog replaces, and when it holds still."""

from __future__ import annotations

from stack import procfile, watchdog
from stack.watchdog import Watchdog
from tasks import queues

WORKERS = {"pipeline": "worker", "maintenance": "worker", "exits": "exits"}


def test_it_knows_which_process_serves_each_queue() -> None:
    assert watchdog.map_queues_to_workers(procfile.default_path()).keys() == set(queues.ALL)


def test_it_does_not_act_right_after_the_start() -> None:
    dog = Watchdog(WORKERS, patience_s=60, now=1000)

    assert dog.select_stuck_workers(["exits"], now=1059) == []
    assert dog.select_stuck_workers(["exits"], now=1060) == ["exits"]


def test_it_replaces_a_worker_once_however_many_of_its_queues_are_late() -> None:
    dog = Watchdog(WORKERS, patience_s=60, now=0)

    assert dog.select_stuck_workers(["maintenance", "pipeline"], now=100) == ["worker"]


def test_it_gives_what_it_replaced_time_to_answer_and_does_not_forget_the_others() -> None:
    dog = Watchdog(WORKERS, patience_s=60, now=0)
    dog.select_stuck_workers(["pipeline"], now=100)

    assert dog.select_stuck_workers(["pipeline", "exits"], now=219) == ["exits"]
    assert dog.select_stuck_workers(["pipeline", "exits"], now=220) == ["worker"]


def test_a_worker_that_is_replaced_in_vain_gets_twice_the_time_until_it_answers() -> None:
    dog = Watchdog(WORKERS, patience_s=60, now=0)
    first, second = dog.select_stuck_workers(["exits"], now=100), dog.select_stuck_workers(["exits"], now=220)

    assert (first, second) == (["exits"], ["exits"])
    assert dog.select_stuck_workers(["exits"], now=459) == []
    assert dog.select_stuck_workers([], now=459) == []
    assert dog.select_stuck_workers(["exits"], now=460) == ["exits"]
    assert dog.select_stuck_workers(["exits"], now=580) == ["exits"]


def test_however_short_its_patience_a_new_worker_has_a_minute_to_start() -> None:
    dog = Watchdog(WORKERS, patience_s=1, now=0)

    assert dog.select_stuck_workers(["exits"], now=1) == ["exits"]
    assert dog.select_stuck_workers(["exits"], now=60) == []
    assert dog.select_stuck_workers(["exits"], now=61) == ["exits"]


def test_a_queue_that_nobody_here_serves_is_left_alone() -> None:
    assert Watchdog(WORKERS, patience_s=1, now=0).select_stuck_workers(["elsewhere"], now=100) == []
