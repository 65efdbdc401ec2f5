"""Mistakes at the command line: one readable line that names what to mend, exit code 2, nothing on stdout."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import cli
from replay import alert_files, bar_files
from stack.servers import ServerUrls
from tests.conftest import with_database
from tests.support.local_stack import a_directory, running_with
from tests.support.servers.processes import ORCHESTRATOR, SECRET_KEY, free_port

NOWHERE = "postgresql://somebody:hunter2@127.0.0.1:1/none"
SIGNAL_ID = "6f1c2b9e-8f4d-4a7b-9c3e-0d5a1e2f3b4c"
GOOD_BARS = "2017-01-05T10:00Z,1.05,1.07,1.04,1.06\n2017-01-05T11:00Z,1.05,1.07,1.04,1.06\n"
OF_DATA = [
    ["report"],
    ["verify", "--json"],
    ["signals", "list"],
    ["signals", "show", SIGNAL_ID],
    ["signals", "rerun", SIGNAL_ID, "--reason", "x"],
    ["policy", "show"],
    ["policy", "set", "--mode", "SHADOW_ONLY", "--reason", "x"],
    ["policy", "pause", "--reason", "x"],
    ["policy", "flatten", "--reason", "x"],
    ["policy", "resume", "--reason", "x"],
    ["incidents", "list"],
    ["signals", "quarantine"],
    ["signals", "redrive", SIGNAL_ID, "--reason", "x"],
    ["sources", "list"],
    ["sources", "add", "desk"],
    ["migrate"],
    ["run", "web"],
    ["run", "worker", "--queues", "pipeline"],
]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command did: its exit code, and what it printed where."""

    code: int
    out: str
    err: str


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a data root that any account may enter."""
    with a_directory() as made:
        yield made


def orchestrator(root: Path, *arguments: str | Path, environ: Mapping[str, str] | None = None) -> Said:
    """Run a command to its end, with nothing of ours in the environment but DATA_DIR and what is given."""
    ours = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "BROKER_URL", "SECRET_KEY")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [ORCHESTRATOR, *map(str, arguments)],
        env={**kept, "DATA_DIR": str(root), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


def invoked(root: Path, *arguments: str) -> Said:
    """Run a command that ends before it does anything, in this process."""
    result = CliRunner().invoke(cli, arguments, env={"DATA_DIR": str(root), "DATABASE_URL": None})
    return Said(code=result.exit_code, out=result.stdout, err=result.stderr)


def refused(said: Said, *named: str) -> None:
    """Assert that a command was refused in one readable line that names all of these."""
    assert (said.code, said.out) == (2, ""), said
    assert "Traceback" not in said.err
    last = said.err.splitlines()[-1]
    for one in named:
        assert one in last


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("EXECUTION_MODE", "YOLO", "SHADOW_ONLY, ENGINE_A_PRIMARY, ENGINE_B_PRIMARY, SPLIT_CAPITAL, VARIANT_PRIMARY"),
        ("SPLIT_PERCENTAGE", "50", "write 0.5 for fifty percent, not 50"),
        ("LEASE_S", "soon", "a whole number from 1 to 3600"),
        ("DATABASE_URL", "mysql://host/db", "a URL that starts with postgresql://"),
    ],
)
@pytest.mark.parametrize("command", [["up"], ["doctor"]])
def test_a_setting_that_is_not_allowed_stops_the_start(
    root: Path, command: list[str], name: str, value: str, allowed: str
) -> None:
    said = orchestrator(root, *command, environ={name: value})

    refused(said, f"orchestrator: {name}={value!r} is not allowed", allowed)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("command", OF_DATA, ids=" ".join)
def test_a_database_that_cannot_be_reached_is_named_by_its_variable(root: Path, command: list[str]) -> None:
    environ = {"DATABASE_URL": NOWHERE, "REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": SECRET_KEY}

    said = orchestrator(root, *command, environ=environ)

    refused(said, "DATABASE_URL: the database cannot be used", "Connection refused")
    assert len(said.err.splitlines()) == 1
    assert "hunter2" not in said.err


def test_up_on_a_database_that_cannot_be_reached_ends_and_leaves_nothing(root: Path) -> None:
    environ = {"DATABASE_URL": NOWHERE, "REDIS_URL": "redis://127.0.0.1:1"}
    ports = ["--port", str(free_port()), "--flower-port", str(free_port())]

    said = orchestrator(root, "up", *ports, environ=environ)

    refused(said, "DATABASE_URL: the database cannot be used", "Connection refused")
    assert running_with(str(root)) == []


def test_a_database_that_does_not_exist_is_named(root: Path, server_urls: ServerUrls) -> None:
    missing = with_database(server_urls.database_url, "there_is_none")

    said = orchestrator(root, "report", environ={"DATABASE_URL": missing})

    refused(said, "DATABASE_URL: the database cannot be used", 'database "there_is_none" does not exist')


@pytest.mark.parametrize(
    "command",
    [
        ["accounts", "list"],
        ["policy", "show", "--book", "live"],
        ["policy", "paper", "--reason", "x"],
        ["policy", "pause", "--reason", "x"],
        ["users", "list"],
        ["signals", "list"],
        ["report"],
    ],
    ids=" ".join,
)
def test_a_database_without_the_tables_is_told_in_one_line(
    root: Path, empty_database: Callable[[], str], command: list[str]
) -> None:
    said = orchestrator(root, *command, environ={"DATABASE_URL": empty_database(), "SECRET_KEY": SECRET_KEY})

    refused(said, "schema", "run `orchestrator migrate`")


def test_doctor_tells_of_a_database_that_cannot_be_reached_and_still_shows_the_settings(root: Path) -> None:
    said = orchestrator(root, "doctor", environ={"DATABASE_URL": NOWHERE})

    assert said.code == 1
    assert "BAD  database" in said.out
    assert "EXECUTION_MODE            ENGINE_A_PRIMARY" in said.out
    assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize("command", [["report"], ["verify"], ["signals", "list"], ["sources", "list"]], ids=" ".join)
def test_where_nothing_ever_ran_a_data_command_says_what_to_run_first(root: Path, command: list[str]) -> None:
    refused(orchestrator(root, *command), "nothing was run", "orchestrator up", "DATABASE_URL")


def test_a_taken_port_is_named_with_the_flag_that_chooses_another(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = orchestrator(root, "up", "--port", str(port), "--flower-port", str(free_port()))
        other = orchestrator(root, "demo", "--exit", "--port", str(port), "--flower-port", str(free_port()))

    for refusal in (said, other):
        refused(refusal, f"port {port} on 127.0.0.1 is taken", "--port")


@pytest.mark.parametrize("port", ["0", "65536", "eighty"])
def test_a_port_that_is_none_is_refused(root: Path, port: str) -> None:
    refused(invoked(root, "up", "--port", port), "Error: Invalid value for '--port'")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["signals", "shwo"], "No such command 'shwo'"),
        (["report", "--colour"], "No such option"),
        (["signals", "show"], "Missing argument"),
        (["signals", "show", "first"], "SIGNAL_ID='first': must be the id of a signal, the first characters of one"),
        (["signals", "rerun", "17", "--reason", "x"], "'17' is not a valid UUID"),
        (["policy", "set", "--mode", "YOLO", "--reason", "x"], "'YOLO' is not one of 'SHADOW_ONLY'"),
        (["policy", "set", "--mode", "SHADOW_ONLY"], "Missing option '--reason'"),
        (["policy", "set", "--reason", "x"], "nothing to change; give --mode, --split or --label"),
        (["replay", "--alerts", "a.csv"], "Missing option '--bars'"),
    ],
)
def test_a_command_that_does_not_exist_or_is_incomplete_is_refused(
    root: Path, arguments: list[str], named: str
) -> None:
    refused(invoked(root, *arguments), named)


def replay(root: Path, *, bars: str, alerts: str) -> Said:
    """Replay files with these contents; an empty text is no file."""
    files = {"bars.csv": bars, "alerts.csv": alerts}
    for name, content in files.items():
        if content:
            (root / name).write_text(content)
    return orchestrator(root, "replay", "--bars", f"EURUSD={root / 'bars.csv'}", "--alerts", root / "alerts.csv")


def alerts_at(*times: str) -> str:
    return "\n".join([alert_files.HEADER, *(f"1,EURUSD,cross,hello,{time}" for time in times), ""])


@pytest.mark.parametrize(
    ("bars", "alerts", "named"),
    [
        (f"when,bid,ask,a,b\n{GOOD_BARS}", alerts_at("2017-01-05T11:00:00Z"), "bars.csv"),
        (f"when,bid,ask,a,b\n{GOOD_BARS}", alerts_at("2017-01-05T11:00:00Z"), "timestamp,open,high,low,close"),
        ("date,o,h,l,c\n2017-01-05,1,2,1,2\n2017-01-06,1,2,1,2\n", alerts_at("2017-01-05"), "--calendar NAME"),
        (f"{bar_files.HEADER}\n{GOOD_BARS}", "id,when\n1,2\n", "Alert ID,Ticker,Name,Description,Time"),
        (f"{bar_files.HEADER}\n{GOOD_BARS}", alerts_at("2019-01-05T11:00:00Z"), "no alert"),
        (f"{bar_files.HEADER}\n{GOOD_BARS}", "", "there is no such file"),
        ("", alerts_at("2017-01-05T11:00:00Z"), "there is no such file"),
        ("datetime,o,h,l,c\n2017-01-05 10:00,1,2,1,2\n", alerts_at("2017-01-05T11:00:00Z"), "--timezone"),
    ],
)
def test_a_replay_of_files_that_are_not_right_names_the_file_and_starts_nothing(
    root: Path, bars: str, alerts: str, named: str
) -> None:
    said = replay(root, bars=bars, alerts=alerts)

    refused(said, named)
    assert {one.name for one in root.iterdir()} <= {"bars.csv", "alerts.csv"}


def test_a_bar_file_is_named_with_the_line_that_is_wrong(root: Path) -> None:
    said = replay(
        root,
        bars=f"{bar_files.HEADER}\n{GOOD_BARS}2017-01-05T12:00Z,1.05,1.00,1.04,1.06\n",
        alerts=alerts_at("2017-01-05T11:00:00Z"),
    )

    refused(said, "bars.csv", "line 4", "high")


def test_what_is_not_there_is_a_finding_and_no_wrong_use(root: Path, database_url: str) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": SECRET_KEY}

    signal, study, book = (
        orchestrator(root, *command, environ=environ)
        for command in (["signals", "show", SIGNAL_ID], ["report", "--study", "none"], ["policy", "show"])
    )

    assert {signal.code, study.code, book.code} == {1}
    assert SIGNAL_ID in signal.err
    assert "there is no study yet" in study.err
    assert "there is no book 'paper' with a policy" in book.err
    assert "Traceback" not in signal.err + study.err + book.err
