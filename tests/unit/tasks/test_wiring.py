"""What is named in one place exists in the others: queues, tasks, processes, commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest
from celery import Celery
from click.testing import CliRunner

from app.cli import cli
from config import settings
from stack import procfile
from tasks import queues, schedule
from tasks.base_task import bodies
from tasks.celery_app import MODULES, make_celery

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


def test_a_periodic_message_that_nobody_took_expires_before_it_piles_up() -> None:
    for entry in schedule.build_schedule(SETTINGS).values():
        assert entry["options"]["expires"] >= entry["schedule"]


def test_every_task_is_routed_to_a_queue_that_exists(app: Celery) -> None:
    for name in our_tasks(app):
        routes = [route["queue"] for pattern, route in queues.ROUTES.items() if fnmatch(name, pattern)]

        assert len(routes) == 1, name
        assert routes[0] in queues.ALL
        queue = app.amqp.router.route({}, name)["queue"]
        assert (queue.name, queue.exchange.name, queue.routing_key) == (routes[0], routes[0], routes[0])


def test_every_route_leads_some_task(app: Celery) -> None:
    for pattern in queues.ROUTES:
        assert any(fnmatch(name, pattern) for name in our_tasks(app)), pattern


def test_every_stage_has_a_task(app: Celery) -> None:
    assert {f"stages.{body.__name__}" for body in bodies.values()} == {
        name for name in our_tasks(app) if name.startswith("stages.")
    }
    assert len(bodies) == 5


def test_every_task_says_what_it_promises(app: Celery) -> None:
    assert [name for name in our_tasks(app) if not (app.tasks[name].run.__doc__ or "").strip()] == []


def test_every_module_that_defines_tasks_is_loaded_by_the_worker(app: Celery) -> None:
    assert {app.tasks[name].__module__ for name in our_tasks(app)} <= {*MODULES, "tasks.base_task"}


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command and group below a group."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield (*path, name)
            if isinstance(command, click.Group):
                yield from commands(command, *path, name)


def test_the_help_lists_every_command_with_what_it_does() -> None:
    result = CliRunner().invoke(cli, ["--help"])

    listed = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.startswith("  ")}
    assert result.exit_code == 0
    names = cli.list_commands(click.Context(cli))
    assert set(names) <= set(listed)
    assert all(listed[name] for name in names)


def test_every_command_and_subcommand_has_a_help_of_its_own() -> None:
    for path in commands(cli):
        result = CliRunner().invoke(cli, [*path, "--help"])

        assert result.exit_code == 0, path
        assert f"Usage: cli {' '.join(path)}" in result.stdout
        assert len(result.stdout.splitlines()) > 4, path


def test_every_option_is_explained() -> None:
    for path in commands(cli):
        command: click.Command = cli
        for name in path:
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
        unexplained = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]

        assert unexplained == [], path


def test_the_installed_program_runs() -> None:
    done = subprocess.run([ORCHESTRATOR, "--version"], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("orchestrator, version ")


def test_every_process_of_the_procfile_is_a_command() -> None:
    for name, (program, *words) in procfile.read_procfile(procfile.default_path()).items():
        assert program == "orchestrator"
        assert ("run", words[1]) in set(commands(cli)), name


@pytest.mark.parametrize("module", ["tasks.celery_entry", "app.wsgi"])
def test_what_sends_to_people_is_loaded_only_where_something_is_sent(module: str) -> None:
    environ = {"DATABASE_URL": "postgresql://host/db", "REDIS_URL": "redis://host", "NOTIFY_URLS": "json://host"}
    asked = f"import sys, tasks.pipeline, {module}; print(sorted({{'apprise', 'requests'}} & set(sys.modules)))"

    told = subprocess.run(
        [sys.executable, "-c", asked], env=environ, capture_output=True, text=True, timeout=60, check=True
    )

    assert told.stdout == "[]\n"


def test_only_the_stage_that_asks_engines_may_run_longer_for_their_deadlines() -> None:
    code = (
        "from config import settings; from tasks.celery_app import make_celery; app = make_celery(settings.load());"
        " app.loader.import_default_modules(); app.finalize();"
        " print(*(app.tasks[name].soft_time_limit for name in ('stages.dispatch_engines', 'stages.record_outcome')))"
    )
    environ = {
        **os.environ,
        "DATABASE_URL": "postgresql://nowhere/db",
        "REDIS_URL": "redis://nowhere",
        "ENGINE_A": "https://engine.example/decide",
        "ENGINE_A_DEADLINE_S": "60",
    }

    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)

    assert [float(limit) for limit in done.stdout.split()] == [settings.load(environ).dispatch_limits.soft_s, 40.0]
