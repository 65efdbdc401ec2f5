"""A disk that is full, or a place that cannot be written to, ends neither the stack nor its supervisor.

A link to /dev/full stands for a file on a full disk: each write to it fails with ENOSPC.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from config import settings as configuration
from stack import datadir
from stack.child import Child
from stack.output import FileOutput, StreamOutput
from stack.runfile import RunFile, RunFileWriter, read_run_file
from stack.supervisor import Supervisor
from tests.support.waiting import until

RUN = RunFile(
    pid=os.getpid(),
    data_dir="",
    database_url="",
    redis_url="",
    broker_url="",
    web_url="",
    flower_url="",
    sockets=None,
    processes={},
)
SLEEPER = Child(
    name="sleeper",
    argv=(sys.executable, "-c", "import time; time.sleep(60)"),
    environment=dict(os.environ),
)


def fill_up(file: Path) -> None:
    """Let a file be on a full disk."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    file.symlink_to("/dev/full")


def test_the_supervisor_restarts_programs_while_run_json_cannot_be_written(tmp_path: Path) -> None:
    reported: list[str] = []
    writer = RunFileWriter(tmp_path, report=reported.append)
    fill_up(tmp_path / "run.json.unfinished")

    with Supervisor(StreamOutput(sys.stderr), on_change=writer.renew) as supervisor:
        supervisor.start(SLEEPER)
        writer.publish(RUN, supervisor.pids)
        first = supervisor.pids()["sleeper"]
        supervisor.kill("sleeper")
        second = until(lambda: supervisor.pids().get("sleeper", first) != first and supervisor.pids()["sleeper"])
        (tmp_path / "run.json.unfinished").unlink()
        supervisor.kill("sleeper")
        until(lambda: (run := read_run_file(tmp_path)) and run.processes, what="run.json with the next process")
        failure = supervisor.failure

    assert second != first
    assert failure is None
    assert len(reported) == 1
    assert "No space left on device" in reported[0]


def test_a_log_on_a_full_disk_drops_lines_and_can_be_closed(tmp_path: Path) -> None:
    fill_up(tmp_path / "up.log")
    output = FileOutput(tmp_path / "up.log")

    for _ in range(3):
        output.write("web", "a line")
    (tmp_path / "up.log").unlink()
    output.write("web", "the next line")
    output.close()

    assert (tmp_path / "up.log").read_text() == "web      | the next line\n"


def test_a_log_whose_folder_cannot_be_made_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")

    output = FileOutput(tmp_path / "log" / "up.log")
    output.write("web", "a line")
    output.close()

    assert (tmp_path / "log").is_file()


def test_an_instance_that_cannot_be_remembered_is_said_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "root").write_text("a file where the folder should be")
    settings = configuration.load({"DATA_DIR": str(tmp_path / "root")})

    datadir.remember_current(settings, tmp_path / "main")

    assert f"name {tmp_path / 'main'} with --data-dir" in capsys.readouterr().err
