"""`orchestrator policy pause | flatten | end-flatten | resume | set`: on which books of which instances they act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from db import policies
from db.core.session import Database
from domain.books import STANDING_BOOKS
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.support.open_positions import OpenBook, an_open_book
from tests.support.running_instances import a_running_instance

OPEN = 2
OPEN_POSITIONS = "2 real positions are open, 0 entry orders were on their way"


@pytest.fixture(autouse=True)
def _no_instance_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "root"))


@pytest.fixture
def first(database_url: str, tmp_path: Path) -> Iterator[OpenBook]:
    """Give a running instance whose paper book has two open real trades; its data are in no data root."""
    book = an_open_book(database_url, count=OPEN)
    with a_running_instance(tmp_path / "elsewhere" / "first", database_url):
        yield book
    book.database.dispose()


@pytest.fixture
def second(server_urls: ServerUrls, template_database: str, tmp_path: Path) -> Iterator[OpenBook]:
    """Give another running instance without open trades, in the data root."""
    with a_copy(server_urls, template_database) as name:
        url = with_database(server_urls.database_url, name)
        book = an_open_book(url, count=0)
        with a_running_instance(tmp_path / "root" / "main", url):
            yield book
        book.database.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["policy", *arguments, "--reason", "a test"])


def printed(result: Result) -> list[str]:
    """Return the lines of the result; those of the log go to stderr outside of tests."""
    return [line for line in result.stdout.splitlines() if "audit.appended" not in line]


def switches(database: Database) -> dict[str, str]:
    with database.transaction() as session:
        versions = policies.load_current(session, STANDING_BOOKS)
    return {book: versions[book].switch.value for book in STANDING_BOOKS}


def test_pause_acts_on_all_standing_books_of_all_running_instances(
    first: OpenBook, second: OpenBook, tmp_path: Path
) -> None:
    done = run("pause")

    assert done.exit_code == 0, done.output
    paused = dict.fromkeys(STANDING_BOOKS, "paused")
    assert (switches(first.database), switches(second.database)) == (paused, paused)
    lines = printed(done)
    assert len(lines) == 6
    assert f"paper of {tmp_path}/elsewhere/first: paused (v1.2): no new real entries; {OPEN_POSITIONS}" in lines
    assert sum(f"of {tmp_path}/root/main: paused (v1.2)" in line for line in lines) == 3


def test_a_named_book_and_instance_are_the_only_ones_and_the_others_are_told(
    first: OpenBook, second: OpenBook, tmp_path: Path
) -> None:
    done = run("pause", "--book", "paper", "--data-dir", f"{tmp_path}/elsewhere/first")

    assert switches(first.database) == {"live": "on", "paper": "paused", "test": "on"}
    assert set(switches(second.database).values()) == {"on"}
    assert f"not touched: {tmp_path}/root/main, which also runs here" in done.stderr


def test_an_instance_that_does_not_answer_keeps_no_other_from_being_paused(first: OpenBook, tmp_path: Path) -> None:
    with a_running_instance(tmp_path / "root" / "away", "postgresql://127.0.0.1:1/none"):
        done = run("pause")

    assert done.exit_code == 1
    assert set(switches(first.database).values()) == {"paused"}
    assert f"NOT DONE: {tmp_path}/root/away: DATABASE_URL: the database cannot be used" in done.stderr


def test_a_pause_during_a_flatten_says_that_the_flatten_goes_on(first: OpenBook, tmp_path: Path) -> None:
    flattened = run("flatten", "--wait", "0")
    paused = run("pause", "--book", "paper")

    name = f"{tmp_path}/elsewhere/first"
    assert flattened.exit_code == 1
    assert f"paper of {name}: 2 real positions are still open; the workers go on closing them" in flattened.stderr
    assert printed(paused) == [
        f"paper of {name}: is being flattened already (v1.2): {OPEN_POSITIONS}",
    ]
    assert switches(first.database) == dict.fromkeys(STANDING_BOOKS, "flat")


def test_resume_is_refused_during_a_flatten_with_the_command_that_ends_it(first: OpenBook, tmp_path: Path) -> None:
    run("flatten", "--wait", "0")

    refused = run("resume", "--book", "paper")
    ended = run("end-flatten", "--book", "paper")

    name = f"{tmp_path}/elsewhere/first"
    assert refused.exit_code == 1
    assert "2 real positions and 0 entry orders are still open" in refused.stderr
    assert f"orchestrator policy end-flatten --book paper --data-dir {name} --reason ..." in refused.stderr
    assert printed(ended) == [f"paper of {name}: paused, no longer flattened; 2 real positions stay open"]
    assert switches(first.database)["paper"] == "paused"


@pytest.mark.parametrize("command", [("resume",), ("end-flatten",), ("set", "--mode", "SHADOW_ONLY")])
def test_what_loosens_needs_one_instance_and_one_book(
    first: OpenBook, second: OpenBook, tmp_path: Path, command: tuple[str, ...]
) -> None:
    no_instance = run(*command, "--book", "paper")
    no_book = run(*command, "--data-dir", f"{tmp_path}/root/main")

    assert (no_instance.exit_code, no_book.exit_code) == (2, 2)
    assert no_instance.stderr.splitlines() == [
        "Error: several instances run here; name the one that is meant:",
        f"  --data-dir {tmp_path}/elsewhere/first",
        f"  --data-dir {tmp_path}/root/main",
    ]
    assert no_book.stderr.splitlines() == [
        f"Error: name the book of {tmp_path}/root/main that is meant:",
        "  --book live   ENGINE_A_PRIMARY, switch on",
        "  --book paper  ENGINE_A_PRIMARY, switch on",
        "  --book test   ENGINE_A_PRIMARY, switch on",
    ]


def test_what_loosens_prints_instance_and_book(first: OpenBook, tmp_path: Path) -> None:
    run("pause")

    resumed = run("resume", "--book", "paper")
    changed = run("set", "--book", "paper", "--mode", "SHADOW_ONLY")

    name = f"{tmp_path}/elsewhere/first"
    assert printed(resumed) == [f"paper of {name}: real entries are sent again (v1.3: ENGINE_A_PRIMARY)"]
    assert printed(changed) == [f"paper of {name}: v1.4 is in force: SHADOW_ONLY, split 0.5, switch on"]
    assert switches(first.database) == {"live": "paused", "paper": "on", "test": "paused"}


def test_database_url_names_the_instance_without_its_password(
    first: OpenBook, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    done = run("pause", "--book", "paper")

    assert f"/{urlsplit(database_url).path.strip('/')}: paused" in done.stdout
    assert "which also runs here" in done.stderr


def test_an_instance_and_a_database_that_contradict_each_other_are_refused(
    first: OpenBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")

    done = run("pause", "--data-dir", f"{tmp_path}/elsewhere/first")

    assert done.exit_code == 2
    assert "runs on another database than DATABASE_URL names" in done.stderr
    assert set(switches(first.database).values()) == {"on"}


def test_show_names_the_instance_and_the_book_and_needs_one(first: OpenBook, second: OpenBook, tmp_path: Path) -> None:
    several = CliRunner().invoke(cli, ["policy", "show"])
    one = CliRunner().invoke(cli, ["policy", "show", "--data-dir", f"{tmp_path}/root/main"])

    assert several.exit_code == 2
    assert one.stdout.splitlines()[0] == f"paper of {tmp_path}/root/main"
