"""`orchestrator run` and `orchestrator up`: what they hand on, and what they refuse."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import cli, run
from stack import datadir

URLS = {"DATABASE_URL": "postgresql://host/db", "REDIS_URL": "redis://host", "SECRET_KEY": "0123456789abcdef"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the Celery command line instead of running it."""
    words: list[str] = []
    monkeypatch.setattr(run, "_run_celery", lambda *argv: words.extend(argv))
    monkeypatch.setattr(run, "_require_schema", lambda settings: None)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return words


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


@pytest.mark.parametrize(
    ("missing", "process"),
    [
        ("DATABASE_URL", ["web"]),
        ("DATABASE_URL", ["worker", "--queues", "exits"]),
        ("REDIS_URL", ["web"]),
        ("REDIS_URL", ["worker", "--queues", "exits"]),
        ("REDIS_URL", ["beat"]),
        ("REDIS_URL", ["flower"]),
    ],
)
def test_a_process_without_its_servers_names_the_missing_variable(missing: str, process: list[str]) -> None:
    result = CliRunner().invoke(cli, ["run", *process], env={**URLS, missing: None})

    assert result.exit_code == 2
    assert f"{missing} is not set" in result.stderr
    assert "orchestrator up" in result.stderr


def test_a_worker_takes_one_task_at_a_time_from_its_queues_and_tells_flower(started: list[str]) -> None:
    CliRunner().invoke(
        cli, ["run", "worker", "--queues", "exits,orders", "--concurrency", "1"], env=URLS, catch_exceptions=False
    )

    assert started[:2] == ["--quiet", "worker"]
    assert option(started, "--queues") == "exits,orders"
    assert option(started, "--concurrency") == "1"
    assert option(started, "--prefetch-multiplier") == "1"
    assert option(started, "--pool") == "prefork"
    assert option(started, "--hostname") == "exits-orders@%h"
    assert "--task-events" in started


@pytest.mark.parametrize("queues", ["exit", "exits,pipline", "exits, orders", ""])
def test_a_worker_for_a_queue_that_there_is_not_is_refused(started: list[str], queues: str) -> None:
    result = CliRunner().invoke(cli, ["run", "worker", "--queues", queues], env=URLS)

    assert result.exit_code == 2
    assert "is none of pipeline, orders, exits, maintenance" in result.stderr
    assert started == []


@pytest.mark.parametrize("process", [["web"], ["worker", "--queues", "exits"]])
def test_a_process_whose_database_cannot_be_reached_says_so_in_one_line(process: list[str]) -> None:
    nobody = "postgresql://nobody@127.0.0.1:1/none"

    result = CliRunner().invoke(cli, ["run", *process], env={**URLS, "DATABASE_URL": nobody})

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: DATABASE_URL: the database cannot be used: connection failed")
    assert "Traceback" not in result.stderr


def test_beat_keeps_its_schedule_in_memory(started: list[str], tmp_path: Path) -> None:
    CliRunner().invoke(cli, ["run", "beat"], env={**URLS, "DATA_DIR": str(tmp_path)}, catch_exceptions=False)

    assert option(started, "--scheduler") == "tasks.beat_scheduler:IntervalScheduler"
    assert list(tmp_path.glob("beat*")) == []


def test_flowers_password_is_generated_and_not_shown_in_the_process_list(started: list[str], tmp_path: Path) -> None:
    environ = {**URLS, "DATA_DIR": str(tmp_path), "FLOWER_BASIC_AUTH": None}

    CliRunner().invoke(cli, ["run", "flower", "--port", "5599"], env=environ, catch_exceptions=False)

    password, fresh = datadir.ensure_flower_password(tmp_path)
    assert not fresh
    assert not any(password in word for word in started)
    assert "--address=127.0.0.1" in started
    assert "--port=5599" in started
    assert "--persistent=False" in started


def test_flower_is_given_the_password_through_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(run, "_run_celery", lambda *_argv: seen.append(os.environ.get("FLOWER_BASIC_AUTH")))

    for given in (None, "someone:something"):
        environ = {**URLS, "DATA_DIR": str(tmp_path), "FLOWER_BASIC_AUTH": given}
        CliRunner().invoke(cli, ["run", "flower"], env=environ, catch_exceptions=False)

    assert seen == [f"admin:{datadir.ensure_flower_password(tmp_path)[0]}", "someone:something"]


def test_up_with_a_taken_port_ends_with_two_and_names_port_and_flag(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environ = {**URLS, "DATA_DIR": str(tmp_path)}

        result = CliRunner().invoke(cli, ["up", "--port", str(port), "--data-dir", str(tmp_path / "main")], env=environ)

    assert result.exit_code == 2
    assert f"port {port} on 127.0.0.1 is taken" in result.stderr
    assert "--port" in result.stderr
