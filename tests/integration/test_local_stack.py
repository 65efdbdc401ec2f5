"""A whole stack of stand-in processes: what it starts, tells, refuses and leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from config import settings
from config.settings import Settings
from stack import datadir, instances, runfile
from stack.errors import StackRefused
from stack.interrupts import StopRequested
from stack.processes import is_alive
from stack.runfile import RunFile
from stack.servers import open_database
from stack.stack import RunningStack, StackPlan, open_stack, print_urls, run_stack
from tests.support.local_stack import a_directory, eventually, free_port, running_with

WEB = """
import http.server, os, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
    def log_message(self, *arguments):
        pass
pathlib.Path(os.environ["DATA_DIR"], "seen-by-web").write_text(
    "\\n".join(os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "SECRET_KEY")))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a data root."""
    with a_directory() as directory:
        yield directory


def a_plan(root: Path, *, worker: str = "exec sleep 300", environ: dict[str, str] | None = None) -> StackPlan:
    (root / "web.py").write_text(WEB)
    (root / "Procfile").write_text(f"web: {sys.executable} {root}/web.py\nworker: sh -c '{worker}'\n")
    return StackPlan(
        settings=settings.load({"DATA_DIR": str(root), **(environ or {})}),
        data_dir=root / "main",
        port=free_port(),
        flower_port=free_port(),
        migrate=lambda _: None,
        procfile=root / "Procfile",
        log=root / "stack.log",
    )


def rows(url: str | None, query: str) -> list[tuple[object, ...]]:
    assert url is not None
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def run(url: str | None, statement: str) -> None:
    assert url is not None
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def test_a_stack_migrates_then_runs_the_procfile_on_its_own_servers(root: Path) -> None:
    migrated: list[Settings] = []
    plan = replace(a_plan(root), migrate=migrated.append)

    with open_stack(plan) as stack:
        with urllib.request.urlopen(stack.web_url + "/readyz") as answer:
            status = answer.status
        assert rows(stack.settings.database_url, "SELECT 1") == [(1,)]
        seen = (plan.data_dir / "seen-by-web").read_text().splitlines()
        names = set(stack.supervisor.pids())

    assert status == 200
    assert [one.database_url for one in migrated] == [stack.settings.database_url]
    assert seen == [
        stack.settings.database_url,
        stack.settings.redis_url,
        stack.settings.broker_url,
        stack.settings.secret_key,
    ]
    assert names == {"postgres", "redis", "web", "worker"}
    assert not running_with(str(root))


def test_a_running_stack_is_described_privately_and_joined_by_data_commands(root: Path) -> None:
    plan = a_plan(root)

    with open_stack(plan) as stack:
        file = plan.data_dir / "run.json"
        described = json.loads(file.read_text())
        mode = file.stat().st_mode & 0o777
        with open_database(plan.settings) as joined:
            assert joined.database_url == stack.settings.database_url
            assert joined.broker_url == stack.settings.broker_url
            assert joined.secret_key == stack.settings.secret_key
        assert rows(stack.settings.database_url, "SELECT 1") == [(1,)], "the command stopped what it had joined"

    assert mode == 0o600
    assert described["pid"] == os.getpid()
    assert described["web_url"] == f"http://127.0.0.1:{plan.port}"
    assert set(described["processes"]) == {"postgres", "redis", "web", "worker"}
    assert not file.exists()
    assert datadir.read_current(plan.settings) == plan.data_dir


def test_a_running_stack_is_found_whatever_data_root_a_command_has(root: Path) -> None:
    plan = a_plan(root)
    elsewhere = settings.load({"DATA_DIR": str(root / "elsewhere")})

    with open_stack(plan):
        running = instances.find_running(elsewhere)

    assert [instance.data_dir for instance in running] == [plan.data_dir]
    assert running[0].run is not None
    assert instances.find_running(elsewhere) == []


def test_the_description_follows_a_process_that_was_started_again(root: Path) -> None:
    plan = a_plan(root)

    with open_stack(plan) as stack:
        first = stack.supervisor.pids()["worker"]
        os.kill(first, signal.SIGKILL)

        def described() -> int:
            run = runfile.read_run_file(plan.data_dir)
            return run.processes.get("worker", first) if run is not None else first

        eventually(
            lambda: described() != first and is_alive(described()), what="the id of the living process in run.json"
        )


def test_a_second_stack_on_the_same_directory_is_refused_and_the_first_one_goes_on(root: Path) -> None:
    plan = a_plan(root)

    with open_stack(plan) as stack:
        with pytest.raises(StackRefused) as caught, open_stack(plan):
            pass
        assert rows(stack.settings.database_url, "SELECT 1") == [(1,)]
        assert runfile.read_run_file(plan.data_dir) is not None

    assert f"in use by the stack of process {os.getpid()}" in str(caught.value)


def test_a_taken_port_is_refused_by_number_and_flag_before_anything_starts(root: Path) -> None:
    plan = a_plan(root)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", plan.port))
        taken.listen()

        with pytest.raises(StackRefused) as caught, open_stack(plan):
            pass

    assert f"port {plan.port} on 127.0.0.1 is taken" in str(caught.value)
    assert "choose another with --port" in str(caught.value)
    assert not (plan.data_dir / "postgres").exists()


def test_the_stack_runs_without_flower_when_its_port_is_taken_and_says_so(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = a_plan(root)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", plan.flower_port))
        taken.listen()

        with open_stack(plan) as stack:
            names = set(stack.supervisor.pids())
            print_urls(stack)

    shown = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("Flower   "))
    assert names == {"postgres", "redis", "web", "worker"}
    assert f"not running: port {plan.flower_port} on 127.0.0.1 is taken" in shown
    assert "choose another with --flower-port" in shown


def test_servers_that_are_given_by_url_are_not_started(root: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://elsewhere/db", "REDIS_URL": "redis://elsewhere"}
    migrated: list[Settings] = []
    plan = replace(a_plan(root, environ=environ), migrate=migrated.append)

    with open_stack(plan) as stack:
        eventually(lambda: set(stack.supervisor.pids()) == {"web", "worker"}, what="web and worker, and no server")

    assert [one.database_url for one in migrated] == ["postgresql://elsewhere/db"]


def test_an_error_that_a_stop_causes_on_its_way_out_counts_as_the_stop(root: Path) -> None:
    def work(_: RunningStack) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except StopRequested:
            raise RuntimeError("half-way through something") from None
        return 0

    assert run_stack(a_plan(root), on_ready=work, stay=False) == 128 + signal.SIGINT


def test_the_work_done_inside_gives_the_exit_code_and_ends_the_stack(root: Path) -> None:
    plan = a_plan(root)
    found: list[object] = []

    def work(stack: RunningStack) -> int:
        found.extend(rows(stack.settings.database_url, "SELECT 1"))
        return 7

    code = run_stack(plan, on_ready=work, stay=False)

    assert (code, found) == (7, [(1,)])
    assert not running_with(str(root))


def test_a_worker_that_keeps_dying_interrupts_the_work_and_ends_with_one(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = a_plan(root, worker="echo the schema is too old; exit 2")
    interrupted = threading.Event()

    def work(_stack: RunningStack) -> None:
        try:
            time.sleep(60)
        except StopRequested:
            interrupted.set()
            raise

    code = run_stack(plan, on_ready=work)

    assert code == 1
    assert interrupted.is_set()
    assert "worker died 5 times within 60 s (last: exit code 2)" in capsys.readouterr().err
    assert not running_with(str(root))


def test_a_fresh_stack_begins_with_an_empty_database_and_a_new_key(root: Path) -> None:
    plan = a_plan(root)
    with open_stack(plan) as stack:
        run(stack.settings.database_url, "CREATE TABLE old ()")
        key = stack.settings.secret_key

    with open_stack(replace(plan, fresh=True)) as stack:
        tables = rows(stack.settings.database_url, "SELECT tablename FROM pg_tables WHERE tablename = 'old'")

    assert tables == []
    assert stack.settings.secret_key != key


STACK = """
import os, sys
from dataclasses import replace
from pathlib import Path
from stack.stack import StackPlan, run_stack
from config import settings
root = Path(sys.argv[1])
plan = StackPlan(
    settings=settings.load({"DATA_DIR": str(root)}), data_dir=root / "main", port=int(sys.argv[2]),
    flower_port=int(sys.argv[3]), migrate=lambda settings: None, procfile=root / "Procfile", log=root / "stack.log")
