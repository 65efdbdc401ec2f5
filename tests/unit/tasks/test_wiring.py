"""What is named in one place exists in the others: queues, tasks, processes, commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from config import settings
from stack import procfile
from tasks import queues, schedule
from tasks.celery_app import make_celery

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
SETTINGS = settings.load({"DATABASE_URL": "postgresql://nowhere/db", "REDIS_URL": "redis://nowhere"})


@pytest.fixture(scope="module")
def app() -> Celery:
    """Give the Celery app with all task modules loaded."""
    app = make_celery(SETTINGS)
    app.loader.import_default_modules()
    return app


def our_tasks(app: Celery) -> set[str]:
    return {name for name in app.tasks if not name.startswith("celery.")}


def worked_queues() -> Iterator[str]:
    """Yield the queues that the Procfile's workers take tasks from."""
    for command in procfile.read_procfile(procfile.default_path()).values():
        if "--queues" in command:
            yield from command[command.index("--queues") + 1].split(",")


def test_every_queue_has_a_worker_in_the_procfile_and_no_worker_waits_at_another() -> None:
    assert sorted(worked_queues()) == sorted(queues.ALL)


def test_the_queues_of_the_app_are_the_named_ones(app: Celery) -> None:
    assert [one.name for one in app.conf.task_queues] == list(queues.ALL)
    assert app.conf.task_default_queue in queues.ALL


def test_every_beat_entry_sends_a_task_that_exists_to_a_queue_that_exists(app: Celery) -> None:
    entries = schedule.build_schedule(SETTINGS)

    assert entries
    assert {one["task"] for one in entries.values()} <= our_tasks(app)
    assert {one["options"]["queue"] for one in entries.values()} <= set(queues.ALL)
    assert app.conf.beat_schedule == entries


def test_the_sweep_comes_as_often_as_the_setting_says() -> None:
    fast = settings.load({"SIGNAL_POLL_INTERVAL_MS": "250"})

    assert schedule.build_schedule(fast)["resume_stalled"]["schedule"] == 0.25


def test_every_periodic_message_names_its_entry_and_none_expires_by_a_clock() -> None:
    entries = schedule.build_schedule(SETTINGS)

    assert {name: entry["options"]["headers"] for name, entry in entries.items()} == {
        name: {"beat_entry": name} for name in entries
    }
    assert not any("expires" in entry["options"] for entry in entries.values())
    assert schedule.list_intervals(SETTINGS)["check_positions"] == 300.0