sys.exit(run_stack(plan))
"""


@contextmanager
def a_stack_in_a_process(plan: StackPlan) -> Iterator[tuple[subprocess.Popen[str], RunFile]]:
    """Yield the process and its run file once it is up; it is killed at the end when it still runs."""
    root = plan.data_dir.parent
    with subprocess.Popen(
        (sys.executable, "-c", textwrap.dedent(STACK), str(root), str(plan.port), str(plan.flower_port)),
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as process:
        try:
            eventually(lambda: runfile.read_run_file(plan.data_dir) is not None, what="run.json", within_s=60)
            described = runfile.read_run_file(plan.data_dir)
            assert described is not None
            yield process, described
        finally:
            process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_with_code_zero(root: Path, signum: signal.Signals) -> None:
    with a_stack_in_a_process(a_plan(root)) as (process, described):
        process.send_signal(signum)
        code = process.wait(30)

    assert described.processes
    assert code == 0
    assert not running_with(str(root))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_a_killed_stack_leaves_no_process_and_the_next_one_finds_its_rows(root: Path) -> None:
    plan = a_plan(root)
    with a_stack_in_a_process(plan) as (process, described):
        run(described.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()

    with open_stack(plan) as stack:
        kept = rows(stack.settings.database_url, "SELECT answer FROM kept")

    assert kept == [(42,)]
    eventually(lambda: not running_with(str(root)), what="the end of every process")
